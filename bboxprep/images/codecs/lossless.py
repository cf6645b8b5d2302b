"""Turns a JPEG without loss, by ``jpegtran``: coefficients change places and signs, no pixel is decoded.

The work is done by ``jpegtran`` where one is installed: a process of its own, so that a broken file can end nothing but
that process, and its exit code tells of every doubt. Of Python's bindings jpeglib 1.0 reads a truncated file without an
error, and PyTurboJPEG 2.6 has no turn. A mirrored axis can be turned only if it ends with a whole block of
coefficients (8 px, 16 where chroma is halved); what is left over at the end of any other axis stays at the end.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import msgspec

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.images.codecs.jpeg import with_metadata
from bboxprep.images.codecs.kept_metadata import kept_from
from bboxprep.images.container import FRAMES, MOST_SCANS, jpeg_segments, scans
from bboxprep.images.pillow_reader import faults_named
from bboxprep.model.header import Header

_SWITCHES = {  # by the EXIF code that asks for the turn
    2: ("-flip", "horizontal"),
    3: ("-rotate", "180"),
    4: ("-flip", "vertical"),
    5: ("-transpose",),
    6: ("-rotate", "90"),
    7: ("-transverse",),
    8: ("-rotate", "270"),
}


class JpegtranTool(msgspec.Struct, frozen=True):
    """The `program` that turns, and its `version` as it states it."""

    program: str
    version: str


@cache
def find_jpegtran() -> JpegtranTool | None:
    """The jpegtran of this machine, or None where there is none or it does not state its version."""
    program = shutil.which("jpegtran")
    if program is None:
        return None
    said = _run(program, ("-version",), b"")
    found = re.search(r"\S+ version \S+( \(build \w+\))?", said.stderr.decode("utf-8", "replace")) if said else None
    return JpegtranTool(program, found[0]) if found else None


def turned(source: Path, data: bytes, header: Header, turn: Dihedral, *, strip: bool) -> tuple[bytes, str] | None:
    """The JPEG `data`, read from the file `source` of this `header`, turned; and words for `metadata-dropped`, or "".

    None where that cannot be had without loss and without doubt: no tool, a size that does not allow it, inks instead
    of gray or RGB, another container, or a file that is damaged in any way. Its metadata is what an encoded
    image keeps: the profile, and EXIF with orientation 1 unless `strip`. Raises `ImageError`.
    """
    found = find_jpegtran() if header.container == "jpeg" and header.mode in {"L", "RGB"} else None
    if not found or turn.is_identity or scans(data) > MOST_SCANS:
        return None
    made = _run(found.program, ("-copy", "none", "-perfect", *_SWITCHES[turn.exif]), data)
    if made is None or made.returncode or _size(made.stdout) != turn.size(header.size):
        return None
    kept = kept_from(source, header.container, header.mode, strip=strip, data=data)
    with faults_named(source, "cannot be turned"):
        return with_metadata(made.stdout, kept.exif, kept.profile), kept.lost


def _run(program: str, switches: tuple[str, ...], data: bytes) -> subprocess.CompletedProcess[bytes] | None:
    try:
        return subprocess.run([program, *switches], input=data, capture_output=True, check=False)
    except OSError:
        return None


def _size(data: bytes) -> Size | None:
    """The size that the frame of a JPEG states."""
    at = next((start for marker, start, _ in jpeg_segments(data) if marker in FRAMES), None)
    if at is None:
        return None
    return Size(int.from_bytes(data[at + 3 : at + 5], "big"), int.from_bytes(data[at + 1 : at + 3], "big"))
