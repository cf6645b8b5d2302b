"""How a run is done, and its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bboxprep.images.codecs.codec import Encoding
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.report.account import Account
from bboxprep.pipeline.report.preflight import OnError
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import Local


@dataclass(frozen=True)
class RunOptions:
    """How a run is done.

    An `engine` does the work, by default `workers` processes of this machine. `on_error` "stop" refuses at the first
    fault, `strict` refuses loss. `overwrite` replaces an earlier output, `resume` continues an unfinished one.
    `dry_run` writes nothing. `encoding` is that of the images. `sidecar` keeps beside the output what its format cannot
    hold. With `labels_only` no image is opened or made: those that are there are linked.
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
    engine: Engine | None = None

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
