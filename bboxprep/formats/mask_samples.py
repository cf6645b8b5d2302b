"""Makes samples of images whose labels are one mask PNG or several, for the formats that have such.

The size of a mask tells the plane of a turned photo, for a mask has no orientation of its own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats import reading
from bboxprep.formats.api import Probe
from bboxprep.formats.segment_pixels import Segments
from bboxprep.geometry.affine import Size
from bboxprep.io import paths, png
from bboxprep.model.sample import EMPTY_SAMPLE, Sample

UNREADABLE = (AnnotationError, ValueError)
"""What is raised for a mask that cannot be read."""

_MOST_BYTES = 1 << 30  # of a mask
_HEAD = 64  # bytes that hold the size of a PNG


class MaskedImage(msgspec.Struct, frozen=True):
    """An image and the `mask` that findings name, as paths below the root; "" for no mask."""

    split: str
    name: str
    image: str
    mask: str

    def outline(self, root: Path, probe: Probe) -> Sample:
        """Its sample without objects; unlabelled where it has no mask."""
        size = png.png_size(_start(root / self.mask)) if self.mask else None
        declared = Size(*size) if size else None
        header, findings = reading.probe_image(probe, root / self.image, root, self.split, declared)
        if not self.mask:
            note = Finding("image-unlabelled", "no mask is called like it", self.image, split=self.split)
            findings = (*findings, note)
        return EMPTY_SAMPLE.replace_fast(
            name=PurePosixPath(escape_surrogates(self.name)),
            path=root / self.image,
            header=header,
            split=self.split,
            declared=declared,
            findings=findings,
            labelled=bool(self.mask),
        )

    def unreadable(self, outline: Sample, error: AnnotationError | ValueError) -> Sample:
        """`outline` where its mask cannot be read."""
        problem = error.problem if isinstance(error, AnnotationError) else str(error)
        words = f"the mask cannot be read: {problem}"
        fault = Finding("record-unreadable", words, self.mask, split=self.split)
        return outline.with_findings(fault).replace_fast(labelled=False)

    def sample(self, outline: Sample, segments: Segments, listed: int, digest: str) -> Sample:
        """`outline` with the objects of its mask, which lists so many of them; `digest` is that of its labels."""
        found = [replace(one, path=self.mask, split=self.split) for one in segments.findings]
        return outline.replace_fast(
            instances=segments.objects,
            findings=(*outline.findings, *found),
            source_count=listed,
            label_digest=digest,
        )


def mask_bytes(path: Path) -> bytes:
    """The bytes of the mask at `path`. Raises `AnnotationError`."""
    return paths.read_bytes(path, _MOST_BYTES)


def _start(path: Path) -> bytes:
    try:
        return paths.read_start(path, _HEAD)
    except OSError as error:
        paths.refuse_passing(error, path)
        return b""
