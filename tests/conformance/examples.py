"""The painters and readers of our own formats, by hand from each format's plain rules, sharing no code with them."""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil
import tarfile
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pytest
import yaml
from PIL import Image

from bboxprep import formats
from bboxprep.formats.labelstudio.brush import brush_bytes, decode_brush
from bboxprep.geometry.affine import Size
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.testing.example import (
    FormatExample,
    LabelledDataset,
    LabelledImage,
    displayed_size,
    first_corner_coco,
    read_coco,
)
from tests.conformance.tfrecords import first_corner_tfrecord, paint_tfrecord, read_tfrecord


def paint_coco(root: Path, dataset: LabelledDataset) -> None:
    ids = {name: 7 * number for number, name in enumerate(dataset.classes, 1)}  # neither 0-based nor without gaps
    object_id = 0
    _empty(root / "annotations")
    for split, images in _by_split(dataset):
        _empty(root / split)
        document: dict[str, Any] = {"images": [], "annotations": []}
        document["categories"] = [{"id": number, "name": name} for name, number in ids.items()]
        for number, image in enumerate(images, 1):
            _write(root / split / image.name, image.data)
            width, height = image.size
            document["images"].append({"id": number, "file_name": image.name, "width": width, "height": height})
            for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True):
                object_id += 1
                row: dict[str, Any] = {"id": object_id, "image_id": number, "category_id": ids[name], "iscrowd": 0}
                row |= {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}
                document["annotations"].append(row | {"segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]]})
        _write(root / "annotations" / f"instances_{split}.json", json.dumps(document).encode())


def paint_panoptic(root: Path, dataset: LabelledDataset) -> None:
    ids = {name: 7 * number for number, name in enumerate(dataset.classes, 1)}
    _empty(root / "annotations", *(root / split for split, _ in _by_split(dataset)))
    for split, images in _by_split(dataset):
        document: dict[str, Any] = {"images": [], "annotations": []}
        document["categories"] = [{"id": number, "name": name, "isthing": 1} for name, number in ids.items()]
        for number, image in enumerate(images, 1):
            _write(root / split / image.name, image.data)
            width, height = image.size
            document["images"].append({"id": number, "file_name": image.name, "width": width, "height": height})
            shown, segments = np.zeros((height, width, 3), dtype=np.uint8), []
            for place, ((x0, y0, x1, y1), name) in enumerate(zip(image.boxes.tolist(), image.classes, strict=True)):
                left, top, right, bottom = (max(0, round(edge)) for edge in (x0, y0, x1, y1))
                shown[top:bottom, left:right] = (7, place, 200)
                row = {"id": 7 + 256 * place + 65536 * 200, "category_id": ids[name], "iscrowd": 0}
                segments.append(row | {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)})
            png = Path(image.name).with_suffix(".png").as_posix()
            (root / f"annotations/panoptic_{split}/{png}").parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(shown).save(root / f"annotations/panoptic_{split}/{png}")
            document["annotations"].append({"image_id": number, "file_name": png, "segments_info": segments})
        _write(root / "annotations" / f"panoptic_{split}.json", json.dumps(document).encode())


def read_panoptic(root: Path) -> LabelledDataset:
    classes: tuple[str, ...] = ()
    images = []
    for file in sorted((root / "annotations").glob("*.json")):
        document = json.loads(file.read_bytes())
        names = {row["id"]: row["name"] for row in document["categories"]}
        classes, split = tuple(names.values()), file.stem.removeprefix("panoptic_")
        records = {row["image_id"]: row for row in document["annotations"]}
        for row in document["images"]:
            record = records.get(row["id"], {"segments_info": [], "file_name": ""})
            edges = [
                (x, y, x + wide, y + high) for x, y, wide, high in (each["bbox"] for each in record["segments_info"])
            ]
            labels = tuple(names[each["category_id"]] for each in record["segments_info"])
            image = _image(split, row["file_name"], root / split / row["file_name"], edges, labels, root)
            assert image.size == (row["width"], row["height"]), image.place
            if record["file_name"]:
                with Image.open(file.with_suffix("") / record["file_name"]) as png:
                    assert (png.mode, png.size) == ("RGB", image.size), image.place
            images.append(image)
    return LabelledDataset(classes, tuple(images))


def first_corner_panoptic(root: Path) -> tuple[float, float]:
    document = json.loads(min((root / "annotations").glob("*.json")).read_bytes())
    x, y, *_ = document["annotations"][0]["segments_info"][0]["bbox"]
    return x, y


def paint_masks(root: Path, dataset: LabelledDataset) -> None:
    _empty(root / "images", root / "SegmentationObject", root / "SegmentationClass")
    rows = [["image", "object", "class", "x0", "y0", "x1", "y1"]]
    for image in dataset.images:
        place = f"images/{image.split}/{image.name}"
        _write(root / place, image.data)
        shown = np.zeros((2, image.size.height, image.size.width), dtype=np.uint8)
        for number, (box, name) in enumerate(zip(image.boxes.tolist(), image.classes, strict=True), 1):
            left, top, right, bottom = (max(0, round(edge)) for edge in box)
            shown[:, top:bottom, left:right] = np.reshape((number, dataset.classes.index(name) + 1), (2, 1, 1))
            rows.append([place, str(number), name, *map(repr, box)])
        png = Path(image.split, image.name).with_suffix(".png")
        for folder, values in zip(("SegmentationObject", "SegmentationClass"), shown, strict=True):
            (root / folder / png).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(root / folder / png)
    _write_rows(root / "objects.tsv", rows, "\t")
    _write(root / "class_names.txt", "".join(f"{name}\n" for name in ("_background_", *dataset.classes)).encode())


def read_masks(root: Path) -> LabelledDataset:
    classes = tuple((root / "class_names.txt").read_text(encoding="utf-8").split("\n")[1:-1])
    rows = _rows(root / "objects.tsv", "\t")
    images = []
    for path in sorted(path for path in (root / "images").rglob("*") if path.is_file()):
        split, *parts = path.relative_to(root / "images").parts
        own = [row for row in rows if row["image"] == path.relative_to(root).as_posix()]
        edges = [tuple(float(row[edge]) for edge in ("x0", "y0", "x1", "y1")) for row in own]
        image = _image(split, "/".join(parts), path, edges, tuple(row["class"] for row in own), root)
        mask = root / "SegmentationObject" / path.relative_to(root / "images").with_suffix(".png")
        if mask.exists():
            with Image.open(mask) as png:
                assert png.size == image.size, image.place
        images.append(image)
    return LabelledDataset(classes, tuple(images))


def first_corner_masks(root: Path) -> tuple[float, float]:
    first = _rows(root / "objects.tsv", "\t")[0]
    return float(first["x0"]), float(first["y0"])


def paint_yolo(root: Path, dataset: LabelledDataset) -> None:
    numbers = {name: number for number, name in enumerate(dataset.classes)}
    _empty(root / "images", root / "labels")
    for image in dataset.images:
        _write(root / "images" / image.split / image.name, image.data)
        wide, high = image.size
        rows = ""
        for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True):
            fractions = ((x0 + x1) / 2 / wide, (y0 + y1) / 2 / high, (x1 - x0) / wide, (y1 - y0) / high)
            rows += f"{numbers[name]} " + " ".join(f"{value:.12f}" for value in fractions) + "\n"
        _write((root / "labels" / image.split / image.name).with_suffix(".txt"), rows.encode())
    config: dict[str, Any] = {split: f"images/{split}" for split, _ in _by_split(dataset)}
    config["names"] = dict(enumerate(dataset.classes))
    _write(root / "data.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode())


def read_yolo(root: Path) -> LabelledDataset:
    config = yaml.safe_load((root / "data.yaml").read_text(encoding="utf-8"))
    classes = tuple(config["names"][number] for number in range(len(config["names"])))
    images = []
    for path in sorted(path for path in (root / "images").rglob("*") if path.is_file()):
        split, *parts = path.relative_to(root / "images").parts
        text = root / "labels" / path.relative_to(root / "images").with_suffix(".txt")
        rows = [line.split() for line in text.read_text(encoding="utf-8").splitlines()] if text.is_file() else []
        wide, high = displayed_size(path.read_bytes())
        edges = [_yolo_box(list(map(float, words)), (wide, high)) for _, *words in rows]
        labels = tuple(classes[int(number)] for number, *_ in rows)
        images.append(_image(split, "/".join(parts), path, edges, labels, root))
    return LabelledDataset(classes, tuple(images))


def _yolo_box(numbers: list[float], size: tuple[int, int]) -> tuple[float, ...]:
    """The box of a row in px: as it is stated, or that around the points of an outline."""
    wide, high = size
    if len(numbers) == 4:
        cx, cy, w, h = numbers
        return (cx - w / 2) * wide, (cy - h / 2) * high, (cx + w / 2) * wide, (cy + h / 2) * high
    xs, ys = numbers[0::2], numbers[1::2]
    return min(xs) * wide, min(ys) * high, max(xs) * wide, max(ys) * high


def first_corner_yolo(root: Path) -> tuple[float, float]:
    _, cx, cy, w, h = min((root / "labels").rglob("*.txt")).read_text(encoding="utf-8").split()
    return float(cx) - float(w) / 2, float(cy) - float(h) / 2


def paint_dota(root: Path, dataset: LabelledDataset) -> None:
    _empty(*(root / split for split, _ in _by_split(dataset)))
    for image in dataset.images:
        folder = root / image.split
        _write(folder / "images" / image.name, image.data)
        rows = "".join(
            f"{x0!r} {y0!r} {x1!r} {y0!r} {x1!r} {y1!r} {x0!r} {y1!r} {name} 0\n"
            for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
        )
        _write((folder / "labelTxt" / image.name).with_suffix(".txt"), rows.encode())
    _write(root / "classes.txt", "".join(f"{name}\n" for name in dataset.classes).encode())


def read_dota(root: Path) -> LabelledDataset:
    classes = tuple((root / "classes.txt").read_text(encoding="utf-8").split("\n")[:-1])
    images = []
    for path in sorted(path for path in root.glob("*/images/**/*") if path.is_file()):
        split, _, *parts = path.relative_to(root).parts
        text = (root / split / "labelTxt").joinpath(*parts).with_suffix(".txt")
        rows = [line.split() for line in text.read_text(encoding="utf-8").splitlines()] if text.is_file() else []
        corners = [np.array(words[:8], dtype=np.float64).reshape(4, 2) for words in rows]
        edges = [(*own.min(axis=0).tolist(), *own.max(axis=0).tolist()) for own in corners]
        known = {name.replace(" ", "-"): name for name in classes}
        labels = tuple(known.get(label, label) for label in (" ".join(words[8:-1]) for words in rows))
        images.append(_image(split, "/".join(parts), path, edges, labels, root))
    return LabelledDataset(classes, tuple(images))


def first_corner_dota(root: Path) -> tuple[float, float]:
    x, y, *_ = min(root.glob("*/labelTxt/**/*.txt")).read_text(encoding="utf-8").split()
    return float(x), float(y)


def paint_kitti(root: Path, dataset: LabelledDataset) -> None:
    _empty(*(root / split for split, _ in _by_split(dataset)))
    for image in dataset.images:
        folder = root / image.split
        _write(folder / "image_2" / image.name, image.data)
        rows = "".join(
            f"{name} 0.00 0 -10 {x0!r} {y0!r} {x1!r} {y1!r} -1 -1 -1 -1000 -1000 -1000 -10\n"
            for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
        )
        _write((folder / "label_2" / image.name).with_suffix(".txt"), rows.encode())
    _write(root / "labels.txt", "".join(f"{name}\n" for name in dataset.classes).encode())


def read_kitti(root: Path) -> LabelledDataset:
    classes = tuple((root / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1])
    images = []
    for path in sorted(path for path in root.glob("*/image_2/**/*") if path.is_file()):
        split, _, *parts = path.relative_to(root).parts
        text = (root / split / "label_2").joinpath(*parts).with_suffix(".txt")
        rows = [line.split(" ") for line in text.read_text(encoding="utf-8").splitlines()] if text.is_file() else []
        edges = [tuple(map(float, words[4:8])) for words in rows]
        labels = tuple(_kitti_class(words, classes) for words in rows)
        images.append(_image(split, "/".join(parts), path, edges, labels, root))
    return LabelledDataset(classes, tuple(images))


def _kitti_class(words: Sequence[str], classes: Sequence[str]) -> str:
    """The class of a row: blanks of a name are ``_``, and a region of a class has its number in its alpha."""
    number = -11 - float(words[3])
    if words[0] == "DontCare" and number.is_integer() and 0 <= number < len(classes):
        return classes[int(number)]
    return {"_".join(name.split()): name for name in classes}.get(words[0], words[0])


def first_corner_kitti(root: Path) -> tuple[float, float]:
    x, y = min(root.glob("*/label_2/**/*.txt")).read_text(encoding="utf-8").split()[4:6]
    return float(x), float(y)


def paint_mot(root: Path, dataset: LabelledDataset) -> None:
    """A folder of images is a sequence, and so is a split with images of its own."""
    _empty(*(root / split for split, _ in _by_split(dataset)))
    sequences: dict[Path, list[LabelledImage]] = {}
    for image in dataset.images:
        sequences.setdefault((root / image.split / image.name).parent, []).append(image)
    for folder, images in sequences.items():
        rows = frames = ""
        for frame, image in enumerate(sorted(images, key=lambda one: one.name.encode()), 1):
            frames += f"{frame},{Path(image.name).name}\n"
            _write(folder / "img1" / Path(image.name).name, image.data)
            for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True):
                number = dataset.classes.index(name) + 1
                rows += f"{frame},-1,{x0!r},{y0!r},{x1 - x0!r},{y1 - y0!r},1,{number},1\n"
        _write(folder / "gt" / "gt.txt", rows.encode())
        _write(folder / "gt" / "frames.txt", frames.encode())
        _write(folder / "gt" / "labels.txt", "".join(f"{name}\n" for name in dataset.classes).encode())


def read_mot(root: Path) -> LabelledDataset:
    classes: tuple[str, ...] = ()
    images = []
    for table in sorted(root.rglob("gt/gt.txt")):
        classes = tuple((table.parent / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1])
        rows = [line.split(",") for line in table.read_text(encoding="utf-8").splitlines()]
        split, *parts = table.parent.parent.relative_to(root).parts
        frames = table.parent / "frames.txt"
        images_of = sorted(path.name for path in (table.parent.parent / "img1").glob("*"))
        numbered = [f"{int(Path(name).stem)},{name}" for name in images_of] if not frames.exists() else []
        listed = frames.read_text(encoding="utf-8").splitlines() if frames.exists() else numbered
        for frame, name in (line.split(",", 1) for line in listed):
            path = table.parent.parent / "img1" / name
            own = [words for words in rows if words[0] == frame]
            boxes = [tuple(map(float, words[2:6])) for words in own]
            edges = [(x, y, x + wide, y + high) for x, y, wide, high in boxes]
            labels = tuple(classes[int(words[7]) - 1] for words in own)
            images.append(_image(split, "/".join((*parts, path.name)), path, edges, labels, root))
    return LabelledDataset(classes, tuple(images))


def first_corner_mot(root: Path) -> tuple[float, float]:
    x, y = min(root.rglob("gt/gt.txt")).read_text(encoding="utf-8").split(",")[2:4]
    return float(x), float(y)


def paint_voc(root: Path, dataset: LabelledDataset) -> None:
    _empty(root / "JPEGImages", root / "Annotations", root / "ImageSets")
    for image in dataset.images:
        _write(root / "JPEGImages" / image.name, image.data)
        objects = "".join(
            f"<object><name>{escape(name)}</name><bndbox><xmin>{x0 + 1:.12g}</xmin><ymin>{y0 + 1:.12g}</ymin>"
            f"<xmax>{x1:.12g}</xmax><ymax>{y1:.12g}</ymax></bndbox></object>"
            for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
        )
        text = (
            "<annotation><source><database>The VOC2007 Database</database></source>"
            f"<filename>{escape(PurePosixPath(image.name).name)}</filename><size><width>{image.size.width}</width>"
            f"<height>{image.size.height}</height><depth>3</depth></size>{objects}</annotation>"
        )
        _write((root / "Annotations" / image.name).with_suffix(".xml"), text.encode())
    for split, images in _by_split(dataset):
        names = "".join(f"{PurePosixPath(image.name).with_suffix('')}\n" for image in images)
        _write(root / "ImageSets" / "Main" / f"{split}.txt", names.encode())
    _write(root / "labels.txt", "".join(f"{name}\n" for name in dataset.classes).encode())


def read_voc(root: Path) -> LabelledDataset:
    classes = tuple((root / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1])
    folder = root / "JPEGImages"
    paths = {path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*") if path.is_file()}
    images = []
    for file in sorted((root / "ImageSets" / "Main").iterdir()):
        for name in file.read_text(encoding="utf-8").split("\n")[:-1]:
            text = root / "Annotations" / f"{name}.xml"
            objects = list(ET.parse(text).iter("object")) if text.is_file() else []
            edges = []
            for each in objects:
                x0, y0, x1, y1 = (float(each.findtext(f"bndbox/{tag}") or "nan") for tag in _CORNERS)
                edges.append((x0 - 1, y0 - 1, x1, y1))
            labels = tuple(each.findtext("name") or "" for each in objects)
            path = paths[name]
            images.append(_image(file.stem, path.relative_to(folder).as_posix(), path, edges, labels, root))
    return LabelledDataset(classes, tuple(images))


def first_corner_voc(root: Path) -> tuple[float, float]:
    box = next(ET.parse(min((root / "Annotations").rglob("*.xml"))).iter("bndbox"))
    return float(box.findtext("xmin") or "nan"), float(box.findtext("ymin") or "nan")


_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def paint_cvat(root: Path, dataset: LabelledDataset) -> None:
    _empty(root / "images")
    _remove(*root.glob("*.xml"))
    labels = "".join(f"<label><name>{escape(name)}</name><attributes/></label>" for name in dataset.classes)
    for split, images in _by_split(dataset):
        shown = ""
        for number, image in enumerate(images):
            _write(root / "images" / split / image.name, image.data)
            boxes = "".join(
                f'<box label={quoteattr(name)} occluded="0" xtl="{x0!r}" ytl="{y0!r}" xbr="{x1!r}" ybr="{y1!r}"/>'
                for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
            )
            name = quoteattr("".join(char for char in image.name if char >= " "))  # XML holds no control characters
            size = f'width="{image.size.width}" height="{image.size.height}"'
            shown += f'<image id="{number}" name={name} {size}>{boxes}</image>'
        head = f"<version>1.1</version><meta><task><labels>{labels}</labels></task></meta>"
        _write(root / f"{split}.xml", f"<annotations>{head}{shown}</annotations>".encode())


def read_cvat(root: Path) -> LabelledDataset:
    classes: tuple[str, ...] = ()
    images = []
    for file in sorted(root.glob("*.xml")):
        document = ET.parse(file)
        classes = tuple(
            label.findtext("name") or "" for label in document.iter("label") if not label.findtext("parent")
        )
        for each in document.iter("image"):
            objects = _objects_cvat(each)
            edges = [bounds_cvat(shape) for shape in objects]
            labels = tuple(shape.get("label", "") for shape in objects)
            name = each.get("name", "")
            image = _image(file.stem, name, root / "images" / file.stem / name, edges, labels, root)
            assert image.size == (int(each.get("width", 0)), int(each.get("height", 0))), image.place
            images.append(image)
    return LabelledDataset(classes, tuple(images))


def _objects_cvat(image: ET.Element) -> list[ET.Element]:
    """A shape of each object of an image: its box, where a mask stands beside that in a group."""
    masked = {shape.get("group_id") for shape in image.iter("mask")} - {None, "0"}
    boxes = {shape.get("group_id") for shape in image.iter("box")} & masked
    return [shape for shape in image if shape.tag != "mask" or shape.get("group_id") not in boxes]


def bounds_cvat(shape: ET.Element) -> tuple[float, ...]:
    """The box around a box, an ellipse, a polygon or a mask; the first two may be turned about their middle."""
    if shape.tag == "mask":
        left, top, wide, high = (int(shape.get(name, 0)) for name in ("left", "top", "width", "height"))
        return left, top, left + wide, top + high
    if shape.tag == "polygon":
        points = np.array([pair.split(",") for pair in shape.get("points", "").split(";")], dtype=np.float64)
        return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())
    angle = np.radians(float(shape.get("rotation", 0)))
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    if shape.tag == "ellipse":
        cx, cy, rx, ry = (float(shape.get(name, "nan")) for name in ("cx", "cy", "rx", "ry"))
        across, down = np.hypot(rx * cos, ry * sin), np.hypot(rx * sin, ry * cos)
    else:
        x0, y0, x1, y1 = (float(shape.get(name, "nan")) for name in ("xtl", "ytl", "xbr", "ybr"))
        if not angle:
            return x0, y0, x1, y1
        cx, cy, rx, ry = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
        across, down = rx * cos + ry * sin, rx * sin + ry * cos
    return cx - across, cy - down, cx + across, cy + down


def first_corner_cvat(root: Path) -> tuple[float, float]:
    box = next(ET.parse(min(root.glob("*.xml"))).iter("box"))
    return float(box.get("xtl", "nan")), float(box.get("ytl", "nan"))


def paint_createml(root: Path, dataset: LabelledDataset) -> None:
    for split, images in _by_split(dataset):
        _empty(root / split)
        records = []
        for image in images:
            _write(root / split / image.name, image.data)
            objects = [
                {
                    "label": name,
                    "coordinates": {"x": (x0 + x1) / 2, "y": (y0 + y1) / 2, "width": x1 - x0, "height": y1 - y0},
                }
                for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
            ]
            records.append({"image": image.name, "annotations": objects})
        _write(root / split / "_annotations.createml.json", json.dumps(records, ensure_ascii=False).encode())
    _write(root / "labels.txt", "".join(f"{name}\n" for name in dataset.classes).encode())


def read_createml(root: Path) -> LabelledDataset:
    classes = tuple((root / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1])
    images = []
    for file in sorted(root.glob("*/_annotations.createml.json")):
        for record in json.loads(file.read_bytes()):
            boxes = [
                tuple(one["coordinates"][key] for key in ("x", "y", "width", "height")) for one in record["annotations"]
            ]
            edges = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for x, y, w, h in boxes]
            labels = tuple(one["label"] for one in record["annotations"])
            images.append(_image(file.parent.name, record["image"], file.parent / record["image"], edges, labels, root))
    return LabelledDataset(classes, tuple(images))


def first_corner_createml(root: Path) -> tuple[float, float]:
    records = json.loads(min(root.glob("*/_annotations.createml.json")).read_bytes())
    box = next(record["annotations"][0]["coordinates"] for record in records if record["annotations"])
    return box["x"] - box["width"] / 2, box["y"] - box["height"] / 2


def paint_via(root: Path, dataset: LabelledDataset) -> None:
    options = {name: name for name in dataset.classes}
    declared = {"region": {"class": {"type": "dropdown", "options": options}}, "file": {}}
    for split, images in _by_split(dataset):
        _empty(root / split)
        entries = {}
        for image in images:
            _write(root / split / image.name, image.data)
            regions = [
                {
                    "shape_attributes": {"name": "rect", "x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0},
                    "region_attributes": {"class": name},
                }
                for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
            ]
            size = len(image.data)
            entries[f"{image.name}{size}"] = {"filename": image.name, "size": size, "regions": regions}
        project = {"_via_settings": {}, "_via_img_metadata": entries, "_via_attributes": declared}
        _write(root / split / "via_project.json", json.dumps(project, ensure_ascii=False).encode())
    _write(root / "labels.txt", "".join(f"{name}\n" for name in dataset.classes).encode())


def read_via(root: Path) -> LabelledDataset:
    classes: tuple[str, ...] = ()
    images = []
    for file in sorted(root.glob("*/via_project.json")):
        project = json.loads(file.read_bytes())
        classes = tuple(project["_via_attributes"]["region"]["class"]["options"])
        for entry in project["_via_img_metadata"].values():
            edges = [around_via(region["shape_attributes"]) for region in entry["regions"]]
            labels = tuple(region["region_attributes"]["class"] for region in entry["regions"])
            path = file.parent / entry["filename"]
            images.append(_image(file.parent.name, entry["filename"], path, edges, labels, root))
            assert entry["size"] == len(images[-1].data), images[-1].place
    return LabelledDataset(classes, tuple(images))


def around_via(shape: dict[str, Any]) -> tuple[float, ...]:
    if shape["name"] == "rect":
        return shape["x"], shape["y"], shape["x"] + shape["width"], shape["y"] + shape["height"]
    xs, ys = shape["all_points_x"], shape["all_points_y"]
    return min(xs), min(ys), max(xs), max(ys)


def first_corner_via(root: Path) -> tuple[float, float]:
    entries = json.loads(min(root.glob("*/via_project.json")).read_bytes())["_via_img_metadata"].values()
    shape = next(entry["regions"][0]["shape_attributes"] for entry in entries if entry["regions"])
    return shape["x"], shape["y"]


def paint_ndjson(root: Path, dataset: LabelledDataset) -> None:
    _empty(root / "images")
    names = {str(number): name for number, name in enumerate(dataset.classes)}
    lines: list[dict[str, Any]] = [{"type": "dataset", "task": "detect", "path": ".", "class_names": names}]
    for image in dataset.images:
        _write(root / "images" / image.split / image.name, image.data)
        wide, high = image.size
        boxes = [
            [
                dataset.classes.index(name),
                (x0 + x1) / 2 / wide,
                (y0 + y1) / 2 / high,
                (x1 - x0) / wide,
                (y1 - y0) / high,
            ]
            for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
        ]
        line = {"type": "image", "file": image.name, "width": wide, "height": high, "split": image.split}
        lines.append(line | {"annotations": {"boxes": boxes}})
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
    _write(root / "dataset.ndjson", text.encode())


def read_ndjson(root: Path) -> LabelledDataset:
    head, *lines = map(json.loads, (root / "dataset.ndjson").read_bytes().split(b"\n")[:-1])
    classes = tuple(head["class_names"].values())
    images = []
    for line in lines:
        path = root / "images" / line["split"] / line["file"]
        rows: list[list[float]] = next(iter(line.get("annotations", {}).values()), [])
        edges = [_yolo_box(numbers, (line["width"], line["height"])) for _, *numbers in rows]
        labels = tuple(classes[int(number)] for number, *_ in rows)
        image = _image(line["split"], line["file"], path, edges, labels, root)
        assert image.size == (line["width"], line["height"]), image.place
        images.append(image)
    return LabelledDataset(classes, tuple(images))


def first_corner_ndjson(root: Path) -> tuple[float, float]:
    _, line, *_ = map(json.loads, (root / "dataset.ndjson").read_bytes().split(b"\n")[:-1])
    _, cx, cy, w, h = line["annotations"]["boxes"][0]
    return cx - w / 2, cy - h / 2


def paint_hf_imagefolder(root: Path, dataset: LabelledDataset) -> None:
    names = {str(number): name for number, name in enumerate(dataset.classes)}
    features = [{"name": "objects", "struct": [{"name": "category", "list": {"class_label": {"names": names}}}]}]
    card = yaml.safe_dump({"bbox_format": "xywh", "dataset_info": {"features": features}}, allow_unicode=True)
    _write(root / "README.md", f"---\n{card}---\n".encode())
    for split, images in _by_split(dataset):
        folder = root / {"val": "validation"}.get(split, split)
        _empty(folder)
        rows = ""
        for image in images:
            _write(folder / image.name, image.data)
            boxes = [[x0, y0, x1 - x0, y1 - y0] for x0, y0, x1, y1 in image.boxes.tolist()]
            objects = {"bbox": boxes, "category": [dataset.classes.index(name) for name in image.classes]}
            row = {"file_name": image.name, "width": image.size.width, "height": image.size.height, "objects": objects}
            rows += f"{json.dumps(row, ensure_ascii=False)}\n"
        _write(folder / "metadata.jsonl", rows.encode())


def read_hf_imagefolder(root: Path) -> LabelledDataset:
    card = yaml.safe_load((root / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    columns = card["dataset_info"]["features"][-1]["struct"]
    (label,) = (one["list"]["class_label"] for one in columns if one["name"] == "category")
    classes = tuple(label["names"].values())
    images = []
    for file in sorted(root.glob("*/metadata.jsonl")):
        split = {"validation": "val"}.get(file.parent.name, file.parent.name)
        for row in map(json.loads, file.read_bytes().split(b"\n")[:-1]):
            objects = row["objects"]
            edges = [(x, y, x + wide, y + high) for x, y, wide, high in objects["bbox"]]
            names = tuple(classes[number] for number in objects["category"])
            image = _image(split, row["file_name"], file.parent / row["file_name"], edges, names, root)
            assert image.size == (row["width"], row["height"]), image.place
            images.append(image)
    return LabelledDataset(classes, tuple(images))


def first_corner_hf_imagefolder(root: Path) -> tuple[float, float]:
    rows = map(json.loads, min(root.glob("*/metadata.jsonl")).read_bytes().split(b"\n")[:-1])
    x, y, *_ = next(row["objects"]["bbox"][0] for row in rows if row["objects"]["bbox"])
    return x, y


def paint_webdataset(root: Path, dataset: LabelledDataset) -> None:
    _remove(*root.glob("*.tar"))
    for split, images in _by_split(dataset):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for number, image in enumerate(images):
                stem, suffix = f"{number:08}", PurePosixPath(image.name).suffix
                labels = json.dumps(_shard_labels(image, dataset.classes)).encode()
                for name, content in ((f"{stem}{suffix}", image.data), (f"{stem}.json", labels)):
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
        _write(root / f"{split}-00000.tar", data.getvalue())
    _write(root / "classes.json", json.dumps(list(dataset.classes)).encode())


def read_webdataset(root: Path) -> LabelledDataset:
    classes = tuple(json.loads((root / "classes.json").read_bytes()))
    images = []
    for shard in sorted(root.glob("*.tar")):
        with tarfile.open(shard) as tar:
            members = {member.name: _content(tar, member) for member in tar}
        for name in sorted(name for name in members if not name.endswith(".json")):
            said = json.loads(members[f"{PurePosixPath(name).stem}.json"])
            images.append(_shard_image(shard.name, name, members[name], said, classes))
    return LabelledDataset(classes, tuple(images))


def first_corner_webdataset(root: Path) -> tuple[float, float]:
    with tarfile.open(min(root.glob("*.tar"))) as tar:
        labels = json.loads(next(_content(tar, member) for member in tar if member.name.endswith(".json")))
    x, y, *_ = labels["objects"]["bbox"][0]
    return x, y


def paint_parquet(root: Path, dataset: LabelledDataset) -> None:
    import pyarrow
    from pyarrow import parquet

    _empty(root / "data")
    for split, images in _by_split(dataset):
        rows = [
            {
                "image": {"bytes": image.data, "path": f"{number:08}{PurePosixPath(image.name).suffix}"},
                **_shard_labels(image, dataset.classes),
            }
            for number, image in enumerate(images)
        ]
        parquet.write_table(pyarrow.Table.from_pylist(rows), root / "data" / f"{split}-00000.parquet")
    _write(root / "classes.json", json.dumps(list(dataset.classes)).encode())


def read_parquet(root: Path) -> LabelledDataset:
    from pyarrow import parquet

    classes = tuple(json.loads((root / "classes.json").read_bytes()))
    images = []
    for shard in sorted((root / "data").glob("*.parquet")):
        for said in parquet.read_table(shard).to_pylist():
            image = said["image"]
            images.append(_shard_image(f"data/{shard.name}", image["path"], image["bytes"], said, classes))
    return LabelledDataset(classes, tuple(images))


def first_corner_parquet(root: Path) -> tuple[float, float]:
    from pyarrow import parquet

    x, y, *_ = parquet.read_table(min((root / "data").glob("*.parquet"))).to_pylist()[0]["objects"]["bbox"][0]
    return x, y


def _shard_labels(image: LabelledImage, classes: tuple[str, ...]) -> dict[str, Any]:
    boxes = [[x0, y0, x1 - x0, y1 - y0] for x0, y0, x1, y1 in image.boxes.tolist()]
    objects = {"bbox": boxes, "category": [classes.index(name) for name in image.classes]}
    return {"file_name": image.name, "width": image.size.width, "height": image.size.height, "objects": objects}


def _shard_image(shard: str, name: str, data: bytes, said: dict[str, Any], classes: tuple[str, ...]) -> LabelledImage:
    objects = said["objects"] or {"bbox": [], "category": []}
    edges = np.array([(x, y, x + wide, y + high) for x, y, wide, high in objects["bbox"]], dtype=np.float64)
    labels = tuple(classes[number] for number in objects["category"])
    size, split = displayed_size(data), PurePosixPath(shard).name.rpartition("-")[0]
    return LabelledImage(split, said["file_name"], data, size, edges.reshape(-1, 4), labels, f"{shard}/{name}")


def paint_labelme(root: Path, dataset: LabelledDataset) -> None:
    _empty(*{root / image.split for image in dataset.images})
    for image in dataset.images:
        _write(root / image.split / image.name, image.data)
        shapes: list[dict[str, Any]] = [
            {"label": name, "points": [[x1, y0], [x0, y1]], "shape_type": "rectangle", "flags": {}, "group_id": None}
            for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
        ]
        document: dict[str, Any] = {"version": "5.4.1", "flags": {}, "shapes": shapes}
        document |= {"imagePath": PurePosixPath(image.name).name, "imageData": None}
        document |= {"imageHeight": image.size.height, "imageWidth": image.size.width, "split": image.split}
        path = (root / image.split / image.name).with_suffix(".json")
        _write(path, json.dumps(document, ensure_ascii=False).encode())
    _write(root / "labels.txt", "".join(f"{name}\n" for name in dataset.classes).encode())


def read_labelme(root: Path) -> LabelledDataset:
    classes = tuple((root / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1])
    images = []
    paths = (path for path in root.glob("*/**/*") if path.suffix not in (".json", ".txt") and path.is_file())
    for path in sorted(path for path in paths if not path.is_relative_to(root / ".bboxprep")):
        text = path.with_suffix(".json")
        document = json.loads(text.read_bytes()) if text.is_file() else {"shapes": [], "imagePath": path.name}
        assert document["imagePath"] == path.name
        objects: dict[Any, list[dict[str, Any]]] = {}
        for place, shape in enumerate(document["shapes"]):
            key = (shape["label"], shape["group_id"]) if shape.get("parts_of_one") else place
            objects.setdefault(key, []).append(shape)
        edges = [_around(own) for own in objects.values()]
        labels = tuple(own[0]["label"] for own in objects.values())
        split, *parts = path.relative_to(root).parts
        image = _image(split, "/".join(parts), path, edges, labels, root)
        assert not document["shapes"] or image.size == (document["imageWidth"], document["imageHeight"]), image.place
        images.append(image)
    return LabelledDataset(classes, tuple(images))


def _around(shapes: list[dict[str, Any]]) -> tuple[float, ...]:
    """The rectangle among the shapes of one object, else the box around all: of a mask the second corner is a pixel."""
    boxes = [shape for shape in shapes if shape["shape_type"] == "rectangle"] or shapes
    xs, ys = ([point[axis] for shape in boxes for point in shape["points"]] for axis in (0, 1))
    if boxes[0]["shape_type"] == "mask":
        return min(xs), min(ys), max(xs) + 1, max(ys) + 1
    return min(xs), min(ys), max(xs), max(ys)


def first_corner_labelme(root: Path) -> tuple[float, float]:
    (x0, y0), (x1, y1) = json.loads(min(root.glob("*/*.json")).read_bytes())["shapes"][0]["points"]
    return min(x0, x1), min(y0, y1)


def paint_csv(root: Path, dataset: LabelledDataset) -> None:
    _empty(root / "images")
    _remove(*root.glob("*.csv"))
    for split, images in _by_split(dataset):
        with (root / f"{split}_labels.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
            rows.writerow(["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"])
            for image in images:
                _write(root / "images" / split / image.name, image.data)
                for edges, name in zip(image.boxes.tolist(), image.classes, strict=True):
                    rows.writerow([image.name, *image.size, name, *edges])
    with (root / "classes.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([name, row] for row, name in enumerate(dataset.classes))


def read_csv(root: Path) -> LabelledDataset:
    with (root / "classes.csv").open(encoding="utf-8", newline="") as file:
        classes = tuple(name for name, _ in csv.reader(file))
    images = []
    for path in sorted(path for path in (root / "images").rglob("*") if path.is_file()):
        split, *parts = path.relative_to(root / "images").parts
        with (root / f"{split}_labels.csv").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if "/".join(parts) in (row.get("filename"), row.get("image"))]
        edges = [tuple(float(row[key]) for key in _CORNERS) for row in rows]
        labels = tuple(row["class" if "class" in row else "label"] for row in rows)
        images.append(_image(split, "/".join(parts), path, edges, labels, root))
    return LabelledDataset(classes, tuple(images))


def first_corner_csv(root: Path) -> tuple[float, float]:
    with min(root.glob("*_labels.csv")).open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    return float(row["xmin"]), float(row["ymin"])


def paint_labelstudio(root: Path, dataset: LabelledDataset) -> None:
    _empty(root / "images")
    _remove(*_task_files(root))
    for split, images in _by_split(dataset):
        tasks = []
        for image in images:
            _write(root / "images" / split / image.name, image.data)
            url = "/data/local-files/?d=" + quote(f"images/{split}/{image.name}")
            result = [_region(edges, name, image.size) for edges, name in zip(image.boxes, image.classes, strict=True)]
            tasks.append({"data": {"image": url}, "annotations": [{"result": result}]})
        _write(root / f"{split}.json", json.dumps(tasks).encode())
    labels = "".join(f"<Label value={quoteattr(name)}/>" for name in dataset.classes)
    control = f'<RectangleLabels name="label" toName="image">{labels}</RectangleLabels>'
    _write(root / "label_config.xml", f'<View><Image name="image" value="$image"/>{control}</View>'.encode())


def _region(edges: np.ndarray, name: str, size: tuple[int, int]) -> dict[str, Any]:
    (x0, y0, x1, y1), (wide, high) = edges.tolist(), size
    value = {"x": x0 / wide * 100, "y": y0 / high * 100, "rotation": 0, "rectanglelabels": [name]}
    value |= {"width": (x1 - x0) / wide * 100, "height": (y1 - y0) / high * 100}
    control = {"type": "rectanglelabels", "from_name": "label", "to_name": "image", "image_rotation": 0}
    return {**control, "original_width": wide, "original_height": high, "value": value}


def read_labelstudio(root: Path) -> LabelledDataset:
    config = ET.parse(root / "label_config.xml").getroot()
    classes = tuple(label.get("value", "") for label in config.iterfind("RectangleLabels/Label"))
    images = []
    for file in _task_files(root):
        for task in json.loads(file.read_bytes()):
            (_, url), (annotation,) = task["data"]["image"].split("?d="), task["annotations"]
            path, found = root / unquote(url), [one for one in annotation["result"] if "parentID" not in one]
            edges = [object_bounds_labelstudio(annotation["result"], one) for one in found]
            labels = tuple(one["value"][one["type"]][0] for one in found)
            name = path.relative_to(root / "images" / file.stem).as_posix()
            image = _image(file.stem, name, path, edges, labels, root)
            assert all(image.size == (one["original_width"], one["original_height"]) for one in found), image.place
            images.append(image)
    return LabelledDataset(classes, tuple(images))


def bounds_labelstudio(region: dict[str, Any]) -> tuple[float, ...]:
    """The box around a rectangle, turned about its corner, an ellipse or a polygon."""
    value, size = region["value"], np.array([region["original_width"], region["original_height"]])
    turn = np.radians(value.get("rotation", 0))
    along, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    if "rle" in value:
        x0, y0, x1, y1 = decode_brush(brush_bytes(value["rle"]), Size(*size.tolist())).bounds
        points = np.array([[x0, y0], [x1, y1]])
    elif "points" in value:
        points = np.array(value["points"]) * size / 100
    elif "radiusX" in value:
        middle, radii = (np.array([value[f"{key}"] for key in keys]) * size / 100 for keys in (("x", "y"), _RADII))
        reach = np.hypot(radii[0] * along, radii[1] * down)
        points = np.stack([middle - reach, middle + reach])
    else:
        corner, sides = (np.array([value[key] for key in keys]) * size / 100 for keys in (("x", "y"), _SIDES))
        points = np.array([corner + a * sides[0] * along + b * sides[1] * down for a in (0, 1) for b in (0, 1)])
    return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def _task_files(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*.json") if not path.name.startswith("bboxprep."))


def object_bounds_labelstudio(result: list[dict[str, Any]], region: dict[str, Any]) -> tuple[float, ...]:
    """The box of an object: its rectangle, else that around the region and its parts."""
    if region["type"] == "rectanglelabels" and not region["value"].get("rotation"):
        return bounds_labelstudio(region)
    parts = [one for one in result if one.get("meta", {}).get("part_of_parent") and one["parentID"] == region["id"]]
    edges = np.array([bounds_labelstudio(one) for one in (region, *parts)])
    return (*edges[:, :2].min(axis=0).tolist(), *edges[:, 2:].max(axis=0).tolist())


_RADII, _SIDES = ("radiusX", "radiusY"), ("width", "height")


def first_corner_labelstudio(root: Path) -> tuple[float, float]:
    x, y, *_ = bounds_labelstudio(json.loads(_task_files(root)[0].read_bytes())[0]["annotations"][0]["result"][0])
    return x, y


def paint_supervisely(root: Path, dataset: LabelledDataset) -> None:
    _empty(*{root / image.split for image in dataset.images})
    for image in dataset.images:
        _write(root / image.split / "img" / image.name, image.data)
        objects = [
            {"classTitle": name, "geometryType": "rectangle", "tags": [], "points": _exterior((x1, y0), (x0, y1))}
            for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
        ]
        size = {"height": image.size.height, "width": image.size.width}
        document = {"description": "", "tags": [], "size": size, "objects": objects}
        _write(root / image.split / "ann" / f"{image.name}.json", json.dumps(document).encode())
    meta = {"classes": [{"title": name, "shape": "any"} for name in dataset.classes], "tags": [], "splits": True}
    _write(root / "meta.json", json.dumps(meta).encode())


def _exterior(*points: tuple[float, float]) -> dict[str, Any]:
    return {"exterior": points, "interior": []}


def read_supervisely(root: Path) -> LabelledDataset:
    classes = tuple(row["title"] for row in json.loads((root / "meta.json").read_bytes())["classes"])
    images = []
    for path in sorted(path for path in root.glob("*/img/**/*") if path.is_file()):
        split, _, *parts = path.relative_to(root).parts
        text = root.joinpath(split, "ann", *parts).with_name(f"{path.name}.json")
        document = json.loads(text.read_bytes()) if text.is_file() else {"objects": [], "size": None}
        objects: dict[Any, list[dict[str, Any]]] = {}
        for place, label in enumerate(document["objects"]):
            objects.setdefault(label.get("instance", place), []).append(label)
        edges = [around_supervisely(own) for own in objects.values()]
        labels = tuple(own[0]["classTitle"] for own in objects.values())
        image = _image(split, "/".join(parts), path, edges, labels, root)
        assert document["size"] in (None, {"height": image.size.height, "width": image.size.width}), image.place
        images.append(image)
    return LabelledDataset(classes, tuple(images))


def _turned_supervisely(points: Any, angle: float) -> Any:
    """The corners (4, 2) of the box with two opposite corners `points`, turned about its centre by `angle`, radians."""
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    middle, away = points.mean(axis=0), np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) - points.mean(axis=0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(away @ turn + middle)


def around_supervisely(labels: list[dict[str, Any]]) -> tuple[float, ...]:
    """The rectangle among the labels of one object, else the box around all. Whole numbers are those of pixels."""
    chosen = [label for label in labels if label["geometryType"] == "rectangle"] or labels
    corners: list[list[float]] = []
    for label in chosen:
        if label["geometryType"] == "bitmap":
            x, y = label["bitmap"]["origin"]
            with Image.open(io.BytesIO(zlib.decompress(base64.b64decode(label["bitmap"]["data"])))) as mask:
                corners += [[x, y], [x + mask.width, y + mask.height]]
            continue
        points = np.array(label["points"]["exterior"])
        if label["geometryType"] == "oriented_bbox":
            points = _turned_supervisely(points, label["angle"])
        whole, is_box = points.dtype.kind == "i", label["geometryType"] == "rectangle"
        low, high = (0.0, 1.0) if is_box else (0.5, 0.5)
        corners += [(points.min(axis=0) + whole * low).tolist(), (points.max(axis=0) + whole * high).tolist()]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def first_corner_supervisely(root: Path) -> tuple[float, float]:
    points = json.loads(min(root.glob("*/ann/*.json")).read_bytes())["objects"][0]["points"]["exterior"]
    (x0, y0), (x1, y1) = points
    return min(x0, x1), min(y0, y1)


def paint_bdd100k(root: Path, dataset: LabelledDataset) -> None:
    _empty(root / "images")
    _remove(*_documents_bdd100k(root))
    for split, images in _by_split(dataset):
        frames = []
        for image in images:
            _write(root / "images" / split / image.name, image.data)
            labels = [
                {"id": str(row), "category": name, "box2d": {"x1": x0, "y1": y0, "x2": x1 - 1, "y2": y1 - 1}}
                for row, ((x0, y0, x1, y1), name) in enumerate(zip(image.boxes.tolist(), image.classes, strict=True))
            ]
            size = {"width": image.size.width, "height": image.size.height}
            frames.append({"name": image.name, "size": size, "labels": labels})
        document = {"config": {"categories": [{"name": name} for name in dataset.classes]}, "frames": frames}
        _write(root / f"{split}.json", json.dumps(document).encode())


def read_bdd100k(root: Path) -> LabelledDataset:
    classes: tuple[str, ...] = ()
    images = []
    for file in _documents_bdd100k(root):
        document = json.loads(file.read_bytes())
        classes = tuple(row["name"] for row in document["config"]["categories"])
        for frame in document["frames"]:
            boxes = [label["box2d"] for label in frame["labels"]]
            edges = [(box["x1"], box["y1"], box["x2"] + 1, box["y2"] + 1) for box in boxes]
            labels = tuple(label["category"] for label in frame["labels"])
            path = root / "images" / file.stem / frame["name"]
            image = _image(file.stem, frame["name"], path, edges, labels, root)
            assert frame["size"] == {"height": image.size.height, "width": image.size.width}, image.place
            images.append(image)
    return LabelledDataset(classes, tuple(images))


def _documents_bdd100k(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*.json") if not path.name.startswith("bboxprep."))


def first_corner_bdd100k(root: Path) -> tuple[float, float]:
    frames = json.loads(_documents_bdd100k(root)[0].read_bytes())["frames"]
    box = next(label["box2d"] for frame in frames for label in frame["labels"])
    return box["x1"], box["y1"]


def paint_datumaro(root: Path, dataset: LabelledDataset) -> None:
    _empty(root / "images", root / "annotations")
    labels = [{"name": name, "parent": "", "attributes": []} for name in dataset.classes]
    for split, images in _by_split(dataset):
        items = []
        for image in images:
            _write(root / "images" / split / image.name, image.data)
            found: list[dict[str, Any]] = [
                {
                    "type": "bbox",
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "label_id": dataset.classes.index(name),
                    "group": 0,
                }
                for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
            ]
            own = {"path": image.name, "size": [image.size.height, image.size.width]}
            items.append({"id": str(PurePosixPath(image.name).with_suffix("")), "image": own, "annotations": found})
        document = {"dm_format_version": "1.0", "categories": {"label": {"labels": labels}}, "items": items}
        _write(root / f"annotations/{split}.json", json.dumps(document).encode())


def read_datumaro(root: Path) -> LabelledDataset:
    classes: tuple[str, ...] = ()
    images = []
    for file in sorted((root / "annotations").glob("*.json")):
        document = json.loads(file.read_bytes())
        classes = tuple(row["name"] for row in document["categories"]["label"]["labels"])
        for item in document["items"]:
            boxes = [one for one in item["annotations"] if one["type"] == "bbox"]
            edges = [(x, y, x + wide, y + high) for x, y, wide, high in (one["bbox"] for one in boxes)]
            labels = tuple(classes[one["label_id"]] for one in boxes)
            name = item["image"]["path"]
            image = _image(file.stem, name, root / "images" / file.stem / name, edges, labels, root)
            assert item["image"]["size"] == [image.size.height, image.size.width], image.place
            images.append(image)
    return LabelledDataset(classes, tuple(images))


def first_corner_datumaro(root: Path) -> tuple[float, float]:
    items = json.loads(min((root / "annotations").glob("*.json")).read_bytes())["items"]
    x, y, *_ = next(one["bbox"] for item in items for one in item["annotations"])
    return x, y


def paint_openimages(root: Path, dataset: LabelledDataset) -> None:
    _empty(root / "images", root / "annotations")
    mids = {name: f"/m/0{number}" for number, name in enumerate(dataset.classes)}
    _write_rows(root / "annotations/class-descriptions.csv", [[mid, name] for name, mid in mids.items()])
    for split, images in _by_split(dataset):
        boxes = [["ImageID", "Source", "LabelName", "Confidence", "XMin", "XMax", "YMin", "YMax", "IsGroupOf"]]
        listed = [["ImageID", "Subset", "Rotation"]]
        for image in images:
            _write(root / "images" / split / image.name, image.data)
            stem, (wide, high) = PurePosixPath(image.name).with_suffix(""), image.size
            listed.append([str(stem), split, "0"])
            for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True):
                fractions = [repr(value) for value in (x0 / wide, x1 / wide, y0 / high, y1 / high)]
                boxes.append([str(stem), "xclick", mids[name], "1", *fractions, "0"])
        _write_rows(root / f"annotations/{split}-annotations-bbox.csv", boxes)
        _write_rows(root / f"annotations/{split}-images-with-rotation.csv", listed)


def _write_rows(path: Path, rows: list[list[str]], between: str = ",") -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=between).writerows(rows)
    _write(path, text.getvalue().encode())


def _rows(path: Path, between: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), delimiter=between))


def read_openimages(root: Path) -> LabelledDataset:
    classes = dict(csv.reader(io.StringIO((root / "annotations/class-descriptions.csv").read_text(encoding="utf-8"))))
    images = []
    for file in sorted((root / "annotations").glob("*-annotations-bbox.csv")):
        split = file.name.removesuffix("-annotations-bbox.csv")
        folder, rows = root / "images" / split, _rows(file)
        files = [path for path in folder.rglob("*") if path.is_file()]
        by_id = {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}
        by_id |= {path.relative_to(folder).as_posix(): path for path in files}
        for each in _rows(root / f"annotations/{split}-images-with-rotation.csv"):
            own, path = [row for row in rows if row["ImageID"] == each["ImageID"]], by_id[each["ImageID"]]
            wide, high = displayed_size(path.read_bytes())
            sides = ((row["XMin"], row["YMin"], row["XMax"], row["YMax"]) for row in own)
            edges = [(float(a) * wide, float(b) * high, float(c) * wide, float(d) * high) for a, b, c, d in sides]
            labels = tuple(classes[row["LabelName"]] for row in own)
            images.append(_image(split, path.relative_to(folder).as_posix(), path, edges, labels, root))
    return LabelledDataset(tuple(classes.values()), tuple(images))


def first_corner_openimages(root: Path) -> tuple[float, float]:
    row = _rows(min((root / "annotations").glob("*-annotations-bbox.csv")))[0]
    return float(row["XMin"]), float(row["YMin"])


def paint_vlm(root: Path, dataset: LabelledDataset) -> None:
    _empty(root / "images")
    _remove(*_lines_of(root))
    for split, images in _by_split(dataset):
        lines = ""
        for image in images:
            _write(root / "images" / split / image.name, image.data)
            shares = image.boxes / np.tile(np.array(image.size), 2) * 1000
            pairs = zip(shares.tolist(), image.classes, strict=True)
            answer = json.dumps([{"bbox_2d": box, "label": name} for box, name in pairs])
            turns = [{"from": "human", "value": "<image>\nFind all."}, {"from": "gpt", "value": answer}]
            line = {"image": image.name, "conversations": turns, "coordinates": "qwen3-vl"}
            lines += json.dumps(line, ensure_ascii=False) + "\n"
        _write(root / f"{split}.jsonl", lines.encode())
    _write(root / "labels.txt", "".join(f"{name}\n" for name in dataset.classes).encode())


def read_vlm(root: Path) -> LabelledDataset:
    classes = tuple((root / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1])
    images = []
    for file in _lines_of(root):
        for line in file.read_text(encoding="utf-8").split("\n")[:-1]:
            record = json.loads(line)
            found = json.loads(record["conversations"][1]["value"])
            path = root / "images" / file.stem / record["image"]
            scale = np.tile(displayed_size(path.read_bytes()), 2) / 1000
            edges = [tuple(np.array(one["bbox_2d"]) * scale) for one in found]
            labels = tuple(one["label"] for one in found)
            images.append(_image(file.stem, record["image"], path, edges, labels, root))
    return LabelledDataset(classes, tuple(images))


def _lines_of(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*.jsonl") if not path.name.startswith("bboxprep."))


def first_corner_vlm(root: Path) -> tuple[float, float]:
    line = _lines_of(root)[0].read_text(encoding="utf-8").split("\n")[0]
    x, y, *_ = json.loads(json.loads(line)["conversations"][1]["value"])[0]["bbox_2d"]
    return x, y


def paint_vott(root: Path, dataset: LabelledDataset) -> None:
    tags = [{"name": name, "color": "#5db300"} for name in dataset.classes]
    for split, images in _by_split(dataset):
        _empty(root / split)
        assets: dict[str, Any] = {}
        for number, image in enumerate(images):
            _write(root / split / image.name, image.data)
            asset = {"id": str(number), "name": image.name, "path": f"file:/photos/{quote(image.name)}", "type": 1}
            asset |= {"size": {"width": image.size.width, "height": image.size.height}, "state": 2, "format": "png"}
            regions = []
            for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True):
                box = {"left": x0, "top": y0, "width": x1 - x0, "height": y1 - y0}
                points = [{"x": x, "y": y} for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
                regions.append({"type": "RECTANGLE", "tags": [name], "boundingBox": box, "points": points})
            assets[str(number)] = {"asset": asset, "regions": regions, "version": "2.2.0"}
        export = {"name": "photos", "version": "2.2.0", "tags": tags, "assets": assets}
        _write(root / split / "photos-export.json", json.dumps(export, ensure_ascii=False).encode())


def paint_customvision(root: Path, dataset: LabelledDataset) -> None:
    for split, images in _by_split(dataset):
        _empty(root / split)
        listed = []
        for number, image in enumerate(images):
            _write(root / split / image.name, image.data)
            width, height = image.size
            regions = [
                {"tagName": name, "left": x0 / width, "top": y0 / height}
                | {"width": (x1 - x0) / width, "height": (y1 - y0) / height}
                for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
            ]
            record = {"id": f"id-{number}", "width": width, "height": height, "regions": regions}
            listed.append({**record, "originalImageUri": f"https://a.invalid/photos/{image.name}"})
        _write(root / split / "images.json", json.dumps(listed, ensure_ascii=False).encode())


def paint_labelbox(root: Path, dataset: LabelledDataset) -> None:
    for split, images in _by_split(dataset):
        _empty(root / split)
        lines = []
        for number, image in enumerate(images):
            _write(root / split / image.name, image.data)
            objects = []
            for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True):
                box = {"top": y0, "left": x0, "height": y1 - y0, "width": x1 - x0}
                objects.append({"name": name, "annotation_kind": "ImageBoundingBox", "bounding_box": box})
            label = {"label_kind": "Default", "annotations": {"objects": objects, "classifications": []}}
            row = {"data_row": {"id": str(number), "external_id": image.name}}
            media = {"height": image.size.height, "width": image.size.width, "mime_type": "image/png"}
            lines.append({**row, "media_attributes": media, "projects": {"p1": {"name": "p", "labels": [label]}}})
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        _write(root / split / "export.ndjson", text.encode())


def paint_sagemaker(root: Path, dataset: LabelledDataset) -> None:
    numbers = {name: number for number, name in enumerate(dataset.classes)}
    for split, images in _by_split(dataset):
        _empty(root / split)
        lines = []
        for image in images:
            _write(root / split / image.name, image.data)
            boxes = [
                {"class_id": numbers[name], "top": y0, "left": x0, "height": y1 - y0, "width": x1 - x0}
                for (x0, y0, x1, y1), name in zip(image.boxes.tolist(), image.classes, strict=True)
            ]
            size = {"width": image.size.width, "height": image.size.height, "depth": 3}
            known = {str(numbers[name]): name for name in image.classes}
            metadata = {"objects": [{"confidence": 0.5}] * len(boxes), "class-map": known, "human-annotated": "yes"}
            metadata |= {"type": "groundtruth/object-detection", "creation-date": "2026-01-02T03:04:05.000006"}
            line = {"source-ref": f"s3://bucket/photos/{image.name}", "animals-metadata": metadata}
            lines.append({**line, "animals": {"image_size": [size], "annotations": boxes}})
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        _write(root / split / "output.manifest", text.encode())


def _by_split(dataset: LabelledDataset) -> Iterator[tuple[str, list[LabelledImage]]]:
    """The images of each split."""
    for split, images in groupby(sorted(dataset.images, key=lambda image: image.split), lambda image: image.split):
        yield split, list(images)


def _image(
    split: str, name: str, path: Path, edges: Sequence[tuple[float, ...]], labels: tuple[str, ...], root: Path
) -> LabelledImage:
    data, boxes = path.read_bytes(), np.array(edges, dtype=np.float64).reshape(-1, 4)
    return LabelledImage(split, name, data, displayed_size(data), boxes, labels, path.relative_to(root).as_posix())


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None, member.name
    return file.read()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _empty(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)


def _remove(*files: Path) -> None:
    for file in files:
        file.unlink()


def _is_loose(name: str) -> bool:
    """Whether the format writes each image to a file of its own, and not into a packed one."""
    declared = formats.load(name)
    return not declared.write(Path(), Dataset(Path(), name, Categories(), []), declared.write_options()).stage


EXAMPLES: Mapping[str, FormatExample] = {
    example.format: example
    for example in (
        FormatExample("bdd100k", paint_bdd100k, read_bdd100k, first_corner_bdd100k),
        FormatExample("coco", paint_coco, read_coco, first_corner_coco),
        FormatExample("createml", paint_createml, read_createml, first_corner_createml),
        FormatExample("csv", paint_csv, read_csv, first_corner_csv, {"dialect": "vott"}),
        FormatExample("cvat", paint_cvat, read_cvat, first_corner_cvat),
        FormatExample("customvision", paint_customvision),
        FormatExample("dota", paint_dota, read_dota, first_corner_dota),
        FormatExample("hf_imagefolder", paint_hf_imagefolder, read_hf_imagefolder, first_corner_hf_imagefolder),
        FormatExample("datumaro", paint_datumaro, read_datumaro, first_corner_datumaro),
        FormatExample("labelbox", paint_labelbox),
        FormatExample("kitti", paint_kitti, read_kitti, first_corner_kitti),
        FormatExample("labelme", paint_labelme, read_labelme, first_corner_labelme),
        FormatExample("labelstudio", paint_labelstudio, read_labelstudio, first_corner_labelstudio),
        FormatExample("mot", paint_mot, read_mot, first_corner_mot),
        FormatExample("ndjson", paint_ndjson, read_ndjson, first_corner_ndjson),
        FormatExample("openimages", paint_openimages, read_openimages, first_corner_openimages),
        FormatExample("masks", paint_masks, read_masks, first_corner_masks),
        FormatExample("panoptic", paint_panoptic, read_panoptic, first_corner_panoptic),
        FormatExample("parquet", paint_parquet, read_parquet, first_corner_parquet),
        FormatExample("sagemaker", paint_sagemaker),
        FormatExample("supervisely", paint_supervisely, read_supervisely, first_corner_supervisely, {"subpixel": True}),
        FormatExample("tfrecord", paint_tfrecord, read_tfrecord, first_corner_tfrecord),
        FormatExample("vlm", paint_vlm, read_vlm, first_corner_vlm),
        FormatExample("via", paint_via, read_via, first_corner_via),
        FormatExample("vott", paint_vott),
        FormatExample("voc", paint_voc, read_voc, first_corner_voc, {"float_": True}),
        FormatExample("webdataset", paint_webdataset, read_webdataset, first_corner_webdataset),
        FormatExample("yolo", paint_yolo, read_yolo, first_corner_yolo),
    )
}
_NEEDS = {  # of the extras `shards` and `tfrecord`
    "parquet": ("pyarrow", "fsspec"),
    "tfrecord": ("google_crc32c", "google.protobuf"),
    "webdataset": ("fsspec",),
}
AVAILABLE = tuple(name for name in formats.written() if all(map(find_spec, _NEEDS.get(name, ()))))
"""The formats that can be written here."""
LOOSE = tuple(filter(_is_loose, formats.written()))


def in_turn(names: Sequence[str], cases: Sequence[Any]) -> list[tuple[str, Any]]:
    """Pairs to parametrise with: the first two of `names` (formats) with all `cases`, each other one with one of them,
    in turn. So a new format costs a law little, and each case is tried with several formats.
    """
    whole = [(name, case) for name in names[:2] for case in cases]
    return [*whole, *((name, cases[number % len(cases)]) for number, name in enumerate(names[2:]))]


def parameter(name: str, *others: Any) -> Any:
    """The format called `name` and `others`, to parametrise with: skipped where the extras that it needs are absent."""
    there = all(map(find_spec, _NEEDS.get(name, ())))
    mark = pytest.mark.skipif(not there, reason="take the extras: bboxprep[shards,tfrecord]")
    return pytest.param(name, *others, marks=mark, id="-".join(map(str, (name, *others))))


FORMATS = [parameter(name) for name in formats.names()]
"""Every format that is registered: one without an example fails."""
WRITTEN = [parameter(name) for name in formats.written()]
"""Every one that can be written."""
