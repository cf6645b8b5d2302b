"""Left and right in names: what a flip does to keypoints and classes.

In a flipped image the left eye of a face is where the right one was, so left and right keypoints change places.
Classes do so where the user asks for it (`ObjectPolicy.swap_classes`). A vertical flip exchanges left and right as a
horizontal one does; a half turn does not. The turn that an EXIF orientation asks for restores the true view, so it
never exchanges names.

The pairs of keypoints are stated (`Category.flip_idx`) or found by their names: ``left_x`` and ``right_x``,
``x_left``, ``Left``, ``leftEye``, ``left ear``; and, where both stand in the list, ``l_x`` and ``r_x``, ``leftx`` and
``rightx``. Classes are never exchanged by their names alone: a sign that says "turn left" is not a mirrored "turn
right".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.model.categories import Categories, Category, require_class
from bboxprep.model.instances import Instances

Swaps = Sequence[tuple[str, str]]  # names of classes that change places

_LETTER = r"[^\W\d_]"
_WORD = re.compile(  # a word of its own: also leftEye and eyeLeft, but not bright or leftover
    rf"(?<!{_LETTER})(?:left|right|Left|Right)(?![a-z])"
    rf"|(?<!{_LETTER})(?:LEFT|RIGHT)(?!{_LETTER})"
    r"|(?<=[a-z])(?:Left|Right)(?![a-z])"
)
_HINT = re.compile(  # names a side only if its partner exists too: l_eye, eye.r, lefteye
    r"(?<![^\W_])[lrLR](?=[\W_])|(?<=[\W_])[lrLR](?![^\W_])|^(?:left|right|Left|Right)(?=[a-z])"
)
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


def says_side(name: str) -> bool:
    """Whether `name` contains left or right as a word of its own."""
    return _WORD.search(name) is not None


def opposite(name: str) -> str:
    """`name` with left and right exchanged; `name` itself where it says neither."""
    return (_WORD if says_side(name) else _HINT).sub(_exchanged, name)


def flip_order(category: Category) -> tuple[int, ...]:
    """The permutation (K,) of the keypoints of `category` under a flip: keypoint k becomes keypoint ``flip_order[k]``.

    It is `flip_idx` where that is stated, else found by the names. It is its own inverse; a keypoint without a partner
    keeps its place.
    """
    names = category.keypoints
    return category.flip_idx or tuple(_partner(row, names) for row in range(len(names)))


def names_without_partner(categories: Categories, swaps: Swaps = ()) -> tuple[Finding, ...]:
    """One finding for each class or keypoint with a side in its name that a flip does not exchange."""
    partners = dict(swaps) | {right: left for left, right in swaps}
    names = categories.names
    classes = [name for name in names if name not in partners and (says_side(name) or _beside_partner(name, names))]
    words_by_class = {name: f"class {name!r} says left or right; `swap_classes` gives its partner" for name in classes}
    points = {
        point: f"keypoint {point!r} of class {category.name!r} says left or right and has no partner"
        for category in categories
        for point in _unpaired_keypoints(
            category, [other for other in categories if other.name == partners.get(category.name)]
        )
    }
    return tuple(Finding("flip-unmapped", words) for words in (*words_by_class.values(), *points.values()))


class FlipMapping(msgspec.Struct, frozen=True):
    """The effect of a flip on the objects of C classes: `labels` has the new label of each class,
    `keypoints` the `flip_order` of each class. Both are their own inverse.
    """

    labels: tuple[int, ...] = ()
    keypoints: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def of(cls, categories: Categories, swaps: Swaps = ()) -> FlipMapping:
        """The mapping for `categories`, in which the classes of each pair of `swaps` change places.

        Raises `UsageError` for a name that no class, or more than one, has, and for classes whose keypoints differ.
        """
        labels, orders = list(range(len(categories))), tuple(map(flip_order, categories))
        for left, right in swaps:
            one, other = _label(left, categories.names), _label(right, categories.names)
            if orders[one] != orders[other]:
                raise UsageError(f"swap classes: the keypoints of {left!r} and {right!r} do not match")
            labels[one], labels[other] = other, one
        return cls(tuple(labels), orders)

    def apply(self, instances: Instances) -> Instances:
        """`instances` with classes and keypoints exchanged."""
        if not len(instances):
            return instances
        count = instances.keypoints.shape[1]
        there, rows = np.unique(instances.labels, return_inverse=True)  # of many classes few are in one image
        columns = np.array([_filled(self.keypoints[label], count) for label in there.tolist()], dtype=np.intp)[rows]
        return replace(
            instances,
            labels=np.array(self.labels, dtype=np.int64)[instances.labels],
            keypoints=np.take_along_axis(instances.keypoints, columns[:, :, None], axis=1),
            visibility=np.take_along_axis(instances.visibility, columns, axis=1),
        )

    def source_names(self, names: Sequence[str], mirrored: bool) -> Sequence[str]:
        """The class name of each label of a sample as it was in the source, before any flip; `names` are those of the
        labels that it has now.
        """
        return tuple([names[label] for label in self.labels]) if mirrored else names


def _exchanged(match: re.Match[str]) -> str:
    word = match[0]
    other = _OTHER[word.lower()]
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other


def _beside_partner(name: str, names: Sequence[str]) -> bool:
    """Whether `name` and its partner each occur exactly once in `names`."""
    other = opposite(name)
    return other != name and names.count(name) == 1 == names.count(other) and opposite(other) == name


def _partner(row: int, names: Sequence[str]) -> int:
    return names.index(opposite(names[row])) if _beside_partner(names[row], names) else row


def _unpaired_keypoints(category: Category, partners: Sequence[Category]) -> list[str]:
    """The keypoints of `category` that say left or right and have no partner, neither in it nor in the class that
    it is swapped with.
    """
    if category.flip_idx:
        return []
    order, names = flip_order(category), category.keypoints
    met = {(row, name) for other in partners for row, name in enumerate(other.keypoints)}
    return [
        name
        for row, name in enumerate(names)
        if says_side(name) and order[row] == row and (row, opposite(name)) not in met
    ]


def _label(name: str, names: Sequence[str]) -> int:
    require_class("swap classes", name, names)
    if names.count(name) > 1:
        raise UsageError(f"swap classes: have {name!r}, the name of {names.count(name)} classes, want one class each")
    return names.index(name)


def _filled(order: Sequence[int], count: int) -> list[int]:
    """`order` for `count` keypoints: those without a partner among them keep their place."""
    return [order[row] if row < len(order) and order[row] < count else row for row in range(count)]
