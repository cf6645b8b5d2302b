"""Standard output that cannot be written: one line says so, and the exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bboxprep.cli import streams
from tests.running import ROOT

FULL = Path("/dev/full")
FAULT = "bboxprep: standard output: cannot be written"


def ended(code: str, *, buffered: bool = True, **given: int | None) -> tuple[int, str]:
    """The exit code of a process that runs `code`, and what it says on standard error."""
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "" if buffered else "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=surroundings, text=True, stderr=subprocess.PIPE, check=False, **given
    )  # type: ignore[call-overload]
    return done.returncode, done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="no device here is always full")
@pytest.mark.parametrize("buffered", [True, False])
def test_a_full_device_is_told_in_one_line(buffered: bool) -> None:
    with FULL.open("wb") as full:
        code, words = ended(
            "import sys; sys.argv = ['bboxprep', 'formats']; from bboxprep.cli import main; main()",
            buffered=buffered,
            stdout=full.fileno(),
        )
    assert (code, words) == (2, f"{FAULT} (No space left on device)\n")


@pytest.mark.skipif(os.name != "posix", reason="no descriptor can be closed here")
def test_a_closed_stream_is_told_and_no_file_takes_its_number() -> None:
    begin = "import os, sys; os.close(1); sys.stdout = None; from bboxprep.cli import streams; "
    code, words = ended(
        f"{begin}streams.open_missing_streams(); assert os.open(os.devnull, os.O_RDONLY) > 2\n"
        "with streams.system_faults_named(): print('text')"
    )
    assert code == 1
    assert words.splitlines()[-1].endswith("standard output: cannot be written (Bad file descriptor)")


@pytest.mark.skipif(not FULL.exists(), reason="no device here is always full")
def test_what_is_done_before_the_output_fails_is_no_failure_of_the_run() -> None:
    with FULL.open("wb") as full:
        done = ended(
            "from bboxprep.cli import streams\nwith streams.work_is_done(): print('text')", stdout=full.fileno()
        )
    assert done == (1, f"{FAULT} (No space left on device); all else is done\n")


def test_other_faults_of_the_system_name_their_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(streams.SystemFaultError, match=r"/none/there: cannot be used \(No such file"):  # noqa: SIM117
        with streams.system_faults_named():
            Path("/none/there").read_bytes()
    with pytest.raises(streams.SystemFaultError, match="no memory is left"), streams.system_faults_named():
        raise MemoryError
    assert capsys.readouterr().err == ""
