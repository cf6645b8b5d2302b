"""What a person is told whose command line is wrong or empty.

Errors of click get the style of all other messages: what is wrong, what is wanted, what to do. Without a command, the
commands for the dataset that one stands in are proposed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from bboxprep import formats
from bboxprep.errors import UsageError
from bboxprep.pipeline.output.output_folder import is_finished
from bboxprep.spelling import did_you_mean

_BY_OPTION = {  # options of other programs, by the option of this one that does the same
    "--letterbox": ("--imgsz", "--img", "--img-size", "--image-size", "--size", "--input-size"),
    "--fit": ("--keep-ratio", "--shortest-edge"),
    "--to": ("--format", "--output-format", "--target-format", "--to-format", "--output-type", "--export"),
    "--from": ("--input-format", "--source-format", "--from-format", "--input-type"),
    "--flip": ("--hflip", "--vflip", "--fliplr", "--flipud", "--mirror"),
    "--rotate": ("--degrees", "--rotation", "--angle"),
    "--exposure": ("--brightness", "--gamma"),
    "--grayscale": ("--gray", "--grey", "--greyscale"),
    "--copies": ("--augment", "--multiplier", "--augmentations"),
    "--only": ("--include", "--filter", "--keep", "--include-classes", "--filter-classes"),
    "--drop-class": ("--exclude", "--remove-class", "--exclude-classes", "--ignore-class"),
    "--classes": ("--labels", "--class-names", "--class-list"),
    "--rename": ("--remap", "--map", "--mapping", "--class-map"),
    "--split": ("--splits", "--ratio", "--split-ratio", "--train-split", "--val-split", "--train", "--val"),
    "--workers": ("--jobs", "--threads", "--num-workers", "--processes", "-j"),
    "--overwrite": ("--force", "--exist-ok", "-f", "-y"),
    "--against": ("--original", "--reference", "--compare"),
    "--quiet": ("--silent", "-s"),
}
HABITS: Mapping[str, str] = {other: own for own, others in _BY_OPTION.items() for other in others}
_ARGUMENTS = {  # what others call by an option, and this program by its place
    "SOURCE": ("--input", "--source", "--src", "--data", "--dataset", "--input-dir", "-i"),
    "DEST": ("--output", "--out", "--dest", "--dst", "--output-dir", "--save-dir", "--project", "-o"),
}
PLACES: Mapping[str, str] = {other: own for own, others in _ARGUMENTS.items() for other in others}


def in_our_style(error: click.UsageError) -> UsageError:
    """`error` of click as an error of this program, whose message names the option or the argument."""
    match error:
        case click.NoSuchOption():
            command = error.ctx.command_path if error.ctx else "bboxprep"
            words = f"{error.option_name}: no such option{_hint(error) or f'; {command} --help lists all'}"
        case click.MissingParameter():
            words = _missing(error)
        case click.BadParameter() if error.param:
            words = f"{_named(error.param)}: {_lower(error.message)}"
        case click.BadOptionUsage():
            words = f"{error.option_name}: {_lower(error.message.removeprefix(f'Option {error.option_name!r} '))}"
        case _ if error.ctx and not isinstance(error.ctx.command, click.Group):
            words = f"{_lower(error.message)}; want {_usage(error.ctx)}"
        case _:
            words = _lower(error.message)
    return UsageError(words)


def _hint(error: click.NoSuchOption) -> str:
    """The option that is meant, as others call it or nearly spelt."""
    known = [name for parameter in error.ctx.command.params for name in parameter.opts] if error.ctx else []
    places = [_shown(one) for one in _arguments(error.ctx)]
    name = error.option_name
    if HABITS.get(name) in known:
        return f"; {HABITS[name]} does that here"
    if PLACES.get(name) in {place.rstrip(".") for place in places} and error.ctx:
        return f"; {PLACES[name]} stands by itself here: {error.ctx.command_path} {' '.join(places)}"
    return did_you_mean(name, known)


def _missing(error: click.MissingParameter) -> str:
    if error.param is None or error.ctx is None:
        return _lower(error.format_message())
    return f"{_named(error.param)}: is missing; want {_usage(error.ctx)}"


def _usage(context: click.Context) -> str:
    """The command with all that it cannot do without."""
    required = [one for one in context.command.params if isinstance(one, click.Option) and one.required]
    options = (f"{max(one.opts, key=len)} {one.metavar or ''}".rstrip() for one in required)
    return " ".join([context.command_path, *map(_shown, _arguments(context)), *options])


def _arguments(context: click.Context | None) -> list[click.Argument]:
    return [one for one in context.command.params if isinstance(one, click.Argument)] if context else []


def _named(parameter: click.Parameter) -> str:
    """The longest flag of an option; the name of an argument in capitals."""
    if isinstance(parameter, click.Argument):
        return _shown(parameter).rstrip(".")
    return max(parameter.opts, key=len)


def _shown(argument: click.Argument) -> str:
    return argument.metavar or (argument.name or "").upper()


def _lower(message: str) -> str:
    text = message.rstrip(".")
    return text[:1].lower() + text[1:]


def proposed_commands(folder: Path) -> Iterator[str]:
    """The lines that name the dataset in `folder` and the commands for it; none where there is no dataset."""
    seen = formats.sniffed(folder)
    if not seen:
        return
    titles = " or ".join(formats.load(name).title for name in seen)
    yield f"\nThis folder is a {titles} dataset ({'; '.join(seen.values())}):"
    chosen = f" --from {next(iter(seen))}" if len(seen) > 1 else ""
    yield f"  bboxprep inspect .{chosen}"
    if is_finished(folder):
        yield "  bboxprep verify ."
    others = [name for name in formats.written() if name not in seen]
    target = "yolo" if "yolo" in others else "coco"
    yield f"  bboxprep convert . ../{folder.name or 'dataset'}-prepared --to {target} --letterbox 640{chosen}"
