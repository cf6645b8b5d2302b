from __future__ import annotations

import ntpath
from collections.abc import Callable
from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import TargetError
from bboxprep.io.safe_names import safe_name, safe_path, safe_relative


def is_reserved(name: str) -> bool:
    """Whether Windows gives `name` a meaning of its own."""
    asked: Callable[[str], bool] | None = getattr(ntpath, "isreserved", None)  # from Python 3.13 on
    return asked(name) if asked else PureWindowsPath(name).is_reserved()


@given(st.text("a.b/\\:\0C", max_size=12))
def test_a_safe_relative_path_stays_below_any_folder_on_any_system(text: str) -> None:
    safe = safe_relative(text)
    kinds: tuple[type[PurePath], ...] = (PurePosixPath, PureWindowsPath)
    inside = [
        path.parts[: len(root.parts)] == root.parts and ".." not in path.parts and len(path.parts) > len(root.parts)
        for kind in kinds
        for root in [kind("D:/any/where")]
        for path in [root / text]
    ]
    assert not safe or (all(inside) and PurePosixPath(safe) == PurePosixPath(text) and "\0" not in safe)
    assert safe or not all(inside) or "\0" in text or ":" in text


@pytest.mark.parametrize(
    "text", ["", ".", "..", "/a", "\\a", "a/..", "a\\..\\b", "C:a", "c:/a", "s3://a/b", "a\0b", "//a"]
)
def test_a_path_that_could_lead_out_is_refused(text: str) -> None:
    assert safe_relative(text) == ""


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a.jpg", "a.jpg"),
        ("CON", "CON_"),
        ("com1 .jpg", "com1 _.jpg"),
        ("conin$", "conin$_"),
        ("console.jpg", "console.jpg"),
        ("...", "___"),
        (" ", "_"),
        ("a. .", "a___"),
        ("half\udcff.jpg", "half_.jpg"),
        ("x" * 300 + ".jpg", "x" * 236 + ".jpg"),
        ("é" * 125 + ".jpg", "é" * 118 + ".jpg"),
        ("a:b|c\x7f", "a_b_c_"),
        (" lead and trail .jpg", "_lead and trail_.jpg"),
        ("\u3000wide\xa0.png", "_wide_.png"),
        (" .jpg", "_.jpg"),
        ("no text\uffff.jpg", "no text_.jpg"),
    ],
)
def test_a_name_is_changed_where_a_system_cannot_have_it(name: str, written: str) -> None:
    assert safe_name(name) == written


NAMES = st.text(st.characters(codec=None, exclude_characters="/\0"), min_size=1, max_size=90) | st.sampled_from(
    ["con", "aux.x", "a.", " ", "...", "nul:", "COM1 ", "a\\..\\b", "é" * 200]
)


@given(parts=st.lists(NAMES.filter(lambda name: name not in (".", "..")), min_size=1, max_size=3))
def test_a_safe_path_is_one_that_windows_can_have_too_and_stays_as_it_is(parts: list[str]) -> None:
    path = safe_path(PurePosixPath(*parts))
    assert safe_path(path) == path
    assert len(path.parts) == len(parts)
    for part in path.parts:
        assert not set(part) & set('<>:"|?*\\')
        assert min(map(ord, part)) >= 32
        assert part == part.rstrip(". ")
        assert not is_reserved(part)
        assert len(part.encode("utf-8")) <= 240


@pytest.mark.parametrize("path", ["../a.jpg", "/a.jpg", "a/../../b.jpg"])
def test_no_path_leaves_its_folder(path: str) -> None:
    with pytest.raises(TargetError, match="may not leave its folder"):
        safe_path(PurePosixPath(path))
