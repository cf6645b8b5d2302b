"""The JSON Schema of recipe files, made from the steps and the keys that `load` reads.

It accepts all that `load` accepts. A name with a capital, a blank or a sign is that of a hosted service and is not
checked, and what one option says about another is left to `load`, which has the last word. It is of draft 7, the latest
that all editors know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, get_args

import msgspec

from bboxprep.errors import UsageError
from bboxprep.model.balance import MOST_COPIES
from bboxprep.model.filters import Dedupe, Filters
from bboxprep.model.rendering import Kernel
from bboxprep.recipe import hosted, plugins
from bboxprep.recipe.catalog import ALIASES, INSIDE, STEPS, UPRIGHT
from bboxprep.recipe.class_rules import RULES
from bboxprep.recipe.geometric import RecipeStep
from bboxprep.recipe.load import AUGMENT_KEYS, KEYS, option_names
from bboxprep.recipe.values import Bounds

Schema = dict[str, Any]

_DIALECT = "http://json-schema.org/draft-07/schema#"
_SERVICES = "[^a-z_]"  # what names of hosted services have and ours have not, as in "Auto-Orient"
_SIDE, _LEVEL = {"type": "integer", "minimum": 1}, {"type": "integer", "minimum": 0, "maximum": 255}
_SIZE_TEXT = r"[0-9]{1,9}([xX×*][0-9]{1,9})?\s*$"
_TEXT, _SWITCH, _SHARE = {"type": "string"}, {"type": "boolean"}, {"type": "number", "minimum": 0, "maximum": 1}
_PER_CENT = {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$"}


def _list_of(items: Schema, least: int = 0, most: int | None = None) -> Schema:
    limits = {"minItems": least} if least else {}
    return {"type": "array", "items": items, **limits, **({"maxItems": most} if most else {})}


def _map_of(properties: Mapping[str, Any], **more: Any) -> Schema:
    """A map with these keys alone."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": False, **more}


def _map_of_any(values: Schema) -> Schema:
    """A map of names to such `values`."""
    return {"type": "object", "additionalProperties": values}


def _any_of(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def _by_class(value: Schema) -> Schema:
    """`value`, or a map of classes to such."""
    return _any_of(value, _map_of_any(value))


def _named(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


_COUNT = {"type": "integer", "minimum": 1, "maximum": MOST_COPIES}
_NAMES = _any_of(_TEXT, _list_of(_TEXT))
_LIMIT = _any_of({"type": "number", "minimum": 0}, _TEXT)

_FILTERS: Mapping[str, Schema] = {
    "min_size": _by_class(_LIMIT),
    "max_size": _by_class(_LIMIT),
    "only_images_with": _NAMES,
    "drop_empty": _SHARE,
    "where": _NAMES,
    "max_per_class": {"type": "integer", "minimum": 0},
    "dedupe": {"enum": list(get_args(Dedupe))},
    "only_images": _list_of(_TEXT),
}
_AUGMENT: Mapping[str, Schema] = {
    "copies": _by_class(_COUNT),
    "plain": _SWITCH,
    "balance": _any_of(_SHARE, _TEXT, _map_of({"share": _any_of(_SHARE, _TEXT), "most": _any_of(_COUNT, _TEXT)})),
    "steps": _named("steps"),
}
_RECIPE: Mapping[str, Schema] = {
    "upright": _any_of(_SWITCH, {"const": "auto"}),
    "steps": _named("steps"),
    "preprocess": _named("steps"),
    "augment": _any_of(_named("steps"), _map_of({key: _AUGMENT[key] for key in AUGMENT_KEYS})),
    "pad": _named("pad"),
    "kernel": {"enum": list(get_args(Kernel))},
    "seed": {"type": "integer", "minimum": 0, "exclusiveMaximum": 2**63},
    "classes": _map_of({"rename": _map_of_any(_TEXT), **dict.fromkeys(RULES[1:], _list_of(_TEXT))}),
    "filters": _map_of({field.name: _FILTERS[field.name] for field in fields(Filters)}),
}
_OTHER_FORMS: Mapping[tuple[str, str], Schema] = {  # of options, beside those that the types of their fields state
    **{("crop", name): _PER_CENT for name in ("x", "y", "width", "height")},
    ("isolate", "margin"): _PER_CENT,
    ("isolate", "classes"): _TEXT,
    **{("letterbox", name): _map_of_any(_named("size")) for name in ("size", "by_split")},
    ("resize", "size"): {"type": "string", "pattern": rf"^.*\S\s+{_SIZE_TEXT}"},  # Fit within 640x640
}
_FLOAT = r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)"
_RANGE: Schema = {"type": "string", "pattern": rf"^{_FLOAT}:{_FLOAT}$"}
_SPELLED: Mapping[str, str] = {  # steps as their flags spell them, in `cli_values.parse_step`
    "crop": r"^[0-9. ]+%?(,[0-9. ]+%?){3}$",
    "tile": rf"^([0-9]+([xX×*][0-9]+)?|[0-9]+ *rows?\W+[0-9]+ *columns?)(:{_FLOAT})?$",
    "isolate": rf"^({_FLOAT}%?)?(:square)?$",
    "multiple": r"^[0-9]+(:(stretch|pad))?$",
    "flip": rf"^(horizontal|vertical|both):{_FLOAT}$",
}
_FURTHER: Mapping[str, dict[str, Schema]] = {  # options that `load` reads and no field of the step has
    "resize": {"format": _TEXT},
    "albumentations": {"file": _TEXT},
}


def recipe_schema(further_steps: Sequence[str] = ()) -> Schema:
    """The schema of a recipe: a list of steps, a map with `load.KEYS`, or a version of a hosted service. Steps of other
    distributions are the `further_steps`.
    """
    listed = (*STEPS.values(), *INSIDE.values())
    _, found = msgspec.json.schema_components(listed, ref_template="#/definitions/{name}")
    declared = {step: _step(step, _uniform(found[step.__name__])) for step in listed}
    steps = {name: declared[step] for name, step in STEPS.items()}
    for name, step in INSIDE.items():
        steps[name]["anyOf"].append(_inside(declared[step]["anyOf"][0]))
    version = _map_of(dict.fromkeys(hosted.KEYS, True))
    sections = _any_of(*({"required": [key]} for key in hosted.KEYS[:2]))
    return {
        "$schema": _DIALECT,
        "title": "A recipe of bboxprep",
        "if": {"type": "array"},
        "then": _named("steps"),
        "else": {"if": sections, "then": version, "else": _named("recipe")},
        "definitions": {
            "recipe": _map_of({key: _RECIPE[key] for key in KEYS}, **{"not": {"required": ["steps", "preprocess"]}}),
            "steps": _list_of(_any_of(_bare_names(further_steps), _steps_with_options(further_steps))),
            "size": _any_of(_SIDE, _list_of(_SIDE, 2, 2), {"type": "string", "pattern": rf"^\s*{_SIZE_TEXT}"}),
            "pad": _any_of(_LEVEL, _list_of(_LEVEL, 3, 3), {"enum": ["edge", "reflect"]}),
            **steps,
        },
    }


def _bare_names(further: Sequence[str]) -> Schema:
    """The steps that may stand as a name alone."""
    alone = [name for name, step in STEPS.items() if _stands_alone(step)]
    named = [
        UPRIGHT,
        *alone,
        *further,
        *(word for word, name in _aliases() if name in (UPRIGHT, *alone)),
    ]
    return {"type": "string", "anyOf": [{"enum": named}, {"pattern": _SERVICES}]}


def _steps_with_options(further: Sequence[str]) -> Schema:
    """A map of one step to its options."""
    upright: Schema = {"enum": [True, None, {}, "auto", "Applied"]}
    named = {name: _named(name) for name in STEPS} | {UPRIGHT: upright}
    named |= {name: {} for name in further}  # what they take, they say themselves
    named[plugins.OBJECT] = _any_of(_TEXT, {"type": "object", "properties": {"name": _TEXT}, "required": ["name"]})
    named |= {word: upright if name == UPRIGHT else _named(name) for word, name in _aliases()}
    return _map_of(named, patternProperties={_SERVICES: True}, minProperties=1, maxProperties=1)


def _aliases() -> Iterable[tuple[str, str]]:
    """Each alias as one word, and our name for it."""
    return [(alias.replace(" ", "_"), name) for alias, (name, _) in ALIASES.items()]


def _stands_alone(step: type[RecipeStep]) -> bool:
    """Whether the step needs no option."""
    try:
        step()
    except (TypeError, UsageError):
        return False
    return True


def _step(step: type[RecipeStep], declared: Schema) -> Schema:
    """The options of a step as a map, or the first of them alone; `declared` is what the types of its fields say."""
    options: Schema = {name: _option(step, name, declared["properties"][name]) for name in option_names(step)}
    first = options[option_names(step)[0]]
    alone = first if option_names(step)[0] in step.amounts else _without_maps(first)
    forms = [_list_of(first, 4, 4) if step.name == "crop" else alone]
    if step.name in _SPELLED:
        forms.append({"type": "string", "pattern": _SPELLED[step.name]})
    if _stands_alone(step):
        forms.append({"enum": [None] if step.amounts else [None, True]})
    sides = {"width": _SIDE, "height": _SIDE} if "size" in options.keys() - step.amounts.keys() else {}
    more = sides | ({"pad": _named("pad")} if step.pads else {}) | _FURTHER.get(step.name, {})
    needed = [each.name for each in fields(step) if each.default is MISSING]
    least = {"required": needed} if needed != ["size"] else _any_of({"required": needed}, {"required": [*sides]})
    whole = _map_of(options | more, **(least if needed else {}))
    return {"description": declared["description"], "anyOf": [whole, *forms]}


def _inside(options: Schema) -> Schema:
    """The `options` of a step that acts inside boxes, which must say so."""
    return {**options, "required": [*options.get("required", ()), "inside"]}


def _without_maps(schema: Schema) -> Schema:
    """The forms of `schema` that are no maps, for a map is that of all options."""
    forms = schema.get("anyOf")
    return _any_of(*(form for form in forms if form.get("type") != "object")) if forms else schema


def _option(step: type[RecipeStep], name: str, declared: Schema) -> Schema:
    """The schema of one option."""
    if name in step.amounts:
        return _amount(step.amounts[name])
    if name == "p":
        return _SHARE
    form = _named("size") if name == "size" else {key: value for key, value in declared.items() if key != "default"}
    other = _OTHER_FORMS.get((step.name, name))
    return _any_of(form, other) if other else form


def _amount(bounds: Bounds) -> Schema:
    """A number, a range or a choice."""
    number = {"type": "number", "minimum": bounds.low, "maximum": bounds.high}
    choice = _map_of({"one_of": _any_of(number, _list_of(number, 1))}, required=["one_of"])
    return _any_of(number, _list_of(number, 2, 2), choice, _RANGE)


def _uniform(schema: Any) -> Any:
    """`schema` with lists of a fixed length as draft 7 has them: all items of the same kinds."""
    if isinstance(schema, list):
        return [_uniform(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    own = {key: _uniform(value) for key, value in schema.items() if key != "prefixItems"}
    kinds = _uniform(schema.get("prefixItems", []))
    return own | {"items": kinds[0] if kinds.count(kinds[0]) == len(kinds) else _any_of(*kinds)} if kinds else own
