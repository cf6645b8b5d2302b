"""Parses data.yaml and darknet .data files, and the text files that they name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.formats.yolo.tree import read_head
from bboxprep.io.folder_listing import scan
from bboxprep.io.paths import is_within, refuse_passing, resolved, suffix_of
from bboxprep.io.text import read_text
from bboxprep.model.categories import MOST_CLASSES, MOST_KEYPOINTS, is_involution
from bboxprep.model.splits import is_word, order, split_of

MAX_LIST_BYTES = 256 << 20  # ten million paths of images
MAX_NAMES_BYTES = 8 << 20
NOT_SPLITS = {
    *("path", "names", "nc", "kpt_shape", "kpt_names", "flip_idx", "download", "channels", "roboflow", "images"),
    *("labels", "backup", "classes", "yaml_file", "task"),
}
_USUAL_STEMS = ("data", "dataset")  # of the YAML file that describes a dataset
_OUTLINE_TASKS = ("segment", "obb")  # those whose rows may look alike
_METRIC = "eval"  # the key of a .data file for the metric, which is no split


class Config(msgspec.Struct, frozen=True):
    """The content of a data.yaml or .data file, with paths as they are written there.

    `names` maps class numbers to names, None where there are none; `names_file` is a file of names instead. `count` is
    the stated number of classes. `splits` has the places of the images of each split. `keypoints` are (count, 2 or 3
    numbers each), `keypoint_names` their names by class (-1: all classes), `flip_idx` their partners in a mirrored
    image. `task` is segment or obb where it says so, else "".
    """

    file: Path | None = None
    path: str = ""
    splits: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    names: Mapping[int, str] | None = None
    names_file: str = ""
    count: int | None = None
    keypoints: tuple[int, int] | None = None
    keypoint_names: Mapping[int, tuple[str, ...]] = msgspec.field(default_factory=dict)
    flip_idx: tuple[int, ...] = ()
    task: str = ""


def config_files(folder: Path) -> tuple[Path, ...]:
    """The files in `folder` that may describe the dataset: data.yaml if there is one, else other YAML files, else .data
    files of darknet. More than one is ambiguous.
    """
    allowed, names = resolved(folder), _names_in(folder)
    for suffixes, matches, usual in (
        ((".yaml", ".yml"), _is_data_yaml, _USUAL_STEMS),
        ((".data",), _is_darknet, ("obj",)),
    ):
        paths = [folder / name for name in names if suffix_of(name).lower() in suffixes]
        found = sorted(path for path in paths if path.is_file() and is_within(path, allowed) and matches(path))
        if found:
            return tuple(path for path in found if path.stem.lower() in usual) or tuple(found)
    return ()


def _names_in(folder: Path) -> list[str]:
    """The names of what lies in `folder`; none where it cannot be listed."""
    try:
        return [entry.name for entry in scan(folder)]
    except OSError as error:
        refuse_passing(error, folder)
        return []


def is_config_file(path: Path) -> bool:
    """Whether the file at `path` could describe a dataset."""
    suffix = path.suffix.lower()
    return (suffix in (".yaml", ".yml") and _is_data_yaml(path)) or (suffix == ".data" and _is_darknet(path))


def find_config(folder: Path) -> Path | None:
    """The file that describes the dataset in `folder`; None without one. Raises `LayoutError` where several may."""
    files = config_files(folder)
    if len(files) > 1:
        raise LayoutError(folder, "", f"have {', '.join(path.name for path in files)}; name the one to read")
    return files[0] if files else None


def names_splits(path: Path) -> bool:
    """Whether the data.yaml or .data file at `path` has a key for a split."""
    separator = b"=" if path.suffix.lower() == ".data" else b":"
    keys = (line.partition(separator)[0].strip(b"\"' ") for line in read_head(path).splitlines() if separator in line)
    return any(is_word(key.decode("utf-8", "replace")) for key in keys)


def read_config(path: Path, encoding: str = "") -> Config:
    """Parse the data.yaml or .data file at `path`. Raises `AnnotationError`."""
    return _read_darknet(path, encoding) if path.suffix.lower() == ".data" else _read_yaml(path, encoding)


def read_lines(path: Path, max_bytes: int = MAX_LIST_BYTES, encoding: str = "") -> tuple[str, ...]:
    """The stripped lines of a text file, without blank lines at its end. Raises `AnnotationError`, also where the file
    has more than `max_bytes`.
    """
    text = read_text(path, max_bytes, encoding)
    return tuple(line.strip() for line in text.rstrip().split("\n")) if text.strip() else ()


def _is_data_yaml(path: Path) -> bool:
    head = read_head(path)
    keys = {line.partition(b":")[0].strip(b"\"' ") for line in head.splitlines() if b":" in line}
    return bool(keys & {b"names", b"nc"}) or (
        path.stem.lower() in _USUAL_STEMS and (b"train" in head or b"names" in head)
    )


def _is_darknet(path: Path) -> bool:
    keys = {line.partition(b"=")[0].strip() for line in read_head(path).splitlines() if b"=" in line}
    return bool(keys & {b"train", b"names", b"valid"})


def _read_darknet(path: Path, encoding: str) -> Config:
    content: dict[str, str] = {}
    for line in read_lines(path, MAX_NAMES_BYTES, encoding):
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            content[key.strip()] = value.strip()
    return Config(
        file=path,
        splits=_by_split({key: (content[key],) for key in content if key != _METRIC and is_word(key) and content[key]}),
        names_file=content.get("names", ""),
        count=_count(path, "classes", content["classes"]) if content.get("classes") else None,
    )


def _read_yaml(path: Path, encoding: str) -> Config:
    from bboxprep.io.strict_yaml import load_texts  # imported here because YAML is slow to import and rarely needed

    content = load_texts(path, encoding)
    names = content.get("names", "")
    count, numbers = _keypoint_shape(path, content.get("kpt_shape", ""))
    return Config(
        file=path,
        path=_text(path, "path", content.get("path", "")),
        splits=_splits(path, content),
        names=_names(path, names) if not isinstance(names, str) else None,
        names_file=names if isinstance(names, str) else "",
        count=_count(path, "nc", content["nc"]) if content.get("nc") else None,
        keypoints=(count, numbers) if count else None,
        keypoint_names=_keypoint_names(path, content.get("kpt_names", {}) or {}),
        flip_idx=_flip_idx(path, content.get("flip_idx", ()) or (), count),
        task=task if (task := content.get("task", "")) in _OUTLINE_TASKS else "",
    )


def _splits(path: Path, content: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The places of each split: the values of keys that are a word for a split, and of other keys that are the name of
    a folder in all their values.
    """
    found: dict[str, tuple[str, ...]] = {}
    for key, value in content.items():
        places = value if isinstance(value, list) else [value]
        if key in NOT_SPLITS or not all(isinstance(place, str) for place in places):
            if is_word(key):
                raise AnnotationError(path, key, "want a folder, a text file, or a list of these")
            continue
        named = tuple(place for place in places if place)
        own = bool(named) and all(key in place.replace("\\", "/").split("/") for place in named)
        if named and (is_word(key) or own):
            found[key] = named
    return _by_split(found)


def _by_split(found: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The places of each split, in the order of `splits.order`: those of all keys that name it."""
    splits: dict[str, tuple[str, ...]] = {}
    for key, places in found.items():
        splits[split_of(key)] = (*splits.get(split_of(key), ()), *places)
    return {split: splits[split] for split in sorted(splits, key=order)}


def _names(path: Path, names: Any) -> dict[int, str]:
    pairs = names.items() if isinstance(names, dict) else enumerate(names)
    named = {_class(path, key): _text(path, f"names.{key}", name) for key, name in pairs}
    if len(named) < len(names):
        raise AnnotationError(path, "names", "two names for one class")
    return named


def _count(path: Path, key: str, value: Any) -> int:
    number = _whole(path, key, value)
    if number > MOST_CLASSES:
        raise AnnotationError(path, key, f"have {number}, want at most {MOST_CLASSES}")
    return number


def _class(path: Path, key: Any) -> int:
    number = _whole(path, "names", key)
    if number >= MOST_CLASSES:
        raise AnnotationError(path, "names", f"have class {number}, want less than {MOST_CLASSES}")
    return number


def _keypoint_shape(path: Path, shape: Any) -> tuple[int, int]:
    if not shape:
        return 0, 0
    numbers = [_whole(path, "kpt_shape", number) for number in shape] if isinstance(shape, list) else []
    if len(numbers) != 2 or not 1 <= numbers[0] <= MOST_KEYPOINTS or numbers[1] not in (2, 3):
        raise AnnotationError(path, "kpt_shape", f"have {shape!r}, want [count, 2 or 3]")
    return numbers[0], numbers[1]


def _keypoint_names(path: Path, names: Any) -> dict[int, tuple[str, ...]]:
    """The names of the keypoints by class; -1 for classes without names of their own."""
    by_class = names if isinstance(names, dict) else {-1: names}
    if not all(isinstance(points, list) for points in by_class.values()):
        raise AnnotationError(path, "kpt_names", "want a list of names, or one for each class")
    return {
        key if key == -1 else _class(path, key): tuple(_text(path, "kpt_names", name) for name in points)
        for key, points in by_class.items()
    }


def _flip_idx(path: Path, indices: Any, count: int) -> tuple[int, ...]:
    """The partner of each of `count` keypoints; () without keypoints. Raises `AnnotationError`."""
    order = tuple(_whole(path, "flip_idx", index) for index in indices)
    if order and count and not (len(order) == count and is_involution(order)):
        raise AnnotationError(path, "flip_idx", f"have {list(order)}, want the partner of each of {count} keypoints")
    return order if count else ()


def _whole(path: Path, key: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise AnnotationError(path, key, f"have {str(value)[:40]!r}, want a whole number")
    return number


def _text(path: Path, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise AnnotationError(path, key, "have a list or a map, want text")
    return value
