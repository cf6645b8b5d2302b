"""A batch gives back the samples that it is made of, however it is cut, joined and changed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bboxprep.findings import Finding
from bboxprep.model.batch import Batch
from bboxprep.model.sample import Sample
from tests.strategies import samples

SAMPLES = st.lists(samples(), min_size=1, max_size=5)
NOTE = Finding("record-repaired", "so it is")


@given(SAMPLES, st.data())
def test_samples_come_back_as_they_went_in(drawn: list[Sample], data: st.DataObject) -> None:
    changed = Batch.of(drawn).replace(split="val")
    mine = [replace(sample, split="val") for sample in drawn]
    assert list(changed) == mine
    assert [changed[row] for row in range(len(drawn))] == mine
    rows = data.draw(st.lists(st.integers(0, len(drawn) - 1), max_size=6))
    assert list(changed.select(rows)) == [mine[row] for row in rows]
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(drawn))] * 2)))
    assert list(changed[start:end]) == mine[start:end]
    assert list(Batch.concat([changed[start:end], changed.replace(split="test")])) == [
        *mine[start:end],
        *(replace(sample, split="test") for sample in drawn),
    ]


@given(SAMPLES)
def test_findings_are_those_of_their_sample(drawn: list[Sample]) -> None:
    noted = Batch.of(drawn).with_findings({len(drawn) - 1: [NOTE]})
    assert [sample.findings for sample in noted][-1] == (*drawn[-1].findings, NOTE)
    assert list(noted)[:-1] == drawn[:-1]
    mapped = noted.map_findings(lambda finding: replace(finding, split="val"))
    assert all(finding.split == "val" for sample in mapped for finding in sample.findings)


@given(SAMPLES)
def test_objects_that_are_kept_stay_with_their_sample(drawn: list[Sample]) -> None:
    batch = Batch.of(drawn)
    kept = batch.keep(batch.instances.labels == 0)
    assert [one.instances for one in kept] == [one.instances.select(one.instances.labels == 0) for one in drawn]
