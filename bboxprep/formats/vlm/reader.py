"""JSON lines that vision-language models are trained on: an image, a prompt, and an answer with boxes as text.

Read are the answers of Qwen2-VL, Qwen2.5-VL and Qwen3-VL (conversations or messages), of PaliGemma and Florence-2
(prefix and suffix), and the detections of ODVG (Grounding DINO). `numbers` says what their numbers mean. Qwen2.5-VL
counts in pixels of the image that its processor makes, Qwen3-VL in thousandths: `--vlm-in` says which. Without it
thousandths are taken unless no number is beyond the resized image, which a finding says. Classes stand in the order of
``labels.txt``, then in that of PaliGemma's prompts, then by name. Lines about one image are one image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np

from bboxprep.errors import ImageError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.image_lookup import spelling_note
from bboxprep.formats.locate_images import Located, locate, unlisted_images
from bboxprep.formats.reading import probe_image
from bboxprep.formats.vlm.answers import JSON
from bboxprep.formats.vlm.layout import LinesFile, find_files, image_folders
from bboxprep.formats.vlm.lines import ODVG, GroundedImage, digest_of, read_file
from bboxprep.formats.vlm.numbers import Processor, to_boxes
from bboxprep.formats.vlm.options import CLASSES, VlmReadOptions
from bboxprep.geometry.affine import Size
from bboxprep.io.paths import dataset_folder, is_file_safely, is_within, relative_path, resolved
from bboxprep.io.text import read_text
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import EMPTY_SAMPLE, Sample
from bboxprep.model.splits import TRAIN, name_prefixes, order, split_of

_MOST_BYTES = 8 << 20  # of the class table
_TRIED = 64  # images that are looked for in each folder, and whose sizes are compared with numbers
_THOUSAND = 1000
_JSON = ("qwen3-vl", "qwen2.5-vl")  # whose boxes are JSON


@reads
def read(root: Path, probe: Probe, options: VlmReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one file. Raises `LayoutError` or `AnnotationError`."""
    home = dataset_folder(root)
    parts = [_part(file, root) for file in find_files(root)]
    prefixes = name_prefixes(part.file.word for part in parts)
    items, repeated = _items(parts, prefixes)
    items.sort(key=lambda item: (order(item.split), item.name.encode("utf-8", "surrogatepass")))
    classes = _classes(home, [line for part in parts for line in part.lines])
    processor, assumed = _processor(items, probe, options)
    findings = [Finding("task-assumed", assumed, parts[0].file.shown)] if assumed else []
    loader = _Loader(home, probe, {name: row for row, name in enumerate(classes)}, processor)
    return Dataset(
        root=root,
        format="vlm",
        categories=Categories.from_names(classes),
        samples=LazySamples.each(items, loader),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*findings, *repeated, *_faults(parts), *_unlisted(parts, home)),
    )


class _Part(msgspec.Struct, frozen=True):
    """The lines of one file, the folder of their images, and these; `broken` are the places of lines that are none."""

    file: LinesFile
    lines: Sequence[GroundedImage]
    broken: Sequence[str]
    folder: Path
    located: Located


class _Item(msgspec.Struct, frozen=True):
    """One sample: its image, why that is `missing` ("" where it is there), and the lines about it in `file`."""

    split: str
    name: str
    path: Path
    missing: str
    file: str
    lines: tuple[GroundedImage, ...]


def _part(file: LinesFile, root: Path) -> _Part:
    lines, broken = read_file(file.path)
    allowed, names = resolved(dataset_folder(root)), [line.image for line in lines]
    tried = names[:: max(1, len(names) // _TRIED)]
    folders = [one for one in image_folders(file, root) if one.is_dir() and is_within(one, allowed)]
    folder = max(folders, key=lambda one: sum(is_file_safely(one / name) for name in tried))
    return _Part(file, lines, broken, folder, locate(folder, names, allowed, "image"))


def _items(parts: Iterable[_Part], prefixes: Mapping[str, str]) -> tuple[list[_Item], list[Finding]]:
    """The samples, and a finding for each image that has another line; its boxes are added to the first."""
    items: dict[tuple[str, Path], _Item] = {}
    names: set[tuple[str, str]] = set()
    findings: list[Finding] = []
    for part in parts:
        split = split_of(part.file.word)
        for row, line in enumerate(part.lines):
            path = part.folder / part.located.names[row]
            if known := items.get((split, path)):
                words = f"{known.lines[0].where} is about the same image, which has the boxes of both"
                findings.append(Finding("image-repeated", words, part.file.shown, line.where, split=split))
                items[split, path] = msgspec.structs.replace(known, lines=(*known.lines, line))
                continue
            name = f"{prefixes[part.file.word]}{part.located.names[row]}"
            name = f"{part.file.path.stem}/{name}" if (split, name) in names else name
            names.add((split, name))
            items[split, path] = _Item(split, name, path, part.located.missing.get(row, ""), part.file.shown, (line,))
    return list(items.values()), findings


def _classes(home: Path, lines: Sequence[GroundedImage]) -> tuple[str, ...]:
    """The names of the classes: of the table, of the prompts, and those of the boxes, by name."""
    table, listed = home / CLASSES, list[str]()
    if table.is_file() and is_within(table, resolved(home)):
        listed = [name for name in read_text(table, _MOST_BYTES).split("\n") if name]
    asked = (name for line in lines for name in line.classes)
    met = {box.name for line in lines for box in line.boxes}
    return tuple(dict.fromkeys([*listed, *asked, *sorted(met)]))


def _processor(items: Sequence[_Item], probe: Probe, options: VlmReadOptions) -> tuple[Processor, str]:
    """That of the model whose numbers JSON holds, and what tells it where no option and no line does."""
    stated: str = options.model or next(
        (line.model for item in items for line in item.lines if line.model in _JSON), ""
    )
    thousandths = Processor(stated or "qwen3-vl", options.min_pixels, options.max_pixels)
    if stated or not any(line.kind == JSON for item in items for line in item.lines):
        return thousandths, ""
    pixels = msgspec.structs.replace(thousandths, model="qwen2.5-vl")
    sides = list(islice(_resized_sides(items, probe, pixels), _TRIED))
    if sides and all(inside for inside, _ in sides) and any(side < _THOUSAND for _, side in sides):
        words = "no box reaches beyond the image as Qwen2.5-VL's processor resizes it; its pixels were taken"
        return pixels, f"{words} (`model` states it)"
    return thousandths, "boxes were taken as thousandths of the image, as Qwen3-VL has them (`model` states it)"


def _resized_sides(items: Iterable[_Item], probe: Probe, processor: Processor) -> Iterator[tuple[bool, int]]:
    """For each line with boxes, whether they lie in the resized image, and its shorter side."""
    for item in items:
        numbers = [box.box for line in item.lines if line.kind == JSON for box in line.boxes]
        if not numbers or item.missing:
            continue
        try:
            size = processor.resized(probe(item.path).displayed)
        except (ImageError, ValueError):
            continue
        yield bool((np.array(numbers) <= np.tile(np.array(size), 2)).all()), min(size)


def _faults(parts: Sequence[_Part]) -> Iterator[Finding]:
    """Findings about lines that are none, and about images that were found by another spelling."""
    for part in parts:
        split = split_of(part.file.word)
        for where in part.broken:
            words = "want an object with an image and an answer, or a detection"
            yield Finding("record-unreadable", words, part.file.shown, where, split=split)
        if respelled := part.located.respelled:
            row = next(iter(respelled))
            yield spelling_note(list(respelled.values()), part.file.shown, part.lines[row].where, split)


def _unlisted(parts: Sequence[_Part], home: Path) -> Iterator[Finding]:
    beside, unnamed = unlisted_images(((part.folder, part.located) for part in parts), home)
    if others := [*beside, *unnamed]:
        words = f"images lie beside listed ones, and no line is about them ({len(others):,}); left aside"
        yield Finding("image-aside", words, relative_path(others[0], home))


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of items; plain data, so that worker processes can have it."""

    home: Path
    probe: Probe
    rows: Mapping[str, int]
    processor: Processor

    def __call__(self, item: _Item) -> Sample:
        declared = item.lines[0].declared
        if item.missing:
            shown, where = relative_path(item.path, self.home), item.lines[0].where
            header: Header | None = None
            seen: tuple[Finding, ...] = (Finding("image-missing", item.missing, shown, where, split=item.split),)
        else:
            header, seen = probe_image(self.probe, item.path, self.home, item.split, declared)
        size = header.displayed if header else declared or Size(_THOUSAND, _THOUSAND)
        read = [self._objects(line, item, size) for line in item.lines]
        digests = [line.digest for line in item.lines]
        return EMPTY_SAMPLE.replace_fast(
            name=PurePosixPath(item.name),
            path=item.path,
            header=header,
            instances=Instances.concat([instances for instances, _ in read]),
            split=item.split,
            declared=declared,
            fractional=not any(self._model_of(line) in {ODVG, "qwen2.5-vl"} for line in item.lines),
            findings=(*seen, *(finding for _, own in read for finding in own)),
            source_count=sum(len(line.boxes) + line.unreadable for line in item.lines),
            label_digest=digests[0] if len(digests) == 1 else digest_of("".join(digests)),
        )

    def _model_of(self, line: GroundedImage) -> str:
        return self.processor.model if line.kind in ("", JSON) else line.kind

    def _objects(self, line: GroundedImage, item: _Item, size: Size) -> tuple[Instances, list[Finding]]:
        """The boxes of a line in an image of `size`, px, and findings about the line."""
        findings = []
        if line.unreadable:
            findings.append(
                ("record-unreadable", f"boxes or names cannot be read ({line.unreadable})", line.unreadable)
            )
        if line.outlines:
            findings.append(("shape-unread", f"outlines are not read ({line.outlines})", 0))
        boxes = np.array([box.box for box in line.boxes], dtype=np.float64).reshape(-1, 4)
        try:
            boxes = to_boxes(boxes, size, msgspec.structs.replace(self.processor, model=self._model_of(line)))
        except ValueError as error:
            findings.append(("record-unreadable", str(error), len(boxes)))
            boxes = boxes[:0]
        labels = [self.rows[box.name] for box in line.boxes][: len(boxes)]
        made = [Finding(code, words, item.file, line.where, lost, split=item.split) for code, words, lost in findings]
        return Instances.of(boxes, labels), made
