"""Samples that go through the stages of a shift together come out as if each had gone alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep import formats
from bboxprep.images.codecs.codec import DEFAULT_POLICY, Encoding
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.object_policy import DEFAULT_RULES
from bboxprep.model.sample import Sample
from bboxprep.pipeline.augment import Director
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.report.crowds import CrowdPlan
from bboxprep.pipeline.sidecar.writer import Keeper
from bboxprep.pipeline.work.image_result import Piece, decode_pieces
from bboxprep.pipeline.work.image_writer import Developed, Done, Work
from bboxprep.pipeline.work.worker import Block, Shift
from bboxprep.recipe.recipe import Recipe
from bboxprep.transform.render import PillowDarkroom
from tests.strategies import samples

TABLE = Categories.named(["cat", "dog", "hen"])
DARKROOM = PillowDarkroom(TABLE, DEFAULT_POLICY, DEFAULT_RULES)


class Absentminded(Work):
    """Writes the labels of each sample at the place of another one."""

    def label(self, developed: Sequence[Developed]) -> list[Done]:
        places = [one.output for one in reversed(developed)]
        return super().label([one._replace(output=place) for one, place in zip(developed, places, strict=True)])


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """Samples of which some are refused and some nobody has labelled; their images are not there."""
    drawn = draw(st.lists(st.tuples(samples(), st.integers(0, 7)), min_size=2, max_size=5))
    return Dataset(Path("source"), "test", TABLE, [_varied(*one, at) for at, one in enumerate(drawn)], ("train", "val"))


def _varied(sample: Sample, kind: int, number: int) -> Sample:
    name, refusal = PurePosixPath(f"{number}.jpg"), "size-contradicts" if kind == 0 else ""
    labelled, given = kind != 1 or bool(len(sample.instances)), number if kind == 2 else 0
    return replace(sample, name=name, refusal=refusal, labelled=labelled, id=given, darkroom=DARKROOM)


def shift_over(dataset: Dataset, dest: Path, to: str, work: type[Work] = Work) -> Shift:
    target = formats.load(to)
    writer = target.write(dest, dataset, target.write_options())
    crowd = CrowdPlan.of(None, writer, target, sidecar=True)
    made = work(TABLE.names, writer, dest, Encoding(), crowd, dataset.mirror, labels_only=True)
    keeper = Keeper.of(dataset, to, writer.carries)
    return Shift(dataset, Director(Recipe(upright=False), dataset), made, keeper, "skip")


def worked(shift: Shift, together: int) -> tuple[list[Piece | None], dict[str, bytes]]:
    """The pieces of all samples, so many at a time, and the files below the output, which are removed."""
    writer, dest = shift.work.writer, shift.work.dest
    assert dest is not None
    paths = [writer.paths(sample.split, str(sample.name)) for sample in shift.dataset]
    block = Block(0, tuple(Output(image, (), tuple(own)) for image, *own in paths), (None,) * len(paths))
    pieces = decode_pieces(replace(shift, together=together, given_up=frozenset({1}))(block))
    files = {path.relative_to(dest).as_posix(): path for path in dest.rglob("*") if path.is_file()}
    found = {name: path.read_bytes() for name, path in files.items()}
    for path in files.values():
        path.unlink()
    return pieces, found


@pytest.mark.parametrize("to", ["coco", "yolo", "voc"])
@settings(max_examples=25)
@given(dataset=datasets())
def test_together_or_alone_comes_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, dataset: Dataset, to: str
) -> None:
    shift = shift_over(dataset, tmp_path_factory.mktemp("out"), to)
    alone = worked(shift, 1)
    assert len(alone[0]) == len(dataset)
    assert worked(shift, 2) == alone
    assert worked(shift, len(dataset)) == alone


@settings(max_examples=25)
@given(dataset=datasets())
def test_the_law_catches_a_stage_that_takes_one_sample_for_another(
    tmp_path_factory: pytest.TempPathFactory, dataset: Dataset
) -> None:
    shift = shift_over(dataset, tmp_path_factory.mktemp("out"), "yolo", Absentminded)
    labelled = [sample for row, sample in enumerate(dataset) if row != 1 and not sample.refusal and sample.labelled]
    if len(labelled) > 1:
        assert worked(shift, len(dataset)) != worked(shift, 1)
