from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.findings import CODES, Finding, escape_surrogates
from bboxprep.pipeline.resume.fingerprint import NO_STAMP, FileStamp, OutputFile
from bboxprep.pipeline.resume.image_result import ImageResult, decode_results, encode_results

TEXTS = st.text(st.characters(), max_size=8)  # halves of surrogate pairs too
COUNTS = st.integers(0, 2**53)
BOOKS = st.dictionaries(TEXTS.map(escape_surrogates), COUNTS, max_size=3)
FINDINGS = st.builds(
    Finding, st.sampled_from(sorted(CODES)), TEXTS, TEXTS, TEXTS, st.integers(0, 9), category=TEXTS, split=TEXTS
)
RESULTS = st.builds(
    ImageResult,
    split=TEXTS,
    name=TEXTS,
    content=st.binary(max_size=16),
    stamp=st.builds(FileStamp, COUNTS, st.integers(-(2**62), 2**62)),
    digest=st.sampled_from(["", "ab" * 32]),
    first=st.booleans(),
    source_count=COUNTS,
    objects_in=BOOKS,
    objects_due=BOOKS,
    objects_out=BOOKS,
    swapped=st.dictionaries(TEXTS.map(escape_surrogates), st.integers(-(2**53), 2**53), max_size=3),
    columns=BOOKS,
    findings=st.lists(FINDINGS, max_size=2).map(tuple),
    written=st.booleans(),
    write_method=st.sampled_from(["", "linked", "encoded"]),
    files=st.lists(st.builds(OutputFile, TEXTS, TEXTS), max_size=2).map(tuple),
    row=st.binary(max_size=9),
    sidecar_line=st.binary(max_size=9),
    entry=st.none() | st.text(max_size=5) | st.lists(st.integers(0, 9) | st.binary(max_size=3), max_size=3),
)


@given(st.lists(st.none() | RESULTS, max_size=4))
def test_results_come_back_as_they_were_but_for_what_is_no_text(results: list[ImageResult | None]) -> None:
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
        for name in (
            "content",
            "stamp",
            "digest",
            "source_count",
            "objects_in",
            "objects_due",
            "objects_out",
            "swapped",
            "row",
            "sidecar_line",
        ):
            assert getattr(after, name) == getattr(before, name), name
        assert after.entry == before.entry


@given(st.binary(max_size=200) | st.just(b"\xdd\xff\xff\xff\xff") | st.just(b"\x91" * 5000))
def test_bytes_that_are_no_results_give_none(data: bytes) -> None:
    assert results_in(data) == 0


def results_in(data: bytes) -> int:
    try:
        return len(list(filter(None, decode_results(data))))
    except msgspec.DecodeError:
        return 0


@pytest.mark.parametrize(
    "change", [{"source_count": -1}, {"objects_in": {"cat": 2**60}}, {"swapped": {"cat": -(2**60)}}]
)
def test_counts_that_no_image_can_have_are_no_result(change: dict[str, Any]) -> None:
    data = msgspec.msgpack.encode([msgspec.structs.replace(RESULT, **change)])
    with pytest.raises(msgspec.DecodeError):
        decode_results(data)


RESULT = ImageResult(
    split="train", name="a.jpg", content=b"", stamp=NO_STAMP, digest="", first=True, source_count=1,
    objects_in={}, objects_due={}, objects_out={}, swapped={}, columns={}, findings=(), written=True,
    write_method="linked", files=(), row=b"",
    sidecar_line=b"", entry=None,
)  # fmt: skip
