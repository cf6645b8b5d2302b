"""Finds the record files of a data set, their splits and their label maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError, LayoutError, MissingPackageError
from bboxprep.formats.tfrecord.fields import LABEL_MAP, LAYOUT
from bboxprep.io.archive_names import is_record_name, without_number
from bboxprep.io.folder_listing import names_by_suffix, subfolders
from bboxprep.io.paths import AllowedFolders, read_bytes, read_start, resolved
from bboxprep.io.remote import is_stored
from bboxprep.io.tf_messages import BadMessageError, LabelMapItem, parse_label_map
from bboxprep.io.tfrecord_files import GZIP, HEAD_BYTES, is_head
from bboxprep.model.splits import is_word

_MOST_BYTES = 8 << 20  # of a label map
_MAPS = ".pbtxt"
_DATA = "data"


class RecordFile(msgspec.Struct, frozen=True):
    """A record file: its `path`, the name of its `document`, which names the split, and its label map, or None."""

    path: Path
    document: str
    label_map: Path | None = None


def sniff(root: Path) -> str:
    """Why `root` looks like TFRecord files, or ""."""
    for _, path in _called_records(root) if root.is_dir() else ():
        if AllowedFolders(root).holds(path) and _is_records(path):
            return f"{path.name} holds records"
    return ""


def _is_records(path: Path) -> bool:
    """Whether the file at `path` begins with a record, or is gzipped; by its name alone where that cannot be told."""
    try:
        head = read_start(path, HEAD_BYTES)
        return head.startswith(GZIP) or is_head(head)
    except MissingPackageError:
        return True
    except (OSError, ValueError):
        return False


def record_files(root: Path) -> tuple[list[RecordFile], list[Path]]:
    """The record files below the folder `root` by name, and those that links lead out to. Raises `LayoutError`."""
    called, allowed = list(_called_records(root)) if root.is_dir() else [], AllowedFolders(root)
    if not called:
        raise LayoutError(root, "", f"no TFRecord files here (looked for {LAYOUT})")
    if is_stored(root) and root.is_packed:
        words = f"{called[0][1].name} is an archive in an archive, which is not read; unpack the outer one"
        raise LayoutError(root, "", words)
    held = [(document, path) for document, path in called if allowed.holds(path)]
    strayed = [path for _, path in called if not allowed.holds(path)]
    return [RecordFile(path, name, _label_map(root, path, allowed)) for name, path in held], strayed


def read_label_map(path: Path) -> list[LabelMapItem]:
    """The items of the label map at `path` by their numbers. Raises `AnnotationError`."""
    try:
        items = parse_label_map(read_bytes(path, _MOST_BYTES).decode("utf-8-sig"))
    except (BadMessageError, UnicodeDecodeError) as error:
        raise AnnotationError(path, "", str(error)) from error
    if unnamed := [item for item in items if not (item.name or item.display_name)]:
        raise AnnotationError(path, f"item {unnamed[0].id}", "has no name")
    return sorted(items, key=lambda item: item.id)


def _called_records(root: Path) -> Iterator[tuple[str, Path]]:
    """The files in `root`, its folder data and its folders of splits that are called like records, by name; each with
    the name of its document: of its folder where that is a split.
    """
    splits = [folder for folder in subfolders(root) if is_word(folder.name)]
    own = [root / _DATA] if (root / _DATA).is_dir() and resolved(root / _DATA) != resolved(root) else []
    for folder in (root, *own, *sorted(splits)):
        for name in _record_names(folder):
            yield folder.name if folder in splits else without_number(name), folder / name


def _record_names(folder: Path) -> list[str]:
    """The names of the files in `folder` that are called like records, sorted."""
    listed = names_by_suffix(folder).items()
    told_by_all = ("", ".gz")  # the suffix of any other name tells
    likely = [name for suffix, names in listed if suffix in told_by_all or is_record_name(suffix) for name in names]
    return sorted(filter(is_record_name, likely))


def _label_map(root: Path, record: Path, allowed: AllowedFolders) -> Path | None:
    """The label map of a `record` file: in its folder, else at `root`; of several the one of its name."""
    for folder in dict.fromkeys((record.parent, root)):
        names = names_by_suffix(folder).get(_MAPS, ())
        stem = without_number(record.name)
        wanted = (f"{stem}_{LABEL_MAP}", f"{stem}{_MAPS}", LABEL_MAP, *names)
        found = next((folder / name for name in wanted if name in names and allowed.holds(folder / name)), None)
        if found:
            return found
    return None
