"""``bboxprep schema``: the JSON Schema of recipes, and of the files that a run writes beside its output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import msgspec

from bboxprep.recipe.recipe import Recipe

RECIPE_FILE = "recipe.schema.json"
MODELINES = (
    f"# yaml-language-server: $schema={RECIPE_FILE}",
    f"# what your editor checks this file by: bboxprep schema recipe > {RECIPE_FILE}",
)
"""The head of a recipe that is printed. The language server of YAML looks for the schema beside the recipe."""


def printed_recipe(recipe: Recipe) -> list[str]:
    """The lines of `recipe` as a file, with its head."""
    from bboxprep.recipe.text_yaml import to_yaml

    return [*MODELINES, *to_yaml(recipe).splitlines()]


def _recipe(further_steps: Sequence[str] = ()) -> dict[str, Any]:
    from bboxprep.recipe.schema import recipe_schema

    return recipe_schema(further_steps)


def _record() -> dict[str, Any]:
    from bboxprep.pipeline.output.run_record import RunRecord

    return _schema_of("bboxprep.json, the record of a run", RunRecord)


def _images() -> dict[str, Any]:
    from bboxprep.pipeline.output.image_rows import ImageRow

    return _schema_of("A line of bboxprep.images.jsonl", ImageRow)


def _sidecar() -> dict[str, Any]:
    from bboxprep.pipeline.sidecar.schema import Head, KeptImage

    return _schema_of("A line of bboxprep.sidecar.jsonl: the first, or one of an image", Head, KeptImage)


def _schema_of(title: str, *kinds: type) -> dict[str, Any]:
    """The schema of a document that is one of `kinds`."""
    forms, parts = msgspec.json.schema_components(kinds)
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "title": title, "anyOf": list(forms), "$defs": parts}


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "recipe": _recipe,
    "record": _record,
    "images": _images,
    "sidecar": _sidecar,
}


def schema_text(name: str, further_steps: Sequence[str] = ()) -> str:
    """The schema `name` of `SCHEMAS` as JSON text; that of recipes with the `further_steps` of other distributions."""
    schema = _recipe(further_steps) if name == "recipe" else SCHEMAS[name]()
    data = msgspec.json.encode(schema)
    return msgspec.json.format(data, indent=2).decode() + "\n"


@click.command("schema")
@click.argument("name", type=click.Choice(list(SCHEMAS)), metavar="|".join(SCHEMAS))
def command(name: str) -> None:
    """Print the JSON Schema of recipe files, of the record of a run (bboxprep.json), or of a line of its images
    (bboxprep.images.jsonl) or of its sidecar (bboxprep.sidecar.jsonl).

    \b
    bboxprep schema recipe > recipe.schema.json
    """  # noqa: D301  # click wants the character
    from bboxprep.recipe.plugins import entry_names

    click.echo(schema_text(name, entry_names()), nl=False)
