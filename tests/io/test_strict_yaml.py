from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError
from bboxprep.io.strict_yaml import MOST_BYTES, YamlFault, YamlNode, load_texts, parse

TEXT = st.text(st.sampled_from("abn01 :#'\"\n.é-~"), max_size=6)
TREES: st.SearchStrategy[Any] = st.recursive(
    TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)


def plain(node: YamlNode) -> Any:
    if isinstance(node.value, dict):
        return {key: plain(each) for key, each in node.value.items()}
    return list(map(plain, node.value)) if isinstance(node.value, list) else node.value


@given(TREES)
def test_texts_lists_and_maps_come_back(tree: Any) -> None:
    node = parse(yaml.safe_dump(tree, allow_unicode=True).encode())
    assert node is not None
    assert plain(node) == tree


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(0, 4), min_size=1))
def test_every_value_has_the_line_of_its_key(blanks: dict[str, int]) -> None:
    text = "".join("\n" * count + f"{key}:\n  - {key}\n" for key, count in blanks.items())
    node = parse(text.encode())
    assert node is not None
    assert isinstance(node.value, dict)
    for key, each in node.value.items():
        assert text.split("\n")[each.line - 1] == f"{key}:"
        assert isinstance(each.value, list)
        assert text.split("\n")[each.value[0].line - 1] == f"  - {key}"


def test_scalars_stay_text_and_quotes_are_told() -> None:
    node = parse(b"[no, 1e3, null, 'yes']")
    assert node is not None
    assert isinstance(node.value, list)
    assert [(each.value, each.quoted) for each in node.value] == [
        ("no", False), ("1e3", False), ("null", False), ("yes", True),
    ]  # fmt: skip
    assert parse(b"") is None


REFUSED = {
    b"a: &x [1]\nb: *x": "line 2: have an alias",
    b"a: !!int 1": "line 1: have an alias, a tag",
    b"[" * 41 + b"]" * 41: "line 1: have an alias, a tag or more than 40 levels",
    b"a: 1\na: 2": "line 2: have the key 'a' twice, want different keys",
    b"a:\n  ? [b]\n  : c": "line 2: have a list or a map as a key, want text",
    b"a: [1": "line 1: not YAML that can be read here",
    b"a: \xff": "byte 3: not UTF-8 text",
    b"a: \x01": "not YAML",
    b"a" * (MOST_BYTES + 1): "have 1,048,577 bytes, want at most 1,048,576",
}


@pytest.mark.parametrize("data", REFUSED, ids=range(len(REFUSED)))
def test_what_is_dangerous_or_broken_is_refused_with_its_place(tmp_path: Path, data: bytes) -> None:
    words = re.escape(REFUSED[data])
    with pytest.raises(YamlFault, match=words):
        parse(data)
    if b"!!" in data:
        return
    (tmp_path / "data.yaml").write_bytes(data)
    with pytest.raises(AnnotationError, match=words.replace(",\\ a\\ tag", "")):
        load_texts(tmp_path / "data.yaml")


def test_a_file_of_texts_may_have_tags_and_wants_keys(tmp_path: Path) -> None:
    path = tmp_path / "data.yaml"
    path.write_text("kpt_shape: !!python/tuple [17, 3]\nnames: {0: no}\n")  # as PyYAML dumps a tuple
    assert load_texts(path) == {"kpt_shape": ["17", "3"], "names": {"0": "no"}}
    for text in ("", "[a]", "a"):
        path.write_text(text)
        with pytest.raises(AnnotationError, match="want keys with values"):
            load_texts(path)
