"""Near duplicates: images that show the same picture in other bytes, by their thumbnails (`images.near_pairs`).

Across splits they are leaks, as equal bytes are; but they are evidence and no proof, so that they fail no run. Those
that are left out leave the image that **keeps the evaluation honest**: that of test, else of val, else of another
split, and that of train last. So no image that a model is judged by was trained on, and what it is judged by is the
same set as before. Within a split the first one stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from bboxprep.findings import Finding
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.images.near_pairs import near_pairs
from bboxprep.images.thumbnail import read_thumbnail
from bboxprep.io.paths import relative_path
from bboxprep.model.filters import DUPLICATE, Dedupe
from bboxprep.model.sample import Key
from bboxprep.model.splits import TEST, TRAIN, VAL, known_split
from bboxprep.pipeline.source.open import Source, refusing
from bboxprep.pipeline.source.survey import ImageSummary
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import IN_CALLING_PROCESS, block_size, blocks
from bboxprep.pipeline.work.stages import staged

Place = tuple[str, str]  # the split of an image, and its path below the folder of the dataset
_SHOWN = 5  # pairs of one split
_BLOCK = 32  # images that one process decodes at a time


class NearDuplicates(msgspec.Struct, frozen=True):
    """The near duplicates among so many `compared` images: pairs `across` splits and `inside` one, and the findings."""

    compared: int = 0
    across: int = 0
    inside: int = 0
    findings: tuple[Finding, ...] = ()


def with_thumbnails(source: Source, engine: Engine = IN_CALLING_PROCESS) -> Source:
    """`source` with the thumbnail of each image in its summary, which the `engine` makes.

    A source that has some already comes back as it is: they are made once a run.
    """
    if any(summary.thumbnail for summary in source.summaries):
        return source
    paths = [summary.path if summary.header else None for summary in source.summaries]
    made = thumbnails_of(paths, source.image_policy, engine)
    pairs = zip(source.summaries, made, strict=True)
    return msgspec.structs.replace(source, summaries=tuple([one.replace_fast(thumbnail=own) for one, own in pairs]))


def thumbnails_of(paths: Sequence[Path | None], image_policy: ImagePolicy, engine: Engine) -> Iterator[bytes]:
    """The thumbnail of the image at each of `paths`, b"" for None, by the rules of `image_policy`."""
    rows = blocks(range(len(paths)), block_size(len(paths), engine.workers, _BLOCK))
    items = (paths[block.start : block.stop] for block in rows)
    found = engine.run(partial(_read_thumbnails, image_policy=image_policy), items)
    for made in staged(found, len(paths), "looking for near duplicates", len):
        yield from made


def _read_thumbnails(paths: Sequence[Path | None], image_policy: ImagePolicy) -> list[bytes]:
    return [read_thumbnail(path, image_policy) if path else b"" for path in paths]


def near_duplicates(summaries: Sequence[ImageSummary], root: Path, known: Iterable[Finding] = ()) -> NearDuplicates:
    """The near duplicates among the images with a thumbnail, below the folder `root` of the dataset; across splits
    without those that are `known` to have the same bytes (``split-leak``).
    """
    leaks = {(one.split, one.path) for one in known if one.code == "split-leak"}
    pairs = near_pairs([summary.thumbnail for summary in summaries]).tolist()
    shown = [summaries[row] for row in {row for pair in pairs for row in pair}]
    paths = {summary.key: relative_path(summary.path, root) for summary in shown}
    places = [(summary.key[0], paths.get(summary.key, "")) for summary in summaries]
    others, inside = defaultdict[int, list[int]](list), defaultdict[str, list[tuple[int, int]]](list)

    def rank(row: int) -> tuple[int, int]:
        return -_worth(places[row][0]), row

    for pair in pairs:
        first, second = sorted(pair, key=rank)
        if places[first][0] == places[second][0]:
            inside[places[second][0]].append((first, second))
        elif not leaks & {places[first], places[second]}:
            others[second].append(first)
    across = [_across(places, row, sorted(firsts, key=rank)) for row, firsts in sorted(others.items())]
    return NearDuplicates(
        sum(bool(summary.thumbnail) for summary in summaries),
        sum(map(len, others.values())),
        sum(map(len, inside.values())),
        (*across, *[_inside(places, split, pairs) for split, pairs in inside.items()]),
    )


def _across(places: Sequence[Place], row: int, firsts: Sequence[int]) -> Finding:
    split, path = places[firsts[0]]
    more = f", and {len(firsts) - 1:,} more of other splits" if len(firsts) > 1 else ""
    return Finding("split-near-leak", f"looks like {path} ({split}){more}", path=places[row][1], split=places[row][0])


def _inside(places: Sequence[Place], split: str, pairs: Sequence[tuple[int, int]]) -> Finding:
    names = [" and ".join(places[row][1] for row in pair) for pair in pairs[:_SHOWN]]
    more = [f"{len(pairs) - _SHOWN:,} more"] if len(pairs) > _SHOWN else []
    words = f"pairs of images that look alike ({len(pairs):,}): {'; '.join([*names, *more])}"
    return Finding("image-near-duplicate", words, split=split)


def left_out(
    keys: Sequence[Key], thumbnails: Sequence[bytes], usable: Callable[[Sequence[int]], Iterable[int]]
) -> dict[int, int]:
    """The rows of the images that look like another one, each with the row of that; no two of all others look alike.
    `usable` gives those of some rows whose images are written, if they stay.
    """
    suspects = sorted(set(near_pairs(thumbnails).ravel().tolist()))
    left = sorted(usable(suspects), key=lambda row: (_worth(keys[row][0]), row))
    gone: dict[int, int] = {}
    while neighbours := _neighbours([thumbnails[row] for row in left]):
        for place in sorted(neighbours):  # of images that change little by little, every second one stays
            kept = next((first for first in neighbours[place] if left[first] not in gone), None)
            if kept is not None:
                gone[left[place]] = left[kept]
        left = [row for row in left if row not in gone]
    return gone


def _neighbours(thumbnails: Sequence[bytes]) -> dict[int, list[int]]:
    """The rows before each row that look like it."""
    found = defaultdict[int, list[int]](list)
    for first, second in near_pairs(thumbnails).tolist():
        found[second].append(first)
    return found


def _worth(split: str) -> int:
    """The place of `split` among those whose images stay, from 0 on."""
    return {TEST: 0, VAL: 1, TRAIN: 3}.get(known_split(split), 2)


def deduplicated(source: Source, dedupe: Dedupe, engine: Engine = IN_CALLING_PROCESS) -> Source:
    """`source` with thumbnails, if there is something to `dedupe`; with "drop" all images are refused that look like
    another one that is kept, and their summaries have no header, as those of images that are not written. One that is
    refused already is compared with none.
    """
    source = with_thumbnails(source, engine) if dedupe else source
    if dedupe != "drop":
        return source
    summaries, dataset = source.summaries, source.dataset

    def usable(rows: Sequence[int]) -> list[int]:
        refusals = dataset.at(rows).values("refusal") if rows else ()
        return [row for row, refusal in zip(rows, refusals, strict=True) if not refusal]

    found = left_out([one.key for one in summaries], [one.thumbnail for one in summaries], usable)
    gone = {row: summaries[kept] for row, kept in found.items()}
    words = {
        summaries[row].key: f"looks like {relative_path(kept.path, dataset.folder)} ({kept.key[0]}), which is kept"
        for row, kept in gone.items()
    }
    return refusing(source, words, DUPLICATE)


def near_groups(names: Sequence[str], thumbnails: Sequence[bytes]) -> list[str]:
    """The group of each image: the first of the `names` of all that look like it, or like one that does."""
    roots = list(range(len(names)))

    def root_of(row: int) -> int:
        while roots[row] != row:
            roots[row] = roots[roots[row]]
            row = roots[row]
        return row

    for first, second in near_pairs(thumbnails).tolist():
        roots[root_of(second)] = root_of(first)
    groups = defaultdict[int, list[str]](list)
    for row, name in enumerate(names):
        groups[root_of(row)].append(name)
    return [min(groups[root_of(row)]) for row in range(len(names))]
