"""Reads what a model predicts on the images of a dataset: COCO results, or a folder of YOLO text files.

Images are named by id, by file name, or by any end of their path. Category ids are the dataset's own if its labels hold
ids and all that occur are among them, or if they cannot be counted from 0 or from 1; else the ids tell from which they
are counted, and it is 1 where they do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import hull
from bboxprep.io.lenient_json import number, numbers, whole
from bboxprep.io.paths import is_within, read_bytes, relative_path, resolved
from bboxprep.io.text import read_text
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.ids import possible_first_ids
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Key
from bboxprep.verification.faults import Fault, Layer

_MOST_BYTES = 1 << 30
_WANTED = "a list of {image_id or file_name, category_id, bbox, score}"
_BOX_COLUMNS = (5, 6)  # of a row: class, box, and maybe a confidence


class Detections(msgspec.Struct, frozen=True):
    """The predictions on each image by its key, as objects with scores; and faults of what could not be used."""

    of_image: Mapping[Key, Instances]
    faults: tuple[Fault, ...]


class _Found(msgspec.Struct, frozen=True):
    """One prediction: its place in the file, the names its image may have, and its class, box x0 y0 x1 y1 and score."""

    where: str
    image: int | str
    category: int
    box: tuple[float, ...]
    score: float
    fractional: bool = False


def read_detections(path: Path, dataset: Dataset) -> Detections:
    """The predictions at `path`, a file of COCO results or a folder of text files, on the images of `dataset`.

    Raises `AnnotationError` where it holds none.
    """
    read = list(_rows_of_folder(path) if path.is_dir() else _results(path))
    if not read:
        raise AnnotationError(path, "", f"holds no predictions (want {_WANTED}, or a folder of YOLO text files)")
    found = [one for one in read if isinstance(one, _Found)]
    faults = [one for one in read if isinstance(one, Fault)]
    labels = _labels(dataset, {one.category for one in found}, by_row=path.is_dir())
    images, sizes = _images(dataset), dict[Key, Size]()
    rows: dict[Key, list[_Found]] = defaultdict(list)
    for one in found:
        keys = images.get(one.image, ())
        if len(keys) == 1 and one.category in labels:
            rows[keys[0][0]].append(one)
            sizes[keys[0][0]] = keys[0][1]
        else:
            words = f"names {one.image!r}, which {'several images have' if keys else 'no image of the dataset has'}"
            unknown = f"have the class {one.category}, want one of {len(dataset.categories)} classes of the dataset"
            code, said = ("category-unknown", unknown) if len(keys) == 1 else ("annotation-orphan", words)
            faults.append(Fault(Layer.PREDICTIONS, code, path.name, one.where, said))
    return Detections({key: _objects(own, labels, sizes[key]) for key, own in rows.items()}, tuple(faults))


def _objects(rows: Iterable[_Found], labels: Mapping[int, int], size: Size) -> Instances:
    rows = list(rows)
    scales = np.array([(*size, *size) if one.fractional else (1, 1, 1, 1) for one in rows], dtype=np.float64)
    boxes = np.array([one.box for one in rows], dtype=np.float64) * scales
    return Instances.of(boxes, [labels[one.category] for one in rows], scores=[one.score for one in rows])


def _results(path: Path) -> Iterator[_Found | Fault]:
    try:
        content = msgspec.json.decode(read_bytes(path, _MOST_BYTES))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnnotationError(path, "", f"is not JSON ({error}); want {_WANTED}") from error
    rows = content.get("annotations") if isinstance(content, dict) else content
    for place, row in enumerate(rows if isinstance(rows, list) else ()):
        yield _result(row, path.name, f"[{place}]")


def _result(row: Any, path: str, where: str) -> _Found | Fault:
    fields = row if isinstance(row, dict) else {}
    names = [fields.get(key) for key in ("file_name", "image", "image_id")]
    image = next((one for one in names if isinstance(one, str | int) and not isinstance(one, bool)), None)
    category, box, score = whole(fields.get("category_id")), numbers(fields.get("bbox")), number(fields.get("score", 1))
    if image is None or category is None or box is None or len(box) != 4 or score is None:
        return Fault(Layer.PREDICTIONS, "record-unreadable", path, where, f"have {str(row)[:60]}, want {_WANTED}")
    x, y, width, height = box
    return _Found(where, image, category, (x, y, x + width, y + height), score)


def _rows_of_folder(folder: Path) -> Iterator[_Found | Fault]:
    allowed = resolved(folder)
    for path in sorted(folder.rglob("*.txt")):
        if path.is_file() and is_within(path, allowed) and path.name not in ("classes.txt", "labels.txt"):
            below = relative_path(path, folder)
            for line, text in enumerate(read_text(path, _MOST_BYTES).splitlines(), 1):
                if text.strip():
                    yield _row(text.split(), below, f"line {line}")


def _row(words: list[str], below: str, where: str) -> _Found | Fault:
    values, category = numbers(list(words[1:])), whole(words[0])
    if values is None or category is None or len(words) < _BOX_COLUMNS[0]:
        wanted = "a class, a box or a polygon, and maybe a confidence"
        return Fault(
            Layer.PREDICTIONS, "record-unreadable", below, where, f"have {' '.join(words)[:60]!r}, want {wanted}"
        )
    score = values[-1] if len(values) % 2 else 1.0
    if len(words) in _BOX_COLUMNS:
        x, y, width, height = values[:4]
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    else:
        box = tuple(hull(np.array(values[: len(values) // 2 * 2]).reshape(-1, 2)).tolist())
    return _Found(f"{below}, {where}", below.removesuffix(".txt"), category, box, score, fractional=True)


def _images(dataset: Dataset) -> Mapping[int | str, list[tuple[Key, Size]]]:
    """The key and the size of the images of each id and each name: the ends of their path, with and without suffix."""
    found: dict[int | str, list[tuple[Key, Size]]] = defaultdict(list)
    for row in range(len(dataset)):
        outline = dataset.outline(row)
        if outline.header is None:
            continue
        parts = PurePosixPath(outline.relative_path).parts
        ends = [PurePosixPath(*parts[start:]) for start in range(len(parts))]
        names = chain.from_iterable((str(end), str(end.with_suffix(""))) for end in ends)
        stem = ends[-1].stem
        number = [int(stem)] if stem.isascii() and stem.isdigit() and not outline.id else []
        keys: list[int | str] = [*names, *([outline.id] if outline.id else []), *number]
        for key in dict.fromkeys(keys):
            found[key].append((outline.key, outline.size))
    return found


def _labels(dataset: Dataset, used: set[int], *, by_row: bool) -> Mapping[int, int]:
    """The row of the class table of each category id."""
    categories: Categories = dataset.categories
    own = {number: row for row, number in enumerate(categories.ids)}
    firsts = (0,) if by_row else possible_first_ids(used, len(categories))
    stated = not by_row and all(one.id is not None for one in categories.items)
    if stated and (used <= own.keys() or not firsts):
        return own
    first = firsts[0] if len(firsts) == 1 else int(0 not in used)
    return {first + row: row for row in range(len(categories))}
