"""Datasets whose labels are made to harm: each function sows one in a folder, beside a folder of what it may not reach.

A sound image with one object is in each of them, so that something is left to convert wherever the rest is told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.images import specimens

DEEP = 100_000
LARGE = 2 << 30  # bytes of a file that takes no room on the disk
EVIL_NAMES = (
    *("../outside/secret.png", "../../outside/secret.png", "/etc/hostname", "{outside}/secret.png", "a/../../in/x.png"),
    *("C:evil.png", "C:\\x\\evil.png", "\\\\server\\share\\evil.png", "..\\outside\\secret.png", "nul\0.png", "", "."),
    *("..", "CON", "a" * 5000 + ".png", "link.png", "folder/secret.png", "file:///etc/hostname"),
)
ROW = "0 0.5 0.5 0.25 0.25\n"
BOX = "<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>20</xmax><ymax>30</ymax></bndbox>"
VOC = (
    f"<annotation><size><width>64</width><height>40</height></size><object><name>cat</name>{BOX}</object></annotation>"
)


@dataclass(frozen=True)
class Place:
    """Where a dataset is sown: `root`, and `outside` of it a picture and labels that nobody may read."""

    root: Path
    outside: Path

    @classmethod
    def of(cls, folder: Path) -> Place:
        place = cls(folder / "in", folder / "outside")
        place.root.mkdir()
        place.outside.mkdir()
        for name in ("secret.png", "a.png", "b.png"):
            (place.outside / name).write_bytes(specimens.oriented_file("png", 1))
        (place.outside / "labels.json").write_text(json.dumps(coco_document(["secret.png"])), encoding="utf-8")
        (place.outside / "secret.txt").write_text(ROW, encoding="utf-8")
        (place.outside / "secret.xml").write_text(VOC, encoding="utf-8")
        return place

    def picture(self, *names: str) -> None:
        for name in names:
            self.put(name, specimens.oriented_file("png", 1))

    def text(self, name: str, text: str) -> None:
        self.put(name, text.encode("utf-8", "surrogateescape"))

    def put(self, name: str, data: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def sparse(self, name: str, start: bytes = b"", size: int = LARGE) -> None:
        """A file of `size` bytes, zeros after `start`."""
        self.put(name, start)
        os.truncate(self.root / name, size)

    def link(self, name: str, to: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(self.outside / to)


def coco_document(names: list[str], **more: Any) -> dict[str, Any]:
    images = [{"id": number, "file_name": name, "width": 64, "height": 40} for number, name in enumerate(names, 1)]
    boxes = [{"id": row["id"], "image_id": row["id"], "category_id": 1, "bbox": [3, 4, 20, 20]} for row in images]
    return {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}], **more}


def coco_names(place: Place) -> None:
    place.picture("images/sound.png")
    place.link("images/link.png", "secret.png")
    place.link("images/folder", ".")
    names = ["sound.png", *(name.format(outside=place.outside) for name in EVIL_NAMES)]
    place.text("labels.json", json.dumps(coco_document(names)))


def coco_links(place: Place) -> None:
    place.picture("sound.png")
    place.link("annotations/instances_val.json", "labels.json")
    place.link("val", ".")
    place.text("annotations/instances_train.json", json.dumps(coco_document(["sound.png", "secret.png"])))
    place.link("train", ".")


def coco_numbers(place: Place) -> None:
    place.picture("sound.png", "other.png")
    document = coco_document(["sound.png", "other.png"])
    odd: tuple[dict[str, Any], ...] = (
        {"bbox": [float("nan"), 1, 2, 3]},
        {"bbox": [1, 1, float("inf"), 3]},
        {"bbox": [1, 1, 1e308, 1e308]},
        {"bbox": [10**400, 1, 2, 3]},
        {"category_id": 10**9},
        {"category_id": 10**400},
        {"image_id": 10**30},
        {"iscrowd": 10**9},
        {"segmentation": {"size": [10**9, 10**9], "counts": [0, 10**18]}},
        {"segmentation": {"size": [40, 64], "counts": [10**9, -(10**9)]}},
        {"segmentation": {"size": [40, 64], "counts": "o" * 100_000}},
        {"segmentation": [[1e308, -1e308, 1e308, 1e308, 0, 0]]},
        {"keypoints": [1, 1, 2] * 100_000},
        {"attributes": {"a": nested(40)}},
    )
    document["annotations"] += [
        {"id": number, "image_id": 1, "category_id": 1, "bbox": [3, 4, 20, 20], **more}
        for number, more in enumerate(odd, 10)
    ]
    document["images"][1] |= {"width": 10**18, "height": 10**18}
    document["categories"][0]["keypoints"] = ["nose"] * 100_000
    place.text("labels.json", json.dumps(document))


def coco_deep_record(place: Place) -> None:
    place.picture("sound.png")
    text = json.dumps(coco_document(["sound.png"]))
    deep = '{"id": 5, "image_id": 1, "category_id": 1, "bbox": [3, 4, 20, 20], "segmentation": ' + nested_text() + "}"
    place.text("labels.json", text.replace('"annotations": [', f'"annotations": [{deep}, '))


def coco_deep(place: Place) -> None:
    place.picture("sound.png")
    place.text("labels.json", '{"images": ' + nested_text() + ', "annotations": [], "categories": []}')


def coco_deep_beside(place: Place) -> None:
    place.picture("sound.png")
    place.text("labels.json", json.dumps(coco_document(["sound.png"]))[:-1] + ', "info": ' + nested_text() + "}")


def coco_many_classes(place: Place) -> None:
    place.picture("sound.png")
    classes = [{"id": number, "name": f"c{number}"} for number in range(100_000)]
    place.text("labels.json", json.dumps(coco_document(["sound.png"], categories=classes)))


def coco_large(place: Place) -> None:
    place.picture("train/sound.png")
    place.sparse("annotations/instances_train.json", b'{"info": ')


def coco_large_record(place: Place) -> None:
    place.picture("train/sound.png")
    place.put("annotations/instances_train.json", b'{"images": [{"file_name": "' + b"x" * (100 << 20) + b'"}]}')


def yolo_names(place: Place) -> None:
    place.picture("images/sound.png", "images/plain.png")
    place.text("labels/sound.txt", ROW)
    place.link("images/link.png", "secret.png")
    place.link("images/folder", ".")
    place.link("labels/plain.txt", "secret.txt")
    lines = ["images/sound.png", *(name.format(outside=place.outside) for name in EVIL_NAMES), "images/link.png"]
    place.text("list.txt", "\n".join(lines))
    place.text("data.yaml", f"train: list.txt\nval: ../outside\ntest: {place.outside}\nnames: [cat]\n")


def yolo_links(place: Place) -> None:
    place.picture("images/sound.png")
    place.text("labels/sound.txt", ROW)
    place.link("classes.txt", "secret.txt")
    place.link("data.yaml", "labels.json")
    place.link("obj.data", "secret.txt")


def yolo_rows(place: Place) -> None:
    place.picture("images/sound.png", "images/odd.png", "images/wide.png")
    place.text("labels/sound.txt", ROW)
    rows = ("1000000000 .5 .5 .1 .1", "1e300 .5 .5 .1 .1", "0 nan .5 .1 .1", "0 .5 inf .1 .1", "0 1e999 .5 .1 .1")
    place.text("labels/odd.txt", "\n".join((*rows, "0 .5 .5 .1", "-1 .5 .5 .1 .1", "0 1e308 1e308 1e308 1e308", "\0")))
    place.text("labels/wide.txt", "0 " + "0.5 0.5 " * 500_000)
    place.text("data.yaml", "train: images\nnc: 9\n")


def yolo_many_classes(place: Place) -> None:
    place.picture("images/sound.png")
    place.text("data.yaml", "train: images\nnc: 1000000000\n")


def yolo_every_class(place: Place) -> None:
    place.picture("images/sound.png")
    place.text("labels/sound.txt", "".join(f"{number} .5 .5 .25 .25\n" for number in range(65_536)))


def yolo_unnamed(place: Place) -> None:
    place.picture("images/sound.png")
    place.text("labels/sound.txt", ROW + "1000000000 .5 .5 .1 .1\n")


def yolo_bomb(place: Place) -> None:
    place.picture("images/sound.png")
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 12))]
    place.text("data.yaml", "train: images\nnames: [cat]\n" + "\n".join(lines))


def yolo_deep(place: Place) -> None:
    place.picture("images/sound.png")
    place.text("data.yaml", "train: images\nnames: " + "[" * DEEP)


def yolo_number_of_a_class(place: Place) -> None:
    place.picture("images/sound.png")
    place.text("data.yaml", "train: images\nnames: {1000000000: cat}\n")


def yolo_split(place: Place) -> None:
    place.picture("images/sound.png")
    place.picture("CON/more.png")
    place.text("data.yaml", "train: images\nCON: CON\nnames: [cat]\n")


def yolo_large(place: Place) -> None:
    place.picture("images/sound.png", "images/large.png")
    place.text("labels/sound.txt", ROW)
    place.sparse("labels/large.txt", ROW.encode())


def yolo_large_names(place: Place) -> None:
    place.picture("images/sound.png")
    place.text("labels/sound.txt", ROW)
    place.sparse("classes.txt", b"cat\n")


def yolo_large_yaml(place: Place) -> None:
    place.picture("images/sound.png")
    place.sparse("data.yaml", b"train: images\nnames: [cat]\n")


def yolo_large_list(place: Place) -> None:
    place.picture("images/sound.png")
    place.text("data.yaml", "train: list.txt\nnames: [cat]\n")
    place.sparse("list.txt", b"images/sound.png\n")


def voc_files(place: Place) -> None:
    place.picture(
        *(f"JPEGImages/{name}.png" for name in ("sound", "bomb", "entity", "deep", "large", "many", "link", "odd"))
    )
    bomb = '<!DOCTYPE a [<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    texts = {
        "sound": VOC,
        "bomb": bomb + "]>" + VOC.replace("cat", "&a11;"),
        "entity": f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{place.outside}/secret.txt">]>' + VOC.replace("cat", "&x;"),
        "deep": "<annotation>" + "<object>" * DEEP,
        "many": "<annotation>" + "<object/>" * 600_000 + "</annotation>",
        "odd": VOC.replace("<xmin>3<", "<xmin>NaN<")[: -len("</annotation>")] + _odd_objects() + "</annotation>",
    }
    for name, text in texts.items():
        place.text(f"Annotations/{name}.xml", text)
    place.sparse("Annotations/large.xml", VOC.encode())
    place.link("Annotations/link.xml", "secret.xml")
    place.link("SegmentationObject", ".")
    place.link("labels.txt", "secret.txt")


def voc_names(place: Place) -> None:
    place.picture("JPEGImages/sound.png")
    place.text("Annotations/sound.xml", VOC)
    place.link("JPEGImages/link.png", "secret.png")
    place.link("JPEGImages/folder", ".")
    names = [name.format(outside=place.outside) for name in EVIL_NAMES]
    for number, name in enumerate(names):
        shown = name.replace("\0", "").replace("&", "")
        said = f"<filename>{shown}</filename><path>{place.outside}/secret.png</path><folder>../outside</folder>"
        place.text(f"Annotations/evil{number}.xml", VOC.replace("<size>", said + "<size>", 1))
    place.text("ImageSets/Main/train.txt", "\n".join(["sound", *names]))


def voc_large_list(place: Place) -> None:
    place.picture("JPEGImages/sound.png")
    place.text("Annotations/sound.xml", VOC)
    place.sparse("ImageSets/Main/train.txt", b"sound\n")


def voc_large_names(place: Place) -> None:
    place.picture("JPEGImages/sound.png")
    place.text("Annotations/sound.xml", VOC)
    place.sparse("labels.txt", b"cat\n")


def sidecar_lines(place: Place) -> None:
    place.picture("images/sound.png", *(f"images/p{number}.png" for number in range(9)))
    place.text("data.yaml", "train: images\nnames: [cat]\n")
    for number in range(9):
        place.text(f"labels/p{number}.txt", ROW)
    place.text("labels/sound.txt", ROW)
    head = {"sidecar": 1, "format": "yolo", "carries": ["boxes"], "categories": [{"name": "cat"}]}
    plain = {"label": 0, "box": [24, 15, 40, 25], "row": 0}
    lines: list[Any] = [
        {"objects": [{**plain, "mask": {"size": [2**31, 2**31], "counts": [0, 2**62]}}]},
        {"objects": [{**plain, "mask": {"size": [2**31, 2**31], "counts": [2**31] * 2}}]},
        {"objects": [{**plain, "keypoints": [1, 1, 2] * 100_000}]},
        {"objects": [{**plain, "label": 10**9}]},
        {"objects": [{**plain, "row": 2**31}]},
        {"objects": [plain], "labels": {"../outside/secret.txt": "0" * 64, "C:evil": "0" * 64, "a\0b": "0" * 64}},
        {"objects": [{**plain, "attributes": {"a": nested(40)}}], "name": "../../outside/evil.png"},
        {"objects": [plain], "name": "C:evil.png", "size": [2**31, 2**31]},
        {"objects": [plain], "name": "/etc/evil.png"},
    ]
    written = [
        json.dumps({"image": f"images/p{number}.png", "size": [64, 40], **line}) for number, line in enumerate(lines)
    ]
    more = [
        '{"image": "../outside/secret.png", "size": [64, 40]}',
        "[" * DEEP,
        '{"image": "' + nested_text() + '"}',
        "\0",
    ]
    place.text("bboxprep.sidecar.jsonl", "\n".join([json.dumps(head), *written, *more]) + "\n")


def sidecar_large(place: Place) -> None:
    place.picture("images/sound.png")
    place.text("labels/sound.txt", ROW)
    place.sparse("bboxprep.sidecar.jsonl", b'{"sidecar":1,')


def sidecar_link(place: Place) -> None:
    place.picture("images/sound.png")
    place.text("labels/sound.txt", ROW)
    place.link("bboxprep.sidecar.jsonl", "secret.txt")


def nested(depth: int) -> list[Any]:
    """Lists within lists."""
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


def nested_text() -> str:
    return "[" * DEEP + "]" * DEEP


def _odd_objects() -> str:
    numbers = ("inf", "-inf", "1e999", "1e308", "9" * 5000, "\u0661", "0x10", "1_0", "")
    objects = (f"<object><name>cat</name>{BOX.replace('>3<', f'>{number}<')}</object>" for number in numbers)
    return "".join(objects) + f"<object><name>cat</name>{BOX}<score>{'9' * 5000}</score><a>{'[' * DEEP}</a></object>"


Sow = Callable[[Place], None]

# the exit code: 1 where the sound image is written and the rest is told, 2 where nothing can be trusted any more
CASES: Mapping[Sow, int] = {
    coco_names: 1,
    coco_links: 1,
    coco_numbers: 1,
    coco_deep: 2,
    coco_deep_record: 2,
    coco_deep_beside: 2,
    coco_many_classes: 2,
    coco_large: 2,
    coco_large_record: 2,
    yolo_names: 1,
    yolo_links: 1,
    yolo_many_classes: 2,
    yolo_every_class: 0,
    yolo_rows: 1,
    yolo_unnamed: 1,
    yolo_bomb: 2,
    yolo_deep: 2,
    yolo_number_of_a_class: 2,
    yolo_split: 2,
    yolo_large: 1,
    yolo_large_names: 2,
    yolo_large_yaml: 2,
    yolo_large_list: 2,
    voc_files: 1,
    voc_names: 1,
    voc_large_list: 2,
    voc_large_names: 2,
    sidecar_lines: 1,
    sidecar_large: 1,
    sidecar_link: 1,
}
