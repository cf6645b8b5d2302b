"""The ramp law: a picture whose value is its own x (and y) says of each output pixel where it came from.

Each way to resample against its definition in floating point, and against the place where its pixels belong.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from bboxprep.errors import InternalError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Place, Plan, Resample
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.codecs.codec import decode
from bboxprep.images.header import read_header
from bboxprep.images.raster.execute import (
    MIN_REDUCED_SCALE,
    SHARP,
    Box,
    Pixels,
    canvas_of,
    execute,
    opencv_kernel,
    reduction_for,
    resample,
)
from bboxprep.model.rendering import Kernel, Pad
from tests import strategies
from tests.images import specimens

Executor = Callable[..., Pixels]

KERNELS: tuple[Kernel, ...] = get_args(Kernel)
SMOOTH = tuple(kernel for kernel in KERNELS if kernel != "nearest")
RADIUS = {"auto": 2.0, "nearest": 0.5, "linear": 1.0, "cubic": 2.0, "lanczos": 3.0}
STEP = 10  # levels a source pixel


Floats = NDArray[np.float64]
Profile = Callable[[Floats], Floats]


def ramp(size: Size) -> Pixels:
    """(H, W, 3): red is STEP times the x of the pixel's centre, green that of its y, blue is 0; sides up to 25."""
    pixels = np.zeros((size.height, size.width, 3), dtype=np.uint8)
    pixels[..., 0] = STEP * np.arange(size.width) + STEP // 2
    pixels[..., 1] = STEP * np.arange(size.height)[:, None] + STEP // 2
    return pixels


def differences(plan: Plan, kernel: Kernel, come_from: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far (N, 2) the inner output pixels come, by what they say, (H, W, 2) x y, from where the inverse map says."""
    columns, rows = np.meshgrid(np.arange(plan.size.width) + 0.5, np.arange(plan.size.height) + 0.5)
    x0, y0, x1, y1 = inner_region(plan, kernel)
    inside = (columns >= x0) & (columns <= x1) & (rows >= y0) & (rows <= y1)
    found: NDArray[np.float64] = (come_from - (~plan.affine)(np.stack((columns, rows), axis=-1)))[inside]
    return found


def inner_region(plan: Plan, kernel: Kernel) -> tuple[float, float, float, float]:
    """Where the output depends on no edge of the picture or of a crop, and on no padding: x0 y0 x1 y1."""
    ends = []
    for span, whole, length in zip(plan.window.seen, plan.window.whole, plan.source, strict=True):
        reach = 1.0 + RADIUS[kernel] * max(1.0, float(whole.length / length))
        ends.append((float(span.start) + reach, float(span.end) - reach))
    if any(start > end for start, end in ends):
        return (0.0, 0.0, -1.0, -1.0)
    region = map_boxes(plan.turn.affine(plan.window.canvas), np.array(ends).T.reshape(1, 4))[0]
    x0, y0, x1, y1 = (float(value) for value in region)
    return (x0, y0, x1, y1)


def tolerance(plan: Plan, kernel: Kernel) -> NDArray[np.float64]:
    """Source px, x and y: however many the steps, half a source pixel for nearest, else 0.1 px of the coarser raster
    and what rounding to whole levels hides."""
    lengths = [(float(whole.length), length) for whole, length in zip(plan.window.whole, plan.source, strict=True)]
    coarser = np.array([max(1.0, length / whole) for whole, length in lengths])
    return np.full(2, 0.5 + 1e-6) if kernel == "nearest" else 0.1 * coarser + 0.6 / STEP


def ramp_errors(run: Executor, plan: Plan, kernel: Kernel) -> NDArray[np.float64]:
    """The error (N,) of each inner output pixel, where 1 is all that is allowed."""
    out = run(plan, ramp(plan.source), kernel=kernel, pad=0)
    assert out.shape == (plan.size.height, plan.size.width, 3)
    found = np.abs(differences(plan, kernel, out[..., :2] / STEP)) / tolerance(plan, kernel)
    worst: NDArray[np.float64] = found.max(axis=1, initial=0.0)
    return worst


STEPS = st.one_of(
    st.builds(Orient, strategies.dihedrals()),
    st.builds(Resample, st.builds(Size, st.integers(8, 40), st.integers(8, 40))),
    st.builds(
        Place, st.builds(Size, st.integers(12, 40), st.integers(12, 40)), st.integers(-6, 12), st.integers(-6, 12)
    ),
)
RAMP_PLANS = st.builds(
    lambda width, height, steps: Plan(Size(width, height)).then(*steps),
    st.integers(12, 25),
    st.integers(12, 25),
    st.lists(STEPS, min_size=1, max_size=4),
)


@pytest.mark.parametrize("kernel", KERNELS)
@given(plan=RAMP_PLANS)
def test_each_inner_pixel_comes_from_where_the_map_says(kernel: Kernel, plan: Plan) -> None:
    found = ramp_errors(execute, plan, kernel)
    assume(len(found))
    assert found.max() <= 1.0


def corner_aligned(plan: Plan, pixels: Pixels, *, kernel: Kernel, pad: Pad) -> Pixels:
    """A planted mistake: the nearest pixel is counted from the corners, as ``cv2.INTER_NEAREST`` does."""
    for step in plan.steps:
        if isinstance(step, Resample):
            height, width = pixels.shape[:2]
            rows = np.arange(step.to.height) * height // step.to.height
            pixels = pixels[rows][:, np.arange(step.to.width) * width // step.to.width]
        else:
            pixels = execute(Plan(Size(pixels.shape[1], pixels.shape[0])).then(step), pixels, kernel=kernel, pad=pad)
    return pixels


def edge_of(plan: Plan) -> float:
    """The column at which a bright left part of a picture, up to a whole x, ends in the output, at half its height."""
    pixels = np.zeros((plan.source.height, plan.source.width), dtype=np.uint8)
    pixels[:, :11] = 200
    row = execute(plan, pixels, kernel="linear", pad=0)[plan.size.height // 2].astype(np.float64)
    return float(row.sum() / 200.0)


def test_many_steps_are_one_resampling_whose_edges_lie_where_the_map_says() -> None:
    plan = Plan(Size(25, 20)).then(Resample(Size(19, 17)), Place(Size(27, 20), 3, 1), Resample(Size(33, 31)))
    start, end = plan.affine(np.array([[0.0, 0.0], [11.0, 0.0]]))[:, 0]
    assert edge_of(plan) == pytest.approx(end - start, abs=0.05)


@pytest.mark.parametrize("pad", [0, 255])
def test_a_pixel_that_the_picture_covers_in_part_is_mixed_with_the_margin(pad: int) -> None:
    plan = Plan(Size(4, 4)).then(Place(Size(8, 4), 2, 0), Resample(Size(10, 4)))
    row = execute(plan, np.full((4, 4), 100, np.uint8), kernel="linear", pad=pad)[0]
    assert row.tolist() == [pad, pad, round(50 + pad / 2), 100, 100, 100, 100, round(50 + pad / 2), pad, pad]


SHRINKS = [Plan(Size(25, 24)).then(Resample(Size(side, 9)), Place(Size(20, 20), 1, 2)) for side in range(6, 12)]


@pytest.mark.parametrize("plan", SHRINKS)
def test_the_law_catches_a_corner_aligned_nearest(plan: Plan) -> None:
    assert ramp_errors(execute, plan, "nearest").max() <= 1.0
    assert ramp_errors(corner_aligned, plan, "nearest").max() > 1.0


def on_whole_pixels(plan: Plan, pixels: Pixels, *, kernel: Kernel, pad: Pad) -> Pixels:
    """A planted mistake: what lies under the canvas begins and ends inside pixels, but is cut out by whole ones, since
    OpenCV knows no others."""
    columns, rows = (
        [round(-span.start * side / span.length), round((edge - span.start) * side / span.length)]
        for span, side, edge in zip(plan.window.whole, plan.source, plan.window.canvas, strict=True)
    )
    return resample(pixels, (columns[0], rows[0], columns[1], rows[1]), plan.size, kernel, reduced=False)


@pytest.mark.parametrize("side", [17, 18, 33, 36])
def test_the_law_catches_a_cut_by_whole_pixels(side: int) -> None:
    plan = Plan(Size(25, 25)).then(Resample(Size(side, side)), Place(Size(side - 2, side - 2), -1, -1))
    assert ramp_errors(execute, plan, "auto").max() <= 1.0
    assert ramp_errors(on_whole_pixels, plan, "auto").max() > 1.0


GRAY_STEP = 4  # levels a source pixel in the files, whose sides go up to 61


def file_errors(path: Path, plan: Plan, kernel: Kernel, *, edge_to_edge: bool = False) -> NDArray[np.float64]:
    """The ramp law over two gray JPEGs, one rising along x and one along y, decoded as small as may be: how far (N, 2)
    inner output pixels come from where the map says, signed, source px."""
    seen = []
    for axis in (1, 0):
        values = GRAY_STEP * np.indices((plan.source.height, plan.source.width))[axis] + GRAY_STEP // 2
        path.write_bytes(specimens.saved("JPEG", values.astype(np.uint8), quality=100))
        raster = decode(path, read_header(path), at_least=reduction_for(plan, kernel))
        height, width = raster.pixels.shape[:2]
        assert height < plan.source.height
        covers = (float(width), float(height)) if edge_to_edge else raster.covers
        seen.append(execute(plan, raster.pixels, kernel=kernel, pad=0, covers=covers) / GRAY_STEP)
    return differences(plan, kernel, np.stack(seen, axis=-1))


def shrinking_plan(size: Size, n: int, turn: Dihedral) -> Plan:
    """As for a turned photo: shrunk so far that a decoder may take every n-th pixel, turned, laid on a canvas."""
    to = turn.size(Size(int(size.width / n / MIN_REDUCED_SCALE), int(size.height / n / MIN_REDUCED_SCALE)))
    return Plan(size).then(Orient(turn), Resample(to), Place(Size(to.width + 3, to.height), 2, -1))


FILE_BIAS = 0.2


def file_tolerance(n: int) -> float:
    """Source px: 0.05 px of the output, and the two roundings to whole levels, by the decoder and by the resample."""
    return 0.05 * n * MIN_REDUCED_SCALE + 1.0 / GRAY_STEP


@pytest.mark.parametrize("kernel", SMOOTH)
@given(width=st.integers(41, 61), height=st.integers(41, 61), n=st.integers(2, 4), turn=strategies.dihedrals())
def test_the_law_holds_through_files_that_are_decoded_reduced(
    tmp_path_factory: pytest.TempPathFactory, kernel: Kernel, width: int, height: int, n: int, turn: Dihedral
) -> None:
    plan = shrinking_plan(Size(width, height), n, turn)
    found = file_errors(tmp_path_factory.getbasetemp() / "ramp.jpg", plan, kernel)
    assume(len(found))
    assert np.abs(found).max() <= file_tolerance(n)
    assert np.abs(found.mean(axis=0)).max() <= FILE_BIAS


@pytest.mark.parametrize("n", [2, 4, 8])
def test_the_law_catches_an_edge_to_edge_resize_of_a_reduced_raster(tmp_path: Path, n: int) -> None:
    plan = shrinking_plan(Size(61, 59), n, Dihedral(swap=True))
    assert np.abs(file_errors(tmp_path / "ramp.jpg", plan, "linear")).max() <= file_tolerance(n)
    mistaken = file_errors(tmp_path / "ramp.jpg", plan, "linear", edge_to_edge=True)
    assert np.abs(mistaken).max() > file_tolerance(n)
    assert np.abs(mistaken.mean(axis=0)).max() > FILE_BIAS


PADS: list[Pad] = ["edge", "reflect", 114, (1, 2, 3)]
ANY_PLANS = strategies.plans(24) | strategies.warped_plans(24)


@given(ANY_PLANS, st.sampled_from(KERNELS), st.sampled_from(PADS), st.data())
def test_any_plan_gives_its_size_and_changes_nothing_it_was_given(
    plan: Plan, kernel: Kernel, pad: Pad, data: st.DataObject
) -> None:
    shape = (plan.source.height, plan.source.width, *data.draw(st.sampled_from([(), (3,)])))
    pixels = data.draw(hnp.arrays(np.uint8, shape))
    before = pixels.copy()
    pixels.setflags(write=False)
    out = execute(plan, pixels, kernel=kernel, pad=pad)
    assert out.shape[:2] == (plan.size.height, plan.size.width)
    assert out.dtype == np.uint8
    assert np.array_equal(pixels, before)


FULL_WIDTH = st.builds(
    lambda size, above, below: Plan(size).then(Place(Size(size.width, size.height + above + below), 0, above)),
    strategies.sizes(24), st.integers(-6, 6), st.integers(0, 6),
)  # fmt: skip


@given(st.one_of(ANY_PLANS, FULL_WIDTH), st.sampled_from(PADS), st.data())
def test_an_image_that_is_decoded_into_its_place_needs_no_execution(plan: Plan, pad: Pad, data: st.DataObject) -> None:
    shape = (plan.source.height, plan.source.width, *data.draw(st.sampled_from([(), (3,)])))
    canvas = canvas_of(plan, pad, gray=len(shape) == 2)
    if canvas:
        assert canvas.rows.flags.c_contiguous
        canvas.rows[...] = pixels = data.draw(hnp.arrays(np.uint8, shape))
        assert np.array_equal(canvas.pixels, execute(plan, pixels, kernel="auto", pad=pad))


@pytest.mark.parametrize("gray", [True, False])
def test_a_photo_as_wide_as_its_canvas_is_decoded_into_its_place(gray: bool) -> None:
    on_square = Plan(Size(64, 48)).then(Place(Size(64, 64), 0, 8))
    canvas = canvas_of(on_square, 114, gray=gray)
    assert canvas
    assert canvas.rows.shape[:2] == (48, 64)
    assert canvas_of(Plan(Size(48, 64)).then(Place(Size(64, 64), 8, 0)), 114, gray=gray) is None
    assert canvas_of(on_square.then(Orient(Dihedral(mirror_x=True))), 114, gray=gray) is None


@given(ANY_PLANS, st.data())
def test_a_mask_stays_a_mask(plan: Plan, data: st.DataObject) -> None:
    mask = data.draw(strategies.masks(plan.source)).astype(np.uint8) * 255
    assert set(np.unique(execute(plan, mask, kernel="nearest", pad=0))) <= {0, 255}


@given(st.sampled_from(range(1, 9)), strategies.sizes(8))
def test_a_turn_is_exact_and_undone_by_its_inverse(code: int, size: Size) -> None:
    turn = Dihedral.from_exif(code)
    pixels = np.arange(size.pixels, dtype=np.uint8).reshape(size.height, size.width)
    out = execute(Plan(size).then(Orient(turn)), pixels, kernel="nearest", pad=0)
    assert np.array_equal(execute(Plan(turn.size(size)).then(Orient(~turn)), out, kernel="nearest", pad=0), pixels)


ROW = np.array([[10, 20, 30]], dtype=np.uint8)


@pytest.mark.parametrize(
    ("pad", "want"),
    [
        (0, [0, 0, 10, 20, 30, 0, 0, 0]),
        ("edge", [10, 10, 10, 20, 30, 30, 30, 30]),
        ("reflect", [20, 10, 10, 20, 30, 30, 20, 10]),
    ],
)
def test_what_lies_around_a_placed_picture(pad: Pad, want: list[int]) -> None:
    plan = Plan(Size(3, 1)).then(Place(Size(8, 1), 2, 0))
    assert execute(plan, ROW, kernel="linear", pad=pad).tolist() == [want]


def test_a_reflection_wider_than_the_picture_goes_on_and_on() -> None:
    plan = Plan(Size(3, 1)).then(Place(Size(18, 1), 9, 0))
    out = execute(plan, ROW, kernel="linear", pad="reflect")
    assert out.tolist() == [[30, 20, 10, 10, 20, 30] * 3]


def test_a_coloured_pad_makes_gray_rgb_and_a_gray_one_does_not() -> None:
    plan = Plan(Size(3, 1)).then(Place(Size(4, 1), 1, 0))
    assert execute(plan, ROW, kernel="linear", pad=(1, 2, 3))[0, :2].tolist() == [[1, 2, 3], [10, 10, 10]]
    assert execute(plan, ROW, kernel="linear", pad=(9, 9, 9)).tolist() == [[9, 10, 20, 30]]


@pytest.mark.parametrize("offset", [(-5, 0), (9, 0), (0, -4), (0, 7)])
def test_a_picture_placed_off_its_canvas_leaves_the_pad_alone(offset: tuple[int, int]) -> None:
    plan = Plan(Size(3, 2)).then(Place(Size(4, 4), *offset))
    assert (execute(plan, np.zeros((2, 3), np.uint8), kernel="linear", pad=114) == 114).all()


def test_shrinking_is_antialiased() -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    plan = Plan(Size(64, 64)).then(Resample(Size(16, 16)))
    for kernel in SMOOTH:
        assert np.abs(execute(plan, board, kernel=kernel, pad=0)[2:-2, 2:-2].astype(int) - 128).max() <= 6


def test_a_raster_that_is_not_the_source_is_refused_unless_it_says_what_it_covers() -> None:
    pixels, plan = np.zeros((51, 63), np.uint8), Plan(Size(251, 203)).then(Resample(Size(50, 40)))
    with pytest.raises(InternalError, match="have 63x51 pixels, want 251x203"):
        execute(plan, pixels, kernel="cubic", pad=0)
    assert execute(plan, pixels, kernel="cubic", pad=0, covers=(62.75, 50.75)).shape == (40, 50)


def test_a_reduced_raster_is_asked_for_only_where_it_can_be_used() -> None:
    size, small = Size(251, 203), Size(50, 40)
    turned = Plan(size).then(
        Orient(Dihedral(swap=True)), Resample(small)
    )  # 251 to 40, and 203 to 50: 1.02 at a quarter
    assert reduction_for(turned, "cubic") == Size(125, 101)
    assert reduction_for(Plan(size).then(Resample(small)), "nearest") is None
    assert reduction_for(Plan(size).then(Place(small, 0, 0), Resample(Size(10, 8))), "auto") == Size(62, 50)
    assert reduction_for(Plan(size), "cubic") is None


@pytest.mark.parametrize(
    ("width", "least"), [(40, 40), (41, 80), (50, 80), (51, 80), (64, 80), (65, 160), (80, 80), (81, 160), (161, None)]
)
def test_a_reduced_raster_is_of_the_output_s_size_or_a_quarter_larger(width: int, least: int | None) -> None:
    plan = Plan(Size(320, 320)).then(Resample(Size(width, width)))
    assert reduction_for(plan, "auto") == (least and Size(least, least))


def test_the_eight_turns_are_those_of_pillow() -> None:
    methods = [
        None,
        "FLIP_LEFT_RIGHT",
        "ROTATE_180",
        "FLIP_TOP_BOTTOM",
        "TRANSPOSE",
        "ROTATE_270",
        "TRANSVERSE",
        "ROTATE_90",
    ]
    card = specimens.card()
    for code, method in enumerate(methods, start=1):
        image = Image.fromarray(card)
        want = image.transpose(Image.Transpose[method]) if method else image
        plan = Plan(specimens.CARD_SIZE).then(Orient(Dihedral.from_exif(code)))
        assert np.array_equal(execute(plan, card, kernel="nearest", pad=0), np.asarray(want))


def cubic(a: float) -> Profile:
    """Keys' cubic with the parameter `a`."""

    def profile(x: Floats) -> Floats:
        x = np.abs(x)
        near = (a + 2) * x**3 - (a + 3) * x**2 + 1
        return np.where(x < 1, near, np.where(x < 2, a * (x**3 - 5 * x**2 + 8 * x - 4), 0.0))

    return profile


def lanczos(x: Floats) -> Floats:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def weights(old: int, new: int, profile: Profile, reach: int, *, widen: bool) -> Floats:
    """(new, old): what each old pixel gives each new one; beyond its edges a row goes on as it ends."""
    ratio = old / new
    width = max(ratio, 1.0) if widen else 1.0
    margin = int(reach * width) + 2
    places = np.arange(-margin, old + margin)
    found = profile((places + 0.5 - (np.arange(new)[:, None] + 0.5) * ratio) / width)
    folded = np.zeros((new, old))
    for column, place in enumerate(np.clip(places, 0, old - 1)):
        folded[:, place] += found[:, column]
    return np.asarray(folded / folded.sum(axis=1, keepdims=True))


def shares(old: int, new: int) -> Floats:
    """(new, old): the share of each old pixel in the area under each new one."""
    edges = np.arange(new + 1) * old / new
    first = np.arange(old)
    under = np.minimum(first + 1, edges[1:, None]) - np.maximum(first, edges[:-1, None])
    return np.asarray(under.clip(0) * new / old)


def exact(pixels: Pixels | Floats, size: Size, way: Literal["cubic", "area", "lanczos"]) -> Floats:
    """`pixels` at `size` in floating point, 0 to 255."""
    height, width = pixels.shape[:2]
    along = []
    for old, new in ((height, size.height), (width, size.width)):
        match way:
            case "area":
                along.append(shares(old, new))
            case "cubic":
                along.append(weights(old, new, cubic(-0.75), 2, widen=False))
            case "lanczos":
                along.append(weights(old, new, lanczos, 3, widen=True))
    rows = np.tensordot(along[0], pixels.astype(np.float64), 1)
    return np.asarray(np.moveaxis(np.tensordot(along[1], rows, (1, 1)), 0, 1).clip(0, 255))


def whole(pixels: Pixels) -> Box:
    return (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))


def decibels(one: Floats, other: Floats) -> float:
    return float(10 * np.log10(255**2 / np.mean((one - other) ** 2)))


@st.composite
def stretches(draw: st.DrawFn) -> tuple[Size, tuple[int, int, int, int], Size]:
    """A raster, a box of whole pixels on it, and a size that it grows to along both axes or shrinks to along both."""
    raster = draw(st.builds(Size, st.integers(1, 40), st.integers(1, 40)))
    left, top = draw(st.integers(0, raster.width - 1)), draw(st.integers(0, raster.height - 1))
    right, bottom = draw(st.integers(left + 1, raster.width)), draw(st.integers(top + 1, raster.height))
    wide, high = right - left, bottom - top
    shrunk = st.builds(Size, st.integers(1, wide), st.integers(1, high))
    grown = st.builds(Size, st.integers(wide, 60), st.integers(high, 60))
    return raster, (left, top, right, bottom), draw(st.one_of(shrunk, grown))


@given(stretches(), st.sampled_from([(), (3,)]), st.data())
def test_the_quick_ways_are_what_they_say(
    stretch: tuple[Size, tuple[int, int, int, int], Size], channels: tuple[int, ...], data: st.DataObject
) -> None:
    raster, (left, top, right, bottom), size = stretch
    way = opencv_kernel(raster, (left, top, right, bottom), size)
    assert way in ("cubic", "area")
    pixels = data.draw(hnp.arrays(np.uint8, (raster.height, raster.width, *channels)))
    found = resample(pixels, (left, top, right, bottom), size, "auto", reduced=False)
    assert found.shape == (size.height, size.width, *channels)
    assert np.abs(found - exact(pixels[top:bottom, left:right], size, way)).max() <= 1.0


def test_the_check_tells_the_ways_apart() -> None:
    pixels = photo(Size(40, 30))
    for way, old, size in (
        ("cubic", cv2.INTER_LINEAR, Size(50, 40)),
        ("cubic", cv2.INTER_LANCZOS4, Size(50, 40)),
        ("area", cv2.INTER_LINEAR, Size(17, 13)),
        ("area", cv2.INTER_NEAREST, Size(17, 13)),
    ):
        assert np.abs(cv2.resize(pixels, size, interpolation=old) - exact(pixels, size, way)).max() > 5.0  # type: ignore[arg-type]


def smoothed(pixels: Pixels, size: Size) -> Floats:
    """`pixels` under a Gaussian that goes with how much they shrink, along both axes; beyond the edges they go on."""
    found = pixels.astype(np.float64)
    for axis, covered in ((0, pixels.shape[0] / size.height), (1, pixels.shape[1] / size.width)):
        sigma = 0.35 * np.sqrt(covered**2 - 1)
        reach = 1 if sigma < 0.62 else int(np.ceil(2 * sigma))
        taps = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2)) if sigma else np.ones(1)
        places = np.arange(pixels.shape[axis])[:, None] + np.arange(len(taps)) - len(taps) // 2
        around = np.take(found, places.clip(0, pixels.shape[axis] - 1), axis=axis)
        found = np.tensordot(around, taps / taps.sum(), (axis + 1, 0))
    return found


@given(stretches(), st.sampled_from([(), (3,)]), st.data())
def test_a_reduced_raster_is_smoothed_where_it_shrinks(
    stretch: tuple[Size, tuple[int, int, int, int], Size], channels: tuple[int, ...], data: st.DataObject
) -> None:
    raster, (left, top, right, bottom), size = stretch
    pixels = data.draw(hnp.arrays(np.uint8, (raster.height, raster.width, *channels)))
    found = resample(pixels, (left, top, right, bottom), size, "auto", reduced=True)
    part = pixels[top:bottom, left:right]
    if opencv_kernel(raster, (left, top, right, bottom), size, reduced=True) == "smoothed":
        assert np.abs(found - exact(np.rint(smoothed(part, size)), size, "cubic")).max() <= 4.0
    else:
        assert np.array_equal(found, resample(pixels, (left, top, right, bottom), size, "auto", reduced=False))


def test_smoothing_brings_a_photo_nearer_to_an_exact_resampling() -> None:
    pixels = photo(Size(160, 120))
    for size in (Size(102, 76), Size(80, 60), Size(66, 50)):
        smooth = resample(pixels, whole(pixels), size, "auto", reduced=True).astype(np.float64)
        sharp = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC).astype(np.float64)
        for way in WAYS:
            assert decibels(smooth, exact(pixels, size, way)) > decibels(sharp, exact(pixels, size, way)) + 3


WAYS: tuple[Literal["area", "lanczos"], ...] = ("area", "lanczos")
SIZES = st.builds(Size, st.integers(1, 40), st.integers(1, 40))
ENDS = st.lists(st.sampled_from([-0.5, 0.0, 1.0, 3.5, 8.0, 20.0, 20.25, 41.0]), min_size=2, max_size=2, unique=True)


@given(
    st.builds(Size, st.integers(1, 40), st.integers(1, 40)),
    ENDS.map(sorted),
    ENDS.map(sorted),
    st.builds(Size, st.integers(1, 40), st.integers(1, 40)),
)
def test_the_quick_ways_are_taken_only_where_they_are_exact(
    raster: Size, columns: list[float], rows: list[float], size: Size
) -> None:
    (left, right), (top, bottom) = columns, rows
    box = (left, top, right, bottom)
    way = opencv_kernel(raster, box, size)
    across, down = (right - left) / size.width, (bottom - top) / size.height
    if left < 0 or top < 0 or right > raster.width or bottom > raster.height or any(edge % 1 for edge in box):
        assert way is None
    elif way == "cubic":
        assert max(across, down) <= SHARP
    elif way == "area":
        assert min(across, down) >= 1
    else:
        assert max(across, down) > SHARP
        assert min(across, down) < 1


@pytest.mark.parametrize("kernel", [kernel for kernel in get_args(Kernel) if kernel not in {"auto", "nearest"}])
def test_the_kernels_by_name_are_pillow_s(kernel: Kernel) -> None:
    pixels = photo(Size(40, 30))
    name = {"linear": "bilinear", "cubic": "bicubic"}.get(kernel, kernel).upper()
    for size in (Size(50, 40), Size(17, 13), Size(50, 13)):
        want = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling[name]))
        assert np.array_equal(resample(pixels, whole(pixels), size, kernel, reduced=False), want)


EIGHTHS = st.integers(-8, 8 * 12).map(lambda eighths: Fraction(eighths, 8))
STRETCHES = st.lists(EIGHTHS, min_size=2, max_size=2, unique=True).map(sorted)


@given(st.builds(Size, st.integers(1, 12), st.integers(1, 12)), STRETCHES, STRETCHES, SIZES, st.sampled_from("CF"))
def test_nearest_is_the_pixel_under_each_middle(
    raster: Size, columns: list[Fraction], rows: list[Fraction], size: Size, order: Literal["C", "F"]
) -> None:
    pixels = np.arange(raster.pixels, dtype=np.uint8).reshape(raster.height, raster.width)
    box = (float(columns[0]), float(rows[0]), float(columns[1]), float(rows[1]))
    found = resample(np.asarray(pixels, order=order), box, size, "nearest", reduced=False)
    (left, right), (top, bottom) = columns, rows
    for row in range(size.height):
        for column in range(size.width):
            y = floor(top + (row + Fraction(1, 2)) * (bottom - top) / size.height)
            x = floor(left + (column + Fraction(1, 2)) * (right - left) / size.width)
            want = pixels[min(max(y, 0), raster.height - 1), min(max(x, 0), raster.width - 1)]
            assert found[row, column] == want


@pytest.mark.parametrize(
    ("box", "size", "reduced"),
    [
        ((0.0, 0.0, 40.0, 30.0), Size(50, 15), True),
        ((0.0, 0.0, 39.25, 29.5), Size(20, 15), True),
        ((0.0, 0.0, 40.0, 30.0), Size(50, 15), False),
        ((0.5, 0.0, 40.0, 30.0), Size(20, 15), False),
        ((0.0, 0.0, 39.25, 29.5), Size(60, 50), False),
    ],
)
def test_auto_is_cubic_where_no_quick_way_is_exact(box: Box, size: Size, *, reduced: bool) -> None:
    pixels = photo(Size(40, 30))
    want = resample(pixels, box, size, "cubic", reduced=reduced)
    assert np.array_equal(resample(pixels, box, size, "auto", reduced=reduced), want)


def test_a_box_that_reaches_out_sees_the_edge_go_on() -> None:
    pixels = np.array([[10, 20, 30]], np.uint8)
    found = resample(pixels, (-0.5, 0.0, 3.5, 1.0), Size(4, 1), "linear", reduced=False)
    assert found.tolist() == [[10, 15, 25, 30]]


def photo(size: Size, seed: int = 1) -> Pixels:
    """(H, W, 3) whose spectrum falls like that of photos, and reaches the finest detail."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(size.height)[:, None], np.fft.rfftfreq(size.width)[None, :])
    frequency[0, 0] = np.inf
    channels = []
    for _ in range(3):
        phases = np.exp(2j * np.pi * random.random(frequency.shape))
        plane = np.fft.irfft2(phases / frequency**1.3, s=(size.height, size.width))
        channels.append(plane / plane.std() * 50 + 120)
    return np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "like", "least"),
    [
        (Size(640, 480), "lanczos", 45.0),
        (Size(450, 337), "lanczos", 45.0),
        (Size(356, 267), "lanczos", 45.0),
        (Size(355, 266), "area", 55.0),
        (Size(300, 225), "area", 55.0),
        (Size(123, 92), "area", 55.0),
    ],
)
def test_auto_is_as_good_as_is_promised(size: Size, like: Literal["lanczos", "area"], least: float) -> None:
    pixels = photo(Size(400, 300))
    found = resample(pixels, whole(pixels), size, "auto", reduced=False).astype(np.float64)
    assert decibels(found, exact(pixels, size, like)) >= least


def test_the_promise_is_broken_by_an_aliased_or_a_blurred_picture() -> None:
    pixels = photo(Size(400, 300))
    aliased = cv2.resize(pixels, (123, 92), interpolation=cv2.INTER_LINEAR)
    assert decibels(aliased.astype(np.float64), exact(pixels, Size(123, 92), "area")) < 49
    blurred = cv2.resize(pixels, (640, 480), interpolation=cv2.INTER_LINEAR)
    assert decibels(blurred.astype(np.float64), exact(pixels, Size(640, 480), "lanczos")) < 45
