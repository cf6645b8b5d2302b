"""Merges several sources into one dataset, assigns new splits, applies the class policy, and leaves out images beyond a
limit of their classes (`Filters.max_per_class`).

Classes of one name are one class. Samples of one name in one split are not one sample: the later one gets a sub-folder
in its name, called after its source or, where one source is split anew, the split it was in. Groups are found by the
names that the sources gave, so that the place of an image depends neither on other sources nor on their order.

Tracks of one number in two sources are two tracks: the first source keeps its track ids, the next ones start at
1,000,000,000, at 2,000,000,000 and so on. Such a start needs no look at the labels, and a source that grows does not
change the track ids of another one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, count, groupby
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.io.paths import common_folder, folder_name, relative_path
from bboxprep.model.balance import beyond_limit
from bboxprep.model.batch import Batch, FromText
from bboxprep.model.class_mapping import AS_THEY_ARE, ClassMapping, ClassPolicy, merge_tables
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples, items_at
from bboxprep.model.sample import Frame, Key
from bboxprep.pipeline.source.near_duplicates import with_thumbnails
from bboxprep.pipeline.source.open import Source, refusing
from bboxprep.pipeline.source.split import SplitPolicy
from bboxprep.pipeline.source.survey import ImageSummary, counted_classes
from bboxprep.pipeline.source.usable import check_usable
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import IN_CALLING_PROCESS

_TRACKS_APART = 10**9  # between the first track ids of two sources
_MOST = 2**63 - 1


def assemble(
    sources: Sequence[Source],
    classes: ClassPolicy = AS_THEY_ARE,
    split: SplitPolicy | None = None,
    recipe_classes: ClassPolicy = AS_THEY_ARE,
    engine: Engine = IN_CALLING_PROCESS,
) -> Source:
    """`sources` as one, split anew by `split`, its classes changed by `classes`.

    The strata of a `split` are those of the classes of the output: `recipe_classes` are the changes of its recipe,
    which are counted here and made later. One that keeps images together that look alike has the `engine` look at them.
    Raises `UsageError` where the classes do not fit the classes, or classes of one name have different keypoints.
    """
    for source in sources:
        check_usable(source)
    if split and split.group_by == "near":
        sources = [with_thumbnails(source, engine) for source in sources]
    source = sources[0]
    if len(sources) > 1 or split:
        merged = _of_several_sources(sources) if len(sources) > 1 else _of_one_source(source)
        shown = _shown(merged.dataset, (classes, recipe_classes)) if split and split.stratify else None
        arranged = _arranged(merged, split, shown)
        source = msgspec.structs.replace(arranged, image_policy=source.image_policy)
    source = classed(source, classes)
    if len(sources) > 1:
        source = msgspec.structs.replace(source, dataset=source.dataset.with_similar_names())
    return source


def classed(source: Source, classes: ClassPolicy) -> Source:
    """`source` with its classes changed by `classes`. Raises `UsageError` where they do not fit."""
    return msgspec.structs.replace(source, dataset=source.dataset.with_classes(classes)) if classes else source


def _shown(dataset: Dataset, changes: Sequence[ClassPolicy]) -> list[dict[int, int]]:
    """The number of objects of each image by label, after the `changes` of classes."""
    for classes in changes:
        dataset = dataset.with_classes(classes) if classes else dataset
    return counted_classes(dataset)


class _MergedSamples(msgspec.Struct, frozen=True):
    """The samples of all sources, of which several may have one name; `homes` are the folders of their sources."""

    dataset: Dataset
    summaries: tuple[ImageSummary, ...]
    frames: tuple[tuple[Frame, str] | None, ...]
    homes: tuple[str, ...]


def _of_one_source(source: Source) -> _MergedSamples:
    return _MergedSamples(source.dataset, source.summaries, _frames(source), ("",) * len(source.summaries))


def _of_several_sources(sources: Sequence[Source]) -> _MergedSamples:
    datasets = [source.dataset for source in sources]
    homes = [dataset.folder for dataset in datasets]
    root = _common(homes)
    classes = merge_tables([dataset.categories for dataset in datasets])
    parts = [
        _part(dataset, change, root, number * _TRACKS_APART)
        for number, (dataset, change) in enumerate(zip(datasets, classes, strict=True))
    ]
    places = [(part, index) for part, dataset in enumerate(parts) for index in range(len(dataset))]
    whole = Dataset(
        root=root,
        format="+".join(dict.fromkeys(dataset.format for dataset in datasets)),
        categories=classes[0].categories,
        samples=LazySamples(places, _Parts(tuple(parts))),
        outlines=LazySamples(places, _Parts(tuple(parts), outlined=True)),
        splits=tuple(dict.fromkeys(chain.from_iterable(dataset.splits for dataset in datasets))),
        findings=tuple(chain.from_iterable(part.findings for part in parts)),
        extra=_joined([dataset.extra for dataset in datasets]),
        object_policy=datasets[0].object_policy,
        merged=tuple(chain.from_iterable(dataset.roots for dataset in datasets)),
        changes=tuple(chain.from_iterable(dataset.changes for dataset in datasets)),
        crowd=(sum(dataset.crowd[0] for dataset in datasets), sum(dataset.crowd[1] for dataset in datasets)),
        is_changed=any(dataset.is_changed for dataset in datasets),
        task=datasets[0].task if len({dataset.task for dataset in datasets}) == 1 else "",
    )
    return _MergedSamples(
        whole,
        tuple(chain.from_iterable(source.summaries for source in sources)),
        tuple(chain.from_iterable(map(_frames, sources))),
        tuple(folder_name(home) for home, part in zip(homes, parts, strict=True) for _ in range(len(part))),
    )


def _frames(source: Source) -> tuple[tuple[Frame, str] | None, ...]:
    return tuple(source.frames.get(summary.key) for summary in source.summaries)


class _Parts(msgspec.Struct, frozen=True):
    """The samples of several datasets, or their outlines, by number of the dataset and row."""

    parts: tuple[Dataset, ...]
    outlined: bool = False

    def __call__(self, places: Sequence[tuple[int, int]]) -> Batch:
        batches: list[Batch] = []
        for part, group in groupby(places, key=itemgetter(0)):
            dataset, rows = self.parts[part], [row for _, row in group]
            batches.append(dataset.outlines_at(rows) if self.outlined else dataset.at(rows))
        return Batch.concat(batches)


def _part(dataset: Dataset, change: ClassMapping, root: Path, first_track: int) -> Dataset:
    """`dataset` with the labels of the joint table, its files named below `root`, its tracks from `first_track` on."""
    placed = tuple(_placed(finding, dataset.folder, root) for finding in dataset.findings)
    as_part = partial(_as_part, change=change, folder=dataset.folder, root=root, first_track=first_track)
    return replace(dataset.with_batches(as_part), findings=placed)


def _as_part(batch: Batch, change: ClassMapping, folder: Path, root: Path, first_track: int) -> Batch:
    batch = batch.map_findings(partial(_placed, folder=folder, root=root))
    instances = _with_tracks_from(first_track, batch.instances)
    return change.apply(batch.replace(root=root).with_objects(instances))


def _with_tracks_from(first: int, instances: Instances) -> Instances:
    """`instances` with `first` added to each track id; negative ids, as `NO_TRACK`, stay."""
    if not first or Column.TRACKS not in instances.column_counts:
        return instances
    tracks = instances.tracks
    return replace(instances, tracks=np.where(tracks < 0, tracks, (tracks + first) & _MOST))


def _placed(finding: Finding, folder: Path, root: Path) -> Finding:
    """A finding of the source in `folder`, named below `root`; one about the source as a whole names its folder."""
    return replace(finding, path=relative_path(folder / finding.path, root))


def _common(homes: Sequence[Path]) -> Path:
    """The common parent folder of `homes`; the current folder where they have none."""
    try:
        return common_folder(homes)
    except ValueError:  # some absolute and some not, or on several drives
        return Path()


def _joined(extras: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The merged `Dataset.extra` of several datasets: lists are joined; of other values the first is kept."""
    joined: dict[str, Any] = {}
    for extra in extras:
        for name, value in extra.items():
            known = joined.setdefault(name, value)
            if isinstance(known, Mapping) and isinstance(value, Mapping):
                joined[name] = _joined([known, value]) if known is not value else value
            elif isinstance(known, list) and isinstance(value, list):
                joined[name] = [*known, *(held for held in value if held not in known)]
    return joined


def _arranged(merged: _MergedSamples, split: SplitPolicy | None, classes: Sequence[Mapping[int, int]] | None) -> Source:
    """The source of the `merged` samples with unique names, sorted by split and name."""
    before = [summary.key for summary in merged.summaries]
    after = split.assign(merged.summaries, classes) if split else [key[0] for key in before]
    folders = [home or old for home, (old, _) in zip(merged.homes, before, strict=True)]
    keys = unique_keys([(new, name) for new, (_, name) in zip(after, before, strict=True)], folders)
    splits = split.splits(key[0] for key in before) if split else merged.dataset.splits
    rank = {name: number for number, name in enumerate(dict.fromkeys((*splits, *after)))}
    order = sorted(
        range(len(keys)), key=lambda row: (rank[keys[row][0]], keys[row][1].encode("utf-8", "surrogatepass"))
    )
    renamed = _RenamedSamples(merged.dataset, tuple(keys))
    dataset = replace(
        merged.dataset,
        samples=LazySamples(order, renamed),
        outlines=LazySamples(order, renamed.outlines),
        splits=splits,
        changes=(*merged.dataset.changes, *([{"split": split.options()}] if split else [])),
    )
    return Source(
        dataset,
        tuple(merged.summaries[row].replace_fast(key=keys[row]) for row in order),
        {keys[row]: frame for row in order if (frame := merged.frames[row])},
    )


def unique_keys(wanted: Sequence[Key], folders: Sequence[str]) -> list[Key]:
    """`wanted` keys made unique: the first sample keeps a key, others get the name of their folder before it."""
    given, used = set[Key](), set(wanted)
    keys = []
    for key, folder in zip(wanted, folders, strict=True):
        keys.append(_free(key, folder, used) if key in given else key)
        given.add(key)
        used.add(keys[-1])
    return keys


def _free(key: Key, folder: str, used: Container[Key]) -> Key:
    split, name = key
    folders = chain([folder], (f"{folder}-{number}" for number in count(2)))
    return next(found for path in folders if (found := (split, f"{path}/{name}")) not in used)


class _RenamedSamples(msgspec.Struct, frozen=True):
    """The samples of a dataset by row, each with the split and name of its key."""

    dataset: Dataset
    keys: tuple[Key, ...]

    def __call__(self, rows: Sequence[int]) -> Batch:
        return _renamed(self.dataset.at(rows), items_at(self.keys, rows))

    def outlines(self, rows: Sequence[int]) -> Batch:
        return _renamed(self.dataset.outlines_at(rows), items_at(self.keys, rows))


def _renamed(batch: Batch, keys: Sequence[Key]) -> Batch:
    """`batch` with the splits and names of `keys`, in the findings too."""
    findings: list[tuple[Finding, ...]] = []
    for row, (old, (split, name), own) in enumerate(zip(batch.names, keys, batch.values("findings"), strict=True)):
        named = [replace(finding, split=split) for finding in own]
        if name != old:
            words = f"is {name} from here on, since another image has the same name"
            named.append(Finding("name-changed", words, path=batch.relative_paths[row], split=split))
        findings.append(tuple(named))
    names = FromText([name for _, name in keys], PurePosixPath)
    return batch.with_columns(name=names, split=[split for split, _ in keys], findings=findings)


def within_limit(source: Source, most: int) -> Source:
    """`source`, in which images are refused that are beyond a limit of `most` objects of a class in a split, with a
    finding; 0 is no limit. All labels are read for it.
    """
    if not most:
        return source
    shown = counted_classes(source.dataset)
    rows: dict[str, list[int]] = defaultdict(list)
    for row, summary in enumerate(source.summaries):
        rows[summary.key[0]].append(row)
    left_out: set[Key] = set()
    for own in rows.values():
        keys = [source.summaries[row].key for row in own]
        beyond = beyond_limit(most, ["/".join(key) for key in keys], [shown[row] for row in own])
        left_out |= {key for key, is_beyond in zip(keys, beyond, strict=True) if is_beyond}
    why = f"each of its classes has {most} objects or more in other images"
    return refusing(source, dict.fromkeys(left_out, why), "image-filtered")
