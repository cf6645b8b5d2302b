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
_FORM = re.compile(
    r"""\s*(\w+)\s*(>=|<=|!=|==|=|>|<)\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[^"'].*?|)(\s+and\s+|\s*\Z)""",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
_OR = re.compile(r"\s+or\s+\w+\s*[<>=!]", re.IGNORECASE)
_BARE = re.compile(r"""[^\s"'=<>!]\S*""")


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
        """The conditions of `text`, which ``and`` stands between, given for `option`. A value may stand in quotes; a
        quote inside of its own kind is doubled. Raises `UsageError`.
        """
        conditions: list[Condition] = []
        place, joined = 0, True
        while joined:
            found = _FORM.match(text, place) if isinstance(text, str) else None
            if not found:
                have = text[place:] if isinstance(text, str) else text
                raise UsageError(f"{option}: have {have!r}, want FIELD>=VALUE, as in width>=640 or path=camera1/*")
            conditions.append(cls._of(found, option))
            place, joined = found.end(), bool(found[4].strip())
        return tuple(conditions)

    @classmethod
    def _of(cls, found: re.Match[str], option: str) -> Condition:
        """The condition that `found` states, given for `option`. Raises `UsageError`."""
        text = found[0].removesuffix(found[4])
        name, sign, value = found[1], "=" if found[2] == "==" else found[2], found[3]
        if name not in FIELDS:
            raise UsageError(f"{option}: have {name!r}, want one of {', '.join(FIELDS)}{suggestion(name, FIELDS)}")
        if value[:1] in ('"', "'"):
            value = value[1:-1].replace(value[0] * 2, value[0])
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
        if _BARE.fullmatch(self.value):
            return f"{self.field}{self.sign}{self.value}"
        quote = "'" if '"' in self.value else '"'
        return f"{self.field}{self.sign}{quote}{self.value.replace(quote, quote * 2)}{quote}"


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
