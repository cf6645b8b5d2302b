"""Tracks of a video: the shapes of each frame.

A file that CVAT exports lists a shape for every frame of a track. One of keyframes alone (an API, a script) leaves out
the frames between; there a box moves straight and turns the shorter way, other shapes stay as they were. A shape that
is `outside` ends the track until the next one; behind the last shape of a track nothing is made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from bboxprep.formats.cvat.shapes import CvatShape

_BOX = 4  # numbers of a box before its rotation
_MOST_FRAMES = 1 << 20  # between two keyframes


class TrackedShape(msgspec.Struct, frozen=True):
    """The shape of a track in a frame; None where the thing is `outside`."""

    frame: int
    shape: CvatShape | None
    keyframe: bool


def shapes_by_frame(track: Sequence[TrackedShape], step: int) -> Iterator[tuple[int, CvatShape]]:
    """The frames in which a thing is seen, with its shape there. Between the shapes of `track`, which are sorted by
    frame, those of each `step` frames are made up; none where that is 0.
    """
    for one, other in zip(track, (*track[1:], None), strict=True):
        if one.shape is None:
            continue
        yield one.frame, one.shape
        for frame in range(one.frame + step, other.frame, step) if other and step else ():
            share = (frame - one.frame) / (other.frame - one.frame) if other else 0.0
            yield frame, _between(one.shape, other.shape if other else None, share)


def gap_step(tracks: Sequence[Sequence[TrackedShape]], step: int) -> int:
    """`step` where the `tracks` list keyframes alone, 0 where they list the frames between them too."""
    alone = all(one.keyframe for track in tracks for one in track)
    long = any(other.frame - one.frame > _MOST_FRAMES for track in tracks for one, other in pairwise(track))
    return step if alone and not long else 0


def _between(one: CvatShape, other: CvatShape | None, share: float) -> CvatShape:
    """The shape at `share` of the way from `one` to `other`."""
    if other is None or one.tag != "box" or other.tag != "box":
        return one
    moved = [start + (end - start) * share for start, end in zip(one.numbers[:_BOX], other.numbers[:_BOX], strict=True)]
    turn = (other.numbers[_BOX] - one.numbers[_BOX] + 180.0) % 360.0 - 180.0
    return msgspec.structs.replace(one, numbers=(*moved, one.numbers[_BOX] + turn * share))
