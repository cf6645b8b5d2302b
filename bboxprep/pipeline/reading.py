"""A source opened: its format found, its samples surveyed once, the plane of its labels settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from bboxprep import formats
from bboxprep.errors import AnnotationError, FrameError, UsageError
from bboxprep.findings import Finding
from bboxprep.images.codec import Policy
from bboxprep.images.header import read_header
from bboxprep.model.checks import repeats
from bboxprep.model.dataset import Dataset
from bboxprep.model.evidence import Testimony, size_fault, testimony_of, verdict_of_all, without_accidents
from bboxprep.model.header import Header
from bboxprep.model.instances import Column
from bboxprep.model.rules import Rules
from bboxprep.model.sample import Frame, Sample
from bboxprep.model.tables import objects_by_class
from bboxprep.pipeline.looking import frames_from_pixels
from bboxprep.pipeline.masks import with_masks
from bboxprep.pipeline.sidecar.rejoin import rejoin
from bboxprep.pipeline.transform import PillowDarkroom

LabelsIn = Literal["auto", "stored", "displayed"]
Key = tuple[str, str]  # split and name of a sample


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a first look at a sample keeps of it: enough to settle frames, plan names and print a table."""

    key: Key
    header: Header | None
    testimony: Testimony
    listed: int
    objects: tuple[tuple[str, int], ...]  # class and count; "" where the record cannot be read
    columns: tuple[tuple[Column, int], ...]  # what its objects have, and how many of them
    touched: bool  # whether a step has changed its pixels
    path: Path = Path()  # of the image file


@dataclass(frozen=True)
class Source:
    """A dataset ready to be used, with the first look at each of its samples, in their order."""

    dataset: Dataset
    glimpses: tuple[Glimpse, ...]
    frames: Mapping[Key, tuple[Frame, str]]  # of the turned images, with the evidence
    reading: Mapping[str, Any] = field(default_factory=dict)  # the options that its format was read with


def open_source(
    path: Path,
    format: str | None = None,
    *,
    labels_in: LabelsIn = "auto",
    policy: Policy | None = None,
    rules: Rules | None = None,
    sidecar: bool = True,
    options: Callable[[str], Mapping[str, Any]] = lambda _: {},
) -> Source:
    """The dataset at `path`, surveyed and with the frame of every sample settled.

    `format` is one of `formats.names()`, found from the files if None; `labels_in` states the plane that the labels
    of turned photos were drawn in; `rules` are those of the dataset; `sidecar` says whether what an earlier run kept
    beside its output is rejoined, or the label files count alone; `options` gives those of the reader of a format by
    its name. Raises `SourceError` and `UsageError`.
    """
    if labels_in not in get_args(LabelsIn):
        raise UsageError(f"labels_in: have {labels_in!r}, want one of {', '.join(get_args(LabelsIn))}")
    name = format or formats.detect(path)
    chosen = formats.load(name)
    reading = options(name)
    probe = cache(read_header)  # the survey and the run ask for the same headers
    dataset = chosen.read(path, probe, chosen.read_options(**reading))
    dataset = rejoin(dataset) if sidecar else dataset
    if not len(dataset):
        raise AnnotationError(path, "", f"{chosen.title} was found but it lists no image")
    policy = policy or Policy()
    glimpses = survey(dataset)
    frames = _settle(path, _with_pixels(dataset, glimpses, policy) if labels_in == "auto" else glimpses, labels_in)
    darkroom = PillowDarkroom(dataset.categories, policy, rules or Rules())
    settled = dataset.map(lambda sample: replace(with_masks(_framed(sample, frames)), darkroom=darkroom))
    return Source(replace(settled, rules=rules or Rules()), glimpses, frames, reading)


def read(
    path: str | Path,
    format: str | None = None,
    *,
    labels_in: LabelsIn = "auto",
    policy: Policy | None = None,
    rules: Rules | None = None,
    **options: Any,
) -> Dataset:
    """The labelled dataset at `path`.

    `format` is "coco", "yolo" or "voc", found from the files if None. `labels_in` says which plane the labels of photos
    with an EXIF orientation were drawn in ("stored", "displayed", or "auto": decided from evidence). `policy` says
    how 16-bit, transparent and multi-frame images are decoded, `rules` what becomes of crowd regions, boxes over the
    edge and the like; `options` are those of the format's reader. Raises `SourceError` (the files) and `UsageError`
    (the arguments).
    """
    where, chosen = Path(path), lambda _: options
    return open_source(where, format, labels_in=labels_in, policy=policy, rules=rules, options=chosen).dataset


def survey(dataset: Dataset) -> tuple[Glimpse, ...]:
    """A first look at each sample of `dataset`, in order."""
    return tuple(_glimpse(sample, dataset.mirror.before(dataset.categories.names, sample)) for sample in dataset)


def _glimpse(sample: Sample, names: Sequence[str]) -> Glimpse:
    return Glimpse(
        key=key_of(sample),
        header=sample.header,
        testimony=testimony_of(sample),
        listed=sample.listed,
        objects=tuple(objects_by_class(sample, names).items()),
        columns=tuple((column, count) for column in Column if (count := _count(sample, column))),
        touched=sample.plan is not None and not sample.plan.is_identity,
        path=sample.path,
    )


def _count(sample: Sample, column: Column) -> int:
    """How many objects of `sample` have something in `column`; a mask that is still to be read is taken to be there."""
    awaited = column is Column.MASKS and sample.segmentation is not None
    return len(sample.instances) if awaited else int(sample.instances.has(column).sum())


def _with_pixels(dataset: Dataset, glimpses: Sequence[Glimpse], policy: Policy) -> list[Glimpse]:
    """`glimpses` with what the pictures say in place of silence, looked at only where no number settles the frame."""
    places = [place for place, glimpse in enumerate(glimpses) if glimpse.testimony.turned]
    testimonies = dict(zip(places, without_accidents([glimpses[place].testimony for place in places]), strict=True))
    if verdict_of_all(list(testimonies.values())) in (None, (Frame.DISPLAYED, "assumed")):
        silent = {place: header.orientation for place, header in _silent(glimpses, testimonies)}
        for place, frame in frames_from_pixels(dataset, silent, policy).items():
            testimonies[place] = Testimony(turned=True, votes=((frame, "pixels"),))
    return [
        replace(glimpse, testimony=testimonies.get(place, glimpse.testimony)) for place, glimpse in enumerate(glimpses)
    ]


def _silent(glimpses: Sequence[Glimpse], testimonies: Mapping[int, Testimony]) -> Iterator[tuple[int, Header]]:
    for place, testimony in testimonies.items():
        header = glimpses[place].header
        if header and not testimony.votes:
            yield place, header


def _settle(path: Path, glimpses: Sequence[Glimpse], labels_in: LabelsIn) -> dict[Key, tuple[Frame, str]]:
    """The frame, and the evidence for it, of each turned image. Raises `FrameError`."""
    turned = [glimpse for glimpse in glimpses if glimpse.testimony.turned]
    if labels_in != "auto":
        return {glimpse.key: (Frame(labels_in), "option") for glimpse in turned}
    for glimpse in turned:
        if glimpse.testimony.contradicts_itself:
            said = ", ".join(f"{evidence} says {frame}" for frame, evidence in glimpse.testimony.votes)
            raise FrameError(
                path,
                "/".join(glimpse.key),
                f"contradicting evidence of the plane its labels were drawn in ({said}); "
                "say which with --labels-in stored or --labels-in displayed",
            )
    default = verdict_of_all([glimpse.testimony for glimpse in turned])
    silent = sum(not glimpse.testimony.votes for glimpse in turned)
    if default is None and silent:
        raise FrameError(
            path,
            "",
            f"{silent} turned images do not tell which plane their labels were drawn in, and the "
            f"{len(turned) - silent} that do disagree; say which with --labels-in stored or --labels-in displayed",
        )
    fallback = default or (Frame.DISPLAYED, "assumed")
    return {glimpse.key: (glimpse.testimony.votes or (fallback,))[0] for glimpse in turned}


def _framed(sample: Sample, frames: Mapping[Key, tuple[Frame, str]]) -> Sample:
    """`sample` in its settled frame, and refused where its declared size contradicts the image."""
    frame, evidence = frames.get(key_of(sample), (Frame.DISPLAYED, "upright"))
    sample = sample.seen_in(frame, evidence)
    findings = list(sample.findings)
    if evidence == "assumed":
        message = f"orientation {sample.header.orientation if sample.header else 1}: labels taken as displayed"
        findings.append(Finding("frame-assumed", message, path=str(sample.name), split=sample.split))
    if count := repeats(sample.instances):
        message = f"{count} objects have the class and the box of another one; all kept"
        findings.append(Finding("record-duplicate", message, path=str(sample.name), split=sample.split))
    code, message = size_fault(sample)
    if code:
        findings.append(Finding(code, message, path=str(sample.name), split=sample.split))
    return replace(sample, findings=tuple(findings), refusal=code if code == "size-contradicts" else "")


def key_of(sample: Sample) -> Key:
    """What names `sample` within its dataset."""
    return sample.split, str(sample.name)
