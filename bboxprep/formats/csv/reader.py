"""CSV: rows of boxes, in the columns of many tools (`table`). A file is a split, or has a column that says it.

**Convention.** Corners are read by the rules of Pascal VOC (`formats.origin`): by proof in the numbers of the whole
dataset, else as edges, as the tools that write such files do; ``--voc-origin`` states it. Where no corner is beyond 1,
and some have decimals, they are fractions of the image.

**Images** lie in ``images/<split>/``, ``<split>/``, ``images/``, or beside the file. One there that no row names has no
objects. Classes have the order of ``classes.csv`` (name, number), then as they are first seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError, ImageError
from bboxprep.findings import Finding
from bboxprep.formats import listed_images
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.csv.document import CsvDocument, CsvImage, read_csv
from bboxprep.formats.csv.layout import DOCUMENTS, folders_of, read_classes, word_of
from bboxprep.formats.csv.options import LAYOUT, CsvReadOptions
from bboxprep.formats.csv.table import AUTOML
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.locate_images import images_below, locate
from bboxprep.formats.origin import Corners, LabellingTool, Origin, OriginEvidence, decide, edges, prove, trusted_size
from bboxprep.io.paths import AllowedFolders, dataset_folder, resolved, stem_of
from bboxprep.model.categories import Categories
from bboxprep.model.conventions import exchanged_corners
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample
from bboxprep.model.splits import TRAIN, split_of

Group = listed_images.ImageGroup[CsvImage]
Image = listed_images.ListedImage[CsvImage]
_SMALLEST_IMAGE = 16  # px of the shorter side


@reads
def read(root: Path, probe: Probe, options: CsvReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one file. Raises `LayoutError`, `AnnotationError` and `UsageError`."""
    home = dataset_folder(root)
    documents = DOCUMENTS.find(root, LAYOUT)
    parsed = [(one, read_csv(one.path, options.columns, options.encoding)) for one in documents]
    groups = [group for one, content in parsed for group in _groups(one, content, home)]
    groups = _with_unlisted(groups, home, others_list=root != home)
    items, notes = listed_images.listed_images(groups)
    origin, decided = _origin(root, probe, items, parsed, options)
    named = read_classes([*(one.path.parent for one in documents), home], home, options.encoding)
    seen = (box.label for _, content in parsed for image in content.images for box in image.boxes)
    classes = Categories.from_names(list(dict.fromkeys([*named, *seen])))
    loader = _Loader(home, probe, {name: row for row, name in enumerate(classes.names)}, origin)
    rows = [replace(finding, path=one.shown) for one, content in parsed for finding in content.findings]
    return Dataset(
        root=root,
        format="csv",
        categories=classes,
        samples=LazySamples.each(items, loader),
        outlines=LazySamples.each(items, loader.outline),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*decided, *rows, *notes, *listed_images.unlisted_note(groups, home)),
        extra={"csv": {"origin": str(origin)}},
    )


_Parsed = Sequence[tuple[LabelDocument, CsvDocument]]


def _groups(document: LabelDocument, content: CsvDocument, home: Path) -> Iterator[Group]:
    by_word: dict[str, list[CsvImage]] = {}
    for image in content.images:
        by_word.setdefault(image.word or word_of(document), []).append(image)
    by_word = by_word or {word_of(document): []}
    base, allowed = document.path.parent, resolved(home)
    for word, own in by_word.items():
        names = [image.name.rpartition("://")[2] for image in own]
        folder = listed_images.fullest_folder([*folders_of(document, word, home), base], names, allowed, ".png", base)
        located = locate(folder, listed_images.names_below(names, base, folder), allowed, "image")
        yield listed_images.ImageGroup(document, word, own, folder, located)


def _with_unlisted(groups: Sequence[Group], home: Path, *, others_list: bool) -> list[Group]:
    """`groups` with the images of their folders that no row names, where a folder holds the images of one group alone.
    `others_list`: other documents, which are not read, may list images of folders that have no name of a split.
    """
    uses = Counter(group.folder for group in groups)
    own = [
        uses[one.folder] == 1 and not (others_list and split_of(one.folder.name) != split_of(one.word))
        for one in groups
    ]
    return [_with_empty(one, home) if alone else one for one, alone in zip(groups, own, strict=True)]


def _with_empty(group: Group, home: Path) -> Group:
    base = group.document.path.parent
    apart = group.folder in (base, home)  # below it the folders of other splits may lie
    known = {*group.located.names}
    lost = {_stem(group.entries[row].name) for row in group.located.missing}  # which several images may fit
    names = sorted(
        name
        for name in images_below(group.folder, AllowedFolders(resolved(home)))
        if name not in known and _stem(name) not in lost and not (apart and "/" in name)
    )
    more = [CsvImage(name, group.word, None, "") for name in names]
    located = msgspec.structs.replace(group.located, names=(*group.located.names, *names))
    return msgspec.structs.replace(group, entries=[*group.entries, *more], located=located)


def _stem(path: str) -> str:
    return stem_of(path.replace("\\", "/").rpartition("/")[2]).casefold()


def _origin(
    root: Path, probe: Probe, items: Sequence[Image], parsed: _Parsed, options: CsvReadOptions
) -> tuple[Origin, list[Finding]]:
    """The origin of all corners, and why. Raises `AnnotationError` where two are proven."""
    if options.origin != "auto":
        return Origin(options.origin), []
    ends = [value for item in items for one in item.entries for box in one.boxes for value in box.corners]
    if not ends:
        return Origin.AS_IS, []
    by_unit = {content.form.tool == AUTOML: one.shown for one, content in parsed}
    if len(by_unit) > 1:
        words = f"{by_unit[True]} has fractions and {by_unit[False]} pixels; name one file as the source"
        raise AnnotationError(root, "", words)
    if True in by_unit:
        return Origin.FRACTIONS, []
    decimals = any(content.has_decimals for _, content in parsed)
    if max(ends) <= 1.0 and decimals and not _are_tiny(probe, items):
        return Origin.FRACTIONS, [Finding("voc-origin-decided", f"{Origin.FRACTIONS}: no corner is beyond 1")]
    proof = sum((_proof(probe, item) for item in items), OriginEvidence())
    tools = [LabellingTool(content.form.tool, Origin.AS_IS) for _, content in parsed]
    origin, finding = decide(root, proof, tools)
    return origin, [finding] if origin is not Origin.AS_IS else []


def _are_tiny(probe: Probe, items: Sequence[Image]) -> bool:
    """Whether the first image that is there is so small that a box of a pixel is no wonder."""
    for item in items:
        if not item.missing:
            try:
                return min(probe(item.path, item.entries[0].declared).size) < _SMALLEST_IMAGE
            except ImageError:  # its finding comes when the sample is loaded
                continue
    return False


def _proof(probe: Probe, item: Image) -> OriginEvidence:
    """The evidence of the boxes of `item`, held against its true size where one may reach over."""
    entry = item.entries[0]
    corners = np.concatenate([_corners(one) for one in item.entries], axis=1)
    most = corners[0, :, 2:].max(axis=0, initial=0.0)
    size = entry.declared
    if not item.missing and (size is None or (most > np.array(size)).any()):
        try:
            size = trusted_size(probe(item.path, entry.declared), entry.declared)
        except ImageError:  # its finding comes when the sample is loaded
            size = None
    return prove(corners, size) if size else OriginEvidence()


def _corners(image: CsvImage) -> Corners:
    """The corners of the boxes of `image`, as `formats.origin` wants them: float64 (2, N, 4)."""
    own = [[box.corners for box in image.boxes], [box.less_one for box in image.boxes]]
    return np.array(own, dtype=np.float64).reshape(2, -1, 4)


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of items; plain data, which is pickled for worker processes."""

    home: Path
    probe: Probe
    rows: Mapping[str, int]
    origin: Origin

    def __call__(self, item: Image) -> Sample:
        outline = self.outline(item)
        boxes, exchanged = edges(np.concatenate([_corners(one) for one in item.entries], axis=1), self.origin)
        if self.origin is Origin.FRACTIONS:
            size = outline.header.displayed if outline.header else outline.declared or (1, 1)
            boxes = boxes * np.tile(np.array(size, dtype=np.float64), 2)
        own = [box for one in item.entries for box in one.boxes]
        findings = [
            replace(one, path=item.document, split=item.split) for image in item.entries for one in image.findings
        ]
        if exchanged.any():
            words = exchanged_corners(int(exchanged.sum()), len(own))
            findings.append(Finding("record-repaired", words, item.document, item.entries[0].where, split=item.split))
        return outline.replace_fast(
            instances=Instances.of(
                boxes,
                [self.rows[box.label] for box in own],
                scores=[box.score for box in own],
                attributes=[box.attributes for box in own],
            ),
            findings=(*outline.findings, *findings),
            source_count=len(own) + sum(one.objects for one in findings),
        )

    def outline(self, item: Image) -> Sample:
        """The sample of `item` without its objects."""
        return item.outline(self.probe, self.home).replace_fast(fractional=self.origin is Origin.FRACTIONS)
