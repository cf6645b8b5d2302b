"""Checks of hostile input: no name leads out of a folder, and every invalid file raises a `BboxprepError`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from shutil import rmtree
from unicodedata import normalize

import numpy as np

from bboxprep.errors import BboxprepError
from bboxprep.io.paths import IMAGE_SUFFIXES, is_within, resolved
from bboxprep.io.remote import is_stored
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.api import read
from bboxprep.testing.check import expect, expect_that
from bboxprep.testing.example import FormatExample, LabelledDataset
from bboxprep.testing.runs import converted, opened, painted, random_dataset

_NAMES = (  # names that a file system allows; the painter writes them
    "plain.png", "with blank.png", "Case.png", "case.png", "caf\u00e9.png", "cafe\u0301.png", "con.png", "-dash.png",
    "bell\x07.png", "12:30.png", "deep/er/plain.png", "\U0001f600.png", "two..dots.png", "#1 & <2>.png",
    f"{'long' * 50}.png",
)  # fmt: skip
_SECRET = b"secret"  # the end of a file that no name may lead to
_MUTANTS = 40  # of each label file
_FILES = 3  # label files that are mutated
_GARBAGE = (b"", b"\0" * 64, b"\xff\xfe\xfd", b"{" * 500, b"<" * 500, b"nan " * 50, b"9" * 400)


def check_hostile_names(example: FormatExample, folder: Path) -> None:
    """Odd names become safe and distinct paths with their objects; names that lead out of the folder are refused."""
    dataset = _named(random_dataset(example, seed=40, images=len(_NAMES) + 1))
    root = painted(example, folder / "in", dataset)
    outcome = converted(example, root, folder / "out")
    unread = len(dataset.images) - sum(outcome.account.images_in.values())
    expect_that(unread <= outcome.account.faults, f"{unread} images that were not read", "a finding for each")
    images = example.read(folder / "out").images
    left_out = {image.name for image in dataset.images if not image.name.isprintable()}  # where labels cannot hold it
    whole = {(image.data, image.classes) for image in dataset.images if image.name not in left_out}
    found = [(image.data, image.classes) for image in images]
    expect("images with their objects that are not written", len(whole - set(found)), 0)
    expect_that(len(whole) <= len(found) <= len(dataset.images), f"{len(found)} images", f"{len(dataset.images)}")
    places = [image.place for image in images]
    folded = {normalize("NFC", place).casefold() for place in places}
    expect("paths that differ in more than case and Unicode form", len(folded), len(places))
    for place in places:
        parts = PurePosixPath(place).parts
        safe = ".." not in parts and all(part.isprintable() and len(part.encode()) <= 255 for part in parts)
        expect_that(safe and not set(place) & set('<>:"|?*\\'), f"the path {place!r}", "one that every system can have")
    _check_leading_out(example, folder / "leading")


def _named(dataset: LabelledDataset) -> LabelledDataset:
    """`dataset` with the names of `_NAMES` in its first split."""
    split = dataset.images[0].split
    own = [image for image in dataset.images if image.split == split and len(image.boxes)]
    named = [replace(image, name=name) for image, name in zip(own, _NAMES, strict=True)]
    return replace(dataset, images=tuple(sorted(named, key=lambda image: image.name.encode())))


def _check_leading_out(example: FormatExample, folder: Path) -> None:
    """Replace the name of an image in the label files by one of equal length that leads out of the folder."""
    dataset, secret = random_dataset(example, seed=41), folder / "up" / "a1.png"
    secret.parent.mkdir(parents=True)
    secret.write_bytes(dataset.images[1].data + _SECRET)
    mark = "M" * (max(len(str(secret)), 40) + 2) + ".png"
    first, *others = dataset.images
    images = sorted((replace(first, name=mark), *others), key=lambda image: (image.split, image.name))
    for number, name in enumerate(_leading_out(secret, len(mark))):
        root, out = painted(example, folder / f"in-{number}", replace(dataset, images=tuple(images))), folder / "out"
        for path in label_files(root):
            path.write_bytes(path.read_bytes().replace(mark.encode(), name))
        before = _listing(folder, out)
        try:
            _check_within(opened(example, root).dataset, root, name)
            converted(example, root, out)
        except BboxprepError:
            continue
        finally:
            expect(f"{name!r}: files outside of the output that are new", sorted(_listing(folder, out) - before), [])
            copied = [path for path in out.rglob("*") if path.is_file() and path.read_bytes().endswith(_SECRET)]
            expect(f"{name!r}: copies of a file outside of the data set", copied, [])
            rmtree(out, ignore_errors=True)


def _leading_out(secret: Path, length: int) -> Iterator[bytes]:
    """Names of `length` bytes that lead to the file `secret` from several depths below its folder, or nowhere."""
    paths = [str(secret), *("../" * depth + "up/a1.png" for depth in range(1, 6)), "C:/up/a1.png", "..\\..\\up/a1.png"]
    for path in paths:
        first, slash, rest = path.partition("/")
        more = length - len(path)
        yield f"{first}{slash}{'/' * (more % 2)}{'./' * (more // 2)}{rest}".encode()
    yield b"\0" * (length - 4) + b".png"
    yield b"\x01\x1b" * (length // 2 - 2) + b".png"[: 4 + length % 2]


def _check_within(dataset: Dataset, root: Path, name: bytes) -> None:
    """Raise AssertionError where a usable image lies outside of `root`."""
    for sample in dataset:
        inside = sample.header is None or is_stored(sample.path) or is_within(sample.path, resolved(root))
        expect_that(inside, f"{name!r}: an image at {sample.path}", f"none outside of {root}")


def _listing(folder: Path, out: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_relative_to(out)}


def label_files(root: Path) -> list[Path]:
    """The files of the dataset at `root` that are not images."""
    return [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix.lower() not in IMAGE_SUFFIXES]


def check_only_our_errors(example: FormatExample, folder: Path) -> None:
    """A label file that is truncated, changed or replaced by garbage raises a `BboxprepError` or nothing."""
    root = painted(example, folder / "in", random_dataset(example, seed=42))
    random = np.random.default_rng(43)
    files = label_files(root)
    chosen = [files[at] for at in sorted({0, len(files) // 2, len(files) - 1})][:_FILES]
    for path in chosen:
        whole = path.read_bytes()
        for number, data in enumerate((*_GARBAGE, *_mutants(whole, random))):
            path.write_bytes(data)
            _read_all(example, root, f"{path.relative_to(root).as_posix()}, mutant {number} ({data[:60]!r})")
        path.write_bytes(whole)
    for path in chosen:
        whole = path.read_bytes()
        path.unlink()
        _read_all(example, root, f"{path.relative_to(root).as_posix()} missing")
        path.write_bytes(whole)


def _read_all(example: FormatExample, root: Path, case: str) -> None:
    try:
        dataset = read(root, example.format, labels_in="displayed")
        check_counts(dataset, case)
    except BboxprepError as error:
        expect_that(str(error), f"{case}: {type(error).__name__} without words", "what was found and what was wanted")
    except AssertionError:
        raise
    except Exception as error:  # what the law forbids
        raise AssertionError(f"{case}: have {type(error).__name__}: {error}, want a BboxprepError") from error


def check_counts(dataset: Dataset, case: str) -> None:
    """Raise AssertionError unless each source object is present or in a finding, and no name leads out."""
    for sample in dataset:
        there = len(sample.instances) + sum(finding.objects for finding in sample.findings)
        expect(f"{case}: {sample.name}: objects there and in findings", there, sample.source_count)
        outside = sample.name.is_absolute() or ".." in sample.name.parts
        expect_that(not outside, f"{case}: the name {str(sample.name)!r}", "a path below the folder")


def _mutants(data: bytes, random: np.random.Generator) -> Iterator[bytes]:
    """`data` truncated, with bytes changed, removed or doubled, or with a number replaced."""
    for _ in range(_MUTANTS if data else 0):
        at, length = int(random.integers(0, len(data))), int(random.integers(1, 12))
        match random.integers(0, 5):
            case 0:
                yield data[:at]
            case 1:
                yield data[:at] + random.bytes(length) + data[at + length :]
            case 2:
                yield data[:at] + data[at + length :]
            case 3:
                yield data[:at] + data[at : at + 40] * 2 + data[at + 40 :]
            case _:
                yield _with_odd_value(data, random)


def _with_odd_value(data: bytes, random: np.random.Generator) -> bytes:
    """The text `data` with one number replaced by an odd value."""
    values = (b"-1", b"1e308", b"NaN", b"null", b'"x"', b"[]", b"9" * 30, b"", b"-0", b"1_0")
    digits = np.flatnonzero(np.isin(np.frombuffer(data, np.uint8), list(b"0123456789")))
    if not len(digits):
        return data[::-1]
    at = end = int(random.choice(digits))
    while end < len(data) and data[end : end + 1] in b"0123456789.":
        end += 1
    return data[:at] + values[int(random.integers(0, len(values)))] + data[end:]
