"""What a run decides by the classes of all images: how many copies an image has, and which images are beyond a limit.

Both are computed again from the labels of the source, where it is one source whose images kept their names.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from bboxprep.errors import UsageError
from bboxprep.model.balance import Balance, beyond_limit
from bboxprep.model.filters import DUPLICATE
from bboxprep.model.splits import is_training
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.verification.faults import Fault, Layer
from bboxprep.verification.verification_inputs import VerificationInputs

Place = tuple[str, str]  # the path of an image in the source, and its split


def beyond_limit_of(case: VerificationInputs) -> frozenset[Place] | None:
    """The images that `Filters.max_per_class` leaves out; None where that is not known here."""
    if not case.filters.max_per_class:
        return frozenset()
    shown, names = _shown(case)
    if names is None:
        return None
    found: set[Place] = set()
    by_split: dict[str, list[Place]] = defaultdict(list)
    for place in shown:
        by_split[place[1]].append(place)
    for split, places in by_split.items():
        keys, classes = [f"{split}/{names[place]}" for place in places], [shown[place] for place in places]
        beyond = beyond_limit(case.filters.max_per_class, keys, classes)
        found.update(place for place, is_beyond in zip(places, beyond, strict=True) if is_beyond)
    return frozenset(found)


def copies_wanted(case: VerificationInputs, augment: Mapping[str, Any]) -> Mapping[Place, range]:
    """How many copies each training image may have by the recorded `augment`: one number, or two where a hash of its
    name decides; {} where that is not known here.
    """
    shown, names = _shown(case)
    unread = {(image.source, image.split) for image in case.run.images if image.size is None}
    unread |= {(one.path, one.split) for one in case.run.record.findings if one.code == DUPLICATE}
    training = [place for place in shown if is_training(place[1]) and place not in unread]
    own, share, most = augment.get("copies", 1), 0.0, 1
    try:
        if augment.get("balance") is not None:
            rule = Balance.of(augment["balance"])
            share, most = rule.share, rule.most
    except UsageError:
        return {}
    if names is None or not isinstance(own, Mapping | int):
        return {}
    by_class = own if isinstance(own, Mapping) else {"*": own}
    totals = Counter(name for place in training for name in shown[place])
    found: dict[Place, range] = {}
    for place in training:
        asked = [by_class[name] for name in shown[place] if name in by_class] or [by_class.get("*", 1)]
        factor = max([1.0, *(share * len(training) / totals[name] for name in shown[place])])
        low, high = int(min(most, factor)), int(-(-min(most, factor) // 1))
        found[place] = range(max(*asked, low), max(*asked, high) + 1)
    return found


def _shown(case: VerificationInputs) -> tuple[dict[Place, Counter[str]], dict[Place, str] | None]:
    """The number of objects of each image by class, and the names of the images; None where they are not those of the
    source.
    """
    shown: dict[Place, Counter[str]] = {}
    names: dict[Place, str] = {}
    for image in case.run.images if case.source and not case.several else ():
        origin = case.source.find(image.source, image.split) if case.source else None
        if origin is None or "name-changed" in case.noted.get(image.source, ()):
            return {}, None
        if (place := (image.source, image.split)) in shown:
            continue
        objects = zip(case.origin_names(origin, mirrored=False), origin.instances.crowd.tolist(), strict=True)
        shown[place] = Counter(name for name, crowd in objects if name and not crowd)
        names[place] = str(origin.name)
    return shown, names if shown else None


def copy_faults(case: VerificationInputs, augment: Mapping[str, Any]) -> Iterator[Fault]:
    """The training images that have not each of their copies once, tile by tile, as `augment` of the recipe asks."""
    copies = augment.get("copies", 1)
    by_class = isinstance(copies, Mapping) or augment.get("balance") is not None
    wanted = copies_wanted(case, augment) if by_class else {}
    if not isinstance(copies, int) and not wanted:
        return
    for (source, split, tile), numbers in _written_copies(case).items():
        counts = wanted.get((source, split)) if by_class else range(copies, copies + 1)
        if counts and not (len(numbers) in counts and sorted(numbers) == list(range(len(numbers)))):
            have = ", ".join(map(str, sorted(numbers)))
            asked = " or ".join(map(str, counts))
            words = f"{f'tile {tile} ' if tile else ''}has the copies {have}; the recipe asks for {asked}, from 0 on"
            yield Fault(Layer.STRUCTURAL, "copies-differ", source, "", words)


def _written_copies(case: VerificationInputs) -> dict[tuple[str, str, str], list[int]]:
    """The numbers of the copies of each training image of which something was written, by source, split and tile."""
    found: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    written = {image.source for image in case.run.images if image.output}
    for image in filter(_is_training, case.run.images):
        if image.source in written:
            found[image.source, image.split, image.tile].append(image.copy)
    return found


def _is_training(image: ImageRow) -> bool:
    return is_training(image.split)
