"""Pascal VOC: one XML file an image, corners in pixels. Reads every layout and dialect of it, writes the devkit's.

An image belongs to the XML file of its own stem (``<filename>`` is asked next, ``<path>`` never). Sizes that the files
state are evidence only; the image's own header rules. What the corners count from is settled for the whole dataset,
see `bboxprep.formats.voc.origin`. Class names are sorted, unless a ``labels.txt`` or ``classes.txt`` at the root
gives their order. The places in findings count from 1, as XPath does: ``object[2]/bndbox/xmin``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from bboxprep.errors import AnnotationError, ImageError, LayoutError
from bboxprep.files import lies_within, read_bytes, real
from bboxprep.findings import Finding
from bboxprep.formats.contract import Probe, probe_image
from bboxprep.formats.voc import FORMAT
from bboxprep.formats.voc.annotation import Annotation, read_file
from bboxprep.formats.voc.options import ReadOptions
from bboxprep.formats.voc.origin import Origin, Proof, decide, edges, offset, prove, reaches_over, trusted_size
from bboxprep.formats.voc.pairs import Item, pair
from bboxprep.formats.voc.tree import Tree, read_lists, segmentation_of, walk
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset, LazySamples
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.model.segmentation import Segmentation

_MOST_NAME_BYTES = 8 << 20  # of a list of classes


def read(root: Path, probe: Probe, options: ReadOptions) -> Dataset:
    """The dataset below the folder `root`; every XML file is parsed once, now.

    Raises `LayoutError` where there is none, `AnnotationError` where no file can be read or two origins are proven.
    """
    if not root.is_dir():
        raise LayoutError(root, "", "want a folder that holds XML files and images")
    tree = walk(root)
    if not tree.labels and not (tree.lists and tree.images):
        raise LayoutError(root, "", f"no Pascal VOC annotations here (looked for {FORMAT.layout})")
    annotations, broken = _parse(root, tree.labels)
    pairing = pair(tree, read_lists(root, tree.lists), annotations, broken)
    origin, evidence = _settle(root, probe, pairing.items, options)
    classes = _classes(root, annotations.values())
    samples = _Samples(root, probe, origin, {name: row for row, name in enumerate(classes)})
    return Dataset(
        root=root,
        format="voc",
        categories=Categories.named(classes),
        samples=LazySamples(pairing.items, samples.load),
        splits=tuple(dict.fromkeys(item.split for item in pairing.items)) or ("train",),
        findings=(*evidence, *_of_tree(tree, annotations.values()), *pairing.findings),
        extra={"voc": {"origin": str(origin)}},
    )


def _parse(
    root: Path, labels: Iterable[PurePosixPath]
) -> tuple[dict[PurePosixPath, Annotation], dict[PurePosixPath, Finding]]:
    """What each file says, and for those that cannot be read the finding. Raises the error where none can be."""
    annotations: dict[PurePosixPath, Annotation] = {}
    broken: dict[PurePosixPath, Finding] = {}
    first: AnnotationError | None = None
    for label in labels:
        try:
            annotations[label] = read_file(root / label)
        except AnnotationError as error:
            first = first or error
            broken[label] = Finding("record-unreadable", error.problem, str(label), error.where)
    if first and not annotations:
        raise first
    return annotations, broken


def _settle(root: Path, probe: Probe, items: Iterable[Item], options: ReadOptions) -> tuple[Origin, list[Finding]]:
    """The origin of all boxes, and why; nothing is said where there is no box. Raises `AnnotationError`."""
    if options.origin != "auto":
        return Origin(options.origin), []
    boxed = [(item, item.annotation) for item in items if item.annotation and item.annotation.names]
    if not boxed:
        return Origin.DEVKIT, []
    proof = sum((prove(said.corners, _true_size(root, probe, item, said)) for item, said in boxed), Proof())
    origin, finding = decide(root, proof, (said.tool for _, said in boxed))
    return origin, [finding]


def _true_size(root: Path, probe: Probe, item: Item, said: Annotation) -> Size | None:
    """The size to hold the boxes against, None where it is not known or no box could tell anything by it."""
    if not item.present or not reaches_over(said.corners, said.declared):
        return None
    try:
        return trusted_size(probe(root / item.image, said.declared), said.declared)
    except ImageError:  # its finding comes when the sample is loaded
        return None


def _classes(root: Path, annotations: Iterable[Annotation]) -> tuple[str, ...]:
    """The class names: those of a list at the root in its order, then all others sorted by bytes."""
    found = {name for annotation in annotations for name in annotation.names}
    listed: list[str] = []
    for path in (root / "labels.txt", root / "classes.txt"):
        if path.is_file() and lies_within(path, real(root)):
            try:
                listed = [line.strip() for line in read_bytes(path, _MOST_NAME_BYTES).decode("utf-8-sig").split("\n")]
            except UnicodeDecodeError as error:
                raise AnnotationError(path, f"byte {error.start}", "not UTF-8 text") from error
            break
    return tuple(dict.fromkeys([*filter(None, listed), *sorted(found, key=lambda name: name.encode())]))


def _of_tree(tree: Tree, annotations: Iterable[Annotation]) -> list[Finding]:
    """What holds for the files as a whole."""
    findings = []
    if tree.outside:
        message = f"{len(tree.outside):,} links lead out of the dataset's folder and are not followed"
        findings.append(Finding("image-refused", message, str(tree.outside[0])))
    unread: Counter[str] = Counter()
    for annotation in annotations:
        unread.update(annotation.unread)
    if shapes := ", ".join(f"{count:,} <{tag}>" for tag, count in sorted(unread.items()) if count):
        findings.append(Finding("shape-unread", f"not read: {shapes}"))
    return findings


@dataclass(frozen=True)
class _Samples:
    """Makes samples when they are asked for."""

    root: Path
    probe: Probe
    origin: Origin
    rows: Mapping[str, int]

    def load(self, item: Item) -> Sample:
        header, findings = self._header(item)
        said = item.annotation
        if said is None:
            unlabelled = Finding("image-unlabelled", "no XML file is about it", str(item.image), split=item.split)
            return self._sample(item, header, Instances.of(), (*findings, unlabelled))
        boxes, exchanged = edges(said.corners, self.origin)
        noted = list(said.findings)
        if exchanged:
            message = f"minimum and maximum exchanged ({exchanged} of {said.listed} objects)"
            noted.append(Finding("record-repaired", message))
        findings += tuple(replace(finding, path=str(item.label), split=item.split) for finding in noted)
        return self._sample(item, header, self._instances(said, boxes), findings)

    def _header(self, item: Item) -> tuple[Header | None, tuple[Finding, ...]]:
        shown = str(item.image)
        if item.present:
            declared = item.annotation.declared if item.annotation else None
            return probe_image(self.probe, self.root / item.image, shown, item.split, declared)
        return None, (Finding("image-missing", f"not there, but {item.label} labels it", shown, split=item.split),)

    def _instances(self, said: Annotation, boxes: Boxes) -> Instances:
        shift = offset(self.origin)
        return Instances.of(
            boxes,
            [self.rows[name] for name in said.names],
            polygons=[[ring - shift for ring in said.rings.get(row, ())] for row in range(len(said.names))],
            attributes=said.attributes,
        )

    def _segmentation(self, item: Item) -> Segmentation | None:
        place = segmentation_of(item.label) if item.label else None
        if place is None or not item.annotation or not item.annotation.names:
            return None
        path = self.root / place
        known = path.is_file() and lies_within(path, real(self.root))
        return Segmentation(path, item.annotation.numbers) if known else None

    def _sample(self, item: Item, header: Header | None, instances: Instances, findings: tuple[Finding, ...]) -> Sample:
        said = item.annotation
        return Sample(
            name=item.name,
            path=self.root / item.image,
            header=header,
            instances=instances,
            split=item.split,
            declared=said.declared if said else None,
            findings=findings,
            listed=said.listed if said else 0,
            labelled=said is not None,
            segmentation=self._segmentation(item),
            extra={"voc": said.extra} if said and said.extra else {},
        )
