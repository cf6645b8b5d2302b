"""Finds the annotation files and images of COCO datasets, and the split of each file.

Tools agree on the document and on little else: ``annotations/instances_<split>.json`` beside ``<split>/`` (COCO,
MMDetection) or ``images/<split>/`` (CVAT, Datumaro), ``<split>/_annotations.coco.json`` among the images (Roboflow),
``labels.json`` with ``data/`` (FiftyOne), ``result.json`` with ``images/`` (Label Studio), or one JSON beside the
images.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.coco.fields import LAYOUT
from bboxprep.formats.segment_documents import lists_segments
from bboxprep.io import folder_listing, paths
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.splits import is_word, known_split, name_prefixes, split_of

_HEAD = 65536
_MOST_TABLES = 8 << 20  # bytes of info and class table before the list of images
_MANY = 64  # a folder with more JSON files than this holds one for each image, which is another format
_WITH_OBJECTS = ("instances", "", "person_keypoints", "stuff")  # the best first
IMAGES_ONLY = "image_info"  # the kind of COCO's documents of test images, which list no objects
_WITH_IMAGES = (IMAGES_ONLY, "labels")
_OTHERS = ("captions", "panoptic")
_KIND = re.compile(
    rf"({'|'.join(filter(None, (*_WITH_OBJECTS, *_WITH_IMAGES, *_OTHERS)))})(?:[_-]([^.].*))?", re.IGNORECASE
)
_RANK = {kind: rank for rank, kind in enumerate((*_WITH_OBJECTS, *_WITH_IMAGES, *_OTHERS))}
_ROBOFLOW = "_annotations.coco"
_IMAGES = re.compile(rb'"images"\s*:')  # Supervisely's meta.json says "projectType": "images"
_NOTHING = (b"[]", b"{}", b"null")  # JSON without content


class CocoSource(msgspec.Struct, frozen=True):
    """One annotation file: what COCO calls its `kind`, and the split it is about as the file spells it in `word`, which
    is "" where it names none.

    `shown` is its path below the data set, as findings name it. `prefix` is what the names of its images begin with:
    a folder of its own where several files are about one split, else "".
    """

    path: Path
    shown: str
    kind: str
    word: str
    prefix: str = ""

    @property
    def split(self) -> str:
        """The split, see `bboxprep.model.splits`."""
        return split_of(self.word)


def sniff(root: Path) -> str:
    """Why `root`, a folder or a file, looks like COCO; "" where it does not."""
    if root.is_file():
        return label_file(root)
    found = _without_segments(_search(root)[0])
    return f"{paths.relative_path(found[0], root)} is {_family(found[0])}" if found else ""


def label_file(path: Path) -> str:
    """The kind of COCO file at `path`, or ""."""
    kind = _family(path) if _is_json(path.name) else ""
    return "" if kind and lists_segments(path) else kind


def _without_segments(documents: Sequence[Path]) -> list[Path]:
    """Those of the `documents` that list no segments of PNGs, which is another format."""
    return [path for path in documents if not lists_segments(path)]


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:  # noqa: ARG001  (documents name their images)
    """Whether a data set begins in `folder`: its documents lie in it, in its folder of annotations, in that of a split,
    or in one that holds no image of its own; and its images lie below it.
    """
    below = [
        path
        for path in _subfolders(folder)
        if _is_of_annotations(path.name) or known_split(path.name) or not folder_listing.holds_image(path)
    ]
    if not _without_segments(_documents(folder, below)[0]) or not folder_listing.holds_image(folder):
        return RootEvidence.NONE
    return RootEvidence.DOCUMENT


def choose(root: Path) -> tuple[tuple[CocoSource, ...], tuple[Finding, ...]]:
    """The annotation files of `root`, by split, and notes on those beside them that are not read.

    Several files are about one split only where each has a word of its own for it (``train2014``, ``train2017``).
    Raises `LayoutError` where there is none, or where two of one split have no names to tell their images by, and
    `AnnotationError` where all are of another kind.
    """
    files, others = ([root], []) if root.is_file() else _search(root)
    sources = sorted((_source(path, root) for path in files), key=lambda source: source.split)
    if not sources:
        raise LayoutError(root, "", f"no COCO annotation file (want {LAYOUT})")
    useful = _of_kind(sources, _WITH_OBJECTS) or _of_kind(sources, _WITH_IMAGES)
    if not useful and not root.is_file():
        other = "; `format='panoptic'` reads it" if lists_segments(sources[0].path) else ""
        raise AnnotationError(
            sources[0].path, "", f"have {sources[0].kind}, want boxes (COCO: instances_*.json){other}"
        )
    chosen = _chosen(root, useful or sources)
    read = {source.path for source in chosen}
    notes = [
        Finding("file-skipped", f"not read: {_because(source, chosen)}", source.shown, split=source.split)
        for source in sources
        if source.path not in read
    ]
    allowed = paths.resolved(root)
    beside = () if root.is_file() else _json_files(chosen[0].path.parent)
    strayed = [path for path in beside if not paths.is_within(path, allowed)]
    notes += [Finding("file-skipped", paths.LINK_OUT, paths.relative_path(path, root)) for path in strayed]
    repeated = () if root.is_file() else _repeated_links(root)
    notes += [Finding("folder-repeated", paths.READ_ONCE, paths.relative_path(path, root)) for path in repeated]
    return chosen, (*notes, *_unread(_source(path, root) for path in others))


def image_folder(source: CocoSource, root: Path, names: Sequence[str]) -> Path:
    """The folder that the image names of `source` are relative to: where the most of a sample of them exist."""
    allowed = reach(source, root)
    folders = [
        folder for folder in _image_folders(source, root) if folder.is_dir() and paths.is_within(folder, allowed)
    ]
    tried = names[:: max(1, len(names) // 64)]
    return max(
        folders or [source.path.parent], key=lambda folder: sum(paths.is_file_safely(folder / name) for name in tried)
    )


def reach(source: CocoSource, root: Path) -> Path:
    """The folder that holds all that belongs to `source`, links followed: `root`, or around a `root` that is a file the
    folder above that of its annotations.
    """
    if not root.is_file():
        return paths.resolved(root)
    return paths.resolved(_top(source).parent)


def two_of_one_split(root: Path, sources: Sequence[CocoSource], why: str = "") -> LayoutError:
    """What is wrong with a `root` where two of the `sources`, which are about one split, cannot both be read."""
    both = " and ".join(source.shown for source in sources[:2])
    found = f"two annotation files for split {sources[0].split!r}: {both}{why}"
    return LayoutError(root, "", f"{found}; name the one to read, or several, each as a source of its own")


def _search(root: Path) -> tuple[list[Path], list[Path]]:
    """The COCO files of the first place that has any, and all other JSON files there and in the places before."""
    return _documents(root, _subfolders(root))


def _documents(root: Path, folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The same, where the places are: the folders of annotations among `folders`, `root`, all `folders`."""
    allowed = paths.resolved(root)
    annotations = [folder for folder in folders if _is_of_annotations(folder.name)]
    others: list[Path] = []
    for place in (annotations, [root], folders):
        files = [path for folder in place for path in _json_files(folder) if paths.is_within(path, allowed)]
        found = [path for path in files if _family(path) == "a COCO document"]
        others += [path for path in files if path not in found and path not in others]
        if found:
            return found, others
    return [], []


def _subfolders(root: Path) -> list[Path]:
    """The folders in `root`, by name, each real one once: at its own place, unless a link calls it that of annotations.
    None above `root`.
    """
    allowed = paths.resolved(root)
    found = [
        (_is_of_annotations(entry.name), not entry.is_symlink(), entry.name)
        for entry in _entries(root)
        if entry.is_dir()
    ]
    places = {paths.resolved(root / name): root / name for *_, name in sorted(found)}
    return sorted(
        path for place, path in places.items() if not allowed.is_relative_to(place) and paths.is_within(path, allowed)
    )


def _is_of_annotations(folder: str) -> bool:
    """Whether a folder of that name holds documents."""
    return folder.lower() == "annotations"


def _repeated_links(root: Path) -> list[Path]:
    """The links to folders in `root` that are read at their own place, or above."""
    kept = set(_subfolders(root))
    allowed = paths.resolved(root)
    links = (root / entry.name for entry in _entries(root) if entry.is_symlink() and entry.is_dir())
    return sorted(path for path in links if path not in kept and paths.is_within(path, allowed))


def _json_files(folder: Path) -> list[Path]:
    try:
        names = list(filter(_is_json, folder_listing.names_by_suffix(folder).get(".json", ())))
    except OSError as error:
        paths.refuse_passing(error, folder)
        return []
    return [folder / name for name in names] if len(names) <= _MANY else []


def _is_json(name: str) -> bool:
    return paths.suffix_of(name).lower() == ".json" and not name.startswith((".", "bboxprep."))


def _entries(folder: Path) -> Sequence[folder_listing.Entry]:
    try:
        return folder_listing.scan(folder)
    except OSError as error:
        paths.refuse_passing(error, folder)
        return []


def _start(path: Path) -> bytes:
    """The first bytes of the file at `path`, in UTF-8 without spaces around them; b"" where it cannot be read."""
    try:
        return read_start_as_utf8(path, _HEAD).strip()
    except OSError as error:
        paths.refuse_passing(error, path)
        return b""


def _family(path: Path) -> str:
    """The kind of COCO document by the first bytes of `path`, or ""."""
    head = _start(path)
    if head.startswith(b"["):
        return "a COCO list of results" if b'"image_id"' in head and b'"category_id"' in head else ""
    records = b'"annotations"' in head and (b'"image_id"' in head or b'"category_id"' in head)
    tables = b'"categories"' in head and (b'"info"' in head or b'"licenses"' in head)
    listed = bool(_IMAGES.search(head)) or records or (tables and _lists_images(path))
    return "a COCO document" if head.startswith(b"{") and listed else ""


def _lists_images(path: Path) -> bool:
    """Whether a file that begins with its class table names images behind it: Label Studio's notes.json does not."""
    try:
        return bool(_IMAGES.search(read_start_as_utf8(path, _MOST_TABLES)))
    except OSError as error:
        paths.refuse_passing(error, path)
        return False


def _unread(sources: Iterable[CocoSource]) -> Iterator[Finding]:
    """A fault for each of `sources`, JSON files that are no COCO documents, which should have been one: it is empty, or
    its name says so. One note on the others of a folder.
    """
    skipped: dict[Path, list[CocoSource]] = {}
    for source in sources:
        start = _start(source.path)
        if start and not (is_called_coco(source) or (start in _NOTHING and known_split(source.word))):
            skipped.setdefault(source.path.parent, []).append(source)
            continue
        have = f"starts with {start[:40]!r}" if start else "the file is empty"
        yield Finding(
            "record-unreadable",
            f"want a COCO document ({have}); its images are left out",
            source.shown,
            split=source.split,
        )
    for folder in skipped.values():
        count = f" (nor are {len(folder) - 1} other JSON files beside it)" if len(folder) > 1 else ""
        yield Finding("file-skipped", f"not read: it is no COCO document{count}", folder[0].shown)


def is_called_coco(source: CocoSource) -> bool:
    """Whether its name alone makes `source` a COCO document."""
    return source.path.stem.lower() == _ROBOFLOW or source.kind in filter(None, _WITH_OBJECTS)


def _source(path: Path, root: Path) -> CocoSource:
    stem, folder, shown = (
        path.name[: -len(path.suffix)],
        path.parent,
        paths.relative_path(path, paths.dataset_folder(root)),
    )
    inside = root not in (path, folder)
    above = folder.name if inside else paths.folder_name(folder)
    own = above if is_word(above) or (inside and known_split(above)) else ""
    if stem.lower() == _ROBOFLOW:
        return CocoSource(path, shown, "", above if inside else own)
    kind = _KIND.fullmatch(stem)
    if kind and (kind[2] or kind[1].lower() != "labels"):
        return CocoSource(path, shown, kind[1].lower(), kind[2] or "")
    return CocoSource(path, shown, "", stem if known_split(stem) else own)


def _of_kind(sources: Sequence[CocoSource], kinds: Sequence[str]) -> list[CocoSource]:
    return [source for source in sources if source.kind in kinds]


def _chosen(root: Path, sources: Sequence[CocoSource]) -> tuple[CocoSource, ...]:
    """The best of `sources` for each word, sorted by split and by the names of their images. Raises `LayoutError`."""
    prefix = name_prefixes(source.word for source in sources)
    placed = [msgspec.structs.replace(source, prefix=prefix[source.word]) for source in sources]
    placed.sort(key=lambda source: (source.split, os.fsencode(f"{source.word}/")))
    best = [_best(root, list(group)) for _, group in groupby(placed, lambda source: (source.split, source.word))]
    for one, other in pairwise(best):
        if one.split == other.split and not one.word:
            raise two_of_one_split(root, [one, other])
    return tuple(best)


def _best(root: Path, group: list[CocoSource]) -> CocoSource:
    ranked = sorted(group, key=lambda source: _RANK[source.kind])
    if len(ranked) > 1 and ranked[0].kind == ranked[1].kind:
        raise two_of_one_split(root, ranked)
    return ranked[0]


def _because(source: CocoSource, chosen: Sequence[CocoSource]) -> str:
    if source.kind in _OTHERS:
        return f"it holds {source.kind}, not boxes"
    same = next((other.path.name for other in chosen if other.split == source.split), "")
    return f"{same} has the objects of this split" if same else "other files here have objects"


def _top(source: CocoSource) -> Path:
    """The folder of a dataset whose annotation file lies in it, or in a folder of annotations in it."""
    base = source.path.parent
    return base.parent if _is_of_annotations(base.name) else base


def _image_folders(source: CocoSource, root: Path) -> Iterator[Path]:
    """The folders that images may be in, the most specific first; never outside a `root` that is a folder."""
    base, top = source.path.parent, _top(source)
    parts = (part for part in re.split(r"[\W_]+", source.word) if known_split(part))
    words = dict.fromkeys(filter(None, (source.word, *parts, source.split, source.word.rstrip("0123456789"))))
    for folder in (top, top.parent) if root.is_file() or root in top.parents else (top,):
        for word in words:
            yield from (folder / word, folder / "images" / word, folder / word / "images", folder / "data" / word)
        yield from (folder / "images", folder / "data", folder / "JPEGImages")
        if folder == top:
            yield from (top, base)
