"""Names all output files of a dataset before any is written.

Sub-folders and names of the source are kept, or sub-folders become a part of the name (`Naming`). Where two paths are
equal, or differ only in case or in Unicode form (which some file systems do not distinguish), the later one gets a
number. A name whose suffix contradicts the content, or is one that trainers skip, gets the usual suffix, and every name
is made safe for all systems (`io.safe_names`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import PurePosixPath
from typing import Literal, get_args

import msgspec

from bboxprep.errors import TargetError, UsageError
from bboxprep.formats.api import Writer
from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.codec import ImageFormat, keeps_bytes, suffix_of
from bboxprep.io.paths import USUAL_SUFFIXES
from bboxprep.io.safe_names import folded, is_device, safe_name, safe_path
from bboxprep.model.header import Header
from bboxprep.model.sample import Key
from bboxprep.pipeline.source.survey import ImageSummary

NameStyle = Literal["keep", "flat"]
FOLDER_MARK = "__"  # between the folders of a flat name


class Naming(msgspec.Struct, frozen=True):
    """The names that a run asks for: "keep" leaves images in their sub-folders, "flat" makes these a part of the name
    (``a/b.jpg`` is ``a__b.jpg``); an `image_format` gives every image its suffix. Images that are `unopened` keep
    theirs where they would have to be converted. Raises `UsageError`.
    """

    names: NameStyle = "keep"
    image_format: ImageFormat = "keep"
    unopened: bool = False

    def __post_init__(self) -> None:
        if self.names not in get_args(NameStyle):
            raise UsageError(f"`names`: have {self.names!r}, want one of {', '.join(get_args(NameStyle))}")

    def asked(self, name: str) -> str:
        """The `name` of a source's image as it is asked for; a written name may differ from it."""
        if self.names == "flat" and "/" in name:
            name = FOLDER_MARK.join(PurePosixPath(name).parts)
        return name if self.image_format == "keep" else str(PurePosixPath(name).with_suffix(f".{self.image_format}"))

    def suffixes(self, name: str, container: str) -> tuple[str, ...]:
        """The suffixes that the file written for the image `name`, of `container`, may have, the usual one first."""
        if self.unopened and not keeps_bytes(Header(Size(1, 1), container=container)):
            return (PurePosixPath(name).suffix.lower(),)
        return _suffixes(container, self.image_format)


KEPT_NAMES = Naming()


class Output(msgspec.Struct, frozen=True):
    """The paths of one image and of its label files below the output folder, and whether the image was `renamed`
    otherwise than asked.
    """

    image: str
    renamed: bool = False
    labels: tuple[str, ...] = ()


Paths = tuple[str, ...]


class Outputs(Mapping[Key, Output]):
    """The output of each image that has a header.

    To save memory, only names that had to change are stored, and the paths inside shards, whose writer numbers them.
    All other paths are computed at each look-up.
    """

    def __init__(
        self,
        summaries: Sequence[ImageSummary],
        writer: Writer,
        renamed: Mapping[Key, str],
        packed: Mapping[Key, Paths],
        naming: Naming,
    ) -> None:
        self._summaries = summaries
        self._writer = writer
        self._renamed = renamed
        self._packed = packed
        self._naming = naming
        self._without = frozenset(summary.key for summary in summaries if summary.header is None)

    def __getitem__(self, key: Key) -> Output:
        """The output of the image `key`. Raises KeyError where it has no header."""
        if key in self._without:
            raise KeyError(key)
        split, name = key
        written = self._renamed.get(key, name)
        paths = self._packed.get(key) or self._writer.paths(split, written)
        return Output(paths[0], written != self._naming.asked(name), paths[1:])

    def __iter__(self) -> Iterator[Key]:
        return (summary.key for summary in self._summaries if summary.header is not None)

    def __len__(self) -> int:
        return len(self._summaries) - len(self._without)


def name_outputs(summaries: Sequence[ImageSummary], writer: Writer, naming: Naming = KEPT_NAMES) -> Outputs:
    """The outputs of all images. Raises `TargetError`."""
    taken: set[str] = set()
    numbers: dict[str, int] = defaultdict(
        lambda: 2
    )  # the next one to try, so that a thousand equal names take a thousand steps
    renamed: dict[Key, str] = {}
    packed: dict[Key, Paths] = {}
    for summary in summaries:
        if summary.header is None:
            continue
        split, name = summary.key
        wanted = _wanted(naming.asked(name), naming.suffixes(name, summary.header.container))
        for candidate in _candidates(wanted, numbers):
            paths = writer.paths(split, candidate)
            own = set(map(folded, paths))
            if not own & taken:
                break
        taken |= own
        if candidate != name:
            renamed[summary.key] = candidate
        if writer.stage:
            packed[summary.key] = paths
    _check_names(summaries, packed or renamed)
    return Outputs(summaries, writer, renamed, packed, naming)


def _check_names(summaries: Iterable[ImageSummary], known: Collection[Key]) -> None:
    """Raise `TargetError` where two images have one key. Such keys are among the `known`, since one was renamed."""
    seen: set[Key] = set()
    for summary in summaries if known else ():
        if summary.key in known and summary.header:
            if summary.key in seen:
                raise TargetError(f"{'/'.join(summary.key)}: two images of the source have this name")
            seen.add(summary.key)


def check_splits(splits: Iterable[str]) -> None:
    """Raise `TargetError` unless each of `splits` is a safe name of a folder on every system."""
    for split in splits:
        if split in ("", ".", "..") or safe_name(split) != split:
            raise TargetError(f"split: {split!r} cannot be a folder's name on every system; `split` makes others")


def _wanted(name: str, suffixes: tuple[str, ...]) -> str:
    """`name` made safe, with one of the `suffixes` of its file's content."""
    plain = _PLAIN.fullmatch(name)
    if plain and plain[1].lower() in suffixes and not is_device(name):
        return name
    path = PurePosixPath(name)
    return str(safe_path(path if path.suffix.lower() in suffixes else path.with_suffix(suffixes[0])))


@cache
def _suffixes(container: str, image_format: ImageFormat) -> tuple[str, ...]:
    """The suffixes that trainers know of the file written for one of `container`, the usual one first; that of an
    `image_format` that is asked for alone.

    They skip a JPEG whose name ends in .jpe or .jfif (``IMG_FORMATS`` of Ultralytics).
    """
    true = suffix_of(Header(Size(1, 1), container=container), image_format)
    if image_format != "keep":
        return (true,)
    return (true, *(other for other, usual in USUAL_SUFFIXES.items() if usual == true))


def _candidates(name: str, numbers: dict[str, int]) -> Iterator[str]:
    yield name
    path = PurePosixPath(name)
    stem = folded(str(path.with_suffix("")))
    while True:
        number = numbers[stem]
        numbers[stem] += 1
        yield str(path.with_stem(f"{path.stem}-{number}"))


_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,200}(\.[A-Za-z0-9]{1,8})")  # one path part, safe unless it names a device
