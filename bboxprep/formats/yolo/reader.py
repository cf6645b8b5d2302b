"""YOLO text labels: one .txt file an image, one object a row, all numbers as fractions of the picture.

The parts: `grammar` what a row can be, `rows` reading rows, `tree` the files and which label belongs
to which image, `config` data.yaml and .data files, `layout` where the images lie, `classes` the class
table, `orphans` labels without images, `writer` writing.

**Read** are Ultralytics' layouts (``images/<split>`` and ``labels/<split>``, or ``<split>/images`` and
``<split>/labels``, with a data.yaml or none), darknet's (a .data file, lists of images, labels beside them) and
labelImg's (``classes.txt`` among the labels). A missing label file is an image that nobody has labelled, an empty one
an image without objects; the two stay apart.

**Every row counts.** For each image, `Sample.listed` = its objects + the objects of its findings; rows of label files
without an image are in the findings of the dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.contract import Probe, probe_image
from bboxprep.formats.yolo.classes import categories, find_classes, grown
from bboxprep.formats.yolo.config import Config, find_config, read_config
from bboxprep.formats.yolo.grammar import Grammar
from bboxprep.formats.yolo.items import Item
from bboxprep.formats.yolo.layout import lay_out
from bboxprep.formats.yolo.options import ReadOptions
from bboxprep.formats.yolo.orphans import orphans, shared
from bboxprep.formats.yolo.rows import Rows, read_labels
from bboxprep.formats.yolo.tree import Tree
from bboxprep.model.dataset import Dataset, LazySamples
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample


def read(root: Path, probe: Probe, options: ReadOptions) -> Dataset:
    """The dataset at `root`: a folder, a data.yaml or a .data file. Raises `LayoutError` or `AnnotationError`."""
    home, config = _open(root)
    tree = Tree(home, wide=root.is_file())
    layout = lay_out(tree, config)
    if options.task == "pose" and not config.keypoints:
        raise AnnotationError(config.file or root, "kpt_shape", "is missing, want [count, 2 or 3] for --yolo-task pose")
    classes = grown(find_classes(tree, config), layout.items, Grammar(options.task, config.keypoints))
    grammar = Grammar(options.task, config.keypoints, len(classes.names))
    lost = orphans(tree, layout, grammar, classes.names)
    loader = _Loader(tree.home, probe, grammar)
    return Dataset(
        root=home,
        format="yolo",
        categories=categories(classes, config),
        samples=LazySamples(layout.items, loader),
        outlines=LazySamples(layout.items, loader.outline),
        splits=tuple(dict.fromkeys(item.split for item in layout.items)),
        findings=(*layout.findings, *classes.findings, *shared(tree, layout.items), *lost),
    )


def _open(root: Path) -> tuple[Path, Config]:
    """The folder of the dataset, and what its data.yaml or .data file says."""
    if root.is_dir():
        file = find_config(root)
        return root, read_config(file) if file else Config()
    if not root.is_file() or root.suffix.lower() not in (".yaml", ".yml", ".data"):
        raise LayoutError(root, "", "want a folder, a data.yaml or a darknet .data file")
    return root.parent, read_config(root)


@dataclass(frozen=True)
class _Loader:
    """Makes samples of items; plain data, so that worker processes can have it."""

    home: Path
    probe: Probe
    grammar: Grammar

    def __call__(self, item: Item) -> Sample:
        sample = self.outline(item)
        rows = read_labels(item.label, self.grammar, self._shown(item.label), item.split) if item.label else None
        if rows is None:
            if sample.header is None:
                return sample
            unlabelled = Finding("image-unlabelled", "no label file", self._shown(item.image), split=item.split)
            return sample.having(findings=(*sample.findings, unlabelled))
        size = sample.header.displayed if sample.header else (1, 1)
        return sample.having(
            instances=_instances(rows, size),
            findings=(*sample.findings, *rows.findings),
            listed=rows.listed,
            labelled=True,
        )

    def outline(self, item: Item) -> Sample:
        """The sample without what its label file says."""
        header, findings = probe_image(self.probe, item.image, self._shown(item.image), item.split)
        return Sample(
            name=item.name,
            path=item.image,
            header=header,
            instances=_NONE,
            split=item.split,
            fractional=True,
            findings=findings,
            labelled=False,
        )

    def _shown(self, path: Path) -> str:
        return (path.relative_to(self.home) if path.is_relative_to(self.home) else path).as_posix()


_NONE = Instances.of()


def _instances(rows: Rows, size: tuple[int, int]) -> Instances:
    """The objects of `rows` on a picture of `size`, in pixels."""
    scale = np.array(size, dtype=np.float64)
    return Instances.of(
        rows.boxes * np.tile(scale, 2),
        rows.labels,
        polygons=[[ring * scale for ring in rings] for rings in rows.rings],
        keypoints=rows.keypoints * scale,
        visibility=rows.visibility,
        scores=rows.scores,
    )
