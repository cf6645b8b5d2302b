"""What every registered format declares is true of what it writes, and a format that lacks something is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep import formats
from bboxprep.errors import UsageError
from bboxprep.formats import WRITER_MEMBERS, checked, open_writer
from bboxprep.formats.api import Format, NoOptions, Step
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes
from bboxprep.io.atomic import write_bytes
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample

ROOT = Path(__file__).parents[2]
ROUNDING = 1e-9  # px; of the arithmetic between the file and the edges
CLASSES = Categories((Category("cat", keypoints=("nose",)), Category("dog", keypoints=("nose",))))


WAYS = [
    pytest.param(name, options, id=f"{name} {flag}".strip())
    for name in formats.written()
    for flag, options in formats.load(name).write_variants()
]


MOST_SIDE, MOST_DRAWN = 5000, 500  # px; the second of images whose labels are images, too
MOST_RATIO = 200  # a processor of vision-language models refuses more


def trip(name: str, options: Any, boxes: Boxes, size: Size) -> Boxes:
    """The `boxes` (N, 4) of a picture of `size` as they are read from what the format's writer makes of them."""
    declared = formats.load(name)
    header = Header(size)
    points = np.zeros((len(boxes), 1, 2)), np.zeros((len(boxes), 1), dtype=np.uint8)
    instances = Instances.of(boxes, np.arange(len(boxes)) % 2, keypoints=points[0], visibility=points[1])
    with TemporaryDirectory() as folder:
        root = Path(folder)
        sample = Sample(PurePosixPath("a.png"), root / "a.png", header, instances)
        writer = declared.write(root, Dataset(root, name, CLASSES, [sample]), options)
        image, *_ = writer.paths("train", "a.png")
        write_bytes(root / writer.stage / image, b"a picture that nobody opens")
        (labels,) = writer.encode(Batch.of([sample]), [image])
        for path, data in labels.files:
            write_bytes(root / writer.stage / path, data)
        writer.collect(labels.entry)
        writer.close()
        shared = {field.name for field in fields(declared.read_options)} & asdict(options).keys()
        reading = declared.read_options(**{key: getattr(options, key) for key in shared})
        (read,) = declared.read(root, lambda *_: header, reading)
        return read.instances.boxes


@st.composite
def pictures(draw: st.DrawFn, most: int = MOST_SIDE) -> tuple[Boxes, Size]:
    """Boxes of any thinness, also at the edges, and the size of their picture, of at most so many px along a side."""
    sides = st.integers(1, most)
    size = Size(*draw(st.tuples(sides, sides).filter(lambda sides: max(sides) <= MOST_RATIO * min(sides))))
    share = st.one_of(st.sampled_from((0.0, 0.5, 1.0)), st.integers(0, 10**9).map(lambda parts: parts / 10**9))
    thinness = st.sampled_from((1e-8, 1e-6, 1e-3, 0.1, 1.0))
    rows = [(0.0, 0.0, float(size.width), float(size.height))]  # which shows the unit of all
    for x, y, width, height in draw(st.lists(st.tuples(share, share, thinness, thinness), min_size=1, max_size=8)):
        x0, y0 = x * (1 - width) * size.width, y * (1 - height) * size.height
        rows.append((x0, y0, x0 + width * size.width, y0 + height * size.height))
    return np.minimum(np.array(rows), [*size, *size]), size


@pytest.mark.parametrize(("name", "options"), WAYS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_edge_is_written_further_off_than_the_declared_step(name: str, options: Any, data: st.DataObject) -> None:
    boxes, size = data.draw(pictures(MOST_DRAWN if formats.load(name).masks_in else MOST_SIDE))
    allowed = formats.load(name).step(options).of(boxes, size) + ROUNDING * max(size)
    assert (np.abs(trip(name, options, boxes, size) - boxes) <= allowed).all()


@pytest.mark.parametrize(("name", "options"), WAYS)
def test_a_writer_that_moves_boxes_by_more_than_the_step_is_caught(name: str, options: Any) -> None:
    size, boxes = Size(640, 480), np.array([[10.25, 20.5, 110.125, 220.75]])
    step = formats.load(name).step(options)
    moved = trip(name, options, boxes + 2.1 * step.edges(size) + 1e-3, size)
    assert (np.abs(moved - boxes) > step.of(boxes, size)).any()


@pytest.mark.parametrize(("name", "options"), WAYS)
def test_no_step_is_declared_coarser_than_it_is(name: str, options: Any) -> None:
    size = Size(640, 480)
    corners = np.sort(np.random.default_rng(4).uniform(0, 480, (400, 2, 2)), axis=1)
    boxes = np.concatenate((corners[:, 0], corners[:, 1]), axis=1)
    step = formats.load(name).step(options).edges(size)
    assert (np.abs(trip(name, options, boxes, size) - boxes).max(axis=0) >= 0.35 * step).all()


def test_a_thin_box_may_move_by_two_steps_along_the_axis_it_is_thin_in() -> None:
    boxes = np.array([(10.0, 10.0, 10.5, 30.0), (10.0, 10.0, 11.0, 30.0)])
    allowed = Step(pixels=0.5).of(boxes, Size(100, 100))
    assert allowed.tolist() == [[1.0, 0.5, 1.0, 0.5], [0.5, 0.5, 0.5, 0.5]]
    assert Step(fraction=1e-3).edges(Size(100, 200)).tolist() == [0.1, 0.2, 0.1, 0.2]


def nothing(*arguments: Any) -> Any:
    return ""


@dataclass(frozen=True)
class WithoutFlag:
    digits: int = 3


TOY = Format(
    title="Toy", layout="toys", sniff=nothing, read=nothing, write=nothing, carries=frozenset(), step=lambda _: Step()
)


def changed(declared: Format, field: str, value: Any) -> Format:
    """`declared` with a `field` that holds what mypy would not have let through."""
    changes: dict[str, Any] = {field: value}
    return replace(declared, **changes)


@pytest.mark.parametrize(
    "name", ["sniff", "read", "write", "step", "holds_outlines_only", "task", "options_for", "check"]
)
def test_a_format_without_a_function_is_refused_when_it_is_loaded(name: str) -> None:
    with pytest.raises(UsageError, match=f"^{name} is no function$"):
        checked(changed(TOY, name, None))


@pytest.mark.parametrize("side", ["read_options", "write_options"])
def test_options_that_make_no_flag_are_refused_when_they_are_loaded(side: str) -> None:
    with pytest.raises(UsageError, match=rf"^{side}\.digits: want metadata="):
        checked(changed(TOY, side, WithoutFlag))
    with pytest.raises(UsageError, match=f"^{side}: want a dataclass"):
        checked(changed(TOY, side, dict))


def test_a_field_that_no_class_has_is_refused_when_the_format_is_loaded() -> None:
    with pytest.raises(UsageError, match=r"^category_fields: have colour, want fields of Category$"):
        checked(replace(TOY, category_fields=frozenset({"id", "colour"})))


@pytest.mark.parametrize("member", WRITER_MEMBERS)
def test_a_writer_without_a_member_is_refused_by_its_name(tmp_path: Path, member: str) -> None:
    members = {name: nothing for name in WRITER_MEMBERS if name != member}
    toy = replace(TOY, write=lambda *_: type("ToyWriter", (), members)())
    with pytest.raises(UsageError, match=f"^format Toy: its writer ToyWriter lacks {member} "):
        open_writer(toy, tmp_path, Dataset(tmp_path, "toy", CLASSES, []), NoOptions())


def test_the_members_of_a_writer_are_these() -> None:
    assert set(WRITER_MEMBERS) == {"carries", "close", "collect", "documents", "encode", "paths", "stage"}


SNIPPET = """
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from bboxprep.formats.api import Format, Labels, MapEngine, Probe, Step, Writer, reads, writes
from bboxprep.model.dataset import Dataset
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column

class ToyWriter:
    carries: frozenset[Column] = frozenset()
    stage = ""
    documents: tuple[str, ...] = ()
    def paths(self, split: str, name: str) -> tuple[str, ...]: return (name,)
    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]: return [Labels() for _ in images]
    def collect(self, entry: Any) -> None: ...
    def close(self) -> None: ...

def read(root: Path, probe: Probe, options: Any, spread: MapEngine = map) -> Dataset: raise NotImplementedError
def write(root: Path, dataset: Dataset, options: Any) -> Writer: return ToyWriter()

@reads
def read_later(root: Path, probe: Probe, options: Any, spread: MapEngine = map) -> Dataset: raise NotImplementedError
@writes
def write_later(root: Path, dataset: Dataset, options: Any) -> ToyWriter: return ToyWriter()

FORMAT = Format(
    title="Toy", layout="toys", sniff=lambda root: "", read=read, write=write, carries=frozenset(),
    step=lambda options: Step(),
)
"""
MISTAKES = {  # a file, what is wrong in it, and what mypy says of it
    "no_collect": (SNIPPET.replace("    def collect(self, entry: Any) -> None: ...\n", ""), "note:     collect"),
    "no_documents": (SNIPPET.replace("    documents: tuple[str, ...] = ()\n", ""), "note:     documents"),
    "no_read": (SNIPPET.replace("read=read, ", ""), 'Missing named argument "read"'),
    "no_step": (SNIPPET.replace("    step=lambda options: Step(),\n", ""), 'Missing named argument "step"'),
    "other_read": (SNIPPET.replace("def read(root: Path, probe: Probe", "def read(root: Path, probe: int"), '"Reader"'),
    "deferred_read": (SNIPPET.replace("_later(root: Path, probe: Probe", "_later(root: Path, probe: int"), '"reads"'),
    "deferred_write": (SNIPPET.replace("-> ToyWriter: return ToyWriter()", "-> int: return 0"), '"writes"'),
}


def test_mypy_accepts_a_format_and_refuses_one_that_lacks_something(tmp_path: Path) -> None:
    codes = {"right": SNIPPET, **{name: code for name, (code, _) in MISTAKES.items()}}
    for name, code in codes.items():
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", *(f"{name}.py" for name in codes)],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    said: dict[str, str] = defaultdict(str)
    for line in result.stdout.splitlines():
        said[line.partition(".py")[0]] += line
    for name, (_, words) in MISTAKES.items():
        assert words in said[name]
    assert not said["right"]


def test_who_asks_for_a_format_to_write_is_told_those_alone() -> None:
    with pytest.raises(UsageError) as unknown:
        formats.load("kity")
    with pytest.raises(UsageError) as unwritten:
        formats.load_written("kity")
    assert str(unknown.value) == f"format: have 'kity', want one of {', '.join(formats.names())}; did you mean 'kitti'?"
    assert str(unwritten.value).partition(";")[0] == f"format: have 'kity', want one of {', '.join(formats.written())}"
