"""Supervisely: a project of datasets, each with a JSON of labels an image.

The modules: `project` finds the files and reads ``meta.json``, `shapes` makes objects of labels, `writer` writes. A
dataset is a split where any of them is called by a word for one; else an image is in the split that a tag of it names.
Classes stand in the order of ``meta.json``, then as they are first seen. An image without a file is unlabelled, one
whose file has no objects has none. The size that a file states tells the plane of a turned photo.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.image_lookup import ImageLookup
from bboxprep.formats.image_tree import join_path, link_notes, walk
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.listed_images import ImageGroup
from bboxprep.formats.object_records import ImageRecord, classes_of, record_dataset
from bboxprep.formats.reading import in_batches
from bboxprep.formats.record_values import stated_size
from bboxprep.formats.supervisely import project
from bboxprep.formats.supervisely.options import LAYOUT, LabelUnits, SuperviselyReadOptions
from bboxprep.formats.supervisely.project import IMAGES, LABELS, DatasetFolder
from bboxprep.formats.supervisely.shapes import read_objects
from bboxprep.io.paths import folder_name, resolved
from bboxprep.model.dataset import Dataset
from bboxprep.model.splits import is_word


@reads
def read(root: Path, probe: Probe, options: SuperviselyReadOptions, spread: MapEngine = map) -> Dataset:
    """The project below the folder `root`. Raises `LayoutError` where there is none, and `AnnotationError`."""
    if not root.is_dir():
        raise LayoutError(root, "", "want the folder of a Supervisely project")
    tree, meta = walk(root, ".json"), project.read_meta(root, options.encoding)
    folders = project.dataset_folders(tree)
    if not folders:
        raise LayoutError(root, "", f"no Supervisely project here (looked for {LAYOUT})")
    words = project.split_words([one.folder or _own_word(root) for one in folders], meta.names_splits)
    groups: list[ImageGroup[ImageRecord]] = []
    findings: list[Finding] = []
    used: dict[str, None] = {}
    for own in folders:
        opener = _Opener(root, own.folder, options.encoding, options.units, meta.nodes)
        found = [one for part in in_batches(opener, own.labels, spread) for one in part]
        opened = [one for one in found if isinstance(one, _Opened)]
        broken = [one for one in found if isinstance(one, Finding)]
        used |= dict.fromkeys(name for one in opened for name in one.classes)
        findings += broken
        groups += _groups(root, own, opened, {one.path for one in broken}, words[own.folder or _own_word(root)])
    if not any(one.document for group in groups for one in group.entries):
        raise AnnotationError(root / findings[0].path, findings[0].where, findings[0].message)
    findings += link_notes(tree)
    return record_dataset(root, "supervisely", classes_of(meta.classes, used), groups, probe, findings)


def _groups(
    root: Path, own: DatasetFolder, opened: Sequence[_Opened], broken: Collection[str], word: str
) -> Iterator[ImageGroup[ImageRecord]]:
    """The images of a dataset by their splits, then those without a file of labels. Images of `broken` files, and those
    that a file may mean, are left out.
    """
    folder, home = root / join_path(own.folder, IMAGES), resolved(root)
    document = LabelDocument(root / own.folder, join_path(own.folder, f"{LABELS}/{own.labels[0]}"), word)
    names, unpaired = set[str](), [_image(path, own.folder) for path in broken]
    for tagged, entries in _by_word(opened, word).items():
        group = ImageGroup.locate(document, tagged, entries, folder, home, "name")
        names |= {*group.located.names}
        unpaired += [entries[row].name for row in group.located.missing]
        yield group
    lookup = ImageLookup(lambda: own.images)
    matches = [lookup.find(name) for name in unpaired]
    names |= {name for match in matches for name in (match.path, *match.rivals)}
    if bare := [name for name in own.images if name not in names]:
        yield ImageGroup.locate(document, word, list(map(_unlabelled, bare)), folder, home, "name")


class _Opened(msgspec.Struct, frozen=True):
    """A label file: the image that it lists, the split that a tag of it names, and the classes of its objects."""

    entry: ImageRecord
    word: str
    classes: tuple[str, ...]


def _own_word(root: Path) -> str:
    """The split that the name of the folder `root` is a word for, or ""."""
    name = folder_name(root)
    return name if is_word(name) else ""


def _image(path: str, folder: str) -> str:
    """The name of the image of the label file at `path`, in the dataset in `folder`."""
    return path.removeprefix(f"{join_path(folder, LABELS)}/")[: -len(".json")]


def _unlabelled(name: str) -> ImageRecord:
    return ImageRecord(name=name, unlabelled="no file of labels is called like it")


def _by_word(opened: Sequence[_Opened], word: str) -> dict[str, list[ImageRecord]]:
    """The entries of `opened` by the split that they are in: that of `word`, else of their tag."""
    found: dict[str, list[ImageRecord]] = {}
    for one in opened:
        found.setdefault(word or one.word, []).append(one.entry)
    return found


class _Opener(msgspec.Struct, frozen=True):
    """Opens one batch of label files; plain data, which is pickled for worker processes."""

    root: Path
    folder: str
    encoding: str
    units: LabelUnits
    nodes: Mapping[str, tuple[str, ...]]

    def __call__(self, labels: Sequence[str]) -> list[_Opened | Finding]:
        return [self._open(join_path(join_path(self.folder, LABELS), label)) for label in labels]

    def _open(self, path: str) -> _Opened | Finding:
        try:
            document = project.read_json(self.root / path, self.encoding)
        except AnnotationError as error:
            return Finding("record-unreadable", error.problem, path, error.where)
        records, sides = document.get("objects"), document.get("size")
        if not isinstance(records, list):
            return Finding("record-unreadable", "want a list of objects", path, "objects")
        size = stated_size(sides.get("width"), sides.get("height")) if isinstance(sides, dict) else None
        objects, findings = read_objects(records, size, self.units, self.nodes)
        tags = _tags(document)
        entry = ImageRecord.of(
            _image(path, self.folder),
            objects,
            findings,
            document=path,
            declared=size,
            extra={"supervisely": {"tags": tags}} if tags else {},
        )
        word = next((name for tag in tags if isinstance(tag, dict) and is_word(name := str(tag.get("name")))), "")
        return _Opened(entry, word, tuple(dict.fromkeys(one.label for one in objects)))


def _tags(document: Mapping[str, Any]) -> list[Any]:
    tags = document.get("tags")
    return tags if isinstance(tags, list) else []
