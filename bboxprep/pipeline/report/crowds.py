"""Applies `ObjectPolicy.crowd` to crowd regions, for a target format that may have none.

A crowd region (COCO ``iscrowd``) is an area of many objects without a label each. As one ordinary object it teaches a
detector nonsense; dropped in silence it teaches that the people in it are background. So it is dropped with a count,
unless the user decides. CVAT marks every object that has a mask as crowd. A dataset of mostly crowd regions is
therefore refused until the user decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np

from bboxprep.errors import LossError
from bboxprep.formats.api import Format, Writer
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column
from bboxprep.model.object_policy import CrowdRule
from bboxprep.model.validation import dropped_by_class
from bboxprep.pipeline.sidecar.schema import IN_SIDECAR

SourceNames = Callable[[bool], Sequence[str]]


class CrowdPlan(msgspec.Struct, frozen=True):
    """How a run treats crowd regions. `mark` is the attribute that is set to 1 where they are marked.

    `in_sidecar`: crowd regions that are dropped because the format cannot hold them are kept in the sidecar.
    """

    act: Literal["as-is", "plain", "mark", "drop"]
    mark: str = ""
    in_sidecar: bool = False

    @classmethod
    def of(cls, rule: CrowdRule | None, writer: Writer, target: Format, *, sidecar: bool) -> CrowdPlan:
        """The treatment under `rule` for `writer` of the format `target`, with or without a `sidecar`."""
        if rule == "drop":
            return cls("drop")
        if Column.CROWD in writer.carries:
            return cls("as-is")
        if rule == "ignore" and target.ignored_by:
            return cls("mark", target.ignored_by)
        return cls("plain") if rule == "keep" else cls("drop", in_sidecar=sidecar)

    def apply(self, batch: Batch, names: SourceNames) -> Batch:
        """`batch` with its crowd regions kept, made ordinary objects, marked or dropped, and a finding for each change.

        ``names(mirrored)`` are the classes by label of a sample, before a flip.
        """
        crowd = batch.instances.crowd
        if self.act == "as-is" or not crowd.any():
            return batch
        if self.act == "drop":
            why = f"crowd regions; {IN_SIDECAR}" if self.in_sidecar else "crowd regions"
            return batch.with_findings(dropped_by_class(batch, "crowd-dropped", crowd, names, why)).keep(~crowd)
        outcome, counts = f"marked {self.mark}" if self.mark else "written as ordinary objects", batch.totals(crowd)
        noted = {
            row: [batch.finding(row, "crowd-kept", f"crowd regions {outcome}: {counts[row]}")]
            for row in np.flatnonzero(counts).tolist()
        }
        marked = tuple(
            {**attributes, self.mark: 1} if self.mark and region else attributes
            for attributes, region in zip(batch.instances.attributes, crowd.tolist(), strict=True)
        )
        plain = replace(batch.instances, crowd=np.zeros(len(crowd), dtype=np.bool_), attributes=marked)
        return batch.with_findings(noted).with_objects(plain)


def refuse_mere_crowd(crowd: int, objects: int, title: str) -> None:
    """Raise `LossError` where more than half of all objects are crowd regions, which the format `title` cannot hold."""
    if 2 * crowd > objects:
        raise LossError(
            f"{crowd:,} of {objects:,} objects are marked as crowd regions, which {title} cannot hold. CVAT marks every"
            " object that has a mask so (iscrowd: 1); if these are single objects, `crowd='keep'` writes them as such, "
            "and `crowd='drop'` leaves them out"
        )
