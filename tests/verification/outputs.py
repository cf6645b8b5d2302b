"""Outputs to judge, made of the fixtures' textured photos, and the ways to lie in them."""

from __future__ import annotations

import csv
import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from bboxprep import formats
from bboxprep.frames.resolve import LabelsIn
from bboxprep.geometry.shapes import map_boxes
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.object_policy import DEFAULT_OBJECT_POLICY, ObjectPolicy
from bboxprep.model.sample import Sample
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source, write
from bboxprep.recipe.recipe import ImageContext, Recipe
from bboxprep.testing.example import FormatExample
from bboxprep.verification.verify import VerificationReport
from tests.conformance.examples import (
    EXAMPLES,
    around_supervisely,
    around_via,
    bounds_cvat,
    object_bounds_labelstudio,
)

FIXTURES = Path(__file__).parents[2] / "fixtures"
Edges = tuple[float, float, float, float]


def make(out: Path, source: Path, to: str, recipe: Recipe, labels_in: LabelsIn = "auto", **options: Any) -> Path:
    """The output of a run, at `out`."""
    convert_source(open_source(source, labels_in=labels_in), out, to, recipe, run_options=RunOptions(), options=options)
    return out


def augmented(
    out: Path,
    source: Path,
    to: str,
    recipe: Recipe,
    labels_in: LabelsIn = "auto",
    object_policy: ObjectPolicy = DEFAULT_OBJECT_POLICY,
    recorded: bool = True,
    **options: Any,
) -> Path:
    """The output of a run that draws of `recipe` for each image, recorded as such a run does."""
    opened = open_source(source, labels_in=labels_in, object_policy=object_policy).dataset
    drawn: dict[str, dict[str, Any]] = {}

    def draw(sample: Sample) -> Sample:
        if sample.header is None or sample.refusal:
            return sample
        settled = recipe.drawn(f"{sample.split}/{sample.name}", 0, sight_of(sample, opened), split=sample.split).recipe
        drawn[sample.path.relative_to(source if source.is_dir() else source.parent).as_posix()] = settled.options()
        return sample.transform(settled)

    write(opened.map(draw), out, to, **options)
    if recorded:
        edit_record(out, recipe=recipe.options())
        edit_rows(out, lambda row: row | {"recipe": drawn.get(row["source"]), "copy": 0})
    return out


def sight_of(sample: Sample, dataset: Dataset) -> ImageContext:
    """What of `sample` a draw may have to see."""
    assert sample.header is not None
    boxes, names = map_boxes(sample.to_stored, sample.instances.boxes), dataset.categories.names
    shown = frozenset(names[label] for label in sample.instances.labels.tolist())
    return ImageContext(sample.header.size, sample.header.turn, boxes, shown)


def photos(format: str) -> Path:
    return FIXTURES / f"phone-photos-{format}"


def copied(out: Path, to: Path) -> Path:
    shutil.copytree(out, to)
    return to


def codes(proof: VerificationReport, image: str = "") -> set[str]:
    """The codes of the faults, or of those of one image."""
    return {fault.code for fault in proof.faults if not image or Path(fault.image).name == image}


def told(proof: VerificationReport) -> str:
    return "\n".join(f"{fault.code}: {fault}" for fault in proof.faults)


def image_at(out: Path, name: str) -> Path:
    return next(path for path in sorted(out.rglob(name)) if path.is_file())


def redraw(path: Path, change: Callable[[Image.Image], Image.Image]) -> None:
    """Write the picture at `path` changed, in its own kind, without metadata."""
    with Image.open(BytesIO(path.read_bytes())) as image:
        kind, picture = image.format, change(image.convert("RGB"))
    picture.save(path, kind, **({"quality": 90} if kind == "JPEG" else {}))


def tag(path: Path, orientation: int) -> None:
    """Put an orientation back into the file at `path`, its pixels as they are but for the codec."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(BytesIO(path.read_bytes())) as image:
        kind, picture = image.format, image.convert("RGB")
    picture.save(path, kind, exif=exif.tobytes())


def edit_object(out: Path, image: str, change: Callable[[Edges, int], tuple[Edges, int] | None]) -> None:
    """Change the edges (as fractions of the picture) and the class of the first object of `image`, or drop it."""
    path = image_at(out, image)
    with Image.open(path) as opened:
        size = opened.size
    written_as = json.loads((out / "bboxprep.json").read_text(encoding="utf-8"))["to"]
    if written_as == "hf_imagefolder":
        _edit_image_folder(out / path.relative_to(out).parts[0] / "metadata.jsonl", image, size, change)
    elif written_as == "via":
        _edit_via(out / path.relative_to(out).parts[0] / "via_project.json", image, size, change)
    elif written_as not in _BY_HAND:
        _paint_again(out, EXAMPLES[written_as], image, change)
    elif (out / "data.yaml").exists():
        _edit_yolo(out / "labels" / path.relative_to(out / "images").with_suffix(".txt"), change)
    elif (out / "meta.json").exists():
        titles = [row["title"] for row in json.loads((out / "meta.json").read_text(encoding="utf-8"))["classes"]]
        _edit_supervisely(Path(str(path).replace("/img/", "/ann/") + ".json"), titles, change)
    elif written_as == "bdd100k":
        _edit_bdd100k(out / f"{path.relative_to(out / 'images').parts[0]}.json", image, size, change)
    elif written_as == "datumaro":
        split, *parts = path.relative_to(out / "images").parts
        _edit_datumaro(out / f"annotations/{split}.json", "/".join(parts), change)
    elif written_as == "openimages":
        split, *parts = path.relative_to(out / "images").parts
        _edit_openimages(out / f"annotations/{split}-annotations-bbox.csv", Path(*parts).with_suffix(""), change)
    elif (out / "annotations").exists():
        _edit_coco(out / "annotations" / f"instances_{path.relative_to(out).parts[0]}.json", image, size, change)
    elif (out / "classes.csv").exists():
        split, *parts = path.relative_to(out / "images").parts
        _edit_csv(out, f"{split}_labels.csv", "/".join(parts), size, change)
    elif (out / "label_config.xml").exists():
        _edit_labelstudio(out, f"{path.relative_to(out / 'images').parts[0]}.json", image, size, change)
    elif (out / "images").exists():
        _edit_cvat(out / f"{path.relative_to(out / 'images').parts[0]}.xml", image, size, change)
    elif (out / "classes.txt").exists():
        split, _, *name = path.relative_to(out).parts
        label = out.joinpath(split, "labelTxt", *name).with_suffix(".txt")
        _edit_dota(label, (out / "classes.txt").read_text(encoding="utf-8").splitlines(), size, change)
    elif path.with_suffix(".json").exists():
        _edit_labelme(path.with_suffix(".json"), (out / "labels.txt").read_text(encoding="utf-8").splitlines(), change)
    else:
        _edit_voc(out / "Annotations" / f"{path.stem}.xml", size, change)


def edit_row(out: Path, image: str, **fields: Any) -> None:
    """Change fields of the row of `image` in the record."""
    edit_rows(out, lambda row: row | fields if row["output"] and Path(row["output"]).name == image else row)


def edit_rows(out: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change all rows of the record."""
    path = out / "bboxprep.images.jsonl"
    rows = [change(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def recorded(out: Path) -> dict[str, Any]:
    """The record of the run."""
    record: dict[str, Any] = json.loads((out / "bboxprep.json").read_text(encoding="utf-8"))
    return record


def edit_record(out: Path, **fields: Any) -> None:
    (out / "bboxprep.json").write_text(json.dumps(recorded(out) | fields), encoding="utf-8")


_BY_HAND = {"bdd100k", "coco", "csv", "cvat", "datumaro", "dota", "labelme", "labelstudio", "openimages", "supervisely"}
_BY_HAND |= {"voc", "yolo"}
"""The formats of which other lines than those of the object stay as written."""


def source_for(to: str) -> str:
    """The format of photos whose output in the format `to` can be changed in one object alone: boxes alone where all
    is painted again, which would lose crowd regions and masks.
    """
    lost = {Column.CROWD, Column.MASKS} & formats.load(to).carries
    return "yolo" if lost and to not in _BY_HAND else "coco"


def _paint_again(
    out: Path, example: FormatExample, image: str, change: Callable[[Edges, int], tuple[Edges, int] | None]
) -> None:
    """Write the labels of the output anew by the rules of its format, with the first object of `image` changed."""
    written = example.read(out)
    at = next(row for row, one in enumerate(written.images) if Path(one.name).name == image)
    victim, names = written.images[at], written.classes
    wide, high = victim.size
    x0, y0, x1, y1 = victim.boxes[0].tolist()
    changed = change((x0 / wide, y0 / high, x1 / wide, y1 / high), names.index(victim.classes[0]))
    boxes, classes = victim.boxes[1:].tolist(), victim.classes[1:]
    if changed is not None:
        (x0, y0, x1, y1), label = changed
        boxes, classes = [[x0 * wide, y0 * high, x1 * wide, y1 * high], *boxes], (names[label], *classes)
    images = (*written.images[:at], victim.with_objects(boxes, classes), *written.images[at + 1 :])
    example.paint(out, replace(written, images=images))


def _edit_image_folder(
    path: Path, image: str, size: tuple[int, int], change: Callable[[Edges, int], tuple[Edges, int] | None]
) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    objects = next(row["objects"] for row in rows if Path(row["file_name"]).name == image)
    x, y, w, h = objects["bbox"][0]
    width, height = size
    changed = change((x / width, y / height, (x + w) / width, (y + h) / height), objects["category"][0])
    if changed is None:
        for column in objects.values():
            del column[0]
    else:
        (x0, y0, x1, y1), objects["category"][0] = changed
        objects["bbox"][0] = [x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def _edit_via(
    path: Path, image: str, size: tuple[int, int], change: Callable[[Edges, int], tuple[Edges, int] | None]
) -> None:
    project = json.loads(path.read_text(encoding="utf-8"))
    names = list(project["_via_attributes"]["region"]["class"]["options"])
    entries = project["_via_img_metadata"].values()
    regions = next(entry["regions"] for entry in entries if Path(entry["filename"]).name == image)
    shape, others = regions[0]["shape_attributes"], regions[0]["region_attributes"]
    width, height = size
    x0, y0, x1, y1 = around_via(shape)
    changed = change((x0 / width, y0 / height, x1 / width, y1 / height), names.index(others["class"]))
    if changed is None:
        del regions[0]
    else:
        (left, top, *_), label = changed
        others["class"] = names[label]
        for axis, by in (("x", left * width - x0), ("y", top * height - y0)):
            if shape["name"] == "rect":
                shape[axis] += by
            else:
                shape[f"all_points_{axis}"] = [value + by for value in shape[f"all_points_{axis}"]]
    path.write_text(json.dumps(project), encoding="utf-8")


def _edit_yolo(path: Path, change: Callable[[Edges, int], tuple[Edges, int] | None]) -> None:
    rows = path.read_text(encoding="utf-8").splitlines()
    label, x, y, w, h = (float(word) for word in rows[0].split())
    changed = change((x - w / 2, y - h / 2, x + w / 2, y + h / 2), int(label))
    first = []
    if changed:
        (x0, y0, x1, y1), number = changed
        first = [f"{number} {(x0 + x1) / 2:.6f} {(y0 + y1) / 2:.6f} {x1 - x0:.6f} {y1 - y0:.6f}"]
    path.write_text("".join(f"{row}\n" for row in [*first, *rows[1:]]), encoding="utf-8")


def _edit_dota(
    path: Path, names: list[str], size: tuple[int, int], change: Callable[[Edges, int], tuple[Edges, int] | None]
) -> None:
    rows, (width, height) = path.read_text(encoding="utf-8").splitlines(), size
    words = rows[0].split()
    xs, ys = ([float(word) for word in words[axis:8:2]] for axis in (0, 1))
    old = (min(xs) / width, min(ys) / height, max(xs) / width, max(ys) / height)
    changed = change(old, names.index(" ".join(words[8:-1])))
    first = []
    if changed:
        new, label = changed
        corners = zip(
            [x + (new[0] - old[0]) * width for x in xs], [y + (new[1] - old[1]) * height for y in ys], strict=True
        )
        first = [f"{' '.join(f'{x!r} {y!r}' for x, y in corners)} {names[label]} {words[-1]}"]
    path.write_text("".join(f"{row}\n" for row in [*first, *rows[1:]]), encoding="utf-8")


def _edit_coco(
    path: Path, image: str, size: tuple[int, int], change: Callable[[Edges, int], tuple[Edges, int] | None]
) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    number = next(row["id"] for row in document["images"] if Path(row["file_name"]).name == image)
    ids = [row["id"] for row in document["categories"]]
    first = next(row for row in document["annotations"] if row["image_id"] == number)
    x, y, w, h = first["bbox"]
    width, height = size
    changed = change((x / width, y / height, (x + w) / width, (y + h) / height), ids.index(first["category_id"]))
    if changed is None:
        document["annotations"].remove(first)
    else:
        (x0, y0, x1, y1), label = changed
        first["bbox"] = [x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height]
        first["category_id"] = ids[label]
    path.write_text(json.dumps(document), encoding="utf-8")


def _edit_labelme(path: Path, names: list[str], change: Callable[[Edges, int], tuple[Edges, int] | None]) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    shapes = document["shapes"]
    group = shapes[0]["group_id"]
    first = [one for one in shapes if one is shapes[0] or (group is not None and one["group_id"] == group)]
    xs, ys = ([point[axis] for one in first for point in one["points"]] for axis in (0, 1))
    width, height = document["imageWidth"], document["imageHeight"]
    old = (min(xs) / width, min(ys) / height, max(xs) / width, max(ys) / height)
    changed = change(old, names.index(first[0]["label"]))
    if changed is None:
        document["shapes"] = [one for one in shapes if one not in first]
    else:
        new, label = changed
        for one in first:
            one["label"] = names[label]
            one["points"] = [[x + (new[0] - old[0]) * width, y + (new[1] - old[1]) * height] for x, y in one["points"]]
    path.write_text(json.dumps(document), encoding="utf-8")


def _edit_supervisely(path: Path, names: list[str], change: Callable[[Edges, int], tuple[Edges, int] | None]) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    labels, width, height = document["objects"], document["size"]["width"], document["size"]["height"]
    first = [one for one in labels if one is labels[0] or one.get("instance", "") == labels[0].get("instance")]
    x0, y0, x1, y1 = around_supervisely(first)
    changed = change((x0 / width, y0 / height, x1 / width, y1 / height), names.index(first[0]["classTitle"]))
    if changed is None:
        document["objects"] = [one for one in labels if one not in first]
    else:
        new, label = changed
        across, down = round(new[0] * width - x0), round(new[1] * height - y0)
        for one in first:
            one["classTitle"] = names[label]
            if "bitmap" in one:
                one["bitmap"]["origin"] = [one["bitmap"]["origin"][0] + across, one["bitmap"]["origin"][1] + down]
            else:
                one["points"]["exterior"] = [[x + across, y + down] for x, y in one["points"]["exterior"]]
    path.write_text(json.dumps(document), encoding="utf-8")


def _edit_bdd100k(
    path: Path, image: str, size: tuple[int, int], change: Callable[[Edges, int], tuple[Edges, int] | None]
) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    labels = next(frame["labels"] for frame in document["frames"] if Path(frame["name"]).name == image)
    names = [row["name"] for row in document["config"]["categories"]]
    (width, height), first = size, labels[0]
    x0, y0, x1, y1 = (first["box2d"][corner] for corner in ("x1", "y1", "x2", "y2"))
    old = (x0 / width, y0 / height, (x1 + 1) / width, (y1 + 1) / height)
    changed = change(old, names.index(first["category"]))
    if changed is None:
        del labels[0]
    else:
        (x0, y0, x1, y1), label = changed
        first["category"] = names[label]
        first["box2d"] = {"x1": x0 * width, "y1": y0 * height, "x2": x1 * width - 1, "y2": y1 * height - 1}
    path.write_text(json.dumps(document), encoding="utf-8")


def _edit_datumaro(path: Path, image: str, change: Callable[[Edges, int], tuple[Edges, int] | None]) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    item = next(item for item in document["items"] if item["image"]["path"] == image)
    (height, width), first = item["image"]["size"], item["annotations"][0]
    own = [one for one in item["annotations"] if one is first or (first["group"] and one["group"] == first["group"])]
    x, y, wide, high = first["bbox"]
    changed = change((x / width, y / height, (x + wide) / width, (y + high) / height), first["label_id"])
    if changed is None:
        item["annotations"] = [one for one in item["annotations"] if one not in own]
    else:
        (x0, y0, x1, y1), label = changed
        first["bbox"] = [x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height]
        for one in own:
            one["label_id"] = label
    path.write_text(json.dumps(document), encoding="utf-8")


def _edit_openimages(path: Path, image: Path, change: Callable[[Edges, int], tuple[Edges, int] | None]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    with (path.parent / "class-descriptions.csv").open(encoding="utf-8", newline="") as file:
        classes = [mid for mid, _ in csv.reader(file)]
    at = next(row for row, cells in enumerate(rows) if cells[0] == image.as_posix())
    first = dict(zip(head, rows[at], strict=True))
    x0, x1, y0, y1 = (float(first[name]) for name in ("XMin", "XMax", "YMin", "YMax"))
    changed = change((x0, y0, x1, y1), classes.index(first["LabelName"]))
    if changed is None:
        del rows[at]
    else:
        (x0, y0, x1, y1), label = changed
        first |= {"XMin": repr(x0), "XMax": repr(x1), "YMin": repr(y0), "YMax": repr(y1), "LabelName": classes[label]}
        rows[at] = list(first.values())
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def _edit_cvat(
    path: Path, image: str, size: tuple[int, int], change: Callable[[Edges, int], tuple[Edges, int] | None]
) -> None:
    tree = ET.parse(path)
    entry = next(one for one in tree.iter("image") if Path(one.get("name", "")).name == image)
    names = [label.findtext("name", "") for label in tree.iter("label") if label.find("parent") is None]
    first, (width, height) = entry[0], size
    x0, y0, x1, y1 = bounds_cvat(first)
    changed = change((x0 / width, y0 / height, x1 / width, y1 / height), names.index(first.get("label", "")))
    group = first.get("group_id")
    for shape in [shape for shape in entry if shape is first or (group and shape.get("group_id") == group)]:
        entry.remove(shape)
    if changed is not None:
        (x0, y0, x1, y1), label = changed
        corners = zip(("xtl", "ytl", "xbr", "ybr"), (x0 * width, y0 * height, x1 * width, y1 * height), strict=True)
        entry.insert(0, ET.Element("box", {"label": names[label], **{name: repr(value) for name, value in corners}}))
    tree.write(path, encoding="utf-8")


def _edit_csv(
    out: Path, file: str, image: str, size: tuple[int, int], change: Callable[[Edges, int], tuple[Edges, int] | None]
) -> None:
    with (out / file).open(encoding="utf-8", newline="") as opened:
        head, *rows = csv.reader(opened)
    names = [line.rpartition(",")[0] for line in (out / "classes.csv").read_text(encoding="utf-8").splitlines()]
    place = next(number for number, row in enumerate(rows) if row[0] == image)
    (_, _, _, label, *corners), (width, height) = rows.pop(place), size
    x0, y0, x1, y1 = map(float, corners)
    if changed := change((x0 / width, y0 / height, x1 / width, y1 / height), names.index(label)):
        (x0, y0, x1, y1), number = changed
        edges = [round(value) for value in (x0 * width, y0 * height, x1 * width, y1 * height)]
        rows.insert(place, [image, str(width), str(height), names[number], *map(str, edges)])
    with (out / file).open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([head, *rows])


def _edit_labelstudio(
    out: Path, file: str, image: str, size: tuple[int, int], change: Callable[[Edges, int], tuple[Edges, int] | None]
) -> None:
    tasks = json.loads((out / file).read_bytes())
    result = next(
        task["annotations"][0]["result"] for task in tasks if task["data"]["image"].endswith(f"/{quote(image)}")
    )
    config = ET.parse(out / "label_config.xml").getroot()
    names = [label.get("value", "") for label in config.iterfind("RectangleLabels/Label")]
    first, (width, height) = result[0], size
    x0, y0, x1, y1 = object_bounds_labelstudio(result, first)
    label = names.index(first["value"][first["type"]][0])
    changed = change((x0 / width, y0 / height, x1 / width, y1 / height), label)
    result[:] = [one for one in result if one is not first and one.get("parentID") != first["id"]]
    if changed is not None:
        (x0, y0, x1, y1), label = changed
        value = {"x": x0 * 100, "y": y0 * 100, "width": (x1 - x0) * 100, "height": (y1 - y0) * 100}
        result.insert(0, first | {"type": "rectanglelabels", "value": value | {"rectanglelabels": [names[label]]}})
    (out / file).write_text(json.dumps(tasks), encoding="utf-8")


def _edit_voc(path: Path, size: tuple[int, int], change: Callable[[Edges, int], tuple[Edges, int] | None]) -> None:
    tree = ET.parse(path)
    names = (path.parents[1] / "labels.txt").read_text(encoding="utf-8").splitlines()
    first = next(tree.iter("object"))
    corners = {tag: next(first.iter(tag)) for tag in ("xmin", "ymin", "xmax", "ymax")}
    x0, y0, x1, y1 = (float(corner.text or "nan") for corner in corners.values())
    width, height = size
    name = first.find("name")
    assert name is not None
    changed = change(((x0 - 1) / width, (y0 - 1) / height, x1 / width, y1 / height), names.index(name.text or ""))
    if changed is None:
        tree.getroot().remove(first)
    else:
        (x0, y0, x1, y1), label = changed
        values = (round(x0 * width) + 1, round(y0 * height) + 1, round(x1 * width), round(y1 * height))
        for corner, value in zip(corners.values(), values, strict=True):
            corner.text = str(value)
        name.text = names[label]
    tree.write(path, encoding="utf-8")
