"""The folder that a site goes to: empty, or a site of ours to replace; never anything else."""

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


def claim(dest: Path, sources: Iterable[Path], *, overwrite: bool) -> None:
    """Make `dest` ready for a site: a new or empty folder, or that of an earlier site if `overwrite`.

    Raises `TargetError` where something else stands there, or where it would touch one of `sources`.
    """
    for source in sources:
        if overlap(dest, source):
            raise TargetError(f"{dest}: lies in {source}, or holds it; want a folder of its own")
    if dest.exists() and not dest.is_dir():
        raise TargetError(f"{dest}: is a file, want a folder")
    strange = _strangers(dest)
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise TargetError(f"{dest}: holds other files ({strange[0]}{more}), want an empty or new folder")
    if entries(dest) and not overwrite:
        raise TargetError(f"{dest}: holds an earlier review; `overwrite=True` replaces it")
    clear_target(dest)
    _mark(dest, [])


def finish(dest: Path) -> None:
    """Note what belongs to the site at `dest`. Raises `TargetError`."""
    _mark(dest, entries(dest))


def _mark(dest: Path, names: list[str]) -> None:
    write_bytes(dest / SITE, msgspec.json.encode({"entries": names}) + b"\n")


def _strangers(dest: Path) -> list[str]:
    """What stands in `dest` and is not of a site; an unfinished one has not said yet what is its own."""
    names = entries(dest)
    if SITE not in names:
        return names
    try:
        said = read_bytes(dest / SITE, MAX_RECORD_BYTES)
        ours = msgspec.json.decode(said, type=dict[str, list[str]]).get("entries", [])
    except (AnnotationError, ValueError, RecursionError):
        return names
    return [name for name in names if ours and name not in {*ours, SITE}]
