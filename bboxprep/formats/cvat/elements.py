"""The XML elements of shapes, as CVAT for images writes them."""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec

from bboxprep.formats.cvat.fields import GROUP, TRACK, own_attributes, stated_attributes
from bboxprep.formats.cvat.shapes import CvatShape, holds_track
from bboxprep.formats.text_values import decode_value, encode_value
from bboxprep.io.xml_encoding import holds
from bboxprep.model.columns import NO_TRACK


def element_of(shape: CvatShape) -> tuple[str, CvatShape]:
    """The lines of the element of `shape`, and the shape that is read from them: without attributes and a track that
    the element cannot hold.
    """
    stated, others = stated_attributes(shape.attributes)
    texts = {name: encode_value(value) for name, value in others.items() if holds(name) and name != TRACK}
    read: dict[str, Any] = own_attributes(stated)
    for name, text in texts.items():
        read.pop(name, None)
        read[name] = decode_value(text)
    track = shape.track if holds_track(shape.track) else NO_TRACK
    texts |= {} if track == NO_TRACK else {TRACK: str(track)}
    fields = {"label": shape.label} | {name: text for name, text in stated.items() if name != GROUP or text != "0"}
    head = "".join(f' {name}="{quoted(text)}"' for name, text in (fields | _numbers(shape)).items())
    inner = "".join(map(_joint, shape.joints)) + "".join(
        f'      <attribute name="{quoted(name)}">{escape(text, quote=False)}</attribute>\n'
        for name, text in texts.items()
    )
    end = f">\n{inner}    </{shape.tag}>\n" if inner else "/>\n"
    return f"    <{shape.tag}{head}{end}", msgspec.structs.replace(shape, attributes=read, track=track)


def _numbers(shape: CvatShape) -> dict[str, str]:
    """The XML attributes of the geometry of `shape`."""
    texts = list(map(repr, shape.numbers))
    match shape.tag:
        case "box" | "ellipse":
            names = ("xtl", "ytl", "xbr", "ybr") if shape.tag == "box" else ("cx", "cy", "rx", "ry")
            turned = {"rotation": texts[4]} if shape.numbers[4] else {}
            return dict(zip(names, texts[:4], strict=True)) | turned
        case "mask":
            sides = dict(
                zip(("left", "top", "width", "height"), (f"{number:g}" for number in shape.numbers), strict=True)
            )
            return {"rle": ", ".join(map(str, shape.runs)), **sides}
        case "skeleton":
            return {}
    pairs = zip(texts[::2], texts[1::2], strict=True)
    return {"points": ";".join(f"{x},{y}" for x, y in pairs)}


def _joint(joint: tuple[str, float, float, int]) -> str:
    name, x, y, seen = joint
    flags = f'outside="{int(not seen)}" occluded="{int(seen == 1)}"'
    return f'      <points label="{quoted(name)}" source="manual" {flags} points="{x!r},{y!r}"/>\n'


def quoted(text: str) -> str:
    """`text` as the value of an XML attribute, in which a parser takes line ends and tabs for blanks."""
    return escape(text).replace("\n", "&#10;").replace("\t", "&#9;")
