"""MOTChallenge, as it is published and as CVAT and Datumaro write it: a folder a sequence, a row an object of a frame.

The text files of MOTS are read, too, which have masks, and where there are none its PNGs. The modules: `layout` finds
the sequences, `rows` and `masks` parse them, `instances` reads the PNGs, `writer` writes. A frame is the image in
``img1`` whose name is its number. Where names are no numbers from 1 on, ``gt/frames.txt`` of `writer` lists them;
without it, frames are the images in the order of their names, counted from 1, or from 0 where a row names frame 0. An
image without rows has no objects. Classes are the lines of ``gt/labels.txt``; without it, those of MOTChallenge that
occur. What seqinfo.ini says of the size and of frames in a second is taken from there.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats import image_tree, label_documents, listed_images, locate_images, object_records, record_values
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.mot import fields, instances, layout, rows
from bboxprep.geometry.affine import Size
from bboxprep.io import lenient_json, paths, text
from bboxprep.model.categories import Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.splits import SplitFolders

_MOST_BYTES = 1 << 30  # of a table
_DIGITS = 18  # of the number of a frame


@reads
def read(root: Path, probe: Probe, options: fields.MotReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset below the folder `root`. Raises `LayoutError` where there is none, `AnnotationError` for a table that
    cannot be read.
    """
    if not root.is_dir():
        raise LayoutError(root, "", "want a folder that holds sequences of MOTChallenge")
    tree = image_tree.walk(root, ".txt")
    found = layout.sequences(tree.labels)
    if not found and (folders := list(layout.instance_folders(root))):
        return instances.instances_dataset(root, folders, tree, probe, options.encoding)
    if not found:
        raise LayoutError(root, "", f"no sequence of MOTChallenge here (looked for {fields.LAYOUT})")
    parts = [one.split("/") if one else [] for one in found]
    splits = SplitFolders(frozenset({fields.IMAGES})).of(
        paths.folder_name(root), ((one, range(min(len(one), 1))) for one in parts)
    )
    reading = _Reading(root, tree, options)
    infos = {sequence: reading.info(sequence) for sequence in found}
    written = all(found) and any(info.names_split for info in infos.values())
    places = (layout.place_of_written(one) if written else layout.place(one, splits) for one in found)
    groups = [reading.group(*each, *place) for each, place in zip(infos.items(), places, strict=True)]
    listed = [Category(name) for name in reading.listed]
    used = sorted(reading.used - reading.listed.keys(), key=[*fields.NAMES, fields.IGNORE].index)
    aside = [path for path in tree.images if path not in reading.taken]
    notes = [*image_tree.link_notes(tree), *reading.findings, *reading.origin_note(), *image_tree.aside_note(aside)]
    return object_records.record_dataset(root, "mot", object_records.classes_of(listed, used), groups, probe, notes)


class _Info(msgspec.Struct, frozen=True):
    """What seqinfo.ini says of a sequence; `names_split`: the first folder of its path is its split."""

    images: str = fields.IMAGES
    suffix: str = ".jpg"
    size: Size | None = None
    rate: float = 0.0
    names_split: bool = False


class _Reading:
    """Gathers the frames of sequences, and the classes that they list and use."""

    def __init__(self, root: Path, tree: image_tree.ImageTree, options: fields.MotReadOptions) -> None:
        self.root, self.home, self.options = root, paths.resolved(root), options
        self.images: dict[str, list[str]] = {}
        for folder, name in map(image_tree.split_path, tree.images):
            self.images.setdefault(folder, []).append(name)
        self.listed: dict[str, None] = {}
        self.used: set[str] = set()
        self.taken: set[str] = set()
        self.findings: list[Finding] = []
        self.counted_from_one: list[str] = []

    def origin_note(self) -> Iterator[Finding]:
        """The note on sequences whose pixels were taken as counted from 1 without a word of theirs."""
        if self.counted_from_one:
            words = f"pixels count from 1, as MOTChallenge has it ({len(self.counted_from_one):,} sequences without a "
            words += "labels.txt); `origin='0'` takes them as counted from 0"
            yield Finding("box-assumed", words, self.counted_from_one[0])

    def group(
        self, sequence: str, info: _Info, split: str, prefix: str
    ) -> listed_images.ImageGroup[object_records.ImageRecord]:
        """The images of a `sequence` with that `info`, which are of `split`, and whose names begin with `prefix`.
        Raises `AnnotationError` and `LayoutError`.
        """
        shown = image_tree.join_path(sequence, fields.TABLE)
        path = self.root / shown
        table = label_documents.class_list(path.parent, self.options.encoding)
        self.listed |= dict.fromkeys(table)
        origin = int(self.options.origin) if self.options.origin != "auto" else int(not table)
        if self.options.origin == "auto" and origin and not layout.holds_masks(path):
            self.counted_from_one.append(shown)
        file = rows.parse(self._text(shown), table, origin)
        self.findings += [replace(one, path=shown, split=split) for one in file.findings]
        if not table:
            self.used |= {one.label for frame in file.frames.values() for one in frame.objects}
        folder = image_tree.join_path(sequence, info.images)
        names = self._listed_frames(sequence, split)
        if not names:
            found = self.images.get(folder, [])
            names = _frame_names(found, file.frames)
            if not are_numbered(found):
                words = "images have no numbers for names: frames are the images in the order of their names"
                self.findings.append(Finding("name-differs", words, shown, split=split))
        expected = {frame: f"{frame:06d}{info.suffix}" for frame in sorted(file.frames) if frame not in names}
        records = [self._record(frame, name, file, info) for frame, name in {**names, **expected}.items()]
        document = label_documents.LabelDocument(path, shown, split)
        place = self.root / (folder if paths.is_within(self.root / folder, self.home) else sequence)
        located = listed_images.ImageGroup.locate(document, split, records, place, self.home, "frame")
        self.taken.update(image_tree.join_path(folder, name) for name in located.located.names)
        return msgspec.structs.replace(located, prefix=prefix)

    def _listed_frames(self, sequence: str, split: str) -> dict[int, str]:
        """The names of images by the numbers of their frames, as a file beside the table of a `sequence` states them;
        none without one. Raises `AnnotationError`.
        """
        shown = image_tree.join_path(sequence, fields.FRAMES)
        if not self._is_there(shown):
            return {}
        listed: dict[int, str] = {}
        for at, line in enumerate(self._text(shown).split("\n"), 1):
            number, _, name = line.strip().partition(",")
            frame = lenient_json.whole(number)
            if frame is not None and name:
                listed.setdefault(frame, name)
            elif line.strip():
                words = f"have {lenient_json.excerpt(line)}, want the number of a frame, a comma and a name"
                self.findings.append(Finding("record-unreadable", words, shown, f"line {at}", split=split))
        return listed

    def _is_there(self, shown: str) -> bool:
        path = self.root / shown
        return paths.is_file_safely(path) and paths.is_within(path, self.home)

    def _text(self, shown: str) -> str:
        return text.read_text(self.root / shown, _MOST_BYTES, self.options.encoding)

    def _record(self, frame: int, name: str, file: rows.MotFile, info: _Info) -> object_records.ImageRecord:
        own = file.frames.get(frame, rows.FrameRows())
        masks = [one.mask for one in own.objects if one.mask]
        return object_records.ImageRecord.of(
            name,
            own.objects,
            own.findings,
            where=f"frame {frame}",
            declared=masks[0].size if masks else info.size,
            digest=object_records.json_digest(own.texts),
            extra={"mot": {fields.RATE: info.rate}} if info.rate else {},
        )

    def info(self, sequence: str) -> _Info:
        """What seqinfo.ini says of a `sequence`; a fault of it is a finding."""
        shown = image_tree.join_path(sequence, fields.INFO)
        if not self._is_there(shown):
            return _Info()
        try:
            parser = configparser.ConfigParser(interpolation=None, strict=False)
            parser.read_string(self._text(shown))
            stated = parser[fields.SECTION]
        except (AnnotationError, configparser.Error, KeyError) as error:
            problem = error.problem if isinstance(error, AnnotationError) else f"want a section [{fields.SECTION}]"
            self.findings.append(Finding("record-unreadable", problem, shown))
            return _Info()
        rate = lenient_json.number(stated.get(fields.RATE, "0"))
        return _Info(
            images=locate_images.safe_name(stated.get("imDir", "")) or fields.IMAGES,
            suffix=stated.get("imExt", ".jpg"),
            size=record_values.stated_size(stated.get("imWidth"), stated.get("imHeight")),
            rate=rate if rate and 0 < rate < _MOST_BYTES else 0.0,
            names_split=fields.SPLIT in stated,
        )


def are_numbered(names: Sequence[str]) -> bool:
    """Whether images called `names` are named by different numbers from 1 on: those of their frames."""
    stems = [paths.stem_of(name) for name in names]
    if not all(stem.isascii() and stem.isdecimal() and len(stem) < _DIGITS for stem in stems):
        return False
    numbers = set(map(int, stems))
    return len(numbers) == len(stems) and min(numbers, default=1) > 0


def frame_numbers(names: Sequence[str]) -> list[int]:
    """The number of the frame of each image called one of `names`, which are sorted: its name, or its place from 1 on
    where they are not numbered.
    """
    return [int(paths.stem_of(name)) for name in names] if are_numbered(names) else list(range(1, len(names) + 1))


def _frame_names(names: Sequence[str], frames: Mapping[int, object]) -> dict[int, str]:
    """The `names` of images, which are sorted, by the number of their frame; `frames` are those that rows name."""
    numbers = frame_numbers(names)
    by_place = numbers == list(range(1, len(names) + 1))
    return {one - (by_place and 0 in frames): name for one, name in zip(numbers, names, strict=True)}
