"""What a finding names can be opened: each path stands below the folder of the data set, in every format, in a folder,
in a file's folder and in an archive, alone and among other sources; in `inspect`, in a run and in its record.
"""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from bboxprep import cli, convert, formats
from bboxprep.findings import Finding
from bboxprep.io.paths import IMAGE_SUFFIXES
from bboxprep.io.remote import member, open_path
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.run_record import RECORD
from bboxprep.pipeline.source.inspect import inspect
from bboxprep.pipeline.source.open import open_source
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.recipe import Recipe
from tests.conformance import tfrecords

SIZE = (40, 30)
OVER, FLAT, OUTSIDE = (-4, 2, 12, 12), (5, 5, 0, 8), (90, 5, 8, 8)  # x, y, width, height
BOXES = (OVER, FLAT, OUTSIDE, OVER)
SPOILT = b"\xff\xd8\xff no picture"


def photo(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE, (shade, 90, 120)).save(path)


def photos(folder: Path) -> None:
    """The images below `folder`, of which one lies deeper, one has no labels, and one is no picture."""
    photo(folder / "good.jpg", 10)
    photo(folder / "deep/er/odd.jpg", 20)
    photo(folder / "bare.jpg", 30)
    (folder / "spoilt.jpg").write_bytes(SPOILT)


def coco(root: Path) -> Path:
    """Returns a file that may be named as the source."""
    for split in ("train", "val"):
        photos(root / split)
        names = ["good.jpg", "deep/er/odd.jpg", "bare.jpg", "spoilt.jpg", "deep/gone.jpg", "good.jpg"]
        images = [{"id": row, "file_name": name, "width": 40, "height": 30} for row, name in enumerate(names, 1)]
        boxes = [(1, (3, 3, 8, 8)), (2, OVER), (2, FLAT), (2, OUTSIDE), (2, (1, "x", 2, 2)), (99, OVER), (5, OVER)]
        rows = [
            {"id": row, "image_id": image, "category_id": 1, "bbox": box} for row, (image, box) in enumerate(boxes, 1)
        ]
        labels = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"}]}
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(labels))
    return root / "annotations" / "instances_train.json"


def yolo(root: Path) -> Path:
    def rows(*boxes: tuple[float, float, float, float]) -> str:
        return "".join(f"0 {(x + w / 2) / 40} {(y + h / 2) / 30} {w / 40} {h / 30}\n" for x, y, w, h in boxes)

    for split in ("train", "val"):
        photos(root / "images" / split)
        labels = root / "labels" / split
        (labels / "deep/er").mkdir(parents=True)
        (labels / "good.txt").write_text(rows((3, 3, 8, 8)))
        (labels / "deep/er/odd.txt").write_text(rows(OVER, FLAT, OUTSIDE) + "0 x y\n")
        (labels / "spoilt.txt").write_text(rows((3, 3, 8, 8)))
        (labels / "deep/orphan.txt").write_text(rows((3, 3, 8, 8)))
    (root / "list.txt").write_text("images/train/good.jpg\nimages/train/gone.jpg\nnowhere/gone.jpg\n")
    (root / "data.yaml").write_text("train: [images/train, list.txt]\nval: images/val\nnames: [cat]\nnc: 2\n")
    return root / "data.yaml"


def voc(root: Path) -> Path | None:
    top = root / "VOC2007"
    photos(top / "JPEGImages")
    for name in ("good", "deep/er/odd", "spoilt", "deep/gone", "torn"):
        boxes = {"good": [(3, 3, 8, 8)], "deep/er/odd": [OVER, FLAT, OUTSIDE]}.get(name, [(4, 4, 8, 8)])
        objects = "".join(
            f"<object><name>cat</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin><xmax>{x + w}</xmax><ymax>{y + h}</ymax>"
            "</bndbox></object>" for x, y, w, h in boxes
        )  # fmt: skip
        odd = "<object><name>cat</name><bndbox/></object>" if "odd" in name else ""
        path = top / "Annotations" / f"{name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<annotation>{objects}{odd}{'' if name == 'torn' else '</annotation>'}")
    (top / "ImageSets/Main").mkdir(parents=True)
    (top / "ImageSets/Main/train.txt").write_text("good\ndeep/er/odd\nspoilt\nbare\nnever\n")
    (top / "ImageSets/Main/val.txt").write_text("good\n")
    return None


def labelme(root: Path) -> Path | None:
    for split in ("train", "val"):
        photos(root / split)
        for name in ("good", "deep/er/odd", "spoilt", "deep/gone", "torn"):
            boxes = {"good": [(3, 3, 8, 8)], "deep/er/odd": [OVER, FLAT, OUTSIDE]}.get(name, [(4, 4, 8, 8)])
            shapes: list[dict[str, object]] = [
                {"label": "cat", "shape_type": "rectangle", "points": [[x, y], [x + w, y + h]]} for x, y, w, h in boxes
            ]
            shapes += [{"label": "cat", "shape_type": "rectangle", "points": [[1, "x"]]}] * ("odd" in name)
            text = json.dumps({"shapes": shapes, "imagePath": f"{Path(name).name}.jpg", "imageData": None})
            path = root / split / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text[:-9] if name == "torn" else text)
    return None


def supervisely(root: Path) -> Path | None:
    for split in ("train", "val"):
        photos(root / split / "img")
        for name in ("good.jpg", "deep/er/odd.jpg", "spoilt.jpg", "deep/gone.jpg", "torn.jpg"):
            boxes = {"good.jpg": [(3, 3, 8, 8)], "deep/er/odd.jpg": [OVER, FLAT, OUTSIDE]}.get(name, [(4, 4, 8, 8)])
            corners: list[list[list[object]]] = [[[x, y], [x + w, y + h + 0.0]] for x, y, w, h in boxes]
            corners += [[[1, "x"]]] * ("odd" in name)
            own = {"classTitle": "cat", "geometryType": "rectangle"}
            objects = [own | {"points": {"exterior": pairs}} for pairs in corners]
            text = json.dumps({"tags": [], "size": {"width": 40, "height": 30}, "objects": objects})
            path = root / split / "ann" / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text[:-9] if name == "torn.jpg" else text)
    (root / "meta.json").write_text(json.dumps({"classes": [{"title": "cat", "shape": "any"}]}))
    return None


def bdd100k(root: Path) -> Path:
    """Returns a file that may be named as the source."""

    def labels(*boxes: tuple[float, float, float, float]) -> list[dict[str, object]]:
        stated = ({"x1": x, "y1": y, "x2": x + w - 1, "y2": y + h - 1} for x, y, w, h in boxes)
        return [{"category": "cat", "box2d": corners} for corners in stated]

    own = {
        "good.jpg": labels((3, 3, 8, 8)),
        "deep/er/odd.jpg": [*labels(OVER, FLAT, OUTSIDE), {"category": "cat", "box2d": {"x1": "x"}}],
        "spoilt.jpg": labels((3, 3, 8, 8)),
        "deep/gone.jpg": labels((4, 4, 8, 8)),
    }
    frames = [{"name": name, "labels": own.get(name)} for name in (*own, "bare.jpg", "good.jpg")]
    for split in ("train", "val"):
        photos(root / "images" / split)
        (root / f"{split}.json").write_text(json.dumps({"frames": frames}))
    return root / "train.json"


def dota(root: Path) -> Path | None:
    for split in ("train", "val"):
        photos(root / split / "images")
        for name in ("good", "deep/er/odd", "spoilt", "deep/gone", "torn"):
            boxes = {"good": [(3, 3, 8, 8)], "deep/er/odd": [OVER, FLAT, OUTSIDE]}.get(name, [(4, 4, 8, 8)])
            rows = [f"{x} {y} {x + w} {y} {x + w} {y + h} {x} {y + h} cat 0\n" for x, y, w, h in boxes]
            path = root / split / "labelTxt" / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(rows) + "1 2 x 4\n" * ("odd" in name))
    return None


def kitti(root: Path) -> Path | None:
    for split in ("train", "val"):
        photos(root / split / "image_2")
        for name in ("good", "deep/er/odd", "spoilt", "deep/gone", "torn"):
            boxes = {"good": [(3, 3, 8, 8)], "deep/er/odd": [OVER, FLAT, OUTSIDE]}.get(name, [(4, 4, 8, 8)])
            rows = [f"cat 0 0 -10 {x} {y} {x + w} {y + h} -1 -1 -1 -1000 -1000 -1000 -10\n" for x, y, w, h in boxes]
            path = root / split / "label_2" / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(rows) + "cat 0 0 x 4\n" * ("odd" in name))
    return None


def mot(root: Path) -> Path | None:
    for split in ("train", "val"):
        photos(root / split / "img1")
        (root / split / "img1/deep/er/odd.jpg").rename(root / split / "img1/odd.jpg")
        (root / split / "aside").mkdir()
        photo(root / split / "aside/other.jpg", 40)
        rows = [(1, (3, 3, 8, 8)), *((2, box) for box in (OVER, FLAT, OUTSIDE)), (3, (3, 3, 8, 8)), (9, (4, 4, 8, 8))]
        text = "".join(f"{frame},1,{x},{y},{wide},{high},1,1,1\n" for frame, (x, y, wide, high) in rows)
        (root / split / "gt").mkdir()
        (root / split / "gt/gt.txt").write_text(f"{text}3,1,x,4,5,6,1,1,1\n")
        (root / split / "gt/labels.txt").write_text("cat\n")
        for frame, name in enumerate(("good", "odd", "spoilt", "bare"), 1):
            (root / split / f"img1/{name}.jpg").rename(root / split / f"img1/{frame:06d}.jpg")
    return None


def datumaro(root: Path) -> Path | None:
    own: dict[str, list[tuple[float, float, float, float]]] = {
        "good.jpg": [(3, 3, 8, 8)],
        "deep/er/odd.jpg": [OVER, FLAT, OUTSIDE],
        "spoilt.jpg": [(3, 3, 8, 8)],
        "deep/gone.jpg": [(4, 4, 8, 8)],
    }
    items = []
    for name in (*own, "bare.jpg", "good.jpg"):
        found: list[dict[str, object]] = [{"type": "bbox", "label_id": 0, "bbox": box} for box in own.get(name, [])]
        found += [{"type": "bbox", "label_id": 0, "bbox": ["x", 1, 2, 3]}] * ("odd" in name)
        items.append({"id": name[:-4], "image": {"path": name}, "annotations": found})
    document = {"dm_format_version": "1.0", "categories": {"label": {"labels": [{"name": "cat"}]}}, "items": items}
    (root / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        photos(root / "images" / split)
        (root / f"annotations/{split}.json").write_text(json.dumps(document))
    return None


def masks(root: Path) -> Path | None:
    for split in ("train", "val"):
        photos(root / "images" / split)
        for name in ("good", "deep/er/odd", "spoilt", "deep/gone"):
            shown = Image.new("L", SIZE, 0)
            shown.paste(1, (3, 3, 11, 11))
            shown.paste(9, (20, 20, 30, 28))
            for folder in ("SegmentationObject", "SegmentationClass"):
                path = root / folder / split / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                shown.save(path)
    rows = ["image object class x0 y0 x1 y1"]
    rows += [f"images/{split}/deep/er/odd.jpg 1 cat 3 x 11 11" for split in ("train", "val")]
    for number, (x, y, wide, high) in enumerate((OVER, OUTSIDE), 5):
        rows += [
            f"images/{split}/deep/er/odd.jpg {number} cat {x} {y} {x + wide} {y + high}" for split in ("train", "val")
        ]
    (root / "objects.tsv").write_text("".join("\t".join(row.split()) + "\n" for row in rows))
    (root / "class_names.txt").write_text("_background_\ncat\n")
    return None


def panoptic(root: Path) -> Path:
    """Returns a file that may be named as the source."""
    names = ["good.jpg", "deep/er/odd.jpg", "bare.jpg", "spoilt.jpg", "deep/gone.jpg", "good.jpg"]
    boxes: dict[int, list[tuple[object, ...]]] = {0: [(3, 3, 8, 8)], 1: [OVER, FLAT, OUTSIDE, (1, "x", 2, 2)]}
    boxes |= {3: [(3, 3, 8, 8)], 4: [(4, 4, 8, 8)], 98: [OVER]}
    images = [{"id": row, "file_name": name, "width": 40, "height": 30} for row, name in enumerate(names, 1)]
    records = [
        {
            "image_id": row + 1,
            "file_name": f"{row}.png",
            "segments_info": [{"id": at, "category_id": 1, "bbox": box} for at, box in enumerate(own, 1)],
        }
        for row, own in boxes.items()
    ]
    labels = {"images": images, "annotations": records, "categories": [{"id": 1, "name": "cat"}]}
    for split in ("train", "val"):
        photos(root / split)
        pngs = root / f"annotations/panoptic_{split}"
        pngs.mkdir(parents=True)
        for row in boxes:
            Image.new("RGB", SIZE, (row % 2, 0, 0)).save(pngs / f"{row}.png")
        (root / f"annotations/panoptic_{split}.json").write_text(json.dumps(labels))
    return root / "annotations/panoptic_train.json"


def openimages(root: Path) -> Path | None:
    def rows(name: str, *boxes: tuple[float, float, float, float]) -> str:
        stated = ((x / 40, (x + w) / 40, y / 30, (y + h) / 30) for x, y, w, h in boxes)
        return "".join(f"{name},xclick,cat,1,{x0},{x1},{y0},{y1}\n" for x0, x1, y0, y1 in stated)

    head = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n"
    (root / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        photos(root / "images" / split)
        text = rows("good", (3, 3, 8, 8)) + rows("deep/er/odd", OVER, FLAT, OUTSIDE) + "deep/er/odd,,cat,1,x,1,1,1\n"
        text += rows("spoilt", (3, 3, 8, 8)) + rows("deep/gone", (4, 4, 8, 8)) + rows("good.jpg", (5, 5, 8, 8))
        (root / f"annotations/{split}-annotations-bbox.csv").write_text(head + text)
        (root / f"annotations/{split}-images-with-rotation.csv").write_text(
            f"ImageID,Subset,Rotation\nbare,{split},90\n"
        )
    return None


def cvat(root: Path) -> Path:
    """Returns a file that may be named as the source."""

    def shapes(*boxes: tuple[float, float, float, float]) -> str:
        stated = (f'xtl="{x}" ytl="{y}" xbr="{x + w}" ybr="{y + h}"' for x, y, w, h in boxes)
        return "".join(f'<box label="cat" {corners}/>' for corners in stated)

    own = {
        "good.jpg": shapes((3, 3, 8, 8)),
        "deep/er/odd.jpg": shapes(OVER, FLAT, OUTSIDE) + '<polygon label="cat" points="1,1;x,2;3,3"/>',
        "spoilt.jpg": shapes((3, 3, 8, 8)),
        "deep/gone.jpg": shapes((4, 4, 8, 8)),
    }
    names = [*own, "bare.jpg", "good.jpg"]
    images = "".join(f'<image id="{row}" name="{name}">{own.get(name, "")}</image>' for row, name in enumerate(names))
    for split in ("train", "val"):
        photos(root / "images" / split)
        (root / f"{split}.xml").write_text(f"<annotations><meta/>{images}</annotations>")
    return root / "train.xml"


def csv(root: Path) -> Path:
    """Returns a file that may be named as the source."""
    own = {"good.jpg": [(3, 3, 8, 8)], "deep/er/odd.jpg": [OVER, FLAT, OUTSIDE], "spoilt.jpg": [(3, 3, 8, 8)]}
    own["deep/gone.jpg"] = [(4, 4, 8, 8)]
    rows = [f"{name},40,30,cat,{x},{y},{x + w},{y + h}\n" for name, boxes in own.items() for x, y, w, h in boxes]
    rows.append("deep/er/odd.jpg,40,30,cat,1,x,2,3\n")
    for split in ("train", "val"):
        photos(root / "images" / split)
        (root / f"{split}_labels.csv").write_text(
            f"filename,width,height,class,xmin,ymin,xmax,ymax\n{''.join(rows)}", newline=""
        )
    return root / "train_labels.csv"


def labelstudio(root: Path) -> Path:
    """Returns a file that may be named as the source."""

    def regions(*boxes: tuple[float, float, float, float]) -> list[dict[str, object]]:
        stated = ({"x": x / 0.4, "y": y / 0.3, "width": w / 0.4, "height": h / 0.3} for x, y, w, h in boxes)
        return [{"type": "rectanglelabels", "value": {**one, "rectanglelabels": ["cat"]}} for one in stated]

    own = {
        "good.jpg": regions((3, 3, 8, 8)),
        "deep/er/odd.jpg": [*regions(OVER, FLAT, OUTSIDE), {"type": "rectanglelabels", "value": {"x": "left"}}],
        "spoilt.jpg": regions((3, 3, 8, 8)),
        "deep/gone.jpg": regions((4, 4, 8, 8)),
    }
    tasks = [{"data": {"image": name}, "annotations": [{"result": one}]} for name, one in own.items()]
    tasks += [{"data": {"image": "bare.jpg"}, "annotations": []}, tasks[0]]
    for split in ("train", "val"):
        photos(root / "images" / split)
        (root / f"{split}.json").write_text(json.dumps(tasks))
    return root / "train.json"


def ndjson(root: Path) -> Path:
    """Returns a file that may be named as the source."""

    def rows(*boxes: tuple[float, float, float, float]) -> list[list[object]]:
        return [[0, (x + w / 2) / 40, (y + h / 2) / 30, w / 40, h / 30] for x, y, w, h in boxes]

    own = {
        "good.jpg": rows((3, 3, 8, 8)),
        "deep/er/odd.jpg": [*rows(OVER, FLAT, OUTSIDE), [0, "x", 1, 1, 1]],
        "spoilt.jpg": rows((3, 3, 8, 8)),
        "deep/gone.jpg": rows((4, 4, 8, 8)),
    }
    lines: list[dict[str, object]] = [{"type": "dataset", "class_names": {"0": "cat"}}]
    for split in ("train", "val"):
        photos(root / "images" / split)
        lines += [{"file": name, "split": split, "annotations": {"boxes": boxes}} for name, boxes in own.items()]
        lines += [{"file": "bare.jpg", "split": split}, {"file": "good.jpg", "split": split}]
    (root / "set.ndjson").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return root / "set.ndjson"


def hf_imagefolder(root: Path) -> Path:
    """Returns a file that may be named as the source."""
    own: dict[str, list[tuple[object, ...]]] = {
        "good.jpg": [(3, 3, 8, 8)],
        "deep/er/odd.jpg": [OVER, FLAT, OUTSIDE, (1, "x", 2, 2)],
        "spoilt.jpg": [(3, 3, 8, 8)],
        "deep/gone.jpg": [(4, 4, 8, 8)],
        "bare.jpg": [],
    }
    rows = [
        {"file_name": name, "objects": {"bbox": boxes, "category": ["cat"] * len(boxes)}} for name, boxes in own.items()
    ]
    for split in ("train", "val"):
        photos(root / split)
        lines = "".join(f"{json.dumps(row)}\n" for row in [*rows, rows[0]])
        (root / split / "metadata.jsonl").write_text(lines)
    return root / "train" / "metadata.jsonl"


def createml(root: Path) -> Path:
    """Returns a file that may be named as the source."""

    def annotations(*boxes: tuple[float, float, float, float]) -> list[dict[str, object]]:
        stated = ({"x": x + w / 2, "y": y + h / 2, "width": w, "height": h} for x, y, w, h in boxes)
        return [{"label": "cat", "coordinates": one} for one in stated]

    own = {
        "good.jpg": annotations((3, 3, 8, 8)),
        "deep/er/odd.jpg": [*annotations(OVER, FLAT, OUTSIDE), {"label": "cat"}],
        "spoilt.jpg": annotations((3, 3, 8, 8)),
        "deep/gone.jpg": annotations((4, 4, 8, 8)),
        "bare.jpg": [],
    }
    records = [{"image": name, "annotations": found} for name, found in own.items()]
    for split in ("train", "val"):
        photos(root / split)
        (root / split / "_annotations.createml.json").write_text(json.dumps([*records, records[0]]))
    return root / "train" / "_annotations.createml.json"


def via(root: Path) -> Path:
    """Returns a file that may be named as the source."""

    def regions(*boxes: tuple[float, float, float, float]) -> list[dict[str, object]]:
        shapes = ({"name": "rect", "x": x, "y": y, "width": w, "height": h} for x, y, w, h in boxes)
        return [{"shape_attributes": shape, "region_attributes": {"kind": "cat"}} for shape in shapes]

    own = {
        "good.jpg": regions((3, 3, 8, 8)),
        "deep/er/odd.jpg": [*regions(OVER, FLAT, OUTSIDE), {"shape_attributes": {"name": "rect"}}],
        "spoilt.jpg": regions((3, 3, 8, 8)),
        "deep/gone.jpg": regions((4, 4, 8, 8)),
        "bare.jpg": [],
    }
    entries = {f"{name}9": {"filename": name, "size": 9, "regions": found} for name, found in own.items()}
    entries["again"] = entries["good.jpg9"]
    for split in ("train", "val"):
        photos(root / split)
        (root / split / "via_project.json").write_text(json.dumps({"_via_img_metadata": entries}))
    return root / "train" / "via_project.json"


def spoilt_member(name: str, data: bytes) -> bytes:
    """A member of a shard, as a faulty packer would have made it."""
    if name.endswith("1.jpg"):
        return SPOILT
    if not name.endswith(".json") or name == "classes.json":
        return data
    labels = json.loads(data)
    if name.endswith("0.json"):
        labels["objects"] = {"bbox": [OVER, FLAT, OUTSIDE, OVER], "category": [0, 0, 0, 7]}
    return json.dumps(labels).encode() if not name.endswith("2.json") else b"{"


def packed(root: Path, format: str) -> Path | None:
    clean = root.with_name(f"clean-{root.name}")
    for number in range(4):
        photo(clean / f"images/train/{number}.jpg", 10 * number)
        (clean / "labels/train").mkdir(parents=True, exist_ok=True)
        (clean / f"labels/train/{number}.txt").write_text("0 0.5 0.5 0.25 0.25\n")
    (clean / "data.yaml").write_text("train: images/train\nnames: [cat]\n")
    convert(clean, root, format)
    for file in ("bboxprep.json", "bboxprep.images.jsonl"):
        (root / file).unlink()
    return None


def webdataset(root: Path) -> Path | None:
    packed(root, "webdataset")
    for shard in root.glob("*.tar"):
        with tarfile.open(shard) as tar:
            members = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
        with tarfile.open(shard, "w") as tar:
            for name, data in members.items():
                info, spoilt = tarfile.TarInfo(name), spoilt_member(name, data)
                info.size = len(spoilt)
                tar.addfile(info, io.BytesIO(spoilt))
    return None


def parquet(root: Path) -> Path | None:
    import pyarrow
    from pyarrow import parquet as files

    packed(root, "parquet")
    for shard in root.rglob("*.parquet"):
        table = files.read_table(shard)
        rows = table.to_pylist()
        rows[0]["objects"] = {"bbox": [OVER, FLAT, OUTSIDE, OVER], "category": [0, 0, 0, 7]} | {
            name: [None] * 4 for name in ("area", "id", "iscrowd")
        }
        rows[1]["image"]["bytes"] = SPOILT
        files.write_table(pyarrow.Table.from_pylist(rows, schema=table.schema), shard)
    return None


def tfrecord(root: Path) -> Path | None:
    packed(root, "tfrecord")
    for shard in root.glob("*.tfrecord"):
        features = [tfrecords.features_of(message) for message in tfrecords.unframed(shard.read_bytes())]
        edges = [(x / SIZE[0], (x + wide) / SIZE[0], y / SIZE[1], (y + high) / SIZE[1]) for x, y, wide, high in BOXES]
        corners = zip(("xmin", "xmax", "ymin", "ymax"), zip(*edges, strict=True), strict=True)
        features[0] |= {f"image/object/bbox/{side}": list(values) for side, values in corners}
        features[0] |= {"image/object/class/text": [b"cat"] * 3 + [b""], "image/object/class/label": [1, 1, 1, 7]}
        features[1]["image/encoded"] = [SPOILT]
        features[2]["image/object/bbox/xmin"] = [0.1, 0.2]
        shard.write_bytes(b"".join(tfrecords.framed(tfrecords.example(each)) for each in features))
    return None


def vlm(root: Path) -> Path:
    for split in ("train", "val"):
        photos(root / split)
        boxes = [
            [x / 0.04, y / 0.03, (x + wide) / 0.04, (y + high) / 0.03] for x, y, wide, high in (OVER, FLAT, OUTSIDE)
        ]
        found = [{"bbox_2d": box, "label": "cat"} for box in (*boxes, ["x"])]
        names = ["good.jpg", "deep/er/odd.jpg", "spoilt.jpg", "deep/gone.jpg", "good.jpg"]
        answers = ["[]", json.dumps(found), "[]", "[]", "[]"]
        lines = [
            {"image": name, "conversations": [{"from": "gpt", "value": answer}], "coordinates": "qwen3-vl"}
            for name, answer in zip(names, answers, strict=True)
        ]
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (root / split / "annotations.jsonl").write_text(f"{text}{{}}\n", encoding="utf-8")
    return root / "train" / "annotations.jsonl"


LISTED: list[tuple[str, list[tuple[float, float, float, float]]]] = [
    ("good.jpg", [(3, 3, 8, 8)]),
    ("deep/er/odd.jpg", [OVER, FLAT, OUTSIDE]),
    ("spoilt.jpg", [(3, 3, 8, 8)]),
    ("deep/gone.jpg", [(4, 4, 8, 8)]),
    ("bare.jpg", []),
    ("good.jpg", [(5, 5, 8, 8)]),
]


def sides(box: tuple[float, float, float, float]) -> dict[str, float]:
    return dict(zip(("left", "top", "width", "height"), box, strict=True))


def vott(root: Path) -> Path:
    assets: dict[str, object] = {}
    for name, found in LISTED:
        regions: list[object] = [{"type": "RECTANGLE", "tags": ["cat"], "boundingBox": sides(box)} for box in found]
        regions += [{"type": "POLYGON", "tags": ["cat"], "points": 7}] * ("odd" in name)
        asset = {"name": name, "type": 1, "state": 2 if found else 0}
        assets[f"id {len(assets)}"] = {"asset": asset, "regions": regions}
    for split in ("train", "val"):
        photos(root / split)
        (root / split / "a-export.json").write_text(json.dumps({"tags": [{"name": "cat"}], "assets": assets}))
    return root / "train" / "a-export.json"


def customvision(root: Path) -> Path:
    images: list[object] = []
    for name, found in LISTED:
        places = [(x / 40, y / 30, wide / 40, high / 30) for x, y, wide, high in found]
        regions: list[object] = [{"tagName": "cat", **sides(place)} for place in places]
        regions += [{"tagName": "cat", "left": 1}] * ("odd" in name)
        images.append({"originalImageUri": f"https://a.b/c/{name}?d=e", **({"regions": regions} if found else {})})
    for split in ("train", "val"):
        photos(root / split)
        (root / split / "images.json").write_text(json.dumps([*images, []]))
    return root / "train" / "images.json"


def labelbox(root: Path) -> Path:
    lines = ""
    for name, found in LISTED:
        objects: list[object] = [{"name": "cat", "bounding_box": sides(box)} for box in found]
        objects += [{"name": "cat", "mask": {"url": "https://a.b/c"}}] * ("odd" in name)
        projects = {"p": {"labels": [{"annotations": {"objects": objects}}] if found else []}}
        lines += json.dumps({"data_row": {"external_id": name}, "projects": projects}) + "\n"
    for split in ("train", "val"):
        photos(root / split)
        (root / split / "export.ndjson").write_text(f"{lines}[]\n")
    return root / "train" / "export.ndjson"


def sagemaker(root: Path) -> Path:
    lines = ""
    for name, found in LISTED:
        boxes: list[dict[str, object]] = [{"class_id": 0, **sides(box)} for box in found]
        boxes += [{"class_id": 7, "left": 1}, {"class_id": 0, "left": 1}] * ("odd" in name)
        metadata: dict[str, object] = {"class-map": {"0": "cat"}, "type": "groundtruth/object-detection"}
        metadata |= {} if found else {"failure-reason": "time was up"}
        lines += (
            json.dumps({"source-ref": f"s3://b/{name}", "a": {"annotations": boxes}, "a-metadata": metadata}) + "\n"
        )
    for split in ("train", "val"):
        photos(root / split)
        (root / split / "output.manifest").write_text(f"{lines}[]\n")
    return root / "train" / "output.manifest"


SOURCES: dict[str, Callable[[Path], Path | None]] = {
    "bdd100k": bdd100k,
    "coco": coco,
    "createml": createml,
    "csv": csv,
    "customvision": customvision,
    "cvat": cvat,
    "datumaro": datumaro,
    "dota": dota,
    "hf_imagefolder": hf_imagefolder,
    "labelbox": labelbox,
    "kitti": kitti,
    "labelme": labelme,
    "labelstudio": labelstudio,
    "mot": mot,
    "ndjson": ndjson,
    "openimages": openimages,
    "masks": masks,
    "panoptic": panoptic,
    "parquet": parquet,
    "sagemaker": sagemaker,
    "supervisely": supervisely,
    "tfrecord": tfrecord,
    "via": via,
    "vlm": vlm,
    "vott": vott,
    "voc": voc,
    "webdataset": webdataset,
    "yolo": yolo,
}
FOUND = {  # codes that the faults of a source make, so that the law has something to hold of
    "createml": {"image-missing", "image-unreadable", "record-unreadable", "image-repeated"},
    "hf_imagefolder": {"image-missing", "image-unreadable", "record-unreadable", "image-repeated"},
    "coco": {"annotation-orphan", "image-missing", "image-unreadable", "record-unreadable", "image-repeated"},
    "bdd100k": {"image-missing", "image-unreadable", "record-unreadable", "image-repeated"},
    "datumaro": {"image-missing", "image-unreadable", "record-unreadable", "image-repeated"},
    "openimages": {"image-missing", "image-unreadable", "record-unreadable", "image-repeated", "rotation-kept"},
    "cvat": {"image-missing", "image-unreadable", "record-unreadable", "image-repeated"},
    "yolo": {
        "label-orphan",
        "image-missing",
        "image-unreadable",
        "record-unreadable",
        "image-unlabelled",
        "record-repaired",
    },
    "via": {"image-missing", "image-unreadable", "record-unreadable", "image-repeated"},
    "voc": {"image-missing", "image-unreadable", "record-unreadable", "image-unlabelled", "record-repaired"},
    "webdataset": {"image-unreadable", "record-unreadable"},
    "dota": {"label-orphan", "image-unreadable", "record-unreadable", "image-unlabelled"},
    "customvision": {"image-missing", "image-unreadable", "record-unreadable", "image-unlabelled", "image-repeated"},
    "labelbox": {"image-missing", "image-unreadable", "record-unreadable", "image-unlabelled", "image-repeated"},
    "kitti": {"label-orphan", "image-unreadable", "record-unreadable", "image-unlabelled"},
    "labelme": {"image-missing", "image-unreadable", "record-unreadable", "image-unlabelled"},
    "csv": {"image-missing", "image-unreadable", "record-unreadable"},
    "labelstudio": {
        "image-missing",
        "image-unreadable",
        "record-unreadable",
        "image-unlabelled",
        "image-repeated",
    },
    "mot": {"image-missing", "image-unreadable", "record-unreadable", "image-aside"},
    "ndjson": {"image-missing", "image-unreadable", "record-unreadable", "image-repeated", "image-unlabelled"},
    "masks": {
        "category-unknown",
        "image-unlabelled",
        "image-unreadable",
        "label-orphan",
        "mask-misfit",
        "record-unreadable",
    },
    "panoptic": {
        "annotation-orphan",
        "image-missing",
        "image-unreadable",
        "image-unlabelled",
        "image-repeated",
        "mask-misfit",
        "record-unreadable",
    },
    "parquet": {"image-unreadable", "record-unreadable"},
    "sagemaker": {"image-missing", "image-unreadable", "record-unreadable", "image-unlabelled", "image-repeated"},
    "supervisely": {"image-missing", "image-unreadable", "record-unreadable", "image-unlabelled"},
    "tfrecord": {"image-unreadable", "record-unreadable", "category-unknown"},
    "vott": {"image-missing", "image-unreadable", "record-unreadable", "image-unlabelled", "image-repeated"},
    "vlm": {"image-missing", "image-unreadable", "record-unreadable", "image-repeated"},
}
CROPPED = {"box-clipped", "box-outside"}
OF_IMAGES = {"box-clipped", "box-degenerate", "box-outside", "image-unreadable", "image-unlabelled", "image-skipped"}


def astray(findings: Iterable[Finding], folder: Path) -> list[str]:
    """The findings whose path is not there, or is not what they are about."""
    findings, wrong = tuple(findings), []
    missing = {finding.path for finding in findings if finding.code == "image-missing"}
    for finding in findings:
        path = open_path(folder / finding.path)
        there = path.parent.exists() if finding.path in missing else path.exists()
        image = finding.code in OF_IMAGES
        if finding.path and not (there and (path.suffix.lower() in IMAGE_SUFFIXES or not image)):
            wrong.append(f"{finding.code}: {finding.path}")
    return wrong


def recorded(dest: Path) -> list[Finding]:
    rows = json.loads((dest / RECORD).read_text())["findings"]
    return [Finding(**{key: value for key, value in row.items() if key != "severity"}) for row in rows]


def zipped(root: Path) -> Path:
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(root))
    return path


def roots(tmp_path: Path, format: str) -> list[Path]:
    """A source of `format` with its faults, each way that it may be named."""
    file = SOURCES[format](tmp_path / "source")
    archives = [] if list((tmp_path / "source").rglob("*-0*.*")) else [zipped(tmp_path / "source")]  # no archive in one
    return [tmp_path / "source", *archives, *([file] if file else [])]


@pytest.mark.parametrize("format", formats.names())
def test_every_path_of_a_finding_can_be_opened(tmp_path: Path, format: str) -> None:
    for number, root in enumerate(roots(tmp_path, format)):
        source = open_source(open_path(root), format)
        seen = inspect(source).findings
        assert FOUND[format] <= {finding.code for finding in seen}
        assert astray(seen, source.dataset.folder) == []
        out = convert(root, tmp_path / f"out{number}", "yolo", Recipe(Crop(2, 2, 36, 26)))
        assert {finding.code for finding in out.account.findings} >= FOUND[format] | CROPPED
        assert astray(out.account.findings, out.dataset.folder) == []
        assert [str(one) for one in recorded(tmp_path / f"out{number}")] == [str(one) for one in out.account.findings]


@pytest.mark.parametrize("format", formats.names())
def test_findings_are_printed_as_they_can_be_opened(tmp_path: Path, format: str) -> None:
    SOURCES[format](tmp_path / "source")
    printed = CliRunner().invoke(cli.commands, ["inspect", str(tmp_path / "source")]).output
    places = [line.strip().split(": ")[0] for line in printed.split("fault: ", 1)[1].splitlines() if line[:4] == "    "]
    folder = open_source(tmp_path / "source").dataset.folder  # which the first line names
    assert printed.startswith(str(folder))
    assert any(member(folder / place).is_file() for place in places)
    assert not any(place.startswith(("train/images", "train/annotations", "train/labels")) for place in places)


@pytest.mark.parametrize("format", formats.names())
def test_paths_of_several_sources_begin_with_the_source(tmp_path: Path, format: str) -> None:
    for name in ("one", "two"):
        SOURCES[format](tmp_path / "shop" / name)
    out = convert([tmp_path / "shop/one", tmp_path / "shop/two"], tmp_path / "out", "coco")
    assert out.dataset.folder == tmp_path / "shop"
    assert astray(out.account.findings, tmp_path / "shop") == []
    sources = {
        finding.path.partition("/")[0] for finding in recorded(tmp_path / "out") if finding.code in FOUND[format]
    }
    assert sources == {"one", "two"}


@pytest.mark.parametrize("format", formats.names())
def test_a_path_by_the_name_or_behind_the_split_is_caught(
    tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    SOURCES[format](tmp_path / "source")
    source = open_source(tmp_path / "source", format)
    glued = [Finding(one.code, one.message, f"{one.split or 'train'}/{one.path}") for one in inspect(source).findings]
    assert astray(glued, source.dataset.folder)
    monkeypatch.setattr(Sample, "relative_path", property(lambda sample: f"deep/{sample.name}"))
    out = convert(tmp_path / "source", tmp_path / "out", "yolo", Recipe(Crop(2, 2, 36, 26)))
    assert astray(out.account.findings, source.dataset.folder)
