"""The ramp law for plans that turn the axes: each inner pixel of the outcome comes from where the map says, also
through files; and where the picture ends, its pixels are mixed with the margin by their share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Place, Plan, Resample, Warp
from bboxprep.geometry.shapes import clip_to_convex, convex_sides, ring_area, ring_around, within_convex
from bboxprep.images.codecs.codec import decode
from bboxprep.images.header import read_header
from bboxprep.images.raster import warp
from bboxprep.images.raster.execute import MIN_REDUCED_SCALE, execute, reduction_for
from bboxprep.model.rendering import Kernel, Pad
from tests import strategies
from tests.images import specimens
from tests.images.raster.test_execute import KERNELS, RADIUS, SMOOTH, STEP, ramp

GRAY_STEP = 4
FEWEST_FOR_A_MEAN = 8  # pixels
SIZE = Size(25, 24)
ANGLES = (3.0, 17.0, 45.0, 88.0, 133.0, 250.0)


def turned(size: Size, degrees: float, canvas: Size | None = None) -> Warp:
    """A turn about the middle."""
    canvas = canvas or size
    middle = Affine.translation((canvas.width - size.width) / 2, (canvas.height - size.height) / 2)
    return Warp(middle @ Affine.rotation(degrees).about(size.width / 2, size.height / 2), canvas)


def inner(plan: Plan, kernel: Kernel) -> NDArray[np.bool_]:
    """Which pixels (H, W) depend on no edge of the picture or of a crop, nor on a margin."""
    centres = warp._centres(plan.size)
    source = (~plan.affine)(centres)
    reach = 1.0 + RADIUS[kernel] * coarser(plan)
    far = ((source >= reach) & (source <= np.array(plan.source) - reach)).all(axis=-1)
    return np.asarray(far & within_convex(centres, plan.outline, -2.0))


def coarser(plan: Plan) -> float:
    """How many source pixels one of the outcome is wide, at most; at least 1."""
    (a, b, _, d, e, _) = plan.affine.coefficients
    return max(1.0, 1.0 / float(np.linalg.svd([[a, b], [d, e]], compute_uv=False)[1]))


def tolerance(plan: Plan, kernel: Kernel) -> float:
    """Source px: half a pixel for nearest, else 0.1 px of the coarser raster, and what rounding to levels hides."""
    return 0.5 + 1e-6 if kernel == "nearest" else 0.1 * coarser(plan) + 0.6 / STEP


def errors(plan: Plan, kernel: Kernel) -> NDArray[np.float64]:
    """How far (N, 2) the inner pixels come, by what they say, from where the inverse map says; signed, source px."""
    out = execute(plan, ramp(plan.source), kernel=kernel, pad=0)
    assert out.shape == (plan.size.height, plan.size.width, 3)
    found: NDArray[np.float64] = (out[..., :2] / STEP - (~plan.affine)(warp._centres(plan.size)))[inner(plan, kernel)]
    return found


SIZES = st.builds(Size, st.integers(18, 25), st.integers(18, 25))
CANVASES = st.builds(Size, st.integers(20, 60), st.integers(20, 60))
STEPS = st.one_of(
    st.builds(Orient, strategies.dihedrals()),
    st.builds(Resample, CANVASES),
    st.builds(Place, CANVASES, st.integers(-4, 8), st.integers(-4, 8)),
)
WARPS = st.builds(
    lambda degrees, x, y, factor, canvas: (
        lambda size: Warp(
            Affine.translation((canvas.width - size.width) / 2, (canvas.height - size.height) / 2)
            @ (Affine.rotation(degrees) @ Affine.shear(x, y) @ Affine.scale(factor, factor)).about(
                size.width / 2, size.height / 2
            ),
            canvas,
        )
    ),
    st.integers(-180, 180),
    st.integers(-30, 30),
    st.integers(-30, 30),
    st.integers(7, 25).map(lambda tenths: tenths / 10),
    CANVASES,
)


def with_warp(
    size: Size, first: list[Orient | Resample | Place], make: Callable[[Size], Warp], last: list[Place]
) -> Plan:
    plan = Plan(size).then(*first)
    return plan.then(make(plan.size)).then(*last)


RAMP_PLANS = st.builds(with_warp, SIZES, st.lists(STEPS, max_size=2), WARPS, st.lists(STEPS, max_size=1))


@pytest.mark.parametrize("kernel", KERNELS)
@given(plan=RAMP_PLANS)
def test_each_inner_pixel_comes_from_where_the_map_says(kernel: Kernel, plan: Plan) -> None:
    found = errors(plan, kernel)
    assume(len(found))
    assert np.abs(found).max() <= tolerance(plan, kernel)


@dataclass(frozen=True)
class Mistaken(Plan):
    """A plan whose pixels are right and whose map is `mistake`."""

    mistake: Affine = Affine()  # noqa: RUF009  # frozen

    @cached_property
    def affine(self) -> Affine:
        return self.mistake


def blamed(plan: Plan, mistake: Affine) -> bool:
    """Whether the ramp law, told the mistaken map, finds the pixels elsewhere."""
    out = execute(plan, ramp(plan.source), kernel="cubic", pad=0)[..., :2] / STEP
    off = (out - (~mistake)(warp._centres(plan.size)))[inner(plan, "cubic")]
    assert len(off) >= 20
    return bool(np.abs(off).max() > tolerance(plan, "cubic"))


@pytest.mark.parametrize("degrees", ANGLES)
def test_the_law_catches_the_mistakes_that_turns_are_known_for(degrees: float) -> None:
    plan = Plan(SIZE).then(turned(SIZE, degrees))
    corner = Affine.translation(-0.5, -0.5)
    assert not blamed(plan, plan.affine)
    assert blamed(plan, ~plan.affine), "the inverse in place of the map"
    assert blamed(plan, Affine.rotation(degrees)), "about the corner"
    if degrees > 10:  # by 3 degrees, these two are a twentieth of a pixel
        assert blamed(plan, Affine.rotation(degrees).about((SIZE.width - 1) / 2, (SIZE.height - 1) / 2)), (
            "about a pixel"
        )
        assert blamed(plan, ~corner @ plan.affine @ corner), "pixels counted from their corners"


def test_the_law_catches_a_shift_by_half_a_pixel() -> None:
    plan = Plan(SIZE).then(turned(SIZE, 30.0))
    assert blamed(plan, Affine.translation(0.5, 0.0) @ plan.affine)
    assert blamed(plan, Affine.translation(0.0, -0.5) @ plan.affine)


def file_errors(path: Path, plan: Plan, kernel: Kernel) -> NDArray[np.float64]:
    """The law over two gray JPEGs, one rising along x and one along y, decoded as small as may be."""
    seen = []
    for axis in (1, 0):
        values = GRAY_STEP * np.indices((plan.source.height, plan.source.width))[axis] + GRAY_STEP // 2
        path.write_bytes(specimens.saved("JPEG", values.astype(np.uint8), quality=100))
        raster = decode(path, read_header(path), at_least=reduction_for(plan, kernel))
        assert raster.pixels.shape[0] < plan.source.height
        seen.append(execute(plan, raster.pixels, kernel=kernel, pad=0, covers=raster.covers) / GRAY_STEP)
    found: NDArray[np.float64] = np.stack(seen, axis=-1) - (~plan.affine)(warp._centres(plan.size))
    return found[inner(plan, kernel)]


@pytest.mark.parametrize("kernel", SMOOTH)
@given(
    width=st.integers(41, 61),
    height=st.integers(41, 61),
    n=st.integers(2, 4),
    code=st.integers(1, 8),
    degrees=st.integers(-180, 180),
)
def test_the_law_holds_through_files_that_are_decoded_reduced(
    tmp_path_factory: pytest.TempPathFactory, kernel: Kernel, width: int, height: int, n: int, code: int, degrees: int
) -> None:
    turn = Dihedral.from_exif(code)
    small = turn.size(Size(int(width / n / MIN_REDUCED_SCALE), int(height / n / MIN_REDUCED_SCALE)))
    plan = Plan(Size(width, height)).then(Orient(turn), Resample(small), turned(small, degrees, Size(40, 40)))
    found = file_errors(tmp_path_factory.getbasetemp() / "ramp.jpg", plan, kernel)
    assume(len(found))
    assert np.abs(found).max() <= 0.1 * n * MIN_REDUCED_SCALE + 1.0 / GRAY_STEP
    if len(found) >= FEWEST_FOR_A_MEAN:
        assert np.abs(found.mean(axis=0)).max() <= 0.2


@given(strategies.warped_plans(12))
def test_a_plain_picture_is_mixed_with_the_margin_by_its_share(plan: Plan) -> None:
    out = execute(plan, np.full((plan.source.height, plan.source.width), 255, np.uint8), kernel="cubic", pad=0)
    places = [(float(x), float(y)) for y in range(plan.size.height) for x in range(plan.size.width)]
    squares = [clip_to_convex(ring_around((x, y, x + 1.0, y + 1.0)), plan.outline) for x, y in places]
    shares = np.array(list(map(ring_area, squares))).reshape(out.shape)
    sides = np.array(convex_depths(plan))
    one_side = (np.abs(sides) < 0.75).sum(axis=0) <= 1  # where two meet, the product of their shares stands for both
    off = np.abs(out / 255.0 - shares)
    assert off[one_side].max(initial=0.0) <= 0.01
    assert off.max() <= 0.3


def convex_depths(plan: Plan) -> list[NDArray[np.float64]]:
    return [warp._centres(plan.size) @ normal - offset for normal, offset in convex_sides(plan.outline)] or [
        np.full((plan.size.height, plan.size.width), -9.0)
    ]


def test_shrinking_is_antialiased_along_any_direction() -> None:
    board = (np.indices((96, 96)).sum(axis=0) % 2 * 255).astype(np.uint8)
    for affine in (Affine.rotation(30.0) @ Affine.scale(0.3, 0.3), Affine.shear(70.0, 0.0), Affine.scale(0.3, 1.0)):
        small = Affine.rotation(10.0) @ Affine.scale(0.25, 0.25) @ affine
        plan = Plan(Size(96, 96)).then(Warp(small.about(48.0, 48.0), Size(96, 96)))
        for kernel in SMOOTH:
            out = execute(plan, board, kernel=kernel, pad=0)
            assert np.abs(out[inner(plan, kernel)].astype(int) - 128).max(initial=0) <= 20


def test_tiles_of_a_large_outcome_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(SIZE).then(turned(SIZE, 20.0, Size(50, 50)))
    for kernel in KERNELS:
        whole = execute(plan, ramp(SIZE), kernel=kernel, pad=7)
        with monkeypatch.context() as patch:
            patch.setattr(warp, "_TILE", 13)
            tiled = execute(plan, ramp(SIZE), kernel=kernel, pad=7)
        assert np.abs(whole.astype(int) - tiled).max() <= 2


@pytest.mark.parametrize("pad", ["edge", "reflect"])
def test_a_picture_continued_shows_its_own_colours_alone(pad: Pad) -> None:
    """Two colours side by side: beyond the edge, each is continued or mirrored; none is a mixture but between them."""
    pixels = np.zeros((30, 30), np.uint8)
    pixels[:, 15:] = 200
    out = execute(Plan(Size(30, 30)).then(turned(Size(30, 30), 30.0, Size(60, 60))), pixels, kernel="linear", pad=pad)
    assert ((out == 0) | (out == 200)).mean() > 0.8
    assert set(np.unique(out[0]) // 100) <= {0, 1, 2}
    assert out[30, 40] == 200
    assert out[30, 20] == 0
    assert out[45, 59] == (200 if pad == "edge" else 0)


def test_nothing_seen_leaves_the_pad_alone() -> None:
    plan = Plan(SIZE).then(Place(SIZE, 100, 0), turned(SIZE, 30.0))
    for pad, fill in ((114, 114), ("edge", 0), ((1, 2, 3), (1, 2, 3))):
        out = execute(plan, np.full((SIZE.height, SIZE.width), 9, np.uint8), kernel="cubic", pad=pad)  # type: ignore[arg-type]
        assert (out == fill).all()
