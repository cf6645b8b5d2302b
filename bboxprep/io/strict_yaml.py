"""Parses a safe subset of YAML: text, lists and maps, with the line number of each.

Every scalar stays text, so a class called ``no``, ``1e3`` or ``null`` keeps its name. Aliases and duplicate keys are
refused, and size and depth are limited, so a hostile file costs little.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from bboxprep.errors import AnnotationError
from bboxprep.findings import escape_surrogates
from bboxprep.io.paths import read_bytes
from bboxprep.io.text import decode, not_decoded

MOST_BYTES = 1024**2
MOST_DEPTH = 40  # levels of lists and maps


class YamlNode(msgspec.Struct, frozen=True):
    """The text of a scalar, or a list or map of nodes; its `line`, from 1 (for a value of a map, the line of its key);
    and whether the text is `quoted`.
    """

    value: str | list[YamlNode] | dict[str, YamlNode]
    line: int
    quoted: bool = False


class YamlFault(Exception):  # internal: callers turn it into an error of the package
    """The document is not valid at `where` (``line 7``), for this `problem`."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}" if where else problem)
        self.where = where
        self.problem = problem


def parse(data: bytes, *, tags: bool = False, encoding: str = "") -> YamlNode | None:
    """The root node of a YAML document; None if it is empty. Tags (``!!str``) are ignored if `tags`, else refused.

    `io.text.decode` decodes it. Raises `YamlFault`.
    """
    if len(data) > MOST_BYTES:
        raise YamlFault("", f"have {len(data):,} bytes, want at most {MOST_BYTES:,}")
    try:
        text = decode(data, encoding)
        _refuse_bombs(text, tags=tags)
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except UnicodeDecodeError as error:
        raise YamlFault(f"byte {error.start}", not_decoded(error)) from error
    except yaml.MarkedYAMLError as error:
        where = _line(error.problem_mark.line) if error.problem_mark else ""
        raise YamlFault(where, f"not YAML that can be read here ({error.problem})") from error
    except yaml.YAMLError as error:
        raise YamlFault("", "not YAML: " + str(error).splitlines()[0]) from error
    return _parsed(node, 1) if node else None


def load_texts(path: Path, encoding: str = "") -> dict[str, Any]:
    """The map in the YAML file at `path`: its values are texts, lists and maps. Raises `AnnotationError`."""
    return texts_in(path, read_bytes(path, MOST_BYTES), encoding)


def texts_in(path: Path, data: bytes, encoding: str = "") -> dict[str, Any]:
    """The map in the YAML `data` of the file at `path`, as `load_texts` has it. Raises `AnnotationError`."""
    try:
        node = parse(data, tags=True, encoding=encoding)
    except YamlFault as fault:
        raise AnnotationError(path, fault.where, fault.problem) from fault
    texts = _texts(node) if node else None
    if not isinstance(texts, dict):
        raise AnnotationError(path, "", "want keys with values, as in names: [person]")
    return texts


def _refuse_bombs(text: str, *, tags: bool) -> None:
    """Refuse aliases and deep nesting, which cost more to build than to read, before anything is built."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        tagged = getattr(event, "tag", None) is not None and not tags
        if isinstance(event, yaml.AliasEvent) or tagged or depth > MOST_DEPTH:
            words = f"have an alias{'' if tags else ', a tag'} or more than {MOST_DEPTH} levels, want none of them"
            raise YamlFault(_line(event.start_mark.line) if event.start_mark else "", words)


def _parsed(node: yaml.Node, line: int) -> YamlNode:
    if isinstance(node, yaml.MappingNode):
        found: dict[str, YamlNode] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise YamlFault(_line(key.start_mark.line), "have a list or a map as a key, want text")
            name = escape_surrogates(key.value)
            if name in found:
                raise YamlFault(_line(key.start_mark.line), f"have the key {name!r} twice, want different keys")
            found[name] = _parsed(value, key.start_mark.line + 1)
        return YamlNode(found, line)
    if isinstance(node, yaml.SequenceNode):
        return YamlNode([_parsed(each, each.start_mark.line + 1) for each in node.value], line)
    return YamlNode(escape_surrogates(node.value), line, quoted=bool(getattr(node, "style", None)))


def _line(number: int) -> str:
    """The place of the line `number`, which PyYAML counts from 0."""
    return f"line {number + 1}"


def _texts(node: YamlNode) -> Any:
    if isinstance(node.value, dict):
        return {key: _texts(each) for key, each in node.value.items()}
    return [_texts(each) for each in node.value] if isinstance(node.value, list) else node.value
