"""Changes of samples by functions of the caller, with an account of the objects that they leave out or add."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bboxprep.errors import WrongTypeError
from bboxprep.findings import Finding
from bboxprep.model.instance import Instance
from bboxprep.model.sample import Sample


@dataclass(frozen=True)
class ObjectFilter:
    """Leaves out the objects of a sample for which `keep` does not hold."""

    keep: Callable[[Instance], object]

    def __call__(self, sample: Sample) -> Sample:
        """`sample` with the objects that are kept."""
        rows = np.array([bool(self.keep(one)) for one in sample.objects], dtype=np.bool_)
        return sample.replace_fast(instances=sample.instances.select(rows))


@dataclass(frozen=True)
class AccountedChange:
    """A `change` of samples by a function of the caller; findings count the objects that it leaves out or adds.

    `names` are those of the class table.
    """

    change: Callable[[Sample], Sample]
    names: tuple[str, ...]

    def __call__(self, sample: Sample) -> Sample:
        """The changed `sample`. Raises `WrongTypeError` where the function returned something else."""
        changed = self.change(sample)
        if not isinstance(changed, Sample):
            raise WrongTypeError(f"map: the function returned a {type(changed).__name__}, want the changed Sample")
        listed = sum(finding.objects for finding in changed.findings) - sum(one.objects for one in sample.findings)
        due = changed.source_count - sample.source_count
        lost = len(sample.instances) + due - len(changed.instances) - listed
        if lost < 0:
            note = Finding("object-added", f"{-lost} objects", sample.relative_path, split=sample.split)
            return changed.with_findings(note).replace_fast(source_count=changed.source_count - lost)
        return changed.with_findings(*self._removed(sample, changed, lost)) if lost else changed

    def _removed(self, sample: Sample, changed: Sample, lost: int) -> Iterator[Finding]:
        """A finding for each class of which fewer objects are left, `lost` objects in all."""
        fewer = Counter(sample.instances.labels.tolist())
        fewer.subtract(changed.instances.labels.tolist())
        for label, count in sorted(fewer.items()):
            taken = min(max(count, 0), lost)
            lost -= taken
            if taken:
                name = self.names[label]
                words = f"{taken} of class {name!r}"
                yield Finding("object-removed", words, sample.relative_path, "", taken, name, sample.split)
