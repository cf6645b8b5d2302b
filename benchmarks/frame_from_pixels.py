"""Fits the weights of `bboxprep.frames.from_pixels` and measures its verdicts.

Run it with ``python benchmarks/frame_from_pixels.py DATA``.

DATA is a folder of public datasets, one below the other as in `SETS`, whose labels are right. Each dataset is judged by
weights and a temperature that were fitted on the others. For each orientation and either frame the labels are planted
as a file would hold them; a wrong reading then shows the boxes turned. Datasets of at least `LEAST` photos are also
judged by what their own photos teach, each by those of other parts of the dataset. Needs numpy and scipy; the same
numbers each time, but for the seconds.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

import bboxprep
from bboxprep.frames.appearance import appearance_of, turned_pattern
from bboxprep.frames.calibrated import FOLDS, LEAST, Calibration, Photo, calibration_of
from bboxprep.frames.contrast import LONG_SIDE, ContrastFeatures, contrast, contrast_features_of, read_small
from bboxprep.frames.evidence import whole_pixel_frame
from bboxprep.frames.likelihood import (
    MEASURES,
    TURNS,
    clipped,
    frame_of,
    log_odds,
    needed_log_odds,
    similar,
    turn_of,
    vote_weights,
)
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Place, Plan, Resample
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.codecs.codec import decode
from bboxprep.images.raster.execute import execute
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Frame, Sample

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Photos:
    """The `measures` (P, 8, 5) of photos under each of `TURNS`, and their `thumbnails` (P, 192)."""

    measures: Floats
    thumbnails: Floats

    @classmethod
    def seen(cls, looks: Iterable[tuple[ContrastFeatures, Floats]]) -> Photos:
        """The photos of `looks`: each an image made ready and its boxes, in fractions of it."""
        pairs = [(contrast(features, turned(boxes)), features.thumbnail) for features, boxes in looks]
        measures, thumbnails = zip(*pairs, strict=True)
        return cls(np.array(measures), np.array(thumbnails))

    def __len__(self) -> int:
        return len(self.measures)

    def __getitem__(self, rows: NDArray[np.int64]) -> Photos:
        return Photos(self.measures[rows], self.thumbnails[rows])


Sets = dict[str, Photos]
Judges = dict[str, Floats]  # weights

SETS = {
    "raccoon": ("raccoon",),
    "bccd": ("bccd/BCCD",),
    "microcontroller": ("microcontroller/images",),
    "groundnut": ("groundnut/train",),
    "ten small sets": (
        "foodometer/datasets/ice-cream",
        "ultralytics_hub/example_datasets/coco8",
        "yolo_mark/x64/Release/data",
        "labelme/examples/bbox_detection/data_dataset_voc",
        "labelme/examples/instance_segmentation/data_dataset_coco/annotations.json",
        "icevision/samples/fridge/odFridgeObjects",
        "icevision/samples/voc",
        "icevision/samples/annotations.json",
        "rodm_toy/toyexample/gts_coco_format/toy_example_coco.JSON",
        "labelformat/tests/fixtures/object_detection/YOLOv8",
    ),
}
DRAWS = 1000
GROUP = 20
FEW = 5
FRAMES = 12
DAMPING = 1e-3  # of the squared weights, in units of the spread of their measure


def main(data: Path) -> None:
    """Print the weights to ship, and what they are worth."""
    sets = {name: measured(data, paths) for name, paths in SETS.items()}
    films = {name: filmed(data, paths) for name, paths in SETS.items()}
    print(f"photos: {', '.join(f'{name} {len(group)}' for name, group in sets.items())}\n")
    for name in sets:
        rest = without(sets, name)
        print(f"{name:16s} is judged by {written(cooled(rest))} at temperature {temperature(rest):.2f}")
    print(f"\nMEASURES = {MEASURES}\nWEIGHTS = {written(cooled(sets))}  at temperature {temperature(sets):.2f}\n")
    judges = {name: cooled(without(sets, name)) for name in sets}
    print(turn_table(sets, judges))
    print(size_table(sets, judges))
    print(alarm_table(sets, judges))
    print(film_table(films, judges))
    print(whole_pixel_table(data))
    print(taught_table(data, [name for name in sets if len(sets[name]) >= LEAST], judges))


def without(sets: Sets, name: str) -> Sets:
    """All but one."""
    return {other: group for other, group in sets.items() if other != name}


# --- measuring ---------------------------------------------------------------------------------------------------


def photos(data: Path, paths: tuple[str, ...]) -> Iterator[tuple[Path, Header, Floats]]:
    """Every labelled photo below `paths`, each file once, with its boxes as fractions of the stored image."""
    seen: set[str] = set()
    for path in paths:
        for sample in bboxprep.read(data / path, "coco" if path.lower().endswith(".json") else None):
            if sample.header and not sample.refusal and len(sample.instances):
                digest = hashlib.sha256(sample.path.read_bytes()).hexdigest()
                if digest not in seen:
                    seen.add(digest)
                    boxes = map_boxes(sample.to_stored, sample.instances.boxes)
                    yield sample.path, sample.header, boxes / np.tile(sample.header.size, 2)


def measured(data: Path, paths: tuple[str, ...]) -> Photos:
    """Every photo, its labels turned by each of `TURNS`."""
    return Photos.seen(
        (contrast_features_of(read_small(path, header)), boxes) for path, header, boxes in photos(data, paths)
    )


def turned(boxes: Floats) -> Floats:
    """The boxes, in fractions, turned by each of `TURNS`: (8, N, 4)."""
    return np.stack([map_boxes(turn.affine(Size(1, 1)), boxes) for turn in TURNS])


def filmed(data: Path, paths: tuple[str, ...]) -> list[Photos]:
    """Films of `FRAMES` frames made of every eighth photo: a shaking camera, a shaking hand."""
    random = np.random.default_rng(0)
    films = []
    for path, header, boxes in islice(photos(data, paths), 0, None, 8):
        pixels = decode(path, header).pixels
        films.append(Photos.seen(frame_of_film(pixels, boxes, random) for _ in range(FRAMES)))
    return films


def frame_of_film(
    pixels: NDArray[np.uint8], boxes: Floats, random: np.random.Generator
) -> tuple[ContrastFeatures, Floats]:
    """A window on the image, brighter or darker, with noise; its boxes drawn afresh."""
    height, width = pixels.shape[:2]
    scale = min(1.0, LONG_SIDE / max(width, height))
    share = 1.0 - 0.06 * random.random()
    x, y = (1.0 - share) * random.random(2)
    left, top, wide, high = round(x * width), round(y * height), round(share * width), round(share * height)
    small = Size(max(1, round(wide * scale)), max(1, round(high * scale)))
    plan = Plan(Size(width, height)).then(Place(Size(wide, high), -left, -top), Resample(small))
    window = execute(plan, pixels, kernel="linear", pad=0) * random.uniform(0.9, 1.1)
    noisy = np.clip(window + random.normal(0.0, 3.0, window.shape), 0, 255).astype(np.uint8)
    moved = (boxes * np.tile((width, height), 2) - (left, top, left, top)) / np.tile((wide, high), 2)
    return contrast_features_of(noisy), moved + random.normal(0.0, 0.006, moved.shape)


# --- fitting -----------------------------------------------------------------------------------------------------


def cooled(sets: Sets) -> Floats:
    """The weights (5,) fitted on all of `sets`, divided by the temperature."""
    return np.asarray(fitted(sets) / temperature(sets))


def fitted(sets: Sets) -> Floats:
    """The weights (5,) under which the true reading of each photo is most likely against each of its seven turns.

    Logistic regression on differences, so without a constant; a dataset counts as the root of its number of photos.
    """
    steps = np.concatenate([differences(group).reshape(-1, len(MEASURES)) for group in sets.values()])
    share = np.concatenate([np.full(7 * len(each), 1.0 / (7.0 * np.sqrt(len(each)))) for each in sets.values()])
    spread = np.sqrt((share[:, None] * steps**2).sum(axis=0) / share.sum())
    scaled = steps / spread

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = scaled @ weights
        slope = scaled.T @ (-share / (1.0 + np.exp(odds))) + 2.0 * DAMPING * weights
        return float((share * np.logaddexp(0.0, -odds)).sum() + DAMPING * weights @ weights), slope

    best = minimize(loss, np.zeros(len(MEASURES)), jac=True, method="L-BFGS-B", options={"ftol": 1e-12})
    return np.asarray(best.x / spread)


def temperature(sets: Sets) -> float:
    """What the log-odds must be divided by to be true on that of `sets` which needs it most, judged by the others."""
    return max(1.0, *(_temperature(group, fitted(without(sets, name))) for name, group in sets.items()))


def _temperature(group: Photos, weights: Floats) -> float:
    odds = differences(group) @ weights
    best = minimize_scalar(lambda heat: np.logaddexp(0.0, -odds / heat).mean(), bounds=(0.2, 5.0), method="bounded")
    return float(best.x)


def differences(group: Photos) -> Floats:
    """The measures of the true reading less those of the others (P, 7, 5)."""
    return group.measures[:, :1] - group.measures[:, 1:]


def written(weights: Floats) -> str:
    """The weights as Python has them."""
    return f"({', '.join(f'{weight:.2f}' for weight in weights)})"


# --- judging -----------------------------------------------------------------------------------------------------


def planted(group: Photos, code: int, frame: Frame) -> tuple[Floats, Floats]:
    """The measures (P, 5) of the stored and of the displayed reading, the labels drawn in `frame`."""
    turn = TURNS[code - 1]
    true = group.measures[:, 0]
    if frame is Frame.STORED:
        return true, group.measures[:, TURNS.index(~turn)]
    return group.measures[:, TURNS.index(turn)], true


def draws(count: int, size: int) -> Iterator[NDArray[np.int64]]:
    """Random groups, the same each time; at most half of a dataset goes into one."""
    random = np.random.default_rng(0)
    for _ in range(DRAWS):
        yield random.choice(count, min(size, max(1, count // 2)), replace=False)


def verdict(group: Photos, weights: Floats, code: int, frame: Frame) -> Frame | None:
    """What is said of one group whose labels were drawn in `frame`."""
    return frame_of(*planted(group, code, frame), vote_weights(group.thumbnails), weights)


def verdicts(group: Photos, weights: Floats, code: int, frame: Frame, size: int) -> tuple[int, int, int]:
    """Of `DRAWS` groups of `size`: told right, not told, told wrong."""
    said = [verdict(group[rows], weights, code, frame) for rows in draws(len(group), size)]
    right, silent = sum(told is frame for told in said), sum(told is None for told in said)
    return right, silent, DRAWS - right - silent


def forced(group: Photos, weights: Floats, code: int, frame: Frame) -> float:
    """The share of single photos whose log-odds point to the frame, however little."""
    stored, displayed = planted(group, code, frame)
    odds = log_odds(stored, displayed, weights) * (1.0 if frame is Frame.STORED else -1.0)
    return float((odds > 0).mean() + 0.5 * (odds == 0).mean())


def turn_table(sets: Sets, judges: Judges) -> str:
    """By dataset, orientation and planted frame: single photos, and groups."""
    told = f"{GROUP} photos: stored, right / cannot tell / wrong"
    rows = [f"| dataset | EXIF | single: stored | displayed | {told} | displayed |", "|---|---|---|---|---|---|"]
    for name, group in sets.items():
        for code in range(2, 9):
            single = [f"{forced(group, judges[name], code, frame):.2f}" for frame in Frame]
            groups = [" / ".join(map(str, verdicts(group, judges[name], code, frame, GROUP))) for frame in Frame]
            rows.append(f"| {name} | {code} | {' | '.join(single)} | {' | '.join(groups)} |")
        mean = np.mean([forced(group, judges[name], code, frame) for code in range(2, 9) for frame in Frame])
        rows.append(f"| **{name}** | all | **{mean:.2f}** | | | |")
    return "\n".join(rows) + "\n"


def size_table(sets: Sets, judges: Judges) -> str:
    """By dataset and size of group: the mean over orientations and frames, and the worst of them."""
    rows = [
        "| dataset | photos | right | cannot tell | wrong | worst: cannot tell | worst: wrong |",
        "|---|" * 1 + "---|" * 6,
    ]
    for name, group in sets.items():
        for size in (1, 2, 3, 5, 10, 20):
            told = np.array(
                [verdicts(group, judges[name], code, frame, size) for code in range(2, 9) for frame in Frame]
            )
            right, silent, wrong = told.mean(axis=0)
            rows.append(
                f"| {name} | {min(size, max(1, len(group) // 2))} | {right:.0f} | {silent:.0f} | {wrong:.1f} "
                f"| {told[:, 1].max()} | {told[:, 2].max()} |"
            )
    return "\n".join(rows) + "\n"


def alarm_table(sets: Sets, judges: Judges) -> str:
    """By dataset: how often labels that are right look turned, and what is said of those that are."""
    rows = [
        "| dataset | right labels called turned | turned: set right | missed | another turn named |",
        "|---|---|---|---|---|",
    ]
    for name, group in sets.items():
        quiet, _, _ = _alarms(group, judges[name], 1, lambda _: None)
        totals = np.zeros(3)
        for code in range(2, 9):
            totals += _alarms(group, judges[name], code, lambda code: TURNS.index(~TURNS[code - 1]))
        found, missed, other = totals / 7
        rows.append(f"| {name} | {DRAWS - quiet} | {found:.0f} | {missed:.0f} | {other:.1f} |")
    return "\n".join(rows) + "\n"


def film_table(films: dict[str, list[Photos]], judges: Judges) -> str:
    """By dataset: what is said of `FRAMES` frames of one film, which are hardly more than one photo."""
    rows = [f"| dataset | films of {FRAMES} frames | right | cannot tell | wrong |", "|---|---|---|---|---|"]
    for name, augmented in films.items():
        planes = [(code, frame) for code in range(2, 9) for frame in Frame]
        said = [(frame, verdict(film, judges[name], code, frame)) for film in augmented for code, frame in planes]
        right, silent = sum(frame is told for frame, told in said), sum(told is None for _, told in said)
        rows.append(
            f"| {name} | {len(augmented)} | {right / len(said):.1%} | {silent / len(said):.1%} "
            f"| {(len(said) - right - silent) / len(said):.1%} |"
        )
    return "\n".join(rows) + "\n"


# --- taught by the dataset itself --------------------------------------------------------------------------------


def described(data: Path, paths: tuple[str, ...]) -> list[Photo]:
    """Every photo as a calibration takes it, its labels turned by each of `TURNS`."""
    found = []
    for path, header, boxes in photos(data, paths):
        pixels = read_small(path, header)
        features, readings = contrast_features_of(pixels), turned(boxes)
        described = appearance_of(pixels, features, readings)
        found.append(Photo(contrast(features, readings), features.thumbnail, described))
    return found


def parts(group: list[Photo]) -> NDArray[np.int64]:
    """The part of each photo, at random; photos that are similar, or similar to similar ones, are in one."""
    alike = similar(np.array([photo.thumbnail for photo in group])) | np.eye(len(group), dtype=np.bool_)
    labels = np.arange(len(group))
    while (least := np.where(alike, labels, len(group)).min(axis=1)).tolist() != labels.tolist():
        labels = least
    _, index = np.unique(labels, return_inverse=True)
    return np.asarray(np.random.default_rng(0).permutation(index.max() + 1)[index] % FOLDS)


CASES = ("displayed", "stored, lying")


def as_read(photo: Photo, code: int, case: str) -> tuple[Photo, float]:
    """`photo`, displayed upright, with the right reading and the wrong one, in this order, if its orientation is `code`
    and its labels were drawn as `case` says; the harm of the wrong one.

    Labels on an image that is stored upright, under a stale tag, are the first case with the two planes exchanged.
    """
    turn = TURNS[code - 1]
    rows = [0, TURNS.index(turn if case == "displayed" else ~turn)]
    look = photo.appearance
    patterns = turned_pattern(look.patterns[rows], ~turn)
    read = type(look)(look.products, look.along[rows], look.shares[rows], patterns, look.harm[rows])
    return Photo(photo.measures[rows], photo.thumbnail, read), float(look.harm[rows[1]])


def taught_odds(group: list[Photo], weights: Floats) -> tuple[Floats, Floats, Floats, int, float]:
    """The log-odds (P, 2, 7) of the right reading by what the other parts teach, those by `weights` alone, the harm of
    the wrong one; how many parts were taught, and the seconds that one took, without measuring.

    As in the program, what teaches nothing better leaves a part to the weights.
    """
    part, seconds, taught = parts(group), 0.0, 0
    odds, usual, harm = (np.zeros((len(group), len(CASES), 7)) for _ in range(3))
    for fold in range(FOLDS):
        start = time.process_time()
        calibration = calibration_of([photo for photo, own in zip(group, part, strict=True) if own != fold])
        seconds += time.process_time() - start
        taught += calibration is not None
        for row in np.flatnonzero(part == fold).tolist():
            for case, code in np.ndindex(len(CASES), 7):
                read, harm[row, case, code] = as_read(group[row], code + 2, CASES[case])
                usual[row, case, code] = log_odds(read.measures[:1], read.measures[1:], weights)[0]
                odds[row, case, code] = judged(calibration, read, TURNS[code + 1], usual[row, case, code])
    return odds, usual, harm, taught, seconds / FOLDS


def judged(calibration: Calibration | None, read: Photo, turn: Dihedral, usual: float) -> float:
    """The log-odds of the right reading."""
    return float(calibration.log_odds([read], turn)[0]) if calibration else usual


def taught_table(data: Path, names: list[str], judges: Judges) -> str:
    """By dataset and case, before and after: single photos, weighed by harm and where the readings overlap by less than
    half, and groups of `FEW`: the mean over orientations, and the most that one of them was told wrong.
    """
    rows = [
        "| dataset | parts taught | CPU s: photos, fit | labels | by harm: before | after "
        f"| overlap < 0.5: before | after | {FEW} photos, right / cannot tell / most wrong: before | after |",
        "|---|" * 1 + "---|" * 9,
    ]
    for name in names:
        start = time.process_time()
        group = described(data, SETS[name])
        measuring = time.process_time() - start
        odds, usual, harm, taught, seconds = taught_odds(group, judges[name])
        alike = similar(np.array([photo.thumbnail for photo in group]))
        for case, labels in enumerate(CASES):
            pair = (usual[:, case], odds[:, case])
            weighed = [f"{np.average(one > 0, weights=harm[:, case]):.3f}" for one in pair]
            apart = [f"{(one > 0)[harm[:, case] > 0.5].mean():.3f}" for one in pair]
            told = [few_told(one, alike) for one in pair]
            cells = (name, f"{taught} of {FOLDS}", f"{measuring:.1f}, {seconds:.1f}", labels, *weighed, *apart, *told)
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def few_told(odds: Floats, alike: NDArray[np.bool_]) -> str:
    """Of `DRAWS` groups of `FEW` photos with the log-odds (P, 7): told right and not told, on the mean; most wrong."""
    rows = np.array(list(draws(len(odds), FEW)))
    votes = 1.0 / np.maximum(alike[rows[:, :, None], rows[:, None]].sum(axis=2), 1)
    total = np.einsum("dg,dgt->dt", votes, clipped(odds)[rows])
    right, wrong = (total >= needed_log_odds(1)).sum(axis=0), (total <= -needed_log_odds(1)).sum(axis=0)
    return f"{right.mean():.0f} / {DRAWS - (right + wrong).mean():.0f} / {wrong.max()}"


def whole_pixel_table(data: Path) -> str:
    """By dataset: what the whole pixels of single images say where their boxes stand in YOLO files of 6 digits."""
    rows = ["| dataset | images | right | silent | wrong |", "|---|---|---|---|---|"]
    for name, paths in SETS.items():
        said = [
            (frame, whole_pixel_frame(as_yolo(boxes, header, code, frame)))
            for _, header, boxes in photos(data, paths)
            if header.size.width != header.size.height
            for code in range(5, 9)
            for frame in Frame
        ]
        right, silent = sum(frame is told for frame, told in said), sum(told is None for _, told in said)
        shares = " | ".join(f"{count / len(said):.1%}" for count in (right, silent, len(said) - right - silent))
        rows.append(f"| {name} | {len(said) // 8} | {shares} |")
    return "\n".join(rows) + "\n"


def as_yolo(boxes: Floats, header: Header, code: int, frame: Frame) -> Sample:
    """The boxes, fractions of the plane `frame`, as they come back from a file; the stored image is such that the
    plane has the size of the photo."""
    size = header.size if frame is Frame.STORED else header.size.transposed
    photo = Header(size, code)
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2.0, boxes[:, 2:] - boxes[:, :2]
    centres, sizes = np.round(centres, 6), np.round(sizes, 6)
    read = np.concatenate((centres - sizes / 2.0, centres + sizes / 2.0), axis=1) * np.tile(photo.displayed, 2)
    return Sample(PurePosixPath("photo"), Path("photo"), photo, Instances.of(read), fractional=True)


def _alarms(group: Photos, weights: Floats, code: int, cure: Callable[[int], int | None]) -> tuple[int, int, int]:
    """Of groups whose labels were turned by `code`: the cure named, none named, another named."""
    order = [TURNS.index(after @ TURNS[code - 1]) for after in TURNS]
    wrong = Photos(group.measures[:, order], group.thumbnails)
    wanted = cure(code)
    said = [
        turn_of(some.measures, vote_weights(some.thumbnails), weights)
        for some in (wrong[rows] for rows in draws(len(wrong), GROUP))
    ]
    named = [TURNS.index(turn) if turn else None for turn in said]
    right, silent = sum(turn == wanted for turn in named), sum(turn is None for turn in named)
    return (right, 0, DRAWS - right) if wanted is None else (right, silent, DRAWS - right - silent)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
