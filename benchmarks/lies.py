"""Plants lies in true outputs and prints how many of them `verify` finds, by lie; and its false alarms.

    python benchmarks/lies.py [SOURCE...] [--formats NAME,...] [--recipes 'NAME;...'] [--images N] [--turns N]
        [--seed N] [--kinds as-is,avif,alpha] [--no-lies]

Each recipe is run once for each format and each kind of labels that its writer knows; with --turns, for so many of
these ways, and the next recipe goes on with the next ways. With another --seed, other values are drawn, and the first
recipe begins with another way. Of a source --images are taken, evenly spread. In each image of the output, one lie at
a time is planted: in its labels as they are read, or, in the first way of each recipe, in its
pixels, which are coded again with quality 95. A lie counts as found where the image has a fault. Lies that an image
cannot hold (no crowd region, no outline) are not counted. Without SOURCE, the photos of `fixtures` are used; of other
--kinds, their images are coded anew as AVIF, or as PNG with transparent places.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import albumentations as A
import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bboxprep import formats
from bboxprep.errors import BboxprepError
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import DEFAULT_OBJECT_POLICY
from bboxprep.model.polygons import Polygons
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import open_run
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.load import recipe_of
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.faults import Fault
from bboxprep.verification.geometric import compare
from bboxprep.verification.pixel import PixelComparison, compare_pixels
from bboxprep.verification.structural import contents_of, dataset_faults, image_faults
from bboxprep.verification.verification_inputs import (
    Indexed,
    VerificationInputs,
    empty_output,
    open_inputs,
    open_output,
)

FIXTURES = Path(__file__).parents[1] / "fixtures"
Pixels = NDArray[np.uint8]  # (H, W, 3) blue, green, red
LabelLie = Callable[[Instances, float], Instances | None]  # None where an image cannot hold it
PixelLie = Callable[[Pixels], Pixels]

_AFFINE = A.Affine(scale=(0.7, 1.4), translate_percent=(-0.2, 0.2), rotate=(-30, 30), shear=(-9, 9), p=1.0)
_DRAWN = ("drawn", "albumentations")
RECIPES: Mapping[str, Mapping[str, Any]] = {
    name: {"preprocess": steps} if name not in _DRAWN else {"augment": {"copies": 2, "steps": steps}, "seed": 3}
    for name, steps in {
        "none": [],
        "letterbox": [{"letterbox": {"size": 416}}],
        "letterbox, flip": [{"letterbox": {"size": 416}}, {"flip": {"axis": "horizontal"}}],
        "upside down": [{"flip": {"axis": "vertical"}}],
        "resize": [{"resize": {"size": [416, 320]}}],
        "fit": [{"fit": {"size": 384}}],
        "fill": [{"fill": {"size": [400, 300]}}],
        "crop": [{"crop": {"x": 30, "y": 20, "width": 300, "height": 260}}],
        "tile": [{"fit": {"size": 600}}, {"tile": {"size": [320, 320], "overlap": 0.2}}],
        "rotate": [{"rotate": {"degrees": 17}}],
        "quarter turn": [{"rotate": {"degrees": 90}}],
        "shear": [{"letterbox": {"size": 416}}, {"shear": {"x": 9, "y": -4}}],
        "scale, translate": [{"fit": {"size": 416}}, {"scale": {"factor": 0.8}}, {"translate": {"x": 0.1, "y": 0.05}}],
        "exposure": [{"letterbox": {"size": 416}}, {"exposure": {"gain": 1.5}}],
        "contrast": [{"letterbox": {"size": 416}}, {"contrast": {"factor": 0.7}}],
        "grayscale": [{"letterbox": {"size": 416}}, "grayscale"],
        "saturation": [{"letterbox": {"size": 416}}, {"saturation": {"factor": 0.6}}],
        "blur": [{"letterbox": {"size": 416}}, {"blur": {"sigma": 0.8}}],
        "rotate, fill": [{"rotate": {"degrees": -8}}, {"fill": {"size": [400, 400]}}],
        "drawn": [{"fit": {"size": 416}}, {"rotate": {"degrees": [-10, 10]}}, {"exposure": {"gain": [0.7, 1.4]}}],
        "albumentations": [{"albumentations": {"pipeline": A.to_dict(A.Compose([_AFFINE]))}}],
    }.items()
}  # fmt: skip


def _moved(one: Instances, by: float) -> Instances:
    shift = np.array([by, 0.0])
    rings = [[ring + shift for ring in each] for each in one.polygons]
    return replace(one, boxes=one.boxes + np.tile(shift, 2), polygons=Polygons.of(rings))


def _with_another(one: Instances, _: float) -> Instances:
    return Instances.concat((one, Instances.of(one.boxes * 0.5 + 3.0, one.labels)))


LABEL_LIES: Mapping[str, tuple[Column, LabelLie]] = {  # what becomes of the first object of an image
    "a box moved by twice its step": (Column.BOXES, _moved),
    "a box moved by 12 px": (Column.BOXES, lambda one, _: _moved(one, 12.0)),
    "another class": (Column.BOXES, lambda one, _: replace(one, labels=np.where(one.labels == 0, 1, 0))),
    "an object deleted": (Column.BOXES, lambda one, _: one.select([False])),
    "an object added": (Column.BOXES, _with_another),
    "crowd": (Column.CROWD, lambda one, _: replace(one, crowd=~one.crowd)),
    "area doubled": (Column.AREAS, lambda one, _: replace(one, areas=one.areas * 2)),
    "score": (Column.SCORES, lambda one, _: replace(one, scores=np.array([0.123]))),
    "track id": (Column.TRACKS, lambda one, _: replace(one, tracks=one.tracks + 7)),
    "object id": (Column.IDS, lambda one, _: replace(one, ids=one.ids + 123_456) if one.ids[0] > 0 else None),
    "attribute": (Column.ATTRIBUTES, lambda one, _: replace(one, attributes=({**one.attributes[0], "lie": 1},))),
    "outline lost": (
        Column.POLYGONS,
        lambda one, _: replace(one, polygons=Polygons.of([()])) if one.polygons[0] else None,
    ),
    "mask lost": (Column.MASKS, lambda one, _: replace(one, masks=(None,)) if one.masks[0] else None),
    "keypoints hidden": (
        Column.KEYPOINTS,
        lambda one, _: replace(one, visibility=one.visibility * 0) if one.visibility.any() else None,
    ),
}


def _coded(pixels: Pixels, quality: int) -> Pixels:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return _pixels(cv2.imdecode(data, cv2.IMREAD_COLOR))


def _pixels(values: Any) -> Pixels:
    return np.asarray(values, dtype=np.uint8)


PIXEL_LIES: Mapping[str, PixelLie] = {
    "30 % of the light": lambda pixels: (pixels * 0.3).astype(np.uint8),
    "70 % of the light": lambda pixels: (pixels * 0.7).astype(np.uint8),
    "half of the contrast": lambda pixels: (pixels * 0.5 + pixels.mean() * 0.5).astype(np.uint8),
    "blurred by 2 px": lambda pixels: _pixels(cv2.GaussianBlur(pixels, (0, 0), 2.0)),
    "coded with quality 4": lambda pixels: _coded(pixels, 4),
    "red and blue exchanged": lambda pixels: pixels[..., ::-1],
    "without colours": lambda pixels: np.repeat(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2),
    "turned by 180 degrees": lambda pixels: pixels[::-1, ::-1],
    "mirrored": lambda pixels: pixels[:, ::-1],
    "shifted by 1 % or 2 px": lambda pixels: np.roll(pixels, max(2, round(max(pixels.shape) * 0.01)), axis=1),
    "shifted by 3 %": lambda pixels: np.roll(pixels, round(max(pixels.shape) * 0.03), axis=0),
}
NOT_DERIVED = "albumentations"  # what it moves and paints is not derived, so that lies under it are not planted
COLOUR_LIES = frozenset({"red and blue exchanged", "without colours"})
COLOURLESS = frozenset({"grayscale", "saturation"})  # recipes under which colours prove nothing


@dataclass(frozen=True, eq=False)
class LyingInputs(VerificationInputs):
    """The inputs of a verification in which the labels or the pixels of the output lie."""

    label_lie: Callable[[Sample], Sample] | None = field(default=None, kw_only=True)
    pixel_lie: PixelLie | None = field(default=None, kw_only=True)

    def written(self, image: ImageRow) -> Sample | None:
        """The sample of `image` with the lie in its labels."""
        sample = super().written(image)
        return self.label_lie(sample) if sample and self.label_lie else sample

    def ids(self, split: str) -> frozenset[int]:  # noqa: ARG002
        """No ids: of those that the labels do not state, no other object has one."""
        return frozenset()

    def file(self, image: ImageRow, path: Path) -> bytes:
        """The bytes of a file; of the output with the lie in its pixels."""
        data, origin = super().file(image, path), self.origin(image)
        if self.pixel_lie is None or (origin and path == origin.path):
            return data
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        pixels = _pixels(cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags))
        lying, sample = np.ascontiguousarray(self.pixel_lie(pixels)), super().written(image)
        suffix = ".jpg" if sample and sample.header and sample.header.container == "jpeg" else ".png"
        return cv2.imencode(suffix, lying, [cv2.IMWRITE_JPEG_QUALITY, 95] if suffix == ".jpg" else [])[1].tobytes()


def is_doubted(case: VerificationInputs, image: ImageRow, *, pixels: bool) -> tuple[str, ...]:
    """The codes and words of the faults that the geometric layer finds in `image`, and those of its pixels."""
    compared = compare(case, image)
    found = compare_pixels(case, image, compared) if pixels else PixelComparison()
    told = [_told(fault) for fault in (*compared.faults, *found.faults)]
    return (*told, "pixels-differ") if found.mismatch else tuple(told)


def _told(fault: Fault) -> str:
    return f"{fault.code} ({fault.where or fault.image}: {fault.message})"


@dataclass
class Results:
    """How many lies were planted and found, by (lie, way), and the false alarms."""

    planted: Counter[tuple[str, str]] = field(default_factory=Counter)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    images: int = 0
    runs: int = 0
    alarms: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def count(self, lie: str, way: str, where: str, codes: Sequence[str]) -> None:
        """Count one lie, told at `where` and found by the faults `codes`."""
        self.planted[lie, way] += 1
        self.found[lie, way] += bool(codes)
        if not codes:
            self.missed.append(f"{lie}: {way}: {where}")


def plant(
    case: VerificationInputs, way: str, where: str, results: Results, images: int, *, lies: bool, pixels: bool
) -> None:
    """Look for faults in the true output of `case`, then plant each lie in each of `images` of its images, and count
    what is found. Pixels lie only if `pixels`.
    """
    faults = [_told(fault) for fault in dataset_faults(case, contents_of(case))]
    if faults:
        results.alarms.append(f"{way}: {where}: {', '.join(faults)}")
    written, recipe = [row for row in case.run.images if row.output], where.rpartition(", ")[2]
    for image in _spread(written, images):
        place, sample = f"{where}: {image.output}", case.written(image)
        results.images += 1
        structural = tuple(_told(fault) for fault in image_faults(case, image))
        if codes := (*structural, *is_doubted(case, image, pixels=True)):
            results.alarms.append(f"{way}: {place}: {', '.join(codes)}")
        for lie, change in _label_lies(case, image, sample) if lies else ():
            lying = LyingInputs(**_fields(case), label_lie=change)
            results.count(lie, way, place, is_doubted(lying, image, pixels=False))
        for lie, alter in PIXEL_LIES.items() if lies and pixels else ():
            if not (recipe in COLOURLESS and lie in COLOUR_LIES):
                lying = LyingInputs(**_fields(case), pixel_lie=alter)
                results.count(lie, way, place, is_doubted(lying, image, pixels=True))


def _spread(rows: Sequence[Any], number: int) -> list[Any]:
    """At most `number` of the `rows`, from all over them."""
    taken = min(number, len(rows))
    return [rows[len(rows) * at // taken] for at in range(taken)]


def _fields(case: VerificationInputs) -> dict[str, Any]:
    names = ("run", "output", "source", "why_not", "several")
    return {name: getattr(case, name) for name in names}


def _label_lies(
    case: VerificationInputs, image: ImageRow, sample: Sample | None
) -> Iterator[tuple[str, Callable[[Sample], Sample]]]:
    """The lies that the labels of `sample` can hold, by name."""
    if sample is None or not len(sample.instances):
        return
    rows = np.arange(len(sample.instances))
    first, rest = sample.instances.select(rows == 0), sample.instances.select(rows > 0)
    by = 4 * float(case.format.step(case.options).of(first.boxes, sample.size).max()) + 0.03
    for name, (column, lie) in LABEL_LIES.items():
        if column in case.carries and (changed := lie(first, by)) is not None:
            if case.format.holds_outlines_only(case.options) and column is Column.POLYGONS:
                continue  # its reader makes the boxes of outlines
            if name == "object id" and not _keeps_ids(case, image):
                continue
            if name == "another class" and len(case.output.dataset.classes) < 2:
                continue
            if name == "area doubled" and not np.isfinite(first.areas[0]):
                continue
            yield name, partial(_with_objects, instances=Instances.concat((changed, rest)))


def _keeps_ids(case: VerificationInputs, image: ImageRow) -> bool:
    """Whether the source states ids of objects, and `image` is no copy or tile, whose objects get ids of their own."""
    origin = case.origin(image)
    return origin is not None and not image.copy and not image.tile and bool((origin.instances.ids > 0).any())


def _with_objects(sample: Sample, instances: Instances) -> Sample:
    return sample.replace_fast(instances=instances)


def measure(
    sources: Mapping[str, Path],
    names: Sequence[str],
    recipes: Sequence[str],
    images: int,
    turns: int | None = None,
    *,
    seed: int = 0,
    lies: bool = True,
    pixels: bool = True,
) -> Results:
    """Look for faults in true outputs of the named `sources` by `recipes` in the formats `names`, and plant all lies if
    `lies`. With `turns`, each recipe takes so many of the ways to write, of which `seed` is the first; pixels lie in
    the first of them alone, and only if `pixels`.
    """
    results, turn = Results(), count(seed)
    ways = [(name, flag, options) for name in names for flag, options in formats.load(name).write_variants()]
    for title, path in sources.items():
        try:
            opened = _few(open_source(path), images)
        except BboxprepError as error:
            results.refused[f"{title}: {error}"] += 1
            continue
        known: Indexed | None = None
        before = len(results.alarms)
        for recipe in recipes:
            chosen = ways if turns is None else [ways[next(turn) % len(ways)] for _ in range(turns)]
            for number, (name, flag, options) in enumerate(chosen):
                with TemporaryDirectory() as folder:
                    out, way = Path(folder) / "out", f"{name} {flag}".strip()
                    try:
                        steps = recipe_of(_seeded(RECIPES[recipe], seed))
                        convert_source(opened, out, name, steps, run_options=RunOptions(), options=asdict(options))
                    except BboxprepError as error:
                        results.refused[f"{title}, {way}: {str(error).partition(chr(10))[0]}"] += 1
                        continue
                    try:
                        case = _inputs(out, known)
                    except BboxprepError as error:
                        results.alarms.append(f"{way}: {title}, {recipe}: {error}")
                        continue
                    known, results.runs = case.source, results.runs + 1
                    told = lies and recipe != NOT_DERIVED
                    at = f"{title}, {recipe}"
                    plant(case, way, at, results, images, lies=told, pixels=pixels and number == 0)
        so_far = f"{title}: {results.runs} outputs, {len(results.alarms)} false alarms so far"
        print(so_far, *results.alarms[before:], sep="\n", file=sys.stderr, flush=True)
    return results


def _seeded(recipe: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """`recipe` with another seed for each `seed`, where it draws at all."""
    return {**recipe, "seed": recipe["seed"] + seed} if "seed" in recipe else dict(recipe)


def _few(source: Source, images: int) -> Source:
    """At most `images` images of `source` that have labels, from all over it."""
    found = [row for row, one in enumerate(source.summaries) if one.header and one.labelled]
    rows: Sequence[int] = found or range(len(source.summaries))
    chosen = _spread(rows, images)
    dataset = source.dataset.select(chosen)
    own = {source.summaries[row].key[0] for row in chosen}
    splits = tuple(split for split in dataset.splits if split in own)
    summaries = tuple(source.summaries[row] for row in chosen)
    return msgspec.structs.replace(source, dataset=replace(dataset, splits=splits), summaries=summaries)


def _inputs(out: Path, source: Indexed | None) -> VerificationInputs:
    """What is compared of the output at `out`, with its `source` as it was opened before."""
    run = open_run(out)
    output = open_output(run) if any(image.output for image in run.images) else empty_output(run)
    return (
        VerificationInputs(run, output, source, "", False) if source else open_inputs(run, output, None, lambda _: {})
    )


def coded_as(kind: str, source: Path, folder: Path, images: int) -> Path:
    """A YOLO data set in `folder` of `images` images of `source`, coded as `kind`: "avif", or "alpha", which is PNG
    with transparent places.
    """
    opened = open_source(source, object_policy=replace(DEFAULT_OBJECT_POLICY, crowd="keep"))
    convert_source(_few(opened, images), folder, "yolo", Recipe(), run_options=RunOptions())
    for path in sorted(folder.glob("bboxprep*")):
        path.unlink()
    for path in sorted((folder / "images").rglob("*.*")):
        with Image.open(path) as coded:
            picture = coded.convert("RGB")
        path.unlink()
        if kind == "alpha":
            rows, columns = np.indices((picture.height, picture.width))
            clear = (columns * 7 // picture.width + rows * 5 // picture.height) % 6 == 0
            picture.putalpha(Image.fromarray(np.where(clear, 40, 255).astype(np.uint8)))
        picture.save(path.with_suffix(".png" if kind == "alpha" else ".avif"))
    return folder


def table(results: Results) -> Iterator[str]:
    """The lines of the table: how many of each lie were planted and found, and the way of writing with the fewest."""
    yield "| lie | planted | found | share | fewest |"
    yield "|---|---|---|---|---|"
    for lie in (*LABEL_LIES, *PIXEL_LIES):
        ways = sorted(way for name, way in results.planted if name == lie)
        planted, found = (sum(counts[lie, way] for way in ways) for counts in (results.planted, results.found))
        if planted:
            shares = {way: results.found[lie, way] / results.planted[lie, way] for way in ways}
            worst = min(ways, key=shares.__getitem__)
            fewest = "" if found == planted else f"{worst} {results.found[lie, worst]} of {results.planted[lie, worst]}"
            yield f"| {lie} | {planted:,} | {found:,} | {found / planted:.3f} | {fewest} |"
    yield ""
    yield f"{results.runs:,} true outputs, {results.images:,} images looked at, {len(results.alarms)} false alarms."


def main() -> None:
    """Print the table, what was missed, what cannot be converted, and the false alarms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="*", type=Path, default=[FIXTURES / "phone-photos-coco"])
    parser.add_argument("--formats", default=",".join(formats.written()))
    parser.add_argument("--recipes", default=";".join(RECIPES), help="names, separated by semicolons")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, help="the ways to write that each recipe takes")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn, and the first way to write")
    parser.add_argument("--kinds", default="as-is", help="as-is, avif, alpha")
    parser.add_argument("--no-lies", action="store_true", help="look for false alarms alone")
    given = parser.parse_args()
    begun = time.process_time()
    with TemporaryDirectory() as folder:
        sources = {}
        for number, path in enumerate(given.source):
            for kind in given.kinds.split(","):
                title = "/".join(path.parts[-2:])
                at = Path(folder) / f"{number}-{kind}"
                sources[f"{title} {kind}"] = path if kind == "as-is" else coded_as(kind, path, at, given.images)
        ways, recipes = given.formats.split(","), given.recipes.split(";")
        results = measure(sources, ways, recipes, given.images, given.turns, seed=given.seed, lies=not given.no_lies)
    print(*table(results), *(f"missed: {each}" for each in results.missed), sep="\n")
    print(*(f"refused {number} times: {each}" for each, number in results.refused.items()), sep="\n")
    print(*(f"false alarm: {each}" for each in results.alarms), sep="\n")
    print(f"{time.process_time() - begun:.0f} s of CPU")


if __name__ == "__main__":
    main()
