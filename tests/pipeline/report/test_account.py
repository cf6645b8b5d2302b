from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import InternalError
from bboxprep.findings import Finding
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.run_record import SplitCount
from bboxprep.pipeline.report.account import UNREADABLE, Account, count_source_objects, count_written_objects
from bboxprep.pipeline.resume.fingerprint import FileStamp
from bboxprep.pipeline.resume.image_result import ImageResult

NAMES = ("cat", "dog")


def drop(count: int, category: str = "cat", code: str = "box-degenerate") -> Finding:
    return Finding(code, "gone", objects=count, category=category, split="train")


def result(
    listed: int, came: list[str], out: list[str], findings: Sequence[Finding] = (), was: list[str] | None = None
) -> ImageResult:
    """An image that lists so many objects, of which `came` were read and `out` written, which `was` before a mirror."""
    objects_out, swapped = count_written_objects(out, was or out, len(out))
    return ImageResult(
        split="train",
        name="a.jpg",
        content=b"",
        stamp=FileStamp(1, 1),
        digest="",
        first=True,
        source_count=listed,
        objects_in=dict(Counter(came)),
        objects_due=dict(Counter(came)),
        objects_out=objects_out,
        swapped=swapped,
        columns={"boxes": len(came)},
        findings=tuple(findings),
        written=True,
        write_method="linked",
        files=(),
        row=b"{}\n",
        sidecar_line=b"",
        entry=None,
    )


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
    with pytest.raises(InternalError, match="handed to the writer and written"):
        count_written_objects(["cat", "cat"], ["cat", "cat"], 1)


def test_what_an_image_holds_is_counted_by_class_and_kind() -> None:
    unread = Finding("record-unreadable", "odd", objects=2, split="train")
    objects = Instances.of([[0, 0, 4, 4]] * 3, [0, 1, 0])
    sample = Sample(PurePosixPath("a.jpg"), Path("a.jpg"), None, objects, source_count=5, findings=(unread,))
    found = count_source_objects(sample, NAMES)
    assert found["objects_in"] == {"cat": 2, "dog": 1, UNREADABLE: 2}
    assert found["columns"]["boxes"] == 3


def test_objects_that_no_image_lists_are_booked_too() -> None:
    account = Account()
    account.note_dataset([drop(2, "cat", "annotation-orphan")])
    account.check()
    assert account.rows()[0].dropped == {"annotation-orphan": 2}
    assert account.faults == 1


NAMED = st.sampled_from(["cat", "dog", "cup"])


@given(st.lists(st.tuples(st.lists(NAMED), st.lists(NAMED), st.integers(0, 3)), max_size=6))
def test_the_books_balance_where_every_loss_is_told_whatever_a_mirror_exchanges(
    images: list[tuple[list[str], list[str], int]],
) -> None:
    account = Account()
    for written, became, lost in images:
        out = [new for new, _ in zip(became, written, strict=False)] + written[len(became) :]
        findings = [drop(lost, "cup")] if lost else []
        account.add(result(len(written) + lost, [*written, *["cup"] * lost], out, findings, was=written))
    account.check()
    swaps = sum(count for count in account.swapped.values())
    assert swaps == 0
    assert sum(account.objects_out.values()) == sum(len(written) for written, _, _ in images)


@given(st.lists(st.tuples(st.lists(NAMED), st.integers(0, 3)), max_size=8), st.integers(0, 8))
def test_the_books_of_two_parts_add_up_to_those_of_the_whole(images: list[tuple[list[str], int]], cut: int) -> None:
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
