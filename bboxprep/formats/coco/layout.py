"""Where COCO datasets keep their annotation files and images, and which split a file is about.

Tools agree on the document and on little else: ``annotations/instances_<split>.json`` beside ``<split>/`` (COCO,
MMDetection) or ``images/<split>/`` (CVAT, Datumaro), ``<split>/_annotations.coco.json`` among the images (Roboflow),
``labels.json`` with ``data/`` (FiftyOne), ``result.json`` with ``images/`` (Label Studio), or one JSON beside the
pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.coco import FORMAT
from bboxprep.io.paths import dataset_folder, is_within, relative_path, resolved

_HEAD = 65536
_STRAYED = "a link that leads out of the dataset"
_MANY = 64  # a folder with more JSON files than this holds one for each image, which is another format
_WITH_OBJECTS = ("instances", "", "person_keypoints", "stuff")  # the best first
_WITH_IMAGES = ("image_info", "labels")
_OTHERS = ("captions", "panoptic")
_KIND = re.compile(
    rf"({'|'.join(filter(None, (*_WITH_OBJECTS, *_WITH_IMAGES, *_OTHERS)))})(?:[_-]([^.].*))?", re.IGNORECASE
)
_RANK = {kind: rank for rank, kind in enumerate((*_WITH_OBJECTS, *_WITH_IMAGES, *_OTHERS))}
_SPLIT = re.compile(r"(?:train|trainval|val|valid|validation|minival|test|testdev|dev|unlabeled)\d*", re.IGNORECASE)
_ROBOFLOW = "_annotations.coco"
_CANONICAL = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class CocoSource:
    """One annotation file: what COCO calls its `kind`, the `split` it is about, and that as the file spells it.

    `shown` is its path below the data set, as findings name it.
    """

    path: Path
    shown: str
    kind: str
    word: str

    @property
    def split(self) -> str:
        """The split; a file that names none is about "train"."""
        return _CANONICAL.get(self.word.lower(), self.word) or "train"


def sniff(root: Path) -> str:
    """Why `root`, a folder or a file, looks like COCO; "" where it does not."""
    if root.is_file():
        return _family(root) if root.suffix.lower() == ".json" else ""
    found = _search(root)
    return f"{relative_path(found[0], root)} is {_family(found[0])}" if found else ""


def choose(root: Path) -> tuple[tuple[CocoSource, ...], tuple[Finding, ...]]:
    """The annotation file of each split of `root`, by split, and notes on those beside them that are not read.

    Raises `LayoutError` where there is none or two serve one split, `AnnotationError` where all are of another kind.
    """
    paths = [root] if root.is_file() else _search(root)
    sources = sorted((_source(path, root) for path in paths), key=lambda source: source.split)
    if not sources:
        raise LayoutError(root, "", f"no COCO annotation file (want {FORMAT.layout})")
    useful = _of_kind(sources, _WITH_OBJECTS) or _of_kind(sources, _WITH_IMAGES)
    if not useful and not root.is_file():
        raise AnnotationError(sources[0].path, "", f"have {sources[0].kind}, want boxes (COCO: instances_*.json)")
    chosen = tuple(_best(root, list(group)) for _, group in groupby(useful or sources, lambda source: source.split))
    notes = [
        Finding("file-skipped", f"not read: {_because(source, chosen)}", source.shown, split=source.split)
        for source in sources
        if source not in chosen
    ]
    fence = resolved(root)
    beside = () if root.is_file() else _json_files(chosen[0].path.parent)
    strayed = [path for path in beside if not is_within(path, fence)]
    notes += [Finding("file-skipped", f"not read: {_STRAYED}", relative_path(path, root)) for path in strayed]
    return chosen, tuple(notes)


def image_folder(source: CocoSource, root: Path, names: Sequence[str]) -> Path:
    """The folder that the image names of `source` are relative to: where the most of a sample of them exist."""
    fence = reach(source, root)
    folders = [folder for folder in _image_folders(source, root) if folder.is_dir() and is_within(folder, fence)]
    tried = names[:: max(1, len(names) // 64)]
    return max(folders or [source.path.parent], key=lambda folder: sum(is_file(folder / name) for name in tried))


def reach(source: CocoSource, root: Path) -> Path:
    """The folder that holds all that belongs to `source`, links followed: `root`, or around a `root` that is a file the
    folder above that of its annotations.
    """
    if not root.is_file():
        return resolved(root)
    return resolved(_top(source).parent)


def is_file(path: Path) -> bool:
    """Whether a file is at `path`, whatever its name is made of."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _search(root: Path) -> list[Path]:
    """The COCO files of the first place that has any."""
    folders, fence = _subfolders(root), resolved(root)
    annotations = [folder for folder in folders if folder.name.lower() == "annotations"]
    for place in (annotations, [root], folders):
        found = [path for folder in place for path in _json_files(folder) if is_within(path, fence)]
        if found := [path for path in found if _family(path) == "a COCO document"]:
            return found
    return []


def _subfolders(root: Path) -> list[Path]:
    fence = resolved(root)
    return sorted(path for path in _listed(root) if path.is_dir() and is_within(path, fence))


def _json_files(folder: Path) -> list[Path]:
    files = [
        path
        for path in _listed(folder)
        if path.suffix.lower() == ".json" and not path.name.startswith((".", "bboxprep.")) and path.is_file()
    ]
    return sorted(files) if len(files) <= _MANY else []


def _listed(folder: Path) -> Iterable[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _family(path: Path) -> str:
    """What of COCO's family the first bytes of `path` are, or ""."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return ""
    if head.startswith(b"["):
        return "a COCO list of results" if b'"image_id"' in head and b'"category_id"' in head else ""
    records = b'"annotations"' in head and (b'"image_id"' in head or b'"category_id"' in head)
    tables = b'"categories"' in head and (b'"info"' in head or b'"licenses"' in head)
    return "a COCO document" if head.startswith(b"{") and (b'"images"' in head or records or tables) else ""


def _source(path: Path, root: Path) -> CocoSource:
    stem, folder, shown = path.name[: -len(path.suffix)], path.parent.name, relative_path(path, dataset_folder(root))
    if stem.lower() == _ROBOFLOW:
        return CocoSource(path, shown, "", folder if path.parent != root or _SPLIT.fullmatch(folder) else "")
    named = _KIND.fullmatch(stem)
    if named and (named[2] or named[1].lower() != "labels"):
        word = named[2] or ""
        return CocoSource(path, shown, named[1].lower(), "" if word.lower() == "default" else word)
    words = [word for word in [folder, *re.split(r"[\W_]+", stem)] if _SPLIT.fullmatch(word)]
    return CocoSource(path, shown, "", words[-1] if words else "")


def _of_kind(sources: Sequence[CocoSource], kinds: Sequence[str]) -> list[CocoSource]:
    return [source for source in sources if source.kind in kinds]


def _best(root: Path, group: list[CocoSource]) -> CocoSource:
    ranked = sorted(group, key=lambda source: _RANK[source.kind])
    if len(ranked) > 1 and ranked[0].kind == ranked[1].kind:
        both = " and ".join(source.shown for source in ranked[:2])
        raise LayoutError(root, "", f"two annotation files for split {ranked[0].split!r}: {both}; name the one to read")
    return ranked[0]


def _because(source: CocoSource, chosen: Sequence[CocoSource]) -> str:
    if source.kind in _OTHERS:
        return f"it holds {source.kind}, not boxes"
    same = next((other.path.name for other in chosen if other.split == source.split), "")
    return f"{same} has the objects of this split" if same else "other files here have objects"


def _top(source: CocoSource) -> Path:
    """The folder of a dataset whose annotation file lies in it, or in a folder of annotations in it."""
    base = source.path.parent
    return base.parent if base.name.lower() == "annotations" else base


def _image_folders(source: CocoSource, root: Path) -> Iterator[Path]:
    """The folders that images may be in, the most specific first; never outside a `root` that is a folder."""
    base, top = source.path.parent, _top(source)
    words = dict.fromkeys(filter(None, (source.word, source.split, source.word.rstrip("0123456789"))))
    for folder in (top, top.parent) if root.is_file() or root in top.parents else (top,):
        for word in words:
            yield from (folder / word, folder / "images" / word, folder / word / "images", folder / "data" / word)
        yield from (folder / "images", folder / "data", folder / "JPEGImages")
        if folder == top:
            yield from (top, base)
