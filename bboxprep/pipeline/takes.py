"""A recipe that makes several pictures of one, and none of them by rote: copies, tiles, mosaics, chance.

The dataset is made longer first: one sample for each picture that will be written, all with the objects of their
image. What each goes through is settled when it is its turn (`Director`): its draw is keyed by what it is a copy of, so
neither order nor workers have a part in it, and what was drawn stands in the record of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from bboxprep.errors import PlanError
from bboxprep.findings import Finding
from bboxprep.geometry.shapes import map_boxes
from bboxprep.model.dataset import Dataset, LazySamples
from bboxprep.model.sample import Sample
from bboxprep.model.take import Take
from bboxprep.pipeline.mosaic import assembled
from bboxprep.pipeline.reading import Glimpse, Source
from bboxprep.recipe.recipe import TRAIN, Drawn, Recipe, Sight


def with_takes(source: Source, recipe: Recipe) -> Source:
    """`source` with a sample for each picture that `recipe` makes of its images; as it is where that is one of each."""
    takes = [take for row, glimpse in enumerate(source.glimpses) for take in _takes(row, glimpse, recipe)]
    if recipe.is_fixed and len(takes) == len(source.glimpses):
        return source
    taken = _Taken(source.dataset, tuple(take for _, take in takes))
    rows = list(enumerate(row for row, _ in takes))
    dataset = replace(
        source.dataset,
        samples=LazySamples(rows, taken),
        outlines=LazySamples(rows, taken.outline),
    )
    glimpses = tuple(
        replace(source.glimpses[row], key=(source.glimpses[row].key[0], _named(source.glimpses[row].key[1], take)))
        for row, take in takes
    )
    return replace(source, dataset=dataset, glimpses=glimpses)


def _takes(row: int, glimpse: Glimpse, recipe: Recipe) -> Iterator[tuple[int, Take]]:
    split, key = glimpse.key[0], "/".join(glimpse.key)
    header = glimpse.header
    try:
        tiles = [tile for tile, _ in recipe.tiles(header.size, header.turn)] if header else [""]
    except PlanError:  # told when the picture is planned
        tiles = [""]
    for copy in range(recipe.copies(split) if header else 1):
        for tile in tiles:
            yield row, Take(key, copy, tile)


@dataclass(frozen=True)
class _Taken:
    """The samples of a dataset, once for each take."""

    dataset: Dataset
    takes: tuple[Take, ...]

    def __call__(self, place: tuple[int, int]) -> Sample:
        number, row = place
        return _as_taken(self.dataset[row], self.takes[number])

    def outline(self, place: tuple[int, int]) -> Sample:
        number, row = place
        return _as_taken(self.dataset.outline(row), self.takes[number])


def _as_taken(sample: Sample, take: Take) -> Sample:
    if not take.name:
        return sample.having(take=take)
    return sample.having(take=take, name=PurePosixPath(_named(str(sample.name), take)), id=0)


def _named(name: str, take: Take) -> str:
    path = PurePosixPath(name)
    return str(path.with_stem(path.stem + take.name)) if take.name else name


@dataclass(frozen=True)
class Shot:
    """A sample through its recipe, and the samples of the source that are in it: itself first."""

    sample: Sample
    sources: tuple[Sample, ...]


@dataclass(frozen=True)
class Director:
    """Takes each sample of `dataset` through `recipe` as it is drawn for it; `training` are the rows of the images that
    a mosaic may hold.
    """

    recipe: Recipe
    dataset: Dataset
    training: Sequence[int] = ()

    @classmethod
    def of(cls, recipe: Recipe, source: Source) -> Director:
        """The one for the samples of `source`."""
        rows = [row for row, one in enumerate(source.glimpses) if one.key[0] == TRAIN and one.header is not None]
        return cls(recipe, source.dataset, tuple(rows))

    def __call__(self, sample: Sample) -> Shot:
        """`sample` in the outcome of what is drawn for it."""
        if sample.header is None or sample.refusal:
            return Shot(sample.transform(self.recipe.without_augment), (sample,))
        try:
            drawn = self._drawn(sample)
        except PlanError as error:
            finding = Finding("crop-outside", str(error), path=str(sample.name), split=sample.split)
            lost = sample.having(refusal=finding.code, findings=(*sample.findings, finding))
            return Shot(lost, (sample,))
        if drawn.kept:
            note = Finding("flip-kept", "not flipped, for what it shows", path=str(sample.name), split=sample.split)
            sample = sample.having(findings=(*sample.findings, note))
        if sample.take:
            sample = sample.having(take=replace(sample.take, recipe=drawn.recipe.options()))
        mosaic = drawn.recipe.mosaic()
        if mosaic is None:
            return Shot(sample.transform(drawn.recipe), (sample,))
        picks, recipes = mosaic
        others = tuple(self._other(sample, pick) for pick in picks)
        sources = (sample, *others)
        parts = [one.transform(recipe) for one, recipe in zip(sources, recipes, strict=True)]
        if parts[0].refusal:
            return Shot(parts[0], (sample,))
        usable = [place for place, part in enumerate(parts) if not part.refusal]
        return Shot(assembled([parts[place] for place in usable]), tuple(sources[place] for place in usable))

    def _drawn(self, sample: Sample) -> Drawn:
        header, take = sample.header, sample.take or Take(f"{sample.split}/{sample.name}")
        if (self.recipe.is_fixed and not take.tile) or header is None:
            return Drawn(self.recipe)
        recipe = dict(self.recipe.tiles(header.size, header.turn))[take.tile]
        names = frozenset(self.dataset.categories.names[label] for label in sample.instances.labels.tolist())
        sight = Sight(header.size, header.turn, map_boxes(sample.to_stored, sample.instances.boxes), names)
        key = f"{take.key}#{take.tile}" if take.tile else take.key
        return recipe.drawn(key, take.copy, sight, split=sample.split)

    def _other(self, sample: Sample, pick: float) -> Sample:
        """The image that a number of 0 to 1 picks; the next that can be used, and in the end `sample` itself."""
        first = int(pick * len(self.training))
        for step in range(min(len(self.training), 16)):
            other = self.dataset[self.training[(first + step) % len(self.training)]]
            if other.header and not other.refusal:
                return other
        return sample
