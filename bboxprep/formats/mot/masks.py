"""Parses the rows of MOTS: ``frame track class height width mask``, with blanks between.

The mask is COCO's compressed text. The track is its number in its class plus 1000 times the class, and kept as it is.
Classes are 1 car and 2 pedestrian; 10 is a region whose objects are not labelled: a crowd region. The box is the one
around the mask.
"""

from __future__ import annotations

from collections.abc import Sequence

from bboxprep.formats import object_records, record_values
from bboxprep.formats.mot.fields import IGNORE, MASK_CLASSES
from bboxprep.io.lenient_json import excerpt, whole
from bboxprep.model.rle import Rle

_COLUMNS = 5  # after the frame
_MOST_TRACKS = 1 << 62


def mask_object(words: Sequence[str], table: Sequence[str]) -> object_records.ObjectRecord:
    """The object that the `words` of a row state after the frame; its class is a line of `table`, else one of MOTS.
    Raises `UnusableRecord`.
    """
    if len(words) != _COLUMNS:
        problem = f"have {len(words) + 1} columns, want a frame, a track, a class, height, width and a mask"
        raise record_values.UnusableRecord("", problem)
    track, number = (whole(word) for word in words[:2])
    size = record_values.stated_size(words[3], words[2])
    if track is None or number is None or size is None or not 0 <= track < _MOST_TRACKS:
        raise record_values.UnusableRecord("", f"have {excerpt(' '.join(words[:4]))}, want whole numbers")
    name, crowd = class_of(number, table)
    try:
        mask = Rle.from_text(size, words[4].encode("ascii", "replace"))
    except ValueError as error:
        raise record_values.UnusableRecord("", f"the mask cannot be read ({error})") from error
    x0, y0, x1, y1 = mask.bounds.tolist()
    if not mask.area:
        raise record_values.UnusableRecord("", "the mask is empty")
    return object_records.ObjectRecord(name, (x0, y0, x1, y1), mask=mask, crowd=crowd, track=track)


def class_of(number: int, table: Sequence[str]) -> tuple[str, bool]:
    """The class with the `number`, a line of `table`, else one of MOTS; and whether its objects are crowd regions.
    Raises `UnusableRecord`.
    """
    names = dict(enumerate(table, 1)) or MASK_CLASSES
    if number not in names:
        problem = f"have the class {number}, want one of {excerpt([*names])}"
        raise record_values.UnusableRecord("", problem, "category-unknown")
    return names[number], not table and names[number] == IGNORE
