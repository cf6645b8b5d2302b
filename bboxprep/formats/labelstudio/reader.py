"""Label Studio: a JSON of tasks over many images. It reads exports (JSON, JSON-MIN) and what is imported.

**Images.** A task names its image by a URL: the path in ``/data/local-files/?d=``, the name of an upload (with or
without the eight digits before it), the path of another URL. It is looked for in ``images/<split>/``, ``<split>/``,
``images/`` and the folder of the document, then anywhere below.

**Convention.** Percent of the image as it is displayed: browsers turn photos by their EXIF, and the size that a region
states tells where it was otherwise. ``regions`` says what each means. A document is a split of its name, unless an
export is called by its project.

**Classes** have the order of the labelling configuration (``label_config.xml``, or another one beside the document that
has the labels in use), without one they are sorted, as in the exports of Label Studio; others follow, sorted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats import listed_images
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.label_documents import LabelDocument, image_folders
from bboxprep.formats.labelstudio.config import LabelConfig, find_config
from bboxprep.formats.labelstudio.document import TaskDocument, TaskImage, read_tasks
from bboxprep.formats.labelstudio.layout import DOCUMENTS
from bboxprep.formats.labelstudio.options import LAYOUT, LabelStudioReadOptions
from bboxprep.formats.labelstudio.regions import RegionObject, read_regions
from bboxprep.formats.labelstudio.shapes import POINTS
from bboxprep.formats.locate_images import locate
from bboxprep.geometry.affine import Size
from bboxprep.io.hashing import bytes_sha256
from bboxprep.io.paths import dataset_folder, relative_path, resolved
from bboxprep.model.categories import MOST_KEYPOINTS, Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample
from bboxprep.model.splits import TRAIN, known_split


@reads
def read(root: Path, probe: Probe, options: LabelStudioReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one document. Raises `LayoutError` or `AnnotationError`."""
    home = dataset_folder(root)
    parsed = [(one, read_tasks(one.path, options)) for one in DOCUMENTS.find(root, LAYOUT)]
    classes = _classes(home, parsed, options.encoding)
    groups = [_group(document, content, home) for document, content in parsed]
    items, findings = listed_images.listed_images(groups)
    loader = _Loader(home, probe, classes, {name: row for row, name in enumerate(classes.names)})
    return Dataset(
        root=root,
        format="labelstudio",
        categories=classes,
        samples=LazySamples.each(items, loader),
        outlines=LazySamples.each(items, loader.outline),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*findings, *_unread(parsed), *listed_images.unlisted_note(groups, home)),
    )


_Parsed = Sequence[tuple[LabelDocument, TaskDocument]]


def _classes(home: Path, parsed: _Parsed, encoding: str) -> Categories:
    """The class table: the labels of the configuration, then the other classes in use."""
    used = {name for _, content in parsed for name in content.used}
    joints: dict[str, dict[str, None]] = {}
    for _, content in parsed:
        for name, own in content.joints.items():
            joints.setdefault(name, {}).update(own)
    folders = [*(document.path.parent for document, _ in parsed), home]
    config = find_config(folders, home, used | {point for own in joints.values() for point in own}, encoding)
    others = sorted(used - {*config.classes}, key=lambda name: name.encode("utf-8", "surrogatepass"))
    return Categories(
        tuple(
            Category(name, keypoints=_keypoint_names(config, name, joints.get(name, {})))
            for name in (*config.classes, *others)
        )
    )


def _keypoint_names(config: LabelConfig, name: str, used: Mapping[str, None]) -> tuple[str, ...]:
    """The keypoints of the class `name`: those of the configuration in its order, then others in use."""
    ordered = config.keypoints.get(name, config.keypoints.get("", ()) if used else ())
    return (*ordered, *(point for point in used if point not in ordered))[:MOST_KEYPOINTS]


def _group(document: LabelDocument, content: TaskDocument, home: Path) -> listed_images.ImageGroup[TaskImage]:
    """The images of a document in the folder that has the most of them."""
    base, allowed = document.path.parent, resolved(home)
    own_word = "" if content.is_one_task and not known_split(document.word) else document.word
    names = [image.name for image in content.images]
    folders = [*image_folders(base, (own_word, document.word)), home, base]
    folder = listed_images.fullest_folder(folders, names, allowed, ".png", base)
    located = locate(folder, listed_images.names_below(names, base, folder), allowed, "image")
    return listed_images.ImageGroup(document, own_word, content.images, folder, located)


def _unread(parsed: _Parsed) -> Iterator[Finding]:
    """Findings about what each document has that the model lacks."""
    for document, content in parsed:
        if content.unread:
            kinds = ", ".join(f"{count:,} {kind[:40]}" for kind, count in sorted(content.unread.items()))
            held = "; the box around open lines is an object" if content.unread.keys() & POINTS.keys() else ""
            yield Finding("shape-unread", f"not read: {kinds}{held}", document.shown)
        if content.without_image:
            words = f"tasks without an image, not read ({content.without_image:,})"
            yield Finding("file-skipped", words, document.shown)


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of items; plain data, which is pickled for worker processes."""

    home: Path
    probe: Probe
    classes: Categories
    rows: Mapping[str, int]

    def __call__(self, item: listed_images.ListedImage[TaskImage]) -> Sample:
        outline = self.outline(item)
        declared = outline.declared or Size(100, 100)
        size = outline.header.displayed if outline.header else declared
        objects: list[RegionObject] = []
        findings: list[Finding] = []
        extra: dict[str, Any] = {}
        for image in item.entries:
            regions = read_regions(msgspec.json.decode(image.result or b"[]"), size)
            objects += regions.objects
            extra |= regions.image
            findings += [replace(one, where=f"{image.where}.{one.where}") for one in regions.findings]
            findings += [replace(one, where=image.where) for one in image.findings]
        placed = [replace(one, path=item.document, split=item.split) for one in findings]
        return outline.replace_fast(
            instances=_instances(objects, self.classes, self.rows),
            label_digest=bytes_sha256(b"".join(image.result for image in item.entries)) if outline.labelled else "",
            findings=(*outline.findings, *placed),
            source_count=len(objects) + sum(one.objects for one in findings),
            extra={"labelstudio": extra} if extra else {},
        )

    def outline(self, item: listed_images.ListedImage[TaskImage]) -> Sample:
        """The sample of `item` without its objects."""
        outline = item.outline(self.probe, self.home).replace_fast(fractional=True)
        if any(image.result for image in item.entries):
            return outline
        words = "nobody has labelled the task"
        shown = relative_path(item.path, self.home)
        unlabelled = [] if item.missing else [Finding("image-unlabelled", words, shown, split=item.split)]
        return outline.replace_fast(labelled=False).with_findings(*unlabelled)


_NO_CORNERS = np.full((4, 2), np.nan)


def _instances(objects: Sequence[RegionObject], classes: Categories, rows: Mapping[str, int]) -> Instances:
    """The columns of `objects`, whose classes have `rows`."""
    labels = [rows[made.label] for made in objects]
    places = (name + 1 for made in objects for name, *_ in made.keypoints if isinstance(name, int))
    points = max((*places, *(len(category.keypoints) for category in classes)), default=0)
    keypoints = np.zeros((len(objects), points, 2))
    visibility = np.zeros((len(objects), points), dtype=np.uint8)
    for row, (made, label) in enumerate(zip(objects, labels, strict=True)):
        free: list[str | None] = [*classes[label].keypoints]
        for name, x, y, seen in made.keypoints:
            if isinstance(name, int) or name in free:
                column = name if isinstance(name, int) else free.index(name)
                free[column : column + 1] = [None]  # of two points of one name each takes the next place
                keypoints[row, column], visibility[row, column] = (x, y), seen
    return Instances.of(
        [made.box for made in objects],
        labels,
        polygons=[made.rings for made in objects],
        masks=[made.mask for made in objects],
        oriented=[_NO_CORNERS if made.oriented is None else made.oriented for made in objects],
        keypoints=keypoints,
        visibility=visibility,
        scores=[made.score for made in objects],
        attributes=[made.attributes for made in objects],
    )
