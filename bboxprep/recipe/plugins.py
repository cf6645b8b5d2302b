"""Steps that are not of this package: those of other distributions, by entry points of the group ``bboxprep.steps``::

    [project.entry-points."bboxprep.steps"]
    posterize = "toy_steps:Posterize"

and classes of the user that a recipe names: ``- object: {name: "my_steps:Posterize", bits: 3}``. Either is a frozen
dataclass, a `RecipeStep`. A geometric one returns plan steps of an image size, which pixels and objects follow. One
that changes values (``geometric = False``) has a method ``apply``, which takes and returns pixels.

In a record such a step is written as in a recipe, with ``geometric: false`` where it changes values only, so that
`verify`, which runs no code of others, knows that it moves nothing.
"""

from __future__ import annotations

import copyreg
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache, partial
from inspect import signature
from typing import Any, Protocol, TypeVar, cast, get_args

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import BboxprepError, UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Place, Plan, Step
from bboxprep.io.python_objects import entry_points_by_name, load_entry_point, named_object
from bboxprep.model.rendering import PLUGIN, Effect
from bboxprep.recipe.geometric import RecipeStep, StepContext
from bboxprep.recipe.located_data import LocatedData, WrongPlace
from bboxprep.recipe.random_draw import Draw

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
Answer = TypeVar("Answer")
GROUP = "bboxprep.steps"
OBJECT = "object"
KIND = "geometric"  # in a record, beside the options
_OWN = __name__.partition(".")[0] + "."
_points = cache(partial(entry_points_by_name, GROUP))


class AppliesPixels(Protocol):
    """A step that changes values."""

    def apply(self, pixels: Pixels, /) -> Pixels:
        """`pixels` (H, W) or (H, W, 3) uint8 after the step: others of the same shape, by a rule that is the same for
        the same pixels and options. They are a copy, which may be changed.
        """


def is_plugin(step: type[RecipeStep]) -> bool:
    """Whether the class `step` is not of this package."""
    return not step.__module__.startswith(_OWN)


def entry_names() -> tuple[str, ...]:
    """The names of the steps that entry points bring, sorted."""
    return tuple(_points())


def lookup_plugin(
    name: str, given: LocatedData, where: str
) -> tuple[type[RecipeStep], dict[str, Any], LocatedData] | None:
    """The class of the step called `name` in a recipe, the options that this name implies (none), and of those `given`
    its own; None if no other distribution brings it. Raises `WrongPlace`, with the place `where` it cannot be used.
    """
    found, options = re.sub(r"[\W_]+", "_", name.strip().casefold()), given.value
    try:
        if name == OBJECT:
            options = dict(options) if isinstance(options, dict) else {"name": given}
            wanted = options.pop("name", LocatedData("", where))
            step = object_step(str(wanted.value or ""))
        elif found in _points():
            step = plugin_step(found)
        else:
            return None
    except UsageError as error:
        raise WrongPlace(where, str(error)) from error
    return step, {}, LocatedData(_without_kind(step, options), given.where)


def _without_kind(step: type[RecipeStep], options: Any) -> Any:
    """The `options` of `step` without its kind, which a record has. Raises `WrongPlace` where that is not so."""
    if not isinstance(options, dict) or KIND not in options:
        return options
    kind = options[KIND]
    if kind.value is not step.geometric:
        word = f"want {str(step.geometric).lower()}: it {'moves pixels' if step.geometric else 'changes values only'}"
        raise WrongPlace(kind.where, f"{step.name}: {KIND}: have {kind.value!r}, {word}")
    return {option: value for option, value in options.items() if option != KIND}


@cache
def plugin_step(name: str) -> type[RecipeStep]:
    """The class of the step that an entry point calls `name`. Raises `UsageError` where it cannot be used."""
    points = _points()[name]
    bringer = " and ".join(sorted({f"{point.dist.name} {point.dist.version}" for point in points if point.dist}))
    try:
        step = checked_class(load_entry_point(points, _taken(), "step"))
        problem = "" if step.name == name else f"{points[0].value} is called {step.name!r}, want the same name"
    except UsageError as error:
        problem = str(error)
    if problem:
        raise UsageError(f"step {name} of {bringer}: {problem}; update or remove it")
    return step


@cache
def object_step(name: str) -> type[RecipeStep]:
    """The class ``module:Class`` that a recipe names, which is imported. Raises `UsageError` where it is no step."""
    if not re.fullmatch(r"[\w.]+:[\w.]+", name):
        raise UsageError(f"{OBJECT}: name: have {name!r}, want module:Class")
    try:
        step = checked_class(named_object(name))
    except UsageError as error:
        raise UsageError(f"{OBJECT}: {error}") from error
    copyreg.pickle(step, _reduced)  # workers import it in the same way
    return step


def _reduced(step: RecipeStep) -> tuple[Callable[..., RecipeStep], tuple[str, dict[str, Any]]]:
    return _remade, (_reference(type(step)), {each.name: getattr(step, each.name) for each in fields(step)})


def _remade(name: str, values: dict[str, Any]) -> RecipeStep:
    return object_step(name)(**values)


def checked_class(found: object) -> type[RecipeStep]:
    """`found`, which must be the class of a step. Raises `UsageError` where it is not."""
    if not (isinstance(found, type) and issubclass(found, RecipeStep)):
        raise UsageError(f"have {found!r:.80}, want a class of bboxprep.recipe.geometric.RecipeStep")
    problems = []
    if not getattr(vars(found).get("__dataclass_params__"), "frozen", False):
        problems.append("want @dataclass(frozen=True)")
    name = getattr(found, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in _taken():
        problems.append(f"name: have {name!r}, want a word of a-z, 0-9 and _ that no step of bboxprep has")
    if found.geometric and found.steps is RecipeStep.steps:
        problems.append("want a method steps(size), or geometric = False and a method apply(pixels)")
    if not found.geometric and not callable(getattr(found, "apply", None)):
        problems.append("want a method apply(pixels), for geometric is False")
    if problems:
        raise UsageError(f"{found.__module__}:{found.__qualname__}: {'; '.join(problems)}")
    return found


def _taken() -> frozenset[str]:
    from bboxprep.recipe.catalog import KNOWN  # knows every step there is, and few runs need most

    return frozenset((*KNOWN, OBJECT))


def made(step: type[RecipeStep], values: Mapping[str, Any]) -> RecipeStep:
    """A `step` with the options `values`. Raises `UsageError`, and TypeError where an option lacks."""
    if is_plugin(step):
        signature(step).bind(**values)
    found = asked(step, "constructor", lambda: step(**values))
    asked(step, "hash", lambda: hash(found))
    return found


def recorded(step: RecipeStep) -> dict[str, Any]:
    """`step` as plain data, for the run record: its name, and its options."""
    options, own = step.options(), type(step)
    if not is_plugin(own):
        return {step.name: options}
    options |= {} if step.geometric else {KIND: False}
    if _is_registered(own):
        return {step.name: options}
    return {OBJECT: {"name": _reference(own), **options}}


def names_code(data: object) -> bool:
    """Whether the plain `data` of a recipe name a class, which whoever reads them imports and runs."""
    if isinstance(data, Mapping):
        return any(map(names_code, data.values()))
    steps = data if isinstance(data, list) else []
    return any((isinstance(step, Mapping) and OBJECT in step) or names_code(step) for step in steps)


def _is_registered(step: type[RecipeStep]) -> bool:
    try:
        return step.name in _points() and plugin_step(step.name) is step
    except UsageError:  # another distribution has this name, and cannot be used
        return False


def _reference(step: type[RecipeStep]) -> str:
    return f"{step.__module__}:{step.__qualname__}"


def asked(step: type[RecipeStep], function: str, ask: Callable[[], Answer]) -> Answer:
    """What `ask`, the `function` of `step`, returns. What the code of others raises is a `UsageError` that names it."""
    if not is_plugin(step):
        return ask()
    try:
        return ask()
    except BboxprepError:
        raise
    except Exception as error:
        words = f"its {function} raised {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UsageError(f"{_words(step)}: {words}") from error


def _words(step: type[RecipeStep]) -> str:
    """The name of `step`, and who brings it."""
    dist = _points()[step.name][0].dist if _is_registered(step) else None
    return f"{step.name} ({_reference(step)}{f' of {dist.name} {dist.version}' if dist else ''})"


def drawn(step: RecipeStep, draw: Draw, context: StepContext | None) -> RecipeStep | None:
    """`step` with all values drawn; None if it is not applied."""
    if not is_plugin(type(step)):
        return step.drawn(draw, context)
    found: Any = asked(type(step), "drawn()", lambda: step.drawn(draw, context))
    if found is None:
        return None
    if isinstance(found, RecipeStep) and (found.is_fixed or found.needs_boxes):
        return found
    raise UsageError(f"{_words(type(step))}: its drawn() gives {found!r:.80}, want a step without chance, or None")


def plan_steps(step: RecipeStep, size: Size) -> tuple[Step, ...]:
    """The plan steps of `step` for an upright image of `size`. Raises `PlanError` where it cannot be applied."""
    if not is_plugin(type(step)):
        return step.steps(size)
    found: Any = asked(type(step), "steps()", lambda: step.steps(size))
    wanted = "a tuple of Resample, Place, Orient and Warp"
    if isinstance(found, tuple) and all(isinstance(each, get_args(Step)) for each in found):
        plan = asked(type(step), "plan", lambda: _checked_plan(Plan(size, found)))
        if step.mirrors == (plan.affine.determinant < 0) and (step.geometric or not found):
            return found
        wanted = f"steps that {'mirror' if step.mirrors else 'do not mirror, or mirrors = True in its class'}"
        wanted = wanted if step.geometric else "none of a step that is not geometric"
    raise UsageError(f"{_words(type(step))}: its steps() gives {found!r:.200} for {size}, want {wanted}")


def _checked_plan(plan: Plan) -> Plan:
    """`plan`, whose numbers of px must be whole. Raises TypeError."""
    for step in plan.steps:
        sizes = [getattr(step, name) for name in ("to", "canvas") if hasattr(step, name)]
        offsets = (step.x, step.y) if isinstance(step, Place) else ()
        if not all(isinstance(size, Size) for size in sizes):
            raise TypeError(f"have {step}, want a Size(width, height)")
        sides = [side for size in sizes for side in size]
        if not all(type(number) is int for number in (*sides, *offsets)) or min(sides, default=1) < 1:
            raise TypeError(f"have {step}, want whole px (int), and sides of 1 px or more")
    return plan


@dataclass(frozen=True)
class AppliedStep:
    """What a `step` of others does to pixels, as the function that an `Effect` runs."""

    step: RecipeStep

    def __call__(self, pixels: Pixels) -> Pixels:
        """`pixels` (H, W) or (H, W, 3) uint8 after the step. Raises `UsageError` unless it keeps shape and dtype."""
        step = cast("AppliesPixels", self.step)
        found: Any = asked(type(self.step), "apply()", lambda: step.apply(np.array(pixels, order="C")))
        if isinstance(found, np.ndarray) and found.dtype == np.uint8 and found.shape == pixels.shape:
            return np.ascontiguousarray(found)
        have = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        wanted = f"uint8 {pixels.shape}, as it was given"
        raise UsageError(f"{_words(type(self.step))}: its apply() gives {have}, want {wanted}")


def effect_of(step: RecipeStep) -> Effect | None:
    """The effect of an appearance `step` of others, which runs it; None for those of this package."""
    options = (("boxes", getattr(step, "boxes", None)), ("change", AppliedStep(step)))
    return Effect(PLUGIN, options) if is_plugin(type(step)) else None
