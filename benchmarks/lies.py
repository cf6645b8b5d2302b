"""Plants lies in true outputs and prints how many of them `verify` finds, by lie and format; and its false alarms.

    python benchmarks/lies.py [SOURCE...] [--formats NAME,...] [--recipes 'NAME;...'] [--images N]

Each recipe is run once for each format and each kind of labels that its writer knows. In each image of the output, one
lie at a time is planted: in its labels as they are read, or in its pixels, which are coded again with quality 95. A
lie counts as found where the image has a fault. Lies that an image cannot hold (no crowd region, no outline) are not
counted.
Without SOURCE, the photos of `fixtures` are used.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bboxprep import formats
from bboxprep.errors import BboxprepError
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Polygons
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import open_run
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.load import recipe_of
from bboxprep.verification.geometric import compare
from bboxprep.verification.pixel import PixelComparison, compare_pixels
from bboxprep.verification.verification_inputs import VerificationInputs, open_inputs, open_output

FIXTURES = Path(__file__).parents[1] / "fixtures"
Pixels = NDArray[np.uint8]  # (H, W, 3) blue, green, red
LabelLie = Callable[[Instances, float], Instances | None]  # None where an image cannot hold it
PixelLie = Callable[[Pixels], Pixels]

RECIPES: Mapping[str, Mapping[str, Any]] = {
    name: {"preprocess": steps} if name != "drawn" else {"augment": {"copies": 2, "steps": steps}, "seed": 3}
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
    """The codes of the faults that the geometric layer finds in `image`, and those of its pixels."""
    compared = compare(case, image)
    found = compare_pixels(case, image, compared) if pixels else PixelComparison()
    codes = [fault.code for fault in (*compared.faults, *found.faults)]
    return (*codes, "pixels-differ") if found.mismatch else tuple(codes)


@dataclass
class Results:
    """How many lies were planted and found, by (lie, format), and the false alarms by (recipe, format)."""

    planted: Counter[tuple[str, str]] = field(default_factory=Counter)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    images: int = 0
    alarms: list[str] = field(default_factory=list)

    def count(self, lie: str, way: str, where: str, codes: Sequence[str]) -> None:
        """Count one lie, told at `where` and found by the faults `codes`."""
        self.planted[lie, way] += 1
        self.found[lie, way] += bool(codes)
        if not codes:
            self.missed.append(f"{lie}: {way}: {where}")


def plant(out: Path, way: str, recipe: str, results: Results, images: int, *, pixels: bool) -> None:
    """Plant each lie in each of the first `images` images of the output at `out`, and count what is found."""
    run = open_run(out)
    case = open_inputs(run, open_output(run), None, lambda _: {})
    for image in [row for row in run.images if row.output][:images]:
        where, sample = f"{recipe}: {image.output}", case.written(image)
        results.images += 1
        if codes := is_doubted(case, image, pixels=True):
            results.alarms.append(f"{way}: {where}: {', '.join(codes)}")
        for lie, change in _label_lies(case, sample):
            lying = LyingInputs(**_fields(case), label_lie=change)
            results.count(lie, way, where, is_doubted(lying, image, pixels=False))
        for lie, alter in PIXEL_LIES.items() if pixels else ():
            if not (COLOURLESS & {recipe} and lie in ("red and blue exchanged", "without colours")):
                results.count(
                    lie, way, where, is_doubted(LyingInputs(**_fields(case), pixel_lie=alter), image, pixels=True)
                )


def _fields(case: VerificationInputs) -> dict[str, Any]:
    names = ("run", "output", "source", "why_not", "several")
    return {name: getattr(case, name) for name in names}


def _label_lies(case: VerificationInputs, sample: Sample | None) -> Iterator[tuple[str, Callable[[Sample], Sample]]]:
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
            if name == "another class" and len(case.output.dataset.classes) < 2:
                continue
            if name == "area doubled" and not np.isfinite(first.areas[0]):
                continue
            yield name, partial(_with_objects, instances=Instances.concat((changed, rest)))


def _with_objects(sample: Sample, instances: Instances) -> Sample:
    return sample.replace_fast(instances=instances)


def measure(sources: Sequence[Path], names: Sequence[str], recipes: Sequence[str], images: int) -> Results:
    """Plant all lies in outputs of `sources` by `recipes` in the formats `names`; pixels lie in the first way alone."""
    results = Results()
    ways = [(name, flag, options) for name in names for flag, options in formats.load(name).write_variants()]
    for source in sources:
        for recipe in recipes:
            for number, (name, flag, options) in enumerate(ways):
                with TemporaryDirectory() as folder:
                    out, opened = Path(folder) / "out", open_source(source)
                    try:
                        steps = recipe_of(dict(RECIPES[recipe]))
                        convert_source(opened, out, name, steps, run_options=RunOptions(), options=asdict(options))
                    except BboxprepError as error:
                        print(f"{source.name}, {recipe}, {name} {flag}: {error}")
                        continue
                    plant(out, f"{name} {flag}".strip(), recipe, results, images, pixels=number == 0)
    return results


def table(results: Results) -> Iterator[str]:
    """The lines of the table: lies found of those planted."""
    ways = sorted({way for _, way in results.planted})
    yield f"| lie | {' | '.join(ways)} |"
    yield f"|---{'|---' * len(ways)}|"
    for lie in (*LABEL_LIES, *PIXEL_LIES):
        cells = [
            f"{results.found[lie, way]} of {results.planted[lie, way]}" if results.planted[lie, way] else ""
            for way in ways
        ]
        if any(cells):
            yield f"| {lie} | {' | '.join(cells)} |"
    yield ""
    yield f"{results.images} images of true outputs, {len(results.alarms)} of them doubted."


def main() -> None:
    """Print the table, what was missed, and the false alarms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="*", type=Path, default=[FIXTURES / "phone-photos-coco"])
    parser.add_argument("--formats", default=",".join(formats.written()))
    parser.add_argument("--recipes", default=";".join(RECIPES), help="names, separated by semicolons")
    parser.add_argument("--images", type=int, default=1_000_000)
    given = parser.parse_args()
    results = measure(given.source, given.formats.split(","), given.recipes.split(";"), given.images)
    print(*table(results), *(f"missed: {each}" for each in results.missed), sep="\n")
    print(*(f"false alarm: {each}" for each in results.alarms), sep="\n")


if __name__ == "__main__":
    main()
