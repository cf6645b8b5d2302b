"""Reads one document of CVAT, image by image, so that its tree is never in memory as a whole.

`ParsedDocument` has what is needed before a sample is read; the shapes of an image are packed until then. Places in
findings count from 1, as XPath does: ``image[3]/box[2]``.
"""

from __future__ import annotations

import pickle
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.cvat.fields import FRAME
from bboxprep.formats.cvat.groups import joined
from bboxprep.formats.cvat.labels import is_number, read_labels
from bboxprep.formats.cvat.shapes import SHAPES, UNHELD, CvatShape, UnreadableShape, read_shape
from bboxprep.formats.cvat.tracks import TrackedShape, gap_step, shapes_by_frame
from bboxprep.geometry.affine import Size
from bboxprep.io.paths import read_bytes
from bboxprep.io.xml_tree import each_child
from bboxprep.model.categories import Category

MOST_BYTES = 1 << 30
_STEP = re.compile(r"step\s*=\s*([0-9]{1,6})")
_Joints = dict[str, dict[str, None]]  # the names of the points of skeletons by class, as they are met


class ImageEntry(msgspec.Struct, frozen=True):
    """One image that a document lists, or a frame of its video: `where` it stands, and its packed shapes. `listed`
    counts its shapes, with those of its `findings`, which lack path and split.
    """

    name: str
    subset: str
    declared: Size | None
    where: str
    listed: int
    packed: bytes
    findings: tuple[Finding, ...] = ()
    is_frame: bool = False

    @staticmethod
    def pack(shapes: Iterable[CvatShape]) -> bytes:
        """`shapes` as they are kept until the sample of the image is read."""
        return pickle.dumps([msgspec.structs.astuple(shape) for shape in shapes])

    @property
    def shapes(self) -> tuple[CvatShape, ...]:
        """Its shapes."""
        return tuple(CvatShape(*values) for values in pickle.loads(self.packed))


@dataclass
class ParsedDocument:
    """The images of a document, and the frames of its video, of `size` and `step` apart; its classes by name, the names
    of classes and keypoints in use, and how many shapes of each kind are `unread` or held as boxes.
    """

    images: list[ImageEntry] = field(default_factory=list)
    labels: dict[str, Category] = field(default_factory=dict)
    used: dict[str, None] = field(default_factory=dict)
    joints: _Joints = field(default_factory=lambda: defaultdict(dict))
    unread: Counter[str] = field(default_factory=Counter)
    size: Size | None = None
    step: int = 1

    def note(self, shapes: Iterable[CvatShape]) -> None:
        """Count the classes, keypoints and kinds of `shapes`."""
        for shape in shapes:
            self.used[shape.label] = None
            if shape.joints:
                self.joints[shape.label] |= dict.fromkeys(name for name, *_ in shape.joints if name)
            if shape.tag in UNHELD:
                self.unread[shape.tag] += 1


def read_document(path: Path, encoding: str = "") -> ParsedDocument:
    """The document at `path`. Raises `AnnotationError`."""
    reading = _Reading()
    tag = each_child(path, read_bytes(path, MOST_BYTES), reading.visit, encoding)
    if tag != "annotations":
        raise AnnotationError(path, "", f"have the root element <{tag}>, want <annotations>")
    return reading.finished()


class _Reading:
    """Gathers the children of the root of a document."""

    def __init__(self) -> None:
        self.document = ParsedDocument()
        self.tracks: list[list[TrackedShape]] = []
        self.ids: list[str] = []  # of the tracks
        self.lost: dict[int, list[Finding]] = defaultdict(list)  # of tracks, by frame
        self.counts: Counter[str] = Counter()

    def visit(self, element: Element) -> None:
        self.counts[element.tag] += 1
        where = f"{element.tag}[{self.counts[element.tag]}]"
        if element.tag == "image":
            self.document.images.append(self._image(element, where))
        elif element.tag == "track":
            self.tracks.append(sorted(self._track(element, where), key=lambda one: one.frame))
            self.ids.append(element.get("id", ""))
        elif element.tag == "meta":
            self.document.labels |= read_labels(element)
            self.document.size = _size(*(element.findtext(f".//original_size/{side}") for side in ("width", "height")))
            found = (_STEP.search(text.text or "") for text in element.iter("frame_filter"))
            self.document.step = max(1, next((int(step[1]) for step in found if step), 1))

    def finished(self) -> ParsedDocument:
        by_frame: dict[int, list[CvatShape]] = defaultdict(list)
        step = gap_step(self.tracks, self.document.step)
        for number, track in zip(_numbers(self.ids), self.tracks, strict=True):
            for frame, shape in shapes_by_frame(track, step):
                by_frame[frame].append(msgspec.structs.replace(shape, track=number))
        for frame in sorted(by_frame.keys() | self.lost.keys()):
            shapes, findings = joined(by_frame[frame]), tuple(self.lost[frame])
            self.document.note(shapes)
            entry = _entry(FRAME.format(frame), "", self.document.size, f"frame {frame}", shapes, findings)
            self.document.images.append(msgspec.structs.replace(entry, is_frame=True))
        return self.document

    def _image(self, element: Element, where: str) -> ImageEntry:
        shapes, findings, counts = list[CvatShape](), list[Finding](), Counter[str]()
        for child in element:
            counts[child.tag] += 1
            if child.tag not in SHAPES:
                self.document.unread[child.tag] += 1
                continue
            try:
                shapes.append(read_shape(child))
            except UnreadableShape as error:
                findings.append(error.finding(f"{where}/{child.tag}[{counts[child.tag]}]", child.get("label", "")))
        shapes = joined(shapes)
        self.document.note(shapes)
        declared = _size(element.get("width"), element.get("height"))
        return _entry(element.get("name", ""), element.get("subset", ""), declared, where, shapes, tuple(findings))

    def _track(self, element: Element, where: str) -> Iterator[TrackedShape]:
        """The shapes of a track; the points of a skeleton may be tracks of their own in it."""
        label = element.get("label", "")
        points = {inner.get("label", ""): _by_frame(inner) for inner in element.iterfind("track")}
        for number, child in enumerate((one for one in element if one.tag in SHAPES), 1):
            frame = int(text) if is_number(text := child.get("frame", "")) else None
            if frame is not None and child.tag == "skeleton":
                child.extend(_points_at(points, frame))
            try:
                shape = None if child.get("outside") == "1" else read_shape(child, label)
            except UnreadableShape as error:
                self.lost[frame or 0].append(error.finding(f"{where}/*[{number}]", label))
                continue
            if frame is None:
                fault = UnreadableShape("frame", f"have {text[:40]!r}, want the number of a frame")
                self.lost[0].append(fault.finding(f"{where}/*[{number}]", label))
                continue
            yield TrackedShape(frame, shape, child.get("keyframe", "1") != "0")


def _entry(
    name: str, subset: str, declared: Size | None, where: str, shapes: list[CvatShape], findings: tuple[Finding, ...]
) -> ImageEntry:
    listed = len(shapes) + len(findings)
    return ImageEntry(name, subset, declared, where, listed, ImageEntry.pack(shapes), findings)


def _numbers(ids: Sequence[str]) -> Sequence[int]:
    """The `ids` of tracks as numbers; their places where they are none, or not unique."""
    whole = len(set(ids)) == len(ids) and all(map(is_number, ids))
    return list(map(int, ids)) if whole else range(len(ids))


def _by_frame(track: Element) -> dict[int, Element]:
    """The points of the track of one keypoint, by frame."""
    frames = ((point.get("frame", ""), point) for point in track.iterfind("points"))
    return {int(text): point for text, point in frames if is_number(text)}


def _points_at(points: Mapping[str, Mapping[int, Element]], frame: int) -> list[Element]:
    """The point of each keypoint in `frame`: its last one up to there."""
    found = []
    for label, own in points.items():
        last = max((other for other in own if other <= frame), default=None)
        if last is not None:
            found.append(Element("points", {**own[last].attrib, "label": label}))
    return found


def _size(width: str | None, height: str | None) -> Size | None:
    """The size of `width` and `height`; None where that is none of an image."""
    sides = [text.strip() for text in (width or "", height or "")]
    whole = all(is_number(text) and int(text) for text in sides)
    return Size(int(sides[0]), int(sides[1])) if whole else None
