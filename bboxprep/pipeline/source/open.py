"""Opens a source: detects its format, surveys its samples once, and gives each the frame of `frames.resolve`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import msgspec

from bboxprep import formats
from bboxprep.errors import AnnotationError, UsageError
from bboxprep.findings import Finding
from bboxprep.frames.evidence import size_fault
from bboxprep.frames.resolve import UPRIGHT, Decision, LabelsIn, assumption, resolve_frames, stale_tag
from bboxprep.images.codecs.codec import DEFAULT_IMAGE_POLICY, ImagePolicy
from bboxprep.io.paths import folder_of_links, links_admitted, resolved
from bboxprep.model.batch import Batch
from bboxprep.model.conventions import convention_faults
from bboxprep.model.dataset import Dataset
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.sample import Frame, Key, Sample
from bboxprep.model.splits import splits_of
from bboxprep.model.validation import count_duplicates, rows_with_duplicates
from bboxprep.pipeline.sidecar.merge import merge_sidecar
from bboxprep.pipeline.source.header_cache import HeaderCache
from bboxprep.pipeline.source.label_files import misplaced_labels
from bboxprep.pipeline.source.masks import with_masks
from bboxprep.pipeline.source.roots import SourceRoot, find_root
from bboxprep.pipeline.source.survey import ImageSummary, survey
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import IN_CALLING_PROCESS
from bboxprep.pipeline.work.stages import stage
from bboxprep.transform.render import SampleRenderer

_TOGETHER = 1024  # outlines that are looked at together


class Source(msgspec.Struct, frozen=True):
    """An opened dataset, with the summary of each image in the order of the samples."""

    dataset: Dataset
    summaries: tuple[ImageSummary, ...]
    frames: Mapping[Key, Decision]  # of the turned images
    image_policy: ImagePolicy = DEFAULT_IMAGE_POLICY

    def frame_of(self, summary: ImageSummary) -> Frame:
        """The frame of the labels of an image."""
        return self.frames.get(summary.key, UPRIGHT)[0]


def open_source(
    path: Path | SourceRoot,
    format: str | None = None,
    *,
    labels_in: LabelsIn = "auto",
    image_policy: ImagePolicy | None = None,
    object_policy: ObjectPolicy | None = None,
    sidecar: bool = True,
    labels_only: bool = False,
    decode_all: bool = False,
    engine: Engine = IN_CALLING_PROCESS,
    follow_links: str = "",
    options: Callable[[str], Mapping[str, Any]] = lambda _: {},
) -> Source:
    """Open the dataset at `path`: read it, survey its images, and decide the frame of each sample.

    `path` may be a folder above the dataset (see `pipeline.source.roots`). `format` is one of `formats.names()`, by
    default detected from the files. `labels_in` states the frame of the labels of turned photos. `object_policy` is
    that of the dataset. With `sidecar`, columns that an earlier run wrote to the sidecar are restored. With
    `labels_only`, no image is opened whose size the labels state; with `decode_all`, every image is decoded to find
    damaged ones. The `engine` reads and surveys. `options` returns
    the options of the reader of a format; `follow_links` is that option of all formats, which is needed before the
    format is known.
    Raises `SourceError` and `UsageError`.
    """
    if labels_in not in get_args(LabelsIn):
        raise UsageError(f"labels_in: have {labels_in!r}, want one of {', '.join(get_args(LabelsIn))}")
    if decode_all and labels_only:
        raise UsageError("`decode_all`: with `labels_only` no image is opened; want one of them")
    links = follow_links or (options(format).get("follow_links", "") if format else "")
    with links_admitted(*folder_of_links(links)):
        root = path if isinstance(path, SourceRoot) else find_root(path, format)
    chosen, path = formats.load(root.format), root.path
    reading = _with_whole_paths(options(root.format))
    how = formats.made_options(chosen.read_options, reading, f"reading {chosen.title}")
    image_policy = image_policy or ImagePolicy()
    probe = HeaderCache(image_policy.max_pixels, opens=not labels_only, decodes=decode_all)
    with links_admitted(*folder_of_links(reading.get("follow_links", ""))):
        with stage(0, "reading"):
            dataset = chosen.read(path, probe, how, engine.run)
        dataset = dataset.with_batches(probe.trusting) if labels_only else dataset
        dataset = _with_known_split(merge_sidecar(dataset) if sidecar else dataset)
    dataset = replace(dataset, findings=(*root.findings, *dataset.findings)).with_unique_names()
    if not len(dataset):
        raise AnnotationError(path, "", f"{chosen.title} was found but it lists no image")
    summaries = survey(dataset, engine)
    probe.learn(summaries)
    dataset = replace(dataset, findings=(*dataset.findings, *misplaced_labels(dataset, summaries)))
    frames, notes = resolve_frames(path, dataset, summaries, labels_in, image_policy, chosen.plane)
    renderer = SampleRenderer(dataset.categories, image_policy, object_policy or ObjectPolicy())
    settled = dataset.with_batches(partial(_settled, frames=frames, renderer=renderer, root=dataset.folder))
    settled = replace(
        settled,
        reading=reading,
        object_policy=object_policy or ObjectPolicy(),
        findings=(*settled.findings, *notes, *convention_faults(settled, dict(chosen.conventions))),
    )
    return Source(settled, summaries, frames, image_policy)


def source_of(dataset: Dataset, engine: Engine = IN_CALLING_PROCESS) -> Source:
    """The source of a `dataset` that was opened before, and perhaps changed. Its images are surveyed anew."""
    frames: dict[Key, Decision] = {}
    for start in range(0, len(dataset), _TOGETHER):
        batch = dataset.outlines_at(range(start, min(start + _TOGETHER, len(dataset))))
        decisions = zip(batch.values("frame"), batch.values("evidence"), strict=True)
        frames |= {key: decision for key, decision in zip(batch.keys, decisions, strict=True) if decision != UPRIGHT}
    return Source(dataset, survey(dataset, engine), frames, image_policy_of(dataset))


def image_policy_of(dataset: Dataset) -> ImagePolicy:
    """The rules by which the images of `dataset` are decoded: those of its first sample that has some."""
    renderers = (dataset.outline(row).renderer for row in range(len(dataset)))
    return next((each.image_policy for each in renderers if isinstance(each, SampleRenderer)), DEFAULT_IMAGE_POLICY)


def _with_whole_paths(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `options` of a reader with absolute paths, as they are recorded."""
    links = options.get("follow_links", "")
    return {**options, "follow_links": str(resolved(Path(links)))} if links else options


def _with_known_split(dataset: Dataset) -> Dataset:
    """`dataset` with its only split renamed to train where its name is not a word for a split."""
    names = splits_of(dataset.splits)
    if len(names) != 1 or list(names) == list(names.values()):
        return dataset
    ((_, split),) = names.items()
    renamed = dataset.with_batches(partial(_in_split, split=split))
    findings = tuple(replace(finding, split=names.get(finding.split, finding.split)) for finding in dataset.findings)
    return replace(renamed, splits=tuple(names.values()), findings=findings)


def _in_split(batch: Batch, split: str) -> Batch:
    return batch.map_findings(lambda finding: replace(finding, split=split)).replace(split=split)


def _settled(batch: Batch, frames: Mapping[Key, Decision], renderer: SampleRenderer, root: Path) -> Batch:
    """`batch` of the dataset in the folder `root`, its samples in their decided frames and with their masks; those are
    refused whose declared size contradicts the image.
    """
    batch = _in_frames(batch, frames).replace(refusal="", renderer=renderer, root=root)
    found = {row: _faults(batch[row]) for row in sorted(_suspects(batch))}
    refused = [row for row, faults in found.items() if any(one.code == "size-contradicts" for one in faults)]
    if refused:
        refusals = ["size-contradicts" if row in refused else "" for row in range(len(batch))]
        batch = batch.with_columns(refusal=refusals)
    batch = batch.with_findings({row: faults for row, faults in found.items() if faults})
    return Batch.of(map(with_masks, batch)) if batch.any("segmentation") else batch


def _in_frames(batch: Batch, frames: Mapping[Key, Decision]) -> Batch:
    """`batch` with each sample in its frame; `frames` has the turned ones."""
    if frames and any(key in frames for key in batch.keys):
        return Batch.of(sample.in_frame(*frames.get(sample.key, UPRIGHT)) for sample in batch)
    frame, evidence = UPRIGHT
    return batch.replace(frame=frame, evidence=evidence)


def _suspects(batch: Batch) -> set[int]:
    """The rows of the samples of `batch` that may have `_faults`; most have none."""
    evidences, sizes = batch.values("evidence"), zip(batch.headers, batch.values("declared"), strict=True)
    turned = {row for row, evidence in enumerate(evidences) if evidence != UPRIGHT[1]}
    declared = {row for row, (header, size) in enumerate(sizes) if header and size and size != header.size}
    return turned | declared | rows_with_duplicates(batch)


def _faults(sample: Sample) -> tuple[Finding, ...]:
    """The findings about `sample` as a whole."""
    found = (assumption(sample), stale_tag(sample), _duplicates(sample), size_fault(sample))
    return tuple([Finding(*fault, sample.relative_path, split=sample.split) for fault in found if fault[0]])


def _duplicates(sample: Sample) -> tuple[str, str]:
    """(finding code, message) where `sample` has equal objects; ("", "") otherwise."""
    count = count_duplicates(sample.instances)
    words = f"objects have the class and the box of another one ({count}); all kept"
    return ("record-duplicate", words) if count else ("", "")


def refusing(source: Source, words: Mapping[Key, str], code: str) -> Source:
    """`source` in which the images are refused that have `words`, with a finding of `code` for each. Their summaries
    have no header, as those of images that are not written.
    """
    if not words:
        return source
    summaries = [one.replace_fast(header=None, thumbnail=b"") if one.key in words else one for one in source.summaries]
    dataset = source.dataset.with_batches(partial(_refused, words=words, code=code))
    return msgspec.structs.replace(source, dataset=dataset, summaries=tuple(summaries))


def _refused(batch: Batch, words: Mapping[Key, str], code: str) -> Batch:
    found = {row: words[key] for row, key in enumerate(batch.keys) if key in words}
    if not found:
        return batch
    refusals = [old or (code if row in found else "") for row, old in enumerate(batch.values("refusal"))]
    noted = {row: [batch.finding(row, code, why)] for row, why in found.items()}
    return batch.with_columns(refusal=refusals).with_findings(noted)
