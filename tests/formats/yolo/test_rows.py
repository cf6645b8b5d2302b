"""Reading the rows of a YOLO label file."""

from __future__ import annotations

import codecs
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bboxprep.formats.yolo_row_kinds import RowGrammar, RowKind, Task
from bboxprep.formats.yolo_row_notes import LabelFile, Rows
from bboxprep.formats.yolo_rows import MOST_BYTES, looks_like_rows, parse
from bboxprep.io.text import marked_encoding

BOX = b"0 0.5 0.5 0.2 0.4\n"
EDGES = [0.4, 0.3, 0.6, 0.7]

tokens = st.one_of(
    st.integers(-2, 4).map(str),
    st.floats(-0.1, 1.1).map("{:.6f}".format),
    st.sampled_from(["nan", "inf", "1e999", "1e-3", "0,5", "person", "1_0", "٣", "0.5,", "\x00", "-"]),
)
grammars = st.builds(
    RowGrammar,
    st.sampled_from(["auto", "detect", "segment", "pose", "obb"]),
    st.sampled_from([None, (1, 2), (2, 3)]),
    st.sampled_from([None, 0, 3]),
)


@st.composite
def nearly_sound(draw: st.DrawFn) -> list[str]:
    """A row of which one number may be anything; most often the class, a confidence or a visibility."""
    line = ["1"] * draw(st.sampled_from([5, 6, 6, 7, 8, 11, 11]))
    place = draw(st.sampled_from([0, 5, 7, 10]) | st.integers(0, 10))
    line[place % len(line)] = draw(st.sampled_from(["0", "3", "-0.5", "-1", "0.5", "1e9", "-1e999"]) | tokens)
    return line


def balances(rows: Rows) -> bool:
    return rows.source_count == len(rows.labels) + sum(finding.objects for finding in rows.findings)


@example("\n\0 \0", RowGrammar())  # looks like UTF-16
@example("\n\0 \0x", RowGrammar())
@given(st.lists(st.lists(tokens, max_size=12).map(" ".join)).map("\n".join), grammars)
def test_every_row_is_an_object_or_in_a_finding(text: str, grammar: RowGrammar) -> None:
    rows = parse(text.encode(), grammar)

    assert balances(rows)
    data = text.encode()
    read = data.decode(marked_encoding(data) or "utf-8", "replace").encode("utf-8", "replace")  # zeros may be UTF-16
    assert rows.source_count == sum(1 for line in read.splitlines() if line.strip())
    assert np.isfinite(rows.boxes).all()
    count = grammar.keypoints[0] if grammar.keypoints else 0
    assert rows.keypoints.shape == (len(rows.labels), count, 2)


@example([["1"] * 5 + ["-0.5"]], RowGrammar())
@example([["1"] * 10 + ["3"], ["1"] * 7 + ["3"] + ["1"] * 3], RowGrammar(keypoints=(2, 3)))
@given(st.lists(nearly_sound(), max_size=9), grammars)
def test_exactly_the_rows_are_read_that_can_be_meant(lines: list[list[str]], grammar: RowGrammar) -> None:
    rows = parse("\n".join(map(" ".join, lines)).encode(), grammar)

    meant = [line for line in lines if can_be_meant(line, grammar)]
    assert rows.labels.tolist() == [float(line[0]) for line in meant]
    assert len({finding.where for finding in rows.findings}) == len(lines) - len(meant)


def can_be_meant(line: list[str], grammar: RowGrammar) -> bool:
    """Row by row and number by number what `parse` does with all of a file at once."""
    kind = grammar.kind(len(line))
    try:
        label, *values = [float(token.encode()) for token in line]
    except ValueError:
        return False
    if kind is None or "_" in "".join(line) or not all(abs(value) < 1e9 for value in (label, *values)):
        return False
    if kind is RowKind.SCORED and not 0 <= values[4] <= 1:
        return False
    if kind is RowKind.POSE and grammar.keypoints == (2, 3) and not {values[6], values[9]} <= {0, 1, 2}:
        return False
    return label >= 0 and label.is_integer() and (grammar.classes is None or label < grammar.classes)


@given(st.lists(nearly_sound().map(" ".join), max_size=6), grammars)
def test_a_row_reads_alike_alone_and_among_others(lines: list[str], grammar: RowGrammar) -> None:
    together = parse("\n".join(lines).encode(), grammar)
    alone = [parse(line.encode(), grammar) for line in lines]

    for column in ("labels", "boxes", "scores", "keypoints", "visibility"):
        parts = [getattr(rows, column) for rows in alone] or [getattr(together, column)]
        np.testing.assert_array_equal(getattr(together, column), np.concatenate(parts))
    told = [(finding.code, finding.message) for rows in alone for finding in rows.findings]
    assert [(finding.code, finding.message) for finding in together.findings] == told


@given(st.binary(max_size=400), grammars)
def test_no_bytes_raise(data: bytes, grammar: RowGrammar) -> None:
    rows = parse(data, grammar)

    assert balances(rows)
    assert looks_like_rows(data) in (True, False)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32-be", "cp500"])
def test_rows_in_an_encoding_that_is_named_are_those_of_utf8(encoding: str) -> None:
    text = "1 .5 .5 .2 .2\n0 .1 .2 .3 .2 .3 .4\nn/a\n"

    read = parse(text.encode(encoding), RowGrammar(encoding=encoding))

    assert read.labels.tolist() == [1, 0]
    assert [(one.message, one.where) for one in read.findings] == [("have 'n/a', want a number", "line 3")]
    assert read.boxes.tolist() == parse(text.encode(), RowGrammar()).boxes.tolist()


def test_corners_are_read_where_the_dataset_is_said_to_have_them() -> None:
    text = b"0 .1 .2 .4 .8\n1 .1 .2 .3 .2 .3 .4\n0 .1 .2 .4 1.0000004 .9\n"

    read = parse(text, RowGrammar(boxes="xyxy"))

    assert read.boxes.tolist() == [[0.1, 0.2, 0.4, 0.8], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.4, 1.0]]


@given(st.lists(st.tuples(st.integers(0, 9), *[st.integers(0, 999_999)] * 4), max_size=9))
def test_the_order_of_the_file_is_kept(objects: list[tuple[int, ...]]) -> None:
    rows = [[str(label), *(f"{value / 1e6:.6f}" for value in values)] for label, *values in objects]
    mixed = [row if index % 2 else [*row, "0.1", "0.2"] for index, row in enumerate(rows)]

    read = parse("\n".join(map(" ".join, mixed)).encode(), RowGrammar())

    assert read.labels.tolist() == [label for label, *_ in objects]
    assert [len(rings) for rings in read.rings] == [1 - index % 2 for index in range(len(objects))]


@pytest.mark.parametrize(
    "data",
    [
        BOX,
        BOX.rstrip(),
        codecs.BOM_UTF8 + BOX,
        b"0\t0.5   0.5 \t0.2 0.4  \r\n\r\n",
        b"\n\n0.0 5e-1 .5 2E-1 +0.4\n   \n",
        b"0 0.5 0.5 0.2 0.4\r",
    ],
)
def test_spellings_of_one_box(data: bytes) -> None:
    rows = parse(data, RowGrammar())

    assert rows.findings == ()
    assert rows.source_count == 1
    np.testing.assert_allclose(rows.boxes[0], EDGES, atol=1e-15)


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        ("0,0.5,0.5,0.2,0.4", "record-unreadable", "have '0,0.5,0.5,0.2,0.4', want numbers with blanks between (comma separated?)"),  # noqa: E501
        ("0 0.5, 0.5, 0.2, 0.4", "record-unreadable", "have '0.5,', want numbers with blanks between (comma separated?)"),  # noqa: E501
        ("0 0,5 0,5 0,2 0,4", "record-unreadable", "have '0,5', want a number with a decimal point (decimal comma?)"),
        ("dog 0.5 0.5 0.2 0.4", "record-unreadable", "have 'dog', want the number of a class (a class name?)"),
        ("0 0.5 text 0.2 0.4", "record-unreadable", "have 'text', want a number"),
        ("0 0.5 1_0 0.2 0.4", "record-unreadable", "have '1_0', want a number"),
        ("0 0.5 0.5 0.2", "record-unreadable", "have 4 columns, want 5 (box), 6 (box, confidence) or an odd number from 7 on (polygon)"),  # noqa: E501
        ("0 0.5 0.5 0.2 0.4 1 1 1", "record-unreadable", "have 8 columns, want 5 (box), 6 (box, confidence) or an odd number from 7 on (polygon)"),  # noqa: E501
        ("0 0.5 nan 0.2 0.4", "box-not-finite", "have nan, want a fraction of the image"),
        ("0 0.5 0.5 inf 0.4", "box-not-finite", "have inf, want a fraction of the image"),
        ("0 0.5 0.5 1e300 0.4", "record-unreadable", "have 1e300, want a fraction of the image"),
        ("0.5 0.5 0.5 0.2 0.4", "record-unreadable", "class 0.5, want a whole number"),
        ("0 0.5 0.5 0.2 0.4 1.5", "record-unreadable", "confidence 1.5, want 0 to 1"),
        ("15 0.5 0.5 0.2 0.4", "category-unknown", "id 15 but 3 names"),
        ("-1 0.5 0.5 0.2 0.4", "category-unknown", "id -1 but 3 names"),
    ],
)  # fmt: skip
def test_a_bad_row_is_one_finding_and_harms_no_other(row: str, code: str, message: str) -> None:
    rows = parse(
        BOX + b"\n" + row.encode() + b"\n1 0.5 0.5 0.5 0.5\n",
        RowGrammar(classes=3),
        LabelFile(Path("labels/a.txt"), Path(), "val"),
    )

    (finding,) = rows.findings
    assert (finding.code, finding.message, finding.objects) == (code, message, 1)
    assert (finding.path, finding.where, finding.split) == ("labels/a.txt", "line 3", "val")
    assert rows.labels.tolist() == [0, 1]
    assert balances(rows)


def test_a_confidence_and_polygons_stand_beside_boxes() -> None:
    rows = parse(b"2 .1 .1 .2 .2 .9\n1 .1 .1 .5 .1 .5 .7\n" + BOX + b"0 .1 .2 .3 .2 .3 .4 .1 .4", RowGrammar())

    assert rows.labels.tolist() == [2, 1, 0, 0]
    np.testing.assert_array_equal(rows.scores, [0.9, np.nan, np.nan, np.nan])
    assert [len(rings) for rings in rows.rings] == [0, 1, 0, 1]
    np.testing.assert_allclose(rows.boxes[1], [0.1, 0.1, 0.5, 0.7])
    np.testing.assert_allclose(rows.rings[3][0], [[0.1, 0.2], [0.3, 0.2], [0.3, 0.4], [0.1, 0.4]])


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        ("auto", {5, 6, 7, 9, 11, 13}),
        ("detect", {5, 6}),
        ("segment", {5, 6, 7, 9, 11, 13}),
        ("obb", {5, 9}),
    ],
)
def test_the_task_settles_which_rows_there_are(task: Task, columns: set[int]) -> None:
    readable = {count for count in range(1, 14) if parse(b"0" + b" 0.5" * (count - 1), RowGrammar(task)).labels.size}

    assert readable == columns


def test_keypoints_of_three_numbers_keep_their_visibility() -> None:
    rows = parse(b"0 .5 .5 .2 .2 .1 .2 2 .3 .4 1 0 0 0\n" + BOX, RowGrammar(keypoints=(3, 3)))

    np.testing.assert_array_equal(rows.visibility, [[2, 1, 0], [0, 0, 0]])
    np.testing.assert_allclose(rows.keypoints[0], [[0.1, 0.2], [0.3, 0.4], [0.0, 0.0]])


def test_keypoints_of_two_numbers_are_visible_unless_zero() -> None:
    rows = parse(b"0 .5 .5 .2 .2 .1 .2 0 0 0 .5", RowGrammar(keypoints=(3, 2)))

    np.testing.assert_array_equal(rows.visibility, [[2, 0, 2]])


def test_keypoints_with_a_foreign_visibility_are_not_guessed() -> None:
    rows = parse(b"0 .5 .5 .2 .2 .1 .2 0.87", RowGrammar(keypoints=(1, 3)))

    assert [finding.message for finding in rows.findings] == ["visibility of a keypoint, want 0, 1 or 2"]


@pytest.mark.parametrize(
    ("row", "right"),
    [
        (b"0 0.9 0.5 0.200000 0.4", 1.0),
        (b"0 0.900000 0.5 0.200001 0.4", 1.0),  # half a millionth over
        (b"0 0.98 0.5 0.05 0.4", 1.005),  # more than can be meant by rounding: left for the pipeline to judge
        (b"0 0.98 0.5 0.041 0.4", 1.0),  # 5e-4 over, numbers of three decimals
        (b"0 0.9800 0.5 0.0410 0.4", 1.0005),  # the same with four
        (b"0 1 0.5 1 0.4", 1.5),
        (b"0 1.2 0.5 0.2 0.4", 1.3),
    ],
)
def test_what_rounding_spills_over_the_edge_is_cut(row: bytes, right: float) -> None:
    rows = parse(row, RowGrammar())

    np.testing.assert_allclose(rows.boxes[0, 2], right, atol=1e-12)
    assert not rows.findings
    assert rows.boxes[0, 2] == 1.0 or right != 1.0


def test_a_repeated_row_is_read_like_any_other() -> None:
    rows = parse(BOX + b"1 .1 .1 .1 .1\n0.0 .50 0.5 0.20 0.4\n", RowGrammar())

    assert len(rows.labels) == 3
    assert not rows.findings


def test_a_ruined_file_does_not_flood_the_report() -> None:
    rows = parse(b"x\n" * 5000 + BOX, RowGrammar())

    assert len(rows.findings) == 101
    assert rows.findings[-1].message == "4900 more rows"
    assert balances(rows)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_with_a_mark_is_read_and_damaged_it_is_said_so(encoding: str) -> None:
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    data = mark + (BOX.decode() * 3).encode(encoding)
    plain, read, cut = (parse(text, RowGrammar()) for text in (BOX * 3, data, data[:-1]))

    assert read.boxes.tolist() == plain.boxes.tolist()
    assert (len(read.boxes), read.findings) == (3, ())
    (finding,) = cut.findings
    assert finding.message.startswith(f"byte {len(data) - 2}: not utf-16-")
    assert finding.objects == 3
    assert balances(cut)


def test_a_file_too_large_for_one_image_is_refused_whole() -> None:
    rows = parse(b"0 1 1 1 1\n" * (MOST_BYTES // 10 + 1), RowGrammar())

    assert len(rows.labels) == 0
    assert [finding.code for finding in rows.findings] == ["record-unreadable"]
    assert balances(rows)
