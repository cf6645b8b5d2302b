"""Finds the label files of DOTA, and pairs them with their images by their stems.

A folder of labels that lies beside another for the same images (DOTA has ``labelTxt-v1.0`` and ``labelTxt-v1.5``, each
also with upright boxes, ``_hbb``) is another version of the labels: the newest one is read, oriented before upright.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats import image_tree, stem_pairs
from bboxprep.formats.dota import fields, rows
from bboxprep.io import paths, text

_MOST_BYTES = 1 << 26  # of a label file
_VERSION = re.compile(r"v(\d+(?:\.\d+)?)")


def read_file(encoding: str, path: Path) -> rows.DotaFile:
    """The file at `path`, in `encoding`, "" for UTF-8. Raises `AnnotationError`."""
    try:
        return rows.parse(text.as_utf8(paths.read_bytes(path, _MOST_BYTES), encoding).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", text.not_decoded(error)) from error


def label_paths(root: Path, tree: image_tree.ImageTree) -> tuple[list[str], list[Finding]]:
    """The label files of `tree`, and a note on each folder of another version of them.

    They are the files with rows, and the others in the folders of those: an image without objects has an empty file.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for path in tree.labels:
        folder, name = image_tree.split_path(path)
        if name.lower() != fields.CLASSES:
            folders[folder].append(path)
    known = {folder: own for folder, own in folders.items() if any(fields.is_dota(root / path) for path in own)}
    families: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        if fields.is_label_folder(folder):
            families[_home(folder)].append(folder)
    others = {one for own in families.values() for one in _older(own, folders)}
    kept = {folder for folder in folders if folder in known or fields.is_label_folder(folder)} - others
    images = image_tree.Images(tree.images)
    labels = [
        path
        for folder in sorted(kept)
        for path in folders[folder]
        if fields.is_dota(root / path) or images.beside(path, stem_pairs.stem(path))
    ]
    words = "another version of the labels beside it is read"
    return sorted(labels), [Finding("file-skipped", words, folders[folder][0]) for folder in sorted(others)]


def _home(folder: str) -> str:
    """The folder that the folder of labels which `folder` is or lies in stands in."""
    parts = folder.split("/")
    at = next(number for number, part in enumerate(parts) if part.lower().startswith(fields.LABELS))
    return "/".join(parts[:at])


def _older(folders: Sequence[str], files: dict[str, list[str]]) -> Iterable[str]:
    """Those of `folders` of labels in one place that label images of a newer version of them."""
    versions: dict[tuple[bool, float], list[str]] = defaultdict(list)
    for folder in folders:
        versions[_age(folder[len(_home(folder)) :])].append(folder)
    seen: set[str] = set()
    for _, own in sorted(versions.items()):
        stems = {folder: {stem_pairs.stem(path) for path in files[folder]} for folder in own}
        yield from (folder for folder in own if seen & stems[folder])
        seen = seen.union(*stems.values())


def _age(folder: str) -> tuple[bool, float]:
    """The key that sorts versions of labels by their folder: oriented before upright boxes, then the newest first."""
    version = _VERSION.search(folder)
    return "hbb" in folder.lower() or "reclabel" in folder.lower(), -float(version[1]) if version else 0.0


def pair_images(
    root: Path, tree: image_tree.ImageTree, opened: Mapping[str, stem_pairs.OpenedLabels], broken: Collection[str]
) -> tuple[list[stem_pairs.PairedItem], list[Finding]]:
    """The samples, and findings about label files without an image (see `stem_pairs.pair_images`)."""
    folders = {image_tree.split_path(label)[0] for label in opened}
    homes = {_home(folder) for folder in folders if fields.is_label_folder(folder)}
    return stem_pairs.pair_images(tree, opened, broken, stem_pairs.SplitHomes(root, tree.images, homes))
