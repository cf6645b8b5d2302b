"""Turns and pads a JPEG without loss, by ``jpegtran``: coefficients change places and signs, no pixel is decoded.

The work is done by ``jpegtran`` where one is installed: a process of its own, so that a broken file can end nothing but
that process, and its exit code tells of every doubt. Of Python's bindings jpeglib 1.0 reads a truncated file without an
error, and PyTurboJPEG 2.6 has no turn. A mirrored axis can be turned only if it ends with a whole block of
coefficients (8 px, 16 where chroma is halved); what is left over at the end of any other axis stays at the end.

A photo is padded by dropping its blocks on a canvas of one colour that is coded with the photo's own quantisation
tables (``jpegtran -drop``, of libjpeg-turbo 2.1 and later). So it has to begin with a whole block of the canvas, and to
end with one or at the end of the canvas.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Plan
from bboxprep.images.codecs import jpeg
from bboxprep.images.codecs.kept_metadata import kept_from
from bboxprep.images.container import FRAMES, MOST_SCANS, jpeg_segments, scans
from bboxprep.images.pillow import pillow
from bboxprep.images.pillow_reader import faults_named, opened
from bboxprep.model.header import Header
from bboxprep.model.rendering import Pad

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
    found = _tool_for(header, data)
    if not found or turn.is_identity:
        return None
    made = _turned(found, data, header.size, turn)
    return _with_metadata(made, source, header, data, strip=strip) if made else None


def padded(source: Path, data: bytes, header: Header, plan: Plan, pad: Pad, *, strip: bool) -> tuple[bytes, str] | None:
    """The JPEG `data` as `turned` does it, turned and placed on a larger canvas as `plan` says, which `is_whole`.

    None also where the photo lies across the blocks of the canvas, where its tables cannot hold the colour `pad`
    exactly or `pad` is no colour, and for a JPEG of a rare coding. Raises `ImageError`.
    """
    found, level = _tool_for(header, data), _level(pad, header.mode)
    if not found or level is None or not jpeg.is_usually_coded(data):
        return None
    photo = data if plan.turn.is_identity else _turned(found, data, header.size, plan.turn)
    if photo is None:
        return None
    size, components = jpeg.components_of(source, photo)
    left, top = map(round, plan.seen[:2])
    if not _fits(size, plan.size, (left, top), jpeg.group_of(components)):
        return None
    canvas = _canvas(plan.size, header.mode, level, components, jpeg.sampling_of(photo))
    made = _dropped(found, photo, canvas, (left, top)) if canvas else None
    return _with_metadata(made, source, header, data, strip=strip) if made else None


def _tool_for(header: Header, data: bytes) -> JpegtranTool | None:
    """The tool, where there is one and the JPEG `data` of this `header` may be given to it."""
    is_able = header.container == "jpeg" and header.mode in {"L", "RGB"}
    return find_jpegtran() if is_able and scans(data) <= MOST_SCANS else None


def _turned(found: JpegtranTool, data: bytes, size: Size, turn: Dihedral) -> bytes | None:
    made = _run(found.program, ("-copy", "none", "-perfect", *_SWITCHES[turn.exif]), data)
    return _sound(made, turn.size(size))


def _dropped(found: JpegtranTool, photo: bytes, canvas: bytes, at: tuple[int, int]) -> bytes | None:
    """The JPEG `canvas` with the blocks of the JPEG `photo` in place of its own from `at` (x, y) on."""
    try:
        with TemporaryDirectory(prefix="bboxprep-") as folder:  # a second file cannot come through a pipe
            place = Path(folder) / "photo.jpg"
            place.write_bytes(photo)
            made = _run(found.program, ("-copy", "none", "-drop", f"+{at[0]}+{at[1]}", str(place)), canvas)
    except OSError:
        return None
    return _sound(made, _size(canvas))


def _with_metadata(made: bytes, source: Path, header: Header, data: bytes, *, strip: bool) -> tuple[bytes, str]:
    """`made` with the metadata that is kept of the file `source`, and words for `metadata-dropped`."""
    kept = kept_from(source, header.container, header.mode, strip=strip, data=data)
    with faults_named(source, "cannot be turned or padded"):
        return jpeg.with_metadata(made, kept.exif, kept.profile), kept.lost


def _level(pad: Pad, mode: str) -> int | tuple[int, int, int] | None:
    """The colour `pad` of an image of Pillow's `mode`; None where it is none, or makes a gray image coloured."""
    if isinstance(pad, str):
        return None
    levels = (pad, pad, pad) if isinstance(pad, int) else pad
    if mode == "RGB":
        return levels
    return levels[0] if len({*levels}) == 1 else None


def _fits(size: Size, canvas: Size, at: tuple[int, int], group: Size) -> bool:
    """Whether an image of `size` that lies `at` (x, y) on `canvas` covers whole groups of blocks of it."""
    return all(
        start % step == 0 and (start + side == end or side % step == 0)
        for side, end, start, step in zip(size, canvas, at, group, strict=True)
    )


@lru_cache(maxsize=32)
def _canvas(
    size: Size,
    mode: str,
    level: int | tuple[int, int, int],
    components: tuple[jpeg.Component, ...],
    sampling: str,
) -> bytes | None:
    """A JPEG of one colour with these `components`; None where they cannot be had, or not with exactly that colour."""
    tables = [one.table for one in components if one.table]
    image, out = pillow().new(mode, size, level), BytesIO()
    if len(tables) < len(components):
        return None
    with faults_named(Path("canvas"), "cannot be encoded"):
        image.save(out, "JPEG", qtables=tables, **({} if mode == "L" else {"subsampling": sampling}))
    data = out.getvalue()
    with opened(Path("canvas"), "jpeg", BytesIO(data)) as coded:
        is_exact = coded.convert(mode).getextrema() == image.getextrema()
    return data if is_exact and jpeg.components_of(Path("canvas"), data) == (size, components) else None


def _run(program: str, switches: tuple[str, ...], data: bytes) -> subprocess.CompletedProcess[bytes] | None:
    try:
        return subprocess.run([program, *switches], input=data, capture_output=True, check=False)
    except OSError:
        return None


def _sound(made: subprocess.CompletedProcess[bytes] | None, size: Size | None) -> bytes | None:
    """What was written, where there was no doubt and it is of `size`."""
    return made.stdout if made and not made.returncode and _size(made.stdout) == size else None


def _size(data: bytes) -> Size | None:
    """The size that the frame of a JPEG states."""
    at = next((start for marker, start, _ in jpeg_segments(data) if marker in FRAMES), None)
    if at is None:
        return None
    return Size(int.from_bytes(data[at + 3 : at + 5], "big"), int.from_bytes(data[at + 1 : at + 3], "big"))
