"""Maps COCO results on prepared images back to their source: reads and writes a JSON list, in the same order.

An image is identified by ``image_id`` (the id in the labels of the output where its format holds ids, else its name),
or by ``file_name`` or ``image``. All fields are kept, with the geometry of the source, ``file_name`` as the path below
the source, and ``image_id`` where the source has ids and can be read. ``category_id`` is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep import formats
from bboxprep.errors import AnnotationError, BboxprepError, UsageError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.io.atomic import write_bytes
from bboxprep.io.paths import read_bytes
from bboxprep.io.remote import open_path
from bboxprep.model.columns import Column
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import Run
from bboxprep.pipeline.source.header_cache import HeaderCache
from bboxprep.predictions.inverse import MAX_COORDINATE, FlipNames, InverseMap, OutputNames, Unmapped, inverse_map

_WANTED = "a JSON list of {image_id or file_name, category_id, bbox, score}"
_NAMES = ("file_name", "image")
_MAX_BYTES = 1 << 30  # ten million predictions


class _Unusable(Exception):
    """A prediction that cannot be mapped back: the code of its finding and the reason. Caught in this module."""

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(code, problem)
        self.code, self.problem = code, problem


def unmap_results(run: Run, predictions: Path, dest: Path, split: str | None) -> Unmapped:
    """Write the COCO results at `predictions` to the file `dest`, mapped back (see `predictions.unmap`)."""
    rows = _load(predictions)
    finder = _ImageFinder.of(run, split)
    written, images, findings = [], set(), []
    for number, row in enumerate(rows):
        try:
            image = finder.find(row)
            written.append(_mapped_back(row, image, finder))
            images.add(image.source)
        except _Unusable as error:
            where = f"[{number}]"
            findings.append(Finding(error.code, error.problem, predictions.name, where, objects=1))
    write_bytes(dest, b"[" + b",\n".join(map(msgspec.json.encode, written)) + b"]\n")
    return Unmapped(dest, len(rows), len(written), len(images), tuple(findings))


@dataclass(frozen=True)
class _ImageFinder:
    """Finds the image of a prediction. `ids` are the image ids of the output, `source_ids` those of the source."""

    ids: Mapping[int, tuple[str, ...]]
    images: Mapping[str, ImageRow]
    names: OutputNames
    source_ids: Mapping[tuple[str, str], int]
    sides: FlipNames

    @classmethod
    def of(cls, run: Run, split: str | None) -> _ImageFinder:
        return cls(_output_ids(run, split), run.outputs, OutputNames(run, split), _source_ids(run), FlipNames.of(run))

    def find(self, row: Mapping[str, Any]) -> ImageRow:
        name = next((row[key] for key in _NAMES if isinstance(row.get(key), str)), None)
        number = row.get("image_id")
        if name is None and isinstance(number, int) and not isinstance(number, bool) and self.ids:
            return self._by_id(number)
        if name is None and number is None:
            raise _Unusable("record-unreadable", f"names no image (want {_WANTED})")
        found = self.names.find(str(number if name is None else name))
        if isinstance(found, str):
            raise _Unusable("annotation-orphan", found)
        return found

    def _by_id(self, number: int) -> ImageRow:
        found = [output for output in self.ids.get(number, ()) if output in self.images]
        if len(found) == 1:
            return self.images[found[0]]
        if found:
            raise _Unusable("annotation-orphan", f"image_id {number} is {' and '.join(found)}; say which with `split`")
        raise _Unusable("annotation-orphan", f"the output has no image of id {number}")


def _load(path: Path) -> list[dict[str, Any]]:
    data = read_bytes(path, _MAX_BYTES)
    try:
        content = msgspec.json.decode(data)
    except (ValueError, RecursionError) as error:
        raise AnnotationError(path, "", f"is not JSON ({error}); want {_WANTED}, or a folder of YOLO files") from error
    rows = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise AnnotationError(path, "", f"have another kind of JSON, want {_WANTED}")
    return rows


def _output_ids(run: Run, split: str | None) -> dict[int, tuple[str, ...]]:
    """The paths of the images of the output by id (several splits may share one), of `split` where it is given."""
    found: dict[int, tuple[str, ...]] = {}
    for sample in _samples_with_id(run.root, run.record.format):
        if split in (None, sample.split):
            found[sample.id] = (*found.get(sample.id, ()), sample.relative_path)
    return found


def _source_ids(run: Run) -> dict[tuple[str, str], int]:
    """The image ids of the source by (path, split); empty where the source cannot be read any more."""
    record = run.record
    if not record.source or not open_path(record.source).exists():
        return {}
    try:
        return {
            (s.relative_path, s.split): s.id for s in _samples_with_id(open_path(record.source), record.source_format)
        }
    except BboxprepError:
        return {}


def _samples_with_id(root: Path, format: str) -> Iterator[Sample]:
    """The samples of the dataset at `root` that have an id, where the `format` holds ids. Opens no image whose size the
    labels state, and reads no more labels than needed. Raises `SourceError`.
    """
    if format in formats.names() and Column.IDS in (declared := formats.load(format)).carries:
        dataset = declared.read(root, HeaderCache(opens=False), declared.read_options())
        outlines = (dataset.outline(row).replace_fast(root=dataset.folder) for row in range(len(dataset)))
        yield from (sample for sample in outlines if sample.id)


def _mapped_back(row: Mapping[str, Any], image: ImageRow, finder: _ImageFinder) -> dict[str, Any]:
    """The prediction `row` mapped back to its source. Raises `_Unusable`."""
    try:
        inverse = inverse_map(image)
    except UsageError as error:
        raise _Unusable("map-unknown", str(error)) from error
    number = finder.source_ids.get((image.source, image.split))
    kept = {key: value for key, value in row.items() if key not in ("image_id", "image", "file_name", "area")}
    head = {"file_name": image.source} if number is None else {"image_id": number, "file_name": image.source}
    back: dict[str, Any] = {}
    if "bbox" in row:
        back["bbox"] = _box(row["bbox"], inverse)
    if "segmentation" in row:
        back["segmentation"] = _segmentation(row["segmentation"], inverse)
    if "keypoints" in row:
        back["keypoints"] = _keypoints(row["keypoints"], inverse)
    if image.mirrored:
        back |= _with_source_sides(row, back, finder.sides)
    if not back:
        raise _Unusable("record-unreadable", f"has no bbox, segmentation or keypoints (want {_WANTED})")
    return head | kept | back


def _with_source_sides(row: Mapping[str, Any], back: Mapping[str, Any], sides: FlipNames) -> dict[str, Any]:
    """The category id and the keypoints of a prediction on a mirrored image, with left and right as in the source."""
    found: dict[str, Any] = {}
    if "category_id" in row:
        found["category_id"] = sides.category(row["category_id"])
    if "keypoints" in back:
        triples = [back["keypoints"][start : start + 3] for start in range(0, len(back["keypoints"]), 3)]
        order = sides.order(row.get("category_id"), len(triples))
        found["keypoints"] = [number for point in order for number in triples[point]]
    return found


def _box(value: object, inverse: InverseMap) -> list[float]:
    x, y, width, height = _numbers(value, "bbox", 4)
    x0, y0, x1, y1 = inverse.boxes(np.array([(x, y, x + width, y + height)]))[0].tolist()
    if not (x1 > x0 and y1 > y0):
        raise _Unusable("box-cropped", "the box lies in the margin around the image, or has no area")
    return [x0, y0, x1 - x0, y1 - y0]


def _segmentation(value: object, inverse: InverseMap) -> object:
    """The polygons or the run-length mask, compressed or not, mapped back."""
    if isinstance(value, list):
        rings = [inverse.ring(np.array(_numbers(ring, "segmentation")).reshape(-1, 2)) for ring in value]
        return [ring.ravel().tolist() for ring in rings if len(ring)]
    size, counts = (value.get("size"), value.get("counts")) if isinstance(value, Mapping) else (None, None)
    try:
        if size != [inverse.prepared.height, inverse.prepared.width]:
            raise _Unusable(
                "mask-misfit",
                f"a mask of {size}, want {[inverse.prepared.height, inverse.prepared.width]} (height, width)",
            )
        back = inverse.mask(_mask(inverse.prepared, counts))
    except ValueError as error:
        raise _Unusable("record-unreadable", f"segmentation: {error}") from error
    counts = back.text().decode("ascii") if back.compressed else list(back.runs)
    return {"size": [inverse.source.height, inverse.source.width], "counts": counts}


def _mask(size: Size, counts: object) -> Rle:
    if isinstance(counts, str):
        return Rle.from_text(size, counts.encode("ascii"))
    if isinstance(counts, list) and all(isinstance(run, int) for run in counts):
        return Rle(size, tuple(counts), compressed=False)
    raise ValueError("counts are neither text nor whole numbers")


def _keypoints(value: object, inverse: InverseMap) -> list[float]:
    """x, y and visibility or score of each point, mapped back. COCO has pixel indices, with centres at + 1/2."""
    numbers = np.array(_numbers(value, "keypoints"))
    if len(numbers) % 3:
        raise _Unusable("record-unreadable", f"keypoints: have {len(numbers)} numbers, want three for each point")
    triples = numbers.reshape(-1, 3)
    back = inverse.points(triples[:, :2] + 0.5) - 0.5
    seen = triples[:, 2:] != 0
    written: list[float] = np.concatenate((np.where(seen, back, 0.0), triples[:, 2:]), axis=1).ravel().tolist()
    return written


def _numbers(value: object, what: str, count: int | None = None) -> list[float]:
    right = isinstance(value, list) and (len(value) == count if count else len(value) % 2 == 0 or what == "keypoints")
    if not right or not isinstance(value, list):
        raise _Unusable("record-unreadable", f"{what}: want {count or 'pairs of'} numbers")
    if not all(isinstance(number, int | float) and abs(number) < MAX_COORDINATE for number in value):
        raise _Unusable("box-not-finite", f"{what}: want numbers, none of {MAX_COORDINATE:g} or more")
    return [float(number) for number in value]
