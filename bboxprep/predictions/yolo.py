"""Maps YOLO text predictions on prepared images back to their source: reads a folder of .txt files and writes one.

A row is ``class cx cy w h`` or ``class x1 y1 x2 y2 x3 y3 …``, with or without a confidence at its end; the number of
columns tells which. A file has the name of its image, in any folder. The written files have the paths of the source's
images, and fractions of the source's size in the frame of its labels.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

import numpy as np

from bboxprep.errors import LayoutError, TargetError, UsageError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Points
from bboxprep.io.atomic import write_text
from bboxprep.io.paths import is_within, relative_path, resolved
from bboxprep.io.safe_names import safe_path
from bboxprep.io.text import read_text
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import Run
from bboxprep.predictions.inverse import MAX_COORDINATE, FlipNames, InverseMap, OutputNames, Unmapped, inverse_map

_MAX_BYTES = 16 << 20  # of a file
_CLASS = re.compile(r"[0-9]{1,9}")
_NOT_LABELS = frozenset({"classes.txt", "labels.txt"})
_WANTED = "5 or 6 columns (box), or 7 and more (polygon), a confidence last or none"


def unmap_folder(run: Run, predictions: Path, dest: Path, split: str | None) -> Unmapped:
    """Write the YOLO predictions below `predictions` to the new or empty folder `dest` (see `predictions.unmap`)."""
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise TargetError(f"{dest}: want an empty or new folder")
    allowed, found = resolved(predictions), sorted(predictions.rglob("*.txt"))
    files = [path for path in found if path.name not in _NOT_LABELS and path.is_file() and is_within(path, allowed)]
    if not files:
        raise LayoutError(predictions, "", "holds no .txt files of predictions")
    names, sides = OutputNames(run, split), FlipNames.of(run)
    lines: dict[PurePosixPath, list[str]] = {}
    words = "a link that leads out of the predictions; not followed"
    findings = [
        Finding("file-skipped", words, relative_path(path, predictions))
        for path in found
        if not is_within(path, allowed)
    ]
    owners: dict[PurePosixPath, set[str]] = defaultdict(set)
    read = 0
    for path in files:
        below, rows = relative_path(path, predictions), _rows(path)
        read += len(rows)
        image = _image_of(names, below)
        if isinstance(image, str):
            findings.append(Finding("annotation-orphan", image, below, objects=len(rows)))
            continue
        try:
            inverse = inverse_map(image)
        except UsageError as error:
            findings.append(Finding("map-unknown", str(error), below, objects=len(rows)))
            continue
        target = safe_path(PurePosixPath(image.source)).with_suffix(".txt")
        owners[target].add(image.source)
        table = sides if image.mirrored else FlipNames()
        back = [_mapped_back(number, words, inverse, below, table) for number, words in rows]
        lines.setdefault(target, []).extend(row for row in back if isinstance(row, str))
        findings += [row for row in back if isinstance(row, Finding)]
    _write(dest, lines, owners)
    return Unmapped(dest, read, sum(map(len, lines.values())), len(lines), tuple(findings))


def _image_of(names: OutputNames, below: str) -> ImageRow | str:
    """The image of the file `below`: by its path, else by its name alone, since trainers write one flat folder."""
    stem = below.removesuffix(".txt")
    whole = names.find(stem)
    return whole if not isinstance(whole, str) else names.find(PurePosixPath(stem).name)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    lines = read_text(path, _MAX_BYTES).splitlines()
    return [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]


def _mapped_back(number: int, words: list[str], inverse: InverseMap, below: str, sides: FlipNames) -> str | Finding:
    """A row mapped back to the source, or a finding where that is impossible."""
    where, values = f"line {number}", _numbers(words[1:])
    if values is None or not _CLASS.fullmatch(words[0]) or len(words) < 5:
        have = " ".join(words)[:60]
        return Finding("record-unreadable", f"have {have!r}, want {_WANTED}", below, where, 1)
    scored = len(words) % 2 == 0
    shape = values[:-1] if scored else values
    fractions = _polygon(shape, inverse) if len(words) >= 7 else _box(shape, inverse)
    if fractions is None:
        return Finding("box-cropped", "lies in the margin around the image, or has no area", below, where, 1)
    label = str(sides.label(int(words[0])))
    return " ".join([label, *(f"{value:.9f}" for value in fractions), *words[len(words) - scored :]])


def _numbers(words: list[str]) -> list[float] | None:
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    return values if all(abs(value) < MAX_COORDINATE for value in values) else None


def _box(shape: list[float], inverse: InverseMap) -> list[float] | None:
    """cx, cy, w and h as fractions of the source; None where the box lies in the margin."""
    prepared, source = np.array(inverse.prepared, dtype=np.float64), np.array(inverse.source, dtype=np.float64)
    centre, extent = np.array(shape[:2]) * prepared, np.array(shape[2:]) * prepared
    x0, y0, x1, y1 = inverse.boxes(np.concatenate((centre - extent / 2, centre + extent / 2))[None])[0]
    if not (x1 > x0 and y1 > y0):
        return None
    middle, size = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) / source, np.array([x1 - x0, y1 - y0]) / source
    return [*middle.tolist(), *size.tolist()]


def _polygon(shape: list[float], inverse: InverseMap) -> list[float] | None:
    ring: Points = inverse.ring(np.array(shape).reshape(-1, 2) * np.array(inverse.prepared, dtype=np.float64))
    fractions: list[float] = (ring / np.array(inverse.source, dtype=np.float64)).ravel().tolist()
    return fractions or None


def _write(dest: Path, lines: dict[PurePosixPath, list[str]], owners: dict[PurePosixPath, set[str]]) -> None:
    for target, sources in sorted(owners.items()):
        if len(sources) > 1:
            some = " and ".join(sorted(sources))
            raise TargetError(f"{dest}: {some} would share {target}; give predictions as COCO results instead")
    for target, rows in sorted(lines.items()):
        write_text(dest / target, "".join(f"{row}\n" for row in rows))
