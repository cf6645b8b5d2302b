"""Reads the lines of a file: the image, the prompt and the boxes of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.formats.vlm.answers import TextBox, kind_of, read_answer
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import BadJson, as_text_tokens, decode_with_nan, numbers, whole
from bboxprep.io.paths import read_lines
from bboxprep.model.validation import FARTHEST

ODVG = "odvg"
MODEL = "coordinates"
"""The key by which a written line names the model whose numbers its JSON holds: Qwen2.5-VL's look like Qwen3-VL's."""

_MOST_BYTES = 1 << 26  # of a line
_MARK = b"\xef\xbb\xbf"
_PEOPLE = {"human", "user", "system"}
_CLASSES_AFTER = "detect "


class GroundedImage(msgspec.Struct, frozen=True):
    """A line at `where`: the name of its `image`, its `boxes` in the numbers of a model, and which way they are written
    (`kind`), with the `model` where the line names it.

    `unreadable` objects have no box, `outlines` are not read. `classes` are the names in the prompt, `declared` the
    size of the image. `digest` is a hash of the answer.
    """

    where: str
    image: str
    boxes: tuple[TextBox, ...] = ()
    kind: str = ""
    model: str = ""
    unreadable: int = 0
    outlines: int = 0
    classes: tuple[str, ...] = ()
    declared: Size | None = None
    digest: str = ""


def read_file(path: Path) -> tuple[list[GroundedImage], list[str]]:
    """The lines of the file at `path`, and the places of those that are none. Raises `AnnotationError`."""
    found, broken = [], []
    for number, data in enumerate(read_lines(path, _MOST_BYTES), 1):
        text = data.removeprefix(_MARK).strip()
        if not text:
            continue
        try:
            record = decode_with_nan(text, dict[str, Any], as_text_tokens)
        except BadJson:
            broken.append(f"line {number}")
            continue
        line = _odvg(record, f"line {number}") if "detection" in record else _answered(record, f"line {number}")
        found += [line] if line else []
        broken += [] if line else [f"line {number}"]
    if not found and broken:
        raise AnnotationError(path, broken[0], "no line names an image and an answer")
    return found, broken


def digest_of(answer: str) -> str:
    """The hash of an answer, as `Sample.label_digest` has it."""
    return sha256(answer.encode("utf-8", "backslashreplace")).hexdigest()


def _answered(record: Mapping[str, Any], where: str) -> GroundedImage | None:
    """The line of a prompt and answers; None where it names no image."""
    turns = list(_turns(record))
    image = record.get("image", record.get("images"))
    image = image[0] if isinstance(image, list) and image else image
    if not isinstance(image, str) or not turns:
        return None
    answers = [text for is_prompt, text in turns if not is_prompt]
    read = [read_answer(text) for text in answers]
    model = record.get(MODEL)
    return GroundedImage(
        where,
        image,
        tuple(box for one in read for box in one.boxes),
        next((kind for text in answers if (kind := kind_of(text))), ""),
        model if isinstance(model, str) else "",
        sum(one.unreadable for one in read),
        sum(one.outlines for one in read),
        tuple(name for is_prompt, text in turns if is_prompt for name in _asked(text)),
        digest=digest_of("\n".join(answers)),
    )


def _turns(record: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """Each text of a line, and whether it is a prompt."""
    if isinstance(record.get("suffix"), str):
        yield True, str(record.get("prefix") or "")
        yield False, record["suffix"]
    turns = record.get("conversations", record.get("messages"))
    for turn in turns if isinstance(turns, list) else ():
        if isinstance(turn, dict):
            who, said = turn.get("from", turn.get("role")), turn.get("value", turn.get("content"))
            parts = said if isinstance(said, list) else [{"text": said}]
            texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
            yield isinstance(who, str) and who in _PEOPLE, "\n".join(texts)


def _asked(prompt: str) -> Sequence[str]:
    """The classes that a prompt of PaliGemma asks for, in their order."""
    if not prompt.startswith(_CLASSES_AFTER):
        return ()
    return [name.strip() for name in prompt.removeprefix(_CLASSES_AFTER).split(";") if name.strip()]


def _odvg(record: Mapping[str, Any], where: str) -> GroundedImage | None:
    """The line of Grounding DINO's ODVG; None where it names no image."""
    found = record["detection"] if isinstance(record["detection"], dict) else {}
    rows = found.get("instances", found.get("instance", []))
    if not isinstance(record.get("filename"), str) or not isinstance(rows, list):
        return None
    boxes = [_odvg_box(row) for row in rows]
    known = tuple(box for box in boxes if box is not None)
    sides = [whole(record.get(name)) or 0 for name in ("width", "height")]
    declared = Size(*sides) if min(sides) > 0 else None
    digest = digest_of(msgspec.json.encode(rows).decode())
    unreadable = len(rows) - len(known)
    return GroundedImage(
        where, record["filename"], known, ODVG, unreadable=unreadable, declared=declared, digest=digest
    )


def _odvg_box(row: object) -> TextBox | None:
    if not isinstance(row, dict):
        return None
    box, name = numbers(row.get("bbox")), row.get("category")
    if box is None or len(box) != 4 or not all(abs(one) < FARTHEST for one in box):
        return None
    if not isinstance(name, str) or not name:
        return None
    return TextBox(name, (box[0], box[1], box[2], box[3]))
