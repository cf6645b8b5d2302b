"""Recipes out of plain data and out of files, each error with the place it stands at.

Plain data (a record's ``recipe``, a file of YAML) becomes a tree of `LocatedData`: what stands where. What a value may
be is for the step to say that takes it; here is only how steps and options are written:

    preprocess:                     # or steps:, for every split
      - upright
      - letterbox: {size: 640, pad: 114}
      - grayscale
    augment:                        # for training pictures
      copies: 3
      plain: true                   # the first copy has no augmentation
      steps:
        - flip: {axis: horizontal, p: 0.5, keep: [traffic sign]}
        - rotate: [-15, 15]         # the first option of a step needs no name
    seed: 7
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.io.paths import read_bytes
from bboxprep.recipe.catalog import KNOWN, STEPS, UPRIGHT, lookup
from bboxprep.recipe.cli_values import parse_size
from bboxprep.recipe.geometric import Crop, RecipeStep, Resize
from bboxprep.recipe.located_data import LocatedData, WrongPlace, bare, located
from bboxprep.recipe.recipe import Augment, Recipe
from bboxprep.recipe.values import OneOf, OptionError
from bboxprep.spelling import suggestion

_KEYS = ("upright", "steps", "preprocess", "augment", "pad", "kernel", "seed")
_AUGMENT_KEYS = ("copies", "plain", "steps")
_MOST_BYTES = 1 << 30  # of a record, which lists its findings too


def recipe_of(options: Any, name: str = "recipe") -> Recipe:
    """The recipe of which `options` are the plain data; ``recipe_of(recipe.options()) == recipe``.

    Raises `UsageError` with the place in `options`, and `name` before it.
    """
    try:
        return _recipe(located(options))
    except WrongPlace as error:
        raise UsageError(f"{name}: {error}") from error


def read_recipe(path: Path) -> Recipe:
    """The recipe in the YAML file at `path`, or in the record of a run (``bboxprep.json``), which repeats that run.

    Raises `UsageError` with the file and the line.
    """
    from bboxprep.recipe.text_yaml import parse_yaml  # PyYAML takes a while to load

    data = _read(path)
    try:
        if path.suffix.casefold() == ".json":
            return _recipe(located(_recorded(data)), path.parent)
        return _recipe(parse_yaml(data), path.parent)
    except WrongPlace as error:
        raise UsageError(f"{path}: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return read_bytes(path, _MOST_BYTES)
    except AnnotationError as error:
        raise UsageError(str(error)) from error


def _recorded(data: bytes) -> Any:
    """The recipe in a record, or all of a file that is one."""
    try:
        if data.lstrip()[:1] == b"{":
            recipe = msgspec.json.decode(data, type=_Record).recipe
            return msgspec.json.decode(data) if recipe is UNSET else recipe
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WrongPlace("", f"not JSON that can be read here ({error})") from error


class _Record(msgspec.Struct):
    """The recipe of a run's record, which is `pipeline.output.run_record.RunRecord`; its other fields are skipped."""

    recipe: Any = UNSET


@dataclass
class _Margins:
    """The one pad of a recipe, wherever in it that is said."""

    said: dict[str, Any] = field(default_factory=dict)

    def say(self, pad: Any, where: str) -> None:
        pad = tuple(pad) if isinstance(pad, list) else pad
        if self.said.setdefault("pad", pad) != pad:
            raise WrongPlace(where, f"pad: have {pad!r} beside {self.said['pad']!r}, want one pad in a recipe")


def _recipe(found: LocatedData, folder: Path | None = None) -> Recipe:
    if isinstance(found.value, list):
        found = LocatedData({"steps": found}, found.where)
    said = _keys(found, _KEYS, "a map with preprocess, augment and seed, or steps")
    if "steps" in said and "preprocess" in said:
        raise WrongPlace(said["steps"].where, "have steps beside preprocess, want one of them")
    margins = _Margins()
    if "pad" in said:
        margins.say(bare(said["pad"]), said["pad"].where)
    first = said.get("steps") or said.get("preprocess") or LocatedData([], found.where)
    upright, first = _upright(first, said.get("upright"))
    steps = _steps(first, margins, folder)
    augment = _augment(said["augment"], margins, folder) if "augment" in said else None
    options = {key: bare(said[key]) for key in ("kernel", "seed") if key in said}
    try:
        return Recipe(*steps, upright=upright, augment=augment, **margins.said, **options)
    except (UsageError, TypeError) as error:
        raise WrongPlace(_blamed(error, said, found), str(error)) from error


def _blamed(error: Exception, said: Mapping[str, LocatedData], found: LocatedData) -> str:
    """The place of the part that an error is about, by the first word of its message."""
    part = str(error).partition(":")[0]
    listed = [said[key] for key in ("steps", "preprocess", "augment") if key in said]
    return next((each.where for each in (*_flat(listed), *_named(said)) if each.name == part), found.where)


def _flat(listed: Sequence[LocatedData]) -> list[LocatedData]:
    """All steps of all sections."""
    sections = [each.value.get("steps", each) if isinstance(each.value, dict) else each for each in listed]
    items = [item for section in sections if isinstance(section.value, list) for item in section.value]
    return [LocatedData(None, item.where, _name_of(item)) for item in items]


def _named(said: Mapping[str, LocatedData]) -> list[LocatedData]:
    return [LocatedData(None, each.where, key) for key, each in said.items()]


def _name_of(item: LocatedData) -> str:
    name = next(iter(item.value), "") if isinstance(item.value, dict) else str(item.value)
    known = lookup(name)
    return known[0] if known else name


def _upright(steps: LocatedData, switch: LocatedData | None) -> tuple[bool, LocatedData]:
    """Whether pictures are turned upright, and the steps without the word for it, which can only stand first."""
    listed = steps.value if isinstance(steps.value, list) else []
    places = [place for place, item in enumerate(listed) if _name_of(item) == UPRIGHT]
    if switch is not None and type(switch.value) is not bool:
        raise WrongPlace(switch.where, f"upright: have {bare(switch)!r}, want true or false")
    if not places:
        return switch is None or bool(switch.value), steps
    if places != [0]:
        raise WrongPlace(
            listed[places[-1]].where, "upright: have it after other steps, want it first: they see the turn"
        )
    said = listed[0].value
    wish = bare(next(iter(said.values()))) if isinstance(said, dict) else True
    if wish not in (True, None, {}, "Applied") or (switch is not None and switch.value is not True):
        raise WrongPlace(listed[0].where, "upright: have it as a step and switched off, want one of them")
    return True, LocatedData(listed[1:], steps.where)


def _augment(found: LocatedData, margins: _Margins, folder: Path | None) -> Augment:
    if isinstance(found.value, list):
        found = LocatedData({"steps": found}, found.where)
    said = _keys(found, _AUGMENT_KEYS, "a map with copies and steps, or a list of steps")
    steps = _steps(said["steps"], margins, folder) if "steps" in said else []
    try:
        return Augment(*steps, **{key: bare(said[key]) for key in ("copies", "plain") if key in said})
    except UsageError as error:
        part = str(error).split(": ")[1]
        raise WrongPlace(said.get(part, found).where, str(error)) from error


def _steps(found: LocatedData, margins: _Margins, folder: Path | None) -> list[RecipeStep]:
    if not isinstance(found.value, list):
        raise WrongPlace(found.where, f"have {bare(found)!r}, want a list of steps")
    return [_step(item, margins, folder) for item in found.value]


def _step(item: LocatedData, margins: _Margins, folder: Path | None) -> RecipeStep:
    """The step that is written as its name, or as one name with its options."""
    name, given = item.value, LocatedData({}, item.where)
    if isinstance(name, dict) and len(name) == 1:
        name, given = next(iter(name.items()))
    if not isinstance(name, str):
        raise WrongPlace(item.where, f"have {bare(item)!r}, want a step, as in flip or flip: {{p: 0.5}}")
    known = lookup(name)
    if known is None or known[0] not in STEPS:
        raise WrongPlace(item.where, f"have a step {name!r}, which is none{suggestion(name, KNOWN)}")
    step, implied = STEPS[known[0]], dict(known[1])
    said = _options(step, given)
    if step is Resize and (other := _resize_as(said)):
        way, rest = other
        return _step(LocatedData({way: LocatedData(rest, given.where)}, item.where), margins, folder)
    for pad, where in _pads(step, implied, said):
        margins.say(pad, where)
    return _built(step, said, given, folder)


def _resize_as(said: dict[str, LocatedData]) -> tuple[str, dict[str, LocatedData]] | None:
    """The way of resizing that services name in a `format`, or before the size (``Fit within 640x640``), and the other
    options.
    """
    if "format" in said:
        return str(bare(said["format"])), {name: found for name, found in said.items() if name != "format"}
    size = said.get("size", LocatedData(None, ""))
    words = re.fullmatch(r"(.*\S)\s+([0-9]+(?:[xX×][0-9]+)?)", size.value) if isinstance(size.value, str) else None
    return (words[1], said | {"size": LocatedData(words[2], size.where)}) if words and lookup(words[1]) else None


def _pads(step: type[RecipeStep], implied: Mapping[str, Any], said: dict[str, LocatedData]) -> list[tuple[Any, str]]:
    """The pads that a step says, which are the recipe's."""
    where = next(iter(said.values())).where if said else ""
    pads = [(implied["pad"], where)] if "pad" in implied else []
    if step.pads and "pad" in said:
        found = said.pop("pad")
        pads.append((bare(found), found.where))
    return pads


def _options(step: type[RecipeStep], given: LocatedData) -> dict[str, LocatedData]:
    """The options of a step by their names, however they are written: a map, or what stands for the first option."""
    value = given.value
    if isinstance(value, dict) and set(value) != {"one_of"}:
        said = dict(value)
        if {"width", "height"} <= set(said) and "size" in _names(step):
            width, height = said.pop("width"), said.pop("height")
            said["size"] = LocatedData([width, height], width.where)
        return said
    if value is None or (value is True and not step.amounts):
        return {}
    if step is Crop and isinstance(value, list):
        return dict(zip(_names(step), value, strict=False)) if len(value) == 4 else {"x": given}
    return {_names(step)[0]: given}


def _names(step: type[RecipeStep]) -> list[str]:
    """The options of a step, its chance last."""
    return sorted((each.name for each in fields(step)), key=lambda name: name == "p")


def _built(step: type[RecipeStep], said: dict[str, LocatedData], given: LocatedData, folder: Path | None) -> RecipeStep:
    names = _names(step)
    if step.name == "albumentations" and "file" in said:
        said["pipeline"] = _pipeline(said.pop("file"), folder)
    if unknown := [name for name in said if name not in names]:
        where = said[unknown[0]].where
        raise WrongPlace(where, f"{step.name}: have {unknown[0]!r}, which it has not{suggestion(unknown[0], names)}")
    try:
        return step(**{name: _value(found, step, name) for name, found in said.items()})
    except OptionError as error:
        raise WrongPlace(said.get(error.option, given).where, str(error)) from error
    except TypeError as error:
        missing = [name for name in names if name not in said]
        raise WrongPlace(given.where, f"{step.name}: want {' and '.join(missing[:1])} too") from error


def _pipeline(found: LocatedData, folder: Path | None) -> LocatedData:
    """What stands in the file of a pipeline, which is looked for beside the recipe."""
    from bboxprep.recipe.text_yaml import parse_yaml

    if not isinstance(found.value, str) or folder is None:
        raise WrongPlace(found.where, f"albumentations: file: have {bare(found)!r}, want a path beside a recipe file")
    try:
        said = parse_yaml(_read(folder / found.value))
    except (UsageError, WrongPlace) as error:
        raise WrongPlace(found.where, f"albumentations: {found.value}: {error}") from error
    return LocatedData(bare(said), found.where)


def _value(found: LocatedData, step: type[RecipeStep], option: str) -> Any:
    """The value of an `option` as `step` takes it; a size may be written as on the command line."""
    value = bare(found)
    if option == "size" and isinstance(value, str) and option not in step.amounts:
        try:
            return parse_size(value)
        except UsageError as error:
            raise WrongPlace(found.where, f"{step.name}: {error}") from error
    if isinstance(value, dict) and set(value) == {"one_of"}:
        each = value["one_of"]
        return OneOf(tuple(each)) if isinstance(each, list) else OneOf((each,))
    return _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _keys(found: LocatedData, known: Sequence[str], wanted: str) -> dict[str, LocatedData]:
    """The map that `found` is, whose keys are all `known`."""
    if not isinstance(found.value, dict):
        raise WrongPlace(found.where, f"have {bare(found)!r}, want {wanted}")
    for key, value in found.value.items():
        if key not in known:
            raise WrongPlace(value.where, f"have {key!r}, which is no part of a recipe{suggestion(key, known)}")
    return dict(found.value)
