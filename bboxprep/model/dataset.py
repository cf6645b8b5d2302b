"""The dataset: a sequence of samples, sorted by split and name, that are read when they are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import UsageError, WrongTypeError
from bboxprep.findings import Finding
from bboxprep.io.paths import dataset_folder
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.class_mapping import ClassMapping, ClassPolicy, objects_by_class, similar_names, unique_names
from bboxprep.model.flip_names import FlipMapping, names_without_partner
from bboxprep.model.instance import Instance
from bboxprep.model.lazy_samples import ChangeAll, LazySamples, items_at
from bboxprep.model.object_policy import DEFAULT_OBJECT_POLICY, ObjectPolicy
from bboxprep.model.sample import Picture, Planner, Sample, check_recipe
from bboxprep.model.sample_changes import AccountedChange, ObjectFilter
from bboxprep.model.sample_rows import rows_at, rows_by_name
from bboxprep.model.short_text import ShownAsTable, count_rows
from bboxprep.model.splits import TRAIN, split_of

TableRows = Literal["objects", "images"]
_FOR_OTHER_MODULES = frozenset(
    {
        *("at", "batches", "changes", "crowd", "extra", "flip_mapping", "folder", "merged", "outline", "outlines"),
        *("outlines_at", "roots", "samples", "select", "task", "tools", "with_batches", "with_samples"),
        *("with_similar_names", "with_unique_names"),
    }
)
_TOGETHER = 64  # samples that are loaded at a time where all are asked for


class DatasetTools(Protocol):
    """What a dataset does with packages above this one. `bboxprep.read` gives them to the dataset."""

    def write(self, dataset: Dataset, dest: str | Path, to: str, **options: Any) -> Any:
        """Write `dataset`; see `bboxprep.write`."""

    def joined(self, datasets: Sequence[Dataset]) -> Dataset:
        """`datasets` as one."""

    def sheet(self, dataset: Dataset, count: int) -> Picture:
        """`count` images of `dataset` on one sheet."""

    def table(self, dataset: Dataset, rows: TableRows) -> Any:
        """A pandas DataFrame of the `rows` of `dataset`."""

    def torch_dataset(self, dataset: Dataset, first_label: int) -> Any:
        """`dataset` as a dataset of torch."""


@dataclass(frozen=True, repr=False)
class Dataset(ShownAsTable):
    """The samples of a dataset, sorted by split and name, with its class table, its splits and its policies.

    `splits` are in the order of the samples; `findings` are about the dataset as a whole (orphans, guessed
    conventions); `extra` holds what else each format states of the dataset, by the name of the format. `reading` are
    the options that its format was read with ({} of several datasets). `merged` has the
    places of the datasets that were merged into this one, `changes` the policies applied since it was read, as plain
    data. `object_policy` says what is done with crowd regions, faulty boxes and the like. `crowd` is the number of
    records marked as crowd regions and the number of all records, where the reader knows them without reading each.
    `task` is what models of its labels predict (detect, segment, pose, obb), "" where they may be of several kinds.
    `is_changed`: a recipe or a function of the caller changed samples. Iterating twice reads twice.

    `outlines` are the same samples without objects, where a format can list them without reading labels: they have
    names, splits and sizes.
    """

    root: Path
    format: str
    categories: Categories
    samples: Sequence[Sample]
    splits: tuple[str, ...] = (TRAIN,)
    findings: tuple[Finding, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    object_policy: ObjectPolicy = DEFAULT_OBJECT_POLICY
    merged: tuple[Path, ...] = ()
    changes: tuple[Mapping[str, Any], ...] = ()
    crowd: tuple[int, int] = (0, 0)
    task: str = ""
    is_changed: bool = field(default=False, compare=False)
    outlines: Sequence[Sample] | None = field(default=None, repr=False)
    tools: DatasetTools | None = field(default=None, repr=False, compare=False)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the labels."""
        return self.categories.names

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the images, in the order of the samples; no label is read for them."""
        return tuple([name for _, name in self._keys])

    @cached_property
    def _keys(self) -> list[tuple[str, str]]:
        """(split, name) of each sample."""
        return self.outlines_at(range(len(self))).keys

    @property
    def roots(self) -> tuple[Path, ...]:
        """The places that were read."""
        return self.merged or (self.root,)

    @cached_property
    def folder(self) -> Path:
        """The folder that findings and records name files below: `root`, or the folder of a `root` that is a file."""
        return dataset_folder(self.root)

    @cached_property
    def flip_mapping(self) -> FlipMapping:
        """The classes and keypoints that a flip exchanges."""
        return FlipMapping.of(self.categories, self.object_policy.swap_classes)

    def _rows(self) -> dict[str, str]:
        counted = count_rows(len(self), self.splits, self.categories.names, len(self.findings))
        return {"root": str(self.root), "format": self.format, **counted}

    def __dir__(self) -> list[str]:
        """Its names but for those that readers, recipes and runs need: what completion offers is for people."""
        return [name for name in super().__dir__() if name not in _FOR_OTHER_MODULES]

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        for samples in self.batches():
            yield from samples

    @overload
    def __getitem__(self, index: int | np.integer[Any] | str) -> Sample: ...
    @overload
    def __getitem__(self, index: slice | list[Any] | tuple[Any, ...] | NDArray[Any]) -> Dataset: ...
    def __getitem__(self, index: Any) -> Sample | Dataset:
        """The sample at a number or of a name, with its split before it where two have the name (``val/a.jpg``).

        A slice, and a list or an array of numbers, of names or of one truth value for each image, give a dataset.
        Raises `UsageError` for an unknown name, `IndexError` for a number out of range.
        """
        found = rows_at(index, len(self), lambda: self._keys)
        return self.samples[found] if isinstance(found, int) else self._part(found)

    def __contains__(self, item: object) -> bool:
        """Whether it has the image of a name, with or without its split, or a sample."""
        return item in rows_by_name(self._keys) if isinstance(item, str) else any(item == sample for sample in self)

    def __add__(self, other: Dataset) -> Dataset:
        """Both datasets as one: classes of one name are one class, equal names of images stay apart."""
        if not isinstance(other, Dataset):
            return NotImplemented
        return self._require_tools().joined([self, other])

    def batches(self) -> Iterator[Batch]:
        """All samples in their order, some at a time, which are loaded together."""
        for start in range(0, len(self), _TOGETHER):
            yield self.at(range(start, min(start + _TOGETHER, len(self))))

    def at(self, rows: Sequence[int]) -> Batch:
        """The samples at `rows`, loaded together."""
        return Batch.of(items_at(self.samples, rows))

    def outlines_at(self, rows: Sequence[int]) -> Batch:
        """The samples at `rows`, without their objects where the format can list them without reading labels."""
        return Batch.of(items_at(self.samples if self.outlines is None else self.outlines, rows))

    def outline(self, index: int) -> Sample:
        """Sample `index`, as `outlines_at` gives it."""
        return self.outlines_at([index])[0]

    def map(self, change: Callable[[Sample], Sample]) -> Dataset:
        """This dataset with `change` applied to each sample on access.

        Objects that `change` leaves out or adds are counted as findings (`object-removed`, `object-added`). Raises
        `WrongTypeError` where it returns no sample.
        """
        _check_callable("map", change, "a function that takes a Sample and returns the changed one")
        changed = self.with_samples(AccountedChange(change, self.categories.names))
        return replace(changed, is_changed=True)

    def filter(
        self, images: Callable[[Sample], object] | None = None, objects: Callable[[Instance], object] | None = None
    ) -> Dataset:
        """This dataset with the objects for which `objects` holds, and then the images for which `images` holds.

        `objects` gets each object with its `class_name`, as in ``ds.filter(objects=lambda one: one.width > 8)``; what
        it leaves out is counted as `object-removed`. For `images` all labels are read at once.
        """
        for what, function in (("images", images), ("objects", objects)):
            if function is not None:
                example = "sample: len(sample.labels) > 1" if what == "images" else "one: one.class_name == 'car'"
                _check_callable("filter", function, f"a function for {what}, as in {what}=lambda {example}")
        kept = self if objects is None else self.map(ObjectFilter(objects))
        return kept if images is None else kept._part([row for row, one in enumerate(kept) if images(one)])

    def split(self, name: str) -> Dataset:
        """The dataset of one split, by any word for it (``valid`` is ``val``). Raises `UsageError`."""
        if not isinstance(name, str):
            words = "the name of a split; `bboxprep.convert(..., split='train=0.8,val=0.2')` divides images anew"
            raise WrongTypeError(f"split: have {name!r:.80}, want {words}")
        if (wanted := name if name in self.splits else split_of(name)) not in self.splits:
            raise UsageError(f"split: have {name!r}, want one of {', '.join(self.splits)}")
        return self._part([row for row, (split, _) in enumerate(self._keys) if split == wanted], (wanted,))

    def write(self, dest: str | Path, to: str, **options: Any) -> Any:
        """Write this dataset to the folder `dest` as the format `to`: ``bboxprep.write(self, dest, to, **options)``."""
        return self._require_tools().write(self, dest, to, **options)

    def show(self, count: int = 9) -> Picture:
        """At most `count` images from all over the dataset with their objects drawn, on one sheet: a notebook shows it,
        `Picture.save` writes it.
        """
        if type(count) is not int or count < 1:
            kind = UsageError if type(count) is int else WrongTypeError
            raise kind(f"show: have {count!r:.80}, want the number of images, 1 or more")
        return self._require_tools().sheet(self, count)

    def to_pandas(self, rows: TableRows = "objects") -> Any:
        """A pandas DataFrame with a row for each object, or for each image.

        Both have split, image, width and height; objects have label, class, x0, y0, x1, y1 (px), area, crowd and id,
        images have path and the number of objects. Raises `UsageError` where pandas is missing.
        """
        return self._require_tools().table(self, rows)

    def to_torch(self, first_label: int = 0) -> Any:
        """A dataset for ``torch.utils.data.DataLoader``, whose images are decoded when they are asked for.

        Item i is (image, target) as torchvision's detectors take them: a uint8 tensor (3, H, W), and ``boxes`` float32
        (N, 4) x0 y0 x1 y1, ``labels`` int64 (N,) counted from `first_label` (1 leaves 0 for the background),
        ``image_id``, ``area`` and ``iscrowd``. Raises `UsageError` where torch is missing.
        """
        return self._require_tools().torch_dataset(self, first_label)

    def with_samples(self, change: Callable[[Sample], Sample]) -> Dataset:
        """This dataset with `change` applied to each sample on access; `change` accounts for its objects itself."""
        return replace(
            self,
            samples=LazySamples.each(self.samples, change),
            outlines=None if self.outlines is None else LazySamples.each(self.outlines, change),
        )

    def with_batches(self, change: Callable[[Batch], Batch]) -> Dataset:
        """This dataset with `change` applied to all samples that are accessed together, as `with_samples` does it for
        each; no change of a sample depends on the others.
        """
        return replace(
            self,
            samples=LazySamples(self.samples, ChangeAll(change)),
            outlines=None if self.outlines is None else LazySamples(self.outlines, ChangeAll(change)),
        )

    def select(self, rows: Sequence[int]) -> Dataset:
        """This dataset with its samples at `rows`, in that order."""
        return replace(
            self,
            samples=LazySamples(rows, partial(items_at, self.samples)),
            outlines=None if self.outlines is None else LazySamples(rows, partial(items_at, self.outlines)),
        )

    def _part(self, rows: Sequence[int], splits: tuple[str, ...] | None = None) -> Dataset:
        """The dataset of the samples at `rows`, with the splits and the findings that are theirs."""
        own = {self._keys[row][0] for row in rows}
        kept = splits or tuple(split for split in self.splits if split in own)
        findings = tuple(finding for finding in self.findings if finding.split in ("", *kept))
        left_out = len(self) - len(rows)
        changes = (*self.changes, {"left_out": left_out}) if left_out else self.changes
        return replace(self.select(rows), splits=kept, findings=findings, changes=changes)

    def _require_tools(self) -> DatasetTools:
        if self.tools is None:
            raise UsageError("this dataset was made by hand; those of bboxprep.read can write, join and draw")
        return self.tools

    def transform(self, recipe: Planner) -> Dataset:
        """This dataset with `recipe` applied to the annotations of each sample; `Sample.pixels` follows.

        Raises `WrongTypeError` for what is no recipe, and `UsageError` for one with filters or classes.
        """
        check_recipe(recipe)
        for part in ("filters", "classes"):
            if getattr(recipe, part, None):
                words = f"have a recipe with {part}, which act on an output; give it to a conversion"
                raise UsageError(f"transform: {words}")
        moved = replace(self.with_samples(partial(_transformed, recipe=recipe)), is_changed=True)
        if not recipe.mirrors:
            return moved
        notes = names_without_partner(self.categories, self.object_policy.swap_classes)
        return replace(moved, findings=(*self.findings, *(note for note in notes if note not in self.findings)))

    def with_classes(self, policy: ClassPolicy, counts: Mapping[str, int] | None = None) -> Dataset:
        """This dataset with its class table changed by `policy`.

        `counts` has the number of objects by class name; if it is None, all labels are read to count them. Raises
        `UsageError` where the policy does not fit the table.
        """
        if not isinstance(policy, ClassPolicy):
            raise WrongTypeError(f"with_classes: have {policy!r:.80}, want a ClassPolicy(rename={{'Car': 'car'}})")
        counts = self._counts() if counts is None else counts
        change = policy.resolve(self.categories, counts)
        changed = self._changed(change).with_similar_names()
        findings = [one for one in changed.findings if one.code != "class-unnamed" or not change.categories.stated]
        return replace(changed, findings=tuple(findings), changes=(*self.changes, {"classes": policy.options()}))

    def with_unique_names(self) -> Dataset:
        """This dataset with one class of each name, no blank name, and findings on names that are nearly the same."""
        change = unique_names(self.categories, self._counts)
        merged = self if change is None else self._changed(change)
        return merged.with_similar_names()

    def with_similar_names(self) -> Dataset:
        """This dataset with findings on the names of its table that are nearly the same, and no others of the kind."""
        others = tuple(finding for finding in self.findings if finding.code != "class-similar")
        return replace(self, findings=(*others, *similar_names(self.categories.names)))

    def _changed(self, change: ClassMapping) -> Dataset:
        return replace(
            self.with_batches(change.apply),
            categories=change.categories,
            findings=(*map(change.renamed_finding, self.findings), *change.findings),
        )

    def _counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for samples in self.batches():
            counts.update(objects_by_class(samples, self.categories.names))
        return counts


def _check_callable(what: str, function: object, wanted: str) -> None:
    if not callable(function):
        raise WrongTypeError(f"{what}: have {function!r:.80}, want {wanted}")


def _transformed(sample: Sample, recipe: Planner) -> Sample:
    return sample.transform(recipe)
