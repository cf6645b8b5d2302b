from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.findings import CODES, Finding, escape_surrogates
from bboxprep.geometry.affine import Size
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Frame, Sample
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.work.image_result import (
    NO_STAMP,
    FileStamp,
    ImageResult,
    OutputFile,
    content_of,
    decode_results,
    encode_results,
    stamp_of,
)

TEXTS = st.text(st.characters(), max_size=8)  # halves of surrogate pairs too
COUNTS = st.integers(0, 2**53)
BOOKS = st.dictionaries(TEXTS.map(escape_surrogates), COUNTS, max_size=3)
FINDINGS = st.builds(
    Finding, st.sampled_from(sorted(CODES)), TEXTS, TEXTS, TEXTS, st.integers(0, 9), category=TEXTS, split=TEXTS
)
PIECES = st.builds(
    ImageResult,
    split=TEXTS,
    name=TEXTS,
    content=st.binary(max_size=16),
    stamp=st.builds(FileStamp, COUNTS, st.integers(-(2**62), 2**62)),
    digest=st.sampled_from(["", "ab" * 32]),
    first=st.booleans(),
    source_count=COUNTS,
    came=BOOKS,
    due=BOOKS,
    went=BOOKS,
    swapped=st.dictionaries(TEXTS.map(escape_surrogates), st.integers(-(2**53), 2**53), max_size=3),
    columns=BOOKS,
    findings=st.lists(FINDINGS, max_size=2).map(tuple),
    written=st.booleans(),
    made=st.sampled_from(["", "linked", "encoded"]),
    files=st.lists(st.builds(OutputFile, TEXTS, TEXTS), max_size=2).map(tuple),
    row=st.binary(max_size=9),
    kept=st.binary(max_size=9),
    entry=st.none() | st.text(max_size=5) | st.lists(st.integers(0, 9) | st.binary(max_size=3), max_size=3),
)


@given(st.lists(st.none() | PIECES, max_size=4))
def test_pieces_come_back_as_they_were_but_for_what_is_no_text(results: list[ImageResult | None]) -> None:
    found = decode_results(encode_results(results))
    assert len(found) == len(results)
    for before, after in zip(results, found, strict=True):
        if before is None:
            assert after is None
            continue
        assert after is not None
        assert after.key == (escape_surrogates(before.split), escape_surrogates(before.name))
        assert [str(finding) for finding in after.findings] == [
            escape_surrogates(str(finding)) for finding in before.findings
        ]
        assert [file.path for file in after.files] == [escape_surrogates(file.path) for file in before.files]
        for name in ("content", "stamp", "digest", "source_count", "came", "due", "went", "swapped", "row", "kept"):
            assert getattr(after, name) == getattr(before, name), name
        assert after.entry == before.entry


@given(st.binary(max_size=200) | st.just(b"\xdd\xff\xff\xff\xff") | st.just(b"\x91" * 5000))
def test_bytes_that_are_no_pieces_give_none(data: bytes) -> None:
    assert pieces_in(data) == 0


def pieces_in(data: bytes) -> int:
    try:
        return len(list(filter(None, decode_results(data))))
    except msgspec.DecodeError:
        return 0


@pytest.mark.parametrize("change", [{"source_count": -1}, {"came": {"cat": 2**60}}, {"swapped": {"cat": -(2**60)}}])
def test_counts_that_no_image_can_have_are_no_piece(change: dict[str, Any]) -> None:
    data = msgspec.msgpack.encode([msgspec.structs.replace(PIECE, **change)])
    with pytest.raises(msgspec.DecodeError):
        decode_results(data)


PIECE = ImageResult(
    split="train", name="a.jpg", content=b"", stamp=NO_STAMP, digest="", first=True, source_count=1, came={}, due={},
    went={}, swapped={}, columns={}, findings=(), written=True, made="linked", files=(), row=b"", kept=b"", entry=None,
)  # fmt: skip

BOXES = [[0.0, 0, 4, 4], [1.0, 1, 3, 3]]
SAMPLE = Sample(
    PurePosixPath("a.jpg"),
    Path("/data/a.jpg"),
    Header(Size(8, 6), 6),
    Instances.of(BOXES, [0, 1], polygons=[[[[0, 0], [4, 0], [4, 4]]], []], ids=[1, 2]),
    source_count=2,
)
OUTPUT = Output("images/train/a.jpg", labels=("labels/train/a.txt",))


def objects(**columns: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"polygons": [[[[0, 0], [4, 0], [4, 4]]], []], "ids": [1, 2], **columns}
    boxes, labels = given.pop("boxes", BOXES), given.pop("labels", [0, 1])
    return {"instances": Instances.of(boxes, labels, **given)}


@pytest.mark.parametrize(
    "change",
    [
        objects(boxes=[[0.0, 0, 4, 4], [1.0, 1, 3, 3.0000001]]),
        objects(labels=[1, 1]),
        objects(crowd=[False, True]),
        objects(polygons=[[[[0, 0], [4, 0], [4, 5]]], []]),
        objects(polygons=[[], [[[0, 0], [4, 0], [4, 4]]]]),
        objects(masks=[None, Rle(Size(8, 6), (40, 8))]),
        objects(keypoints=[[[1, 1]], [[2, 2]]], visibility=[[2], [1]]),
        objects(areas=[1.0, 2.0]),
        objects(scores=[0.5, 1.0]),
        objects(ids=[1, 3]),
        objects(attributes=[{"pose": "left"}, {}]),
        {"name": PurePosixPath("b.jpg")},
        {"split": "val"},
        {"header": Header(Size(8, 6), 1)},
        {"header": None},
        {"frame": Frame.STORED},
        {"evidence": "option"},
        {"declared": Size(8, 6)},
        {"refusal": "size-contradicts"},
        {"findings": (Finding("box-outside", "gone"),)},
        {"source_count": 3},
        {"labelled": False},
        {"id": 4},
        {"extra": {"voc": {"folder": "x"}}},
        {"mirrored": True},
    ],
    ids=[
        "a coordinate", "a label", "a crowd", "a polygon", "whose polygon", "a mask", "keypoints", "areas", "scores",
        "ids", "attributes", "name", "split", "orientation", "no header", "frame", "evidence", "declared", "refusal",
        "findings", "source_count", "labelled", "id", "extra", "mirrored",
    ],
)  # fmt: skip
def test_whatever_is_read_of_an_image_makes_another_content(change: dict[str, Any]) -> None:
    assert content_of(replace(SAMPLE, **change), OUTPUT) != content_of(SAMPLE, OUTPUT)


def test_where_it_goes_makes_another_content_and_where_it_lies_does_not() -> None:
    same = replace(SAMPLE, path=Path("/elsewhere/a.jpg"), **objects())
    assert content_of(same, OUTPUT) == content_of(SAMPLE, OUTPUT)
    assert content_of(SAMPLE, replace(OUTPUT, image="images/train/a-2.jpg")) != content_of(SAMPLE, OUTPUT)
    assert content_of(SAMPLE, None) != content_of(SAMPLE, OUTPUT)


def test_a_stamp_knows_size_and_time_and_a_missing_file_has_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"abc")
    assert stamp_of(path) == FileStamp(3, path.stat().st_mtime_ns)
    assert stamp_of(tmp_path / "absent") == stamp_of(tmp_path / "a\0b") == NO_STAMP
