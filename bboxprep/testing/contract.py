"""Checks of the twelve rules of the contract in `bboxprep.formats.api`, one function for each."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep import formats
from bboxprep.errors import BboxprepError
from bboxprep.formats.api import Labels, Writer
from bboxprep.geometry.affine import Size
from bboxprep.io.remote import open_path
from bboxprep.model.batch import Batch
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Frame, Sample
from bboxprep.model.splits import WORDS
from bboxprep.pipeline.api import read
from bboxprep.testing.check import expect, expect_that
from bboxprep.testing.example import FormatExample, LabelledDataset
from bboxprep.testing.robustness import check_counts, label_files
from bboxprep.testing.runs import CLASSES, converted, declared, painted, random_dataset, tree_hashes

_UNSORTED = ("b.png", "B.png", "a10.png", "a2.png", "\u00e4.png", "z.png", "a/z.png", "a.b.png")


def check_classes(example: FormatExample, folder: Path) -> None:
    """Rule 1: the order of the class table and classes without objects survive a round trip."""
    root = painted(example, folder / "in", random_dataset(example, seed=50))
    converted(example, root, folder / "out")
    if declared(example).has_class_table:
        for place in (root, folder / "out"):
            names = read(place, labels_in="displayed").categories.names
            expect(f"the class table of {place.name} as it is read", names, CLASSES)
        expect("the class table that was written", example.read(folder / "out").classes, CLASSES)


def check_source_count(example: FormatExample, folder: Path) -> None:
    """Rule 2: `source_count` is the number of objects of a sample plus those of its findings."""
    dataset = random_dataset(example, seed=51, reach=10.0)
    source = _read(example, painted(example, folder / "in", dataset))
    check_counts(source, "painted")
    wanted = {(image.split, image.name): len(image.boxes) for image in dataset.images}
    expect("source_count", {(one.split, str(one.name)): one.source_count for one in source}, wanted)


def check_order(example: FormatExample, folder: Path) -> None:
    """Rule 3: samples are sorted by split and, unless the format packs them, by the bytes of their names; names are
    unique in a split."""
    dataset = _renamed(random_dataset(example, seed=52, images=len(_UNSORTED)))
    source = _read(example, painted(example, folder / "in", dataset))
    keys = [(sample.split, str(sample.name)) for sample in source]
    expect("splits in the order of Dataset.splits", tuple(dict.fromkeys(split for split, _ in keys)), source.splits)
    # packed samples keep their order
    packed = declared(example).is_written and bool(_writer(example, folder / "out", source).stage)
    listed = [(image.split, image.name) for image in dataset.images] if packed else sorted(keys, key=_bytes_of_name)
    expect("the order of samples", keys, sorted(listed, key=lambda key: source.splits.index(key[0])))
    expect("names that are twice in a split", [key for key, count in Counter(keys).items() if count > 1], [])


def _bytes_of_name(key: tuple[str, str]) -> bytes:
    return key[1].encode()


def _renamed(dataset: LabelledDataset) -> LabelledDataset:
    names = [*_UNSORTED] * 2
    images = [replace(image, name=f"{image.split}-{name}") for image, name in zip(dataset.images, names, strict=False)]
    return replace(dataset, images=tuple(images))


def check_laziness(example: FormatExample, folder: Path) -> None:
    """Rule 4: a dataset can be iterated twice, read one sample at a time, and pickled."""
    source = _read(example, painted(example, folder / "in", random_dataset(example, seed=53)))
    first, second = list(source), list(source)
    expect("names in a second iteration", [one.name for one in second], [one.name for one in first])
    for row, sample in enumerate(pickle.loads(pickle.dumps(source))):
        expect_that(sample.instances == first[row].instances, f"{sample.name}: other objects pickled", "the same")
    last = len(first) - 1
    expect_that(source[last].instances == first[last].instances, "another sample had alone", "the same")


def check_frame(example: FormatExample, folder: Path) -> None:
    """Rule 5: the samples of a reader have the frame "displayed" and no evidence."""
    for sample in _read(example, painted(example, folder / "in", random_dataset(example, seed=54))):
        expect(f"{sample.name}: frame and evidence", (sample.frame, sample.evidence), (Frame.DISPLAYED, ""))


def check_images(example: FormatExample, folder: Path) -> None:
    """Rule 6: a reader never opens an image; its header comes from the probe."""
    root = painted(example, folder / "in", random_dataset(example, seed=55))
    sizes = {sample.header.size for sample in _read(example, root) if sample.header}
    expect("sizes of images whose probe says 11 x 13", sizes, {_PROBED})


def check_pickling(example: FormatExample, folder: Path) -> None:
    """Rule 7: a pickled writer encodes as the original one, and one sample alone as in a batch."""
    for writer, sample, image, labels in _encoded(example, folder):
        copy = pickle.loads(pickle.dumps(writer))
        expect(f"{sample.name}: labels of a pickled writer", list(copy.encode(Batch.of([sample]), [image])), [labels])


def check_entries(example: FormatExample, folder: Path) -> None:
    """Rule 8: `Labels.entry` passes through msgpack."""
    for _, sample, _, labels in _encoded(example, folder):
        back = msgspec.msgpack.decode(msgspec.msgpack.encode(labels.entry))
        expect(f"{sample.name}: the entry from msgpack", back, _as_lists(labels.entry))


def check_documents(example: FormatExample, folder: Path) -> None:
    """Rule 9: `documents` is complete before the first entry is collected, and lists all files that `close` writes."""
    encoded = list(_encoded(example, folder))
    writer, before = encoded[0][0], encoded[0][0].documents
    for _, _, image, labels in encoded:
        writer.collect(msgspec.msgpack.decode(msgspec.msgpack.encode(labels.entry)))
        for path in (image, *(path for path, _ in labels.files)):
            (folder / "out" / writer.stage / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "out" / writer.stage / image).write_bytes(_picture(encoded, image))
        for path, data in labels.files:
            (folder / "out" / writer.stage / path).write_bytes(data)
    expect("documents after all was collected", sorted(writer.documents), sorted(before))
    there = set(tree_hashes(folder / "out"))
    writer.close()
    expect(
        "files that `close` wrote and `documents` does not name",
        sorted(set(tree_hashes(folder / "out")) - there - {*before}),
        [],
    )


def check_places(example: FormatExample, folder: Path) -> None:
    """Rule 10: a reader does not follow links out of the folder of the dataset, and does not block on a pipe."""
    root = painted(example, folder / "in", random_dataset(example, seed=56))
    if not hasattr(os, "mkfifo"):
        return
    for path in label_files(root)[:2]:
        outside = folder / f"outside-{path.name}"
        path.rename(outside)
        os.mkfifo(path)
        with _PipeWatch(path) as watch:
            _read_or_refuse(example, root)
        expect_that(not watch.waited, f"{path.name}: a reader that waits for a pipe", "one that asks for a file")
        path.unlink()
        outside.rename(path)


class _PipeWatch:
    """Detects a reader that blocks on the pipe at `path`, and releases it."""

    def __init__(self, path: Path) -> None:
        self.waited = False
        self._path, self._ended = path, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> _PipeWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.01):
            try:
                os.close(os.open(self._path, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                continue  # there is no reader
            self.waited = True


def check_findings(example: FormatExample, folder: Path) -> None:
    """Rule 11: `Finding.path` is the path of an existing file below the root; of a missing image where it should be."""
    root = painted(example, folder / "in", random_dataset(example, seed=57))
    chance = np.random.default_rng(58)
    for path in label_files(root)[:3]:
        whole = path.read_bytes()
        for _ in range(12):
            at = int(chance.integers(0, max(1, len(whole) - 8)))
            path.write_bytes(whole[:at] + b"nan" + whole[at + 3 :])
            source = _read_or_refuse(example, root)
            for finding in _findings(source) if source else ():
                there = finding.code == "image-missing" or _exists(root, finding.path)
                there = not finding.path or (not Path(finding.path).is_absolute() and there)
                expect_that(
                    there, f"a finding at {finding.path!r} ({finding.message})", "the path of a file below the root"
                )
        path.write_bytes(whole)


def check_splits(example: FormatExample, folder: Path) -> None:
    """Rule 12: every word for a split in `model.splits` gives its split, also beside another split."""
    if not declared(example).has_splits:
        return
    dataset = random_dataset(example, seed=59, images=1)
    first, second = dataset.images[0], dataset.images[-1]
    for number, (word, split) in enumerate(WORDS.items()):
        other = "train" if split != "train" else "val"
        images = tuple(sorted((replace(first, split=word), replace(second, split=other)), key=lambda one: one.split))
        root = painted(example, folder / f"in-{number}", replace(dataset, images=images))
        found = {str(sample.name): sample.split for sample in _read(example, root)}
        expect(f"split of what is called {word!r}", found[first.name], split)


def check_row(example: FormatExample, folder: Path) -> None:  # noqa: ARG001
    """The format is registered and has a title, a layout and columns; `bboxprep formats` prints it."""
    known = declared(example)
    expect_that(example.format in formats.names(), f"formats {formats.names()}", example.format)
    expect_that(
        bool(known.title and known.layout and known.carries), f"{known.title!r}, {known.layout!r}", "words of each"
    )
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "bboxprep", "formats"]
    table = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True).stdout
    rows = [line for line in table.splitlines() if line.startswith(f"| `{example.format}`") and known.layout in line]
    expect("rows of `bboxprep formats` with its name and layout", len(rows), 1)


_PROBED = Size(11, 13)


def _probe(path: Path, declared: Size | None = None) -> Header:  # noqa: ARG001
    """A probe that opens no image."""
    return Header(_PROBED)


def _read(example: FormatExample, root: Path) -> Dataset:
    """The dataset at `root` as the reader returns it."""
    known = declared(example)
    return known.read(root, _probe, known.read_options())


def _read_or_refuse(example: FormatExample, root: Path) -> Dataset | None:
    try:
        source = _read(example, root)
        list(source)
    except BboxprepError:
        return None
    return source


def _findings(source: Dataset) -> Iterator[Any]:
    yield from source.findings
    for sample in source:
        yield from sample.findings


def _exists(root: Path, path: str) -> bool:
    """Whether `path` is "" or the path of a file below `root`, or of an entry of a packed file there."""
    at = root / path
    return not path or (at != Path(path) and any(place.is_file() for place in (at, *at.parents)))


def _encoded(example: FormatExample, folder: Path) -> Iterator[tuple[Writer, Sample, str, Labels]]:
    """A writer, and each sample of a dataset with the path of its image and its encoded labels."""
    root = painted(example, folder / "in", random_dataset(example, seed=60))
    source = read(root, example.format, labels_in="displayed")
    writer = _writer(example, folder / "out", source)
    places = [(sample, writer.paths(sample.split, str(sample.name))[0]) for sample in source]
    encoded = writer.encode(Batch.of(sample for sample, _ in places), [image for _, image in places])
    for (sample, image), labels in zip(places, encoded, strict=True):
        yield writer, sample, image, labels


def _writer(example: FormatExample, out: Path, source: Dataset) -> Writer:
    known = declared(example)
    return known.write(out, source, known.write_options(**example.options))


def _picture(encoded: list[tuple[Writer, Sample, str, Labels]], image: str) -> bytes:
    return next(open_path(sample.path).read_bytes() for _, sample, place, _ in encoded if place == image)


def _as_lists(value: Any) -> Any:
    """`value` with lists for tuples, as msgpack decodes it."""
    if isinstance(value, tuple | list):
        return [_as_lists(item) for item in value]
    return {key: _as_lists(item) for key, item in value.items()} if isinstance(value, dict) else value
