"""A source opened: its format found, its samples surveyed once, the plane of its labels settled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from bboxprep import formats
from bboxprep.errors import AnnotationError, FrameError, UsageError
from bboxprep.findings import Finding
from bboxprep.frames.evidence import FrameEvidence, frame_evidence_of, size_fault, unanimous_frame, without_chance_votes
from bboxprep.frames.from_pixels import frames_from_pixels
from bboxprep.images.codecs.codec import DEFAULT_IMAGE_POLICY, ImagePolicy
from bboxprep.io.paths import relative_path
from bboxprep.io.remote import is_stored, open_path
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.sample import Frame, Sample
from bboxprep.model.validation import repeats
from bboxprep.pipeline.sidecar.merge import rejoin
from bboxprep.pipeline.source.header_cache import HeaderCache
from bboxprep.pipeline.source.masks import with_masks
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import Local, blocks
from bboxprep.transform.render import SampleRenderer

LabelsIn = Literal["auto", "stored", "displayed"]
Key = tuple[str, str]  # split and name of a sample
HERE = Local()
_FEW = 256  # images that are looked at while other processes would still be starting


class ImageSummary(msgspec.Struct, frozen=True, gc=False):
    """What a first look at a sample keeps of it: enough to settle frames and to plan names.

    There is one of each image, handed over by the process that looked: msgspec's are made and pickled in half the time.
    """

    key: Key
    header: Header | None
    frame_evidence: FrameEvidence
    touched: bool  # whether a step has changed its pixels
    folder: Path = Path()  # of the image file, which many share
    file: str = ""

    @property
    def path(self) -> Path:
        """Of the image file."""
        return self.folder / self.file

    def replace_fast(self, **changes: Any) -> ImageSummary:
        """The same but for `changes`."""
        return msgspec.structs.replace(self, **changes)


@dataclass(frozen=True)
class Source:
    """A dataset ready to be used, with the first look at each of its samples, in their order."""

    dataset: Dataset
    summaries: tuple[ImageSummary, ...]
    frames: Mapping[Key, tuple[Frame, str]]  # of the turned images, with the evidence
    reading: Mapping[str, Any] = field(default_factory=dict)  # the options that its format was read with
    image_policy: ImagePolicy = DEFAULT_IMAGE_POLICY


def open_source(
    path: Path,
    format: str | None = None,
    *,
    labels_in: LabelsIn = "auto",
    image_policy: ImagePolicy | None = None,
    object_policy: ObjectPolicy | None = None,
    sidecar: bool = True,
    labels_only: bool = False,
    engine: Engine = HERE,
    options: Callable[[str], Mapping[str, Any]] = lambda _: {},
) -> Source:
    """The dataset at `path`, surveyed and with the frame of every sample settled.

    `format` is one of `formats.names()`, found from the files if None; `labels_in` states the plane that the labels
    of turned photos were drawn in; `object_policy` are those of the dataset; `sidecar` says whether what an earlier run
    kept beside its output is rejoined, or the label files count alone; with `labels_only` no image is opened whose size
    the labels state; the `engine` reads and looks; `options` gives those of the reader of a format by its name. Raises
    `SourceError` and `UsageError`.
    """
    if labels_in not in get_args(LabelsIn):
        raise UsageError(f"labels_in: have {labels_in!r}, want one of {', '.join(get_args(LabelsIn))}")
    name = format or formats.detect(path)
    chosen = formats.load(name)
    reading = options(name)
    image_policy = image_policy or ImagePolicy()
    probe = HeaderCache(image_policy.max_pixels, opens=not labels_only)
    dataset = chosen.read(path, probe, chosen.read_options(**reading), engine.run)
    dataset = dataset.map(probe.trusting) if labels_only else dataset
    dataset = rejoin(dataset) if sidecar else dataset
    if not len(dataset):
        raise AnnotationError(path, "", f"{chosen.title} was found but it lists no image")
    summaries = survey(dataset, engine)
    probe.learn(summaries)
    seen = _with_pixels(dataset, summaries, image_policy) if labels_in == "auto" else summaries
    frames = _settle(path, dataset.folder, seen, labels_in)
    renderer = SampleRenderer(dataset.categories, image_policy, object_policy or ObjectPolicy())
    settled = dataset.map(partial(_settled, frames=frames, renderer=renderer, root=dataset.folder))
    return Source(
        replace(settled, object_policy=object_policy or ObjectPolicy()), summaries, frames, reading, image_policy
    )


def read(
    path: str | Path,
    format: str | None = None,
    *,
    labels_in: LabelsIn = "auto",
    image_policy: ImagePolicy | None = None,
    object_policy: ObjectPolicy | None = None,
    **options: Any,
) -> Dataset:
    """The labelled dataset at `path`.

    `format` is one of `bboxprep formats`, found from the files if None. `labels_in` says which plane the labels of
    photos with an EXIF orientation were drawn in ("stored", "displayed", or "auto": decided from evidence).
    `image_policy` says how 16-bit, transparent and multi-frame images are decoded, `object_policy` what becomes of
    crowd regions, boxes over the edge and the like; `options` are those of the format's reader. Raises `SourceError`
    (the files) and `UsageError` (the arguments).
    """
    where, chosen = open_path(path), lambda _: options
    return open_source(
        where, format, labels_in=labels_in, image_policy=image_policy, object_policy=object_policy, options=chosen
    ).dataset


def survey(dataset: Dataset, engine: Engine = HERE) -> tuple[ImageSummary, ...]:
    """A first look at each sample of `dataset`, in order, by the `engine`; at few files of this machine by itself."""
    here = len(dataset) <= _FEW and not any(map(is_stored, dataset.roots))
    found = (HERE if here else engine).run(_Survey(dataset), blocks(len(dataset), engine.workers))
    return tuple(chain.from_iterable(found))


@dataclass(frozen=True)
class _Survey:
    """Looks at the samples of a block. Labels are read of turned images only: of others they betray nothing."""

    dataset: Dataset

    def __call__(self, block: range) -> list[ImageSummary]:
        alike: dict[Any, Any] = {}  # what is equal is one: as long as the run lasts, there is a glimpse of every image
        folders: dict[str, Path] = {}
        return [self._summary(index, alike, folders) for index in block]

    def _summary(self, index: int, alike: dict[Any, Any], folders: dict[str, Path]) -> ImageSummary:
        outline = self.dataset.outline(index)
        turned = outline.header is not None and outline.header.orientation != 1
        frame_evidence = frame_evidence_of(self.dataset[index] if turned else outline)
        split, name = key_of(outline)
        folder, file = os.path.split(str(outline.path))
        return ImageSummary(
            key=(alike.setdefault(split, split), name),
            header=alike.setdefault(outline.header, outline.header),
            frame_evidence=alike.setdefault(frame_evidence, frame_evidence),
            touched=outline.is_repainted or (outline.plan is not None and not outline.plan.is_identity),
            folder=folders.get(folder) or folders.setdefault(folder, outline.path.parent),
            file=name if name == file else file,
        )


def _settled(sample: Sample, frames: Mapping[Key, tuple[Frame, str]], renderer: SampleRenderer, root: Path) -> Sample:
    return with_masks(_framed(sample, frames, renderer, root))


def _with_pixels(dataset: Dataset, summaries: Sequence[ImageSummary], image_policy: ImagePolicy) -> list[ImageSummary]:
    """`summaries` with what the pictures say in index of silence, looked at only where no number settles the frame."""
    indices = [index for index, summary in enumerate(summaries) if summary.frame_evidence.turned]
    frame_evidences = dict(
        zip(indices, without_chance_votes([summaries[index].frame_evidence for index in indices]), strict=True)
    )
    if unanimous_frame(list(frame_evidences.values())) in (None, (Frame.DISPLAYED, "assumed")):
        silent = {index: header.orientation for index, header in _silent(summaries, frame_evidences)}
        for index, frame in frames_from_pixels(dataset, silent, image_policy).items():
            frame_evidences[index] = FrameEvidence(turned=True, votes=((frame, "pixels"),))
    return [
        summary.replace_fast(frame_evidence=frame_evidences[index]) if index in frame_evidences else summary
        for index, summary in enumerate(summaries)
    ]


def _silent(
    summaries: Sequence[ImageSummary], frame_evidences: Mapping[int, FrameEvidence]
) -> Iterator[tuple[int, Header]]:
    for index, frame_evidence in frame_evidences.items():
        header = summaries[index].header
        if header and not frame_evidence.votes:
            yield index, header


def _settle(
    path: Path, folder: Path, summaries: Sequence[ImageSummary], labels_in: LabelsIn
) -> dict[Key, tuple[Frame, str]]:
    """The frame, and the evidence for it, of each turned image. Raises `FrameError`."""
    turned = [summary for summary in summaries if summary.frame_evidence.turned]
    if labels_in != "auto":
        return {summary.key: (Frame(labels_in), "option") for summary in turned}
    for summary in turned:
        if summary.frame_evidence.contradicts_itself:
            said = ", ".join(f"{evidence} says {frame}" for frame, evidence in summary.frame_evidence.votes)
            raise FrameError(
                path,
                relative_path(summary.path, folder),
                f"contradicting evidence of the plane its labels were drawn in ({said}); "
                "say which with --labels-in stored or --labels-in displayed",
            )
    default = unanimous_frame([summary.frame_evidence for summary in turned])
    silent = sum(not summary.frame_evidence.votes for summary in turned)
    if default is None and silent:
        raise FrameError(
            path,
            "",
            f"{silent} turned images do not tell which plane their labels were drawn in, and the "
            f"{len(turned) - silent} that do disagree; say which with --labels-in stored or --labels-in displayed",
        )
    fallback = default or (Frame.DISPLAYED, "assumed")
    return {summary.key: (summary.frame_evidence.votes or (fallback,))[0] for summary in turned}


def _framed(sample: Sample, frames: Mapping[Key, tuple[Frame, str]], renderer: SampleRenderer, root: Path) -> Sample:
    """`sample` of the dataset in the folder `root`, in its settled frame; refused where its declared size contradicts
    the image.
    """
    frame, evidence = frames.get(key_of(sample), (Frame.DISPLAYED, "upright"))
    sample = sample.seen_in(frame, evidence)
    found: list[tuple[str, str]] = []
    if evidence == "assumed":
        message = f"orientation {sample.header.orientation if sample.header else 1}: labels taken as displayed"
        found.append(("frame-assumed", message))
    if count := repeats(sample.instances):
        message = f"{count} objects have the class and the box of another one; all kept"
        found.append(("record-duplicate", message))
    code, message = size_fault(sample)
    if code:
        found.append((code, message))
    refusal = code if code == "size-contradicts" else ""
    sample = sample.replace_fast(refusal=refusal, renderer=renderer, root=root)
    return sample.with_findings(*(Finding(*one, sample.relative_path, split=sample.split) for one in found))


def key_of(sample: Sample) -> Key:
    """What names `sample` within its dataset."""
    return sample.split, str(sample.name)
