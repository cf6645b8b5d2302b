"""How a run is done, and its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bboxprep.images.codecs.codec import Encoding
from bboxprep.io.copying import ImagePlacement
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.report.account import Account
from bboxprep.pipeline.report.preflight import OnError
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import Local


@dataclass(frozen=True)
class RunOptions:
    """How a run is done.

    An `engine` does the work, by default `workers` processes of this machine. `on_error` "stop" refuses at the first
    fault, `strict` refuses loss. `overwrite` replaces an earlier output, which stays whole until the new one is;
    `resume` continues an unfinished one, also one that was to replace another. `dry_run` writes nothing. `encoding` is
    that of the images. `sidecar` keeps beside the output what its format cannot hold.

    `images` says how an image whose bytes stay as they are gets into the output. "copy" shares no byte that either side
    can change with the source. "link" (a hard link) and "symlink" do: a program that rewrites an image of the output in
    place, as trainers do, then rewrites the source. Symbolic links lead out of the output: `verify` and `review` follow
    them into the source that they are told, other readers into a folder that `follow_links` names. "none" leaves all
    images where they are and writes labels alone.

    With `labels_only` no image is looked at whose size the labels state, nor has it to be there; those that are there
    are put into the output as `images` says. "none" needs no image either, so it implies `labels_only`.
    """

    workers: int = 1
    on_error: OnError = "skip"
    strict: bool = False
    overwrite: bool = False
    resume: bool = False
    dry_run: bool = False
    encoding: Encoding = field(default_factory=Encoding)
    sidecar: bool = True
    labels_only: bool = False
    images: ImagePlacement = "copy"
    engine: Engine | None = None

    @property
    def trusts_labels(self) -> bool:
        """Whether the sizes of images are taken from the labels."""
        return self.labels_only or self.images == "none"

    @property
    def chosen_engine(self) -> Engine:
        """The engine that does the work."""
        return self.engine or Local(self.workers)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run: its account, the folder it was written to (None after a dry run), the writer's options.

    `fresh` counts the images that this run has written, and not an earlier one.
    """

    dataset: Dataset
    account: Account
    dest: Path | None
    options: Mapping[str, Any]
    fresh: int = 0
