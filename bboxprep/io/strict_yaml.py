"""YAML read as text, lists and maps, nothing else.

Every scalar stays text, so that a class called ``no``, ``1e3`` or ``null`` keeps its name. Aliases are refused, and
size and depth are limited, so a hostile file costs nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bboxprep.errors import AnnotationError
from bboxprep.findings import escape_surrogates
from bboxprep.io.paths import read_bytes

_MOST_BYTES = 1024**2
_MOST_DEPTH = 20


def load_texts(path: Path) -> dict[str, Any]:
    """The map that stands in the file at `path`. Raises `AnnotationError`."""
    try:
        text = read_bytes(path, _MOST_BYTES).decode("utf-8-sig")
        _refuse_bombs(path, text)
        said = _plain(path, yaml.compose(text, Loader=yaml.BaseLoader))
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", "not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise AnnotationError(path, where, f"not YAML that can be read here ({error.problem})") from error
    except yaml.YAMLError as error:
        raise AnnotationError(path, "", "not YAML: " + str(error).splitlines()[0]) from error
    if not isinstance(said, dict):
        raise AnnotationError(path, "", "want keys with values, as in names: [person]")
    return said


def _refuse_bombs(path: Path, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > _MOST_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise AnnotationError(
                path, f"line {line}", f"have an alias or more than {_MOST_DEPTH} levels, want neither"
            )


def _plain(path: Path, node: yaml.Node | None) -> Any:
    """A node as text, list or dict. Raises `AnnotationError` for a key that stands twice."""
    if isinstance(node, yaml.MappingNode):
        said: dict[str, Any] = {}
        for key, value in node.value:
            name = _key(path, f"line {key.start_mark.line + 1}", _plain(path, key))
            if name in said:
                raise AnnotationError(path, f"line {key.start_mark.line + 1}", f"the key {name!r} stands twice")
            said[name] = _plain(path, value)
        return said
    if isinstance(node, yaml.SequenceNode):
        return [_plain(path, child) for child in node.value]
    return escape_surrogates(node.value) if node else ""


def _key(path: Path, where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise AnnotationError(path, where, "have a list or a map, want text")
    return value
