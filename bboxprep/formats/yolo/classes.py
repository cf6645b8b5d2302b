"""The class table of a YOLO dataset: names that its data.yaml or .data file states, else a file of names.

The class number of a label is the row. Without names the classes are called "0", "1" … up to the highest number used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine
from bboxprep.formats.reading import in_batches
from bboxprep.formats.yolo.config import MOST_NAME_BYTES, Config, read_lines
from bboxprep.formats.yolo.image_index import YoloItem
from bboxprep.formats.yolo.layout import config_folder, find_place
from bboxprep.formats.yolo.row_kinds import RowGrammar
from bboxprep.formats.yolo.rows import looks_like_rows, read_labels
from bboxprep.formats.yolo.tree import YoloTree, by_bytes, read_head
from bboxprep.model.categories import MOST_CLASSES, Categories, Category

_NAME_FILES = {"classes.txt", "labels.txt", "predefined_classes.txt", "_darknet.labels", "object.data"}


@dataclass(frozen=True)
class YoloClasses:
    """The names by number; `stated`, in the file `where`, or only the numbers in use are known."""

    names: tuple[str, ...] = ()
    stated: bool = False
    where: str = ""
    findings: tuple[Finding, ...] = ()


def find_classes(tree: YoloTree, config: Config) -> YoloClasses:
    """The classes that the dataset's files name. Raises `AnnotationError` where two files of names disagree."""
    named = config.names or _names_of(tree, config)
    where = tree.shown(config.file) if config.file else ""
    if not named:
        return YoloClasses(tuple(str(number) for number in range(config.count or 0)), where=where)
    table = tuple(named.get(number, "") or str(number) for number in range(max(named) + 1))
    gaps = [number for number, name in enumerate(table) if not named.get(number)]
    findings = []
    if gaps:
        words = f"no name for class {', '.join(map(str, gaps[:9]))}; called by number"
        findings.append(Finding("record-repaired", words, where, "names"))
    if config.count not in (None, len(table)):
        words = f"have {config.count} classes and {len(table)} names; the names are taken"
        findings.append(Finding("record-repaired", words, where, "nc"))
    return YoloClasses(table, True, where, tuple(findings))


def with_numbers(
    classes: YoloClasses, items: Sequence[YoloItem], grammar: RowGrammar, spread: MapEngine
) -> YoloClasses:
    """`classes` where they are stated, else with every number that a label file uses."""
    if classes.stated:
        return classes
    most = max(in_batches(_Counting(grammar), items, spread), default=0)
    counted = len(classes.names)
    words = f"have {counted} classes, the labels use {most}; all are taken"
    findings = (Finding("record-repaired", words, classes.where, "nc"),) if 0 < counted < most else ()
    return YoloClasses(tuple(str(number) for number in range(max(most, counted))), findings=findings)


@dataclass(frozen=True)
class _Counting:
    """Counts the classes that the labels of some images use; plain data, so that worker processes can have it."""

    grammar: RowGrammar

    def __call__(self, items: Sequence[YoloItem]) -> int:
        used = (read_labels(item.label, self.grammar).labels for item in items if item.label)
        return max((int(labels.max()) + 1 for labels in used if len(labels)), default=0)


def categories(classes: YoloClasses, config: Config) -> Categories:
    """The table of `classes` with their keypoints."""
    count = config.keypoints[0] if config.keypoints else 0
    usual = tuple(f"kp{number}" for number in range(count))
    points = config.keypoint_names
    named = [points.get(number, points.get(-1, usual)) for number in range(len(classes.names))]
    return Categories(
        tuple(
            Category(name, keypoints=own if len(own) == count else usual, flip_idx=config.flip_idx)
            for name, own in zip(classes.names, named, strict=True)
        )
    )


def _names_of(tree: YoloTree, config: Config) -> Mapping[int, str]:
    if config.names_file and config.file:
        path, why = find_place(tree, config.names_file, (config_folder(tree, config), config.file.parent))
        if path and path.is_file():
            return _numbered(path)
        if config.file.suffix.lower() != ".data":
            raise AnnotationError(config.file, "names", f"want a list or a map of names; {config.names_file!r} {why}")
    return _names_among(tree)


def _names_among(tree: YoloTree) -> Mapping[int, str]:
    """The names in the file of names that lies nearest to the root."""
    tree.listing(tree.home)
    by_depth: dict[int, list[Path]] = {}
    for folder in tree.seen:
        by_depth.setdefault(len(folder.parts), []).extend(_name_files(tree, folder))
    for _, paths in sorted(by_depth.items()):
        tables = {path: _numbered(path) for path in sorted(paths, key=by_bytes)}
        first = next(iter(tables.values()), {})
        if any(table != first for table in tables.values()):
            listed = ", ".join(tree.shown(path) for path in tables)
            raise AnnotationError(tree.home, "", f"the class names in {listed} differ; state them in a data.yaml")
        if tables:
            return first
    return {}


def _numbered(path: Path) -> Mapping[int, str]:
    """The lines of a file of names by number. Raises `AnnotationError`."""
    names = read_lines(path, MOST_NAME_BYTES)
    if len(names) > MOST_CLASSES:
        raise AnnotationError(path, "", f"have {len(names):,} classes, want at most {MOST_CLASSES:,}")
    return dict(enumerate(names))


def _name_files(tree: YoloTree, folder: Path) -> list[Path]:
    listing = tree.listing(folder)
    return [
        folder / name
        for name in (*listing.texts.values(), *listing.others)
        if (name.lower() in _NAME_FILES or name.lower().endswith(".names"))
        and not looks_like_rows(read_head(folder / name))
    ]
