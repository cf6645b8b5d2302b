"""Parses and writes recipes as YAML text.

Scalars are those of JSON: text, numbers, true, false and null, so ``no`` stays text and ``1e3`` is a number. Tags are
refused, and so is what `io.strict_yaml` refuses.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from bboxprep.io.strict_yaml import YamlFault, YamlNode, parse
from bboxprep.recipe.located_data import LocatedData, WrongPlace
from bboxprep.recipe.recipe import Recipe

_INTEGER = re.compile(r"[-+]?\d{1,300}")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_BREAKS = re.compile("[\x85\u2028\u2029]")  # ends of lines to YAML, which PyYAML writes as they are
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


def parse_yaml(data: bytes) -> LocatedData:
    """The content of a YAML file, each part with its line number. Raises `WrongPlace`."""
    try:
        node = parse(data)
    except YamlFault as fault:
        raise WrongPlace(fault.where, fault.problem) from fault
    return _located(node) if node else LocatedData(None, "line 1")


def to_yaml(recipe: Recipe) -> str:
    """`recipe` as YAML text; parsing it returns an equal recipe."""
    how: Any = {"sort_keys": False, "default_flow_style": None, "width": 120, "Dumper": _Dumper}
    text = str(yaml.dump(recipe.options(), allow_unicode=True, **how))
    return str(yaml.dump(recipe.options(), **how)) if _BREAKS.search(text) else text


class _Dumper(yaml.SafeDumper):
    """Quotes text that is a number or a word here, though none in YAML 1.1, as ``0e0``."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(_scalar(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _quoted)


def _located(node: YamlNode) -> LocatedData:
    value, where = node.value, f"line {node.line}"
    if isinstance(value, dict):
        return LocatedData({key: _located(each) for key, each in value.items()}, where)
    if isinstance(value, list):
        return LocatedData([_located(each) for each in value], where)
    return LocatedData(value if node.quoted else _scalar(value), where)


def _scalar(text: str) -> Any:
    """The value of the unquoted scalar `text`: a number, true, false or null, else the text itself."""
    if text.casefold() in _WORDS:
        return _WORDS[text.casefold()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
