from __future__ import annotations

import pytest

from bboxprep.errors import InternalError
from bboxprep.findings import Finding
from bboxprep.pipeline.account import Account


def drop(count: int, category: str = "cat", code: str = "box-degenerate") -> Finding:
    return Finding(code, "gone", objects=count, category=category, split="train")


def test_in_is_out_plus_dropped() -> None:
    account = Account()
    account.image_in("train", listed=5, objects=[("cat", 3), ("dog", 1), ("", 1)])
    account.note([drop(1), drop(1, "", "record-unreadable")])
    account.image_out("train", ["cat", "cat", "dog"], 3)
    account.check()
    assert account.rows() == [
        {
            "split": "train",
            "images_in": 1,
            "images_out": 1,
            "objects_in": 5,
            "objects_out": 3,
            "dropped": {"box-degenerate": 1, "record-unreadable": 1},
        }
    ]
    assert [row["objects_out"] for row in account.class_rows(["cat", "dog"])] == [2, 1, 0]


@pytest.mark.parametrize(
    ("listed", "dropped", "out"),
    [(3, 0, ["cat", "cat"]), (3, 2, ["cat", "cat"]), (4, 0, ["cat", "cat", "cat"]), (3, 0, ["cat", "cat", "dog"])],
)
def test_an_object_lost_in_silence_is_found(listed: int, dropped: int, out: list[str]) -> None:
    account = Account()
    account.image_in("train", listed=listed, objects=[("cat", 3)])
    account.note([drop(dropped)] if dropped else [])
    account.image_out("train", out, len(out))
    with pytest.raises(InternalError, match="does not balance"):
        account.check()


def test_a_writer_that_writes_less_than_it_was_given_is_found() -> None:
    with pytest.raises(InternalError, match="handed to the writer and written"):
        Account().image_out("train", ["cat", "cat"], 1)


def test_objects_that_no_image_lists_are_booked_too() -> None:
    account = Account()
    account.note_outside_samples([drop(2, "cat", "annotation-orphan")])
    account.check()
    assert account.rows()[0]["dropped"] == {"annotation-orphan": 2}
    assert account.faults == 1
