"""The command inside this process: what it answers, and what it refuses."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from bboxprep.cli import commands
from bboxprep.cli.flag_names import with_flags
from bboxprep.errors import BboxprepError


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments], prog_name="bboxprep")


def refused(*arguments: str | Path) -> str:
    result = run(*arguments)
    if isinstance(result.exception, BboxprepError):
        return with_flags(str(result.exception), commands)
    assert result.exit_code == 2, result.output
    return result.output
