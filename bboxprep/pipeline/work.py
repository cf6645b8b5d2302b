"""The work on one sample, which any engine can do anywhere: make its image file, and say what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from bboxprep.errors import ImageError, RefusedImageError
from bboxprep.files import link_or_copy, write_bytes
from bboxprep.findings import Finding
from bboxprep.images import codec
from bboxprep.model.checks import Location, lost_by_class
from bboxprep.model.handedness import Mirror
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.pipeline.crowds import CrowdPlan
from bboxprep.pipeline.naming import Output
from bboxprep.pipeline.reading import Key, key_of


@dataclass(frozen=True)
class Done:
    """One sample after its work, with all its findings: `output` is None where the image was left out.

    `digest` is the SHA-256 of the source file where its bytes were read. `objects` are those of the sample and, in
    their order, the crowd regions that were left out because the format has no place for them.
    """

    sample: Sample
    output: Output | None
    digest: str | None = None
    objects: Instances = field(default_factory=Instances.of)


@dataclass(frozen=True)
class Work:
    """Makes the image of a transformed sample below `dest` (nothing, if None)."""

    names: Sequence[str]
    outputs: Mapping[Key, Output]
    dest: Path | None
    encoding: codec.Encoding
    crowd: CrowdPlan
    mirror: Mirror

    def __call__(self, sample: Sample) -> Done:
        """Write the image of `sample`, or leave it and its objects out with findings. Raises `TargetError`."""
        if sample.header is None or sample.refusal:
            return self._left_out(sample)
        whole = sample.instances
        sample = self.crowd.apply(sample, self._location(sample))
        objects = whole if self.crowd.kept_aside else sample.instances
        output = self.outputs[key_of(sample)]
        try:
            digest, notes = (
                (None, ()) if self.dest is None else write_image(sample, self.dest / output.image, self.encoding)
            )
        except ImageError as error:
            refused = isinstance(error, RefusedImageError)
            finding = Finding(
                "image-refused" if refused else "image-unreadable",
                error.problem,
                path=str(sample.name),
                split=sample.split,
            )
            return self._left_out(replace(sample, findings=(*sample.findings, finding)))
        return Done(replace(sample, findings=(*sample.findings, *output.findings, *notes)), output, digest, objects)

    def _left_out(self, sample: Sample) -> Done:
        rows = np.ones(len(sample.instances), dtype=np.bool_)
        gone = lost_by_class(
            "image-skipped", sample.instances, rows, self._location(sample), "skipped with their image"
        )
        return Done(replace(sample, instances=Instances.of(), findings=(*sample.findings, *gone)), None)

    def _location(self, sample: Sample) -> Location:
        return Location(str(sample.name), sample.split, self.mirror.before(self.names, sample))


def write_image(sample: Sample, path: Path, encoding: codec.Encoding) -> tuple[str | None, tuple[Finding, ...]]:
    """Write the picture of a transformed sample; the digest of its source and findings.

    Where no step changes a pixel the bytes are the source's: linked, or copied with their orientation tags set to 1;
    AVIF and HEIC are written anew all the same.
    Raises `ImageError` and `TargetError`.
    """
    header = sample.header
    if header is None or sample.plan is None:
        raise ValueError(f"{sample.path}: not a transformed sample")
    if not sample.plan.is_identity or not codec.keeps_bytes(header):
        data, note = codec.encode(sample.pixels(), sample.path, header, encoding)
        write_bytes(path, data)
        finding = Finding("metadata-dropped", note, path=str(sample.name), split=sample.split)
        return sha256(_read(sample.path)).hexdigest(), (finding,) if note else ()
    if header.tagged:
        source = _read(sample.path)
        write_bytes(path, codec.untag(source, header))
        return sha256(source).hexdigest(), ()
    link_or_copy(sample.path, path)
    return None, ()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(path, "", f"cannot be read ({error.strerror or error})") from error
