"""Whether the images that an output lacks as duplicates are those that look like another one, by the pictures alone.

The thumbnails are made anew from the source, and which image stays is decided anew; of the record only the splits are
believed, which `structural` compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.images.thumbnail import read_thumbnail
from bboxprep.model.sample import Key, Sample
from bboxprep.pipeline.source.near_duplicates import DUPLICATE, left_out
from bboxprep.pipeline.work.engines.local import Local
from bboxprep.verification.faults import Fault, Layer
from bboxprep.verification.verification_inputs import VerificationInputs


def duplicate_faults(case: VerificationInputs, workers: int) -> Iterator[Fault]:
    """The faults of images that were left out and look like no other one, or that are there and look like one that
    stays. The source is decoded in so many `workers`, where the recipe leaves duplicates out.
    """
    said = {(one.split, one.path) for one in case.run.record.findings if one.code == DUPLICATE}
    drops = case.filters.dedupe == "drop"
    if case.source is None or case.several or not (said or drops):
        return
    written: dict[Key, str] = {}  # the output of each image of the source, "" of one that was left out
    for image in case.run.images:
        written[image.split, image.source] = written.get((image.split, image.source)) or image.output or ""
    keys = list(written)
    found = _left_out(case, keys, workers) if drops else {}
    for row, key in enumerate(keys):
        if row in found and written[key]:
            other = "/".join(keys[found[row]])
            yield _fault("image-unfiltered", written[key], f"is there, and looks like {other}, which stays")
        elif key in said and not written[key] and row not in found:
            words = f"was left out ({DUPLICATE}), and " + ("looks like no other image" if drops else "no rule says so")
            yield _fault("image-missing", key[1], words)


def _fault(code: str, image: str, words: str) -> Fault:
    return Fault(Layer.GEOMETRIC, code, image, "", words)


def _left_out(case: VerificationInputs, keys: Sequence[Key], workers: int) -> dict[int, int]:
    """The rows of `keys` (split, path in the source) that must be left out, each with the row that stays."""

    def origin(row: int) -> Sample | None:
        split, path = keys[row]
        return case.source.find(path, split) if case.source else None

    origins = map(origin, range(len(keys)))
    paths = [found.path if found and found.header else None for found in origins]
    thumbnails = list(Local(workers).run(_Thumbnails(case.run.record.image_policy), paths))

    def usable(rows: Iterable[int]) -> list[int]:
        return [row for row in rows if (found := origin(row)) and not found.refusal]

    return left_out(keys, thumbnails, usable)


class _Thumbnails(msgspec.Struct, frozen=True):
    """Makes the thumbnail of the image at a path."""

    image_policy: ImagePolicy

    def __call__(self, path: Path | None) -> bytes:
        return read_thumbnail(path, self.image_policy) if path else b""
