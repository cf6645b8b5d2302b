"""Finds the parts of a Supervisely project, and reads its ``meta.json``.

A project has datasets, folders with ``img`` and ``ann`` in them; those within a dataset lie in its folder ``datasets``.
A label file is called like its image, suffix and all, and ``.json``; in old projects like its stem.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.image_tree import ImageTree, parts_of
from bboxprep.formats.record_values import read_document
from bboxprep.io.folder_listing import subfolders
from bboxprep.io.lenient_json import BadJson, decode
from bboxprep.io.paths import is_within, refuse_passing, resolved
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.categories import MOST_KEYPOINTS, Category
from bboxprep.model.splits import known_split

META, LABELS, IMAGES = "meta.json", "ann", "img"
SPLITS = "splits"  # our key of meta.json: each dataset is a split, whatever it is called

_HEAD = 65536
_DEEPEST = 3  # levels at which a dataset may lie
_CLASSES = re.compile(rb'"classes"\s*:\s*\[')
_LABEL = re.compile(rb'"objects"\s*:\s*\[')


class Meta(msgspec.Struct, frozen=True):
    """What ``meta.json`` says: the classes, the ids of the keypoints of each that has some, and whether each dataset is
    a split.
    """

    classes: tuple[Category, ...] = ()
    nodes: Mapping[str, tuple[str, ...]] = {}
    names_splits: bool = False


class DatasetFolder(msgspec.Struct, frozen=True):
    """The dataset in `folder`, "" for the root: its label files and its images by their paths below `ann` and `img`."""

    folder: str
    labels: Sequence[str]
    images: Sequence[str]


def sniff(root: Path) -> str:
    """Why the folder `root` looks like a Supervisely project, or ""."""
    if not _is_meta(root / META, root):
        return ""
    found = next(_folders_of_labels(root, _DEEPEST), None)
    return f"{META} names classes, and labels lie in {found.relative_to(root).as_posix()}" if found else ""


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:  # noqa: ARG001  (all below is of a project)
    """Whether a project begins in `folder`."""
    return RootEvidence.CLASS_TABLE if sniff(folder) else RootEvidence.NONE


def label_file(path: Path) -> str:
    """The kind of Supervisely file at `path`, or ""."""
    if path.suffix.lower() != ".json" or path.name == META:
        return ""
    head = _start(path)
    known = head.startswith(b"{") and _LABEL.search(head) and b'"size"' in head and b'"tags"' in head
    return "the labels of an image" if known else ""


def _is_meta(path: Path, root: Path) -> bool:
    return path.is_file() and is_within(path, resolved(root)) and bool(_CLASSES.search(_start(path)))


def _start(path: Path) -> bytes:
    try:
        return read_start_as_utf8(path, _HEAD).strip()
    except OSError as error:
        refuse_passing(error, path)
        return b""


def _folders_of_labels(root: Path, levels: int) -> Iterator[Path]:
    """The folders ``ann`` that lie beside a folder ``img``, in `root` or below."""
    below = sorted(subfolders(root))
    if {LABELS, IMAGES} <= {path.name for path in below}:
        yield root / LABELS
    elif levels:
        for path in below:
            yield from _folders_of_labels(path, levels - 1)


def read_json(path: Path, encoding: str) -> dict[str, Any]:
    """The JSON object in the file at `path`. Raises `AnnotationError`."""
    try:
        return decode(read_document(path, encoding), dict[str, Any])
    except BadJson as error:
        raise AnnotationError(path, "", f"want a JSON object ({error})") from error


def read_meta(root: Path, encoding: str) -> Meta:
    """The ``meta.json`` of `root`, empty without one. Raises `AnnotationError`."""
    path = root / META
    if not (path.is_file() and is_within(path, resolved(root))):
        return Meta()
    document = read_json(path, encoding)
    listed = document.get("classes")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    named = {name: row for row in reversed(rows) if isinstance(name := row.get("title"), str) and name.strip()}
    graphs = {name: _graph(row) for name, row in reversed(named.items())}
    classes = tuple(Category(name, keypoints=points, skeleton=edges) for name, (_, points, edges) in graphs.items())
    return Meta(classes, {name: ids for name, (ids, *_) in graphs.items() if ids}, bool(document.get(SPLITS)))


def _graph(row: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[int, int], ...]]:
    """The ids and the names of the keypoints of a class, and the pairs that a line joins."""
    config = row.get("geometry_config")
    nodes, edges = (config.get("nodes"), config.get("edges")) if isinstance(config, dict) else ({}, [])
    if not isinstance(nodes, dict) or len(nodes) > MOST_KEYPOINTS:
        return (), (), ()
    places = {name: place for place, name in enumerate(nodes, 1)}
    labels = (node.get("label") if isinstance(node, dict) else None for node in nodes.values())
    names = [label if isinstance(label, str) and label else node for node, label in zip(nodes, labels, strict=True)]
    names = names if len(set(names)) == len(names) else list(nodes)
    listed = edges if isinstance(edges, list) else []
    ends = ((str(edge.get("src")), str(edge.get("dst"))) for edge in listed if isinstance(edge, dict))
    joined = tuple((places[one], places[other]) for one, other in ends if {one, other} <= places.keys())
    return tuple(nodes), tuple(names), joined


def dataset_folders(tree: ImageTree) -> list[DatasetFolder]:
    """The datasets with label files in `tree`, by path."""
    labels, images = _by_dataset(tree.labels, LABELS), _by_dataset(tree.images, IMAGES)
    return [DatasetFolder(folder, own, images.get(folder, ())) for folder, own in sorted(labels.items())]


def _by_dataset(paths: Sequence[str], part: str) -> dict[str, list[str]]:
    """The `paths` below the first folder called `part`, by the folder that this is in."""
    found: dict[str, list[str]] = {}
    for path in paths:
        *folders, _ = parts_of(path)
        if part in folders:
            at = folders.index(part)
            folder = "/".join(folders[:at])
            found.setdefault(folder, []).append(path.removeprefix(f"{folder}/" if folder else "").partition("/")[2])
    return found


def split_words(folders: Sequence[str], names_splits: bool) -> dict[str, str]:
    """What each of the `folders` of datasets calls its split: "" where they name none."""
    words = {folder: folder.rpartition("/")[2] for folder in folders}
    known = names_splits or any(map(known_split, words.values()))
    return words if known else dict.fromkeys(folders, "")
