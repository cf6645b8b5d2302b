"""Recipes as hosted services state a version of a dataset: maps of names to options, as plain data of ours.

    {"preprocessing": {"auto-orient": true, "resize": {"width": 640, "height": 640, "format": "Fit (black edges) in"},
                       "contrast": {"type": "Contrast Stretching"}, "filter-null": {"percent": 100}},
     "augmentation": {"image": {"versions": 3}, "flip": {"horizontal": true}, "rotate": {"degrees": 15},
                      "bbblur": {"pixels": 2.5}}}

**Source of the names.** The settings of ``Project.generate_version`` in the docstring of the `roboflow` package (1.x)
and docs.roboflow.com/developer/python-sdk/create-a-dataset-version; the names of the web page ("Auto-Adjust Contrast",
"Motion Blur") are understood as well. Motion blur and camera gain are on the web page alone; their options are named
here as it names them. `enabled` is that of the server's preprocessing settings. ``versionName`` says nothing about the
images and is left out. `seed` is ours.

**What services do not publish**, and what is taken here: "percent" of brightness, exposure and saturation is by how
much a factor may differ from 1; "noise" is salt and pepper, up to that share of the pixels; a crop leaves out that
share of the area, and what is left gets the size of the resize again; mosaic has the probability 0.5 and the size of
the resize; "filter-null" leaves out that share of the images without objects.

Isolated objects, a static crop and tiles come before the resize, so that all images have the size that it asks for.

A map has no order: the steps are applied in that of the tables below, the geometric ones first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bboxprep.recipe.catalog import ELSEWHERE, normal
from bboxprep.recipe.located_data import LocatedData, WrongPlace, plain_data
from bboxprep.spelling import suggestion

KEYS = ("preprocessing", "augmentation", "seed", "versionName")
_CONTRASTS = ("Contrast Stretching", "Histogram Equalization", "Adaptive Equalization")
_ORDER = ("auto orient", "isolate", "static crop", "tile", "resize", "grayscale", "contrast", "filter null", "remap")
_OTHER_NAMES = {
    "auto adjust contrast": "contrast",
    "isolate objects": "isolate",
    "90 rotate": "ninety",
    "rotation": "rotate",
    "mosaic": "mosaic",
}
_INSIDE = ("flip", "ninety", "crop", "rotate", "shear", "brightness", "exposure", "blur", "noise")
_Steps = list[dict[str, Any]]


def is_hosted(found: LocatedData) -> bool:
    """Whether `found` is a version of a hosted service, and no recipe of ours."""
    return isinstance(found.value, dict) and not found.value.keys().isdisjoint(KEYS[:2])


def plain_recipe(found: LocatedData) -> LocatedData:
    """The recipe of ours for the version `found`; each part keeps its place. Raises `WrongPlace`."""
    entries: Mapping[str, LocatedData] = found.value
    for key, each in entries.items():
        if key not in KEYS:
            raise WrongPlace(each.where, f"have the unknown key {key!r}{suggestion(key, KEYS)}")
    before = _named(entries.get("preprocessing"), _ORDER)
    recipe: dict[str, LocatedData] = {"seed": entries["seed"]} if "seed" in entries else {}
    if "auto orient" in before:
        recipe["upright"] = LocatedData(before["auto orient"].is_on, before["auto orient"].where)
    resize = list(_listed(before, {"resize": _resize}))
    cuts = _listed(before, {"isolate": lambda _: [{"isolate": {}}], "static crop": _static_crop, "tile": _tile})
    looks = _listed(before, {"grayscale": lambda _: [{"grayscale": {}}], "contrast": _contrast})
    recipe["preprocess"] = LocatedData([*cuts, *resize, *looks], found.where)
    if (null := before.get("filter null")) and null.is_on:
        recipe["filters"] = _at({"drop_empty": null.share("percent", 100.0)}, null.where)
    if (remap := before.get("remap")) and remap.is_on:
        recipe["classes"] = _remapped(remap)
    augment = _named(entries.get("augmentation"), ("image", *_AUGMENTS, *(f"bb{name}" for name in _INSIDE)))
    copies = augment.pop("image", None)
    steps = list(_augmented(augment, resize))
    versions = int(copies.number("versions", 1.0, 10_000.0)) if copies else 1
    if copies and versions > 1 and not steps:
        raise WrongPlace(copies.where, f"image: have {versions} versions and no step of chance, want one, as in flip")
    if steps:
        asked = {"copies": _at(versions, copies.where)} if copies else {}
        recipe["augment"] = LocatedData({**asked, "steps": LocatedData(steps, found.where)}, found.where)
    return LocatedData(recipe, found.where)


class _Options:
    """The options of one step of a service; `name` and `where` say which."""

    def __init__(self, name: str, found: LocatedData) -> None:
        value = found.value
        self.name, self.where = name, found.where
        self.entries: dict[str, LocatedData] = dict(value) if isinstance(value, dict) else {}
        switch = plain_data(self.entries.pop("enabled", LocatedData(True, ""))) if self.entries else value
        self.is_on = switch not in (False, None) or switch == {}
        if isinstance(value, str):
            self.entries = {"type": found}
        elif not isinstance(value, bool | dict) and value is not None:
            raise WrongPlace(found.where, f"{name}: have {plain_data(found)!r}, want a map of options, or true")

    def known(self, *names: str) -> None:
        """Raise `WrongPlace` for an option that is none of `names`."""
        for key, each in self.entries.items():
            if key not in names:
                raise WrongPlace(each.where, f"{self.name}: have the unknown option {key!r}{suggestion(key, names)}")

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        """The number `name`; `default` where it is not stated."""
        found = self.entries.get(name, LocatedData(default, self.where))
        value = found.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            have = "none" if value is None else repr(plain_data(found))
            raise WrongPlace(found.where, f"{self.name}: {name}: have {have}, want a number of {low:g} to {high:g}")
        return float(value)

    def share(self, name: str, default: float | None = None) -> float:
        """The per cent `name` as a share."""
        return self.number(name, 0.0, 100.0, default) / 100.0

    def flag(self, name: str, default: bool = False) -> bool:
        """The switch `name`."""
        found = self.entries.get(name, LocatedData(default, self.where))
        if not isinstance(found.value, bool):
            raise WrongPlace(found.where, f"{self.name}: {name}: have {plain_data(found)!r}, want true or false")
        return found.value


def _named(found: LocatedData | None, known: tuple[str, ...]) -> dict[str, _Options]:
    """The steps of a section by their `known` names, without those that are switched off but for "auto orient"."""
    if found is None or found.value is None:
        return {}
    if not isinstance(found.value, dict):
        raise WrongPlace(
            found.where, f"have {plain_data(found)!r}, want a map of steps, as in flip: {{horizontal: true}}"
        )
    options: dict[str, _Options] = {}
    for key, each in found.value.items():
        spoken = _OTHER_NAMES.get(normal(key), normal(key))
        spoken = f"bb{spoken.removeprefix('bounding box ')}" if spoken.startswith("bounding box ") else spoken
        one = _Options(key, each)
        if spoken not in known:
            if not one.is_on:
                continue
            raise WrongPlace(
                each.where, ELSEWHERE.get(spoken) or f"have the unknown step {key!r}{suggestion(key, known)}"
            )
        if one.is_on or spoken == known[0]:
            options[spoken] = one
    return options


def _listed(
    options: Mapping[str, _Options], table: Mapping[str, Callable[[_Options], _Steps]]
) -> Iterator[LocatedData]:
    """The steps of ours, in the order of `table`."""
    for name, make in table.items():
        if name in options:
            yield from (_at(step, options[name].where) for step in make(options[name]))


def _augmented(options: Mapping[str, _Options], resize: list[LocatedData]) -> Iterator[LocatedData]:
    inside = {name: options[f"bb{name}"] for name in _INSIDE if f"bb{name}" in options}
    for name, make in _AUGMENTS.items():
        for step in _listed(options, {name: make}):
            yield step if name != "mosaic" else _at(_mosaic(options[name], resize), step.where)
        if name == "crop" and name in options:
            yield from resize
        if name == "mosaic":
            boxed = ((one, step) for key, one in inside.items() for step in _AUGMENTS[key](one))
            yield from (_at(_in_boxes(step), one.where) for one, step in boxed)


def _in_boxes(step: Mapping[str, Any]) -> dict[str, Any]:
    ((name, options),) = step.items()
    return {name: {key: value for key, value in options.items() if key != "min_visibility"} | {"inside": "boxes"}}


def _remapped(options: _Options) -> LocatedData:
    """The class policy: classes get the name that is stated for them, and those without one are left out."""
    rename: dict[str, str] = {}
    drop: list[str] = []
    for old, found in options.entries.items():
        new = plain_data(found)
        if new in (None, False, ""):
            drop.append(old)
        elif isinstance(new, str):
            rename[old] = new
        else:
            raise WrongPlace(found.where, f"{options.name}: {old}: have {new!r}, want a name, or none to leave it out")
    return _at({"rename": rename, "drop": drop}, options.where)


def _static_crop(options: _Options) -> _Steps:
    options.known("x_min", "x_max", "y_min", "y_max")
    left, top = (options.number(name, 0.0, 99.0, 0.0) for name in ("x_min", "y_min"))
    right, bottom = (options.number(name, 1.0, 100.0, 100.0) for name in ("x_max", "y_max"))
    return [{"crop": [f"{left:g}%", f"{top:g}%", f"{right - left:g}%", f"{bottom - top:g}%"]}]


def _tile(options: _Options) -> _Steps:
    options.known("rows", "columns")
    return [{"tile": {name: int(options.number(name, 1.0, 100.0)) for name in ("rows", "columns")}}]


def _resize(options: _Options) -> _Steps:
    options.known("width", "height", "format")
    size = [int(options.number(side, 1.0, 32_766.0)) for side in ("width", "height")]
    way = options.entries.get("format", LocatedData("Stretch to", options.where))
    return [{"resize": {"format": plain_data(way), "size": size}}]


def _contrast(options: _Options) -> _Steps:
    options.known("type")
    found = options.entries.get("type", LocatedData(_CONTRASTS[0], options.where))
    kind = next((each for each in _CONTRASTS if normal(each) == normal(str(plain_data(found)))), None)
    if kind is None:
        wanted = ", ".join(_CONTRASTS)
        raise WrongPlace(found.where, f"{options.name}: type: have {plain_data(found)!r}, want one of {wanted}")
    return [{kind: {}}]


def contrast_step(name: str, found: LocatedData) -> str | None:
    """The name of the step that ``Auto-Adjust Contrast`` stands for by its type in `found`; None for another `name`."""
    if normal(name) != "auto adjust contrast":
        return None
    return next(iter(_contrast(_Options(name, found))[0]))


def _flip(options: _Options) -> _Steps:
    options.known("horizontal", "vertical")
    return [{"flip": {"axis": axis, "p": 0.5}} for axis in ("horizontal", "vertical") if options.flag(axis)]


def _ninety(options: _Options) -> _Steps:
    turns = {"clockwise": 90, "upside-down": 180, "counter-clockwise": 270}
    options.known(*turns)
    chosen = [degrees for name, degrees in turns.items() if options.flag(name)]
    return [{"rotate": {"degrees": {"one_of": [0, *chosen]}}}] if chosen else []


def _crop(options: _Options) -> _Steps:
    options.known("min", "max")
    low, high = options.number("min", 0.0, 99.0, 0.0) / 100.0, options.number("max", 0.0, 99.0) / 100.0
    area = [round(1.0 - high, 6), round(1.0 - low, 6)]
    return [{"random_crop": {"area": area, "aspect": 1.0, "min_visibility": 0.0}}]


def _shear(options: _Options) -> _Steps:
    options.known("horizontal", "vertical")
    across, down = (options.number(name, 0.0, 80.0, 0.0) for name in ("horizontal", "vertical"))
    return [{"shear": {"x": [-across, across], "y": [-down, down]}}]


def _mosaic(options: _Options, resize: list[LocatedData]) -> dict[str, Any]:
    options.known()
    if not resize:
        raise WrongPlace(options.where, "mosaic: want a resize in the preprocessing, which says its size")
    return {"mosaic": {"size": plain_data(resize[0])["resize"]["size"], "p": 0.5}}


def _brightness(options: _Options) -> _Steps:
    options.known("brighten", "darken", "percent")
    by = options.number("percent", 0.0, 99.0) / 100.0
    low, high = by if options.flag("darken", True) else 0.0, by if options.flag("brighten", True) else 0.0
    return [{"exposure": {"gain": [1.0 - low, 1.0 + high], "space": "srgb"}}]


def _motion_blur(options: _Options) -> _Steps:
    options.known("length", "angle")
    return [{"motion_blur": {name: options.number(name, *limits) for name, limits in _STREAK.items()}}]


_STREAK = {"length": (1.0, 300.0, None), "angle": (-360.0, 360.0, 0.0)}


def _around_one(step: str, option: str, most: float) -> Callable[[_Options], _Steps]:
    """A factor that may differ from 1 by some per cent."""

    def make(options: _Options) -> _Steps:
        options.known("percent")
        by = options.number("percent", 0.0, most) / 100.0
        return [{step: {option: [1.0 - by, 1.0 + by]}}]

    return make


def _ranged(step: str, option: str, stated: str, most: float, parts: float = 1.0, *, both: bool = False) -> Any:
    """A number from 0, or with `both` from its negative, to the `stated` one, in `parts` of it."""

    def make(options: _Options) -> _Steps:
        options.known(stated)
        high = options.number(stated, 0.0, most) / parts
        return [{step: {option: [-high if both else 0.0, high]}}]

    return make


def _chance_of_gray(options: _Options) -> _Steps:
    options.known("percent")
    return [{"grayscale": {"p": options.share("percent")}}]


def _cutout(options: _Options) -> _Steps:
    options.known("count", "percent")
    return [{"cutout": {"count": int(options.number("count", 1.0, 1000.0, 1.0)), "size": options.share("percent")}}]


_AUGMENTS: Mapping[str, Callable[[_Options], _Steps]] = {
    "flip": _flip,
    "ninety": _ninety,
    "crop": _crop,
    "rotate": _ranged("rotate", "degrees", "degrees", 180.0, both=True),
    "shear": _shear,
    "mosaic": lambda _: [{}],
    "rgrayscale": _chance_of_gray,
    "hue": _ranged("hue", "degrees", "degrees", 180.0, both=True),
    "saturation": _around_one("saturation", "factor", 100.0),
    "brightness": _brightness,
    "exposure": _around_one("exposure", "gain", 99.0),
    "blur": _ranged("blur", "sigma", "pixels", 100.0),
    "motion blur": _motion_blur,
    "noise": _ranged("salt_pepper", "share", "percent", 100.0, 100.0),
    "camera gain": _ranged("camera_gain", "variance", "variance", 1.0),
    "cutout": _cutout,
}


def _at(value: Any, where: str) -> LocatedData:
    """`value` as a tree that is all at the place `where`."""
    match value:
        case LocatedData():
            return value
        case dict():
            return LocatedData({key: _at(each, where) for key, each in value.items()}, where)
        case list():
            return LocatedData([_at(each, where) for each in value], where)
        case _:
            return LocatedData(value, where)
