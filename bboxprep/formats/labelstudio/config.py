"""The labelling configuration of Label Studio, XML: its labels are the classes, in an order that no export has.

A control such as ``<RectangleLabels>`` lists labels. Those of ``<KeyPointLabels>`` are the keypoints of other objects,
in the order of ``model_index``; our own name their class by the attribute ``of``. An ``alias`` stands for the label in
results. ``category`` is the number that a label has in exports; the writer here states it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from xml.etree.ElementTree import Element

import msgspec

from bboxprep.formats.labelstudio.options import CONFIG
from bboxprep.io.folder_listing import names_by_suffix
from bboxprep.io.paths import is_within, read_bytes, refuse_passing, resolved
from bboxprep.io.text import read_start_as_utf8
from bboxprep.io.xml_tree import parse_xml
from bboxprep.model.categories import Categories, Category

_MOST_BYTES = 8 << 20
_FIRST_BYTES = 4096
_KEYPOINTS = "KeyPointLabels"
CONTROLS = {
    "rectangle": "RectangleLabels",
    "polygon": "PolygonLabels",
    "ellipse": "EllipseLabels",
    "brush": "BrushLabels",
}
"""The controls that are written, by the kind of their regions."""


class LabelConfig(msgspec.Struct, frozen=True):
    """The names of the classes in their order, and those of keypoints by class; "" has those of any class."""

    classes: tuple[str, ...] = ()
    keypoints: Mapping[str, tuple[str, ...]] = {}


def find_config(folders: Iterable[Path], home: Path, used: Collection[str], encoding: str) -> LabelConfig:
    """The configuration in one of `folders`, in the folder `home`, that has the most of the names in use: one without
    labels where none has any. Raises `AnnotationError`.
    """
    found = [_read(path, encoding) for folder in dict.fromkeys(folders) for path in _paths(folder, resolved(home))]

    def count(config: LabelConfig) -> int:
        points = {name for names in config.keypoints.values() for name in names}
        return sum(name in config.classes or name in points for name in used)

    best = max(found, key=count, default=LabelConfig())
    return best if count(best) or not used else LabelConfig()


def _paths(folder: Path, home: Path) -> list[Path]:
    """The configurations in `folder`, the one with the usual name first."""
    try:
        names = list(names_by_suffix(folder).get(".xml", ()))
    except OSError as error:
        refuse_passing(error, folder)
        return []
    names.sort(key=lambda name: (name != CONFIG, name))
    return [folder / name for name in names if is_within(folder / name, home) and _is_config(folder / name)]


def _is_config(path: Path) -> bool:
    try:
        return b"<View" in read_start_as_utf8(path, _FIRST_BYTES)
    except OSError as error:
        refuse_passing(error, path)
        return False


def _read(path: Path, encoding: str) -> LabelConfig:
    root = parse_xml(path, read_bytes(path, _MOST_BYTES), encoding)
    labels: list[tuple[str, str]] = []
    keypoints: dict[str, dict[str, None]] = {}
    for control in root.iter():
        if control.tag == _KEYPOINTS:
            places = sorted(_labels(control, "model_index"), key=lambda one: _number(one[1]))
            keypoints.setdefault(control.get("of", ""), {}).update(dict.fromkeys(name for name, _ in places))
        elif control.tag.endswith("Labels"):
            labels += _labels(control, "category")
    numbers = {name: _number(number) for name, number in labels if number.isdecimal()}
    names = list(dict.fromkeys(name for name, _ in labels))
    if len(numbers) == len(names):
        names.sort(key=numbers.__getitem__)
    return LabelConfig(tuple(names), {name: tuple(points) for name, points in keypoints.items()})


def _labels(control: Element, number: str) -> Iterator[tuple[str, str]]:
    """The names of the labels of a control, each with its attribute `number`."""
    for label in control.iter("Label"):
        name = label.get("alias") or label.get("value")
        if name:
            yield name, label.get(number, "")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else 1 << 31


def config_text(categories: Categories, kinds: Collection[str]) -> str:
    """A configuration with all `categories` in the control of rectangles, and in those of the other `kinds`."""
    lines = ["<View>", '  <Image name="image" value="$image" zoom="true"/>']
    for kind, control in CONTROLS.items():
        if kind == "rectangle" or kind in kinds:
            lines.append(f'  <{control} name="{control_name(kind)}" toName="image">')
            for row, each in enumerate(categories):
                number = f' category="{row}"' if kind == "rectangle" else ""  # exports list each number as a class
                lines.append(f'    <Label value="{_text(each.name)}"{number}/>')
            lines.append(f"  </{control}>")
    for row, each in enumerate(categories):
        lines += _keypoint_control(row, each) if each.keypoints else []
    return "".join(f"{line}\n" for line in [*lines, "</View>"])


def control_name(kind: str, row: int = 0) -> str:
    """The name of the control of regions of `kind`: of keypoints, those of the class at `row`."""
    return "label" if kind == "rectangle" else f"keypoints_{row}" if kind == "keypoint" else kind


def _keypoint_control(row: int, category: Category) -> Iterator[str]:
    yield f'  <{_KEYPOINTS} name="{control_name("keypoint", row)}" toName="image" of="{_text(category.name)}">'
    for place, name in enumerate(category.keypoints):
        yield f'    <Label value="{_text(name)}" model_index="{place}"/>'
    yield f"  </{_KEYPOINTS}>"


def _text(text: str) -> str:
    return escape(text).replace("\n", "&#10;").replace("\t", "&#9;")
