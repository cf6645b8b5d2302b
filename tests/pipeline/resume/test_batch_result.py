from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.findings import CODES, Finding, escape_surrogates
from bboxprep.pipeline.resume.batch_result import (
    BatchResult,
    OutputCounts,
    SourceCounts,
    decode_result,
    decode_result_or_number,
    encode_result,
)
from bboxprep.pipeline.resume.fingerprint import NO_STAMP, FileStamp, ImageFiles, OutputFile

TEXTS = st.text(st.characters(), max_size=8)  # halves of surrogate pairs too
COUNTS = st.integers(0, 2**40)
BY_NAME = st.dictionaries(TEXTS.map(escape_surrogates), COUNTS, max_size=3)
CHANGES = st.dictionaries(TEXTS.map(escape_surrogates), st.integers(-(2**40), 2**40), max_size=3)
FINDINGS = st.builds(
    Finding, st.sampled_from(sorted(CODES)), TEXTS, TEXTS, TEXTS, st.integers(0, 9), category=TEXTS, split=TEXTS
)
IMAGES = st.builds(
    ImageFiles,
    TEXTS,
    st.builds(FileStamp, COUNTS, st.integers(-(2**62), 2**62)),
    st.sampled_from(["", "ab" * 32]),
    st.lists(st.builds(OutputFile, TEXTS, TEXTS), max_size=2).map(tuple),
)
RESULTS = st.builds(
    BatchResult,
    split=TEXTS,
    content=st.binary(max_size=16),
    images=st.lists(IMAGES, max_size=3).map(tuple),
    source=st.builds(SourceCounts, COUNTS, COUNTS, BY_NAME, BY_NAME),
    output=st.builds(OutputCounts, COUNTS, BY_NAME, BY_NAME, BY_NAME, CHANGES),
    findings=st.lists(FINDINGS, max_size=2).map(tuple),
    rows=st.binary(max_size=9),
    sidecar=st.binary(max_size=9),
    entries=st.lists(
        st.none() | st.text(max_size=5) | st.lists(st.integers(0, 9) | st.binary(max_size=3), max_size=3), max_size=3
    ).map(tuple),
)


@given(RESULTS)
def test_a_result_comes_back_as_it_was_but_for_what_is_no_text(before: BatchResult) -> None:
    after = decode_result_or_number(encode_result(before))
    assert isinstance(after, BatchResult)
    assert after.keys == [(escape_surrogates(split), escape_surrogates(name)) for split, name in before.keys]
    assert list(map(str, after.findings)) == [escape_surrogates(str(finding)) for finding in before.findings]
    for found, image in zip(after.images, before.images, strict=True):
        assert (found.stamp, found.digest) == (image.stamp, image.digest)
        assert [file.path for file in found.files] == [escape_surrogates(file.path) for file in image.files]
    for name in ("content", "source", "output", "rows", "sidecar", "entries"):
        assert getattr(after, name) == getattr(before, name), name


@given(st.integers(1, 2**31))
def test_the_number_of_a_batch_comes_back(number: int) -> None:
    assert decode_result_or_number(encode_result(number)) == number


@given(st.binary(max_size=200) | st.just(b"\xdd\xff\xff\xff\xff") | st.just(b"\x91" * 5000))
def test_bytes_that_are_no_result_are_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_result(data)


@pytest.mark.parametrize(
    "change",
    [
        {"source": SourceCounts(-1)},
        {"source": SourceCounts(1, 1, {"cat": 2**60})},
        {"output": OutputCounts(1, swapped={"cat": -(2**60)})},
        {"findings": (Finding("box-outside", "gone", objects=-1),)},
    ],
)
def test_counts_that_no_batch_can_have_are_no_result(change: dict[str, Any]) -> None:
    data = bytearray(msgspec.msgpack.encode(NONE))
    assert decode_result(data) == NONE
    fields = dict(zip(BatchResult.__struct_fields__, msgspec.structs.astuple(NONE), strict=True)) | change
    with pytest.raises(msgspec.DecodeError):
        decode_result(msgspec.msgpack.encode(list(fields.values())))


@given(st.lists(RESULTS, min_size=1, max_size=4), st.data())
def test_parts_join_in_any_groups_to_the_same_batch(parts: list[BatchResult], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(parts)))
    groups = [group for group in (parts[:cut], parts[cut:]) if group]
    whole = BatchResult.join(b"c", parts)
    assert BatchResult.join(b"c", [BatchResult.join(b"", group) for group in groups]) == whole
    assert whole.images == tuple(image for part in parts for image in part.images)
    assert whole.source.listed == sum(part.source.listed for part in parts)
    for name in {name for part in parts for name in part.output.written}:
        assert whole.output.written[name] == sum(part.output.written.get(name, 0) for part in parts)


NONE = BatchResult(
    "train", b"", (ImageFiles("a.jpg", NO_STAMP, "", ()),), SourceCounts(), OutputCounts(), (), b"", b"", ()
)
