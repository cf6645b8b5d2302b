"""The painted-picture oracle: photos with one bright rectangle, labelled by hand-written label files, and the eyes that
find the rectangle again in an output, by means that share no code with the program."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

DARK, BRIGHT = (30, 40, 30), (255, 255, 255)
CONTAINERS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tif": "TIFF"}
UNTURN = {  # what was done to the upright picture so that the EXIF code turns it back
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Photo:
    """One file: its EXIF code, its container, and the rectangle and size in the frame that its labels use."""

    name: str
    orientation: int
    container: str
    size: tuple[int, int]
    box: Box


def paint(root: Path, orientation: int, container: str, frame: str, size: tuple[int, int], box: Box) -> Photo:
    """Write a photo whose rectangle is `box` in the displayed plane of `size`, labelled in `frame`."""
    upright = Image.new("RGB", size, DARK)
    x0, y0, x1, y1 = (int(edge) for edge in box)
    upright.paste(BRIGHT, (x0, y0, x1, y1))
    turn = UNTURN[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    name = f"{container}-{orientation}.{container}"
    stored.save(root / name, CONTAINERS[container], **_options(container, orientation))
    if frame == "displayed":
        return Photo(name, orientation, container, size, box)
    return Photo(name, orientation, container, stored.size, bright_box(np.asarray(stored.convert("RGB"))))


def _options(container: str, orientation: int) -> dict[str, Any]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    special: dict[str, dict[str, Any]] = {
        "jpg": {"quality": 95, "subsampling": 0},
        "webp": {"lossless": True},
        "tif": {"compression": "tiff_lzw"},
    }
    return {"exif": exif.tobytes(), **special.get(container, {})}


def bright_box(pixels: NDArray[np.uint8]) -> Box:
    """The edges of the bright pixels, at least half way between dark and bright in green: those of the middle row and
    column, for beside a corner a kernel that overshoots along one axis lights up what is beyond the edge of the other.
    """
    bright = pixels[..., 1] > (DARK[1] + BRIGHT[1]) / 2
    rows, columns = (np.flatnonzero(bright.any(axis=axis)) for axis in (1, 0))
    across = np.flatnonzero(bright[(rows[0] + rows[-1]) // 2])
    down = np.flatnonzero(bright[:, (columns[0] + columns[-1]) // 2])
    return float(across[0]), float(down[0]), float(across[-1] + 1), float(down[-1] + 1)


def photos(folder: Path, frame: str, size: tuple[int, int], box: Box) -> list[Photo]:
    """All eight orientations in all four containers, written to `folder`."""
    folder.mkdir(parents=True)
    return [paint(folder, code, container, frame, size, box) for container in CONTAINERS for code in range(1, 9)]


def label(root: Path, format: str, frame: str, size: tuple[int, int], box: Box) -> Path:
    """A dataset at `root` of all the painted photos, in `format`, with labels in `frame`."""
    folders = {"coco": root / "train", "yolo": root / "images" / "train", "voc": root / "JPEGImages"}
    made = photos(folders[format], frame, size, box)
    {"coco": _label_coco, "yolo": _label_yolo, "voc": _label_voc}[format](root, made)
    return root


def _label_coco(root: Path, made: Sequence[Photo]) -> None:
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 7, "name": "patch"}]}
    for number, photo in enumerate(made, 1):
        x0, y0, x1, y1 = photo.box
        ring = [x0, y0, x1, y0, x1, y1, x0, y1]
        document["images"].append(
            {"id": number, "file_name": photo.name, "width": photo.size[0], "height": photo.size[1]}
        )
        document["annotations"].append(
            {"id": number, "image_id": number, "category_id": 7, "bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": 0}
            | {"area": (x1 - x0) * (y1 - y0), "segmentation": [ring]}
        )
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document), encoding="utf-8")


def _label_yolo(root: Path, made: Sequence[Photo]) -> None:
    labels = root / "labels" / "train"
    labels.mkdir(parents=True)
    for photo in made:
        (x0, y0, x1, y1), (width, height) = photo.box, photo.size
        row = [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]
        text = "0 " + " ".join(f"{value:.12f}" for value in row) + "\n"
        (labels / photo.name).with_suffix(".txt").write_text(text, encoding="utf-8")
    (root / "data.yaml").write_text("train: images/train\nnames:\n  0: patch\n", encoding="utf-8")


def _label_voc(root: Path, made: Sequence[Photo]) -> None:
    (root / "Annotations").mkdir()
    for photo in made:
        x0, y0, x1, y1 = photo.box
        width, height = photo.size
        (root / "Annotations" / photo.name).with_suffix(".xml").write_text(
            "<annotation><source><database>The VOC2007 Database</database></source>"
            f"<filename>{photo.name}</filename><size><width>{width}</width><height>{height}</height>"
            "<depth>3</depth></size><object><name>patch</name><bndbox>"
            f"<xmin>{x0 + 1:g}</xmin><ymin>{y0 + 1:g}</ymin><xmax>{x1:g}</xmax><ymax>{y1:g}</ymax>"
            "</bndbox></object></annotation>",
            encoding="utf-8",
        )


def written_boxes(root: Path, format: str) -> Iterator[tuple[Path, list[Box]]]:
    """Each image of an output with its boxes in pixels, read by the plain rules of the format; none where it has no
    label file.
    """
    yield from {"coco": _read_coco, "yolo": _read_yolo, "voc": _read_voc}[format](root)


def _read_coco(root: Path) -> Iterator[tuple[Path, list[Box]]]:
    for file in sorted((root / "annotations").iterdir()):
        document = json.loads(file.read_text(encoding="utf-8"))
        folder = root / file.stem.removeprefix("instances_")
        for image in document["images"]:
            with Image.open(folder / image["file_name"]) as opened:
                assert opened.size == (image["width"], image["height"])
            rows = [row["bbox"] for row in document["annotations"] if row["image_id"] == image["id"]]
            yield folder / image["file_name"], [(x, y, x + width, y + height) for x, y, width, height in rows]


def _read_yolo(root: Path) -> Iterator[tuple[Path, list[Box]]]:
    for path in sorted((root / "images").rglob("*.*")):
        with Image.open(path) as opened:
            width, height = opened.size
        text = root / "labels" / path.relative_to(root / "images").with_suffix(".txt")
        boxes = []
        for line in text.read_text(encoding="utf-8").splitlines() if text.is_file() else ():
            cx, cy, w, h = (float(word) for word in line.split()[1:])
            boxes.append(((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height))
        yield path, boxes


def _read_voc(root: Path) -> Iterator[tuple[Path, list[Box]]]:
    for path in sorted((root / "JPEGImages").rglob("*.*")):
        text = root / "Annotations" / path.relative_to(root / "JPEGImages").with_suffix(".xml")
        boxes = []
        for box in ET.parse(text).iter("bndbox") if text.is_file() else ():
            x0, y0, x1, y1 = (float(box.findtext(tag) or "nan") for tag in ("xmin", "ymin", "xmax", "ymax"))
            boxes.append((x0 - 1, y0 - 1, x1, y1))
        yield path, boxes


def displayed(path: Path) -> NDArray[np.uint8]:
    """The picture at `path` as a viewer shows it, by Pillow."""
    with Image.open(BytesIO(path.read_bytes())) as opened:
        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
