"""Describes the content of a folder that is not a dataset, for error messages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from bboxprep import formats
from bboxprep.io import folder_listing, paths
from bboxprep.io.archive_names import is_archive_name
from bboxprep.pipeline.source.label_files import label_files, told_kind

_MOST_FILES = 20_000
_MOST_KINDS = 4
_FIRST_BYTES = 4096
_ADDED = ("__MACOSX/", ".")  # by the Finder
_KEY = re.compile(rb'"([\w .-]{1,40})"\s*:')
_ELEMENT = re.compile(rb"<([A-Za-z_][\w.-]{0,40})")
_CVAT = b"annotations"
_EXPORT = "export it as COCO, YOLO or VOC"
_TOOLS = (  # what writes JSON files, each with keys that are in all of them
    ("VGG Image Annotator", {"regions", "file_attributes"}),
    ("VGG Image Annotator", {"_via_settings"}),
)


def describe_contents(path: Path) -> str:
    """A short description of the possible labels in `path`, a folder or a file."""
    if not path.is_dir() and not path.is_file():
        return "neither a file nor a folder"
    if path.is_file():
        kinds = (formats.label_file(name, path) for name in formats.names())
        return next(filter(None, kinds), _document(path) or _listed(path) or "a file of another kind")
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    links, stems = 0, set[str]()
    for file in _files(path):
        if file.is_symlink() and not paths.is_within(file, paths.resolved(path)):
            links += 1
            continue
        shown = paths.relative_path(file, path)
        kind = _kind(shown)
        counts[kind] += 1
        names.setdefault(kind, shown)
        if kind == "images":
            stems.add(paths.stem_of(shown))
    found = [_found(path, kind, names[kind], count, stems) for kind, count in counts.most_common(_MOST_KINDS)]
    labels = {one.format: one for one in reversed(list(label_files(path, formats.names())))}
    found += [f"{paths.relative_path(one.path, path)} {told_kind(one)}" for one in labels.values()]
    if links:
        found.append(f"{links:,} of its files are links that lead out of it, {paths.NOT_FOLLOWED}")
    return ", ".join(found) or "nothing"


def holds_images(folder: Path) -> bool:
    """Whether there is an image in `folder` or below, by its name."""
    return any(_kind(file.name) == "images" for file in _files(folder))


def _files(path: Path) -> Iterator[Path]:
    places = (folder / name for folder, _, names in folder_listing.walk(path) for name in sorted(names))
    shown = (place for place in places if not place.name.startswith(".") and "__MACOSX" not in place.parts)
    yield from (place for place, _ in zip(shown, range(_MOST_FILES), strict=False))


def _kind(name: str) -> str:
    """The kind under which a file `name` is counted."""
    if is_archive_name(name):
        return "archives"
    suffix = paths.suffix_of(name.rpartition("/")[2]).lower()
    return "images" if suffix in paths.IMAGE_SUFFIXES else f"{suffix or 'other'} files"


def _found(path: Path, kind: str, name: str, count: int, stems: set[str]) -> str:
    """The files of one `kind`, of which the first is called `name`; `stems` are those of the images."""
    if kind == "images":
        return f"{count:,} image{'' if count == 1 else 's'}"
    if kind == "archives":
        return f"{count:,} archive{'' if count == 1 else 's'} in it, which want unpacking or naming ({name})"
    each = ", one beside each image" if paths.stem_of(name) in stems and count > 1 else ""
    silent = not (path / name).is_file() or any(formats.label_file(one, path / name) for one in formats.names())
    inside = "" if silent else _document(path / name)  # to open a pipe would block
    return f"{count:,} {kind.removesuffix('s') if count == 1 else kind}{each} ({name}{': ' if inside else ''}{inside})"


def _document(file: Path) -> str:
    """A description of a JSON or XML file by its first bytes; "" for other files."""
    try:
        head = paths.read_start(file, _FIRST_BYTES).replace(b"\0", b"")
    except (OSError, ValueError):
        return ""
    if file.suffix.lower() == ".json":
        return _json(list(dict.fromkeys(key.decode("ascii", "replace") for key in _KEY.findall(head))))
    element = _ELEMENT.search(head)
    if file.suffix.lower() != ".xml" or element is None:
        return ""
    tool = f", as CVAT for images writes; {_EXPORT}" if element[1] == _CVAT else ""
    return f"root element <{element[1].decode()}>{tool}"


def _listed(file: Path) -> str:
    """Whether the first line of a text file names an image, in words: "" where it does not."""
    try:
        first = paths.read_start(file, _FIRST_BYTES).split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    except (OSError, ValueError):
        return ""
    return "a list of images" if paths.suffix_of(first).lower() in paths.IMAGE_SUFFIXES else ""


def _json(keys: Sequence[str]) -> str:
    """A description of a JSON file with these `keys`."""
    tool = next((f", as {name} writes; {_EXPORT}" for name, own in _TOOLS if own.issubset(keys)), "")
    return f"keys {', '.join(keys[:_MOST_KINDS])}{tool}; not a COCO document" if keys else "not a COCO document"
