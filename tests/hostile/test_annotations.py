from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile import watching
from tests.hostile.annotations import CASES, Place, Sow

MOST = 900  # MiB: rows of the largest label file that is read at all become some hundred of them


@pytest.mark.parametrize("sow", CASES, ids=lambda sow: sow.__name__)
def test_hostile_labels_are_told_or_refused_and_lead_nowhere(tmp_path: Path, sow: Sow) -> None:
    place = Place.of(tmp_path)
    sow(place)
    before = {path: path.read_bytes() for path in place.outside.iterdir()}
    ended = watching.convert(place.root, tmp_path / "out", to="yolo")
    assert ended.code == CASES[sow], ended.said
    assert (tmp_path / "out").exists() == (ended.code < 2)
    assert {path: path.read_bytes() for path in place.outside.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "out") == ["in", "outside"]
    assert ended.peak < MOST
