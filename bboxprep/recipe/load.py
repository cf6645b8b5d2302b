"""Loads recipes from plain data and files; errors name the place in the file.

Plain data (the ``recipe`` of a run record, a YAML file) becomes a tree of `LocatedData`, which has the place of each
part. Each step checks its own options; this module defines how steps and options are written:

    preprocess:                     # or steps:, for every split
      - upright
      - letterbox: {size: 640, pad: 114}
    augment:                        # for training images
      copies: 3                     # or by class: {"*": 1, bicycle: 4}
      balance: 0.1                  # more copies of images with classes that fewer of them show
      steps:
        - flip: {axis: horizontal, p: 0.5, keep: [traffic sign]}
        - rotate: [-15, 15]         # the first option of a step needs no name
    seed: 7
    filters:                        # what the output leaves out
      min_size: {"*": 8, person: 2%}
    classes: {rename: {Car: car}, drop: [dontcare]}

The settings of a version of a hosted service are understood too (`hosted`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.io.paths import read_bytes
from bboxprep.model.balance import Balance
from bboxprep.model.filters import Filters
from bboxprep.recipe import hosted, plugins
from bboxprep.recipe.augment import Augment, copies_options
from bboxprep.recipe.catalog import ELSEWHERE, INSIDE, KNOWN, STEPS, UPRIGHT, lookup, normal
from bboxprep.recipe.class_rules import class_policy_of
from bboxprep.recipe.cli_values import parse_amount, parse_size, parse_step
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import RecipeStep, Resize
from bboxprep.recipe.located_data import LocatedData, WrongPlace, located, parsed_text, plain_data
from bboxprep.recipe.recipe import Recipe, Upright
from bboxprep.recipe.values import OneOf, tuples
from bboxprep.spelling import suggestion

KEYS = ("upright", "steps", "preprocess", "augment", "pad", "kernel", "seed", "filters", "classes")
AUGMENT_KEYS = ("copies", "plain", "balance", "steps")
_MOST_BYTES = 1 << 30  # of a run record, which has all findings too


def recipe_of(options: Any, name: str = "recipe") -> Recipe:
    """The recipe that `options` state as plain data: ``recipe_of(recipe.options()) == recipe``.

    Raises `UsageError` with `name` and the place in `options`.
    """
    try:
        return _recipe(located(options))
    except WrongPlace as error:
        raise UsageError(f"{name}: {error}") from error


def read_recipe(path: Path) -> Recipe:
    """The recipe in the YAML file at `path`, or in a run record (``bboxprep.json``).

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
    """The recipe of a run record, or of a JSON file that is a recipe."""
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
class _Pad:
    """The pad of a recipe, which may be stated in several places."""

    values: dict[str, Any] = field(default_factory=dict)

    def set(self, pad: Any, where: str) -> None:
        pad = tuple(pad) if isinstance(pad, list) else pad
        if self.values.setdefault("pad", pad) != pad:
            raise WrongPlace(where, f"pad: have {pad!r} beside {self.values['pad']!r}, want one pad in a recipe")


def _recipe(found: LocatedData, folder: Path | None = None) -> Recipe:
    if isinstance(found.value, list):
        found = LocatedData({"steps": found}, found.where)
    found = hosted.plain_recipe(found) if hosted.is_hosted(found) else found
    entries = _keys(found, KEYS, "a map with preprocess, augment and seed, or steps")
    if "steps" in entries and "preprocess" in entries:
        raise WrongPlace(entries["steps"].where, "have steps beside preprocess, want one of them")
    pad_option = _Pad()
    if "pad" in entries:
        pad_option.set(plain_data(entries["pad"]), entries["pad"].where)
    first = entries.get("steps") or entries.get("preprocess") or LocatedData([], found.where)
    upright, first = _upright(first, entries.get("upright"))
    steps = _steps(first, pad_option, folder)
    augment = _augment(entries["augment"], pad_option, folder) if "augment" in entries else None
    options: dict[str, Any] = {key: plain_data(entries[key]) for key in ("kernel", "seed") if key in entries}
    if "filters" in entries:
        options["filters"] = _part(entries["filters"], Filters.of)
    if "classes" in entries:
        options["classes"] = _part(entries["classes"], class_policy_of)
    try:
        return Recipe(*steps, upright=upright, augment=augment, **pad_option.values, **options)
    except (UsageError, TypeError) as error:
        raise WrongPlace(_place_of(error, entries, found), str(error)) from error


def _part(found: LocatedData, make: Callable[[object], Any]) -> Any:
    """What `make` makes of a part of a recipe that checks itself."""
    try:
        return make(plain_data(found))
    except UsageError as error:
        entries = found.value if isinstance(found.value, dict) else {}
        named = entries.get(str(error).partition(":")[0], found)
        raise WrongPlace(named.where, str(error)) from error


def _place_of(error: Exception, entries: Mapping[str, LocatedData], found: LocatedData) -> str:
    """The place of the part that `error` is about, found by the first word of its message."""
    part = str(error).partition(":")[0]
    listed = [entries[key] for key in ("steps", "preprocess", "augment") if key in entries]
    named = [LocatedData(None, each.where, key) for key, each in entries.items()]
    return next((each.where for each in (*_all_steps(listed), *named) if each.name == part), found.where)


def _all_steps(listed: Sequence[LocatedData]) -> list[LocatedData]:
    """All steps of all sections."""
    sections = [each.value.get("steps", each) if isinstance(each.value, dict) else each for each in listed]
    items = [item for section in sections if isinstance(section.value, list) for item in section.value]
    return [LocatedData(None, item.where, _name_of(item)) for item in items]


def _name_of(item: LocatedData) -> str:
    name = next(iter(item.value), "") if isinstance(item.value, dict) else str(item.value)
    known = lookup(name)
    return known[0] if known else name


def _upright(steps: LocatedData, switch: LocatedData | None) -> tuple[Upright, LocatedData]:
    """The switch `upright`, and the steps without the word ``upright``, which may only stand first."""
    listed = steps.value if isinstance(steps.value, list) else []
    places = [place for place, item in enumerate(listed) if _name_of(item) == UPRIGHT]
    wanted = True if switch is None else plain_data(switch)
    if not (type(wanted) is bool or wanted == "auto"):
        raise WrongPlace(switch.where if switch else "", f"upright: have {wanted!r}, want true, false or auto")
    if not places:
        return wanted, steps
    if places != [0]:
        raise WrongPlace(listed[places[-1]].where, "upright: have it after other steps, want it first")
    entries = listed[0].value
    wish = plain_data(next(iter(entries.values()))) if isinstance(entries, dict) else True
    step: Upright = "auto" if wish == "auto" else True
    other = str(wanted).lower() if switch else "false"
    if wish not in (True, None, {}, "Applied", "auto") or (switch is not None and wanted != step):
        raise WrongPlace(listed[0].where, f"upright: have it as a step and upright: {other}, want one of them")
    return step, LocatedData(listed[1:], steps.where)


def _augment(found: LocatedData, pad_option: _Pad, folder: Path | None) -> Augment:
    if isinstance(found.value, list):
        found = LocatedData({"steps": found}, found.where)
    entries = _keys(found, AUGMENT_KEYS, "a map with copies and steps, or a list of steps")
    steps = _steps(entries["steps"], pad_option, folder) if "steps" in entries else []
    try:
        options = copies_options(plain_data(entries["copies"])) if "copies" in entries else {}
        options |= {"plain": plain_data(entries["plain"])} if "plain" in entries else {}
        options |= {"balance": Balance.of(plain_data(entries["balance"]))} if "balance" in entries else {}
        return Augment(*steps, **options)
    except UsageError as error:
        part = str(error).removeprefix("augment: ").partition(":")[0]
        raise WrongPlace(entries.get(part, found).where, str(error)) from error


def _steps(found: LocatedData, pad_option: _Pad, folder: Path | None) -> list[RecipeStep]:
    if not isinstance(found.value, list):
        raise WrongPlace(found.where, f"have {plain_data(found)!r}, want a list of steps")
    return [_step(item, pad_option, folder) for item in found.value]


def _step(item: LocatedData, pad_option: _Pad, folder: Path | None) -> RecipeStep:
    """The step in `item`: its name, or a map of its name to its options."""
    name, given = item.value, LocatedData({}, item.where)
    if isinstance(name, dict) and len(name) == 1:
        name, given = next(iter(name.items()))
    if not isinstance(name, str):
        raise WrongPlace(item.where, f"have {plain_data(item)!r}, want a step, as in flip or flip: {{p: 0.5}}")
    if kind := hosted.contrast_step(name, given):
        name, given = kind, LocatedData({}, given.where)
    step, implied, given = _class_of(name, given, item.where)
    entries = _options(step, given)
    step = INSIDE.get(step.name, step) if "inside" in entries else step
    if step is Resize and (other := _resize_as(entries)):
        way, rest = other
        return _step(LocatedData({way: LocatedData(rest, given.where)}, item.where), pad_option, folder)
    for pad, where in _pads(step, implied, entries):
        pad_option.set(pad, where)
    for option in implied.keys() - {"pad"} - entries.keys():
        entries[option] = LocatedData(implied[option], given.where)
    return _built(step, entries, given, folder)


def _class_of(name: str, given: LocatedData, where: str) -> tuple[type[RecipeStep], dict[str, Any], LocatedData]:
    """The class of the step called `name`, the options that this name implies, and those `given` to it."""
    known = lookup(name)
    if known and known[0] in STEPS:
        return STEPS[known[0]], dict(known[1]), given
    if found := plugins.lookup_plugin(name, given, where):
        return found
    nearest = suggestion(name, (*KNOWN, *plugins.entry_names(), plugins.OBJECT))
    raise WrongPlace(where, ELSEWHERE.get(normal(name)) or f"have the unknown step {name!r}{nearest}")


def _resize_as(entries: dict[str, LocatedData]) -> tuple[str, dict[str, LocatedData]] | None:
    """The kind of resize that hosted services state as `format` or before the size (``Fit within 640x640``), and the
    other options; None if there is none.
    """
    if "format" in entries:
        return str(plain_data(entries["format"])), {name: found for name, found in entries.items() if name != "format"}
    size = entries.get("size", LocatedData(None, ""))
    words = re.fullmatch(r"(.*\S)\s+([0-9]+(?:[xX×][0-9]+)?)", size.value) if isinstance(size.value, str) else None
    return (words[1], entries | {"size": LocatedData(words[2], size.where)}) if words and lookup(words[1]) else None


def _pads(step: type[RecipeStep], implied: Mapping[str, Any], entries: dict[str, LocatedData]) -> list[tuple[Any, str]]:
    """The pads that a step states, each with its place; they apply to the whole recipe."""
    where = next(iter(entries.values())).where if entries else ""
    pads = [(implied["pad"], where)] if "pad" in implied else []
    if step.pads and "pad" in entries:
        found = entries.pop("pad")
        pads.append((plain_data(found), found.where))
    return pads


def _options(step: type[RecipeStep], given: LocatedData) -> dict[str, LocatedData]:
    """The options of a step by name: from a map, or from a single value, which is that of the first option."""
    value = given.value
    if isinstance(value, dict) and set(value) != {"one_of"}:
        entries = dict(value)
        if {"width", "height"} <= set(entries) and "size" in option_names(step):
            width, height = entries.pop("width"), entries.pop("height")
            entries["size"] = LocatedData([width, height], width.where)
        return entries
    if value is None or (value is True and not step.amounts):
        return {}
    if step is Crop and isinstance(value, list):
        return dict(zip(option_names(step), value, strict=False)) if len(value) == 4 else {"x": given}
    if isinstance(value, str) and (spelled := parsed_text(given, parse_step, step.name)):
        return {name: LocatedData(each, given.where) for name, each in spelled.items()}
    return {option_names(step)[0]: given}


def option_names(step: type[RecipeStep]) -> list[str]:
    """The names of the options of a step, those that most steps have last."""
    return [each.name for each in sorted(fields(step), key=lambda each: each.kw_only is True)]


def _built(
    step: type[RecipeStep], entries: dict[str, LocatedData], given: LocatedData, folder: Path | None
) -> RecipeStep:
    names = option_names(step)
    if step.name == "albumentations" and "file" in entries:
        entries["pipeline"] = _pipeline(entries.pop("file"), folder)
    if unknown := [name for name in entries if name not in names]:
        where = entries[unknown[0]].where
        raise WrongPlace(where, f"{step.name}: have the unknown option {unknown[0]!r}{suggestion(unknown[0], names)}")
    try:
        return plugins.made(step, {name: _value(found, step, name) for name, found in entries.items()})
    except UsageError as error:
        raise WrongPlace(entries.get(getattr(error, "option", ""), given).where, str(error)) from error
    except TypeError as error:
        missing = [name for name in names if name not in entries]
        raise WrongPlace(given.where, f"{step.name}: want {' and '.join(missing[:1])} too") from error


def _pipeline(found: LocatedData, folder: Path | None) -> LocatedData:
    """The content of the file of a pipeline; its path is relative to the recipe file."""
    from bboxprep.recipe.text_yaml import parse_yaml

    if not isinstance(found.value, str) or folder is None:
        raise WrongPlace(
            found.where, f"albumentations: file: have {plain_data(found)!r}, want a path relative to the recipe file"
        )
    try:
        entries = parse_yaml(_read(folder / found.value))
    except (UsageError, WrongPlace) as error:
        raise WrongPlace(found.where, f"albumentations: {found.value}: {error}") from error
    return LocatedData(plain_data(entries), found.where)


def _value(found: LocatedData, step: type[RecipeStep], option: str) -> Any:
    """The value of `option` in the type that `step` takes; a size may be text as on the command line."""
    value = plain_data(found)
    if isinstance(found.value, dict) and option in ("size", "by_split") and option not in step.amounts:
        return {split: _value(each, step, "size") for split, each in found.value.items()}
    if option == "size" and isinstance(value, str) and option not in step.amounts:
        return parsed_text(found, parse_size, f"{step.name}: size")
    if option in step.amounts and isinstance(value, str) and ":" in value:
        return parsed_text(found, parse_amount, f"{step.name}: {option}")
    if isinstance(value, dict) and set(value) == {"one_of"}:
        each = value["one_of"]
        return OneOf(tuple(each)) if isinstance(each, list) else OneOf((each,))
    return tuples(value)


def _keys(found: LocatedData, known: Sequence[str], wanted: str) -> dict[str, LocatedData]:
    """The map in `found`, with keys among `known`. Raises `WrongPlace` for anything else."""
    if not isinstance(found.value, dict):
        raise WrongPlace(found.where, f"have {plain_data(found)!r}, want {wanted}")
    for key, value in found.value.items():
        if key not in known:
            raise WrongPlace(value.where, f"have the unknown key {key!r}{suggestion(key, known)}")
    return dict(found.value)
