"""Is what was drawn for each image something that the recipe of the run can have drawn? By the two records alone.

A recipe has steps for all images and random steps for training images. The steps drawn from it are the same steps in
the same order, with each number in its range, without steps whose probability is below 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import ceil, floor
from typing import Any

import msgspec

from bboxprep.geometry.affine import Size
from bboxprep.model.rendering import BACKGROUND
from bboxprep.model.splits import is_training
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.recipe.combining import COMBINING
from bboxprep.verification.arithmetic import Derived, derive, is_foreign
from bboxprep.verification.faults import Fault, Layer
from bboxprep.verification.verification_inputs import VerificationInputs, with_upright

Step = Mapping[str, Any]  # one name, and its options
_HOW = ("upright", "pad", "kernel")
_CHANCE = frozenset({"p", "keep", "low"})  # options that say how to draw
_SETTLED = frozenset({"seed", "holes", "boxes", "still", "centre", "others"})  # options that a draw adds


def drawn_faults(case: VerificationInputs, image: ImageRow) -> Iterator[Fault]:
    """The faults of the recipe of a written image: augmented outside of training, or not drawn from the recipe."""
    requested = case.run.record.recipe
    unseen = not is_training(image.split)
    if unseen and image.copy:
        yield _fault("augmented-unseen", image, f"is copy {image.copy} of an image of the split {image.split}")
    if image.recipe is None or not requested:
        return
    always, augment = _requested_steps(requested)
    yield from _part_faults(always, augment, image)
    plain = unseen or (image.copy == 0 and augment_of(requested).get("plain") is True)
    if _is_drawn_from(always if plain else [*always, *augment], image) and _same_manner(requested, image.recipe):
        return
    if unseen and _is_drawn_from([*always, *augment], image):
        yield _fault("augmented-unseen", image, f"has steps of chance, in the split {image.split}")
    else:
        words = f"{_words(image.recipe)} is nothing that the recipe of the run draws"
        yield _fault("draw-differs", image, words + (f" for copy {image.copy}" if augment else ""))


def _part_faults(always: Sequence[Step], augment: Sequence[Step], image: ImageRow) -> Iterator[Fault]:
    """The faults of the steps of each part of an image of several, besides tiles, whose places depend on its size."""
    place = next((place for place, step in enumerate(augment) if step.keys() & COMBINING), None)
    if place is None or any("tile" in step for step in always):
        return
    for number, part in enumerate(image.parts):
        row = msgspec.structs.replace(image, recipe=part.recipe or {"steps": []})
        if not _is_drawn_from([*always, *augment[:place]], row):
            words = f"{_words(row.recipe or {})} of part {number + 1} is nothing that the recipe of the run draws"
            yield _fault("draw-differs", image, words)


def _fault(code: str, image: ImageRow, words: str) -> Fault:
    return Fault(Layer.STRUCTURAL, code, str(image.output), "", words)


def augment_of(requested: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of the `requested` recipe for training images; {} without one."""
    data = requested.get("augment")
    return data if isinstance(data, Mapping) else {}


def _requested_steps(requested: Mapping[str, Any]) -> tuple[list[Step], list[Step]]:
    """The steps of all images, and those of training images."""
    always = _steps(requested.get("steps", requested.get("preprocess")))
    return list(chain.from_iterable(map(_spelled_out, always))), _steps(augment_of(requested).get("steps"))


def _spelled_out(step: Step) -> list[Step]:
    """The steps that are drawn for `step`: those that isolate objects may also fill their background."""
    options = step.get("isolate")
    filled = isinstance(options, Mapping) and options.get("background") == "pad"
    return [step, {BACKGROUND: {}}] if filled else [step]


def _steps(data: object) -> list[Step]:
    found = data if isinstance(data, list) else []
    return [step if isinstance(step, Mapping) and len(step) == 1 else {"": step} for step in found]


def _words(recipe: Mapping[str, Any]) -> str:
    return " > ".join(f"{name} {options}" for step in _steps(recipe.get("steps")) for name, options in step.items())


def _same_manner(requested: Mapping[str, Any], drawn: Mapping[str, Any]) -> bool:
    return all(requested.get(key) == drawn.get(key) for key in _HOW)


def _is_drawn_from(requested: Sequence[Step], image: ImageRow) -> bool:
    """Whether the steps drawn for `image` are the `requested` ones in order, without some that may be left out."""
    drawn = _steps((image.recipe or {}).get("steps"))
    reached = {0}  # numbers of drawn steps that the requested steps so far can explain
    for step in requested:
        further = {count + 1 for count in reached if count < len(drawn) and _allows(step, drawn, count, image)}
        reached = further | (reached if _may_be_left_out(step) else set())
    return len(drawn) in reached


def _may_be_left_out(step: Step) -> bool:
    ((_, options),) = step.items()
    return isinstance(options, Mapping) and ("p" in options or bool(options.get("keep")) or "inside" in options)


def _allows(step: Step, drawn: Sequence[Step], place: int, image: ImageRow) -> bool:
    """Whether the drawn step at `place` can be drawn from `step`."""
    ((name, wanted),), ((have, options),) = step.items(), drawn[place].items()
    if not isinstance(wanted, Mapping) or not isinstance(options, Mapping):
        return step == drawn[place]
    match name:
        case "random_crop" | "isolate":
            return bool(have == "crop" and wanted.get("inside") == options.get("inside"))
        case "tile":
            return have == "crop" and _is_tile(wanted, options, drawn[:place], image)
        case "letterbox" if "by_split" in wanted:
            return have == name and _is_of_split(wanted, options, image.split)
        case "cutout" if have == name and "holes" not in wanted:
            return _are_holes(wanted, options.get("holes"))
    keys = (wanted.keys() - _CHANCE) | (options.keys() - _SETTLED - _CHANCE)
    return have == name and all(_holds(wanted.get(key), options.get(key)) for key in keys)


def _is_of_split(wanted: Mapping[str, Any], options: Mapping[str, Any], split: str) -> bool:
    sizes = wanted["by_split"]
    size = sizes.get(split) if isinstance(sizes, Mapping) else None
    return (
        size is not None
        and {**options, "place": None} == {"size": size, "place": None}
        and (options.get("place", "centre") == wanted.get("place", "centre"))
    )


def _holds(wanted: Any, value: Any) -> bool:
    """Whether `value` may be drawn of what is `wanted`: the same, a number in a range, or one of some."""
    if wanted == value:
        return True
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(wanted, Mapping):
        return number and value in wanted.get("one_of", ())
    return number and _is_range(wanted) and bool(wanted[0] <= value <= wanted[1])


def _is_range(wanted: Any) -> bool:
    return isinstance(wanted, list) and len(wanted) == 2 and all(isinstance(each, int | float) for each in wanted)


def _are_holes(wanted: Mapping[str, Any], holes: Any) -> bool:
    """Whether `holes` are as many, and as large, as the cutout `wanted` them."""
    if not isinstance(holes, list) or len(holes) != wanted.get("count"):
        return False
    sides = [side for hole in holes if isinstance(hole, list) and len(hole) == 4 for side in hole[2:]]
    return len(sides) == 2 * len(holes) and all(_holds(wanted.get("size"), side) for side in sides)


def _is_tile(wanted: Mapping[str, Any], crop: Mapping[str, Any], before: Sequence[Step], image: ImageRow) -> bool:
    """Whether `crop` is the tile that `image` is called, after the steps `before` it."""
    data = with_upright(image.recipe or {}, image)
    if image.size is None:
        return False
    derived = derive({"upright": data.get("upright"), "steps": list(before)}, image.size, image.orientation)
    if isinstance(derived, str) and any(is_foreign(name) for step in before for name in step):
        return True  # nothing here tells the size of the image that was cut
    grid = _grid(wanted, derived.size) if isinstance(derived, Derived) else {}
    rectangle = [crop.get(key) for key in ("x", "y", "width", "height")]
    return grid.get(image.tile) == rectangle


def _grid(wanted: Mapping[str, Any], size: Size) -> Mapping[str, list[int]]:
    """The rectangles x, y, width, height of all tiles of an image of `size`, by their names."""
    sides, overlap = wanted.get("size"), wanted.get("overlap", 0.0)
    counts = (wanted.get("columns"), wanted.get("rows"))
    if sides is None and all(type(count) is int and count > 0 for count in counts) and isinstance(overlap, int | float):
        return _grid_of_parts(size, counts, overlap)
    if not _is_range(sides) or not isinstance(overlap, int | float) or not 0 <= overlap < 1:
        return {}
    across, down = (_starts(length, int(side), overlap) for length, side in zip(size, sides or (), strict=True))
    width, height = (min(length, int(side)) for length, side in zip(size, sides or (), strict=True))
    return {f"r{row}c{column}": [x, y, width, height] for row, y in enumerate(down) for column, x in enumerate(across)}


def _grid_of_parts(size: Size, counts: tuple[Any, Any], overlap: float) -> Mapping[str, list[int]]:
    """The rectangles of tiles in so many columns and rows: as long as they must be to reach from edge to edge."""
    axes = []
    for length, asked in zip(size, counts, strict=True):
        count = min(asked, length)
        side = min(length, ceil(length / (1 + (count - 1) * (1 - overlap)) - 1e-9))
        axes.append([(round((length - side) * number / max(1, count - 1)), side) for number in range(count)])
    across, down = axes
    return {
        f"r{row}c{column}": [x, y, width, height]
        for row, (y, height) in enumerate(down)
        for column, (x, width) in enumerate(across)
    }


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    """The starts of the tiles along an axis: at equal distances, the last tile at the end."""
    rest, stride = max(0, length - tile), max(1, floor(tile * (1.0 - overlap)))
    gaps = ceil(rest / stride)
    return [round(rest * number / max(1, gaps)) for number in range(gaps + 1)]
