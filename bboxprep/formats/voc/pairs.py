"""Which image each VOC file is about, and so which samples there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from bboxprep.findings import Finding, spelt
from bboxprep.formats.voc.annotation import Annotation
from bboxprep.formats.voc.tree import SPLITS, Images, SplitLists, Tree, base_of, expected


@dataclass(frozen=True, slots=True)
class Item:
    """One sample to be: its image (below the root), and the XML file about it with what that says, if any."""

    split: str
    name: PurePosixPath
    image: PurePosixPath
    present: bool = True
    label: PurePosixPath | None = None
    annotation: Annotation | None = None


@dataclass(frozen=True)
class Pairing:
    """The samples, sorted by split and name, and findings about files that gave none."""

    items: list[Item]
    findings: list[Finding]


def pair(
    tree: Tree,
    lists: SplitLists,
    annotations: Mapping[PurePosixPath, Annotation],
    broken: Mapping[PurePosixPath, Finding],
) -> Pairing:
    """The samples of a tree. The images of `broken` files are none: their objects are not known, and so not none."""
    matching = _Matching(Images(tree.images), lists)
    for label, finding in broken.items():
        matching.leave_out(label, finding)
    for label, annotation in annotations.items():
        matching.by_stem(label, annotation)
    for label in list(matching.pending):
        matching.by_filename(label, annotations[label])
    bare, aside = _unlabelled(tree, matching)
    items = [Item(*lists.place(image), image) for image in bare]
    for image, label in matching.label_of.items():
        items.append(Item(*lists.place(image), image, label=label, annotation=annotations[label]))
    for label in matching.pending:
        image = expected(label, annotations[label].filename)
        items.append(Item(*lists.place(image), image, present=False, label=label, annotation=annotations[label]))
    if len({(item.split, item.name) for item in items}) < len(items):
        items = [replace(item, name=item.image) for item in items]
    items = [replace(item, name=PurePosixPath(spelt(str(item.name)))) for item in items]
    items.sort(key=lambda item: (_bytes(item.split), _bytes(item.name)))
    listed = [item.image for item in items] + list(matching.left_out)
    return Pairing(items, [*matching.findings, *_folded(matching, aside, lists, lists.absent(listed))])


@dataclass
class _Matching:
    """Labels given to images, one by one."""

    images: Images
    lists: SplitLists
    label_of: dict[PurePosixPath, PurePosixPath] = field(default_factory=dict)
    left_out: set[PurePosixPath] = field(default_factory=set)
    pending: dict[PurePosixPath, None] = field(default_factory=dict)
    misnamed: list[tuple[PurePosixPath, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def leave_out(self, label: PurePosixPath, finding: Finding) -> None:
        """Note that `label` cannot be read: its image is no sample."""
        self.left_out.update(self.images.beside(label, label.stem))
        self.findings.append(finding)

    def by_stem(self, label: PurePosixPath, annotation: Annotation) -> None:
        """Give `label` to the image of its own stem, or leave it pending."""
        found = self.images.beside(label, label.stem)
        if not found:
            self.pending[label] = None
            return
        self._give(label, annotation, found)
        if annotation.filename and all(annotation.filename not in (image.name, image.stem) for image in found):
            self.misnamed.append((label, annotation.filename))

    def by_filename(self, label: PurePosixPath, annotation: Annotation) -> None:
        """Give the pending `label` to the image that its ``<filename>`` names, with or without suffix."""
        name = annotation.filename
        found = self.images.beside(label, name) or self.images.beside(label, PurePosixPath(name).stem)
        if found:
            del self.pending[label]
            self._give(label, annotation, found)

    def _give(self, label: PurePosixPath, annotation: Annotation, found: list[PurePosixPath]) -> None:
        named = [image for image in found if image.name == annotation.filename]
        found = named if len(named) == 1 else found
        if len(found) > 1:
            self.left_out.update(found)
            self._drop("record-unreadable", label, annotation, f"{len(found)} images fit: {_joined(found)}")
        elif found[0] in self.left_out:
            self._drop("label-orphan", label, annotation, f"its image {found[0]} is left out for another XML file")
        elif found[0] in self.label_of:
            self._drop("label-orphan", label, annotation, f"{found[0]} has its labels from {self.label_of[found[0]]}")
        else:
            self.label_of[found[0]] = label

    def _drop(self, code: str, label: PurePosixPath, annotation: Annotation, message: str) -> None:
        split, _ = self.lists.place(expected(label, annotation.filename))
        self.findings.append(Finding(code, message, str(label), objects=annotation.listed, split=split))


def _unlabelled(tree: Tree, matching: _Matching) -> tuple[list[PurePosixPath], list[PurePosixPath]]:
    """The images without labels that are samples, and those that lie where no labelled images do."""
    bases = {base_of(image) for image in matching.label_of}
    bare: list[PurePosixPath] = []
    aside: list[PurePosixPath] = []
    for image in tree.images:
        if image in matching.label_of or image in matching.left_out:
            continue
        base = base_of(image)
        known = base in bases or base.name.lower() in {*SPLITS, "jpegimages"}
        (bare if known else aside).append(image)
    return bare, aside


def _folded(matching: _Matching, aside: list[PurePosixPath], lists: SplitLists, absent: list[str]) -> list[Finding]:
    """One finding for each kind of thing that may be true of many files."""
    findings = []
    if matching.misnamed:
        label, name = matching.misnamed[0]
        what = f"{len(matching.misnamed):,} files name another image in <filename> than their own stem does"
        findings.append(Finding("record-repaired", f"{what} (first: {name!r}); the stem was taken", str(label)))
    if lists.torn:
        message = f"{lists.torn:,} names stand in several of train, val and test; the first of these was taken"
        findings.append(Finding("record-repaired", message, "ImageSets/Main"))
    if absent:
        message = f"{len(absent):,} listed names have no image and no XML file (first: {absent[0]!r})"
        findings.append(Finding("image-missing", message, "ImageSets/Main"))
    if aside:
        message = f"{len(aside):,} images lie where no labelled images do; left aside"
        findings.append(Finding("image-aside", message, str(aside[0])))
    return findings


def _joined(paths: list[PurePosixPath]) -> str:
    return ", ".join(map(str, sorted(paths)))


def _bytes(word: PurePosixPath | str) -> bytes:
    return str(word).encode("utf-8", "surrogatepass")
