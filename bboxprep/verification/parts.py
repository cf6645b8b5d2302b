"""The sides of an output image that is made of several: how each part was mapped is derived from the drawn recipe.

A record names the parts in the order in which they lie over each other, with the steps drawn for each. Where the whole
has them, and what it covers, follows from the step that made it, of which the layout is written out here once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.columns import Column
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.recipe.combining import COMBINING, CopyPaste
from bboxprep.transform.combine import pastable_rows, with_objects_alone
from bboxprep.verification.arithmetic import Derived, apply, derive, moves_no_object
from bboxprep.verification.faults import Fault
from bboxprep.verification.losses import GRID, least_visible, object_points
from bboxprep.verification.region import Points, holds
from bboxprep.verification.sides import SourceSide, side_of
from bboxprep.verification.verification_inputs import VerificationInputs

Steps = Sequence[Mapping[str, Any]]
_HALF = 0.5  # px; how far the edge of a mask may move where it is resampled


def part_sides(case: VerificationInputs, image: ImageRow, written: Sample) -> tuple[list[SourceSide], str, list[Fault]]:
    """The sides of the parts of `image`, the lowest first; none, and the reason, where they are not derived."""
    sides, faults = list[SourceSide](), list[Fault]()
    rows, paste = part_rows(case, image), _copy_paste(case.recipe(image))
    if isinstance(rows, str):
        return [], rows, []
    for row in rows:
        origin = case.part_origin(row)
        if origin is None or origin.header is None:
            return [], case.why_not or f"{row.source}, which is a part of an image, is not in the source", []
        header = origin.header
        row = msgspec.structs.replace(row, size=header.size, orientation_or_unset=header.orientation)
        if len(sides) == 1 and paste is not None:
            origin = _pasted(case, row, origin, paste)
        side, word, own = side_of(case, row, origin, header, written)
        if side is None or word:
            return [], word, []
        sides.append(side)
        faults += own
    _, step, after = _split(case.recipe(image))
    cuts = any(not moves_no_object(name, options) and name != "flip" for one in after for name, options in one.items())
    if cuts and any(map(_cut_without_outline, sides)):
        return [], "an image in it was turned, its boxes drawn anew, and these were cut when it was one of several", []
    sides = [_loosened(case, side, "mosaic" in step, after) for side in sides]
    return _beside_pasted(case, sides) if paste else sides, "", faults


def _cut_without_outline(side: SourceSide) -> bool:
    """Whether an object of a part that was turned is cut, and nothing but its box says where it is."""
    objects = side.origin.instances
    outlined = objects.has(Column.POLYGONS) | objects.has(Column.MASKS) | objects.has(Column.ORIENTED)
    return side.mapped.warped and bool((side.expected.cut & ~outlined & ~side.expected.gone).any())


def part_rows(case: VerificationInputs, image: ImageRow) -> list[ImageRow] | str:
    """A row for each part of `image`, with the recipe that maps it to the whole; a reason where that is not known."""
    recipe = case.recipe(image)
    before, step, after = _split(recipe)
    name, options = next(iter(step.items()), ("", None))
    if name not in COMBINING or not isinstance(options, Mapping):
        return "an image shows objects of several images, and its recipe does not say how"
    first, size, code = image.parts[0].recipe or {}, image.size, image.orientation
    own = derive({**recipe, "steps": before}, size, code) if size else "the record does not hold its size"
    if isinstance(own, str):
        return own
    if first.get("steps") != list(before):
        return "the record says two things of the steps before several images become one"
    canvas = own.size if name != "mosaic" else _size(options.get("size"))
    later = derive({"upright": True, "steps": list(after)}, canvas, 1) if canvas else "a mosaic has no size"
    if not isinstance(later, Derived):
        return later
    if later.warped:
        return "after several images became one they were turned, and boxes drawn anew a second time"
    places = list(_places(name, options, canvas)) if canvas else []
    if len(places) < len(image.parts) or (name == "mosaic" and len(places) != len(image.parts)):
        return "the record does not say at which places the images of a mosaic lie"
    return [_row(image, number, [*places[number], *after]) for number in range(len(image.parts))]


def _row(image: ImageRow, number: int, more: Steps) -> ImageRow:
    """The row of part `number` of `image`, as if it were an image by itself, with the steps `more` after its own."""
    part = image.parts[number]
    recipe = dict(part.recipe or {})
    recipe["steps"] = [*recipe.get("steps", ()), *more]
    return ImageRow(
        part.source,
        image.split,
        output=image.output,
        frame_or_unset=part.frame,
        factors=part.factors,
        output_size=image.output_size,
        mirrored=part.mirrored,
        recipe=recipe,
        tile=part.tile,
        copy_or_unset=1,  # its objects have new ids, as those of a copy have
    )


def _split(recipe: Mapping[str, Any]) -> tuple[Steps, Mapping[str, Any], Steps]:
    """The steps before the one that made an image of several, that one ({} where there is none), and those after it."""
    steps = recipe.get("steps")
    steps = steps if isinstance(steps, list) else []
    for place, step in enumerate(steps):
        if isinstance(step, Mapping) and step.keys() & COMBINING:
            return steps[:place], step, steps[place + 1 :]
    return (), {}, ()


def _places(name: str, options: Mapping[str, Any], canvas: Size) -> Iterator[Steps]:
    """The steps that bring each part onto the `canvas`, one after the other."""
    if name != "mosaic":
        yield ()
        yield ({"letterbox": {"size": list(canvas)}},)
        return
    shares = options.get("centre")
    if not isinstance(shares, list) or len(shares) != 2 or not all(isinstance(share, int | float) for share in shares):
        return
    x, y = (min(side - 1, max(1, round(side * share))) for side, share in zip(canvas, shares, strict=True))
    for top, bottom in ((0, y), (y, canvas.height)):
        for left, right in ((0, x), (x, canvas.width)):
            place = {"size": list(canvas), "x": left, "y": top}
            yield {"fill": {"size": [right - left, bottom - top]}}, {"place": place}


def _size(value: object) -> Size | None:
    match value:
        case [int() as width, int() as height] if min(width, height) >= 2:
            return Size(width, height)
    return None


def _copy_paste(recipe: Mapping[str, Any]) -> CopyPaste | None:
    """The drawn copy-paste of `recipe`, None where it has none."""
    options = _split(recipe)[1].get(CopyPaste.name)
    known = {"share", "boxes", "seed"}
    return CopyPaste(**{name: options[name] for name in known & options.keys()}) if options else None


def _pasted(case: VerificationInputs, row: ImageRow, origin: Sample, step: CopyPaste) -> Sample:
    """`origin` with the objects alone that `step` pastes, which counts those of the classes that the run has."""
    names = case.origin_names(origin, mirrored=row.mirrored)
    kept = [number for number, name in enumerate(names) if name]
    own = with_objects_alone(origin, kept)
    return with_objects_alone(own, step.chosen(pastable_rows(own, boxes=step.boxes)))


def _loosened(case: VerificationInputs, side: SourceSide, is_mosaic: bool, after: Steps) -> SourceSide:
    """`side` with what is not computed of its losses: what is left out where the steps `after` cut an object a second
    time, since the rule on visibility holds for each cut; and what the holes of a cutout in a part of the whole hide.
    """
    moves = {name for step in after for name, options in step.items() if not moves_no_object(name, options)}
    losses, moving = side.losses, bool(moves)
    known = side.expected.gone | np.array([not name for name in side.names], dtype=np.bool_)
    own = case.recipe(side.image).get("steps", ())[: -len(after) or None]
    if (is_mosaic or moving) and any("cutout" in step for step in own):
        losses = replace(losses, surely=losses.surely & known, maybe=losses.maybe | True)
    elif moves - {"flip"} and case.run.record.object_policy.needs_shares:
        losses = replace(losses, surely=losses.surely & known, maybe=losses.maybe | side.expected.cut)
    return replace(side, losses=losses, resampled=_HALF if moving else 0.0)


def _beside_pasted(case: VerificationInputs, sides: Sequence[SourceSide]) -> list[SourceSide]:
    """`sides`, of which the first may lack what the objects of the second hide."""
    if len(sides) < 2:
        return list(sides)
    below, above = sides
    policy, losses = case.run.record.object_policy, below.losses
    surely, maybe = losses.surely.copy(), losses.maybe.copy()
    for row in np.flatnonzero(~surely).tolist():
        low, high = _shares(below, row, above)
        least, most = least_visible(policy, below.names[row])
        surely[row] = high < least
        maybe[row] |= low < most or low <= 0
    return [replace(below, losses=replace(losses, surely=surely, maybe=maybe)), above]


def _shares(below: SourceSide, row: int, above: SourceSide) -> tuple[float, float]:
    """The least and the largest share of an object of `below` that no object of `above` covers."""
    low, high = 1.0, 0.0
    for points in object_points(below.origin.instances, row):
        if not len(points):
            return 0.0, 1.0
        error = min(1.0, 2.0 * GRID / len(points))
        share = 1.0 - float(covered(above, apply(below.mapped.from_frame, points)).mean())
        low, high = min(low, share - error), max(high, share + error)
    return low, high


def covered(side: SourceSide, points: Points) -> NDArray[np.bool_]:
    """Whether the shape of any object of `side` holds each of the points (P, 2) px of the output: bool (P,)."""
    to_source = np.asarray(np.linalg.inv(side.mapped.from_frame), dtype=np.float64)
    own, instances = apply(to_source, points), side.origin.instances
    found = np.zeros(len(points), dtype=np.bool_)
    for row in range(len(instances)):
        mask, rings = instances.masks[row], [ring for ring in instances.polygons[row] if len(ring)]
        if not rings and mask is not None:
            x, y = np.floor(own).astype(np.int64).T
            there = (x >= 0) & (y >= 0) & (x < mask.size.width) & (y < mask.size.height)
            found[there] |= mask.mask()[y[there], x[there]]
            continue
        if not rings:
            turned = instances.oriented[row]
            x0, y0, x1, y1 = instances.boxes[row].tolist()
            rings = [turned if np.isfinite(turned).all() else np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])]
        for ring in rings:
            near = np.flatnonzero(((own >= ring.min(axis=0)) & (own <= ring.max(axis=0))).all(axis=1))
            found[near] |= holds(ring, own[near])
    return found
