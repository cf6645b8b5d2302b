"""A cache of image headers, so that each file is opened once a run: the survey and the workers both need them.

The last header is cached too: for a turned photo the survey reads the header, then the labels, which need it again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import msgspec

from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.codec import ImagePolicy, decode
from bboxprep.images.header import MOST_PIXELS, container_of, read_header, refuse_large
from bboxprep.images.truncation import WITHOUT_END
from bboxprep.io.remote import is_stored
from bboxprep.model.batch import Batch
from bboxprep.model.header import Header
from bboxprep.model.sample import Sample


class SeenHeader(Protocol):
    """An image file whose header was read."""

    @property
    def folder(self) -> Path:
        """The path of the file."""

    @property
    def file(self) -> str:
        """Its name in the folder."""

    @property
    def header(self) -> Header | None:
        """The header; None where it cannot be read."""


class HeaderCache(msgspec.Struct, frozen=True):
    """The probe that readers are given. Unless it `opens` images, it believes the size that the labels declare; one of
    more than `most_pixels` is refused. An image whose file ends early, or does not mark its end, is decoded, to know
    whether its pixels are all there; with `decodes` every image is.
    """

    most_pixels: int = MOST_PIXELS
    opens: bool = True
    decodes: bool = False
    _known: dict[str, dict[str, Header]] = msgspec.field(default_factory=dict)  # by folder, by name
    _last: dict[str, Header] = msgspec.field(default_factory=dict)  # by path, at most one

    def __call__(self, path: Path, declared: Size | None = None) -> Header:
        """The header of the file at `path`. Raises `ImageError`."""
        if declared and not self.opens:
            refuse_large(path, declared, self.most_pixels)
            return _assumed_header(declared, container_of(path.name))
        folder, file = os.path.split(str(path))
        return self._known.get(folder, _NONE).get(file) or self._last.get(str(path)) or self._read(path)

    def known(self, paths: Sequence[str], declared: Sequence[Size | None]) -> list[Header | None]:
        """The headers of the files at `paths` that need not be opened, as a call gives them; None of all others."""
        places = (path.rpartition(os.sep) for path in paths)
        seen = [self._known.get(folder, _NONE).get(file) for folder, _, file in places]
        if self.opens:
            return seen
        return [
            (_assumed_header(size, container_of(path)) if size.pixels <= self.most_pixels else None) if size else header
            for path, size, header in zip(paths, declared, seen, strict=True)
        ]

    def _read(self, path: Path) -> Header:
        header = read_header(path, most_pixels=self.most_pixels)
        unmarked = header.container in WITHOUT_END and not is_stored(path)
        if self.decodes or header.ends_early or unmarked:
            decode(path, header, ImagePolicy(depth16="shift8", frames="first", max_pixels=self.most_pixels))
        self._last.clear()
        self._last[str(path)] = header
        return header

    def trusting(self, batch: Batch) -> Batch:
        """`batch` with the declared sizes of samples whose images are missing and not needed."""
        lacking = [] if self.opens else [row for row, header in enumerate(batch.headers) if not header]
        return Batch.of(map(self._trusted, batch)) if lacking else batch

    def _trusted(self, sample: Sample) -> Sample:
        if sample.header or sample.declared is None or sample.declared.pixels > self.most_pixels:
            return sample
        kept = tuple(finding for finding in sample.findings if finding.code != "image-missing")
        return replace(sample, header=self(sample.path, sample.declared), findings=kept)

    def learn(self, seen: Iterable[SeenHeader]) -> None:
        """Store the headers of the images `seen`."""
        alike: dict[Header, Header] = {}
        for one in seen:
            if one.header:
                self._known.setdefault(str(one.folder), {})[one.file] = alike.setdefault(one.header, one.header)


@lru_cache(maxsize=1024)
def _assumed_header(size: Size, container: str) -> Header:
    """The header of a file that is not opened; cached, since images of a dataset share a few sizes."""
    return Header(size, container=container)


_NONE: dict[str, Header] = {}
