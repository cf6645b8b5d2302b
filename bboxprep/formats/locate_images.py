"""Finds the image file of a record by the name that it states: always below the image folder, never outside.

A name is tried as it is, then with backslashes as slashes, then by `formats.image_lookup`, where only an image counts
that no other record has. A link is followed as far as the dataset reaches.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bboxprep.formats.image_lookup import ImageLookup, Match, OtherSpelling, run_together
from bboxprep.io import folder_listing, paths
from bboxprep.io.lenient_json import excerpt
from bboxprep.io.safe_names import safe_relative
from bboxprep.model.splits import known_split

_LONGEST_PART = 255  # bytes; of all file systems in use


class Located(msgspec.Struct, frozen=True):
    """For each record, its `names` below the image folder (POSIX; ``images[7]`` where it has none that is safe).

    `missing` says of records without a file why, `respelled` are those whose file has another name.
    """

    names: tuple[str, ...]
    missing: Mapping[int, str]
    respelled: Mapping[int, OtherSpelling]


def locate(folder: Path, wanted: Sequence[str], root: Path, field: str) -> Located:
    """The files below `folder` that the names in `wanted` mean, which the labels state in `field`; none outside of
    `root`, a real path.
    """
    allowed = paths.AllowedFolders(root)
    bases = tuple(f"{base.as_posix()}/" for base in dict.fromkeys((folder.absolute(), paths.resolved(folder))))
    names: dict[int, str] = {}
    strayed: dict[int, str] = {}
    plain = _files_in(folder)
    for index, text in enumerate(wanted):
        if text in plain:
            names[index] = text
            continue
        found = next((name for name in _spellings(text, bases) if paths.is_file_safely(folder / name)), None)
        if found is not None and not allowed.holds(folder / found):
            strayed[index] = f"{found} is {paths.LINK_OUT}"
        elif found is not None:
            names[index] = found
    unknown = [index for index in range(len(wanted)) if index not in names and index not in strayed]
    matches = _looked_up(folder, wanted, unknown, allowed)
    claims = Counter([*names.values(), *(match.path for match in matches.values())]) if matches else {}
    respelled = {
        index: OtherSpelling(wanted[index], match.path, match.way)
        for index, match in matches.items()
        if match.path and claims[match.path] == 1
    }
    names |= {index: found.path for index, found in respelled.items()}
    missing = {index: _why_missing(field, wanted[index], matches[index]) for index in unknown if index not in respelled}
    missing |= strayed
    for index in missing:
        names[index] = next(reversed(_spellings(wanted[index], bases)), f"images[{index}]")
    return Located(tuple(names[index] for index in range(len(wanted))), missing, respelled)


def _files_in(folder: Path) -> set[str]:
    """The names of the files in `folder` that are no links: what names one of them needs no other look."""
    try:
        entries = folder_listing.scan(folder)
    except OSError as error:
        paths.refuse_passing(error, folder)
        return set()
    return {entry.name for entry in entries if "\\" not in entry.name and entry.is_file(follow_symlinks=False)}


def unlisted_images(located: Iterable[tuple[Path, Located]], home: Path) -> tuple[list[Path], list[Path]]:
    """The images that lie beside those `located` below each folder, or in the folder of a document that lists none, and
    are not among them; and those in the folders of other splits beside these, in `home`. Both are sorted.
    """
    listed: dict[Path, set[str]] = defaultdict(set)
    for folder, found in located:
        if not found.names:
            listed[folder] |= set()
        for row, name in enumerate(found.names):
            if row not in found.missing:
                below, _, file = name.rpartition("/")
                listed[folder / below if below else folder].add(file)
    above = {folder.parent for folder in listed if folder.is_relative_to(home) and folder != home}
    beside = {path for folder in above for path in folder_listing.subfolders(folder) if known_split(path.name)}
    unnamed = {path for path in beside if not any(folder.is_relative_to(path) for folder in listed)}
    return _images_except(listed), _images_except({path: set() for path in unnamed})


def _images_except(listed: Mapping[Path, Collection[str]]) -> list[Path]:
    """The images in the folders of `listed` that have none of the names there, sorted."""
    return sorted(
        folder / name
        for folder, names in listed.items()
        for name in _files_in(folder)
        if name not in names and paths.suffix_of(name).lower() in paths.IMAGE_SUFFIXES and not name.startswith(".")
    )


def below_common(places: Sequence[str]) -> list[str]:
    """The addresses `places` of files below the folder that all of them have in common."""
    folders = [place.split("/")[:-1] for place in places if place]
    common = 0
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        common += 1
    return ["/".join(place.split("/")[common:]) for place in places]


def safe_name(text: str) -> str:
    """`text` as a path below any folder that it is put under; "" where it leads elsewhere or no file can have it."""
    safe = safe_relative(text)
    long = len(text) > _LONGEST_PART // 4 and any(len(part.encode()) > _LONGEST_PART for part in safe.split("/"))
    return "" if long else safe


def _spellings(text: str, bases: Sequence[str]) -> list[str]:
    """The safe ways to read `text`, as it is first."""
    slashed = text.replace("\\", "/")
    below = next((slashed.removeprefix(base) for base in bases if slashed.startswith(base)), slashed)
    return [name for name in map(safe_name, dict.fromkeys((text, below))) if name]


def _looked_up(
    folder: Path, wanted: Sequence[str], indices: Sequence[int], allowed: paths.AllowedFolders
) -> dict[int, Match]:
    """The matches of the names at `indices`, which no file has."""
    lookup = ImageLookup(lambda: images_below(folder, allowed))
    found = {text: lookup.find(text) for text in {wanted[index] for index in indices}}
    return {index: found[wanted[index]] for index in indices}


def images_below(folder: Path, allowed: paths.AllowedFolders) -> Iterator[str]:
    """The paths below `folder` of all images there that lie in one of the `allowed` folders, links followed."""
    for place, _, names in folder_listing.walk(folder):
        below = paths.relative_path(place, folder)
        for name in names:
            if paths.suffix_of(name).lower() in paths.IMAGE_SUFFIXES and allowed.holds(place / name):
                yield f"{below}/{name}" if below else name


def _why_missing(field: str, text: str, match: Match) -> str:
    if match.path:
        return f"{field} {excerpt(text)} fits only {match.path!r}, which other records have too; none is taken"
    if match.rivals:
        some = " and ".join(map(repr, match.rivals[:2]))
        return f"{field} {excerpt(text)} fits {len(match.rivals)} files, of them {some}; none is taken"
    if not text:
        return f"the record has no {field}"
    unsafe = "" if safe_name(text) else ", not a path below the image folder"
    two = "; it looks like two paths that run together" if run_together(text) else ""
    return f"no such file ({field} {excerpt(text)}{unsafe}){two}{match.hint}"
