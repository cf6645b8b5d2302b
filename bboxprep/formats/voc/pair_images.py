"""Which image each VOC file is about, and so which samples there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats.image_lookup import ImageLookup, Match, Respelled, respelled_note, spelled_alike
from bboxprep.formats.voc.lists import SplitLists
from bboxprep.formats.voc.parse_files import ParsedFile
from bboxprep.formats.voc.tree import Images, VocTree, base_of, expected, parts_of, split_path
from bboxprep.geometry.affine import Size
from bboxprep.io.paths import stem_of
from bboxprep.model.splits import known_split


@dataclass(frozen=True, slots=True)
class VocItem:
    """One sample to be: its image, and the XML file about it ("" where there is none) with what that says, packed.

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
    """Images of nearly its name, where it is not `present`."""


@dataclass(frozen=True)
class Pairing:
    """The samples, sorted by split and name, and findings about files that gave none."""

    items: list[VocItem]
    findings: list[Finding]


def pair(tree: VocTree, lists: SplitLists, briefs: Mapping[str, ParsedFile], broken: Mapping[str, Finding]) -> Pairing:
    """The samples of a tree. The images of `broken` files are none: their objects are not known, and so not none."""
    matching = _Matching(Images(tree.images), lists)
    for label, finding in broken.items():
        matching.leave_out(label, finding)
    for label, brief in briefs.items():
        matching.by_stem(label, brief)
    for label in list(matching.pending):
        matching.by_filename(label, briefs[label])
    if matching.pending:
        matching.by_lookup(briefs)
    bare, aside = _unlabelled(tree, matching)
    expected_at = {label: expected(label, briefs[label].filename) for label in matching.pending}
    known = {**dict.fromkeys(matching.left_out, ""), **dict.fromkeys(bare, ""), **matching.label_of}
    known |= {image: label for label, image in expected_at.items()}
    if absent := lists.absent(known):
        lists, respelled = lists.respelled(known, absent)
        matching.respelled += respelled
        absent = lists.absent(known)
    items = [VocItem(*lists.place(image), image) for image in bare]
    items += [_item(lists, image, label, briefs[label]) for image, label in matching.label_of.items()]
    for label, hint in matching.pending.items():
        item = _item(lists, expected_at[label], label, briefs[label], present=False)
        items.append(replace(item, hint=hint))
    if len({(item.split, item.name) for item in items}) < len(items):
        items = [replace(item, name=item.image) for item in items]
    items = [item if item.name.isascii() else replace(item, name=escape_surrogates(item.name)) for item in items]
    items.sort(key=lambda item: (item.split, item.name))  # as their bytes in UTF-8 would be
    return Pairing(items, [*matching.findings, *_folded(matching, aside, lists, [name for _, name in absent])])


def _item(lists: SplitLists, image: str, label: str, brief: ParsedFile, *, present: bool = True) -> VocItem:
    return VocItem(*lists.place(image, label), image, present, label, brief.declared, brief.packed)


@dataclass
class _Matching:
    """Labels given to images, one by one."""

    images: Images
    lists: SplitLists
    label_of: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    pending: dict[str, str] = field(default_factory=dict)  # with images of nearly its name, as the end of a message
    misnamed: list[tuple[str, str]] = field(default_factory=list)
    respelled: list[Respelled] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def leave_out(self, label: str, finding: Finding) -> None:
        """Note that `label` cannot be read: its image is no sample."""
        self.left_out.update(self.images.beside(label, _stem(label)))
        self.findings.append(finding)

    def by_stem(self, label: str, brief: ParsedFile) -> None:
        """Give `label` to the image of its own stem, or leave it pending."""
        found = self.images.beside(label, _stem(label))
        if not found:
            self.pending[label] = ""
            return
        self._give(label, brief, found)
        if brief.filename and not any(spelled_alike(brief.filename, split_path(image)[1]) for image in found):
            self.misnamed.append((label, brief.filename))

    def by_filename(self, label: str, brief: ParsedFile) -> None:
        """Give the pending `label` to the image that its ``<filename>`` names, with or without suffix."""
        name = brief.filename
        found = self.images.beside(label, name) or self.images.beside(label, stem_of(name))
        if found:
            del self.pending[label]
            self._give(label, brief, found)

    def by_lookup(self, briefs: Mapping[str, ParsedFile]) -> None:
        """Give each pending label to the one image without a label whose name is spelled otherwise.

        The images of labels that fit several are left out, for their objects are not known.
        """
        free = [image for image in self.images.paths if image not in self.label_of and image not in self.left_out]
        lookup = ImageLookup(lambda: free)
        matches = {label: self._match(lookup, label, briefs[label].filename) for label in self.pending}
        claims = Counter(match.path for match in matches.values())
        for label, match in matches.items():
            fitting = (match.path,) if match.path else match.rivals
            if match.path and claims[match.path] == 1:
                self.label_of[match.path] = label
                self.respelled.append(Respelled(label, match.path, match.way))
            elif fitting:
                why = match.hint or f"; {match.path!r} fits other XML files too"
                self.left_out.update(fitting)
                self._drop("label-orphan", label, briefs[label], f"no image of its name{why}; left out")
            else:
                self.pending[label] = match.hint
                continue
            del self.pending[label]

    def _match(self, lookup: ImageLookup, label: str, filename: str) -> Match:
        nearness = self.images.nearness(label)
        by_stem = lookup.find(_stem(label), nearness)
        return by_stem if by_stem.path or by_stem.rivals or not filename else lookup.find(filename, nearness)

    def _give(self, label: str, brief: ParsedFile, found: list[str]) -> None:
        named = [image for image in found if split_path(image)[1] == brief.filename]
        found = named if len(named) == 1 else found
        if len(found) > 1:
            self.left_out.update(found)
            self._drop("record-unreadable", label, brief, f"{len(found)} images fit: {_joined(found)}")
        elif found[0] in self.left_out:
            self._drop("label-orphan", label, brief, f"its image {found[0]} is left out for another XML file")
        elif found[0] in self.label_of:
            self._drop("label-orphan", label, brief, f"{found[0]} has its labels from {self.label_of[found[0]]}")
        else:
            self.label_of[found[0]] = label

    def _drop(self, code: str, label: str, brief: ParsedFile, message: str) -> None:
        split, _ = self.lists.place(expected(label, brief.filename), label)
        self.findings.append(Finding(code, message, label, objects=brief.source_count, split=split))


def _unlabelled(tree: VocTree, matching: _Matching) -> tuple[list[str], list[str]]:
    """The images without labels that are samples, and those that lie where no labelled images do."""
    bases = {base_of(folder) for folder in {split_path(image)[0] for image in matching.label_of}}
    bare: list[str] = []
    aside: list[str] = []
    for image in tree.images:
        if image in matching.label_of or image in matching.left_out:
            continue
        base = base_of(split_path(image)[0])
        folder = split_path(base)[1]
        known = base in bases or bool(known_split(folder)) or folder.lower() == "jpegimages"
        (bare if known else aside).append(image)
    return bare, aside


def _folded(matching: _Matching, aside: list[str], lists: SplitLists, absent: list[str]) -> list[Finding]:
    """One finding for each kind of thing that may be true of many files."""
    findings = []
    findings += _misnamed(matching)
    if matching.respelled:
        findings.append(respelled_note(matching.respelled, matching.respelled[0].name))
    if lists.torn:
        message = f"{lists.torn:,} names stand in several of train, val and test; the first of these was taken"
        findings.append(Finding("record-repaired", message, lists.folder))
    if absent:
        message = f"{len(absent):,} listed names have no image and no XML file (first: {absent[0]!r})"
        findings.append(Finding("image-missing", message, lists.folder))
    if aside:
        message = f"{len(aside):,} images lie where no labelled images do; left aside"
        findings.append(Finding("image-aside", message, aside[0]))
    return findings


def _misnamed(matching: _Matching) -> list[Finding]:
    """The files whose ``<filename>`` is not their own stem: apart from the others those that name another image that is
    there, for their labels may be exchanged.
    """
    what = "files name another image in <filename> than their own stem does"
    groups: dict[str, list[tuple[str, str]]] = {what: [], f"{what}, one that exists in the dataset": []}
    absent, existing = groups.values()
    for label, name in matching.misnamed:
        (existing if matching.images.beside(label, name) else absent).append((label, name))
    return [
        Finding("record-repaired", f"{len(found):,} {words} (first: {found[0][1]!r}); the stem was taken", found[0][0])
        for words, found in groups.items()
        if found
    ]


def _joined(paths: list[str]) -> str:
    return ", ".join(sorted(paths, key=parts_of))


def _stem(path: str) -> str:
    return stem_of(split_path(path)[1])
