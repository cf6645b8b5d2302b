"""The ramp law: a picture whose value is its own x (and y) says of each output pixel where it came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

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
from bboxprep.images.raster.execute import ROOM, execute, reduction_for
from bboxprep.images.raster.resample import Pixels, resample
from bboxprep.model.rendering import Kernel, Pad
from tests import strategies
from tests.images import specimens

Executor = Callable[..., Pixels]

KERNELS: tuple[Kernel, ...] = get_args(Kernel)
SMOOTH = tuple(kernel for kernel in KERNELS if kernel != "nearest")
RADIUS = {"auto": 2.0, "nearest": 0.5, "linear": 1.0, "cubic": 2.0, "lanczos": 3.0}
STEP = 10  # levels a source pixel


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
    to = turn.size(Size(int(size.width / n / ROOM), int(size.height / n / ROOM)))
    return Plan(size).then(Orient(turn), Resample(to), Place(Size(to.width + 3, to.height), 2, -1))


FILE_BIAS = 0.2


def file_tolerance(n: int) -> float:
    """Source px: 0.05 px of the output, and the two roundings to whole levels, by the decoder and by the resample."""
    return 0.05 * n * ROOM + 1.0 / GRAY_STEP


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
