"""The class table of a YOLO dataset: names that its data.yaml or .data file states, else a file of names.

The class number of a label is the row. Without names the classes are called "0", "1" … up to the highest number used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine
from bboxprep.formats.labelmap import BACKGROUND, LABELMAP, labelmap_names
from bboxprep.formats.reading import in_batches
from bboxprep.formats.yolo.class_lists import PREDEFINED, is_notes, name_files, names_by_number, notes_files
from bboxprep.formats.yolo.config import MAX_NAMES_BYTES, Config, is_config_file, read_config
from bboxprep.formats.yolo.image_index import YoloItem
from bboxprep.formats.yolo.layout import config_folder, find_place
from bboxprep.formats.yolo.tree import YoloTree, by_bytes, is_reserved
from bboxprep.formats.yolo_row_kinds import RowGrammar
from bboxprep.formats.yolo_row_notes import LabelFile
from bboxprep.formats.yolo_rows import read_labels
from bboxprep.io.text import read_text
from bboxprep.model.categories import Categories, Category, unnamed_classes


class YoloClasses(msgspec.Struct, frozen=True):
    """The names by number; `stated`, in the file `where`, or only the numbers in use are known."""

    names: tuple[str, ...] = ()
    stated: bool = False
    where: str = ""
    findings: tuple[Finding, ...] = ()


def find_classes(tree: YoloTree, config: Config) -> YoloClasses:
    """The classes that the dataset's files name. Raises `AnnotationError` where two files of names disagree."""
    named, taken = _names_of(tree, config)
    where = tree.shown(config.file) if config.file else ""
    if not named or taken is None:
        return YoloClasses(tuple(str(number) for number in range(config.count or 0)), where=where)
    table = tuple(named.get(number, "") or str(number) for number in range(max(named) + 1))
    gaps = [number for number, name in enumerate(table) if not named.get(number)]
    findings = [*_from_notes(tree, taken), *_disputes(tree, named, taken), *_far_names(tree, config, taken)]
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
    findings = [Finding("record-repaired", words, classes.where, "nc")] if 0 < counted < most else []
    names = tuple(str(number) for number in range(max(most, counted)))
    return YoloClasses(names, findings=(*findings, *unnamed_classes(names, classes.where)))


class _Counting(msgspec.Struct, frozen=True):
    """Counts the classes that the labels of some images use; plain data, so that worker processes can have it."""

    grammar: RowGrammar

    def __call__(self, items: Sequence[YoloItem]) -> int:
        used = read_labels([LabelFile(item.label) for item in items if item.label], self.grammar).labels
        return int(used.max(initial=-1)) + 1


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
        ),
        stated=classes.stated,
    )


def _names_of(tree: YoloTree, config: Config) -> tuple[Mapping[int, str], Path | None]:
    """The names by number, and the file that has them."""
    if config.names:
        return config.names, config.file
    if config.names_file and config.file:
        path, why = find_place(tree, config.names_file, (config_folder(tree, config), config.file.parent))
        if path and path.is_file():
            return names_by_number(path, tree.encoding), path
        if config.file.suffix.lower() != ".data":
            raise AnnotationError(config.file, "names", f"want a list or a map of names; {config.names_file!r} {why}")
    return _names_among(tree)


def _names_among(tree: YoloTree) -> tuple[Mapping[int, str], Path | None]:
    """The names in the files of names of the tree, and the file that has them: the nearest to the root of the longest;
    those of a notes.json where there is no other.

    A labelling tool adds classes at the end, so an older file may have the first names alone. Raises `AnnotationError`
    where they differ otherwise: labels say by no word which of them they mean.
    """
    paths = _listed(tree, name_files)
    paths = [path for path in paths if path.name.lower() != PREDEFINED] or paths or _listed(tree, notes_files)
    paths.sort(key=lambda path: (len(path.parts), by_bytes(path)))
    tables = {path: names_by_number(path, tree.encoding) for path in paths}
    if not tables:
        return {}, None
    longest = max(tables, key=lambda path: len(tables[path]))
    names = tables[longest]
    if any(table.items() - names.items() for table in tables.values()):
        listed = ", ".join(tree.shown(path) for path in tables)
        words = f"the class names in {listed} differ; state them in a data.yaml, or read each folder by itself"
        raise AnnotationError(tree.home, "", words)
    return names, longest


def _listed(tree: YoloTree, files: Callable[[YoloTree, Path], list[Path]]) -> list[Path]:
    """The results of `files` for each folder of the dataset."""
    tree.listing(tree.home)
    return [path for folder in tree.seen for path in files(tree, folder)]


def _disputes(tree: YoloTree, names: Mapping[int, str], taken: Path) -> Iterator[Finding]:
    """A finding for each other file of the dataset that has other `names` than the file that was `taken`."""
    for path in (*_listed(tree, name_files), *_listed(tree, notes_files), *_configs_beside(tree, taken)):
        if path == taken or path.name.lower() == PREDEFINED:
            continue
        others = _readable_names(path, tree.encoding)
        if differing := [number for number, name in sorted(others.items()) if names.get(number) != name]:
            first, known = differing[0], tree.shown(taken)
            words = f"class {first} is {names.get(first, 'none')!r} in {known} and {others[first]!r} in {path.name}"
            where = "categories" if is_notes(path) else ""
            yield Finding("class-disputed", f"{words}; {known} was taken", tree.shown(path), where)
    yield from _labelmap_dispute(tree, names, taken)


def _configs_beside(tree: YoloTree, taken: Path) -> list[Path]:
    """The files beside the data.yaml `taken` that could describe a dataset too; none beside a list of names."""
    if not is_config_file(taken):
        return []
    beside = (taken.parent / name for name in tree.listing(taken.parent).others)
    return [path for path in beside if path != taken and is_config_file(path)]


def _readable_names(path: Path, encoding: str) -> Mapping[int, str]:
    """The names at `path`, none where they cannot be read: they are not wanted."""
    try:
        return (read_config(path, encoding).names or {}) if is_config_file(path) else names_by_number(path, encoding)
    except AnnotationError:
        return {}


def _from_notes(tree: YoloTree, taken: Path) -> Iterator[Finding]:
    """A note that the names are those of a notes.json, where they were `taken` from one."""
    if is_notes(taken):
        words = "the class names are those of Label Studio's notes, for no other file has any"
        yield Finding("class-named", words, tree.shown(taken), "categories")


def _labelmap_dispute(tree: YoloTree, names: Mapping[int, str], taken: Path) -> Iterator[Finding]:
    """A finding where a labelmap has a class that is not among the `names`: its order is not that of numbers."""
    for path in (folder / LABELMAP for folder in tree.seen if LABELMAP in tree.listing(folder).texts.values()):
        try:
            listed = labelmap_names(read_text(path, MAX_NAMES_BYTES, tree.encoding))
            other = next((name for name in listed if name not in (BACKGROUND, *names.values())), "")
        except AnnotationError:
            continue
        if other:
            known = tree.shown(taken)
            words = f"lists the class {other!r}, which {known} does not; {known} was taken"
            yield Finding("class-disputed", words, tree.shown(path))


def _far_names(tree: YoloTree, config: Config, path: Path) -> Iterator[Finding]:
    """A fault where the list of names at `path` lies in no folder above label files: it may be of another dataset."""
    texts = ((folder, tree.listing(folder).texts.values()) for folder in tree.seen if path != config.file)
    labelled = [folder for folder, names in texts if not all(map(is_reserved, names))]
    if labelled and not any(folder.is_relative_to(path.parent) for folder in labelled):
        words = f"the class names are of a list beside other files than the labels ({tree.shown(labelled[0])})"
        yield Finding("class-disputed", f"{words}; taken, `classes` states others", tree.shown(path))
