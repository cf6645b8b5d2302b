"""The index of a sidecar: the byte range of each image's line. A line is read when its image is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from unicodedata import normalize

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.io.hashing import file_sha256
from bboxprep.io.paths import dataset_folder, error_reason, is_within, read_lines, relative_path, resolved
from bboxprep.io.remote import member
from bboxprep.io.safe_names import safe_relative
from bboxprep.pipeline.sidecar.schema import SIDECAR, BadLine, Head, KeptImage, decode

_MAX_LINE_BYTES = 64 << 20


class _ImageKey(msgspec.Struct):
    """The fields of a line that identify its image."""

    image: str
    name: str = ""


class Line(msgspec.Struct, frozen=True):
    """A line: its number from 1, its start and length in bytes, and the name of its image in the source."""

    number: int
    start: int
    length: int
    name: str


class SidecarIndex(msgspec.Struct, frozen=True):
    """The sidecar in `folder`: its first line (`head`, None where it is invalid), its lines by path of the image, and
    findings, which refer to the file as `path`.
    """

    folder: Path
    path: str
    head: Head | None = None
    lines: Mapping[str, Line] = msgspec.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def find(self, image: Path) -> Line | None:
        """The line of the file `image`; None where it has none."""
        return self.lines.get(normalize("NFC", relative_path(image, self.folder)))

    def read(self, line: Line) -> KeptImage:
        """The content of `line`. Raises `BadLine`."""
        try:
            with (self.folder / SIDECAR).open("rb") as file:
                file.seek(line.start)
                data = file.read(line.length)
        except OSError as error:
            raise BadLine(f"cannot be read ({error_reason(error)})") from error
        return decode(data, KeptImage)

    def labels_unchanged(self, labels: Mapping[str, str]) -> bool:
        """Whether all files of `labels` have the given hashes; False where one is missing or there are none."""
        return bool(labels) and all(
            known
            and safe_relative(name)
            and is_within(path := member(self.folder / name), resolved(self.folder))
            and file_sha256(path) == known
            for name, known in labels.items()
        )


def find_sidecar(root: Path) -> SidecarIndex | None:
    """The index of the sidecar of the dataset at `root`, a folder or a file; None where there is no sidecar."""
    top = dataset_folder(root)
    folders = [top]
    if not root.is_dir() and root.parent.name == "annotations":
        folders.append(root.parent.parent)
    folder = next((folder for folder in folders if _is_sidecar(folder)), None)
    return _read(folder, relative_path(folder / SIDECAR, top)) if folder else None


def _is_sidecar(folder: Path) -> bool:
    path = folder / SIDECAR
    return path.is_file() and is_within(path, resolved(folder))


def _read(folder: Path, path: str) -> SidecarIndex:
    lines: dict[str, Line] = {}
    bad: list[tuple[int, str]] = []
    try:
        content = read_lines(folder / SIDECAR, _MAX_LINE_BYTES)
        first = next(content, b"")
        head = decode(first, Head)
        start = len(first)
        for number, data in enumerate(content, 2):
            try:
                key = decode(data, _ImageKey)
                _add(lines, key, Line(number, start, len(data), key.name))
            except BadLine as error:
                bad.append((number, str(error)))
            start += len(data)
    except BadLine as error:
        words = f"not a sidecar that is known here ({error}); not used"
        return SidecarIndex(folder, path, findings=(finding(path, 1, words),))
    except AnnotationError as error:
        return SidecarIndex(folder, path, findings=(finding(path, 0, f"{error.problem}; not used"),))
    return SidecarIndex(folder, path, head, lines, _bad_line_findings(path, bad))


def finding(path: str, line: int, message: str, split: str = "") -> Finding:
    """The finding that `line` of the sidecar at `path` cannot be used; 0 for the whole file."""
    return Finding("sidecar-unreadable", message, path, f"line {line}" if line else "", split=split)


def _add(lines: dict[str, Line], key: _ImageKey, line: Line) -> None:
    known = lines.setdefault(normalize("NFC", key.image), line)
    if known is not line:
        raise BadLine(f"{key.image} has line {known.number} already")


def _bad_line_findings(path: str, bad: list[tuple[int, str]]) -> tuple[Finding, ...]:
    if not bad:
        return ()
    number, why = bad[0]
    more = f", the first of {len(bad)} such lines" if len(bad) > 1 else ""
    return (finding(path, number, f"not the line of an image ({why}){more}; left out"),)
