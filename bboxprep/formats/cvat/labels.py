"""The class table of CVAT: the ``labels`` of a task. A skeleton has sub-labels, which are its keypoints and no classes.

The picture of a skeleton, SVG in text, gives the keypoints their order and says which of them a line joins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape, unescape
from xml.etree.ElementTree import Element

from bboxprep.model.categories import MOST_KEYPOINTS, Category

AttributeKinds = Mapping[str, str]  # the input type of each attribute of a class, by its name

_NODE = re.compile(r"<circle\b[^>]*>")
_EDGE = re.compile(r"<line\b[^>]*>")
_FIELD = re.compile(r'\bdata-([a-z-]+)="([^"]*)"')


def read_labels(meta: Element) -> dict[str, Category]:
    """The classes in the element ``meta`` of a document, by name, in its order."""
    parents: dict[str, dict[str, None]] = {}
    labels = [label for label in meta.iter("label") if label.findtext("name")]
    for label in labels:
        if parent := label.findtext("parent"):
            parents.setdefault(parent, {})[label.findtext("name") or ""] = None
    return {
        name: _category(name, label.findtext("svg") or "", list(parents.get(name, ())))
        for label in labels
        if not label.findtext("parent") and (name := label.findtext("name") or "")
    }


def _category(name: str, svg: str, listed: list[str]) -> Category:
    """The class `name` with the sub-labels `listed`, in the order of the picture where that has them all."""
    nodes = [dict(_FIELD.findall(node)) for node in _NODE.findall(svg)]
    drawn = sorted((int(one["node-id"]), one["label-name"]) for one in nodes if _is_node(one))
    order = [unescape(label) for _, label in drawn]
    keypoints = order if set(order) == set(listed) else listed
    if len(keypoints) > MOST_KEYPOINTS:
        return Category(name)
    places = {number: place for place, (number, _) in enumerate(drawn, 1)} if keypoints == order else {}
    if all(number == place for number, place in places.items()):
        places = {}  # edges are kept as they are, those to a keypoint that is not there too, as in COCO
    return Category(name, keypoints=tuple(keypoints), skeleton=tuple(_edges(svg, places)))


def _is_node(fields: Mapping[str, str]) -> bool:
    return is_number(fields.get("node-id", "")) and "label-name" in fields


def is_number(text: str) -> bool:
    """Whether `text` is a whole number from 0 on, of few digits."""
    return text.isascii() and text.isdigit() and len(text) < 10


def _edges(svg: str, places: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """The pairs of keypoints, counted from 1, that a line of the picture joins; `places` has those of its nodes."""
    for edge in _EDGE.findall(svg):
        fields = dict(_FIELD.findall(edge))
        ends = [int(text) for key in ("node-from", "node-to") if is_number(text := fields.get(key, ""))]
        if len(ends) == 2 and (not places or set(ends) <= places.keys()):
            yield places.get(ends[0], ends[0]), places.get(ends[1], ends[1])


def label_lines(categories: Iterable[Category], kinds: Iterable[AttributeKinds]) -> Iterator[str]:
    """The lines of the ``labels`` of a task: each class with its attributes, each skeleton with its sub-labels."""
    for category, own in zip(categories, kinds, strict=True):
        kind = "skeleton" if category.keypoints else "any"
        yield from (
            "        <label>",
            f"          <name>{_text(category.name)}</name>",
            f"          <type>{kind}</type>",
        )
        yield "          <attributes>"
        for name, input_type in own.items():
            yield (
                f"            <attribute><name>{_text(name)}</name><mutable>False</mutable><input_type>{input_type}"
                "</input_type><default_value></default_value><values></values></attribute>"
            )
        yield "          </attributes>"
        if category.keypoints or category.skeleton:
            yield f"          <svg>{_text(_svg(category))}</svg>"
        yield "        </label>"
        for point in category.keypoints:
            yield (
                f"        <label><name>{_text(point)}</name><type>points</type><attributes></attributes>"
                f"<parent>{_text(category.name)}</parent></label>"
            )


def _svg(category: Category) -> str:
    """The picture of a skeleton, its keypoints in a row of a square of 100."""
    gap = 100 / (len(category.keypoints) + 1)
    lines = [
        f'<line x1="{one * gap:g}" y1="50" x2="{other * gap:g}" y2="50" stroke="black" data-type="edge" '
        f'data-node-from="{one}" stroke-width="0.5" data-node-to="{other}"></line>'
        for one, other in category.skeleton
    ]
    nodes = [
        f'<circle r="1.5" stroke="black" fill="#b3b3b3" cx="{number * gap:g}" cy="50" stroke-width="0.1" '
        f'data-type="element node" data-element-id="{number}" data-node-id="{number}" '
        f'data-label-name="{escape(name)}"></circle>'
        for number, name in enumerate(category.keypoints, 1)
    ]
    return "".join([*lines, *nodes])


def _text(text: str) -> str:
    return escape(text, quote=False)
