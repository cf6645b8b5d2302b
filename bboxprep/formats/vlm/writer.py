"""Writes ``<split>.jsonl``, a line an image, ``images/<split>/…``, and ``labels.txt``.

The name of an image is that below ``images/<split>``, the folder that trainers are given as that of the data.

`--vlm-model` is the model that is trained: Qwen3-VL, Qwen2.5-VL and Qwen2-VL get conversations, PaliGemma and
Florence-2 a prefix and a suffix. An image without objects has an empty answer. Numbers are those of `numbers`, rounded;
what is rounded stays in the sidecar. Images whose sides are multiples of 28 px, between the bounds of Qwen2.5-VL's
processor (`--letterbox 840`), are not resized again. `--prompt` is the prompt of every image; ``{classes}`` in it are
the class names.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.per_split import PerSplit
from bboxprep.formats.vlm.answers import FLORENCE, NOT_IN_NAMES, PALIGEMMA, TextBox, write_answer
from bboxprep.formats.vlm.lines import MODEL, digest_of
from bboxprep.formats.vlm.numbers import Processor, to_boxes, to_numbers
from bboxprep.formats.vlm.options import CLASSES, VlmWriteOptions
from bboxprep.io.atomic import write_chunks, write_text
from bboxprep.io.spooled_lines import SpooledLines
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample

_PROMPTS = {PALIGEMMA: "detect {classes}", FLORENCE: "<OD>"}
_PROMPT = "Locate every instance of these classes: {classes}. Report bbox coordinates in JSON format."
_IMAGE = "<image>\n"  # where the image stands in a conversation
_EXACT = 1e-6  # px


@writes
def write(root: Path, dataset: Dataset, options: VlmWriteOptions) -> VlmWriter:
    """A writer of JSON lines below `root`. Raises `AnnotationError` for class names that the text cannot hold."""
    for name in dataset.categories.names:
        wrong = set(NOT_IN_NAMES.get(options.model, "")) & {*name}
        if wrong or not name or name != name.strip() or len(name.splitlines()) > 1:
            unfit = f" and without {' and '.join(sorted(wrong))}" if wrong else ""
            problem = f"class name: have {name!r}, want one line of text without blanks around it{unfit}"
            raise AnnotationError(dataset.root, "", problem)
    return VlmWriter(root, dataset, options)


class VlmWriter:
    """Makes a line for each image; writes those of a split into one file, and the class table, when it is closed."""

    stage = ""
    carries = frozenset({Column.BOXES})

    def __init__(self, root: Path, dataset: Dataset, options: VlmWriteOptions) -> None:
        self._root, self._model = root, options.model
        self._processor = Processor(options.model, options.min_pixels, options.max_pixels)
        self._classes = dataset.categories.names
        self._splits = PerSplit(partial(SpooledLines, root), dataset.splits)
        joint = " ; " if options.model == PALIGEMMA else ", "
        prompt = options.prompt or _PROMPTS.get(options.model, _PROMPT)
        self._prompt = prompt.replace("{classes}", joint.join(self._classes))

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the lines of a split share one file."""
        return (f"images/{split}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The line of each image. Raises `UsageError` for an image that the processor of the model refuses."""
        return list(map(self._labels, batch, images))

    def collect(self, entry: tuple[str, bytes]) -> None:
        """Store the line of one image."""
        split, line = entry
        self._splits[split].add(line)

    @property
    def documents(self) -> tuple[str, ...]:
        """One for each split, and the class table."""
        return (*(f"{split}.jsonl" for split in self._splits), CLASSES)

    def close(self) -> None:
        """Write the files."""
        for split, lines in self._splits.items():
            write_chunks(self._root / f"{split}.jsonl", (line + b"\n" for line in lines))
            lines.close()
        write_text(self._root / CLASSES, "".join(f"{name}\n" for name in self._classes))

    def _labels(self, sample: Sample, image: str) -> Labels:
        boxes = sample.instances.boxes
        try:
            numbers = to_numbers(boxes, sample.size, self._processor)
            read = to_boxes(numbers, sample.size, self._processor)
        except ValueError as error:
            raise UsageError(f"{image}: {error}, which the processor of {self._model} refuses") from error
        names = [self._classes[label] for label in sample.instances.labels.tolist()]
        rows = numbers.tolist()
        answer = write_answer(self._model, [TextBox(name, tuple(row)) for name, row in zip(names, rows, strict=True)])
        off = np.abs(read - boxes).max(axis=1, initial=0.0)
        findings: tuple[Finding, ...] = ()
        if rounded := int((off > _EXACT).sum()):
            words = f"{rounded} of {len(rows)} boxes rounded to the numbers of {self._model}"
            words = f"{words}, by {off.max():.2g} px at most"
            findings = (Finding("value-rounded", words, sample.relative_path, split=sample.split),)
        line = msgspec.json.encode(self._record(image.removeprefix(f"images/{sample.split}/"), answer))
        return Labels(len(rows), findings, entry=(sample.split, line), digest=digest_of(answer))

    def _record(self, name: str, answer: str) -> dict[str, Any]:
        """The line of the image `name`."""
        if self._model in (PALIGEMMA, FLORENCE):
            return {"image": name, "prefix": self._prompt, "suffix": answer}
        turns = [{"from": "human", "value": _IMAGE + self._prompt}, {"from": "gpt", "value": answer}]
        return {"image": name, "conversations": turns, MODEL: self._model}
