"""Maps COCO results on prepared images back to their source: reads and writes a JSON list, in the same order.

An image is identified by ``image_id`` (the id in the labels of the output where its format holds ids, else its name),
or by ``file_name`` or ``image``. All fields are kept, with the geometry of the source and the path below the source as
``file_name``.

**Ids** are the source's own. ``image_id`` of a source whose format holds ids is left out where that cannot be read any
more; of another source it is what Ultralytics gives it: the name without its suffix, as a number if it is one.
``category_id`` is described in `category_ids`.

**Keypoints** have the convention of the labels: the numbers of pixels where the format of the output has them so
(COCO), else places in the plane of the boxes, as Ultralytics writes them for a model that is trained on YOLO labels.
They are written in the convention of the source's format. ``rbox`` and ``poly`` are oriented boxes (see `oriented`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np

from bboxprep import formats
from bboxprep.errors import AnnotationError, BboxprepError, UsageError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.geometry.oriented import corners_of, rbox_of
from bboxprep.geometry.shapes import ring_area
from bboxprep.io.atomic import write_bytes
from bboxprep.io.paths import read_bytes
from bboxprep.io.remote import open_path
from bboxprep.model.columns import Column
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import Run
from bboxprep.pipeline.source.header_cache import HeaderCache
from bboxprep.pipeline.work.stages import staged
from bboxprep.predictions.category_ids import CategoryIds, IdsOf, category_ids
from bboxprep.predictions.inverse import MAX_COORDINATE, FlipNames, InverseMap, OutputNames, Unmapped, inverse_map
from bboxprep.predictions.suppression import Detection, kept, merged_finding

_WANTED = "a JSON list of {image_id or file_name, category_id, bbox, score}"
_SHAPES = ("bbox", "segmentation", "keypoints", "poly", "rbox")
_NAMES = ("file_name", "image")
_COCO_KEYPOINTS = 0.5  # of COCO results, where no known format says otherwise
_MAX_BYTES = 1 << 30  # ten million predictions


class _Unusable(Exception):
    """A prediction that cannot be mapped back: the code of its finding and the reason. Caught in this module."""

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(code, problem)
        self.code, self.problem = code, problem


def unmap_results(
    run: Run, predictions: Path, dest: Path, split: str | None, ids: IdsOf | None = None, nms: float | None = None
) -> Unmapped:
    """Write the COCO results at `predictions` to the file `dest`, mapped back (see `predictions.unmap`)."""
    rows = _load(predictions)
    finder, home = _ImageFinder.of(run, split), _Home.of(run, rows, ids)
    written, images, findings = [], [], []
    for number, row in enumerate(staged(rows, len(rows), "mapping predictions")):
        try:
            image = finder.find(row)
            written.append(_mapped_back(row, image, home))
            images.append(f"{image.split}/{image.source}")
        except _Unusable as error:
            where = f"[{number}]"
            findings.append(Finding(error.code, error.problem, predictions.name, where, objects=1))
    if nms is not None:
        flags = kept([_detection(row, image) for row, image in zip(written, images, strict=True)], nms)
        findings += merged_finding(flags, nms)
        written = [row for row, flag in zip(written, flags.tolist(), strict=True) if flag]
    write_bytes(dest, b"[" + b",\n".join(map(msgspec.json.encode, written)) + b"]\n")
    return Unmapped(
        dest,
        len(rows),
        len(written),
        len(set(images)),
        (*findings, *home.ids.finding(predictions.name)),
        home.ids.meaning,
    )


@dataclass(frozen=True)
class _ImageFinder:
    """Finds the image of a prediction. `ids` are the image ids of the output."""

    ids: Mapping[int, tuple[str, ...]]
    images: Mapping[str, ImageRow]
    names: OutputNames

    @classmethod
    def of(cls, run: Run, split: str | None) -> _ImageFinder:
        return cls(_output_ids(run, split), run.outputs, OutputNames(run, split))

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


@dataclass(frozen=True)
class _Home:
    """What predictions have in the source: `image_ids` by (path, split), None where the source's format holds none, and
    the category `ids`. `keypoint_origins` are what keypoints lack to the plane of boxes, in the output and the source.
    """

    image_ids: Mapping[tuple[str, str], int] | None
    ids: CategoryIds
    sides: FlipNames
    keypoint_origins: tuple[float, float]

    @classmethod
    def of(cls, run: Run, rows: Sequence[Mapping[str, Any]], ids: IdsOf | None) -> _Home:
        record = run.record
        origins = (_keypoint_origin(record.format), _keypoint_origin(record.source_format))
        return cls(_source_ids(run), category_ids(run, rows, ids), FlipNames.of(run), origins)

    def image_id(self, image: ImageRow) -> int | str | None:
        """The id of `image` in the source; None where it is not known."""
        if self.image_ids is not None:
            return self.image_ids.get((image.source, image.split))
        stem = PurePosixPath(image.source).stem
        return int(stem) if stem.isascii() and stem.isdigit() else stem


def _keypoint_origin(format: str) -> float:
    return formats.load(format).keypoint_origin if format in formats.names() else _COCO_KEYPOINTS


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
    for sample in _outlines(run.root, run.record.format):
        if sample.id and split in (None, sample.split):
            found[sample.id] = (*found.get(sample.id, ()), sample.relative_path)
    return found


def _source_ids(run: Run) -> dict[tuple[str, str], int] | None:
    """The image ids of the source by (path, split); None where its format holds none, empty where the source cannot be
    read any more. The only image of a split that has none is taken for number 0, from which some tools count (labelme).
    """
    record = run.record
    if record.source_format in formats.names() and Column.IDS not in formats.load(record.source_format).carries:
        return None
    if not record.source or not open_path(record.source).exists():
        return {}
    try:
        samples = list(_outlines(open_path(record.source), record.source_format))
    except BboxprepError:
        return {}
    bare = Counter(sample.split for sample in samples if not sample.id)
    return {(one.relative_path, one.split): one.id for one in samples if one.id or bare[one.split] == 1}


def _outlines(root: Path, format: str) -> Iterator[Sample]:
    """The samples of the dataset at `root` without their objects; none where the `format` holds no ids. Opens no image
    whose size the labels state, and reads no more labels than needed. Raises `SourceError`.
    """
    if format in formats.names() and Column.IDS in (declared := formats.load(format)).carries:
        dataset = declared.read(root, HeaderCache(opens=False), declared.read_options())
        yield from (dataset.outline(row).replace_fast(root=dataset.folder) for row in range(len(dataset)))


def _mapped_back(row: Mapping[str, Any], image: ImageRow, home: _Home) -> dict[str, Any]:
    """The prediction `row` mapped back to its source. Raises `_Unusable`."""
    try:
        inverse = inverse_map(image)
    except UsageError as error:
        raise _Unusable("map-unknown", str(error)) from error
    number = home.image_id(image)
    kept = {key: value for key, value in row.items() if key not in ("image_id", "image", "file_name", "area")}
    head = {"file_name": image.source} if number is None else {"image_id": number, "file_name": image.source}
    back: dict[str, Any] = {}
    if "bbox" in row:
        back["bbox"] = _box(row["bbox"], inverse)
    if "segmentation" in row:
        back["segmentation"] = _segmentation(row["segmentation"], inverse)
    if "keypoints" in row:
        back["keypoints"] = _keypoints(row["keypoints"], inverse, home.keypoint_origins)
    if "poly" in row or "rbox" in row:
        back |= _oriented(row, inverse)
    if not back:
        raise _Unusable("record-unreadable", f"has no {', '.join(_SHAPES)} (want {_WANTED})")
    return head | kept | back | _with_source_names(row, back, image, home)


def _with_source_names(row: Mapping[str, Any], back: Mapping[str, Any], image: ImageRow, home: _Home) -> dict[str, Any]:
    """The category id of the source, and of a mirrored image the keypoints with left and right as in the source."""
    if "category_id" not in row:
        return {}
    label = home.ids.label(row["category_id"])
    if label is None:
        wanted = f"one of {len(home.ids.labels)} classes of the output (ids are {home.ids.meaning})"
        raise _Unusable("category-unknown", f"have category_id {str(row['category_id'])[:40]}, want {wanted}")
    if not image.mirrored:
        return {"category_id": home.ids.source[label]}
    found: dict[str, Any] = {"category_id": home.ids.source[home.sides.label(label)]}
    if "keypoints" in back:
        triples = [back["keypoints"][start : start + 3] for start in range(0, len(back["keypoints"]), 3)]
        found["keypoints"] = [number for point in home.sides.order(label, len(triples)) for number in triples[point]]
    return found


def _detection(row: Mapping[str, Any], image: str) -> Detection:
    """The prediction `row`, which is mapped back, on the `image`."""
    score = row.get("score")
    head = image, str(row.get("category_id")), float(score) if isinstance(score, int | float) else 1.0
    if "poly" in row or "rbox" in row:
        corners = np.array(row["poly"]).reshape(4, 2) if "poly" in row else corners_of(row["rbox"])
        return Detection(*head, corners, turned=True)
    if "bbox" in row:
        x, y, width, height = row["bbox"]
        return Detection(*head, np.array([(x, y), (x + width, y + height)]))
    if isinstance(shape := row.get("segmentation"), dict):
        bounds = _mask(Size(shape["size"][1], shape["size"][0]), shape["counts"]).bounds
        return Detection(*head, bounds.reshape(2, 2))
    numbers = (
        [number for ring in shape for number in ring] if shape else np.delete(row.get("keypoints", ()), np.s_[2::3])
    )
    return Detection(*head, np.array(numbers, dtype=np.float64).reshape(-1, 2))


def _oriented(row: Mapping[str, Any], inverse: InverseMap) -> dict[str, list[float]]:
    """The oriented box as ``poly`` and ``rbox``, whichever of them `row` has."""
    if "poly" in row:
        drawn = np.array(_numbers(row["poly"], "poly", 8)).reshape(4, 2)
    else:
        drawn = corners_of(_numbers(row["rbox"], "rbox", 5))
    back = inverse.corners(drawn)
    if not len(back) or not ring_area(back):
        raise _Unusable("box-cropped", "the oriented box lies in the margin around the image, or has no area")
    found = {"poly": back.ravel().tolist(), "rbox": rbox_of(back)}
    return {key: value for key, value in found.items() if key in row}


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


def _keypoints(value: object, inverse: InverseMap, origins: tuple[float, float]) -> list[float]:
    """x, y and visibility or score of each point, mapped back from the first of `origins` to the second."""
    numbers = np.array(_numbers(value, "keypoints"))
    if len(numbers) % 3:
        raise _Unusable("record-unreadable", f"keypoints: have {len(numbers)} numbers, want three for each point")
    triples = numbers.reshape(-1, 3)
    back = inverse.points(triples[:, :2] + origins[0]) - origins[1]
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
