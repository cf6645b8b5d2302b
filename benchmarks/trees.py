"""The documents of `documents.py` as datasets on disk: COCO, YOLO and VOC, with image files that are no more than a
size.

``python benchmarks/trees.py DEST [--extent val2017|train2017|large|IMAGES,OBJECTS] [--without-images]`` makes
DEST/coco, DEST/yolo and DEST/voc (or those named with ``--only``). Image files are hard links of a few grey JPEGs of
each size.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from documents import (
    LARGE,
    TRAIN2017,
    VAL2017,
    Extent,
    Images,
    category_names,
    draw_images,
    draw_objects,
    write_document,
)
from numpy.typing import NDArray
from PIL import Image

LINKS = 2_000  # of one prototype: file systems allow some 65,000, of which conversions need some too
EXTENTS = {"val2017": VAL2017, "train2017": TRAIN2017, "large": LARGE}
Rows = tuple[NDArray[np.int64], NDArray[np.float64]]


def write_coco(dest: Path, extent: Extent, *, with_images: bool = True) -> None:
    """`annotations/instances_train.json` and `train/*.jpg`."""
    images = draw_images(extent)
    if with_images:
        write_images(dest / "train", images)
    write_document(dest / "annotations" / "instances_train.json", images, extent)


def write_yolo(dest: Path, extent: Extent, *, with_images: bool = True) -> None:
    """`images/train`, `labels/train` with a file for every image, `data.yaml`."""
    images = draw_images(extent)
    if with_images:
        write_images(dest / "images" / "train", images)
    labels = dest / "labels" / "train"
    labels.mkdir(parents=True)
    for row, (classes, boxes) in _by_image(images, extent):
        (labels / images.name(row)).with_suffix(".txt").write_bytes(_yolo_text(classes, boxes, images.sizes[row]))
    names = "".join(f"  {label}: {name}\n" for label, name in enumerate(category_names()))
    (dest / "data.yaml").write_text(f"train: images/train\nnames:\n{names}", encoding="utf-8")


def write_voc(dest: Path, extent: Extent, *, with_images: bool = True) -> None:
    """`JPEGImages`, `Annotations`, `ImageSets/Main/train.txt`; corners as the devkit states them."""
    images = draw_images(extent)
    if with_images:
        write_images(dest / "JPEGImages", images)
    for folder in ("Annotations", "ImageSets/Main"):
        (dest / folder).mkdir(parents=True)
    for row, (classes, boxes) in _by_image(images, extent):
        name = images.name(row)
        text = _voc_text(name, classes, boxes, images.sizes[row])
        (dest / "Annotations" / name).with_suffix(".xml").write_text(text, encoding="utf-8", newline="\n")
    stems = "".join(f"{number:012d}\n" for number in images.ids)
    (dest / "ImageSets" / "Main" / "train.txt").write_text(stems, encoding="utf-8", newline="\n")


WRITERS: dict[str, Callable[..., None]] = {"coco": write_coco, "yolo": write_yolo, "voc": write_voc}


def write_images(folder: Path, images: Images) -> None:
    """A grey JPEG of the declared size under every name; a copy a `LINKS` images of one size, the others hard links."""
    folder.mkdir(parents=True)
    seen: dict[tuple[int, int], tuple[int, Path]] = {}
    for row, (width, height) in enumerate(images.sizes.tolist()):
        count, prototype = seen.get((width, height), (0, folder))
        path = folder / images.name(row)
        if count % LINKS:
            os.link(prototype, path)
        else:
            path.write_bytes(grey_jpeg(width, height))
            prototype = path
        seen[width, height] = count + 1, prototype


def grey_jpeg(width: int, height: int) -> bytes:
    """A whole, valid JPEG of one channel, about a kilobyte."""
    buffer = io.BytesIO()
    Image.new("L", (width, height), 114).save(buffer, "JPEG", optimize=True)
    return buffer.getvalue()


def _by_image(images: Images, extent: Extent) -> Iterator[tuple[int, Rows]]:
    """Each image's row with its objects' labels and boxes, x y w h, in the order of the document."""
    chunks = list(draw_objects(images, extent))
    labels = np.concatenate([chunk.labels for chunk in chunks])
    boxes = np.concatenate([chunk.boxes for chunk in chunks])
    order = np.argsort(images.owners, kind="stable")
    ends = np.cumsum(np.bincount(images.owners, minlength=len(images.ids)))
    start = 0
    for row, end in enumerate(ends.tolist()):
        rows = order[start:end]
        yield row, (labels[rows], boxes[rows])
        start = end


def _yolo_text(classes: NDArray[np.int64], boxes: NDArray[np.float64], size: NDArray[np.int32]) -> bytes:
    centres, extents = (boxes[:, :2] + boxes[:, 2:] / 2) / size, boxes[:, 2:] / size
    rows = np.concatenate([centres, extents], axis=1).tolist()
    lines = [
        f"{label} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n" for label, (x, y, w, h) in zip(classes.tolist(), rows, strict=True)
    ]
    return "".join(lines).encode()


def _voc_text(name: str, classes: NDArray[np.int64], boxes: NDArray[np.float64], size: NDArray[np.int32]) -> str:
    corners = np.concatenate([np.floor(boxes[:, :2]) + 1, np.ceil(boxes[:, :2] + boxes[:, 2:])], axis=1).astype(int)
    names = category_names()
    objects = "".join(
        f"<object><name>{names[label]}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"
        f"<bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>\n"
        for label, (x0, y0, x1, y1) in zip(classes.tolist(), corners.tolist(), strict=True)
    )
    return (
        f"<annotation>\n<folder>JPEGImages</folder><filename>{name}</filename>\n"
        "<source><database>The VOC2007 Database</database></source>\n"
        f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>1</depth></size><segmented>0</segmented>\n"
        f"{objects}</annotation>\n"
    )


def extent_of(text: str) -> Extent:
    """What an extent on the command line means."""
    if text in EXTENTS:
        return EXTENTS[text]
    images, objects = text.split(",")
    return Extent(int(images), int(objects))


def main() -> None:
    """Make the trees that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dest", type=Path)
    parser.add_argument("--extent", type=extent_of, default=VAL2017)
    parser.add_argument("--only", choices=list(WRITERS), action="append")
    parser.add_argument("--without-images", action="store_true")
    arguments = parser.parse_args()
    for name in arguments.only or WRITERS:
        part = arguments.dest / f"{name}.part"  # a tree of the right name is a whole one
        shutil.rmtree(part, ignore_errors=True)
        WRITERS[name](part, arguments.extent, with_images=not arguments.without_images)
        part.rename(arguments.dest / name)
        print(arguments.dest / name)


if __name__ == "__main__":
    main()
