"""Applies the filters of a recipe to transformed samples: leaves out objects and images, with findings."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.io.hashing import unit_hash
from bboxprep.model.batch import Batch
from bboxprep.model.conditions import image_facts
from bboxprep.model.filters import Filters, side_limits
from bboxprep.model.flip_names import FlipMapping
from bboxprep.model.sample import Sample
from bboxprep.model.validation import Rows, dropped_by_class

SLACK = 1e-6  # px; an error of float64, by which a box may miss its limit


class FilterPlan(msgspec.Struct, frozen=True):
    """The `filters` for samples of the classes `names` (C,), which a flip exchanges by `flip_mapping`."""

    filters: Filters
    names: Sequence[str]
    flip_mapping: FlipMapping

    def without_objects(self, batch: Batch) -> Batch:
        """`batch` without the objects whose size is outside of its limits, with a finding for each class of them."""
        filters, boxes = self.filters, batch.instances.boxes
        if not (filters.min_size or filters.max_size) or not len(boxes):
            return batch
        names = [self.names[label] for label in batch.instances.labels.tolist()]
        sides, sizes = boxes[:, 2:] - boxes[:, :2], batch.sizes[batch.owners]
        single = ~batch.instances.crowd  # a region has not the size of an object
        small: Rows = np.any(sides < side_limits(filters.min_size, names, sizes) - SLACK, axis=1) & single
        large: Rows = np.any(sides > side_limits(filters.max_size, names, sizes) + SLACK, axis=1) & single & ~small
        for rows, why in ((small, "smaller than min_size"), (large, "larger than max_size")):
            batch = batch.with_findings(dropped_by_class(batch, "object-filtered", rows, self._source_names, why))
        return batch.keep(~(small | large)) if (small | large).any() else batch

    def _source_names(self, mirrored: bool) -> Sequence[str]:
        return self.flip_mapping.source_names(self.names, mirrored)

    def applied(self, sample: Sample) -> Sample:
        """`sample` as it is written; refused where a filter leaves its image out."""
        if not self.filters or sample.header is None or sample.refusal:
            return sample
        batch = self.without_objects(Batch.of([sample]))
        noted = self.left_out(batch)
        return batch.with_findings(noted)[0].replace_fast(refusal="image-filtered") if noted else batch[0]

    def left_out(self, batch: Batch) -> dict[int, list[Finding]]:
        """The row of each sample of `batch` whose image is left out, with the finding that says why."""
        filters, found = self.filters, dict[int, list[Finding]]()
        if filters.only_images_with:
            wanted = np.array([name in filters.only_images_with for name in self.names], dtype=np.bool_)
            shown = batch.totals(wanted[batch.instances.labels])
            words = f"shows no object of {', '.join(filters.only_images_with)}"
            found |= {row: [batch.finding(row, "image-filtered", words)] for row in np.flatnonzero(shown == 0).tolist()}
        for row, path in enumerate(batch.relative_paths) if filters.only_images else ():
            if row not in found and path not in filters.only_images:
                found[row] = [batch.finding(row, "image-filtered", "is none of the listed images")]
        for row, header in enumerate(batch.headers) if filters.where else ():
            if row not in found and header is not None:
                facts = image_facts(
                    header.displayed,
                    header.orientation,
                    batch.values("split")[row],
                    batch.relative_paths[row],
                    int(batch.counts[row]),
                    batch.values("extra")[row],
                )
                if failed := next((one for one in filters.where if not one.holds(facts)), None):
                    found[row] = [
                        batch.finding(row, "image-filtered", f"{failed.field} is {failed.found(facts)}, want {failed}")
                    ]
        if filters.drop_empty:
            for row in np.flatnonzero(batch.counts == 0).tolist():
                split, name = batch.keys[row]
                if row not in found and unit_hash(f"{split}/{name}") < filters.drop_empty:
                    found[row] = [batch.finding(row, "image-filtered", "has no objects")]
        return found
