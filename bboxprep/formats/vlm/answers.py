"""Boxes as text, as each model answers: written, and read with what people and models do to it.

Read are JSON in a fence, with single quotes, with text around it, and cut off; several boxes after one name; `bbox_2d`,
`bbox` or `box` (x0 y0 x1 y1), and Gemini's `box_2d` (y0 x0 y1 x1).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bboxprep.io.lenient_json import numbers as as_numbers
from bboxprep.model.validation import FARTHEST

JSON, PALIGEMMA, FLORENCE, QWEN2 = "json", "paligemma", "florence-2", "qwen2-vl"
"""The ways to write boxes as text; JSON is that of Qwen2.5-VL and Qwen3-VL, whose numbers differ."""

NOT_IN_NAMES: Mapping[str, str] = {PALIGEMMA: ";<", FLORENCE: "<", QWEN2: "<"}
"""The characters that no class may have in its name, because they end it."""

_NOTHING = {"", "none", "[]", "{}", "no objects"}
_LOC = re.compile(r"((?:<loc\d{4}>)+)((?:\s*<seg\d{3}>)*)\s*([^;<]*)")
_BINS = re.compile(r"([^<]*)((?:<loc_\d{1,9}>)+)")
_POLYGON = re.compile(r"([^<]*)<poly>(?:<loc_\d+>|<sep>)*</poly>")
_REFERENCE = re.compile(
    r"<\|object_ref_start\|>(.*?)<\|object_ref_end\|>((?:\s*<\|box_start\|>.*?<\|box_end\|>)+)", re.DOTALL
)
_PAIRS = re.compile(r"<\|box_start\|>\s*\((\d{1,9}),\s*(\d{1,9})\)\s*,\s*\((\d{1,9}),\s*(\d{1,9})\)\s*<\|box_end\|>")
_NUMBER = re.compile(r"\d+")
_OBJECT = re.compile(r"\{[^{}]*\}")
_BOX_KEYS = ("bbox_2d", "bbox", "box")
_GEMINI = "box_2d"
_NAME_KEYS = ("label", "name", "text", "category")
_LONGEST = 1 << 16  # characters of a cut or single-quoted object


class TextBox(NamedTuple):
    """A class name, and x0 y0 x1 y1 as the model numbers them."""

    name: str
    box: tuple[float, float, float, float]


class Answer(NamedTuple):
    """The boxes of an answer, how many objects cannot be read, and how many have an outline that is not read."""

    boxes: tuple[TextBox, ...]
    unreadable: int = 0
    outlines: int = 0


def kind_of(text: str) -> str:
    """The way in which the answer `text` writes boxes; "" where it has none."""
    if text.strip().lower() in _NOTHING:
        return ""
    marks = {"<|box_start|>": QWEN2, "<loc_": FLORENCE, "<poly>": FLORENCE, "<loc": PALIGEMMA}
    return next((kind for mark, kind in marks.items() if mark in text), JSON)


def read_answer(text: str) -> Answer:
    """The boxes in the answer `text`."""
    return _READERS[kind_of(text)](text)


def write_answer(model: str, boxes: Sequence[TextBox]) -> str:
    """The answer of `model` that has `boxes`, whose numbers are whole."""
    return _WRITERS.get(model, _write_json)(boxes)


def _write_json(boxes: Sequence[TextBox]) -> str:
    return json.dumps([{"bbox_2d": list(one.box), "label": one.name} for one in boxes], ensure_ascii=False)


def _write_paligemma(boxes: Sequence[TextBox]) -> str:
    turned = ((one.name, (one.box[1], one.box[0], one.box[3], one.box[2])) for one in boxes)
    return " ; ".join("".join(f"<loc{int(n):04}>" for n in box) + f" {name}" for name, box in turned)


def _write_florence(boxes: Sequence[TextBox]) -> str:
    return "".join(one.name + "".join(f"<loc_{int(n)}>" for n in one.box) for one in boxes)


def _write_qwen2(boxes: Sequence[TextBox]) -> str:
    return "".join(
        f"<|object_ref_start|>{name}<|object_ref_end|><|box_start|>({x0:.0f},{y0:.0f}),({x1:.0f},{y1:.0f})<|box_end|>"
        for name, (x0, y0, x1, y1) in boxes
    )


def _read_paligemma(text: str) -> Answer:
    boxes, outlines, bad = [], 0, 0
    for places, segments, name in _LOC.findall(text):
        numbers = [float(one) for one in _NUMBER.findall(places)]
        outlines += bool(segments)
        if len(numbers) == 4 and name.strip():
            y0, x0, y1, x1 = numbers
            boxes.append(TextBox(name.strip(), (x0, y0, x1, y1)))
        else:
            bad += 1
    return Answer(tuple(boxes), bad, outlines)


def _read_florence(text: str) -> Answer:
    boxes, bad = [], 0
    outlines = len(_POLYGON.findall(text))
    for name, places in _BINS.findall(_POLYGON.sub("", text)):
        numbers = [float(one) for one in _NUMBER.findall(places)]
        own = [numbers[at : at + 4] for at in range(0, len(numbers), 4)]
        whole = [one for one in own if len(one) == 4 and name.strip()]
        boxes += [TextBox(name.strip(), (one[0], one[1], one[2], one[3])) for one in whole]
        bad += len(own) - len(whole)
    return Answer(tuple(boxes), bad + outlines, outlines)


def _read_qwen2(text: str) -> Answer:
    boxes, stated = [], text.count("<|box_start|>")
    for name, places in _REFERENCE.findall(text):
        for x0, y0, x1, y1 in _PAIRS.findall(places):
            boxes.append(TextBox(name.strip(), (float(x0), float(y0), float(x1), float(y1))))
    return Answer(tuple(boxes), max(0, stated - len(boxes)))


def _read_json(text: str) -> Answer:
    found = [_text_box(record) for record in _records(text.rpartition("<answer>")[2])]
    boxes = [one for one in found if one is not None]
    return Answer(tuple(boxes), len(found) - len(boxes) if found else 1)


def _records(text: str) -> Iterator[Mapping[str, Any]]:
    """The objects in the JSON of `text`; where it is not whole, those that are."""
    start = min((at for at in (text.find("["), text.find("{")) if at >= 0), default=len(text))
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
        value = [_literal(one) for one in _OBJECT.findall(text)]
    if isinstance(value, dict) and not value.keys() & {*_BOX_KEYS, _GEMINI}:
        value = next((own for own in value.values() if isinstance(own, list)), [])
    yield from (one if isinstance(one, dict) else {} for one in (value if isinstance(value, list) else [value]))


def _literal(text: str) -> Any:
    """The object in `text`, as JSON or as Python writes it; None where it is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text[:_LONGEST])
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    return None


def _text_box(record: Mapping[str, Any]) -> TextBox | None:
    gemini = as_numbers(record.get(_GEMINI))
    box = next((found for key in _BOX_KEYS if (found := as_numbers(record.get(key))) is not None), None)
    if box is None and gemini is not None and len(gemini) == 4:
        box = [gemini[1], gemini[0], gemini[3], gemini[2]]
    name = next((record[key] for key in _NAME_KEYS if isinstance(record.get(key), str)), "")
    if box is None or len(box) != 4 or not name or not all(abs(one) < FARTHEST for one in box):
        return None
    return TextBox(name, (box[0], box[1], box[2], box[3]))


_READERS: Mapping[str, Callable[[str], Answer]] = {
    "": lambda _: Answer(()),
    JSON: _read_json,
    PALIGEMMA: _read_paligemma,
    FLORENCE: _read_florence,
    QWEN2: _read_qwen2,
}
_WRITERS: Mapping[str, Callable[[Sequence[TextBox]], str]] = {
    PALIGEMMA: _write_paligemma,
    FLORENCE: _write_florence,
    QWEN2: _write_qwen2,
}
