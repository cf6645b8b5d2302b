from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import InternalError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.flip_names import FlipMapping
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.image_rows import NO_FILE, ImageFile, WrittenBatch
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.output.run_record import SplitCount
from bboxprep.pipeline.report.account import UNREADABLE, Account, count_output_objects, count_source_objects
from bboxprep.pipeline.resume.batch_result import BatchResult, OutputCounts, SourceCounts

NAMES = ("cat", "dog", "left", "right")
FLIPS = FlipMapping.of(Categories.from_names(NAMES), [("left", "right")])


def drop(count: int, category: str = "cat", code: str = "box-degenerate") -> Finding:
    return Finding(code, "gone", objects=count, category=category, split="train")


def sample(classes: Sequence[str], listed: int = 0, *, flipped: bool = False, unread: Sequence[Finding] = ()) -> Sample:
    """An image of objects of `classes`, of which the source lists `listed`."""
    objects = Instances.of([[0, 0, 4, 4]] * len(classes), [NAMES.index(name) for name in classes])
    path = PurePosixPath("a.jpg")
    return Sample(path, Path(path), None, objects, source_count=listed, findings=tuple(unread), mirrored=flipped)


def written(*made: Sample, counts: Sequence[int] = (), left_out: Sequence[int] = ()) -> WrittenBatch:
    """The samples `made` with their objects written, or so many of them; those at the rows `left_out` are not."""
    batch, own = Batch.of(made), counts or [len(one.instances) for one in made]
    outputs = [None if row in left_out else Output("a.jpg") for row in range(len(made))]
    images = [ImageFile("linked") if output else NO_FILE for output in outputs]
    return WrittenBatch(batch, outputs, images, batch, list(map(Labels, own)), [()] * len(made))


def result(listed: int, came: list[str], out: list[str], findings: Sequence[Finding] = ()) -> BatchResult:
    """An image that lists so many objects, of which `came` were read and `out` written."""
    counts = OutputCounts(1, {"linked": 1}, dict(Counter(came)), dict(Counter(out)))
    source = SourceCounts(1, listed, dict(Counter(came)), {"boxes": len(came)})
    return BatchResult("train", b"", (), source, counts, tuple(findings), b"{}\n", b"", ())


def test_in_is_out_plus_dropped() -> None:
    account = Account()
    lost = (drop(1), drop(1, "", "record-unreadable"))
    account.add(result(5, ["cat", "cat", "cat", "dog", UNREADABLE], ["cat", "cat", "dog"], lost))
    account.check()
    assert account.rows() == [
        SplitCount(
            split="train",
            images_in=1,
            images_out=1,
            objects_in=5,
            objects_due=5,
            objects_out=3,
            dropped={"box-degenerate": 1, "record-unreadable": 1},
        )
    ]
    assert [row.objects_out for row in account.class_rows(["cat", "dog"])] == [2, 1, 0]
    assert account.made == {"linked": 1}


@pytest.mark.parametrize(
    ("listed", "dropped", "out"),
    [(3, 0, ["cat", "cat"]), (3, 2, ["cat", "cat"]), (4, 0, ["cat", "cat", "cat"]), (3, 0, ["cat", "cat", "dog"])],
)
def test_an_object_lost_in_silence_is_found(listed: int, dropped: int, out: list[str]) -> None:
    account = Account()
    account.add(result(listed, ["cat", "cat", "cat"], out, [drop(dropped)] if dropped else []))
    with pytest.raises(InternalError, match="does not balance"):
        account.check()


def test_a_writer_that_writes_less_than_it_was_given_is_found() -> None:
    cats = sample(["cat", "cat"])
    assert count_output_objects(Batch.of([cats]), written(cats), NAMES, FLIPS).written == {"cat": 2}
    others = written(sample(["cat"]), cats, cats, counts=(1, 1, 3))  # the sum is right
    with pytest.raises(InternalError, match="handed to the writer and written"):
        count_output_objects(Batch.of([cats]), others, NAMES, FLIPS)


def test_what_images_hold_is_counted_by_class_and_column() -> None:
    unread = Finding("record-unreadable", "odd", objects=2, split="train")
    images = Batch.of([sample(["cat", "dog", "cat"], 5, unread=[unread]), sample(["dog"], 1)])
    found = count_source_objects(images, NAMES, FLIPS)
    assert found == SourceCounts(2, 6, {"cat": 2, "dog": 2, UNREADABLE: 2}, {"boxes": 4})


def test_what_is_left_out_is_not_written() -> None:
    one = sample(["cat"])
    found = count_output_objects(Batch.of([one, one]), written(one, one, left_out=(1,)), NAMES, FLIPS)
    assert (found.images, found.due, found.written, found.made) == (1, {"cat": 2}, {"cat": 1}, {"linked": 1})


def test_objects_that_no_image_lists_are_booked_too() -> None:
    account = Account()
    account.note_dataset([drop(2, "cat", "annotation-orphan")])
    account.check()
    assert account.rows()[0].dropped == {"annotation-orphan": 2}
    assert account.faults == 1


NAMED = st.sampled_from(NAMES)


@given(st.lists(st.tuples(st.lists(NAMED), st.booleans(), st.integers(0, 3)), max_size=6))
def test_the_counts_balance_where_every_loss_is_told_whatever_a_flip_exchanges(
    images: list[tuple[list[str], bool, int]],
) -> None:
    account = Account()
    for classes, flipped, lost in images:
        partners = [FLIPS.source_names(NAMES, True)[NAMES.index(name)] for name in classes]
        source = sample([*classes, *["cat"] * lost], len(classes) + lost)
        out = sample(partners if flipped else classes, flipped=flipped)
        output = count_output_objects(Batch.of([source]), written(out), NAMES, FLIPS)
        findings = (drop(lost),) if lost else ()
        came = count_source_objects(Batch.of([source]), NAMES, FLIPS)
        account.add(BatchResult("train", b"", (), came, output, findings, b"", b"", ()))
        assert output.written == dict(Counter(partners if flipped else classes))
    account.check()
    assert sum(account.swapped.values()) == 0
    assert sum(account.objects_out.values()) == sum(len(classes) for classes, _, _ in images)


def test_the_law_catches_a_flip_that_is_not_counted() -> None:
    source, out = sample(["left"], 1), sample(["right"])
    account, output = Account(), count_output_objects(Batch.of([source]), written(out), NAMES, FLIPS)
    came = count_source_objects(Batch.of([source]), NAMES, FLIPS)
    account.add(BatchResult("train", b"", (), came, output, (), b"", b"", ()))
    with pytest.raises(InternalError, match="does not balance"):
        account.check()


@given(st.lists(st.tuples(st.lists(NAMED), st.integers(0, 3)), max_size=8), st.integers(0, 8))
def test_the_counts_of_two_parts_add_up_to_those_of_the_whole(images: list[tuple[list[str], int]], cut: int) -> None:
    results = [result(len(out) + n, [*out, *["cat"] * n], out, [drop(n)] if n else []) for out, n in images]
    whole, first, second = Account(), Account(), Account()
    for one in results:
        whole.add(one)
    for part, taken in ((first, results[:cut]), (second, results[cut:])):
        for one in taken:
            part.add(one)
    for name in ("images_in", "images_out", "made", "source_count", "objects_in", "objects_out", "dropped", "columns"):
        assert getattr(first, name) + getattr(second, name) == getattr(whole, name)
    assert first.findings + second.findings == whole.findings
