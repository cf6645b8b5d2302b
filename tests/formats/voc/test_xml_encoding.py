from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep.errors import AnnotationError
from bboxprep.formats.voc.parse_files import read_file

OBJECT = "<object><name>{}</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>"
DOCUMENT = '<?xml version="1.0" encoding="{}"?>\n<annotation>\n' + OBJECT + "</annotation>"
DECLARED = {
    "gb2312": "汽车", "GBK": "汽車", "big5": "汽車", "Shift_JIS": "猫", "EUC-KR": "고양이", "euc-jp": "猫",
    "windows-1251": "кошка", "iso-8859-1": "Möwe", "utf-16": "猫", "UTF-8": "猫", "koi8-r": "кошка",
}  # fmt: skip


@pytest.mark.parametrize("encoding", DECLARED)
def test_a_file_is_read_in_the_encoding_that_it_declares(tmp_path: Path, encoding: str) -> None:
    name = DECLARED[encoding]
    (tmp_path / "a.xml").write_bytes(DOCUMENT.format(encoding, name).encode(encoding))
    assert read_file(tmp_path / "a.xml").names == (name,)


@pytest.mark.parametrize(("declared", "used", "name"), [("gb2312", "gbk", "汽車"), ("shift_jis", "cp932", "①")])
def test_letters_that_the_declared_encoding_lacks_are_read_in_the_larger_one(
    tmp_path: Path, declared: str, used: str, name: str
) -> None:
    with pytest.raises(UnicodeEncodeError):
        name.encode(declared)
    (tmp_path / "a.xml").write_bytes(DOCUMENT.format(declared, name).encode(used))
    assert read_file(tmp_path / "a.xml").names == (name,)


def test_what_is_wrong_stands_in_the_line_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes('<?xml version="1.0"\nencoding="gbk"?>\n<annotation>\n<a></b>'.encode("gbk"))
    with pytest.raises(AnnotationError, match=r"a\.xml: 4:\d+: not well-formed XML"):
        read_file(tmp_path / "a.xml")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            b'<?xml version="1.0" encoding="gb2312"?><annotation>\xff\xff',
            "declares the encoding gb2312, but is no such",
        ),
        (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "unknown encoding"),
        (b"<annotation><filename>\xe4</filename></annotation>", "byte 22: not UTF-8 text; `encoding` names another"),
    ],
)
def test_what_is_not_in_its_encoding_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a.xml").write_bytes(data)
    with pytest.raises(AnnotationError, match=words):
        read_file(tmp_path / "a.xml")


def test_a_declaration_in_an_encoding_of_its_own_hides_no_document_type(tmp_path: Path) -> None:
    hidden = '<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>'
    (tmp_path / "a.xml").write_bytes(hidden.encode())
    with pytest.raises(AnnotationError, match="document type declaration"):
        read_file(tmp_path / "a.xml")
