"""Writes VIA 2: ``<split>/via_project.json`` beside the images, a project that VIA opens, and ``labels.txt``.

An object is a polygon where it has rings, its parts joined by a seam of no width; else a rect. The class is the region
attribute ``class``, a dropdown whose options are all classes in their order. Keys have the size of the image's file in
bytes, by which VIA knows it. Numbers are shortest decimals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats import json_images, json_text, label_documents, object_records, outlines, per_split
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.via.options import CARRIES, CLASS, DOCUMENT
from bboxprep.geometry.affine import Points
from bboxprep.geometry.decimals import lengths
from bboxprep.geometry.shapes import hull, one_ring
from bboxprep.io import atomic, paths, spooled_lines
from bboxprep.model.batch import Batch
from bboxprep.model.dataset import Dataset
from bboxprep.model.polygons import Rings
from bboxprep.model.sample import Sample

_SETTINGS = {
    "ui": {
        "annotation_editor_height": 25,
        "annotation_editor_fontsize": 0.8,
        "leftsidebar_width": 18,
        "image_grid": {
            "img_height": 80,
            "rshape_fill": "none",
            "rshape_fill_opacity": 0.3,
            "rshape_stroke": "yellow",
            "rshape_stroke_width": 2,
            "show_region_shape": True,
            "show_image_policy": "all",
        },
        "image": {
            "region_label": CLASS,
            "region_color": CLASS,
            "region_label_font": "10px Sans",
            "on_image_annotation_editor_placement": "NEAR_REGION",
        },
    },
    "core": {"buffer_size": 18, "filepath": {}, "default_filepath": ""},
}


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> ViaWriter:  # noqa: ARG001
    """A writer of VIA below `root`. Raises `AnnotationError` for class names that no line of text can hold."""
    object_records.check_names_are_lines(dataset)
    return ViaWriter(root, dataset)


class ViaWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    carries = CARRIES

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._names = dataset.categories.names
        self._splits = per_split.PerSplit(partial(spooled_lines.SpooledLines, root), dataset.splits)

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the labels of a split share one document."""
        return (f"{split}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The regions of each image. Raises `UsageError` for attributes that JSON cannot hold."""
        own = batch.instances
        low, high = own.boxes[:, :2], own.boxes[:, 2:]
        sides = lengths(low.ravel(), high.ravel()).reshape(-1, 2).tolist()
        shapes = map(_shape, low.tolist(), sides, own.boxes, own.polygons, outlines.polygons_within(batch))
        names = [self._names[label] for label in own.labels.tolist()]
        regions = [
            ({"shape_attributes": shape, "region_attributes": {CLASS: name, **_others(more)}}, loose or CLASS in more)
            for (shape, loose), name, more in zip(shapes, names, own.attributes, strict=True)
        ]
        return list(map(_labels, batch, images, batch.split(regions)))

    def collect(self, entry: tuple[str, bytes, bytes]) -> None:
        """Store the regions of one image."""
        split, name, regions = entry
        self._splits[split].add(name + b"\t" + regions)

    @property
    def documents(self) -> tuple[str, ...]:
        """The list of classes, and a project for each split."""
        return (label_documents.CLASS_LIST, *(f"{split}/{DOCUMENT}" for split in self._splits))

    def close(self) -> None:
        """Write the projects."""
        atomic.write_text(self._root / label_documents.CLASS_LIST, "".join(f"{name}\n" for name in self._names))
        for split, lines in self._splits.items():
            atomic.write_chunks(self._root / split / DOCUMENT, self._project(split, lines))
            lines.close()

    def _project(self, split: str, lines: spooled_lines.SpooledLines) -> Iterator[bytes]:
        settings = {**_SETTINGS, "project": {"name": split}}
        yield b'{"_via_settings":%b,\n"_via_img_metadata":{' % msgspec.json.encode(settings)
        keys: list[bytes] = []
        for line in lines:
            name, _, regions = line.partition(b"\t")
            size = _bytes_of(self._root / split / msgspec.json.decode(name))
            keys.append(b'%b%d"' % (name[:-1], size))
            record = b'%b:{"filename":%b,"size":%d,"regions":%b,"file_attributes":{}}' % (keys[-1], name, size, regions)
            yield (b",\n" if len(keys) > 1 else b"\n") + record
        attribute = {"type": "dropdown", "description": "", "options": {name: name for name in self._names}}
        declared = {"region": {CLASS: {**attribute, "default_options": {}}}, "file": {}}
        yield b'\n},\n"_via_attributes":%b,\n' % msgspec.json.encode(declared)
        yield b'"_via_data_format_version":"2.0.10",\n"_via_image_id_list":[%b]}\n' % b",".join(keys)


def _bytes_of(path: Path) -> int:
    """The size of the image at `path` in bytes; -1, as of a URL, where it is not there.

    Raises `AnnotationError` where the system fails to say it.
    """
    try:
        return path.stat().st_size
    except (OSError, ValueError) as error:
        paths.refuse_passing(error, path)
        return -1


def _shape(
    low: Sequence[float], sides: Sequence[float], box: Points, rings: Rings, within: Rings
) -> tuple[dict[str, Any], bool]:
    """The shape of an object with these `rings`, of which the image holds those `within`; and whether it lacks
    something: parts of its own, what reaches over an edge, or a box that is not around them.
    """
    ring = one_ring(within)
    if ring is None:
        return {"name": "rect", "x": low[0], "y": low[1], "width": sides[0], "height": sides[1]}, bool(rings)
    xs, ys = ring.T.tolist()
    loose = len(rings) > 1 or not np.array_equal(ring, rings[0]) or not np.array_equal(hull(ring), box)
    return {"name": "polygon", "all_points_x": xs, "all_points_y": ys}, loose


def _others(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name != CLASS}


def _labels(sample: Sample, image: str, regions: Sequence[tuple[Any, bool]]) -> Labels:
    """The regions of the image at `image`, each with whether it lacks something."""
    findings: tuple[Finding, ...] = ()
    if lossy := sum(loose for _, loose in regions):
        kinds = "parts, a box that is not around the outline, an attribute 'class'"
        words = f"of {lossy} objects VIA does not hold all ({kinds})"
        findings = (Finding("column-dropped", words, sample.relative_path, split=sample.split),)
    text = json_text.encode_json([region for region, _ in regions], image)
    name = msgspec.json.encode(image.removeprefix(f"{sample.split}/"))
    return Labels(len(regions), findings, entry=(sample.split, name, text), digest=json_images.digest_of([text]))
