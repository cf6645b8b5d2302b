"""The command line: arguments, printing, exit codes; no logic of its own.

Exit codes: 0 all well; 1 finished, but something was skipped or found wrong (all of it listed); 2 the request cannot be
done; 130 the run was stopped. Each command's module is imported when it is asked for, so that help and small commands
start fast.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path, PurePath
from typing import Any, TextIO

import click

from bboxprep.cli.signals import interrupting_signals
from bboxprep.cli.streams import open_missing_streams, system_faults_named
from bboxprep.errors import BboxprepError, BboxprepWarning, SourceError, StoppedError, UsageError
from bboxprep.gc_control import freeze_gc_at_exit, import_without_gc
from bboxprep.model.escaping import printable
from bboxprep.spelling import did_you_mean
from bboxprep.version import __version__

STOPPED = 130  # the exit code of a program that Ctrl-C has stopped
COMMANDS = {
    "convert": "Read a dataset, transform pixels and labels together, write it.",
    "inspect": "Show what is in a dataset: classes, sizes, orientations, faults.",
    "review": "Make a site to look through: each image before and after, charts.",
    "verify": "Prove that an output is true to its source, or list what is wrong.",
    "unmap": "Bring predictions on prepared images back to the source's frames.",
    "formats": "Show the formats and what each can hold.",
    "schema": "Print the JSON Schema of recipes, or of the files of a run.",
}


class _Commands(click.Group):
    """Commands that are imported when they run; their one-line help stands in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = _imported(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; Ctrl-C and SIGTERM end it as a `StoppedError`, a wrong option as a `UsageError`."""
        with interrupting_signals(), system_faults_named():
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:
                raise StoppedError("stopped") from None
            except click.UsageError as error:
                raise _ours(error) from error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before the command. Raises `UsageError`."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise _ours(error) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            listed = f"{', '.join(COMMANDS)}{did_you_mean(args[0], COMMANDS)}"
            ctx.fail(f"no such command {args[0]!r}, want one of {listed}")
        return super().resolve_command(ctx, args)


def _ours(error: click.UsageError) -> UsageError:
    from bboxprep.cli.guidance import in_our_style  # only errors need it

    return in_our_style(error)


def _imported(module: str) -> Any:
    if module not in sys.modules:
        import_without_gc(module)
    return sys.modules[module]


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="bboxprep")
@click.pass_context
def commands(ctx: click.Context) -> None:
    """Makes a labelled detection dataset (COCO, YOLO, Pascal VOC) ready to train on, without ever moving a box off its
    object.

    Alone it shows this help, and the commands for the dataset that one stands in.
    """
    if ctx.invoked_subcommand is None:
        from bboxprep.cli.guidance import proposed_commands  # no other command needs it

        for line in (ctx.get_help(), *proposed_commands(Path.cwd())):
            click.echo(line)


_show_as_python = warnings.showwarning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning of this package as a line, and any other one as Python does."""
    if issubclass(category, BboxprepWarning):
        click.echo(f"bboxprep: {printable(str(message))}", err=True)
    else:
        _show_as_python(message, category, filename, lineno, file, line)


def main() -> None:
    """Run the command line of this process."""
    open_missing_streams()
    warnings.showwarning = _show_warning
    freeze_gc_at_exit()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's threads, which spin for 20 ms and find nothing to do
    try:
        commands(prog_name="bboxprep")
    except StoppedError as error:
        _say(error)
        sys.exit(STOPPED)
    except BboxprepError as error:
        _say(error)
        sys.exit(2)


def _say(error: BboxprepError) -> None:
    from bboxprep.cli.flag_names import with_commands, with_flags, with_option  # only errors and findings need these
    from bboxprep.io.remote import plain_path

    words = with_flags(str(error), commands)
    if isinstance(error, UsageError):
        words = with_option(words, sys.argv[1:], commands)
    if isinstance(error, SourceError):
        words = with_commands(words, sys.argv[1:], plain_path(PurePath(error.path)))
    click.echo(f"bboxprep: {printable(words)}", err=True)
