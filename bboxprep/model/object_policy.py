"""The policy for crowd regions, boxes without area, boxes over the edge, objects that a crop hides, and
classes that a flip exchanges.

A rule of "error" drops nothing itself: the fault becomes a finding as under any other rule, and `ObjectPolicy.refuse`
raises at the first finding that a rule forbids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.findings import Finding
from bboxprep.model.categories import require_class

CrowdRule = Literal["keep", "drop", "ignore"]
DegenerateRule = Literal["drop", "error"]
OutsideRule = Literal["clip", "drop", "error"]
TurnedRule = Literal["ellipse", "corners"]

_RULE_OF = {  # the rule that a finding of this code belongs to
    "box-degenerate": "degenerate",
    "box-not-finite": "degenerate",
    "box-outside": "outside",
    "box-overreach": "outside",
}


@dataclass(frozen=True, slots=True)
class ObjectPolicy:
    """The rules for the objects of a dataset, an option of `bboxprep.read`. Raises `UsageError` for unknown values.

    `crowd` is the rule for crowd regions. None: keep them where the target format has them, else drop them; "keep":
    keep them everywhere, as ordinary objects where the format has no crowd regions; "drop": drop them everywhere;
    "ignore": mark them as ignored (COCO ``iscrowd``, VOC ``difficult``), drop them where the format has no such mark.

    `degenerate` is the rule for a box without area or with a coordinate that is not finite. `outside` is the rule for a
    box that reaches over the edge of its own image by more than `outside_tolerance` px; a smaller overshoot is clipped
    without a finding. `min_visibility`, 0 to 1: an object is dropped if less than this share of it is left in the
    output image; at 0, if nothing of it is left. `min_visibility_of` has the shares of single classes in its place; a
    pipeline of albumentations knows `min_visibility` alone.

    `turned` is the assumed outline of an object that has only a box, when its image turns by an angle that is no
    multiple of 90 degrees. "ellipse": the ellipse that touches the four sides of the box; the new box encloses it.
    "corners": the whole box; the new box surely holds the object, but is looser.

    `swap_classes` has the pairs of classes that a flip exchanges: ``(("left_hand", "right_hand"),)``.
    """

    crowd: CrowdRule | None = None
    degenerate: DegenerateRule = "drop"
    outside: OutsideRule = "clip"
    outside_tolerance: float = 1e-3
    min_visibility: float = 0.0
    min_visibility_of: tuple[tuple[str, float], ...] = ()
    turned: TurnedRule = "ellipse"
    swap_classes: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.crowd is not None:
            _one_of("crowd", self.crowd, get_args(CrowdRule))
        _one_of("degenerate", self.degenerate, get_args(DegenerateRule))
        _one_of("outside", self.outside, get_args(OutsideRule))
        _one_of("turned", self.turned, get_args(TurnedRule))
        _within("outside tolerance", self.outside_tolerance, inf)
        _within("min visibility", self.min_visibility, 1.0)
        object.__setattr__(self, "min_visibility_of", _shares(self.min_visibility_of))
        object.__setattr__(self, "swap_classes", _pairs(self.swap_classes))

    @property
    def may_refuse(self) -> bool:
        """Whether any rule is "error"."""
        return "error" in (self.degenerate, self.outside)

    @property
    def needs_shares(self) -> bool:
        """Whether it matters how much of an object is left, beside whether anything is."""
        return self.min_visibility > 0 or bool(self.min_visibility_of)

    def least_shares(self, names: Sequence[str]) -> NDArray[np.float64]:
        """The share that must be left of objects of the classes `names` (N): float64 (N,), 0 to 1."""
        own = dict(self.min_visibility_of)
        return np.array([own.get(name, self.min_visibility) for name in names], dtype=np.float64)

    def check(self, names: Sequence[str]) -> None:
        """Raise `UsageError` for a share of a class that is none of `names`."""
        for name, _ in self.min_visibility_of:
            require_class("min visibility", name, names)

    def refuse(self, findings: Iterable[Finding]) -> None:
        """Raise `AnnotationError` at the first of `findings` that a rule forbids; it names the option."""
        for finding in findings:
            rule = _RULE_OF.get(finding.code)
            if rule and getattr(self, rule) == "error":
                problem = f"{finding.message} (`{rule}='error'` refuses it, `{rule}='drop'` lists it instead)"
                raise AnnotationError(finding.path, finding.where, problem)


def _one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{name}: have {value!r}, want one of {', '.join(known)}")


def _within(name: str, value: object, most: float) -> None:
    fits = isinstance(value, int | float) and 0 <= value <= most and value != inf
    if not fits:
        raise UsageError(f"{name}: have {value!r}, want {'0 to 1' if most == 1 else 'px of 0 or more'}")


def _shares(shares: Any) -> tuple[tuple[str, float], ...]:
    """`shares` as pairs of a class and its share. Raises `UsageError` for anything else, and for a class twice."""
    found: dict[str, float] = {}
    for pair in shares.items() if isinstance(shares, Mapping) else shares:
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise UsageError(f"min visibility: have {pair!r}, want a class and its share")
        name, share = pair
        _within("min visibility", share, 1.0)
        if name in found:
            raise UsageError(f"min visibility: have two shares for the class {name!r}, want one")
        found[name] = float(share)
    return tuple(found.items())


def _pairs(pairs: Any) -> tuple[tuple[str, str], ...]:
    """`pairs` as tuples. Raises `UsageError` for anything but pairs of names, and for a name in two places."""
    are_pairs = isinstance(pairs, tuple | list) and all(map(_is_pair, pairs))
    if not are_pairs:
        raise UsageError(f"swap classes: have {pairs!r}, want pairs of class names")
    names = [name for pair in pairs for name in pair]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"swap classes: have {twice!r} twice, want each class in one pair")
    return tuple((left, right) for left, right in pairs)


def _is_pair(pair: object) -> bool:
    return isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(name, str) for name in pair)


DEFAULT_OBJECT_POLICY = ObjectPolicy()
