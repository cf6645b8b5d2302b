"""VIA 2: projects and exports as JSON or CSV, and the JSON and CSV of VIA 1. A document lists images of its folder.

=====================  ==========================  ==================================
shape                  stated as                   object
=====================  ==========================  ==================================
rect                   x, y, width, height         box
polygon                all_points_x, all_points_y  polygon; VIA 1 repeats the first point
circle, ellipse        centre and radii; theta     polygon around it
polyline, point, ...   points                      box around them, and a note
=====================  ==========================  ==================================

Coordinates are edges in px. Which region attribute is the class, no file says: the only one, else one that is called
class, name, label, type, category or object, else the option names it. Regions without any attribute are of one class,
``object``. The other attributes are attributes. Classes have the order of ``labels.txt`` above all documents, if it is
there, of the options that a project declares, then that in which they are first seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.json_images import JsonEntry, JsonLoader, JsonObject, Objects
from bboxprep.formats.label_documents import class_list
from bboxprep.formats.listed_images import ImageGroup, listed_images, unlisted_note
from bboxprep.formats.via.document import Region, read_document, regions_in
from bboxprep.formats.via.options import DOCUMENTS, LAYOUT, ViaReadOptions
from bboxprep.formats.via.shapes import BadShape, outline_of
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import hull
from bboxprep.io.paths import dataset_folder, resolved
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.splits import TRAIN

ONE_CLASS = "object"
_USUAL = ("class", "name", "label", "type", "category", "object")


@reads
def read(root: Path, probe: Probe, options: ViaReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one document. Raises `LayoutError`, `AnnotationError`, and `UsageError` where
    the attribute of the class has to be named.
    """
    home = dataset_folder(root)
    groups, findings, declared = list[ImageGroup[JsonEntry]](), list[Finding](), dict[str, Any]()
    for document in DOCUMENTS.find(root, LAYOUT):
        content = read_document(document, options.encoding)
        groups.append(ImageGroup.beside(document, content.entries, resolved(home), "filename"))
        findings += content.findings
        declared = {**content.attributes, **declared}
    regions = [one for group in groups for entry in group.entries for one in regions_in(entry.objects)]
    used = Counter(name for one in regions if isinstance(one, Region) for name in one.attributes)
    attribute = _class_attribute(options.class_attribute, {**dict.fromkeys(declared), **dict.fromkeys(used)}, declared)
    stated = (_class(one, attribute) for one in regions)
    listed = class_list(home, options.encoding)
    names = dict.fromkeys([*listed, *_options(declared.get(attribute)), *filter(None, stated)])
    items, notes = listed_images(groups)
    loader = JsonLoader(home, probe, _Reader(attribute, {name: row for row, name in enumerate(names)}))
    samples, outlines = loader.samples(items)
    return Dataset(
        root=root,
        format="via",
        categories=Categories.from_names(list(names)),
        samples=samples,
        outlines=outlines,
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*findings, *notes, *unlisted_note(groups, home)),
    )


def _class_attribute(asked: str, names: Iterable[str], declared: Mapping[str, Any]) -> str:
    """The region attribute that is the class among the `names` in use; "" where there is none."""
    known = list(names)
    usual = [name for word in _USUAL for name in known if name.lower() == word]
    chosen = [name for name in known if _options(declared.get(name))]
    found = [asked] if asked in known else known if len(known) == 1 else usual or chosen
    if (asked and asked not in known) or (known and not found):
        listed = ", ".join(map(repr, sorted(known)))
        raise UsageError(f"`class_attribute`: have {asked!r}, want the region attribute that is the class, of {listed}")
    return max(found, key=lambda name: len(_options(declared.get(name))), default="") if found is chosen else found[0]


def _options(attribute: Any) -> list[str]:
    """The values that a declared `attribute` may have."""
    options = attribute.get("options") if isinstance(attribute, dict) else None
    return [name for name in options if name] if isinstance(options, dict) else []


def _class(region: Region | str, attribute: str) -> str:
    """The class of a region; "" where it states none, or several."""
    if not attribute:
        return ONE_CLASS
    value = None if isinstance(region, str) else region.attributes.get(attribute)
    if isinstance(value, dict):  # the options of a checkbox
        ticked = [name for name, state in value.items() if state]
        value = ticked[0] if len(ticked) == 1 else None
    return value.strip() if isinstance(value, str) else ""


class _Reader(msgspec.Struct, frozen=True):
    """Reads the regions of an image, whose class is in `attribute`, and stands in `rows`."""

    attribute: str
    rows: Mapping[str, int]

    def __call__(self, entry: JsonEntry, size: Size | None) -> Objects:  # noqa: ARG002
        objects: list[JsonObject] = []
        findings: list[Finding] = []
        unread = Counter[str]()
        for place, one in enumerate(regions_in(entry.objects)):
            label = _class(one, self.attribute)
            try:
                objects.append(self._object(one, label, unread))
            except BadShape as error:
                where = f"{entry.where}: regions[{place}]"
                findings.append(Finding("record-unreadable", str(error), where=where, objects=1, category=label))
        if unread:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(unread.items()))
            words = f"not read: {kinds}; the box around each is kept"
            findings.append(Finding("shape-unread", words, where=entry.where))
        return objects, findings

    def _object(self, region: Region | str, label: str, unread: Counter[str]) -> JsonObject:
        if isinstance(region, str):
            raise BadShape(region)
        if not label:
            raise BadShape(f"have no class in the region attribute {self.attribute!r}")
        kind, points, is_ring = outline_of(region.shape)
        unread.update([] if is_ring or kind == "rect" else [kind[:20]])
        others = {name: value for name, value in region.attributes.items() if name != self.attribute}
        return JsonObject(self.rows[label], hull(points).tolist(), [points] if is_ring else (), others)
