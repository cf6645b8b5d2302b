"""Conditions on an image, as text: ``width>=640``, ``path=camera1/*``, ``width > 640 and split == "train"``.

There is a fixed table of what can be asked, and nothing of the text is executed.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.spelling import suggestion

Facts = Mapping[str, float | str | frozenset[str]]
"""What is known of an image, by the name of a field."""

NUMBERS = ("width", "height", "orientation", "objects")
TEXTS = ("split", "path", "tag")
FIELDS = (*NUMBERS, *TEXTS)
_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, "!=": operator.ne, ">": operator.gt, "<": operator.lt, "=": operator.eq,
}  # fmt: skip
_FORM = re.compile(r"\s*(\w+)\s*(>=|<=|!=|==|=|>|<)\s*(.*?)\s*", re.ASCII | re.DOTALL)
_AND = re.compile(r"""\s+and\s+(?=(?:[^"']|"[^"]*"|'[^']*')*$)""", re.IGNORECASE)  # outside of quotes
_OR = re.compile(r"\s+or\s+\w+\s*[<>=!]", re.IGNORECASE)
_QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of one field: `sign` stands between the `field` and the `value`.

    `width` and `height` are px of the source image as it is displayed, `orientation` is its EXIF orientation, `path`
    its place below the folder of the dataset, `objects` the number of labels in the output image, and `tag` any of its
    tags (`image_tags`). A text is compared with a pattern, in which ``*`` is any text and ``?`` any character.
    """

    field: str
    sign: str
    value: str

    @classmethod
    def parse_all(cls, text: object, option: str = "where") -> tuple[Condition, ...]:
        """The conditions of `text`, which ``and`` stands between, given for `option`. Raises `UsageError`."""
        return tuple(cls.parse(part, option) for part in (_AND.split(text) if isinstance(text, str) else [text]))

    @classmethod
    def parse(cls, text: object, option: str = "where") -> Condition:
        """The condition of `text`, given for `option`; its value may stand in quotes. Raises `UsageError`."""
        found = _FORM.fullmatch(text) if isinstance(text, str) else None
        if not found:
            raise UsageError(f"{option}: have {text!r}, want FIELD>=VALUE, as in width>=640 or path=camera1/*")
        name, sign, value = found[1], "=" if found[2] == "==" else found[2], found[3]
        if name not in FIELDS:
            raise UsageError(f"{option}: have {name!r}, want one of {', '.join(FIELDS)}{suggestion(name, FIELDS)}")
        if quoted := _QUOTED.fullmatch(value):
            value = quoted[2]
        elif _OR.search(value):
            raise UsageError(f"{option}: have {text!r}, want conditions of which all are true, joined by and")
        if name in TEXTS and sign not in ("=", "!="):
            raise UsageError(f"{option}: have {text!r}, want {name}=PATTERN or {name}!=PATTERN")
        if name in NUMBERS and not re.fullmatch(r"\d{1,15}(\.\d{1,15})?", value, re.ASCII):
            raise UsageError(f"{option}: have {text!r}, want a number after {name}{sign}")
        return cls(name, sign, value)

    def holds(self, facts: Facts) -> bool:
        """Whether it is true of an image with these `facts`."""
        have = facts[self.field]
        if isinstance(have, str | frozenset):
            texts = {have} if isinstance(have, str) else have
            return any(fnmatchcase(text, self.value) for text in texts) == (self.sign == "=")
        return _SIGNS[self.sign](have, float(self.value))

    def found(self, facts: Facts) -> str:
        """What it found in `facts`, in words."""
        have = facts[self.field]
        return (", ".join(sorted(have)) or "none") if isinstance(have, frozenset) else str(have)

    def __str__(self) -> str:
        stated = f"{self.field}{self.sign}"
        forms = (f"{stated}{quote}{self.value}{quote}" for quote in ("", '"', "'"))
        return next((form for form in forms if _is_plain(form, self)), f'{stated}"{self.value}"')


def _is_plain(text: str, condition: Condition) -> bool:
    """Whether `text` is read as this `condition` alone."""
    try:
        return Condition.parse_all(text) == (condition,)
    except UsageError:
        return False


def image_facts(size: Size, orientation: int, split: str, path: str, objects: int, extra: Mapping[str, Any]) -> Facts:
    """The facts of an image: its displayed `size`, its other fields in the source as `extra` (`Sample.extra`), and the
    others as `Condition` says.
    """
    own = {"width": size.width, "height": size.height, "orientation": orientation, "objects": objects}
    return {**own, "split": split, "path": path, "tag": image_tags(extra)}


def image_tags(extra: Mapping[str, Any]) -> frozenset[str]:
    """The tags of an image in its `extra` fields of any format: texts, or the names of maps, in a list under ``tags``,
    ``user_tags`` (Roboflow) or ``tag``; and the names of ``flags`` (LabelMe) that are true.
    """
    found: set[str] = set()
    for fields in (own for own in extra.values() if isinstance(own, Mapping)):
        for name in ("tags", "user_tags", "tag"):
            listed = fields.get(name, ())
            for tag in listed if isinstance(listed, list | tuple) else (listed,):
                text = tag.get("name") if isinstance(tag, Mapping) else tag
                found |= {text} if isinstance(text, str) else set()
        flags = fields.get("flags")
        found |= {str(name) for name, on in flags.items() if on is True} if isinstance(flags, Mapping) else set()
    return frozenset(found)
