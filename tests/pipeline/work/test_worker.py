"""Samples that go through the stages of a worker together come out as if each had gone alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep import formats
from bboxprep.images.codecs.codec import DEFAULT_IMAGE_POLICY, Encoding
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.object_policy import DEFAULT_OBJECT_POLICY
from bboxprep.model.sample import Sample
from bboxprep.pipeline.augment import Augmenter
from bboxprep.pipeline.output.image_rows import WrittenBatch
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.report.crowds import CrowdPlan
from bboxprep.pipeline.resume.batch_result import BatchResult, decode_result
from bboxprep.pipeline.sidecar.writer import SidecarWriter
from bboxprep.pipeline.work.image_writer import ImageWriter
from bboxprep.pipeline.work.worker import BatchWorker, Block
from bboxprep.recipe.recipe import Recipe
from bboxprep.transform.render import SampleRenderer
from tests.conformance.examples import LOOSE
from tests.strategies import samples

TABLE = Categories.from_names(["cat", "dog", "hen"])
DARKROOM = SampleRenderer(TABLE, DEFAULT_IMAGE_POLICY, DEFAULT_OBJECT_POLICY)


class Absentminded(ImageWriter, frozen=True):
    """Writes the labels of each sample at the place of another one."""

    def write_labels(self, written: WrittenBatch) -> WrittenBatch:
        return super().write_labels(replace(written, outputs=written.outputs[::-1]))


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """Samples of which some are refused and some nobody has labelled; their images are not there."""
    drawn = draw(st.lists(st.tuples(samples(), st.integers(0, 7)), min_size=2, max_size=5))
    return Dataset(Path("source"), "test", TABLE, [_varied(*one, at) for at, one in enumerate(drawn)], ("train", "val"))


def _varied(sample: Sample, kind: int, number: int) -> Sample:
    name, refusal = PurePosixPath(f"{number}.jpg"), "size-contradicts" if kind == 0 else ""
    labelled, given = kind != 1 or bool(len(sample.instances)), number if kind == 2 else 0
    return replace(sample, name=name, refusal=refusal, labelled=labelled, id=given, renderer=DARKROOM)


def worker_over(dataset: Dataset, dest: Path, to: str, work: type[ImageWriter] = ImageWriter) -> BatchWorker:
    target = formats.load(to)
    writer = target.write(dest, dataset, target.write_options())
    crowd = CrowdPlan.of(None, writer, target, sidecar=True)
    made = work(TABLE.names, writer, dest, Encoding(), crowd, dataset.flip_mapping, labels_only=True)
    sidecar_writer = SidecarWriter.of(dataset, to, writer.carries)
    return BatchWorker(dataset, Augmenter(Recipe(upright=False), dataset), made, sidecar_writer, "skip")


def worked(worker: BatchWorker, stage_size: int) -> tuple[BatchResult, dict[str, bytes]]:
    """The result of all samples, so many at a time, and the files below the output, which are removed."""
    writer, dest = worker.image_writer.writer, worker.image_writer.dest
    assert dest is not None
    paths = [writer.paths(sample.split, str(sample.name)) for sample in worker.dataset]
    block = Block(0, tuple(Output(image, labels=tuple(own)) for image, *own in paths))
    result = decode_result(msgspec.structs.replace(worker, stage_size=stage_size, given_up=frozenset({1}))(block))
    files = {path.relative_to(dest).as_posix(): path for path in dest.rglob("*") if path.is_file()}
    found = {name: path.read_bytes() for name, path in files.items()}
    for path in files.values():
        path.unlink()
    return result, found


@pytest.mark.parametrize("to", LOOSE)  # a writer of packed files gives each image one number, once
@settings(max_examples=8)
@given(dataset=datasets())
def test_together_or_alone_comes_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, dataset: Dataset, to: str
) -> None:
    worker = worker_over(dataset, tmp_path_factory.mktemp("out"), to)
    alone = worked(worker, 1)
    assert len(alone[0].images) == len(dataset)
    assert worked(worker, 2) == alone
    assert worked(worker, len(dataset)) == alone


@settings(max_examples=25)
@given(dataset=datasets())
def test_the_law_catches_a_stage_that_takes_one_sample_for_another(
    tmp_path_factory: pytest.TempPathFactory, dataset: Dataset
) -> None:
    worker = worker_over(dataset, tmp_path_factory.mktemp("out"), "yolo", Absentminded)
    labelled = [sample for row, sample in enumerate(dataset) if row != 1 and not sample.refusal and sample.labelled]
    if len(labelled) > 1:
        assert worked(worker, len(dataset)) != worked(worker, 1)
