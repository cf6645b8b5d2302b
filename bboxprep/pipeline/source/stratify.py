"""Iterative stratification: parts of a dataset that each show every class as often as their share says.

The algorithm of Sechidis, Tsoumakas and Vlahavas ("On the Stratification of Multi-Label Data", 2011), over groups of
images in place of images: of the classes that are left, the one in the fewest groups is shared out first, and each of
its groups goes to the part that lacks this class most. A group counts with all of its images.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bboxprep.io.hashing import unit_hash


def stratified(names: Sequence[str], groups: Sequence[Mapping[int, int]], shares: Sequence[float]) -> list[int]:
    """The part of each group, 0 to ``len(shares) - 1``.

    `names` are those of the groups, by which ties are broken; `groups` has for each the number of its images by the
    label that they show, and the number of all of its images under -1. `shares` sum to 1.
    """
    wanted = {label: [share * total for share in shares] for label, total in _totals(groups).items()}
    holders: dict[int, set[int]] = defaultdict(set)
    for number, group in enumerate(groups):
        for label in group:
            holders[label].add(number)
    unlabelled = holders.pop(-1, set())
    order, parts = {number: (unit_hash(name), name) for number, name in enumerate(names)}, [0] * len(names)
    while holders:
        rarest = min(holders, key=lambda label: (len(holders[label]), label))
        for number in sorted(holders[rarest], key=lambda number: (-groups[number][rarest], *order[number])):
            parts[number] = _place(groups[number], rarest, wanted)
            for label in groups[number].keys() - {-1, rarest}:
                holders[label].discard(number)
                if not holders[label]:
                    del holders[label]
            unlabelled.discard(number)
        del holders[rarest]
    for number in sorted(unlabelled, key=lambda number: (-groups[number][-1], *order[number])):
        parts[number] = _place(groups[number], -1, wanted)
    return parts


def _totals(groups: Sequence[Mapping[int, int]]) -> dict[int, int]:
    totals: dict[int, int] = defaultdict(int)
    for group in groups:
        for label, count in group.items():
            totals[label] += count
    return totals


def _place(group: Mapping[int, int], label: int, wanted: dict[int, list[float]]) -> int:
    """The part that lacks `label` most, then images most, and takes `group` out of what is `wanted`."""
    part = max(range(len(wanted[label])), key=lambda part: (wanted[label][part], wanted[-1][part], -part))
    for each, count in group.items():
        wanted[each][part] -= count
    return part
