"""Sound files to begin with: those of the fixtures, and small ones that have what the fixtures have not."""

from __future__ import annotations

import base64
import json
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bboxprep.formats.labelstudio.brush import encode_brush
from bboxprep.formats.shard_labels import Member
from bboxprep.io.png import write_png
from bboxprep.model.rle import Rle
from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.appearance import Grayscale
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.crops import RandomCrop
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.text_yaml import to_yaml
from tests.images import specimens

FIXTURES = Path(__file__).parents[2] / "fixtures"
_SMALL = 6000  # bytes; a longer file is a slow beginning

_BOX = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 30.5, 20]}


def coco() -> Iterator[bytes]:
    shapes: tuple[dict[str, Any], ...] = (
        {},
        {"area": 610.0, "iscrowd": 0, "segmentation": [[1, 2, 30, 2, 30, 20]]},
        {"area": 5.0, "iscrowd": 1, "segmentation": {"size": [64, 40], "counts": [10, 5, 2545]}},
        {"iscrowd": 1, "segmentation": {"size": [64, 40], "counts": ":5a_2"}},
        {"keypoints": [3, 4, 2, 0, 0, 0], "num_keypoints": 1, "score": 0.5, "attributes": {"rotation": 30.0, "a": [1]}},
        {"bbox": ["1", "2", 3, 4], "category_id": "03", "image_id": 1.0, "id": "x"},
        {"bbox": [float("nan"), 1, 2, float("-inf")]},
    )
    images = [{"id": 1, "file_name": "a/x.jpg", "width": 64, "height": 40}, {"id": 2, "file_name": "b.png"}]
    names = [{"id": 3, "name": "cat", "keypoints": ["left", "right"], "skeleton": [[1, 2]], "flip_idx": [1, 0]}]
    for shape in shapes:
        yield _json({"images": images, "annotations": [{**_BOX, **shape}], "categories": names, "info": {"year": 1}})
    yield _json({"images": images, "annotations": [{**_BOX, **shape} for shape in shapes]})
    yield b"\xef\xbb\xbf" + _json({"images": images, "annotations": None, "categories": [], "licenses": [{"id": 1}]})


def images() -> Iterator[bytes]:
    for container in specimens.CONTAINERS:
        yield specimens.oriented_file(container, 6)
        yield specimens.oriented_file(container, 8, order=">")
    exif = specimens.EXIF_HEADER
    yield specimens.jpeg(
        (0xE1, exif * 2 + specimens.tiff_block(6, kind=4)), (0xE1, specimens.XMP_HEADER + specimens.xmp_packet(3))
    )
    yield specimens.jpeg((0xE1, exif + specimens.tiff_block(0, thumbnail=6)))
    yield specimens.png(
        (b"zTXt", b"Raw profile type exif\0\0x\x9c\x03\0\0\0\0\x01"), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>")
    )
    yield specimens.webp(exif=specimens.tiff_block(5), xmp=specimens.xmp_packet(7, element=True))
    yield specimens.saved("GIF", specimens.card())[:400]
    yield specimens.saved("BMP", specimens.card())[:400]
    yield specimens.saved("AVIF", specimens.card())
    yield b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


def sidecar() -> Iterator[bytes]:
    yield _json({"sidecar": 1, "format": "yolo", "carries": ["boxes"], "categories": [{"name": "cat", "id": 3}]})
    plain = {"label": 0, "box": [1, 2, 30, 20], "row": 0}
    more: tuple[dict[str, Any], ...] = (
        plain,
        {**plain, "polygons": [[1, 2, 30, 2, 30, 20]], "area": 5.0, "id": 7, "attributes": {"a": None}},
        {**plain, "mask": {"size": [40, 64], "counts": [10, 5, 2545]}},
        {**plain, "mask": {"size": [40, 64], "counts": ":5a_2"}, "crowd": True, "row": None},
        {**plain, "keypoints": [1, 2, 2, 0, 0, 0], "score": 0.5, "label": 2},
    )
    for one in more:
        yield _json({"image": "images/a.jpg", "size": [64, 40], "objects": [one], "labels": {"labels/a.txt": "0" * 64}})


def voc() -> Iterator[bytes]:
    for path in sorted((FIXTURES / "phone-photos-voc" / "Annotations").rglob("*.xml"))[:6]:
        yield path.read_bytes()[:_SMALL]
    box = "<bndbox><xmin>1,5</xmin><ymin>2.0</ymin><xmax>1e1</xmax><ymax>+9</ymax></bndbox>"
    ring = "<polygon><x1>1</x1><y1>2</y1><x2>9</x2><y2>2</y2><x3>9</x3><y3>8</y3></polygon>"
    own = "<attributes><attribute><name>a</name><value>1</value></attribute></attributes>"
    parts = f"<part><name>head</name>{box}</part>{own}"
    for inner in (box, ring, box + ring + parts, box + "<actions><jumping>1</jumping></actions><pose>Left</pose>"):
        yield f"<annotation><size><width>64</width></size><object><name>a</name>{inner}</object></annotation>".encode()
    yield "<annotation><object><name>ä</name></object></annotation>".encode("utf-16")


def labelme() -> Iterator[bytes]:
    mask = base64.b64encode(write_png(np.eye(4, dtype=np.uint8))).decode()
    points = {"rectangle": 2, "polygon": 3, "circle": 2, "rotation": 4, "line": 2, "point": 1, "mask": 2}
    shapes: list[dict[str, Any]] = [
        {"label": kind[:4], "shape_type": kind, "points": [[2 * x, x * x] for x in range(1, count + 1)], "group_id": 1}
        for kind, count in points.items()
    ]
    shapes[-1] |= {"mask": mask, "flags": {"old": True}, "score": 0.5, "attributes": {"a": 1}, "description": "b"}
    size = {"imagePath": "a.jpg", "imageData": None, "imageWidth": 64, "imageHeight": 40}
    for chosen in (shapes, [{**one, "label": "a"} for one in shapes], *([one] for one in shapes)):
        yield _json({"version": "5.5.0", "flags": {}, "shapes": chosen, **size})


def dota() -> Iterator[bytes]:
    yield from _some("phone-photos-dota", "*/labelTxt/*.txt")
    yield b"imagesource:GoogleEarth\ngsd:0.1463\n1 2.5 30 2 30 20 1 20 small-vehicle 1\n4 4 9 9 4 14 -1 9 ship\n"
    yield b"\xef\xbb\xbf1.0 2.0 3.0 2.0 3.0 9.0 1.0 9.0 soccer ball field 2\r\n\r\n1 1 1 1 1 1 1 1 plane 0\n"
    yield "gsd:null\n1 2 9 2 9 8 1 8 Flughafen-Köln 0\n1,2,9,2,9,8,1,8,cat,0\n".encode("utf-16")


def tables() -> Iterator[bytes]:
    head = b"filename,width,height,class,xmin,ymin,xmax,ymax\n"
    yield head + b"a.jpg,64,40,cat,1,2,30.5,20\na.jpg,64,40,cat,x,2,3,4\nb.jpg,64,40,dog,0,0,1,1\n"
    yield b'"image","xmin","ymin","xmax","ymax","label"\n"a.jpg",1,2,"30",20,"a ""b"", c"\n'
    yield b"a.jpg,1,2,30,20,cat\nb.jpg,,,,,\n"
    yield b"TRAIN,gs://x/a.jpg,cat,0.1,0.1,,,0.6,0.9,,\nTEST,b.jpg,,,,,,,,,\n"
    yield b'image_id,width,height,bbox,source\na,64,40,"[1.0, 2.0, 30, 20]",x\n'
    yield b"xmin,xmax,ymin,ymax,Frame,Label,Preview URL\n1,2,30,20,a.jpg,cat,http://x\n"
    yield b'a.jpg 1 2 30 20 0 "cat" "red"\n'
    yield "\ufeffImage;Left;Top;Right;Bottom;Name\r\na.jpg;1,5;2;30;20;k\u00e4tze\r\n".encode()


def labelstudio() -> Iterator[bytes]:
    rle = [*encode_brush(Rle.from_mask(np.eye(40, 64, dtype=np.bool_)))]
    point = {"x": 5, "y": "7.5"}
    values: dict[str, dict[str, Any]] = {
        "rectangle": point | {"width": 30, "height": 20, "rotation": 30},
        "polygon": {"points": [[1, 2], [30, 2], [30, 20]], "closed": True},
        "ellipse": point | {"radiusX": 3, "radiusY": 4, "rotation": 0},
        "keypoint": point | {"width": 1},
        "brush": {"format": "rle", "rle": rle},
        "vector": {"vertices": [point, point], "closed": False},
    }
    size = {"original_width": 64, "original_height": 40}
    regions: list[dict[str, Any]] = [
        {"id": kind[0], "type": f"{kind}labels", "value": value | {f"{kind}labels": ["a"]}, "parentID": "r", **size}
        for kind, value in values.items()
    ]
    regions[0] |= {"score": 0.5, "meta": {"text": "b"}}
    regions += [{"id": "p", "type": "choices", "value": {"choices": ["c"]}, "from_name": "d"}, {"type": "relation"}]
    for chosen in (regions, *([one] for one in regions)):
        yield _json([{"data": {"image": "/data/local-files/?d=a.jpg"}, "annotations": [{"result": chosen}]}])
    yield _json([{"image": "a.jpg", "label": [values["rectangle"] | {"rectanglelabels": ["a"], **size}]}])


def bdd100k() -> Iterator[bytes]:
    vertices = [[1, 2], [30, 20], [8, 30], [4, 4]]
    labels: list[dict[str, Any]] = [
        {"id": "7", "box2d": {"x1": 1, "y1": 2, "x2": 30.5, "y2": 20}, "attributes": {"crowd": True}, "score": 0.5},
        {"poly2d": [{"vertices": vertices, "types": "LCCL", "closed": True}]},
        {"poly2d": [{"vertices": vertices, "types": "LLLL", "closed": False}]},
        {"rle": {"counts": ":5a_2", "size": [64, 40]}},
        {"graph": {"nodes": [{"location": [3, 4], "category": "head", "visibility": "V"}]}},
    ]
    frame = {"name": "a.jpg", "videoName": "v", "labels": [{"category": "car", **label} for label in labels]}
    yield _json([frame, frame])
    yield _json(
        {"config": {"categories": [{"name": "car"}], "imageSize": {"width": 64, "height": 40}}, "frames": [frame]}
    )


def datumaro() -> Iterator[bytes]:
    points = {"items": [{"label_id": 1, "labels": ["head", "tail"], "joints": [[1, 2]]}]}
    categories = {"label": {"labels": [{"name": "car"}, {"name": "cat"}]}, "points": points}
    shapes: list[dict[str, Any]] = [
        {"type": "bbox", "bbox": [1, 2, 30.5, 20], "attributes": {"rotation": 30.0, "is_crowd": True, "track_id": 3}},
        {"type": "polygon", "points": [1, 2, 30, 20, 8, 30], "group": 1},
        {"type": "ellipse", "points": [1, 2, 30, 20]},
        {"type": "mask", "rle": {"counts": ":5a_2", "size": [64, 40]}, "group": 1},
        {"type": "points", "points": [3, 4, 5, 6], "visibility": [2, 0], "z_order": 2},
        {"type": "skeleton", "points": [3, 4, 2, 5, 6, 1]},
        {"type": "polyline", "points": [3, 4, 5, 6]},
        {"type": "caption", "caption": "x"},
    ]
    items = [
        {"id": "a", "image": {"path": "a.jpg", "size": [40, 64]}, "annotations": [{"label_id": 1, **one}]}
        for one in shapes
    ]
    yield _json({"dm_format_version": "1.0", "categories": categories, "items": [*items, {"id": "b"}]})


def openimages() -> Iterator[bytes]:
    head = b"ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf\n"
    yield head + b'a,xclick,/m/0,1,0.1,0.5,0.2,0.8,-1,0,1\na.jpg,,Cat,0.5,"0,1",1,0,1,,,\n\n'
    yield b"ImageID,Subset,Rotation\na,train,90\nb,val,nan\n"
    yield b"MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax\nm.png,a,/m/0,7,0.1,0.5,0.2,1\n"


def panoptic() -> Iterator[bytes]:
    segments: list[dict[str, Any]] = [
        {"id": 1, "category_id": 3, "bbox": [0, 0, 4, 4], "area": 4, "iscrowd": 0},
        {"id": 2, "category_id": "3", "iscrowd": True},
        {"id": 1.0, "category_id": 4, "bbox": [1, 2, 30.5, 20]},
    ]
    images = [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 40}, {"id": 2, "file_name": "b.jpg"}]
    record = {"image_id": 1, "file_name": "a.png", "segments_info": segments}
    names = [{"id": 3, "name": "cat", "isthing": 1}, {"id": 4, "name": "sky", "isthing": 0, "color": [1, 2, 3]}]
    yield _json({"images": images, "annotations": [record], "categories": names, "info": {"year": 1}})


def segments() -> Iterator[bytes]:
    """PNGs of segments."""
    for pixels in (np.eye(4, dtype=np.uint8), np.dstack([np.eye(4, dtype=np.uint8)] * 3)):
        yield write_png(pixels)


def masks() -> Iterator[bytes]:
    """PNGs of classes and objects."""
    for pixels in (np.eye(4, dtype=np.uint8), np.eye(4, dtype=np.uint16) * 300):
        yield write_png(pixels)
    yield write_png(np.eye(4, dtype=np.uint8) * 255, np.zeros((256, 3), dtype=np.uint8))


def mask_tables() -> Iterator[bytes]:
    rows = ("image object class x0 y0 x1 y1", "images/a.jpg 1 cat 0 0 4.5 4", "images/a.jpg 2 dog 0 0 4 4")
    yield "".join("\t".join(row.split()) + "\n" for row in rows).encode()


def supervisely() -> Iterator[bytes]:
    yield from _some("phone-photos-supervisely/photos/ann", "*.json")
    label = {"classTitle": "cat", "tags": [{"name": "age", "value": "3"}], "instance": "x"}
    corners = {"exterior": [[1, 2], [30, 20]], "interior": [[[4, 5], [6, 5], [6, 8]]]}
    kinds = ("rectangle", "polygon", "line", "point", "oriented_bbox")
    objects = [{**label, "geometryType": kind, "points": corners, "angle": 0.5} for kind in kinds]
    objects.append({**label, "geometryType": "bitmap", "bitmap": {"data": "eJw=", "origin": [3, 4]}})
    yield _json({"size": {"width": 64, "height": 40}, "tags": [], "objects": objects})


def ndjson() -> Iterator[bytes]:
    head = {"type": "dataset", "path": ".", "class_names": {"0": "cat", "2": "dog"}, "flip_idx": [1, 0]}
    line = {"type": "image", "file": "a.jpg", "width": 64, "height": 40, "split": "train"}
    for key, row in (
        ("boxes", [0, 0.5, 0.5, 0.25, 0.25]),
        ("segments", [1, 0.1, 0.1, 0.9, 0.1, 0.9, 0.9]),
        ("pose", [2, 0.5, 0.5, 0.25, 0.25, 0.4, 0.4, 2, 0.6, 0.6, 1]),
        ("obb", [0, 0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9]),
    ):
        yield b"\n".join(map(_json, (head, {**line, "annotations": {key: [row, row]}}, {**line, "file": "b.jpg"})))


def via() -> Iterator[bytes]:
    points = {"all_points_x": [1, 9, 9, 1], "all_points_y": [2, 2, 8, 2.5]}
    shapes: tuple[dict[str, Any], ...] = (
        {"name": "rect", "x": 1, "y": 2, "width": 5, "height": 4},
        {"name": "polygon", **points},
        {"name": "polyline", **points},
        {"name": "ellipse", "cx": 20, "cy": 20, "rx": 5, "ry": 3, "theta": 0.5},
        {"name": "circle", "cx": 20, "cy": 20, "r": 5},
        {"name": "point", "cx": 3, "cy": 4},
    )
    regions = [{"shape_attributes": shape, "region_attributes": {"kind": "cat", "age": 3}} for shape in shapes]
    entry = {"filename": "a.jpg", "size": 9, "regions": regions, "file_attributes": {}}
    options = {"region": {"kind": {"type": "dropdown", "options": {"dog": "", "cat": ""}}}, "file": {}}
    yield _json({"_via_settings": {}, "_via_img_metadata": {"a.jpg9": entry}, "_via_attributes": options})
    yield _json({"a.jpg9": {**entry, "regions": dict(enumerate(regions))}, "b.jpg": {**entry, "filename": "b.jpg"}})


_SIDES = {"left": 1, "top": 2.5, "width": 30, "height": 20}
_CORNERS = [{"x": 1, "y": 2}, {"x": 30.5, "y": 2}, {"x": 9, "y": 20}]


def vott() -> Iterator[bytes]:
    kinds = ("RECTANGLE", "POLYGON", "POLYLINE", "POINT")
    regions = [{"type": kind, "tags": ["cat", "dog"], "boundingBox": _SIDES, "points": _CORNERS} for kind in kinds]
    asset = {"name": "a.jpg", "size": {"width": 64, "height": 40}, "state": 2, "type": 1}
    others = {
        "b": {"asset": {**asset, "name": "b.mp4", "type": 2}},
        "c": {"asset": {**asset, "state": 0}, "regions": []},
    }
    yield _json({"tags": [{"name": "dog"}], "assets": {"a": {"asset": asset, "regions": regions}, **others}})
    yield _json({"tags": [], "assets": {}})


def labelbox() -> Iterator[bytes]:
    answers = [{"name": "sure", "radio_answer": {"name": "yes"}}, {"name": "why", "text_answer": {"content": "so"}}]
    places = ({"bounding_box": _SIDES}, {"polygon": _CORNERS}, {"line": _CORNERS}, {"point": {"x": 1, "y": 2}})
    objects = [{"name": "cat", "confidence": 0.5, "classifications": answers, **place} for place in places]
    objects.append({"name": "dog", "mask": {"url": "https://a.b/c"}})
    labels = [{"label_kind": kind, "annotations": {"objects": objects}} for kind in ("Default", "Consensus")]
    row = {"data_row": {"external_id": "a.jpg"}, "media_attributes": {"width": 64, "height": 40}}
    lines = [{**row, "projects": {"p": {"labels": labels}}}, {**row, "data_row": {"row_data": "https://a.b/c.jpg?d=1"}}]
    yield b"\n".join(map(_json, lines))
    old = {"External ID": "a.jpg", "Labeled Data": "https://a.b/a.jpg"}
    yield _json(
        [{**old, "Label": {"objects": [{"title": "cat", "bbox": _SIDES}]}}, {**old, "Label": {}, "Skipped": True}]
    )


def sagemaker() -> Iterator[bytes]:
    value = {"image_size": [{"width": 64, "height": 40}], "annotations": [{"class_id": 0, **_SIDES}]}
    metadata = {"objects": [{"confidence": 0.5}], "class-map": {"0": "cat"}, "type": "groundtruth/object-detection"}
    line = {"source-ref": "s3://b/train/a.jpg", "a": value, "a-metadata": {**metadata, "creation-date": "2026-01-02"}}
    yield b"\n".join(map(_json, (line, {**line, "b": value, "b-metadata": metadata}, {"source-ref": "s3://b/c.jpg"})))
    yield _json(line) + _json({**line, "a-metadata": {**metadata, "failure-reason": "late"}})


def customvision() -> Iterator[bytes]:
    region = {"regionId": "r", "tagName": "cat", "left": 0.1, "top": 0.2, "width": 0.3, "height": 0.25}
    image = {"id": "a", "width": 64, "height": 40, "originalImageUri": "https://a.b/c/a.jpg?sig=1", "regions": [region]}
    yield _json([{**image, "tags": [{"tagName": "cat"}, {"tagName": "dog"}]}, {"id": "b", "imageUri": "c.jpg"}])
    corners = {"topX": 0.1, "topY": 0.2, "bottomX": 0.5, "bottomY": 1, "isCrowd": "1", "label": "cat"}
    outline = {"label": "dog", "isCrowd": 0, "polygon": [[0.1, 0.2, 0.5, 0.2, 0.5, 0.75]]}
    details = {"format": "jpg", "width": "64px", "height": "40px"}
    line = {"image_url": "AmlDatastore://store/a.jpg", "image_details": details, "label": [corners, outline]}
    yield b"\n".join(map(_json, (line, {**line, "image_url": "azureml://b/c.jpg", "label": []})))


def createml() -> Iterator[bytes]:
    box = {"label": "cat", "coordinates": {"x": 10, "y": 9.5, "width": 4, "height": 3}}
    yield _json([{"image": "a.jpg", "annotations": [box, {**box, "label": "dog", "sure": 1}]}, {"image": "b.jpg"}])
    yield _json([{"imagefilename": "a.jpg", "annotations": []}, {"image": "a.jpg", "annotations": [box]}])


def hf_imagefolder() -> Iterator[bytes]:
    columns = {"bbox": [[1, 2, 30, 4], [5.5, 6, 3, 9]], "category": [0, 2], "id": [7, None], "area": [5, 2.5]}
    records = [{"bbox": [1, 2, 30, 4], "label": "cat", "age": 3}]
    empty: dict[str, list[Any]] = {"bbox": [], "category": []}
    choices: tuple[Any, ...] = (columns, records, empty, None)
    for objects in choices:
        row = {"file_name": "a.jpg", "width": 64, "height": 40, "image_id": 3, "objects": objects}
        yield b"\n".join(map(_json, (row, {**row, "file_name": "train/b.jpg"})))


def kitti() -> Iterator[bytes]:
    yield from _some("phone-photos-kitti/train/label_2", "*.txt")
    nowhere = b"-1 -1 -1 -1000 -1000 -1000 -10"
    yield b"Car 0.50 1 -1.57 1 2 30.5 20 1.5 1.6 3.9 1.8 1.5 8.4 0.01\nDontCare -1 -1 -12 1 2 9 9 %b\n" % nowhere
    yield b"a b 0 0 -12 1 2 3 4 %b 0.5\r\n\n7 0 0 0 1 2 3 4 0 0 0 0 0 0 0\nx 1 2\n" % nowhere


def mot() -> Iterator[bytes]:
    yield from _some("phone-photos-mot", "gt.txt")
    yield b"1 2005 2 40 64 :5a_2\n1 10000 10 40 64 PT3\n"
    yield b"1,7,2,3,10,20.5,1,1,0.5\n1, -1, 2,3,10,20,0.25,-1,-1,-1\r\n\n2,8,2,3,10,20,0,2\n3,1,2,3,4,5\nx,1\n0,1\n"


def instances() -> Iterator[bytes]:
    """PNGs of MOTS."""
    for pixels in (np.eye(4, dtype=np.uint16) * 2005, np.eye(4, dtype=np.uint16) * 10000, np.eye(4, dtype=np.uint8)):
        yield write_png(pixels)


def yolo_labels() -> Iterator[bytes]:
    yield from _some("phone-photos-yolo/labels", "*.txt")
    yield b"0 .5 .5 .25 .25\r\n1 0.5 0.5 0.2 0.2 0.9\n\n2 .1 .1 .9 .1 .9 .9\n0.0 1e-1 .5 .1 .1\n"
    yield b"\xef\xbb\xbf0 .5 .5 .2 .2 .4 .4 2 .6 .6 1 0 0 0\ncat .5 .5 .2 .2\n0,1,2,3,4\n"
    yield "0 .5 .5 .25 .25\n".encode("utf-16")


def yolo_yaml() -> Iterator[bytes]:
    yield from _some("phone-photos-yolo", "data.yaml")
    yield b"path: ../x\ntrain: [a, b.txt]\nval: images/val\nnc: 2\nnames: ['a', \"b\"]\n"
    yield b"train: images\nnames:\n  0: a\n  3: b\nkpt_shape: [2, 3]\nflip_idx: [1, 0]\nkpt_names:\n  0: [l, r]\n"
    yield b"names: classes.txt\n? x\n: - |\n    y\n  - >-\n    z\n"


def yolo_text() -> Iterator[bytes]:
    yield b"classes = 2\ntrain = train.txt\nvalid = valid.txt\nnames = obj.names\nbackup = backup/\n"
    yield b"# k\nkatze\n\nhund\n"


def record() -> Iterator[bytes]:
    row = {
        "source": "train/a.jpg",
        "split": "train",
        "sha256": None,
        "output": "images/train/a.jpg",
        "size": [64, 40],
        "orientation": 6,
        "frame": "stored",
        "affine": [1, 0, 0, 0, 1, 0.5],
        "output_size": [64, 64],
        "objects": {"in": 3, "out": 2, "dropped": {"box-outside": 1}},
        "mirrored": True,
    }
    yield _json(row) + b"\n" + _json({"source": "b.jpg"}) + b"\n"


def predictions() -> Iterator[bytes]:
    plain = {"image_id": "a", "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.5}
    more: tuple[dict[str, Any], ...] = (
        plain,
        {**plain, "segmentation": [[1, 2, 30, 2, 30, 40]], "keypoints": [1, 2, 2, 3, 4, 1]},
        {"file_name": "a.jpg", "category_id": 2, "segmentation": {"size": [140, 90], "counts": [100, 50, 12450]}},
        {"image": "a.jpg", "category_id": 2, "segmentation": {"size": [140, 90], "counts": "PT3"}},
    )
    for one in more:
        yield _json([one])
    yield _json({"annotations": list(more)})


def recipes() -> Iterator[bytes]:
    recipe = Recipe(
        Letterbox(640), Grayscale(),
        augment=Augment(Flip("horizontal", p=0.5), Rotate((-15, 15)), RandomCrop(), copies=3), seed=7, pad=114,
    )  # fmt: skip
    yield to_yaml(recipe).encode()
    yield _json({"bboxprep": 1, "recipe": recipe.options()})
    yield b"- stretch: 640\n- flip: {axis: both, p: 1}\n"
    yield b"steps: [xmp_upright, {exposure: {gain: [0.7, 1.4]}}, {rotate: {one_of: [0, 90]}}]\n"


def texts() -> Iterator[bytes]:
    yield from (b"640", b"640x480", b"0x9", b"1,2,30,40", b"114", b"255,0,12", b"edge", b"reflect", " 64×2 ".encode())


def words() -> Iterator[bytes]:
    yield from (b"a,b", b"a=b", b"a\\,b=c\\=d", b"train=0.8,val=0.2", b"train=1", b"a = b")


def shards() -> Iterator[bytes]:
    plain = {"bbox": [[1, 2, 30.5, 20], [0, 0, 1, 1]], "category": [0, 1]}
    more: tuple[dict[str, Any] | None, ...] = (
        plain,
        {**plain, "area": [5.0, None], "id": [7, None], "iscrowd": [0, 1]},
        {"bbox": [], "category": []},
        None,
    )
    for one in more:
        yield _json({"file_name": "a/x.jpg", "width": 64, "height": 40, "objects": one, "image_id": 3})


def archives() -> Iterator[bytes]:
    coco_files = {"labels.json": next(coco()), "a/x.jpg": b"", "b.png": b""}
    yolo_files = {"data.yaml": b"train: images\nnames: [a]\n", "images/a.jpg": b"", "labels/a.txt": b"0 .5 .5 .2 .2\n"}
    voc_files = {"JPEGImages/a.jpg": b"", "Annotations/a.xml": next(voc())}
    for files in (coco_files, yolo_files, voc_files):
        yield tarred(files)
        yield _zipped(files)


class _Unnumbered(Member, frozen=True):
    """A member whose labels are packed as they are."""

    def labels(self) -> bytes:
        return self.image.with_suffix(".json").read_bytes()


def parquet() -> Iterator[bytes]:
    from bboxprep.formats.parquet.table import pack

    for labels in shards():
        with TemporaryDirectory() as room:
            picture, shard = Path(room, "a.jpg"), Path(room, "train-00000.parquet")
            picture.write_bytes(b"")
            picture.with_suffix(".json").write_bytes(labels)
            pack(shard, [_Unnumbered(picture, 0, ())], ["cat", "dog"])
            yield shard.read_bytes()


def tfrecords() -> Iterator[bytes]:
    from bboxprep.io.tf_messages import write_example

    own: dict[str, Any] = {f"image/object/bbox/{side}": [0.1, 0.5] for side in ("xmin", "ymin")}
    own |= {f"image/object/bbox/{side}": [0.3, 1.0] for side in ("xmax", "ymax")}
    named: dict[str, Any] = {"image/object/class/text": [b"cat", b"dog"], "image/object/class/label": [1, 2]}
    size: dict[str, Any] = {
        "image/width": [4],
        "image/height": [4],
        "image/filename": [b"a.jpg"],
        "image/encoded": [b"\xff\xd8\xff"],
    }
    mask = write_png(np.eye(4, dtype=np.uint8))
    points = {f"image/object/keypoint/{axis}": [0.5, 0.25] for axis in "xy"}
    masks: tuple[dict[str, Any], ...] = ({"image/object/mask": [mask, mask]}, {"image/object/mask": [1.0] * 32})
    for more in ({}, *masks, points):
        yield write_example({**own, **named, **size, **more, "image/object/attribute/a": [b"1", b"[2]"]})


def vlm() -> Iterator[bytes]:
    answers = (
        '[{"bbox_2d": [1, 2, 30, 40], "label": "cat"}, {"bbox": [1, 2, 3], "name": "dog"}]',
        "```json\n[{'box_2d': [1, 2, 30, 40], 'text': 'cat'}]\n```",
        "<loc0001><loc0002><loc0300><loc1023> cat ; <loc0001><loc0002><loc0003><loc0004><seg001> dog",
        "cat<loc_1><loc_2><loc_300><loc_999>dog<poly><loc_1><loc_2></poly>",
        "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(1,2),(30,1000)<|box_end|>",
    )
    for answer in answers:
        yield _json(
            {"image": "a.jpg", "conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": answer}]}
        )
        yield _json({"image": "a.jpg", "prefix": "detect cat ; dog", "suffix": answer})
        yield _json({"images": ["a.jpg"], "messages": [{"role": "assistant", "content": [{"text": answer}]}]})
    rows = [{"bbox": [1, 2, 30, 40], "label": 0, "category": "cat"}]
    yield _json({"filename": "a.jpg", "height": 40, "width": 64, "detection": {"instances": rows}})


def tarred(files: Mapping[str, bytes]) -> bytes:
    """A tar file of `files`."""
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, BytesIO(data))
    return out.getvalue()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def _some(folder: str, pattern: str) -> Iterator[bytes]:
    for path in sorted((FIXTURES / folder).rglob(pattern))[:8]:
        yield path.read_bytes()[:_SMALL]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
