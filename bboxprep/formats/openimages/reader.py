"""Open Images (v4 to v7): CSV files with a line for each box, as fractions of the image: XMin, XMax, YMin, YMax.

**Convention.** An image is the one that is called like its ``ImageID``, with or without its suffix. ``IsGroupOf`` makes
a crowd region, the other flags and ``Source`` are attributes, ``Confidence`` is a score unless it is 1. Classes have
the names of ``class-descriptions.csv``, in its order. An image that is listed and has no box has no objects.

**Masks** are PNGs below ``masks/``, one for an object, in another size than the image. A row about one names the box
that it was drawn in, which is that of an object in the file of boxes, else of an object of its own.

**Rotation.** The numbers lie on the image as its file stores it. ``Rotation`` says by how many degrees, against the
clock, image and boxes want to be turned to be upright. No image is turned by it unless `apply_rotation` asks: then it
is the orientation of a file that has none of its own. It is kept, told, and written back, less what was turned since.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import nan
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.listed_images import ImageGroup
from bboxprep.formats.object_records import Box, ImageRecord, ObjectRecord, classes_of, json_digest, record_dataset
from bboxprep.formats.openimages import fields, layout
from bboxprep.formats.record_values import UnusableRecord, class_name, coordinates
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import number
from bboxprep.io.paths import dataset_folder, resolved
from bboxprep.io.text import read_text
from bboxprep.model.categories import Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.splits import split_of

_MOST_BYTES = 8 << 30
_MACHINE = ("/m/", "/g/", "/j/", "/x/")  # how the names of classes in the files begin

_ORIENTATIONS = {90.0: 8, 180.0: 3, 270.0: 6}
"""The EXIF orientation that turns an image by so many degrees against the clock."""

_SAME = 1e-5  # by how much the numbers of one box may differ in two files

Row = Mapping[str, str]


class _RotationProbe(msgspec.Struct, frozen=True):
    """A probe that gives images the `orientations` that the labels state by path, if their files have none."""

    probe: Probe
    orientations: Mapping[Path, int]

    def __call__(self, path: Path, declared: Size | None = None) -> Header:
        header = self.probe(path, declared)
        stated = self.orientations.get(path, 1)
        if stated == 1 or header.orientation != 1:
            return header
        return msgspec.structs.replace(header, orientation=stated, stated=True)


def _orientations(groups: Iterable[ImageGroup[ImageRecord]]) -> Iterator[tuple[Path, int]]:
    """The path of each image whose record says how it wants to be turned, and the orientation that turns it so."""
    for group in groups:
        for name, record in zip(group.located.names, group.entries, strict=True):
            if code := _ORIENTATIONS.get(record.extra.get("openimages", {}).get(fields.ROTATION, 0.0)):
                yield group.folder / name, code


@reads
def read(root: Path, probe: Probe, options: fields.OpenImagesReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one file of boxes. Raises `LayoutError` or `AnnotationError`."""
    reading = _Reading(layout.DOCUMENTS.find(root, fields.LAYOUT), dataset_folder(root), options)
    return reading.dataset(root, probe)


class _Image:
    """What the files state of one image."""

    def __init__(self) -> None:
        self.objects: list[ObjectRecord] = []
        self.findings: list[Finding] = []
        self.rows: list[list[str]] = []
        self.where, self.document, self.rotation = "", "", 0.0


class _Reading:
    """Gathers the images of all files, by split."""

    def __init__(self, documents: Sequence[LabelDocument], root: Path, options: fields.OpenImagesReadOptions) -> None:
        self.documents, self.home, self.encoding = documents, resolved(root), options.encoding
        self.applies_rotation = options.apply_rotation
        self.names = dict(self._class_names())
        self.images: dict[str, dict[str, _Image]] = {}
        self.used: dict[str, None] = {}
        self.unnamed: dict[str, None] = {}
        self.findings: list[Finding] = []
        kinds: list[tuple[layout.Table, LabelDocument, Iterator[tuple[int, Row]]]] = []
        for document in documents:
            columns, rows = self._table(document.path)
            if table := layout.table_of(columns):
                kinds.append((table, document, rows))
        has_masks = any(table is layout.Table.MASKS for table, _, _ in kinds)
        self.pictures = layout.pictures(documents, root) if has_masks else {}
        for table, document, rows in sorted(kinds, key=lambda one: one[0] is not layout.Table.BOXES):
            self._take(table, document, rows)

    def dataset(self, root: Path, probe: Probe) -> Dataset:
        """The dataset of all images."""
        groups = [group for word, images in self.images.items() if (group := self._group(word, images))]
        if self.unnamed:
            some = ", ".join([*self.unnamed][:3])
            words = f"classes that no class-descriptions.csv names ({len(self.unnamed):,}: {some}); called as they are"
            self.findings.append(Finding("class-unnamed", words))
        if self.applies_rotation:
            probe = _RotationProbe(probe, dict(_orientations(groups)))
        classes = classes_of([Category(name, extra={fields.MID: mid}) for mid, name in self.names.items()], self.used)
        return record_dataset(root, "openimages", classes, groups, probe, self.findings, fractional=True)

    def _table(self, path: Path) -> tuple[Sequence[str], Iterator[tuple[int, Row]]]:
        """The columns of a file, and its rows with the number of their lines. Raises `AnnotationError`."""
        reader = csv.DictReader(io.StringIO(read_text(path, _MOST_BYTES, self.encoding), newline=""), restval="")
        try:
            columns = [name.strip() for name in reader.fieldnames or ()]
        except csv.Error as error:
            raise AnnotationError(path, "line 1", f"want a table of CSV ({error})") from error
        reader.fieldnames = columns

        def rows() -> Iterator[tuple[int, Row]]:
            try:
                for row in reader:
                    row.pop(None, None)  # cells beyond the last column
                    yield reader.line_num, row
            except csv.Error as error:
                raise AnnotationError(path, f"line {reader.line_num}", f"want a row of CSV ({error})") from error

        return columns, rows()

    def _class_names(self) -> Iterator[tuple[str, str]]:
        """The name of each class, by that in the files."""
        for path in layout.class_files(self.documents, self.home):
            text = read_text(path, _MOST_BYTES, self.encoding)
            with suppress(csv.Error):
                for row in csv.reader(io.StringIO(text, newline="")):
                    if len(row) > 1 and row[1].strip() and row[:2] != ["LabelName", "DisplayName"]:
                        yield row[0], row[1]

    def _take(self, table: layout.Table, document: LabelDocument, rows: Iterator[tuple[int, Row]]) -> None:
        """Store the rows of one file."""
        word, absent = layout.word_of(document), 0
        for line, row in rows:
            identity, where = row["ImageID"].strip(), f"line {line}"
            if not identity:
                if table in (layout.Table.BOXES, layout.Table.MASKS):
                    is_box = table is layout.Table.BOXES
                    words = f"a {'box' if is_box else 'mask'} names no image in ImageID"
                    self.findings.append(Finding("annotation-orphan", words, document.shown, where, int(is_box)))
                continue
            picture = self.pictures.get(row["MaskPath"].strip(), "") if table is layout.Table.MASKS else ""
            if table is layout.Table.MASKS and not picture:
                absent += 1
                continue
            subset = word or row.get("Subset", "").strip() or document.word
            image = self._image(subset, identity, is_drawn=table is layout.Table.BOXES)
            image.where, image.document = image.where or where, image.document or document.shown
            if table is layout.Table.BOXES:
                self._add_box(image, row, where)
            elif picture:
                self._add_mask(image, row, f"{where} of {document.path.name}", picture)
            elif table is layout.Table.IMAGES:
                image.rotation = (
                    (number(row[fields.ROTATION]) or 0.0) if row[fields.ROTATION].strip().lower() != "nan" else 0.0
                )
        if absent:
            words = f"masks have no PNG in a folder masks/ here ({absent:,}); their boxes are in the file of boxes"
            self.findings.append(Finding("file-skipped", words, document.shown))

    def _image(self, word: str, identity: str, *, is_drawn: bool) -> _Image:
        """The image of that id in the split called `word`. One that has no box there (`is_drawn`) may be in a file of
        boxes that calls the same split otherwise.
        """
        alike = [] if is_drawn else [known for known in self.images if split_of(known) == split_of(word)]
        place = next((known for known in alike if identity in self.images[known]), (*alike, word)[0])
        chosen = self.images.setdefault(word if word in self.images else place, {})
        return chosen.setdefault(identity, _Image())

    def _add_box(self, image: _Image, row: Row, where: str) -> None:
        if (drawn := self._label_and_box(image, row, where, fields.BOX)) is None:
            return
        flags = {flag: row.get(flag, "").strip() for flag in fields.FLAGS if flag != fields.GROUP}
        attributes: dict[str, object] = {flag: text == "1" for flag, text in flags.items() if text in ("0", "1")}
        if source := row.get("Source", "").strip():
            attributes["Source"] = source
        score = number(row.get("Confidence", "").replace(",", ".")) if row.get("Confidence") != fields.HUMAN else None
        crowd = row.get(fields.GROUP, "").strip() == "1"
        object_ = ObjectRecord(*drawn, crowd=crowd, score=nan if score is None else score, attributes=attributes)
        image.objects.append(object_)

    def _add_mask(self, image: _Image, row: Row, where: str, picture: str) -> None:
        """Give the mask to the object whose box it was drawn in; it is an object of its own where no file states it."""
        if (drawn := self._label_and_box(image, row, where, fields.MASK_BOX)) is None:
            return
        mine = ObjectRecord(*drawn, picture=picture)
        for at, one in enumerate(image.objects):
            if one.label == mine.label and not one.picture and _same_box(one.box, mine.box):
                image.objects[at] = msgspec.structs.replace(one, picture=picture)
                return
        image.objects.append(mine)

    def _label_and_box(self, image: _Image, row: Row, where: str, columns: Sequence[str]) -> tuple[str, Box] | None:
        """The class and the box, in those `columns`, of a row about `image`; None, with a finding, if they cannot be
        read.
        """
        image.rows.append([text for name, text in row.items() if name != "ImageID"])
        stated = row.get("LabelName", "").strip()
        name = self.names.get(stated, stated)
        try:
            class_name(name, "LabelName")
            x0, x1, y0, y1 = coordinates([row.get(one, "").replace(",", ".") for one in columns], ",".join(columns))
        except UnusableRecord as error:
            image.findings.append(error.finding(where, name))
            return None
        if stated not in self.names:
            self.used[name] = None
            self.unnamed |= {name: None} if stated.startswith(_MACHINE) else {}
        return name, (x0, y0, x1, y1)

    def _group(self, word: str, images: Mapping[str, _Image]) -> ImageGroup[ImageRecord] | None:
        """The images of the split called `word`; those that have neither a box nor a file are left out."""
        folder = layout.folder_of_images(self.documents, word, list(images), self.home)
        there = {identity: one for identity, one in images.items() if one.rows or folder.holds(identity)}
        if len(there) < len(images):
            words = f"images have neither a box nor a file here ({len(images) - len(there):,}); left out"
            self.findings.append(Finding("image-aside", words, self.documents[0].shown, split=split_of(word)))
        turned = {identity: one.rotation % 360 for identity, one in there.items() if one.rotation % 360}
        left = {} if self.applies_rotation else turned
        left |= {identity: degrees for identity, degrees in turned.items() if degrees not in _ORIENTATIONS}
        if left:
            some = ", ".join(f"{identity} {degrees:g}" for identity, degrees in [*left.items()][:3])
            words = f"images want to be turned to be upright, by Rotation ({len(left):,}: {some}); kept as they are"
            self.findings.append(Finding("rotation-kept", words, self.documents[0].shown, split=split_of(word)))
        records = [
            self._record(folder.name(identity), one, turned.get(identity, 0.0)) for identity, one in there.items()
        ]
        document = LabelDocument(self.documents[0].path, records[0].document, word) if records else None
        return ImageGroup.locate(document, word, records, folder.path, self.home, "ImageID") if document else None

    def _record(self, name: str, image: _Image, rotation: float) -> ImageRecord:
        return ImageRecord.of(
            name,
            image.objects,
            image.findings,
            where=image.where,
            document=image.document,
            digest=json_digest(image.rows),
            extra={"openimages": {fields.ROTATION: rotation}} if rotation else {},
        )


def _same_box(one: Box, other: Box) -> bool:
    return all(abs(mine - its) <= _SAME for mine, its in zip(one, other, strict=True))
