"""Rules that make classes more equal: which images of full classes are left out, and how often images are repeated.

Both depend on the names of images and on the classes that they show, never on the order of the images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bboxprep.errors import UsageError
from bboxprep.io.hashing import unit_hash

MOST_COPIES = 10_000
_MOST_BALANCED = 10


@dataclass(frozen=True, slots=True)
class Balance:
    """Training images that show a rare class are repeated until about the `share` of them shows it, at most `most`
    times each. Raises `UsageError`.

    An image is repeated `share` / f times, where f is the share of the training images that show its rarest class: the
    repeat factor of the LVIS paper (Gupta, Dollár, Girshick 2019) without its root, so that the share is met as long as
    the copies are few beside all images. A hash of the name decides about the fraction.
    """

    share: float
    most: int = _MOST_BALANCED

    def __post_init__(self) -> None:
        if isinstance(self.share, bool) or not 0 < self.share <= 1:
            raise UsageError(f"balance: have {self.share!r}, want a share above 0, of 1 at most")
        if type(self.most) is not int or not 2 <= self.most <= MOST_COPIES:
            raise UsageError(f"balance: have at most {self.most!r} copies, want a whole number of 2 to {MOST_COPIES:,}")

    @classmethod
    def of(cls, data: object) -> Balance:
        """The rule of plain data: a share, ``SHARE:MOST`` or a map of both. Raises `UsageError`."""
        options: Any = data
        if isinstance(data, str):
            share, colon, most = data.partition(":")
            options = {"share": share} | ({"most": most} if colon else {})
        elif not isinstance(data, Mapping):
            options = {"share": data}
        if not options.keys() <= {"share", "most"} or "share" not in options:
            raise UsageError(f"balance: have {data!r:.80}, want SHARE or SHARE:MOST, as in 0.1:5")
        try:
            rule = float(options["share"]), int(options.get("most", _MOST_BALANCED))
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"balance: have {data!r:.80}, want SHARE or SHARE:MOST, as in 0.1:5") from None
        return cls(*rule)

    def copies(self, keys: Sequence[str], classes: Sequence[Mapping[int, int]]) -> list[int]:
        """The number of copies of each image of the training split: `keys` are their names, `classes` the number of
        their objects by label.
        """
        shown = Counter(label for own in classes for label in own)
        wanted = {label: self.share * len(keys) / count for label, count in shown.items()}
        return [
            _rounded(min(self.most, max([1.0, *(wanted[label] for label in own)])), key)
            for key, own in zip(keys, classes, strict=True)
        ]

    def options(self) -> dict[str, Any]:
        """The rule as plain data."""
        return {"share": self.share, "most": self.most}

    def __str__(self) -> str:
        return f"to {self.share:.3g} of the images a class, x{self.most} at most"


def _rounded(factor: float, key: str) -> int:
    whole = int(factor)
    return whole + (unit_hash(f"copies {key}") < factor - whole)


def beyond_limit(most: int, keys: Sequence[str], classes: Sequence[Mapping[Any, int]]) -> list[bool]:
    """Which images of a split are left out where each class needs no more than `most` objects.

    Images are taken in the order of a hash of their `keys`; one is left out if each of its `classes` (the number of its
    objects by label or name) has `most` objects or more in those taken before it. Images without objects stay.
    """
    left_out, taken = [False] * len(keys), Counter[Any]()
    for row in sorted(range(len(keys)), key=lambda row: (unit_hash(f"limit {keys[row]}"), keys[row])):
        if classes[row] and all(taken[label] >= most for label in classes[row]):
            left_out[row] = True
        else:
            taken.update(classes[row])
    return left_out
