from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep.errors import AnnotationError
from bboxprep.formats.yolo.class_lists import read_class_list

NAMES = ("no", "1e3", "a: b", "🐈", "null")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.txt", "no\n1e3\na: b\n🐈\nnull\n"),
        ("obj.names", "\ufeffno\r\n1e3\r\na: b\r\n🐈\r\nnull"),
        ("data.yaml", "train: x\nnames: [no, 1e3, 'a: b', 🐈, null]\n"),
        ("data.yml", "names:\n  4: null\n  0: no\n  1: 1e3\n  2: 'a: b'\n  3: 🐈\n"),
    ],
)
def test_every_kind_of_list(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8", newline="")
    assert read_class_list(tmp_path / file) == NAMES


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("a.txt", "", "have no names"),
        ("a.txt", "cat\n\ndog\n", "line 2: have no name, want one"),
        ("a.yaml", "nc: 3\n", "have no names"),
        ("a.yaml", "names: {0: cat, 2: dog}\n", "names.1: have no name, want one"),
        ("a.yaml", "names: [\n", "line 2"),
        ("a.txt", None, "cannot be read"),
    ],
)
def test_a_list_that_is_none_is_refused_with_its_place(tmp_path: Path, file: str, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError) as caught:
        read_class_list(tmp_path / file)
    assert str(caught.value).startswith(f"{tmp_path / file}: ")
    assert said in str(caught.value)
