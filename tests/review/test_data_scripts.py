from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.pipeline.output.run_record import RecordedFinding
from bboxprep.review.data_scripts import DataScripts
from bboxprep.review.image_cards import CHUNK
from tests.review.sites import loaded
from tests.review.test_statistics import card

TWO = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 2.0, 2.0]])


def test_cards_go_into_chunks_in_their_order_and_the_index_has_them_all(tmp_path: Path) -> None:
    shelf = DataScripts(tmp_path)
    count = 2 * CHUNK + 30
    for number in range(count):
        shelf.add(
            msgspec.structs.replace(
                card("val" if number % 3 else "train", corners=TWO[: number % 3]), name=f"{number}.jpg"
            )
        )
    shelf.close(["train", "val"])
    (index,) = loaded(tmp_path, "index")
    assert index["name"] == [f"{number}.jpg" for number in range(count)]
    assert index["split"] == [int(bool(number % 3)) for number in range(count)]
    assert [index["classesSets"][each] for each in index["classes"]] == [[[], [0], [0, 1]][n % 3] for n in range(count)]
    assert [len(loaded(tmp_path, f"{chunk:04d}")[1]) for chunk in range(3)] == [CHUNK, CHUNK, 30]
    assert [loaded(tmp_path, f"{chunk:04d}")[0] for chunk in range(3)] == [0, 1, 2]


@given(st.lists(st.lists(st.sampled_from(["note", "fault"]), max_size=3), min_size=1, max_size=5))
def test_the_worst_of_an_image_is_its_worst_note(severities: list[list[str]]) -> None:
    shelf = DataScripts(Path("unused"))
    for each in severities:
        shelf.add(card(notes=tuple(RecordedFinding(severity, "box-clipped", "") for severity in each)))
    assert shelf.worst == [2 if "fault" in each else 1 if each else 0 for each in severities]
