from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from bboxprep.errors import AnnotationError
from bboxprep.formats.yolo.class_lists import read_class_list
from bboxprep.pipeline.api import read

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


@pytest.mark.parametrize(
    ("other", "text", "disputed"),
    [
        ("other.yaml", "names: [dog, cat]\n", True),
        ("other.data", "classes = 2\ntrain = x\n", False),
        ("model.yaml", "nc: 80\nbackbone: []\n", False),
        ("same.yml", "train: x\nnames: {0: cat, 1: dog}\n", False),
        ("broken.yaml", "names: [\n", False),
    ],
)
def test_another_data_yaml_with_other_names_is_told(tmp_path: Path, other: str, text: str, disputed: bool) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n", encoding="utf-8")
    (tmp_path / "data.yaml").write_text("train: .\nnames: [cat, dog]\n", encoding="utf-8")
    (tmp_path / other).write_text(text, encoding="utf-8")
    dataset = read(tmp_path)
    assert dataset.categories.names == ("cat", "dog")
    found = [one for one in dataset.findings if one.code == "class-disputed"]
    assert [one.path for one in found] == [other] * disputed
    assert all("class 0 is 'cat' in data.yaml and 'dog' in other.yaml" in one.message for one in found)
