"""Opens the inputs of a verification: the output, its record and its source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from bboxprep import formats
from bboxprep.errors import BboxprepError
from bboxprep.formats.api import Format
from bboxprep.images.codecs.codec import DEFAULT_IMAGE_POLICY, ImagePolicy
from bboxprep.images.pillow_reader import read
from bboxprep.io.paths import dataset_folder, links_admitted
from bboxprep.io.remote import open_path
from bboxprep.model.categories import MOST_KEYPOINTS, Categories
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.filters import NO_FILTERS, Filters
from bboxprep.model.flip_names import flip_order
from bboxprep.model.sample import Frame, Sample
from bboxprep.model.splits import is_training
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import Run, RunRecord
from bboxprep.pipeline.output.written_options import known_options, written_with
from bboxprep.pipeline.source.open import open_source

FILTERED = "image-filtered"  # the code of findings by which a record says that a filter left an image out
TOGETHER = 32  # samples that are read at a time, in a fifth of the time that each takes by itself
Known = TypeVar("Known")
Options = Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True)
class Indexed:
    """A dataset indexed by path below its root; samples of several splits may share a file."""

    dataset: Dataset
    places: Mapping[str, tuple[tuple[str, int], ...]]  # path -> (split, index)
    _loaded: dict[int, Sequence[Sample]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def find(self, path: str, split: str, *, alone: bool = False) -> Sample | None:
        """The sample at `path`, of `split` where there are several; None without one. `alone`: its neighbours are not
        asked for next.
        """
        found = self.places.get(path, ())
        index = next((at for where, at in found if where == split), found[0][1] if found else None)
        if index is None:
            return None
        return self.dataset.at([index])[0] if alone else self._sample(index)

    def _sample(self, index: int) -> Sample:
        """Sample `index`; its neighbours are read with it, for they are asked for next."""
        block, row = divmod(index, TOGETHER)
        if block not in self._loaded:
            self._loaded.clear()
            rows = range(block * TOGETHER, min(len(self.dataset), (block + 1) * TOGETHER))
            self._loaded[block] = self.dataset.at(rows)
        return self._loaded[block][row]


@dataclass(frozen=True)
class VerificationInputs:
    """The recorded `run`, the `output` as it is read, and the `source`, or the reason `why_not` there is none.

    `several`: the record has several sources, or none.
    """

    run: Run
    output: Indexed
    source: Indexed | None
    why_not: str
    several: bool
    _ids: dict[str, frozenset[int]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _kept: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)  # of the last image

    @property
    def target(self) -> str:
        """The name of the output's format."""
        return self.output.dataset.format

    @property
    def format(self) -> Format:
        """The declaration of the format of the output."""
        return formats.load(self.target)

    @cached_property
    def options(self) -> Any:
        """The options of the writer that the output was written with."""
        return written_with(self.run.record, self.format)

    @cached_property
    def carries(self) -> frozenset[Column]:
        """The columns that the labels of the output hold, by the writer of their format with the recorded options."""
        try:
            return self.format.write(self.run.root, self.output.dataset, self.options).carries
        except BboxprepError:  # the writer would refuse what was read, such as poses without a class that has keypoints
            return self.format.carries

    @cached_property
    def states_rectangles(self) -> bool:
        """Whether the labels of the output state oriented boxes."""
        return self.format.task(self.options) == "obb"

    @cached_property
    def crowd_mark(self) -> str:
        """The attribute that marks crowd regions in the output, "" where they are not marked."""
        marked = self.run.record.object_policy.crowd == "ignore" and Column.CROWD not in self.carries
        return self.format.ignored_by if marked else ""

    @cached_property
    def keypoint_room(self) -> int:
        """How many keypoints of an object the labels of the output hold: rows of poses as many as a class names."""
        if self.format.task(self.options) != "pose":
            return MOST_KEYPOINTS
        return max((len(category.keypoints) for category in self.output.dataset.categories), default=0)

    @property
    def turned_rule(self) -> str:
        """The recorded rule for the outline of a box in a rotated image."""
        return self.run.record.object_policy.turned

    @cached_property
    def filters(self) -> Filters:
        """The filters that the recorded recipe states. Raises `UsageError`."""
        data = self.run.record.recipe.get("filters")
        return Filters.of(data) if data else NO_FILTERS

    @cached_property
    def _steps_of_run(self) -> Mapping[str, Any]:
        """The recorded recipe without its filters and classes."""
        return {name: part for name, part in self.run.record.recipe.items() if name not in ("filters", "classes")}

    def recipe(self, image: ImageRow) -> Mapping[str, Any]:
        """The recipe of `image`: of its row if drawn, else of the run for its split; {} without one."""
        if image.recipe is not None:
            return with_upright(image.recipe, image)
        recipe = self._steps_of_run
        if "augment" not in recipe or is_training(image.split):
            return with_upright(recipe, image)
        fixed = {"steps": recipe.get("preprocess")} | {key: recipe.get(key) for key in ("upright", "pad", "kernel")}
        return with_upright(fixed, image)

    def written(self, image: ImageRow) -> Sample | None:
        """The sample of `image` in the output; None without one."""
        output = image.output
        return self._once(image, "written", lambda: self.output.find(output, image.split)) if output else None

    def ids(self, split: str) -> frozenset[int]:
        """The ids of all objects of a `split` of the output."""
        if split not in self._ids:
            samples = (sample for sample in self.output.dataset if sample.split == split)
            found = frozenset(number for sample in samples for number in sample.instances.ids.tolist())
            self._ids[split] = found
        return self._ids[split]

    def origin(self, image: ImageRow) -> Sample | None:
        """The sample of `image` in the source, in the recorded frame; None without one."""
        return self._once(image, "origin", lambda: self._origin(image))

    def part_origin(self, image: ImageRow) -> Sample | None:
        """The sample in the source of a part, whose row is `image`. It is read by itself: parts come from anywhere."""
        sample = self.source.find(image.source, image.split, alone=True) if self.source else None
        return sample and self._in_recorded_frame(sample, image)

    def file(self, image: ImageRow, path: Path) -> bytes:
        """The bytes of the file at `path`, the output or the source of `image`. Raises `ImageError`."""
        return self._once(image, path, lambda: read(path))

    def _once(self, image: ImageRow, what: object, make: Callable[[], Known]) -> Known:
        """`make()`, cached for the current image: three layers need the same samples and files."""
        if self._kept.get("image") is not image:
            self._kept.clear()
            self._kept["image"] = image
        if what not in self._kept:
            self._kept[what] = make()
        known: Known = self._kept[what]
        return known

    def _origin(self, image: ImageRow) -> Sample | None:
        sample = self.source.find(image.source, image.split) if self.source else None
        return sample and self._in_recorded_frame(sample, image)

    def _in_recorded_frame(self, sample: Sample, image: ImageRow) -> Sample:
        if sample.header is None:
            return sample
        return without_misfits(sample.in_frame(image.frame, "recorded"))

    def origin_names(self, sample: Sample, *, mirrored: bool) -> list[str]:
        """The expected class in the output of each object of a `sample` of the source; "" for a dropped class."""
        names = names_of(sample, self.source.dataset) if self.source else []
        changed = [self.changed_names.get(name, name) for name in names]
        return [self._swapped_names.get(name, name) for name in changed] if mirrored else changed

    @cached_property
    def noted(self) -> Mapping[str, frozenset[str]]:
        """The codes of the recorded findings about each file."""
        codes: dict[str, set[str]] = {}
        for finding in self.run.record.findings:
            codes.setdefault(finding.path, set()).add(finding.code)
        return {path: frozenset(found) for path, found in codes.items()}

    @cached_property
    def keypoint_orders(self) -> tuple[tuple[int, ...], ...]:
        """The order that the keypoints of each class of the source have in a mirrored image; () without a source."""
        return tuple(map(flip_order, self.source.dataset.categories)) if self.source else ()

    @cached_property
    def _swapped_names(self) -> Mapping[str, str]:
        """The classes that are exchanged in a mirrored image, by the recorded policy."""
        pairs = self.run.record.object_policy.swap_classes
        return {name: other for pair in pairs for name, other in (pair, reversed(pair))}

    @cached_property
    def changed_names(self) -> Mapping[str, str]:
        """The class names of the source, mapped by the recorded changes; "" for a dropped class."""
        before = self.source.dataset.categories.names if self.source else ()
        names = {name: name for name in before}
        for policy in filter(None, (change.classes for change in self.run.record.changes)):
            for name, now in names.items():
                then = policy.rename.get(now, now)
                names[name] = "" if then in policy.drop or (policy.only and then not in policy.only) else then
        return names


def open_output(
    run: Run,
    against: Path | None = None,
    image_policy: ImagePolicy = DEFAULT_IMAGE_POLICY,
    reading: Options = lambda _: {},
) -> Indexed:
    """Read the output of `run` in its recorded format. Symbolic links may lead into the source at `against`, by default
    the recorded sources, and into the folder `follow_links` of the options `reading`, by default the recorded one.
    Raises `SourceError`.
    """
    linked = any(image.made == "symlinked" for image in run.images)
    sources = [against] if against else [open_path(source) for source in run.record.sources if linked]
    with links_admitted(*(linked_folders(run.record, sources, reading) if linked else ())):
        return indexed(
            run.root,
            run.record.format or None,
            lambda name: _shared_options(run, formats.load(name)),
            image_policy,
            sidecar=False,
        )


def empty_output(run: Run) -> Indexed:
    """The output of a `run` that left all images out, of which no format reads anything."""
    record = run.record
    return Indexed(Dataset(run.root, record.format, Categories.from_names(record.names), (), splits=()), {})


def linked_folders(record: RunRecord, sources: Iterable[Path], reading: Options) -> Iterator[Path]:
    """The folders that links of an output may lead into: its `sources`, and the folder `follow_links` of the options
    `reading`, else of the `record`.
    """
    yield from map(dataset_folder, sources)
    options = {**record.reading, **reading(record.source_format or record.format)}
    if links := options.get("follow_links"):
        yield Path(links)


def _shared_options(run: Run, format: Format) -> dict[str, Any]:
    """The recorded options of the writer that the reader of `format` has too."""
    return known_options(asdict(written_with(run.record, format)), format.read_options)


def with_upright(recipe: Mapping[str, Any], image: ImageRow) -> Mapping[str, Any]:
    """`recipe` with "upright" true or false for `image` where it is "auto"."""
    return {**recipe, "upright": image.frame is Frame.DISPLAYED} if recipe.get("upright") == "auto" else recipe


def open_inputs(
    run: Run, output: Indexed, against: Path | None, reading: Options, image_policy: ImagePolicy = DEFAULT_IMAGE_POLICY
) -> VerificationInputs:
    """The inputs for the verification of `run` against the dataset at `against`, by default the recorded source if it
    exists. `reading` returns options of the source's reader by format, in addition to the recorded ones.

    Raises `SourceError` where the source cannot be read.
    """
    record = run.record
    single = bool(record.source) and len(record.sources) <= 1
    path = against or (open_path(record.source) if single else None)
    if path is None or (against is None and not path.exists()):
        where = "is not there" if single else "is not a single path"
        return VerificationInputs(run, output, None, f"the recorded source {where}; name it with `against`", not single)
    source = indexed(
        path,
        record.source_format or None,
        lambda name: {**_recorded_options(run, name), **reading(name)},
        image_policy,
    )
    return VerificationInputs(run, output, source, "", not single)


def _recorded_options(run: Run, format: str) -> dict[str, Any]:
    """The recorded options of the source that the reader of `format` has."""
    return known_options(run.record.reading, formats.load(format).read_options)


def indexed(
    root: Path, format: str | None, options: Options, image_policy: ImagePolicy, *, sidecar: bool = True
) -> Indexed:
    """Read the dataset at `root` and index it by path, with or without its `sidecar`. Raises `SourceError`."""
    opened = open_source(
        root, format, labels_in="displayed", image_policy=image_policy, options=options, sidecar=sidecar
    )
    dataset, places = opened.dataset, dict[str, list[tuple[str, int]]]()
    listed = dataset.outlines_at(range(len(dataset)))
    for index, (path, split) in enumerate(zip(listed.relative_paths, listed.values("split"), strict=True)):
        places.setdefault(path, []).append((split, index))
    return Indexed(dataset, {path: tuple(found) for path, found in places.items()})


def without_misfits(sample: Sample) -> Sample:
    """`sample` without the masks of another size than its image: no pixel of them says where in the image it lies, so
    that a conversion leaves them out, with a finding (`mask-misfit`).
    """
    own, size = sample.instances, sample.size
    masks = tuple(mask if mask is None or mask.size == size else None for mask in own.masks)
    if masks.count(None) == own.masks.count(None):
        return sample
    return sample.replace_fast(instances=replace(own, masks=masks))


def names_of(sample: Sample, dataset: Dataset) -> list[str]:
    """The class name of each object of `sample`."""
    return [dataset.categories.names[label] for label in sample.instances.labels.tolist()]


def described(number: int, name: str) -> str:
    """The name of an object in messages: its number in the labels, from 1, and its class."""
    return f"object {number + 1} ({name})"
