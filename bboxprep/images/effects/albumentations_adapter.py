"""Runs an albumentations pipeline on an image and its boxes, points and masks.

**Source of the pipeline.** Either the output of ``A.to_dict``, which names transforms of the library and can import
nothing, or ``module:object``, which runs the code of that module. Callers take such a name only from the command line,
from Python or from a recipe file that the user names, never from a dataset.

**What the library does to boxes** (2.0.8): they are half-open edges, as everywhere in this package. After each
transform they are cut at the image and dropped below ``min_area``, ``min_visibility`` (of what was left after the
transform before), ``min_width`` and ``min_height``; all of these are 0 unless the pipeline says otherwise. Its dropouts
shrink a box to what of it is visible, and cut it to whole pixels.

**Chance.** One generator for all transforms of a pipeline. (The library's own seeding gives each one of the same seed,
so that two steps of the same probability are always done together or not at all.)
"""

from __future__ import annotations

import json
import os
import random
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import BboxprepError, MissingPackageError, UsageError
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.shapes import Boxes, box_areas, map_boxes
from bboxprep.images.effects.recover_affine import RecoveredAffine, probes_on, recover_affine
from bboxprep.io.python_objects import named_object

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
Masks = NDArray[np.uint8]  # (K, H, W), 0 or 1

_PROBES = "bboxprep_probes"
_LEAST_AREA = 1e-6  # square px; a box without area is no box, and the library stumbles over it
_TRIED = (Size(640, 480), Size(4000, 3000))  # px of test images; the second where a crop needs a larger one
_SEEDS = 6
_LEAST_SHARE = 1e-5  # of a box; what float32 may hide of it
_BOX_RULES = ("min_area", "min_visibility", "min_width", "min_height", "check_each_transform", "max_accept_ratio")


class PipelineError(BboxprepError):
    """A pipeline failed on one image. Callers catch it: it never leaves the package."""


class Named(msgspec.Struct, frozen=True):
    """A pipeline: the JSON `text` of ``A.to_dict`` or the ``module:object`` in `object`, and `min_visibility`, which
    applies if the pipeline has no bbox_params of its own.
    """

    text: str | None
    object: str | None
    min_visibility: float = 0.0


class Shapes(msgspec.Struct, frozen=True):
    """The shapes of an image: `boxes` (N, 4) px, `points` (Q, 2) px of any meaning, `masks` (K, H, W) of 0 and 1."""

    boxes: Boxes
    points: Points = msgspec.field(default_factory=lambda: np.zeros((0, 2)))
    masks: Masks = msgspec.field(default_factory=lambda: np.zeros((0, 1, 1), dtype=np.uint8))


class Augmented(msgspec.Struct, frozen=True):
    """An image after a pipeline.

    `rows` (M,) are the boxes that are left, in order, and `boxes` (M, 4) px their new values. `found` is the map, if it
    is affine. `points` (Q, 2) px follow that map; without one they are as the pipeline moved them, NaN if it lost them.
    `masks` (K, H, W) are as the pipeline moved them; None if the map is known: then the caller maps them.
    """

    pixels: Pixels
    rows: NDArray[np.int64]
    boxes: Boxes
    points: Points
    masks: Masks | None
    found: RecoveredAffine

    @property
    def size(self) -> Size:
        """The size of the output."""
        return Size(self.pixels.shape[1], self.pixels.shape[0])


def augment(pixels: Pixels, shapes: Shapes, named: Named, seed: int) -> Augmented:
    """`pixels`, uint8 (H, W) or (H, W, 3), and `shapes` after the pipeline `named` with the random `seed`.

    Deterministic in its arguments, in any process. Raises `UsageError` if there is no such pipeline, and
    `PipelineError` if it fails on this image.
    """
    before = Size(pixels.shape[1], pixels.shape[0])
    data = _data(pixels, shapes, before)
    out = _done(named, seed, data)
    after = Size(out["image"].shape[1], out["image"].shape[0])
    found = recover_affine(*_boxes(out[_PROBES], after), before, after)
    masks = None
    if found.affine is None:
        if len(shapes.masks):
            out = _done(named, seed, data | {"masks": np.ascontiguousarray(shapes.masks)})
        masks = np.asarray(out.get("masks", np.zeros((0, *out["image"].shape[:2]), dtype=np.uint8)))
    rows, boxes = _one_each(*_boxes(out["bboxes"], after), shapes.boxes, found)
    points = found.affine(shapes.points) if found.affine else _points(out["keypoints"], len(shapes.points))
    return Augmented(out["image"], rows, boxes, points, masks, found)


@lru_cache(maxsize=8)
def chance_in(named: Named) -> str:
    """What is drawn in the pipeline `named`, in words; "" if it does the same whatever the seed.

    Then no probability is below 1, and on a test image some seeds make no difference. Raises `UsageError` if there is
    no such pipeline.
    """
    for part in _parts(loaded(named)):
        if (chance := getattr(part, "p", 1.0)) < 1.0:
            return f"{type(part).__name__} has the probability {chance:g}"
    for size in _TRIED:
        pixels = np.random.default_rng(1).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        data = _data(pixels, Shapes(np.array([[0.1, 0.2, 0.4, 0.5]]) * np.tile(size, 2)), size)
        try:
            first, *others = (_done(named, seed, data) for seed in range(_SEEDS))
        except PipelineError:  # as a crop of an image that is too small
            continue
        return "two seeds give two images" if any(_differ(first, other) for other in others) else ""
    return ""


def _differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return any(not np.array_equal(one[name], other[name]) for name in ("image", "bboxes", _PROBES))


def _parts(pipeline: Any) -> Iterator[Any]:
    """`pipeline` and all that it is made of."""
    yield pipeline
    for part in getattr(pipeline, "transforms", ()):
        yield from _parts(part)


def _done(named: Named, seed: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """The output of the pipeline for `data`; its "image" is checked."""
    pipeline = loaded(named)
    pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
    copies = {name: value.copy() for name, value in data.items()}  # some transforms change their arguments
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = pipeline(**copies)
    except Exception as error:  # code of others, on data of others
        words = " ".join(str(error).split())[:200]
        raise PipelineError(f"albumentations: {type(error).__name__}: {words}") from error
    return {**out, "image": _checked(out["image"])}


@lru_cache(maxsize=8)
def loaded(named: Named) -> Any:
    """The pipeline `named`, ready to be drawn and called. Raises `UsageError` where there is none."""
    pipeline = _from_text(named.text) if named.text is not None else _from_python(str(named.object))
    library = _library()
    if not isinstance(pipeline, library.BaseCompose | library.BasicTransform):
        raise UsageError(f"albumentations: {named.object}: have a {type(pipeline).__name__}, want a pipeline")
    for leaf in _leaves(pipeline):
        _check_leaf(leaf, written=named.text is not None)
        if not isinstance(leaf, _dropouts()):  # it moves nothing, and would cut probes to whole pixels
            leaf.add_targets({_PROBES: "bboxes"})
    rules = getattr(getattr(pipeline, "processors", {}).get("bboxes"), "params", None)
    least = max(0.0, named.min_visibility - _LEAST_SHARE)
    own = {rule: getattr(rules, rule) for rule in _BOX_RULES} if rules else {"min_visibility": least}
    own["min_area"] = max(own.get("min_area", 0.0), _LEAST_AREA)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some target is moved by no step, which is as it may be
        return library.Compose(
            [pipeline],
            bbox_params=library.BboxParams("albumentations", **own),
            keypoint_params=library.KeypointParams("xy", remove_invisible=False),
        )


def _library() -> Any:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else it asks the network for its newest version
    try:
        import albumentations
    except ImportError as error:
        words = "it is not installed; pip install 'albumentations>=2.0.8,<3' brings it"
        raise MissingPackageError(f"albumentations: {words}") from error
    return albumentations


def _dropouts() -> tuple[type, ...]:
    from albumentations.augmentations.dropout.transforms import BaseDropout

    return (BaseDropout, _library().PixelDropout, _library().MaskDropout)


def _from_text(text: str) -> Any:
    library = _library()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an argument that a transform has not is refused below
            return library.from_dict(json.loads(text))
    except Exception as error:  # constructors of many kinds on data of others
        words = " ".join(str(error).split())[:300]
        raise UsageError(f"albumentations: the pipeline cannot be made ({type(error).__name__}: {words})") from error


def _from_python(name: str) -> Any:
    """The object ``module:object``, from what is installed or else from the current folder."""
    _library()
    try:
        return named_object(name)
    except UsageError as error:
        raise UsageError(f"albumentations: {error}") from error


def _leaves(pipeline: Any) -> Iterator[Any]:
    if isinstance(pipeline, _library().BaseCompose):
        for each in pipeline.transforms:
            yield from _leaves(each)
    else:
        yield pipeline


def _check_leaf(leaf: Any, *, written: bool) -> None:
    """Raise `UsageError` for a transform that ignores an argument (if it was `written`), or would leave boxes where
    they were.
    """
    name = type(leaf).__name__
    # the library writes some arguments that it then does not take: those of parents of a transform
    unknown = sorted(set(leaf.invalid_args) - set(leaf.to_dict_private())) if written else []
    if unknown:
        raise UsageError(f"albumentations: {name} has no {' and no '.join(map(repr, unknown))}, want its own arguments")
    if isinstance(leaf, _library().DualTransform) and not {"bboxes", "keypoints"} <= leaf.available_keys:
        raise UsageError(f"albumentations: {name} moves images without their boxes and points")


def _data(pixels: Pixels, shapes: Shapes, size: Size) -> dict[str, Any]:
    """The arguments of a call: boxes as shares of the image with their row, points as pixel indices with theirs."""
    points = shapes.points - 0.5
    return {
        "image": np.ascontiguousarray(pixels),
        "bboxes": _shares(np.clip(shapes.boxes, 0.0, np.tile(size, 2)), size),
        _PROBES: _shares(probes_on(size), size),
        "keypoints": np.concatenate((points, np.arange(len(points))[:, None]), axis=1),
    }


def _shares(boxes: Boxes, size: Size) -> NDArray[np.float64]:
    return np.concatenate((boxes / np.tile(size, 2), np.arange(len(boxes))[:, None]), axis=1)


def _boxes(shares: Any, size: Size) -> tuple[NDArray[np.int64], Boxes]:
    """The rows (M,) and the boxes (M, 4) px in the output of the library."""
    array = np.asarray(shares, dtype=np.float64)
    array = array.reshape(-1, 5) if array.size else np.zeros((0, 5))
    return np.rint(array[:, 4]).astype(np.int64), array[:, :4] * np.tile(size, 2)


def _one_each(
    rows: NDArray[np.int64], boxes: Boxes, before: Boxes, found: RecoveredAffine
) -> tuple[NDArray[np.int64], Boxes]:
    """Each row once, in order. Of an object that a mirrored margin repeats, the box where the map puts it, or where no
    map is known the largest.
    """
    if found.affine:
        worse = np.abs(boxes - map_boxes(found.affine, before[rows])).max(axis=1, initial=0.0)
    else:
        worse = -box_areas(boxes)
    order = np.lexsort((worse, rows))
    _, first = np.unique(rows[order], return_index=True)
    return rows[order[first]], boxes[order[first]]


def _points(given: Any, count: int) -> Points:
    """All `count` points px, NaN where one was lost or repeated."""
    array = np.asarray(given, dtype=np.float64)
    array = array.reshape(-1, 3) if array.size else np.zeros((0, 3))
    points = np.full((count, 2), np.nan)
    rows, first, times = np.unique(np.rint(array[:, 2]).astype(np.int64), return_index=True, return_counts=True)
    points[rows[times == 1]] = array[first[times == 1], :2] + 0.5
    return points


def _checked(made: Any) -> Pixels:
    """The image in the output of the library. Raises `UsageError` or `PipelineError` if it is not valid."""
    if isinstance(made, np.ndarray) and made.dtype == np.uint8 and made.size:
        if made.ndim == 3 and made.shape[2] == 1:
            return made[..., 0]
        if made.ndim == 2 or (made.ndim == 3 and made.shape[2] == 3):
            return made
    have = f"{made.dtype} {made.shape}" if isinstance(made, np.ndarray) else type(made).__name__
    raise PipelineError(f"albumentations: the pipeline gives {have}, want uint8 pixels of 1 or 3 channels")
