from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import TargetError
from bboxprep.io import spooled_lines
from bboxprep.io.spooled_lines import SpooledLines

LINES = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b" ")), max_size=20)


@given(lines=LINES, piece=st.integers(1, 60), in_memory=st.integers(1, 60))
def test_lines_come_back_in_order_however_many_are_written_together(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], piece: int, in_memory: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spooled_lines, "_PIECE", piece)
        patch.setattr(spooled_lines, "_BYTES", in_memory)
        spooled = SpooledLines(tmp_path_factory.mktemp("lines"))
        for line in lines:
            spooled.add(line)
        assert list(spooled) == list(spooled) == lines
        assert b"".join(spooled.joined(b", ")) == b", ".join(lines)
        spooled.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk here")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    spooled = SpooledLines(tmp_path)
    with Path("/dev/full").open("w+b", buffering=0) as full, pytest.MonkeyPatch.context() as patch:
        patch.setattr(spooled, "_spool", full)
        spooled.add(b"line")
        with pytest.raises(TargetError, match="No space left"):
            list(spooled)
