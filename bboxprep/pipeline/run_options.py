"""The options of a run, and its outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.images.codecs.codec import Encoding
from bboxprep.io.copying import ImagePlacement
from bboxprep.model.dataset import Dataset
from bboxprep.model.short_text import ShownAsTable
from bboxprep.pipeline.output.naming import NameStyle, Naming
from bboxprep.pipeline.report.account import Account
from bboxprep.pipeline.report.preflight import OnError
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import Local


class RunOptions(msgspec.Struct, frozen=True):
    """The options of a run.

    The work runs in an `engine`, by default in `workers` processes of this machine. `on_error` "stop" stops at the
    first fault; `strict` refuses loss. `overwrite` replaces an earlier output, which is kept until the new one is
    complete. `resume` continues an unfinished output, also one that is to replace another. `dry_run` writes nothing.
    `encoding` applies to images. `sidecar` writes data that the format cannot hold to a file beside the output.

    `images` is the placement of images whose bytes do not change. "copy" writes independent files. "link" (a hard link)
    and "symlink" share the file with the source: a program that rewrites an image of the output in place, as trainers
    do, then changes the source. Symbolic links lead out of the output: `verify` and `review` follow them into the given
    source, readers into the folder `follow_links`. "none" writes only labels.

    With `labels_only` images whose size the labels state are not opened and may be missing; existing ones are placed in
    the output by `images`. "none" implies `labels_only`. With the `names` "flat" sub-folders become a part of the names
    of images.
    """

    workers: int = 1
    on_error: OnError = "skip"
    strict: bool = False
    overwrite: bool = False
    resume: bool = False
    dry_run: bool = False
    encoding: Encoding = msgspec.field(default_factory=Encoding)
    sidecar: bool = True
    labels_only: bool = False
    images: ImagePlacement = "copy"
    names: NameStyle = "keep"
    engine: Engine | None = None

    @property
    def trusts_labels(self) -> bool:
        """Whether the sizes of images are taken from the labels."""
        return self.labels_only or self.images == "none"

    @property
    def naming(self) -> Naming:
        """The names that images get. Raises `UsageError`."""
        return Naming(self.names, self.encoding.image_format, self.trusts_labels)

    @property
    def chosen_engine(self) -> Engine:
        """The engine, by default `workers` processes of this machine."""
        return self.engine or Local(self.workers)


class Outcome(ShownAsTable, msgspec.Struct, frozen=True):
    """The result of a run: its account, the output folder (None after a dry run), and the options of the writer.

    `fresh` is the number of images that this run has written, without those of an earlier run.
    """

    dataset: Dataset
    account: Account
    dest: Path | None
    options: Mapping[str, Any]
    fresh: int = 0

    def _rows(self) -> dict[str, str]:
        rows, dropped = self.account.rows(), Counter[str]()
        for row in rows:
            dropped.update(row.dropped)
        lost = ", ".join(f"{code} {count:,}" for code, count in dropped.items())
        return {
            "dest": "none, a dry run" if self.dest is None else str(self.dest),
            "images": f"{sum(row.images_out for row in rows):,} of {sum(row.images_in for row in rows):,}",
            "objects": f"{sum(row.objects_out for row in rows):,} of {sum(row.objects_in for row in rows):,}",
            "dropped": lost or "none",
            "findings": f"{len(self.account.findings):,}, {self.account.faults:,} of them faults",
        }
