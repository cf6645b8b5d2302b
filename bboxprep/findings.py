"""Findings: what was dropped, repaired or assumed, as data with stable codes.

A `Finding` that drops objects says how many, so the account of a run is the sum of its findings: objects in =
objects out + `objects` of all findings. Findings travel with the sample (or dataset) they are about; nothing is
logged from below the command line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Severity(StrEnum):
    """`NOTE`: a stated policy acted, all is well. `FAULT`: something was skipped or is wrong; the run exits with 1."""

    NOTE = "note"
    FAULT = "fault"


CODES: dict[str, tuple[Severity, str]] = {
    "annotation-older": (Severity.NOTE, "a task was labelled several times; the newest annotation was taken"),
    "annotation-orphan": (Severity.FAULT, "an annotation names an image that is not listed; dropped"),
    "augmentation-failed": (Severity.FAULT, "a pipeline of albumentations cannot be done on an image; skipped"),
    "box-assumed": (Severity.NOTE, "no file says what the numbers of boxes are; what they look like was taken"),
    "box-clipped": (Severity.NOTE, "a box reached over the edge of the image and was cut at it"),
    "box-cropped": (Severity.NOTE, "nothing of the object is left in the output image; dropped"),
    "box-degenerate": (Severity.FAULT, "a box has no width or no height; dropped"),
    "box-filtered": (Severity.NOTE, "a pipeline of albumentations left nothing or too little of the object; dropped"),
    "box-hidden": (Severity.NOTE, "too little of the object is left in the output image; dropped"),
    "box-loosened": (Severity.NOTE, "a box was turned with its image, and no outline says where its object ends"),
    "box-not-finite": (Severity.FAULT, "a coordinate is not a finite number; dropped"),
    "box-outside": (Severity.FAULT, "a box lies wholly outside its own image; dropped"),
    "box-overreach": (Severity.NOTE, "a box reached over the edge of its own image; dropped as asked"),
    "category-assumed": (Severity.NOTE, "nothing proves from which number category ids are counted; 1 was taken"),
    "category-unknown": (Severity.FAULT, "an object names a class that is not in the class table; dropped"),
    "class-disputed": (Severity.FAULT, "files beside the labels name the classes differently; one of them was taken"),
    "class-dropped": (Severity.NOTE, "a class is left out of the table as asked, its objects with it"),
    "class-merged": (Severity.NOTE, "classes that have one name now became one class"),
    "class-named": (Severity.NOTE, "the class names were taken from a file that is about other things too"),
    "class-respelled": (Severity.NOTE, "labels cannot hold the name of a class as it is; it was written otherwise"),
    "class-similar": (Severity.NOTE, "two classes whose names are nearly the same; kept apart"),
    "class-unnamed": (Severity.NOTE, "nothing states the names of the classes; they are called by their numbers"),
    "column-dropped": (
        Severity.NOTE,
        "labels as they are written do not hold this kind of information; the boxes are kept",
    ),
    "combined-with-none": (Severity.NOTE, "a mixup or copy-paste was left out: no other training image fits"),
    "convention-suspected": (Severity.FAULT, "the numbers of the dataset look like another unit or convention"),
    "crop-outside": (Severity.FAULT, "the crop lies wholly outside the image; image skipped"),
    "crowd-dropped": (Severity.NOTE, "crowd regions that are not wanted or that the target cannot hold; dropped"),
    "crowd-kept": (Severity.NOTE, "crowd regions were written as ordinary objects, or marked to be ignored, as asked"),
    "file-skipped": (Severity.NOTE, "a file beside the labels holds another kind of information; not read"),
    "flip-kept": (Severity.NOTE, "an image was not flipped because it shows an object of a class that is kept as is"),
    "flip-unmapped": (Severity.NOTE, "a name says left or right and a mirror of the image does not change it"),
    "folder-repeated": (
        Severity.NOTE,
        "a link to a folder that is read at its own place, or to one above; not followed",
    ),
    "frame-assumed": (Severity.NOTE, "a turned photo whose labels' plane nothing betrays; taken as displayed"),
    "frame-from-pixels": (Severity.NOTE, "what the pixels of turned photos say of their labels' plane, and the odds"),
    "image-aside": (Severity.NOTE, "an image that nothing lists, or where no labelled images lie; left aside"),
    "image-duplicate": (
        Severity.NOTE,
        "an image looks like another one that is kept; left out as asked, its objects with it",
    ),
    "image-filtered": (Severity.NOTE, "a filter leaves the image out as asked, its objects with it"),
    "image-missing": (Severity.FAULT, "an image that the labels name is not there; skipped"),
    "image-mixed": (Severity.NOTE, "images of several kinds, of which readers of the format may take one alone"),
    "image-near-duplicate": (Severity.NOTE, "images of one split look alike; kept"),
    "image-refused": (Severity.FAULT, "an image of a kind that needs a decision (16 bit, several frames); skipped"),
    "image-repeated": (Severity.NOTE, "an image is listed more than once; kept where it is listed first"),
    "image-skipped": (Severity.NOTE, "objects of an image that was skipped; its own finding says why"),
    "image-truncated": (
        Severity.FAULT,
        "an image file ends too early, which some programs refuse; kept",
    ),
    "image-unconverted": (Severity.NOTE, "an image of a kind that trainers skip was not opened, as asked; kept"),
    "image-unlabelled": (Severity.NOTE, "an image has no label file; kept as an image without objects"),
    "image-unopened": (Severity.NOTE, "images were not opened, as asked; their sizes are those that the labels state"),
    "image-unread": (Severity.FAULT, "the system failed to read an image, which may pass; the next run tries again"),
    "image-unreadable": (Severity.FAULT, "an image cannot be read; skipped"),
    "keypoint-outside": (Severity.NOTE, "a keypoint left the image and is now marked as not labelled"),
    "label-misplaced": (
        Severity.FAULT,
        "no image of a split has a label file, but files that look like labels lie elsewhere",
    ),
    "label-orphan": (Severity.FAULT, "a label file has no image; its objects are dropped"),
    "label-shared": (Severity.NOTE, "images of one stem share a label file; each has its objects"),
    "map-unknown": (Severity.FAULT, "the record does not say how an image was made; its predictions are dropped"),
    "mask-misfit": (Severity.FAULT, "a mask does not fit its image or its object's box; the box is kept"),
    "metadata-dropped": (Severity.NOTE, "EXIF data that cannot be read safely was left out of the output image"),
    "name-changed": (Severity.NOTE, "an output file has another name than its source"),
    "name-differs": (Severity.NOTE, "labels spell the name of an image otherwise; the only image that fits was taken"),
    "object-added": (Severity.NOTE, "a function given to map added objects; they count as objects of the source"),
    "object-filtered": (Severity.NOTE, "an object is smaller or larger than a filter asks for; dropped"),
    "object-removed": (Severity.NOTE, "a function given to map or filter left objects out; dropped as asked"),
    "object-unisolated": (Severity.NOTE, "an object of which no image was made: its class, its size or a crowd region"),
    "object-unmoved": (Severity.NOTE, "objects that have more than a box were not moved by a step inside boxes"),
    "orientation-disputed": (Severity.NOTE, "decoders read this file's orientation differently; ours is stated"),
    "orientation-invalid": (Severity.NOTE, "an orientation outside 1 to 8; taken as no turn"),
    "orientation-stale": (Severity.NOTE, "labels lie on the stored image of a photo that asks to be turned"),
    "oriented-refitted": (
        Severity.NOTE,
        "an edge cut an oriented box, which is now the smallest rectangle around what is left of it",
    ),
    "prediction-merged": (
        Severity.NOTE,
        "a prediction overlaps a better one of its class and image; left out as asked",
    ),
    "record-duplicate": (Severity.NOTE, "objects of one image have the same class and box; all kept"),
    "record-repaired": (Severity.NOTE, "an annotation was malformed in a way that has one meaning; repaired"),
    "record-unreadable": (Severity.FAULT, "an annotation cannot be read; dropped"),
    "root-beside": (Severity.NOTE, "a data set of another format lies below the one that was read; not read"),
    "root-found": (Severity.NOTE, "a folder above the data set was named; the only data set below it was read"),
    "rotation-kept": (Severity.NOTE, "labels say that an image wants to be turned to be upright; it was not turned"),
    "shape-unread": (Severity.NOTE, "a label holds a shape that its reader does not know; the box is kept"),
    "shape-unreadable": (Severity.FAULT, "a polygon, mask or keypoints cannot be read; left out, the box is kept"),
    "sidecar-stale": (Severity.NOTE, "labels were changed since the sidecar beside them was written; the labels count"),
    "sidecar-unreadable": (Severity.FAULT, "a line of the sidecar cannot be read; its data are not restored"),
    "size-contradicts": (Severity.FAULT, "the labels state another size than the image has; image skipped"),
    "size-swapped": (Severity.NOTE, "the labels state width and height exchanged; the boxes fit the image as it is"),
    "split-leak": (Severity.FAULT, "the same image, byte for byte, stands in two splits"),
    "split-near-leak": (Severity.NOTE, "an image looks like one of another split; look at both"),
    "task-assumed": (
        Severity.NOTE,
        "no file says what the labels state; what they look like was taken",
    ),
    "value-rounded": (Severity.NOTE, "coordinates were rounded to the numbers that the target format has"),
    "voc-origin-assumed": (Severity.NOTE, "nothing proves the origin of the VOC coordinates; devkit was taken"),
    "voc-origin-decided": (Severity.NOTE, "the origin of VOC or CSV coordinates, and the evidence for it"),
}


def escape_surrogates(text: str) -> str:
    """`text` with halves of surrogate pairs spelt out: bytes of a name that are no UTF-8, which JSON cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was dropped, repaired or assumed.

    `code` is a key of `CODES`, `where` the place inside the file, `message` one line. `objects` is the number of
    annotated objects that are lost by it, of class `category` ("" where unreadable) in `split`.

    `path` is the file as it lies on the disk, below the folder of the dataset (`io.paths.relative_path`), so that it
    can be opened: the image file for a finding about an image, the label file for one about a label, "" for the dataset
    as a whole. A file outside of that folder has its whole path. A missing image has the path where it was expected.
    Where several sources are merged, the folder is the common one (`Dataset.folder`), and the path begins with the
    folder of its source.
    """

    code: str
    message: str
    path: str = ""
    where: str = ""
    objects: int = 0
    category: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"finding code: {self.code!r} is not in CODES")
        for name in ("message", "path", "where"):
            if not (text := getattr(self, name)).isascii():
                object.__setattr__(self, name, escape_surrogates(text))

    @property
    def severity(self) -> Severity:
        """The severity, which depends on the code alone."""
        return CODES[self.code][0]

    def __str__(self) -> str:
        return ": ".join(part for part in (self.path, self.where, self.message) if part)


def by_place(findings: Iterable[Finding]) -> list[list[Finding]]:
    """`findings` of one code grouped by what they are about, in order: a file with objects of several classes has a
    finding for each class, and is one place.
    """
    groups: defaultdict[object, list[Finding]] = defaultdict(list)
    for number, finding in enumerate(findings):
        groups[(finding.split, finding.path, finding.where) if finding.path else number].append(finding)
    return list(groups.values())


def one_a_place(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for each code and place of `findings`, with all that is said of it: what commands count."""
    by_code: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_code[finding.code].append(finding)
    places = [place for own in by_code.values() for place in by_place(own)]
    return [place[0] if len(place) == 1 else _joined(place) for place in places]


def _joined(place: list[Finding]) -> Finding:
    words = "; ".join(dict.fromkeys(finding.message for finding in place))
    return replace(place[0], message=words, objects=sum(finding.objects for finding in place))


def count_faults(findings: Iterable[Finding]) -> int:
    """The number of faults among `findings`: of each code the places that have it (`by_place`)."""
    return len(one_a_place(finding for finding in findings if finding.severity is Severity.FAULT))
