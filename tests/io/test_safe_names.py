from __future__ import annotations

from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.io.safe_names import safe_relative


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
