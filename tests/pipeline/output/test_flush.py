"""What was written is asked for on the disk that it was written to, and a disk that has not taken it is an error."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bboxprep.errors import TargetError
from bboxprep.pipeline.output.output_folder import flush_all

linux = pytest.mark.skipif(sys.platform != "linux", reason="another call")


def test_a_folder_is_flushed_and_no_descriptor_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    lowest = os.dup(0)
    os.close(lowest)
    flush_all(tmp_path)
    again = os.dup(0)
    os.close(again)
    assert again == lowest


@linux
def test_it_is_the_disk_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def syncfs(folder: int) -> int:
        asked.append((os.fstat(folder).st_dev, os.fstat(folder).st_ino))
        return 0

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(syncfs=syncfs))
    flush_all(tmp_path)
    assert asked == [(tmp_path.stat().st_dev, tmp_path.stat().st_ino)]


@linux
def test_what_the_disk_has_not_taken_is_a_target_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def syncfs(_: int) -> int:
        ctypes.set_errno(errno.EIO)
        return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(syncfs=syncfs))
    with pytest.raises(TargetError, match=r"cannot be written \(Input/output error\)"):
        flush_all(tmp_path)
