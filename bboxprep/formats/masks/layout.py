"""Finds the images of a data set of mask PNGs, the masks of each, and the list of classes.

``images/``, ``SegmentationClass/`` and ``SegmentationObject/`` (or folders of usual other names) lie side by side, with
the same folders in them; a mask is called like its image, or nearly so where only one image fits. The class with the
index k is line k of ``class_names.txt``, from 0 on. A folder that has labels of another kind besides is not of this
format.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats import image_lookup, image_tree
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.label_documents import CLASS_LISTS
from bboxprep.io import folder_listing, paths
from bboxprep.io.text import read_text
from bboxprep.model.columns import Column

LAYOUT = "class_names.txt, images/<split>/, and SegmentationClass/<split>/ with SegmentationObject/<split>/ or without"
CARRIES = frozenset({Column.BOXES, Column.MASKS})

IMAGES, CLASSES, OBJECTS = "images", "SegmentationClass", "SegmentationObject"
CLASS_NAMES, TABLE = "class_names.txt", "objects.tsv"
COLUMNS = ("image", "object", "class", "x0", "y0", "x1", "y1")
BACKGROUND, IGNORED = "_background_", "__ignore__"

_OF_CLASSES = ("segmentationclass", "segmentationclasspng", "masks", "mask", "semantic")
_OF_OBJECTS = ("segmentationobject", "segmentationobjectpng", "instances")
_NO_CLASS = frozenset({BACKGROUND, "background", "__background__"})
_ENDINGS = ("", "_mask")
_MOST_BYTES = 8 << 30


Masks = tuple[str, str]  # of classes and of objects: paths below the root, "" where there is none


class MaskItem(msgspec.Struct, frozen=True):
    """One image and its masks, as paths below the root, "" where there is none; `rows` are those of the table."""

    split: str
    name: str
    image: str
    classes: str
    objects: str
    rows: Sequence[Sequence[str]]


class MaskFiles(msgspec.Struct, frozen=True):
    """The images with their masks, and findings about masks whose image is called otherwise, or is not there."""

    items: list[MaskItem]
    findings: list[Finding]


def sniff(root: Path) -> str:
    """Why the folder `root` looks like a data set of mask PNGs, or ""."""
    folders = {path.name.lower(): path.name for path in folder_listing.subfolders(root)} if root.is_dir() else {}
    masks = [folders[name] for name in (*_OF_CLASSES, *_OF_OBJECTS) if name in folders]
    others = image_tree.LABEL_FOLDERS & folders.keys()
    named = _class_list(root) if masks and image_tree.IMAGE_FOLDERS & folders.keys() and not others else None
    return f"{named.name} names classes, and masks lie in {masks[0]}" if named else ""


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:  # noqa: ARG001  (all below belongs to it)
    """Whether a data set of mask PNGs begins in `folder`."""
    return RootEvidence.CLASS_TABLE if sniff(folder) else RootEvidence.NONE


def _class_list(root: Path) -> Path | None:
    home = paths.resolved(root)
    found = (root / name for name in CLASS_LISTS)
    return next((path for path in found if path.is_file() and paths.is_within(path, home)), None)


def read_classes(root: Path, encoding: str) -> tuple[list[str], int]:
    """The names of the classes, and the index of the first: 1 where index 0 is the background. Raises `LayoutError` or
    `AnnotationError`.
    """
    path = _class_list(root) if root.is_dir() else None
    if path is None:
        raise LayoutError(root, "", f"no list of classes here (want {LAYOUT})")
    lines = [line.strip() for line in read_text(path, _MOST_BYTES, encoding).splitlines()]
    names = [line for line in lines if line and line != IGNORED]
    first = int(bool(names) and names[0].lower() in _NO_CLASS)
    return names[first:], first


def find_files(root: Path, table: Mapping[str, Sequence[Sequence[str]]]) -> MaskFiles:
    """The images below `root` with their masks, and their rows of the `table`. Raises `LayoutError`."""
    folders = {path.name.lower(): path.name for path in folder_listing.subfolders(root)}
    places = [folders[name] for name in sorted(image_tree.IMAGE_FOLDERS) if name in folders]
    images = [path for place in places for path in _files(root, place, paths.IMAGE_SUFFIXES)]
    classes, objects = (_masks(root, folders, names) for names in (_OF_CLASSES, _OF_OBJECTS))
    if not images or not (classes or objects):
        raise LayoutError(root, "", f"no images with masks here (want {LAYOUT})")
    masks_of = {image: (_take(classes, _stem(image)), _take(objects, _stem(image))) for image in images}
    unclear, findings = _take_respelled(masks_of, classes, objects)
    place, rows = _places(root, images), {_stem(image): own for image, own in table.items()}
    items = [
        MaskItem(*place(image), image, *masks, table.get(image) or rows.get(_mask_stem(masks), ()))
        for image, masks in masks_of.items()
        if image not in unclear
    ]
    return MaskFiles(items, findings)


def _places(root: Path, images: Sequence[str]) -> Callable[[str], tuple[str, str]]:
    """The function that gives split and name of an image. In an output of `writer`, which has a table, each folder
    of the images folder is a split, whatever its name.
    """
    if (root / TABLE).is_file() and all(image.count("/") > 1 for image in images):
        return lambda image: image_tree.place_by_first_folder(image.partition("/")[2])
    return partial(image_tree.place, splits=image_tree.split_folders(root, images))


def _take_respelled(
    masks_of: dict[str, Masks], classes: dict[str, str], objects: dict[str, str]
) -> tuple[set[str], list[Finding]]:
    """Give the masks that are left in `classes` and `objects` to images of `masks_of` that have none and are called
    nearly as they are. The images of which several fit one, and findings.
    """
    lookup = image_lookup.ImageLookup(lambda: [image for image, masks in masks_of.items() if not any(masks)])
    respelled, unclear, orphans = list[image_lookup.OtherSpelling](), set[str](), list[tuple[str, str]]()
    for stem in sorted({*classes, *objects}):
        match, masks = lookup.find(stem), (_take(classes, stem), _take(objects, stem))
        if match.path and not any(masks_of[match.path]):
            masks_of[match.path] = masks
            respelled.append(image_lookup.OtherSpelling(stem, match.path, match.way))
        else:
            unclear.update(match.rivals)
            orphans += [(mask, match.hint) for mask in masks if mask]
    notes = [image_lookup.spelling_note(respelled, respelled[0].path)] if respelled else []
    if orphans:
        words = f"masks have no image of their name ({len(orphans):,}); left out{orphans[0][1]}"
        notes.append(Finding("label-orphan", words, orphans[0][0]))
    return unclear, notes


def _stem(path: str) -> str:
    """The `path` of an image or a mask in its folder at the root, without its suffix."""
    return paths.stem_of(path.partition("/")[2])


def _mask_stem(masks: Masks) -> str:
    return _stem(next(filter(None, masks), ""))


def _take(masks: dict[str, str], stem: str) -> str:
    """The mask of the image with that path without suffix, which is taken out of `masks`; "" where it has none."""
    return next((masks.pop(stem + end) for end in _ENDINGS if stem + end in masks), "")


def _masks(root: Path, folders: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """The PNGs in the first of the folders called by `names`, by their paths in it without suffix."""
    place = next((folders[name] for name in names if name in folders), "")
    found = _files(root, place, frozenset({".png"})) if place else []
    return {_stem(path): path for path in found}


def _files(root: Path, place: str, suffixes: Collection[str]) -> list[str]:
    """The files below the folder `place` of `root` that have one of the `suffixes`; none outside of `root`."""
    allowed = paths.AllowedFolders(root)
    return sorted(
        paths.relative_path(folder / name, root)
        for folder, _, names in folder_listing.walk(root / place)
        for name in names
        if paths.suffix_of(name).lower() in suffixes and not name.startswith(".") and allowed.holds(folder / name)
    )


def read_table(root: Path, encoding: str) -> dict[str, list[list[str]]]:
    """The rows of the table of objects by their images, without these; none without a table. Raises
    `AnnotationError`.
    """
    path = root / TABLE
    if not (path.is_file() and paths.is_within(path, paths.resolved(root))):
        return {}
    found: dict[str, list[list[str]]] = {}
    for cells in _cells(path, read_text(path, _MOST_BYTES, encoding)):
        found.setdefault(cells[0], []).append(cells[1:])
    return found


def _cells(path: Path, text: str) -> Iterator[list[str]]:
    """The cells of each row. Raises `AnnotationError`."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t")
    try:
        if tuple(next(rows, ())) != COLUMNS:
            raise AnnotationError(path, "line 1", f"want the columns {', '.join(COLUMNS)}, with tabs between")
        for cells in rows:
            if len(cells) != len(COLUMNS):
                raise AnnotationError(path, f"line {rows.line_num}", f"have {len(cells)} cells, want {len(COLUMNS)}")
            yield cells
    except csv.Error as error:
        raise AnnotationError(path, f"line {rows.line_num}", f"want a row of a table ({error})") from error
