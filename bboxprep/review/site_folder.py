"""Prepares the folder of a site, which must be empty or hold an earlier site."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError, TargetError
from bboxprep.io.atomic import write_bytes
from bboxprep.io.paths import read_bytes
from bboxprep.pipeline.output.output_folder import clear_target, entries, overlap
from bboxprep.pipeline.output.run_record import MAX_RECORD_BYTES

SITE = "bboxprep.review.json"


def prepare(dest: Path, sources: Iterable[Path], *, overwrite: bool) -> None:
    """Clear `dest` for a site: a new or empty folder, or with `overwrite` the folder of an earlier site.

    Raises `TargetError` where it holds other files, or overlaps with one of `sources`.
    """
    for source in sources:
        if overlap(dest, source):
            raise TargetError(f"{dest}: lies in {source}, or holds it; want a folder of its own")
    if dest.exists() and not dest.is_dir():
        raise TargetError(f"{dest}: is a file, want a folder")
    others = _others(dest)
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise TargetError(f"{dest}: holds other files ({others[0]}{more}), want an empty or new folder")
    if entries(dest) and not overwrite:
        raise TargetError(f"{dest}: holds an earlier review; `overwrite=True` replaces it")
    clear_target(dest)
    _mark(dest, [])


def finish(dest: Path) -> None:
    """Record the entries of the finished site at `dest`. Raises `TargetError`."""
    _mark(dest, entries(dest))


def _mark(dest: Path, names: list[str]) -> None:
    write_bytes(dest / SITE, msgspec.json.encode({"entries": names}) + b"\n")


def _others(dest: Path) -> list[str]:
    """The entries of `dest` that are not of a site; none where the site is unfinished and has not recorded its own."""
    names = entries(dest)
    if SITE not in names:
        return names
    try:
        content = read_bytes(dest / SITE, MAX_RECORD_BYTES)
        ours = msgspec.json.decode(content, type=dict[str, list[str]]).get("entries", [])
    except (AnnotationError, ValueError, RecursionError):
        return names
    return [name for name in names if ours and name not in {*ours, SITE}]
