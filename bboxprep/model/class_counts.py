"""How many objects of each class the images of a dataset show: what balance, limits and stratified splits count."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.model.batch import Batch

Integers = NDArray[np.int64]


class ClassCounts(msgspec.Struct, frozen=True, eq=False):
    """Entry e of E says that the image of row ``images[e]`` shows ``counts[e]`` objects of the label ``labels[e]``:
    int64 (E,) each, sorted by image and label. `total` is the number of images. Crowd regions do not count.
    """

    images: Integers
    labels: Integers
    counts: Integers
    total: int

    @classmethod
    def of(cls, batches: Iterable[Batch]) -> ClassCounts:
        """Those of the images of `batches`, in their order."""
        found, total = [np.zeros((3, 0), dtype=np.int64)], 0
        for batch in batches:
            single = ~batch.instances.crowd
            pairs = np.stack((batch.owners[single], batch.instances.labels[single].astype(np.int64)))
            distinct, counts = np.unique(pairs, axis=1, return_counts=True)
            found.append(np.stack((distinct[0] + total, distinct[1], counts)))
            total += len(batch)
        images, labels, counts = np.concatenate(found, axis=1)
        return cls(images, labels, counts, total)

    def by_image(self) -> list[dict[int, int]]:
        """For each image the number of its objects by label."""
        found: list[dict[int, int]] = [{} for _ in range(self.total)]
        for image, label, count in zip(self.images.tolist(), self.labels.tolist(), self.counts.tolist(), strict=True):
            found[image][label] = count
        return found
