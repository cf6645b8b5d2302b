"""Finds images whose names are spelled otherwise in the labels than on the disk: one lookup for all formats.

A format first looks for the exact name; only names without such an image are looked up here. A name is tried as
written, then with slashes for backslashes, without the query of a URL, with percent codes decoded, and without the
digits that Label Studio puts before an upload. Each of these is compared with the images exactly, then in NFC (a
Unicode form), with the extension in another case, in another case, with the percent codes of the image's name decoded,
and without the extension. The first comparison that any image passes decides, but only where exactly one image passes
it.

**Folders.** A path matches an image if one of the two ends with the other, since exports have absolute paths of other
machines and prefixes such as ``../``. The longest common end wins. A format whose labels are in folders of their own
ranks images by the distance of their folders instead.

Two paths without a line break between them (``data/a.jpgdata/b.jpg``) match no image by their end, since the first
path would be lost.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from unicodedata import normalize
from urllib.parse import unquote

import msgspec

from bboxprep.findings import Finding
from bboxprep.io.paths import IMAGE_SUFFIXES, stem_of, suffix_of

Nearness = Callable[[str], int | None]
"""``nearness(folder)``: the distance of the folder of an image from the label file, 0 for the nearest; None where an
image of that folder cannot match."""

_DRIVE = re.compile(r"[A-Za-z]:")
_UPLOAD = re.compile(r"(?<![^/])[0-9a-f]{8}-(?=[^/]+$)")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_SUFFIX = re.compile("|".join(map(re.escape, sorted(IMAGE_SUFFIXES))), re.IGNORECASE)
_MOST_SHOWN = 3
_MANY = 32  # images of one stem; more are first grouped by folder


class Match(msgspec.Struct, frozen=True):
    """The result of a lookup: the `path` of the one image that matches and the `way` it was found; "" for none.

    Without a `path`, `rivals` are images that match equally well, and `near` are images with similar names.
    """

    path: str = ""
    way: str = ""
    rivals: tuple[str, ...] = ()
    near: tuple[str, ...] = ()

    @property
    def hint(self) -> str:
        """The rivals or similar names as the end of a message: ``; near that name: 'a.png'``, or ""."""
        names = self.rivals or self.near
        if not names:
            return ""
        listed = ", ".join(map(repr, names[:_MOST_SHOWN])) + (" and others" if len(names) > _MOST_SHOWN else "")
        return f"; {'it fits several' if self.rivals else 'near that name'}: {listed}"


class OtherSpelling(msgspec.Struct, frozen=True):
    """An image that was found by another spelling: the `name` in the labels, its `path`, and the `way`."""

    name: str
    path: str
    way: str


def spelling_note(found: Sequence[OtherSpelling], path: str = "", where: str = "", split: str = "") -> Finding:
    """One finding about all images that were `found` by another spelling; `path` and `where` locate the first."""
    first = found[0]
    example = f"first: {first.name!r} is {first.path!r}, {first.way}"
    have = f"names that the labels spell otherwise than the disk ({len(found):,}; {example})"
    words = f"{have}; the only image that fits was taken"
    return Finding("name-differs", words, path, where, split=split)


def run_together(text: str) -> bool:
    """Whether `text` is two paths without a line break between them: a folder in it has the suffix of an image."""
    folder, _, _ = text.replace("\\", "/").rpartition("/")
    return _SUFFIX.search(folder) is not None


def spelled_alike(text: str, name: str) -> bool:
    """Whether `text` may be another spelling of the `name` of an image."""
    return text == name or any(_level(name, spelling, lambda _: 0) for spelling, _ in _spellings(text))


class ImageLookup:
    """Looks up names among images: POSIX paths below one folder, which `images` returns at the first lookup."""

    def __init__(self, images: Callable[[], Iterable[str]]) -> None:
        self._images = images

    def find(self, text: str, nearness: Nearness | None = None) -> Match:
        """The match of `text`: by the ends of paths, or with `nearness` by the distance of folders."""
        for spelling, way in _spellings(text):
            best: dict[tuple[int, int], list[str]] = defaultdict(list)
            for path in self._alike(spelling, _parent(spelling) if nearness is None else None):
                level = _level(path, spelling, nearness)
                if level is not None:
                    best[level].append(path)
            if best:
                fits = best[min(best)]
                how = ", ".join(filter(None, (way, _WAYS[min(best)[0]])))
                how = how or ("by its whole name" if nearness else "by the end of its path")
                return Match(fits[0], how) if len(fits) == 1 else Match(rivals=tuple(fits))
        near = (path for spelling, _ in _spellings(text) for path in self._alike(spelling)[: _MOST_SHOWN + 1])
        return Match(near=tuple(sorted(set(near))))

    def _alike(self, spelling: str, parent: str | None = None) -> Sequence[str]:
        """The sorted images whose stem may match `spelling`; of more than `_MANY` only those in a folder `parent`, or
        in no folder.
        """
        name = spelling.rpartition("/")[2]
        stem, whole = _folded(stem_of(name)), _folded(name)
        found = self._called(stem, parent)
        return found if stem == whole else [*found, *self._called(whole, parent)]

    def _called(self, stem: str, parent: str | None) -> Sequence[str]:
        found = self._by_stem.get(stem, [])
        if parent is None or len(found) <= _MANY:
            return found
        if stem not in self._by_parent:
            groups: dict[str, list[str]] = defaultdict(list)
            for path in found:
                groups[_parent(path) or ""].append(path)
            self._by_parent[stem] = groups
        return [path for folder in ("", parent) for path in self._by_parent[stem].get(folder, ())]

    @cached_property
    def _by_stem(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in sorted(self._images()):
            stem = stem_of(path.rpartition("/")[2])
            for key in {_folded(stem), _unquoted(stem)}:
                found.setdefault(key, []).append(path)
        return found

    @cached_property
    def _by_parent(self) -> dict[str, Mapping[str, list[str]]]:
        """The images of stems that many have, by their folder."""
        return {}


def _spellings(text: str) -> Iterator[tuple[str, str]]:
    """The spellings of `text`, the exact one first, each with a description."""
    ways, seen = "", {""}
    for words, change in _CHANGES:
        changed = change(text)
        ways = ", ".join(filter(None, (ways, words))) if changed != text else ways
        text = changed
        if text not in seen:
            yield text, ways
            seen.add(text)


def _without_query(text: str) -> str:
    """`text` up to its query; the path in the query where there is no other (``/data/local-files/?d=images/a.jpg``, of
    Label Studio).
    """
    path, mark, query = text.partition("?")
    inside = re.match(r"d=([^&#]+)", query) if path.endswith("/") else None
    if inside:
        return inside[1]
    return path.partition("#")[0] if mark or "://" in path else text


def _decoded(text: str) -> str:
    return unquote(text) if _PERCENT.search(text) else text


_CHANGES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", str),
    ("with slashes for backslashes", lambda text: text.replace("\\", "/")),
    ("without the query", _without_query),
    ("with percent codes decoded", _decoded),
    ("without the eight digits that Label Studio puts before an upload", lambda text: _UPLOAD.sub("", text)),
)


def _composed(text: str) -> str:
    return text if text.isascii() else normalize("NFC", text)


def _small_suffix(text: str) -> str:
    text = _composed(text)
    return f"{text[: len(text) - len(suffix_of(text))]}{suffix_of(text).lower()}"


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else normalize("NFC", _composed(text).casefold())


def _unquoted(text: str) -> str:
    return _folded(_decoded(text))


_FORMS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", str),
    ("in another Unicode form", _composed),
    ("with its extension in another case", _small_suffix),
    ("in another case", _folded),
    ("with the percent codes of the file name decoded", _unquoted),
)
_BARE_FORMS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("without its extension", _composed),
    ("without its extension, in another case", _folded),
    ("without its extension, with the percent codes of the file name decoded", _unquoted),
)
_WAYS = tuple(words for words, _ in (*_FORMS, *_BARE_FORMS))
SPELLINGS = (*[words for words, _ in _CHANGES if words], *filter(None, _WAYS))
"""The differences between a name and its image, in the order in which they are tried."""


def _level(path: str, text: str, nearness: Nearness | None) -> tuple[int, int] | None:
    """The rank of the image at `path` for `text`: the comparison it passes and its distance; None where none."""
    folder, _, name = path.rpartition("/")
    if nearness is not None:
        text = text.rpartition("/")[2]
        near = nearness(folder)
        if near is None:
            return None
        level = next((level for level, mine, other in _pairs(name, text) if mine == other), None)
        return None if level is None else (level, near)
    if run_together(text):
        return None
    for level, mine, other in _pairs(path, text):
        if length := _common_end(mine.split("/"), _end(other)):
            return level, -length
    return None


def _pairs(path: str, text: str) -> Iterator[tuple[int, str, str]]:
    """`path` and `text` in each form that is compared, with its number."""
    for level, (_, form) in enumerate(_FORMS):
        yield level, form(path), form(text)
    bare = path[: len(path) - len(suffix_of(path.rpartition("/")[2]))]
    for level, (_, form) in enumerate(_BARE_FORMS, len(_FORMS)):
        yield level, form(bare), form(text)


def _parent(text: str) -> str | None:
    """The folded name of the parent folder in `text`; None without one."""
    parts = _end(text)
    return _folded(parts[-2]) if len(parts) > 1 else None


def _end(text: str) -> list[str]:
    """The parts of `text` after the last ``..``, root or drive."""
    text = text[2:] if _DRIVE.match(text) else text
    parts = [part for part in text.split("/") if part not in ("", ".")]
    return parts[len(parts) - parts[::-1].index("..") :] if ".." in parts else parts


def _common_end(mine: Sequence[str], other: Sequence[str]) -> int:
    """The number of common parts where one of the two ends with the other; else 0."""
    length = min(len(mine), len(other))
    return length if length and mine[-length:] == other[-length:] else 0
