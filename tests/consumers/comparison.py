"""How what a program has read differs from what the labels say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from tests.consumers.readers.answer import Answer, Object, Picture

Shift = tuple[float, float, float, float]
_SPLITS = {"valid": "val", "validation": "val"}  # other words for a split


@dataclass
class Difference:
    """The differences of an answer: its counts, the largest distances in px, and what is wrong. `masks` are those that
    were compared.
    """

    images: int = 0
    objects: int = 0
    boxes: float = 0.0
    rings: float | None = None
    points: float | None = None
    masks: int = 0
    faults: list[str] = field(default_factory=list)


def pictures_of(said: Mapping[str, Any]) -> Answer:
    """The pictures of the JSON that a reader prints."""
    return {
        name: Picture(**{**one, "objects": [Object(**row) for row in one["objects"]]}) for name, one in said.items()
    }


def compare(ours: Answer, theirs: Answer, shift: Shift = (0.0, 0.0, 0.0, 0.0), points: float = 0.0) -> Difference:
    """What differs between the labels and what a program has read, which adds `shift` to the edges of every box and
    `points` to the places of keypoints.
    """
    found = Difference(len(theirs), sum(len(one.objects) for one in theirs.values()))
    left = dict(ours)
    for name, picture in theirs.items():
        keys = [key for key in left if _is_named(key, left[key], name, picture)]
        if len(keys) != 1:
            found.faults.append(f"{name}: {len(keys)} images of ours have that name")
            continue
        own = left.pop(keys[0])
        if picture.width and (own.width, own.height) != (picture.width, picture.height):
            found.faults.append(f"{name}: {picture.width}x{picture.height}, want {own.width}x{own.height}")
        _compare_objects(name, own.objects, picture.objects, (shift, points), found)
    found.faults += [f"{name}: not read" for name in left]
    return found


def _is_named(path: str, own: Picture, name: str, picture: Picture) -> bool:
    """Whether a program that says `name` means the image at `path`: by its id, or any end of the path."""
    if picture.split and own.split != _SPLITS.get(picture.split, picture.split):
        return False
    if picture.id and own.id == picture.id:
        return True
    parts, said = PurePosixPath(path).parts, PurePosixPath(name.replace("\\", "/")).parts
    short, long = sorted((parts, said), key=len)
    stem = (*parts[:-1], PurePosixPath(path).stem)
    return long[-len(short) :] == short or (len(said) <= len(stem) and stem[-len(said) :] == said)


def _compare_objects(
    name: str, ours: Sequence[Object], theirs: Sequence[Object], off: tuple[Shift, float], found: Difference
) -> None:
    """Join each object to the nearest of its class, and take the largest distances."""
    left = list(theirs)
    if sorted(one.name for one in ours) != sorted(one.name for one in theirs):
        have, want = (sorted(one.name for one in side) for side in (theirs, ours))
        found.faults.append(f"{name}: classes {have}, want {want}")
        return
    for own in ours:
        box = np.add(own.box, off[0])
        other = min((one for one in left if one.name == own.name), key=lambda one: _distance(one.box, box))
        left.remove(other)
        found.boxes = max(found.boxes, _distance(other.box, box))
        if other.rings:
            found.rings = max(found.rings or 0.0, _ring_distance(own.rings, other.rings))
        if other.points:
            found.points = max(found.points or 0.0, _point_distance(own.points, other.points, off[1]))
        if other.area is not None and own.rings:
            found.masks += 1
            found.faults += _area_fault(name, own, other.area)


def _distance(one: Any, other: Any) -> float:
    have, want = np.ravel(one), np.ravel(other)
    return float(np.abs(have - want).max(initial=0.0)) if have.shape == want.shape else float("inf")


def _ring_distance(ours: list[list[float]], theirs: list[list[float]]) -> float:
    """The largest distance of corners of outlines that begin anywhere and go either way round."""
    if len(ours) != len(theirs):
        return float("inf")
    return max((_one_ring(*pair) for pair in zip(ours, theirs, strict=True)), default=0.0)


def _one_ring(ours: list[float], theirs: list[float]) -> float:
    have, want = np.reshape(theirs, (-1, 2)), np.reshape(ours, (-1, 2))
    turns = (np.roll(way, start, axis=0) for way in (have, have[::-1]) for start in range(len(have)))
    return min((_distance(turn, want) for turn in turns), default=float("inf"))


def _point_distance(ours: list[list[float]], theirs: list[list[float]], off: float) -> float:
    """The largest distance of keypoints; infinite where others are seen."""
    have, want = (np.reshape(side, (-1, 3)) for side in (theirs, ours))
    if not np.array_equal(have[:, 2], want[:, 2]):
        return float("inf")
    seen = want[:, 2] > 0
    return _distance(have[seen, :2], want[seen, :2] + off)


def _area_fault(name: str, own: Object, area: float) -> Iterator[str]:
    """A mask differs from its outline by less than a pixel along the outline."""
    want, edge = 0.0, 0.0
    for ring in own.rings:
        points = np.reshape(ring, (-1, 2))
        after = np.roll(points, -1, axis=0)
        want += abs(float((points[:, 0] * after[:, 1] - after[:, 0] * points[:, 1]).sum())) / 2
        edge += float(np.hypot(*(after - points).T).sum())
    if abs(area - want) > edge:
        yield f"{name}: a mask of {area:.0f} px, want {want:.0f}"
