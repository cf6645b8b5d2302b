"""Recipes as YAML text, in and out.

Read are text, numbers, true, false, null, lists and maps as JSON has them, and nothing else of YAML: ``no`` stays text,
``1e3`` is a number. Aliases, tags and keys that stand twice are refused, and size and depth are limited, so a hostile
file costs nothing.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from bboxprep.recipe.located_data import MOST_DEPTH, LocatedData, WrongPlace
from bboxprep.recipe.recipe import Recipe

_MOST_BYTES = 1024**2
_INTEGER = re.compile(r"[-+]?\d{1,300}")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


def parse_yaml(data: bytes) -> LocatedData:
    """What stands in a YAML file, each part with its line. Raises `WrongPlace`."""
    if len(data) > _MOST_BYTES:
        raise WrongPlace("", f"have {len(data):,} bytes, want at most {_MOST_BYTES:,}")
    try:
        text = data.decode("utf-8-sig")
        _refuse_bombs(text)
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except UnicodeDecodeError as error:
        raise WrongPlace(f"byte {error.start}", "not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise WrongPlace(where, f"not YAML that can be read here ({error.problem})") from error
    except yaml.YAMLError as error:
        raise WrongPlace("", "not YAML: " + str(error).splitlines()[0]) from error
    return _found(node, "line 1") if node else LocatedData(None, "line 1")


def to_yaml(recipe: Recipe) -> str:
    """`recipe` as YAML text, which reads as the same recipe."""
    text = yaml.safe_dump(recipe.options(), sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)
    return str(text)


def _refuse_bombs(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        tagged = getattr(event, "tag", None) is not None
        if isinstance(event, yaml.AliasEvent) or tagged or depth > MOST_DEPTH:
            where = f"line {event.start_mark.line + 1}" if event.start_mark else ""
            raise WrongPlace(where, f"have an alias, a tag or more than {MOST_DEPTH} levels, want none of them")


def _found(node: yaml.Node, where: str) -> LocatedData:
    """A node and all that stands in it; what a key leads to stands where the key does."""
    if isinstance(node, yaml.MappingNode):
        said: dict[str, LocatedData] = {}
        for key, value in node.value:
            line = _line(key)
            if not isinstance(key, yaml.ScalarNode):
                raise WrongPlace(line, "have a list or a map as a key, want text")
            if key.value in said:
                raise WrongPlace(line, f"the key {key.value!r} stands twice")
            said[key.value] = _found(value, line)
        return LocatedData(said, where)
    if isinstance(node, yaml.SequenceNode):
        return LocatedData([_found(each, _line(each)) for each in node.value], where)
    return LocatedData(_scalar(node) if isinstance(node, yaml.ScalarNode) else None, where)


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


def _scalar(node: yaml.ScalarNode) -> Any:
    """Text where it is quoted, else the number or word that it spells."""
    text = str(node.value)
    if node.style:
        return text
    if text.casefold() in _WORDS:
        return _WORDS[text.casefold()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
