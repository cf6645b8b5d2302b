"""``llms.txt``: the contents of the documentation for programs that read it, in the form of llmstxt.org.

It is made of the contents in ``mkdocs.yml`` and the headings of the pages. Its links lead to the Markdown of the pages,
which the site has beside them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).parent
_WHAT = "Makes a labelled detection dataset ready to train on without ever moving a box off its object, and proves it."
_FORMATS = "formats/"  # pages that all have the same headings


def text(generated: Mapping[str, str]) -> str:
    """The whole text. `generated` are the pages that are made of tables, by their paths."""
    config = yaml.safe_load((DOCS / "mkdocs.yml").read_text(encoding="utf-8"))
    sections: dict[str, list[str]] = {}
    for section, title, name in _pages(config["nav"]):
        page = generated.get(name) or (DOCS / "pages" / name).read_text(encoding="utf-8")
        headings = [] if name.startswith(_FORMATS) else re.findall(r"^## (.+)$", page, re.MULTILINE)
        notes = f": {'; '.join(headings)}" if headings else ""
        sections.setdefault(section, []).append(f"- [{title}]({name}){notes}")
    parts = ["# bboxprep", f"> {_WHAT}"]
    for section, lines in sections.items():
        parts += [f"## {section}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _pages(entries: list[dict[str, Any]], section: str = "Start") -> Iterator[tuple[str, str, str]]:
    """The section, the title and the path of each page of the contents."""
    for entry in entries:
        for title, value in entry.items():
            if isinstance(value, str):
                yield section, title, value
            else:
                yield from _pages(value, title)


def on_post_build(config: Mapping[str, Any]) -> None:
    """Copy the Markdown of the pages beside the pages of the site; mkdocs calls it."""
    pages = DOCS / "pages"
    for path in pages.rglob("*.md"):
        shutil.copy(path, Path(config["site_dir"]) / path.relative_to(pages))
