"""Finds the JSON lines of a data set, and the split of each file."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import msgspec

from bboxprep.errors import LayoutError
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.vlm.options import LAYOUT
from bboxprep.io import folder_listing, paths
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.splits import is_word, known_split

_FIRST_BYTES = 1 << 16
_MANY = 64  # a folder with more such files holds one for each image, which is another format
_SUFFIXES = (".jsonl", ".json")
_STEM = re.compile(r"_?annotations[._-]?", re.IGNORECASE)
_KINDS = (  # keys of a line, of which the first is the name of the image
    (("image", "suffix"), "lines of images, prompts and answers (PaliGemma, Florence-2)"),
    (("image", "conversations"), "lines of images and conversations (Qwen-VL, LLaVA)"),
    (("image", "messages"), "lines of images and messages (Qwen-VL)"),
    (("images", "messages"), "lines of images and messages (Qwen-VL)"),
    (("filename", "detection"), "lines of images and detections (ODVG)"),
)
_KEY = r'"%s"\s*:'


class LinesFile(msgspec.Struct, frozen=True):
    """A file of JSON lines: its path, that path below the data set, and the `word` by which it names its split."""

    path: Path
    shown: str
    word: str


def sniff(root: Path) -> str:
    """Why `root`, a folder or a file, looks like JSON lines for a vision-language model, or ""."""
    if root.is_file():
        return label_file(root)
    found = _files(root)
    return f"{paths.relative_path(found[0], root)} has {label_file(found[0])}" if found else ""


def label_file(path: Path) -> str:
    """The kind of lines in the file at `path`, or ""."""
    if paths.suffix_of(path.name).lower() not in _SUFFIXES:
        return ""
    try:
        first = read_start_as_utf8(path, _FIRST_BYTES).lstrip().partition(b"\n")[0]
    except OSError as error:
        paths.refuse_passing(error, path)
        return ""
    if not first.startswith(b"{"):
        return ""
    return next((kind for keys, kind in _KINDS if all(re.search((_KEY % key).encode(), first) for key in keys)), "")


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:  # noqa: ARG001  (lines name their images)
    """Whether a data set begins in `folder`: its lines lie in it, or in the folder of a split."""
    own = any(path.parent == folder or known_split(path.parent.name) for path in _files(folder))
    return RootEvidence.DOCUMENT if own else RootEvidence.NONE


def find_files(root: Path) -> list[LinesFile]:
    """The files of the data set at `root`, a folder or one file. Raises `LayoutError`."""
    found = [root] if root.is_file() else _files(root)
    if not found:
        raise LayoutError(root, "", f"no JSON lines of images and answers here (want {LAYOUT})")
    home = paths.dataset_folder(root)
    return [LinesFile(path, paths.relative_path(path, home), _word(path, root)) for path in found]


def image_folders(file: LinesFile, root: Path) -> list[Path]:
    """The folders that the images of `file` may lie in, the most specific first."""
    bases = dict.fromkeys((file.path.parent, paths.dataset_folder(root)))
    return [
        folder for base in bases for folder in (base, base / "images", base / file.word, base / "images" / file.word)
    ]


def _files(root: Path) -> list[Path]:
    """The files in the folder `root`; those in its folders where it has none. No links out of it."""
    home = paths.resolved(root)
    for folders in ([root], sorted(folder_listing.subfolders(root))):
        called = [path for folder in folders for path in _called(folder) if paths.is_within(path, home)]
        if found := [path for path in called if label_file(path)]:
            return found
    return []


def _called(folder: Path) -> list[Path]:
    try:
        found = folder_listing.names_by_suffix(folder)
    except OSError as error:
        paths.refuse_passing(error, folder)
        return []
    names = sorted(name for suffix in _SUFFIXES for name in found.get(suffix, ()))
    return [folder / name for name in names if not name.startswith(".")] if len(names) <= _MANY else []


def _word(path: Path, root: Path) -> str:
    """What the file at `path` calls its split: by its name, else by its folder."""
    if stem := _STEM.sub("", paths.stem_of(path.name)):
        return stem
    if path.parent not in (root, root.parent):
        return path.parent.name
    above = paths.folder_name(path.parent)
    return above if is_word(above) else ""
