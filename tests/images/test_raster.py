"""The ramp law: a picture whose value is its own x (and y) says of each output pixel where it came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from bboxprep.errors import InternalError
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Place, Plan, Resample, step_affine, step_size
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.codec import decode
from bboxprep.images.header import read_header
from bboxprep.images.raster import Pixels, execute, reduction_for
from bboxprep.model.rendering import Kernel, Pad
from tests import strategies
from tests.images import specimens

Executor = Callable[..., Pixels]

KERNELS: tuple[Kernel, ...] = get_args(Kernel)
RADIUS = {"nearest": 0.5, "linear": 1.0, "cubic": 2.0, "lanczos": 3.0}
STEP = 10  # levels a source pixel


def ramp(size: Size) -> Pixels:
    """(H, W, 3): red is STEP times the x of the pixel's centre, green that of its y, blue is 0; sides up to 25."""
    pixels = np.zeros((size.height, size.width, 3), dtype=np.uint8)
    pixels[..., 0] = STEP * np.arange(size.width) + STEP // 2
    pixels[..., 1] = STEP * np.arange(size.height)[:, None] + STEP // 2
    return pixels


def errors(plan: Plan, kernel: Kernel, come_from: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far (N,) what inner output pixels say, (H, W, 2) x y, lies from the inverse map; 1 is all that is allowed."""
    columns, rows = np.meshgrid(np.arange(plan.size.width) + 0.5, np.arange(plan.size.height) + 0.5)
    x0, y0, x1, y1 = inner_region(plan, kernel)
    inside = (columns >= x0) & (columns <= x1) & (rows >= y0) & (rows <= y1)
    expected = (~plan.affine)(np.stack((columns, rows), axis=-1))
    found: NDArray[np.float64] = np.abs(come_from - expected)[inside] / tolerance(plan, kernel)
    return found.max(axis=1) if len(found) else np.zeros(0)


def inner_region(plan: Plan, kernel: Kernel) -> tuple[float, float, float, float]:
    """Where the output depends on no edge of the picture or of a crop, and on no padding: x0 y0 x1 y1."""
    size, region = plan.source, np.array([0.0, 0.0, *plan.source])
    for step in plan.steps:
        if isinstance(step, Resample):
            reach = [RADIUS[kernel] * max(1.0, have / want) for have, want in zip(size, step.to, strict=True)]
            region = region + np.array([*reach, -reach[0], -reach[1]])
            if (region[2:] <= region[:2]).any():
                return (0.0, 0.0, -1.0, -1.0)
        region = map_boxes(step_affine(step, size), region[None])[0]
        size = step_size(step, size)
        if isinstance(step, Place):
            region = np.concatenate((np.maximum(region[:2], 0.0), np.minimum(region[2:], size)))
    x0, y0, x1, y1 = (float(value) for value in region)
    return (x0, y0, x1, y1)


def tolerance(plan: Plan, kernel: Kernel) -> NDArray[np.float64]:
    """Source px, x and y. Each resample may err by half one of its own pixels (nearest), or by 0.1 px of the coarser
    raster and by what rounding to whole levels hides."""
    allowed, size, done = np.full(2, 1e-6), plan.source, Affine()
    for step in plan.steps:
        if isinstance(step, Resample):
            per_pixel = 1.0 / np.abs([done.a + done.b, done.d + done.e])
            coarser = np.maximum(1.0, np.array(size) / np.array(step.to))
            allowed += 0.5 * per_pixel if kernel == "nearest" else 0.1 * per_pixel * coarser + 0.6 / STEP
        done, size = step_affine(step, size) @ done, step_size(step, size)
    return allowed


def ramp_errors(run: Executor, plan: Plan, kernel: Kernel) -> NDArray[np.float64]:
    out = run(plan, ramp(plan.source), kernel=kernel, pad=0)
    assert out.shape == (plan.size.height, plan.size.width, 3)
    return errors(plan, kernel, out[..., :2] / STEP)


SIDES = st.integers(12, 25)
STEPS = st.one_of(
    st.builds(Orient, strategies.dihedrals()),
    st.builds(Resample, st.builds(Size, st.integers(8, 40), st.integers(8, 40))),
    st.builds(
        Place, st.builds(Size, st.integers(12, 40), st.integers(12, 40)), st.integers(-6, 12), st.integers(-6, 12)
    ),
)
RAMP_PLANS = st.builds(lambda width, height, steps: Plan(Size(width, height)).then(*steps), SIDES, SIDES, st.lists(STEPS, min_size=1, max_size=4))  # fmt: skip


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
            pixels = execute(Plan(Size(pixels.shape[1], pixels.shape[0]), (step,)), pixels, kernel=kernel, pad=pad)
    return pixels


SHRINKS = [Plan(Size(25, 24)).then(Resample(Size(side, 9)), Place(Size(20, 20), 1, 2)) for side in range(6, 12)]


@pytest.mark.parametrize("plan", SHRINKS)
def test_the_law_catches_a_corner_aligned_nearest(plan: Plan) -> None:
    assert ramp_errors(execute, plan, "nearest").max() <= 1.0
    assert ramp_errors(corner_aligned, plan, "nearest").max() > 1.0


SLOPES = 0.617, 0.039  # levels a px along the axis under test and across it; their roundings never fall into step
SIDE = 380


def tilted_ramp(size: Size, axis: int) -> tuple[Pixels, NDArray[np.float64]]:
    """A gray picture that rises along `axis` (0 is x) and a little across it, and the two factors of x and y."""
    factors = np.array(SLOPES if axis == 0 else SLOPES[::-1])
    rows, columns = np.indices((size.height, size.width)) + 0.5
    return np.rint(factors[0] * columns + factors[1] * rows).astype(np.uint8), factors


def file_errors(
    path: Path, plan: Plan, kernel: Kernel, axis: int, *, edge_to_edge: bool = False
) -> NDArray[np.float64]:
    """Through a JPEG decoded as small as may be: the mean error along `axis` of the source, source px, in each third
    of the inner output. A reduced decode is true in the mean only: inside a block of 8 it is off by half a px."""
    values, factors = tilted_ramp(plan.source, axis)
    path.write_bytes(specimens.saved("JPEG", values, quality=100))
    raster = decode(path, read_header(path), at_least=reduction_for(plan, kernel))
    height, width = raster.pixels.shape[:2]
    covers = (float(width), float(height)) if edge_to_edge else raster.covers
    out = execute(plan, raster.pixels, kernel=kernel, pad=0, covers=covers)
    x0, y0, x1, y1 = (round(value) for value in inner_region(plan, kernel))
    columns, rows = np.meshgrid(np.arange(plan.size.width) + 0.5, np.arange(plan.size.height) + 0.5)
    expected = (~plan.affine)(np.stack((columns, rows), axis=-1)) @ factors
    error = (out - expected)[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] / SLOPES[0]
    lies = axis if plan.affine.a else 1 - axis
    return np.array([third.mean() for third in np.array_split(error, 3, axis=1 - lies)])


def shrinking_plan(size: Size, n: int, turn: Dihedral) -> Plan:
    """As for a turned photo: shrunk so far that a decoder may take every n-th pixel, turned, laid on a canvas."""
    to = turn.size(Size(size.width // n, size.height // n))
    return Plan(size).then(Orient(turn), Resample(to), Place(Size(to.width + 3, to.height), 2, -1))


@pytest.mark.parametrize("kernel", KERNELS[1:])
@settings(max_examples=15)
@given(side=st.integers(SIDE - 60, SIDE), n=st.integers(2, 9), turn=strategies.dihedrals(), axis=st.integers(0, 1))
def test_the_law_holds_through_files_that_are_decoded_reduced(
    tmp_path_factory: pytest.TempPathFactory, kernel: Kernel, side: int, n: int, turn: Dihedral, axis: int
) -> None:
    plan = shrinking_plan(Size(side, SIDE), n, turn)
    found = file_errors(tmp_path_factory.getbasetemp() / "ramp.jpg", plan, kernel, axis)
    assert np.abs(found).max() <= 0.1


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("n", [2, 4, 8])
def test_the_law_catches_an_edge_to_edge_resize_of_a_reduced_raster(tmp_path: Path, n: int, axis: int) -> None:
    plan = shrinking_plan(Size(8 * 45 + 1, 8 * 45 + 1), n, Dihedral(swap=True))
    assert np.abs(file_errors(tmp_path / "ramp.jpg", plan, "cubic", axis)).max() <= 0.1
    assert np.abs(file_errors(tmp_path / "ramp.jpg", plan, "cubic", axis, edge_to_edge=True)).max() > 0.4


@given(strategies.plans(24), st.sampled_from(KERNELS), st.sampled_from(["edge", "reflect", 114, (1, 2, 3)]), st.data())
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


@given(strategies.plans(24), st.data())
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
    for kernel in KERNELS[1:]:
        assert np.abs(execute(plan, board, kernel=kernel, pad=0)[2:-2, 2:-2].astype(int) - 128).max() <= 6


def test_only_a_leading_resample_takes_a_reduced_raster() -> None:
    pixels, first = np.zeros((51, 63), np.uint8), Resample(Size(50, 40))
    with pytest.raises(InternalError, match="have 63x51 pixels, want 251x203"):
        execute(
            Plan(Size(251, 203)).then(Orient(Dihedral(swap=True))), pixels, kernel="cubic", pad=0, covers=(62.75, 50.75)
        )
    with pytest.raises(InternalError):
        execute(Plan(Size(251, 203)).then(first), pixels, kernel="cubic", pad=0)
    out = execute(Plan(Size(251, 203)).then(first), pixels, kernel="cubic", pad=0, covers=(62.75, 50.75))
    assert out.shape == (40, 50)


def test_a_reduced_raster_is_asked_for_only_where_it_can_be_used() -> None:
    size, small = Size(251, 203), Size(50, 40)
    assert reduction_for(Plan(size).then(Orient(Dihedral(swap=True)), Resample(small)), "cubic") == Size(40, 50)
    assert reduction_for(Plan(size).then(Resample(small)), "nearest") is None
    assert reduction_for(Plan(size).then(Place(small, 0, 0), Resample(Size(9, 9))), "cubic") is None
    assert reduction_for(Plan(size), "cubic") is None


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
