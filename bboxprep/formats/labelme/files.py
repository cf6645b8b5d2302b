"""Opens the files of a LabelMe dataset once, and pairs them with their images.

An image is the one that ``imagePath`` names, taken from the folder of the file, with either kind of slash; else the one
of the file's own stem, else the only one whose name is spelled nearly so. ``imageData``, a copy of the image within the
file, is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from posixpath import normpath

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats import image_tree, reading
from bboxprep.formats.api import MapEngine
from bboxprep.formats.image_lookup import ImageLookup, OtherSpelling, spelling_note
from bboxprep.formats.labelme.fields import SPLIT, is_labelme
from bboxprep.formats.labelme.shapes import read_objects
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import BadJson, as_text_tokens, decode, decode_with_nan, whole
from bboxprep.io.paths import read_bytes, stem_of
from bboxprep.io.text import as_utf8, not_decoded

MOST_BYTES = 1 << 28  # a file may hold its image
_LONGEST_SIDE = 2**31


class LabelMeFile(msgspec.Struct, frozen=True):
    """A file as it stands: the list of its shapes, and all other keys."""

    shapes: list[msgspec.Raw]
    others: dict[str, msgspec.Raw]

    @property
    def declared(self) -> Size | None:
        """The size of the image that it states."""
        sides = [whole(self.value(key)) or 0 for key in ("imageWidth", "imageHeight")]
        return Size(*sides) if all(0 < side < _LONGEST_SIDE for side in sides) else None

    def value(self, key: str) -> object:
        """The value of another key; None without one."""
        return decode(self.others[key], object) if key in self.others else None


class OpenedFile(msgspec.Struct, frozen=True):
    """What is needed of a file before its sample is read: the number of its objects, and the names of its classes in
    their order, each with those of its keypoints.
    """

    image_path: str
    declared: Size | None
    holds_image: bool
    names_split: bool
    source_count: int
    classes: dict[str, tuple[str, ...]]


class LabelMeItem(msgspec.Struct, frozen=True):
    """One sample: its image, and its file `label` ("" without one). Paths are below the root."""

    split: str
    name: str
    image: str
    label: str = ""
    declared: Size | None = None
    problem: str = ""
    """Why there is no image."""


def read_file(path: Path, encoding: str = "") -> LabelMeFile:
    """The file at `path`. Raises `AnnotationError`."""
    try:
        fields = decode_with_nan(
            as_utf8(read_bytes(path, MOST_BYTES), encoding), dict[str, msgspec.Raw], as_text_tokens
        )
        shapes = decode(fields.pop("shapes", msgspec.Raw(b"null")), list[msgspec.Raw])
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", not_decoded(error)) from error
    except BadJson as error:
        raise AnnotationError(path, "", f"want an object with a list of shapes ({error})") from error
    return LabelMeFile([msgspec.Raw(bytes(shape)) for shape in shapes], fields)


def open_files(
    root: Path, labels: Sequence[str], spread: MapEngine, encoding: str
) -> tuple[dict[str, OpenedFile], dict[str, Finding]]:
    """The files `labels` below `root`, and a finding for each that cannot be read. Raises `AnnotationError` where none
    can.
    """
    return reading.open_files(partial(_opened, root, encoding), root, labels, spread)


def _opened(root: Path, encoding: str, label: str) -> OpenedFile | Finding:
    try:
        file = read_file(root / label, encoding)
        path, data = file.value("imagePath"), file.value("imageData")
        declared = file.declared
    except AnnotationError as error:
        return Finding("record-unreadable", error.problem, label, error.where)
    except BadJson as error:
        return Finding("record-unreadable", str(error), label)
    objects, findings = read_objects(file.shapes, None)
    classes: dict[str, tuple[str, ...]] = {}
    for made in objects:
        classes[made.label] = tuple(dict.fromkeys((*classes.get(made.label, ()), *made.keypoints)))
    count = len(objects) + sum(finding.objects for finding in findings)
    return OpenedFile(
        path if isinstance(path, str) else "", declared, isinstance(data, str), SPLIT in file.others, count, classes
    )


def pair_images(
    root: Path, tree: image_tree.ImageTree, opened: Mapping[str, OpenedFile], broken: Mapping[str, Finding]
) -> tuple[list[LabelMeItem], list[Finding]]:
    """The samples, sorted by split and name, and findings about files without one. Images of `broken` files are left
    out, since their objects are not known.
    """
    where = _places(root, tree, opened)
    pairs = _Pairs(tree, opened)
    for label in broken:
        pairs.left_out.update(pairs.images.beside(label, _stem(label)))
    for label, file in opened.items():
        pairs.by_path(label, file.image_path)
    for label in list(pairs.pending):
        pairs.by_name(label, opened[label].image_path)
    unlabelled, aside = image_tree.unlabelled_images(tree.images, pairs.label_of, pairs.left_out)
    items = [LabelMeItem(*where(image), image) for image in unlabelled]
    for image, label in pairs.label_of.items():
        items.append(LabelMeItem(*where(image), image, label, opened[label].declared))
    for label, hint in pairs.pending.items():
        image = image_tree.expected(label, opened[label].image_path)
        inside = "; a copy of it in the file (imageData) is not read" if opened[label].holds_image else ""
        problem = f"not there, but {label} labels it{inside}{hint}"
        items.append(LabelMeItem(*where(image), image, label, opened[label].declared, problem))
    if len({(item.split, item.name) for item in items}) < len(items):
        items = [msgspec.structs.replace(item, name=item.image) for item in items]
    items = [msgspec.structs.replace(item, name=escape_surrogates(item.name)) for item in items]
    items.sort(key=lambda item: (item.split, item.name))  # the order of their UTF-8 bytes
    notes = [spelling_note(pairs.respelled, pairs.respelled[0].path)] if pairs.respelled else []
    return items, [*broken.values(), *pairs.findings, *notes, *image_tree.aside_note(aside)]


def _places(
    root: Path, tree: image_tree.ImageTree, opened: Mapping[str, OpenedFile]
) -> Callable[[str], tuple[str, str]]:
    """The function that gives split and name of the image at a path. Where a file names its split, as those of the
    writer do, each folder at `root` is one.
    """
    if any(file.names_split for file in opened.values()) and all("/" in image for image in tree.images):
        return image_tree.place_by_first_folder
    splits = image_tree.split_folders(root, tree.images)
    return lambda image: image_tree.place(image, splits)


@dataclass
class _Pairs:
    """Pairs files with images, one by one; `pending` are files without an image, each with a hint."""

    tree: image_tree.ImageTree
    opened: Mapping[str, OpenedFile]
    label_of: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    pending: dict[str, str] = field(default_factory=dict)
    respelled: list[OtherSpelling] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images, self.paths = image_tree.Images(self.tree.images), frozenset(self.tree.images)
        self.lookup = ImageLookup(lambda: self.tree.images)

    def by_path(self, label: str, image_path: str) -> None:
        """Pair `label` with the image at `image_path`, or leave it pending."""
        path = normpath(image_tree.join_path(image_tree.split_path(label)[0], image_path.replace("\\", "/")))
        if path in self.paths:
            self._pair(label, path)
        else:
            self.pending[label] = ""

    def by_name(self, label: str, image_path: str) -> None:
        """Pair the pending `label` with the nearest image of its stem, else with the one that `image_path` may mean."""
        found = self.images.beside(label, _stem(label))
        match = self.lookup.find(image_path)
        if len(found) == 1 or (match.path and not found):
            del self.pending[label]
            path, way = (found[0], "by the name of its file") if found else (match.path, match.way)
            self.respelled.append(OtherSpelling(image_path, path, way))
            self._pair(label, path)
        elif found or match.rivals:
            rivals = sorted(found or match.rivals)
            self.left_out.update(rivals)
            del self.pending[label]
            self._drop(label, f"{len(rivals)} images fit: {', '.join(rivals)}")
        else:
            self.pending[label] = match.hint

    def _pair(self, label: str, image: str) -> None:
        if image in self.left_out:
            self._drop(label, f"its image {image} is left out for another file")
        elif image in self.label_of:
            self._drop(label, f"{image} has its labels from {self.label_of[image]}")
        else:
            self.label_of[image] = label

    def _drop(self, label: str, message: str) -> None:
        self.findings.append(Finding("label-orphan", message, label, objects=self.opened[label].source_count))


def _stem(path: str) -> str:
    return stem_of(image_tree.split_path(path)[1])


def label_paths(root: Path, tree: image_tree.ImageTree) -> tuple[list[str], list[Finding]]:
    """The LabelMe files of `tree`, with those beside an image of their stem that are no JSON at all; and a note on the
    other JSON files.
    """
    images = image_tree.Images(tree.images)
    beside = {label for label in tree.labels if images.beside(label, _stem(label))}
    labels = [label for label in tree.labels if is_labelme(root / label) or _is_damaged(root / label, label in beside)]
    others = sorted({*tree.labels} - {*labels})
    words = f"not read: it is no LabelMe file (nor are {len(others) - 1} other JSON files)"
    return labels, [Finding("file-skipped", words, others[0])] if others else []


def _is_damaged(path: Path, beside: bool) -> bool:
    """Whether the file at `path`, which has no sign of LabelMe, may have been one: it lies `beside` its image and is no
    JSON.
    """
    if not beside:
        return False
    try:
        decode_with_nan(as_utf8(read_bytes(path, MOST_BYTES)), dict[str, msgspec.Raw], as_text_tokens)
    except (AnnotationError, UnicodeDecodeError, BadJson):
        return True
    return False
