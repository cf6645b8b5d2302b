"""Finds the label files of DOTA, and pairs them with their images by their stems.

A folder of labels that lies beside another for the same images (DOTA has ``labelTxt-v1.0`` and ``labelTxt-v1.5``, each
also with upright boxes, ``_hbb``) is another version of the labels: the newest one is read, oriented before upright.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats import image_tree, reading
from bboxprep.formats.api import MapEngine
from bboxprep.formats.dota.fields import CLASSES, LABELS, is_dota, is_label_folder
from bboxprep.formats.dota.rows import DotaFile, parse
from bboxprep.formats.image_lookup import ImageLookup, OtherSpelling, spelling_note
from bboxprep.io.paths import read_bytes, stem_of
from bboxprep.io.text import as_utf8, not_decoded
from bboxprep.model.splits import split_of

_MOST_BYTES = 1 << 26  # of a label file
_VERSION = re.compile(r"v(\d+(?:\.\d+)?)")


class DotaItem(msgspec.Struct, frozen=True):
    """One sample: its image, and its label file ("" without one). Paths are below the root."""

    split: str
    name: str
    image: str
    label: str = ""


class OpenedLabels(msgspec.Struct, frozen=True):
    """What is needed of a label file before its sample is read: its objects by class, those of its findings too."""

    counts: dict[str, int]
    lost: int


def read_file(path: Path, encoding: str = "") -> DotaFile:
    """The file at `path`. Raises `AnnotationError`."""
    try:
        return parse(as_utf8(read_bytes(path, _MOST_BYTES), encoding).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", not_decoded(error)) from error


def label_paths(root: Path, tree: image_tree.ImageTree) -> tuple[list[str], list[Finding]]:
    """The label files of `tree`, and a note on each folder of another version of them.

    They are the files with rows, and the others in the folders of those: an image without objects has an empty file.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for path in tree.labels:
        folder, name = image_tree.split_path(path)
        if name.lower() != CLASSES:
            folders[folder].append(path)
    known = {folder: own for folder, own in folders.items() if any(is_dota(root / path) for path in own)}
    families: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        if is_label_folder(folder):
            families[_home(folder)].append(folder)
    others = {one for own in families.values() for one in _older(own, folders)}
    kept = {folder for folder in folders if folder in known or is_label_folder(folder)} - others
    images = image_tree.Images(tree.images)
    labels = [
        path
        for folder in sorted(kept)
        for path in folders[folder]
        if is_dota(root / path) or images.beside(path, _stem(path))
    ]
    words = "another version of the labels beside it is read"
    return sorted(labels), [Finding("file-skipped", words, folders[folder][0]) for folder in sorted(others)]


def _home(folder: str) -> str:
    """The folder that the folder of labels which `folder` is or lies in stands in."""
    parts = folder.split("/")
    at = next(number for number, part in enumerate(parts) if part.lower().startswith(LABELS))
    return "/".join(parts[:at])


def _older(folders: Sequence[str], files: dict[str, list[str]]) -> Iterable[str]:
    """Those of `folders` of labels in one place that label images of a newer version of them."""
    versions: dict[tuple[bool, float], list[str]] = defaultdict(list)
    for folder in folders:
        versions[_age(folder[len(_home(folder)) :])].append(folder)
    seen: set[str] = set()
    for _, own in sorted(versions.items()):
        stems = {folder: {_stem(path) for path in files[folder]} for folder in own}
        yield from (folder for folder in own if seen & stems[folder])
        seen = seen.union(*stems.values())


def _age(folder: str) -> tuple[bool, float]:
    """The key that sorts versions of labels by their folder: oriented before upright boxes, then the newest first."""
    version = _VERSION.search(folder)
    return "hbb" in folder.lower() or "reclabel" in folder.lower(), -float(version[1]) if version else 0.0


def open_files(
    root: Path, labels: Sequence[str], spread: MapEngine, encoding: str
) -> tuple[dict[str, OpenedLabels], dict[str, Finding]]:
    """What is in the files `labels` below `root`, and a finding for each that cannot be read. Raises `AnnotationError`
    where none can.
    """
    return reading.open_files(partial(_opened, root, encoding), root, labels, spread)


def _opened(root: Path, encoding: str, label: str) -> OpenedLabels | Finding:
    try:
        file = read_file(root / label, encoding)
    except AnnotationError as error:
        return Finding("record-unreadable", error.problem, label, error.where)
    return OpenedLabels(dict(Counter(row.name for row in file.rows)), len(file.findings))


def pair_images(
    root: Path, tree: image_tree.ImageTree, opened: Mapping[str, OpenedLabels], broken: Collection[str]
) -> tuple[list[DotaItem], list[Finding]]:
    """The samples, sorted by split and name, and findings about label files without an image, by class. Images of
    `broken` files are left out, since their objects are not known.
    """
    pairs = _Pairs(tree, opened)
    for label in broken:
        pairs.left_out.update(pairs.images.beside(label, _stem(label)))
    for label in opened:
        pairs.by_stem(label)
    for label in pairs.pending:
        pairs.by_lookup(label)
    place = _Places(root, tree.images, opened)
    unlabelled, aside = image_tree.unlabelled_images(tree.images, pairs.label_of, pairs.left_out)
    items = [DotaItem(*place(image), image) for image in unlabelled]
    items += [DotaItem(*place(image), image, label) for image, label in pairs.label_of.items()]
    if len({(item.split, item.name) for item in items}) < len(items):
        items = [msgspec.structs.replace(item, name=item.image) for item in items]
    items = [msgspec.structs.replace(item, name=escape_surrogates(item.name)) for item in items]
    items.sort(key=lambda item: (item.split, item.name))  # the order of their UTF-8 bytes
    notes = [spelling_note(pairs.respelled, pairs.respelled[0].path)] if pairs.respelled else []
    return items, [*pairs.findings, *notes, *image_tree.aside_note(aside)]


class _Places:
    """Tells the split and the name of images. Where several folders have a folder of labels, each is a split."""

    def __init__(self, root: Path, images: Sequence[str], labels: Iterable[str]) -> None:
        self.splits = image_tree.split_folders(root, images)
        folders = {image_tree.split_path(label)[0] for label in labels}
        homes = {_home(folder) for folder in folders if is_label_folder(folder)}
        self.homes = homes if len(homes) > 1 and "" not in homes else set()

    def __call__(self, image: str) -> tuple[str, str]:
        """The split and the name of the `image`."""
        folders = image.split("/")
        for count in range(len(folders) - 1, 0, -1):
            if (home := "/".join(folders[:count])) in self.homes:
                return split_of(folders[count - 1]), image_tree.name_of(image.removeprefix(f"{home}/"))
        return image_tree.place(image, self.splits)


@dataclass
class _Pairs:
    """Pairs label files with images, one by one; `pending` are those without an image of their stem."""

    tree: image_tree.ImageTree
    opened: Mapping[str, OpenedLabels]
    label_of: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    pending: list[str] = field(default_factory=list)
    respelled: list[OtherSpelling] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images = image_tree.Images(self.tree.images)
        self.lookup = ImageLookup(lambda: [path for path in self.tree.images if path not in self.label_of])

    def by_stem(self, label: str) -> None:
        """Pair `label` with the nearest image of its stem, or leave it pending."""
        found = [image for image in self.images.beside(label, _stem(label)) if image not in self.left_out]
        found = [image for image in found if _stem(image) == _stem(label)] or found  # names in another Unicode form
        if found:
            self._pair(label, found)
        else:
            self.pending.append(label)

    def by_lookup(self, label: str) -> None:
        """Pair the pending `label` with the only image whose name is spelled nearly as its stem."""
        match = self.lookup.find(_stem(label), self.images.nearness(label))
        if match.path and match.path not in self.label_of:
            self.respelled.append(OtherSpelling(_stem(label), match.path, match.way))
        self._pair(label, [match.path] if match.path else list(match.rivals), match.hint)

    def _pair(self, label: str, found: Sequence[str], hint: str = "") -> None:
        if len(found) == 1 and found[0] not in self.label_of:
            self.label_of[found[0]] = label
            return
        why = f"no image of its name{hint}"
        if len(found) > 1:
            why = f"{len(found)} images fit: {', '.join(found)}"
        elif found:
            why = f"{found[0]} has its labels from {self.label_of[found[0]]}"
        self.left_out.update(image for image in found if image not in self.label_of)
        self.findings += _orphan(label, self.opened[label], why)


def _orphan(label: str, file: OpenedLabels, why: str) -> list[Finding]:
    counts = [*file.counts.items(), *([("", file.lost)] if file.lost else [])]
    found = [Finding("label-orphan", f"{count} objects: {why}", label, "", count, name) for name, count in counts]
    return found or [Finding("label-orphan", why, label)]


def _stem(path: str) -> str:
    return stem_of(image_tree.split_path(path)[1])
