"""Maps YOLO text predictions on prepared images back to their source: reads a folder of .txt files and writes one.

The columns of a row are described in `yolo_rows`. A file has the name of its image, in any folder. The written files
have the paths of the source's images, and fractions of the source's size in the frame of its labels.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np

from bboxprep.errors import LayoutError, TargetError, UsageError
from bboxprep.findings import Finding
from bboxprep.io.atomic import write_text
from bboxprep.io.paths import is_within, relative_path, resolved
from bboxprep.io.safe_names import safe_path
from bboxprep.io.text import read_text
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import Run
from bboxprep.pipeline.work.stages import staged
from bboxprep.predictions.inverse import MAX_COORDINATE, FlipNames, InverseMap, OutputNames, Unmapped, inverse_map
from bboxprep.predictions.suppression import Detection, kept, merged_finding
from bboxprep.predictions.yolo_rows import YoloRows, outline_of

_MAX_BYTES = 16 << 20  # of a file
_CLASS = re.compile(r"[0-9]{1,9}")
_NOT_LABELS = frozenset({"classes.txt", "labels.txt"})


class _Row(msgspec.Struct, frozen=True):
    """The words of a row mapped back, and what it detects."""

    text: str
    detection: Detection


def unmap_folder(run: Run, predictions: Path, dest: Path, split: str | None, nms: float | None = None) -> Unmapped:
    """Write the YOLO predictions below `predictions` to the new or empty folder `dest` (see `predictions.unmap`)."""
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise TargetError(f"{dest}: want an empty or new folder")
    allowed, found = resolved(predictions), sorted(predictions.rglob("*.txt"))
    files = [path for path in found if path.name not in _NOT_LABELS and path.is_file() and is_within(path, allowed)]
    if not files:
        raise LayoutError(predictions, "", "holds no .txt files of predictions")
    names, kinds, sides = OutputNames(run, split), YoloRows.of(run), FlipNames.of(run)
    lines: dict[PurePosixPath, list[_Row]] = {}
    words = "a link that leads out of the predictions; not followed"
    findings = [
        Finding("file-skipped", words, relative_path(path, predictions))
        for path in found
        if not is_within(path, allowed)
    ]
    owners: dict[PurePosixPath, set[str]] = defaultdict(set)
    read = 0
    for path in staged(files, len(files), "mapping predictions"):
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
        back = [_mapped_back(number, words, image.source, inverse, below, kinds, table) for number, words in rows]
        lines.setdefault(target, []).extend(row for row in back if isinstance(row, _Row))
        findings += [row for row in back if isinstance(row, Finding)]
    if nms is not None:
        rows_of_all = [row for rows_of_one in lines.values() for row in rows_of_one]
        flags = kept([row.detection for row in rows_of_all], nms)
        findings += merged_finding(flags, nms)
        left = iter(flags.tolist())
        lines = {target: [row for row in rows_of_one if next(left)] for target, rows_of_one in lines.items()}
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


def _mapped_back(
    number: int, words: list[str], source: str, inverse: InverseMap, below: str, kinds: YoloRows, sides: FlipNames
) -> _Row | Finding:
    """A row mapped back to the source, or a finding where that is impossible."""
    where, values = f"line {number}", _numbers(words[1:])
    parts = kinds.parts(len(words) - 1)
    if values is None or parts is None or not _CLASS.fullmatch(words[0]):
        have = " ".join(words)[:60]
        return Finding("record-unreadable", f"have {have!r}, want {kinds.wanted}", below, where, 1)
    label = int(words[0])
    fractions = kinds.mapped_back(parts, values, label, inverse, sides)
    if fractions is None:
        return Finding("box-cropped", "lies in the margin around the image, or has no area", below, where, 1)
    texts, rest = [f"{value:.9f}" for value in fractions], words[1 + parts.numbers :]
    category = str(sides.label(label))
    points = outline_of(parts, fractions) * np.array(inverse.source)
    detection = Detection(
        source, category, float(rest[0]) if rest else 1.0, points, turned=kinds.task == "obb" and bool(parts.ring)
    )
    return _Row(" ".join([category, *texts, *rest]), detection)


def _numbers(words: list[str]) -> list[float] | None:
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    return values if all(abs(value) < MAX_COORDINATE for value in values) else None


def _write(dest: Path, lines: dict[PurePosixPath, list[_Row]], owners: dict[PurePosixPath, set[str]]) -> None:
    for target, sources in sorted(owners.items()):
        if len(sources) > 1:
            some = " and ".join(sorted(sources))
            raise TargetError(f"{dest}: {some} would share {target}; give predictions as COCO results instead")
    for target, rows in sorted(lines.items()):
        write_text(dest / target, "".join(f"{row.text}\n" for row in rows))
