"""Pairs VOC annotation files with images, and lists the samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats.image_lookup import ImageLookup, Match, OtherSpelling, spelled_alike, spelling_note
from bboxprep.formats.image_tree import Images, ImageTree, aside_note, expected, parts_of, split_path, unlabelled_images
from bboxprep.formats.voc.lists import SplitLists
from bboxprep.formats.voc.parse_files import ParsedFile
from bboxprep.geometry.affine import Size
from bboxprep.io.paths import stem_of


class VocItem(msgspec.Struct, frozen=True):
    """One sample: its image, its XML file `label` ("" without one), and the declared size and packed annotation of it.

    Paths are below the root.
    """

    split: str
    name: str
    image: str
    present: bool = True
    label: str = ""
    declared: Size | None = None
    packed: bytes = b""
    hint: str = ""
    """Images with similar names, where the image is not `present`."""


class Pairing(msgspec.Struct, frozen=True):
    """The samples, sorted by split and name, and findings about files without a sample."""

    items: list[VocItem]
    findings: list[Finding]


def pair_images(
    tree: ImageTree, lists: SplitLists, parsed: Mapping[str, ParsedFile], broken: Mapping[str, Finding]
) -> Pairing:
    """Pair the files of `tree`. Images of `broken` files are left out, since their objects are not known."""
    matching = _Matching(Images(tree.images), lists)
    for label, finding in broken.items():
        matching.leave_out(label, finding)
    for label, file in parsed.items():
        matching.by_stem(label, file)
    for label in list(matching.pending):
        matching.by_filename(label, parsed[label])
    if matching.pending:
        matching.by_lookup(parsed)
    unlabelled, aside = unlabelled_images(tree.images, matching.label_of, matching.left_out)
    expected_at = {label: expected(label, parsed[label].filename) for label in matching.pending}
    known = {**dict.fromkeys(matching.left_out, ""), **dict.fromkeys(unlabelled, ""), **matching.label_of}
    known |= {image: label for label, image in expected_at.items()}
    if missing := lists.missing(known):
        lists, respelled = lists.respelled(known, missing)
        matching.respelled += respelled
        missing = lists.missing(known)
    items = [VocItem(*lists.place(image), image) for image in unlabelled]
    items += [_item(lists, image, label, parsed[label]) for image, label in matching.label_of.items()]
    for label, hint in matching.pending.items():
        item = _item(lists, expected_at[label], label, parsed[label], present=False)
        items.append(msgspec.structs.replace(item, hint=hint))
    if len({(item.split, item.name) for item in items}) < len(items):
        items = [msgspec.structs.replace(item, name=item.image) for item in items]
    items = [
        item if item.name.isascii() else msgspec.structs.replace(item, name=escape_surrogates(item.name))
        for item in items
    ]
    items.sort(key=lambda item: (item.split, item.name))  # the order of their UTF-8 bytes
    return Pairing(
        items, [*matching.findings, *_summary_findings(matching, aside, lists, [name for _, name in missing])]
    )


def _item(lists: SplitLists, image: str, label: str, file: ParsedFile, *, present: bool = True) -> VocItem:
    return VocItem(*lists.place(image, label), image, present, label, file.declared, file.packed)


@dataclass
class _Matching:
    """Pairs label files with images, one by one."""

    images: Images
    lists: SplitLists
    label_of: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    pending: dict[str, str] = field(default_factory=dict)  # to a hint at images with similar names
    misnamed: list[tuple[str, str]] = field(default_factory=list)
    respelled: list[OtherSpelling] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def leave_out(self, label: str, finding: Finding) -> None:
        """Leave out the image of `label`, which cannot be read."""
        self.left_out.update(self.images.beside(label, _stem(label)))
        self.findings.append(finding)

    def by_stem(self, label: str, file: ParsedFile) -> None:
        """Pair `label` with the image of the same stem, or leave it pending."""
        found = self.images.beside(label, _stem(label))
        if not found:
            self.pending[label] = ""
            return
        self._pair(label, file, found)
        if file.filename and not any(spelled_alike(file.filename, split_path(image)[1]) for image in found):
            self.misnamed.append((label, file.filename))

    def by_filename(self, label: str, file: ParsedFile) -> None:
        """Pair the pending `label` with the image that its ``<filename>`` names, with or without suffix."""
        name = file.filename
        found = self.images.beside(label, name) or self.images.beside(label, stem_of(name))
        if found:
            del self.pending[label]
            self._pair(label, file, found)

    def by_lookup(self, parsed: Mapping[str, ParsedFile]) -> None:
        """Pair each pending label with the one unlabelled image whose name differs only in spelling.

        Where a label matches several images, these are left out, since their objects are not known.
        """
        free = [image for image in self.images.paths if image not in self.label_of and image not in self.left_out]
        lookup = ImageLookup(lambda: free)
        matches = {label: self._match(lookup, label, parsed[label].filename) for label in self.pending}
        claims = Counter(match.path for match in matches.values())
        for label, match in matches.items():
            fitting = (match.path,) if match.path else match.rivals
            if match.path and claims[match.path] == 1:
                self.label_of[match.path] = label
                self.respelled.append(OtherSpelling(label, match.path, match.way))
            elif fitting:
                why = match.hint or f"; {match.path!r} fits other XML files too"
                self.left_out.update(fitting)
                self._drop("label-orphan", label, parsed[label], f"no image of its name{why}; left out")
            else:
                self.pending[label] = match.hint
                continue
            del self.pending[label]

    def _match(self, lookup: ImageLookup, label: str, filename: str) -> Match:
        nearness = self.images.nearness(label)
        by_stem = lookup.find(_stem(label), nearness)
        return by_stem if by_stem.path or by_stem.rivals or not filename else lookup.find(filename, nearness)

    def _pair(self, label: str, file: ParsedFile, found: list[str]) -> None:
        named = [image for image in found if split_path(image)[1] == file.filename]
        found = named if len(named) == 1 else found
        if len(found) > 1:
            self.left_out.update(found)
            self._drop("record-unreadable", label, file, f"{len(found)} images fit: {_joined(found)}")
        elif found[0] in self.left_out:
            self._drop("label-orphan", label, file, f"its image {found[0]} is left out for another XML file")
        elif found[0] in self.label_of:
            self._drop("label-orphan", label, file, f"{found[0]} has its labels from {self.label_of[found[0]]}")
        else:
            self.label_of[found[0]] = label

    def _drop(self, code: str, label: str, file: ParsedFile, message: str) -> None:
        split, _ = self.lists.place(expected(label, file.filename), label)
        self.findings.append(Finding(code, message, label, objects=file.source_count, split=split))


def _summary_findings(matching: _Matching, aside: list[str], lists: SplitLists, missing: list[str]) -> list[Finding]:
    """One finding for each problem that many files may have."""
    findings = []
    findings += _misnamed(matching)
    if matching.respelled:
        findings.append(spelling_note(matching.respelled, matching.respelled[0].name))
    if lists.other_tasks:
        message = f"there is no ImageSets/Main; the lists in {', '.join(lists.other_tasks)} give the splits"
        findings.append(Finding("record-repaired", message, lists.folder))
    if lists.in_several_splits:
        message = (
            f"names stand in several of train, val and test ({lists.in_several_splits:,}); the first of these was taken"
        )
        findings.append(Finding("record-repaired", message, lists.folder))
    if missing:
        message = f"listed names have no image and no XML file ({len(missing):,}, first: {missing[0]!r})"
        findings.append(Finding("image-missing", message, lists.folder))
    return [*findings, *aside_note(aside)]


def _misnamed(matching: _Matching) -> list[Finding]:
    """Findings about files whose ``<filename>`` differs from their stem. Those that name another existing image have a
    finding of their own, since their labels may be exchanged.
    """
    what = "files name another image in <filename> than their own stem does"
    groups: dict[str, list[tuple[str, str]]] = {what: [], f"{what}, one that exists in the dataset": []}
    absent, existing = groups.values()
    for label, name in matching.misnamed:
        (existing if matching.images.beside(label, name) else absent).append((label, name))
    return [
        Finding("record-repaired", f"{words} ({len(found):,}, first: {found[0][1]!r}); the stem was taken", found[0][0])
        for words, found in groups.items()
        if found
    ]


def _joined(paths: list[str]) -> str:
    return ", ".join(sorted(paths, key=parts_of))


def _stem(path: str) -> str:
    return stem_of(split_path(path)[1])
