"""Finds the images and labels of a YOLO dataset and their splits: by its data.yaml or .data file, else by its folders.

**A path in such a file** is searched below the folder ``path:``, the folder of the file, and the dataset. A leading
``../`` (Roboflow's ``../train/images``) may be one too many. Of an absolute path of another machine, or a path relative
to a parent folder, the longest end that exists in the dataset is used.

**Without such a file** every image below the root belongs to the dataset. Its split is that of a folder of its path
(`bboxprep.model.splits`), else of the root if its name is a word for a split, else ``train``. The name of an image is
its path without that folder and without the first ``images``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bboxprep.errors import LayoutError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats.image_lookup import Match, OtherSpelling, run_together, spelling_note
from bboxprep.formats.yolo.config import Config, read_lines
from bboxprep.formats.yolo.image_index import YoloItem, YoloItems
from bboxprep.formats.yolo.pair_labels import pair_by_lookup
from bboxprep.formats.yolo.tree import IMAGE_FOLDERS, LAYOUT_FOLDERS, Place, YoloTree, by_bytes, kind_of
from bboxprep.io import paths
from bboxprep.model.splits import USUAL, SplitFolders, known_split

_ABSENT = "is not there"
_NAMED = " (a folder beside it is opened for a data.yaml that is named as the source itself)"
_LONGEST = 256  # bytes of a file name
_MOST_PARTS = 256  # at the end of a path that are looked for: a path of the system has 4,096 characters
_MOST_SHOWN = 200  # characters of a line


@dataclass
class YoloLayout:
    """The images of a dataset, sorted by split and name. `folders` maps folders of labels to their split, `hints` label
    files without an image to the end of the message about them.
    """

    items: YoloItems = field(default_factory=YoloItems)
    folders: dict[Path, str] = field(default_factory=dict)
    hints: dict[Path, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def lay_out(tree: YoloTree, config: Config) -> YoloLayout:
    """The layout of the dataset in `tree`. Raises `LayoutError` where there are no images."""
    layout = _from_config(tree, config) if config.splits else YoloLayout()
    if not layout.items:
        found = _from_folders(tree)
        layout = YoloLayout(found.items, found.folders, findings=layout.findings)
    layout.items, layout.hints, notes = pair_by_lookup(tree, layout.items, layout.folders)
    layout.findings += notes
    if not layout.items:
        raise LayoutError(tree.home, "", "no images here; " + _why(layout))
    if config.file is None and not any(texts for _, _, texts in layout.items.homes):
        raise LayoutError(tree.home, "", "have images, but no label file and no data.yaml")
    repeated = sorted(tree.repeated, key=by_bytes)
    layout.findings += [Finding("folder-repeated", paths.READ_ONCE, tree.shown(link)) for link in repeated]
    for link in sorted(tree.foreign, key=by_bytes):
        layout.findings.append(Finding("image-missing", paths.LINK_OUT, tree.shown(link)))
    return layout


def find_place(tree: YoloTree, text: str, bases: Sequence[Path], *, beside: bool = True) -> tuple[Path | None, str]:
    """The path that `text` in a file of the dataset refers to, or None and the reason. With `beside` it may lead to a
    folder beside the dataset.
    """
    slashed = text.replace("\\", "/")
    return _first_place(tree, chain(_as_written(slashed, bases), _by_end(slashed, tree.home)), beside=beside)


def _first_place(tree: YoloTree, candidates: Iterable[Path], *, beside: bool) -> tuple[Path | None, str]:
    why = _ABSENT
    for candidate in candidates:
        path = paths.normalized(candidate)
        if kind_of(path):
            if tree.holds(path) or (beside and tree.admit(path)):
                return path, ""
            below = path.is_relative_to(tree.home)
            why = f"is behind {paths.LINK_OUT}" if below else "lies outside of the dataset" + (_NAMED if beside else "")
    return None, why


def config_folder(tree: YoloTree, config: Config) -> Path:
    """The folder that the paths in `config` are relative to."""
    own = config.file.parent if config.file else tree.home
    path, _ = find_place(tree, config.path, (own,)) if config.path else (own, "")
    return path if path and kind_of(path) == "folder" else own


def _why(layout: YoloLayout) -> str:
    missing = [str(finding) for finding in layout.findings]
    return "; ".join(missing[:3]) or "labels without images cannot be read, since their numbers are fractions of them"


def _as_written(text: str, bases: Sequence[Path]) -> Iterator[Path]:
    parts, inner = _parts(text)
    if text.startswith("/") or (parts and parts[0].endswith(":")):
        yield Path(text)
    else:
        for base in bases:
            if inner and parts[0] == "..":
                yield base.joinpath(*inner)
            yield base.joinpath(*parts)


def _by_end(text: str, home: Path) -> Iterator[Path]:
    own, inner = paths.folder_name(home), _parts(text)[1][-_MOST_PARTS:]
    for index, part in enumerate(inner):
        yield home.joinpath(*inner[index:])
        if part == own:
            yield home.joinpath(*inner[index + 1 :])


def _parts(text: str) -> tuple[list[str], list[str]]:
    """The parts of a path; and those without ``..`` and drives."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    return parts, [part for part in parts if part != ".." and not part.endswith(":")]


def _from_config(tree: YoloTree, config: Config) -> YoloLayout:
    """The layout by the paths in `config`."""
    layout, items, taken, beside = YoloLayout(), [], set[Place](), set[Path]()
    base, real = config_folder(tree, config), cache(paths.resolved)
    stated = {
        split: [_stated(tree, config, base, split, place) for place in own] for split, own in config.splits.items()
    }
    for split, places in stated.items():
        images: list[Place] = []
        tops: list[Path] = []
        for place in places:
            if words := _of_another_split(tree, split, place, stated):
                layout.findings.append(Finding("image-missing", words, _file_name(tree, config), split, split=split))
                continue
            for folder, found in _images_at(tree, config, base, split, place, layout):
                tops.append(folder)
                images += found
        places_of = {image: (real(image[0]), image[1]) for image in dict.fromkeys(images)}
        new = [image for image, place in places_of.items() if place not in taken]
        if len(new) < len(images):
            words = f"{len(images) - len(new)} images are listed before; kept there"
            layout.findings.append(Finding("image-repeated", words, _file_name(tree, config), split, split=split))
        taken.update(places_of.values())
        beside.update(folder for folder, _ in places_of)
        top = paths.common_folder(tops) if tops else base
        above = {folder: folder.relative_to(top).as_posix() for folder in {folder for folder, _ in new}}
        items += [_item(tree, split, _below(above[folder], name), folder, name) for folder, name in new]
    unnamed = {path for split in USUAL for path in _usual_places(tree, base, split)} - beside
    words = f"images that {_file_name(tree, config) or 'no list'} does not name lie in the folder of a split"

    def is_aside(place: Place) -> bool:
        return (real(place[0]), place[1]) not in taken

    layout.findings += _aside(tree, beside, is_aside, "images that no list names lie beside listed ones")
    layout.findings += _aside(tree, unnamed, is_aside, words)
    layout.items = YoloItems(items)
    for split, parent, _ in layout.items.homes:
        for folder in tree.label_folders(parent):
            layout.folders.setdefault(folder, split)
    return layout


class _Stated(NamedTuple):
    """A place that a data.yaml states for a split, as `text`; the `path` that is meant, and `why` that is another one
    or None. A `stray` path has lost the word for the split: it may as well be that of another split.
    """

    text: str
    path: Path | None
    why: str = ""
    stray: bool = False


def _stated(tree: YoloTree, config: Config, base: Path, split: str, text: str) -> _Stated:
    """The resolved path `text` of `split`."""
    path, why = find_place(tree, text, _bases(tree, config, base))
    if path and (not _names_split(text, split) or _names_split(tree.shown(path), split)):
        return _Stated(text, path)
    usual = _usual_place(tree, base, split) if paths.suffix_of(text).lower() not in paths.IMAGE_SUFFIXES else None
    return _Stated(text, usual or path, why or _ABSENT, stray=usual is None)


def _of_another_split(tree: YoloTree, split: str, place: _Stated, stated: Mapping[str, Sequence[_Stated]]) -> str:
    """What is wrong where the stray path of a `place` of `split` holds images of another split, or lies among them: of
    one that states it, or of one before it; "" where it does not.
    """
    if place.path is None or not place.stray:
        return ""
    before = True
    for other, places in stated.items():
        before = before and other != split
        others = [one.path for one in places if one.path and (before or not one.stray)] if other != split else []
        if any(place.path.is_relative_to(path) or path.is_relative_to(place.path) for path in others):
            found = f"{place.text} {place.why}, and {tree.shown(place.path)!r} holds the images of {other}"
            return f"{found}; none of them is taken for {split}"
    return ""


def _bases(tree: YoloTree, config: Config, base: Path) -> tuple[Path, ...]:
    """The folders that the places in `config` may be relative to."""
    return base, config.file.parent if config.file else base, tree.home


def _aside(tree: YoloTree, folders: Iterable[Path], is_aside: Callable[[Place], bool], words: str) -> Iterator[Finding]:
    """A note that begins with `words` on the images in `folders` that are aside, if there are some."""
    inside = ((folder, name) for folder in sorted(folders, key=by_bytes) for name in tree.listing(folder).images)
    if others := [place for place in inside if is_aside(place)]:
        labelled = sum(tree.label_of(*place) is not None for place in others)
        count = f"{len(others):,}, {labelled:,} of them with labels"
        yield Finding("image-aside", f"{words} ({count}); left aside", tree.shown(others[0][0] / others[0][1]))


def _images_at(
    tree: YoloTree, config: Config, base: Path, split: str, place: _Stated, layout: YoloLayout
) -> Iterator[tuple[Path, list[Place]]]:
    """The folders and images at the `place` of `split`."""
    path, where = place.path, _file_name(tree, config)
    if path is None:
        layout.findings.append(Finding("image-missing", f"{place.text} {place.why}", where, split, split=split))
        return
    if place.why:
        words = f"{place.text} {place.why}; {tree.shown(path) or 'its own folder'} is taken"
        layout.findings.append(Finding("record-repaired", words, where, split, split=split))
    if kind_of(path) == "folder":
        listing = tree.listing(path)
        path = path / "images" if not listing.images and "images" in listing.folders else path
        yield path, [(folder, name) for folder, listing in tree.walk(path) for name in listing.images]
        for above in tree.label_folders(path):
            layout.folders.update((folder, split) for folder, _ in tree.walk(above) if folder not in layout.folders)
    elif path.suffix.lower() in paths.IMAGE_SUFFIXES:
        yield path.parent, [(path.parent, path.name)]
    else:
        shared: dict[Path, Path] = {}
        for image in _listed_images(tree, path, _bases(tree, config, base), split, layout):
            folder = shared.setdefault(image.parent, image.parent)
            yield folder, [(folder, image.name)]


def _names_split(path: str, split: str) -> bool:
    """Whether a folder of `path` has a word for `split` as its name."""
    return any(known_split(part) == split for part in path.replace("\\", "/").split("/"))


def _usual_place(tree: YoloTree, base: Path, split: str) -> Path | None:
    """A folder of images whose name is another word for `split`; None without one."""
    return min(_usual_places(tree, base, split), key=lambda path: split not in path.parts, default=None)


def _usual_places(tree: YoloTree, base: Path, split: str) -> Iterator[Path]:
    """The folders that hold images and whose names are words for `split`."""
    places = [base / name / "images" for name in tree.listing(base).folders if known_split(name) == split]
    places += [base / "images" / name for name in tree.listing(base / "images").folders if known_split(name) == split]
    return (path for path in places if tree.listing(path).images)


def _listed_images(tree: YoloTree, path: Path, bases: Sequence[Path], split: str, layout: YoloLayout) -> Iterator[Path]:
    """The images in the lines of the text file `path`. A missing image has the path where it should be."""
    bases, respelled = (path.parent, *bases), list[tuple[OtherSpelling, int]]()
    for number, line in enumerate(read_lines(path, encoding=tree.encoding), 1):
        if not line:
            continue
        image, why = _first_place(tree, _as_written(line.replace("\\", "/"), bases), beside=False)
        match = Match() if image else tree.lookup.find(line)
        if match.path:
            image = tree.home / match.path
            respelled.append((OtherSpelling(line[:_MOST_SHOWN], match.path, match.way), number))
        elif image is None and why == _ABSENT and not match.hint:
            image = _missing_image(tree, line, bases)
        if image is None or kind_of(image) == "folder":
            two = "; it looks like two paths that run together" if run_together(line) else ""
            words, where = f"{line[:_MOST_SHOWN]} {why or 'is a folder'}{two}{match.hint}", f"line {number}"
            layout.findings.append(Finding("image-missing", words, tree.shown(path), where, split=split))
        else:
            yield image
    if respelled:
        where = f"line {respelled[0][1]}"
        layout.findings.append(spelling_note([one for one, _ in respelled], tree.shown(path), where, split))


def _missing_image(tree: YoloTree, line: str, bases: Sequence[Path]) -> Path | None:
    """The path where a missing image should be, if its folder exists."""
    above, _, name = line.replace("\\", "/").rpartition("/")
    folder = None if run_together(line) else find_place(tree, above, bases, beside=False)[0]
    known = folder and kind_of(folder) == "folder" and "\0" not in name and 0 < len(os.fsencode(name)) < _LONGEST
    return folder / name if folder and known else None


def _from_folders(tree: YoloTree) -> YoloLayout:
    """The layout by the names of the folders."""
    layout = YoloLayout()
    found: list[tuple[str, str, Path, str]] = []
    walked = [(folder, folder.relative_to(tree.home).parts, listing) for folder, listing in tree.walk(tree.home)]
    with_images = ((parts, range(len(parts))) for _, parts, listing in walked if listing.images)
    splits = SplitFolders(LAYOUT_FOLDERS).of(paths.folder_name(tree.home), with_images)
    for folder, parts, listing in walked:
        split, rest = _read_folders(parts, splits)
        layout.folders[folder] = split
        found += [(split, _below(str(rest), name), folder, name) for name in listing.images]
    if len({(split, named) for split, named, _, _ in found}) < len(found):
        found = [
            (split, _below(folder.relative_to(tree.home).as_posix(), name), folder, name)
            for split, _, folder, name in found
        ]
    layout.items = YoloItems(_item(tree, *image) for image in found)
    return layout


def _below(folder: str, name: str) -> str:
    """The relative path of `name` in the relative `folder`."""
    return name if folder == "." else f"{folder}/{name}"


def _read_folders(parts: Sequence[str], splits: SplitFolders) -> tuple[str, PurePosixPath]:
    """The split of the images in the folder `parts`, and the folder part of their names."""
    at = splits.find(parts, range(len(parts)))
    images = next((place for place, part in enumerate(parts) if part in IMAGE_FOLDERS), None)
    rest = PurePosixPath(*(part for place, part in enumerate(parts) if place not in (at, images)))
    return splits.split(parts, at), rest


def _item(tree: YoloTree, split: str, named: str, folder: Path, name: str) -> YoloItem:
    texts, text = tree.label_of(folder, name) or (None, "")
    return YoloItem(
        split, escape_surrogates(named), folder, name, texts, "" if text == f"{paths.stem_of(name)}.txt" else text
    )


def _file_name(tree: YoloTree, config: Config) -> str:
    return tree.shown(config.file) if config.file else ""
