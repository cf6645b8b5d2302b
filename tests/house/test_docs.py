"""The pages of docs/ that are made of tables of the program say what these say, and all pages can be reached."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bboxprep import formats
from bboxprep.model import splits
from docs import generated, recognised

PAGES = sorted(generated.PAGES.rglob("*.md"))
WITH_README = [*PAGES, generated.PAGES.parents[1] / "README.md"]


@pytest.mark.parametrize("name", sorted(generated.pages()))
def test_a_generated_page_is_what_the_tables_say(name: str) -> None:
    written = (generated.PAGES / name).read_text(encoding="utf-8")
    assert written == generated.pages()[name], "`python -m docs.generated` writes it anew"


def test_a_word_that_is_added_to_the_splits_is_missed_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognised, "WORDS", {**splits.WORDS, "exam": splits.TEST})
    assert "`exam`" in recognised.page()
    assert recognised.page() != (generated.PAGES / "what-is-recognised.md").read_text(encoding="utf-8")


def test_every_page_is_in_the_contents_and_every_format_has_one() -> None:
    config = (generated.PAGES.parent / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r": (\S+\.md)$", config, flags=re.MULTILINE))
    assert listed == {path.relative_to(generated.PAGES).as_posix() for path in PAGES}
    assert {f"formats/{name}.md" for name in formats.names()} <= listed
    assert yaml.safe_load(config)["strict"] is True


@pytest.mark.parametrize("path", WITH_README, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_link_between_pages_leads_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), target
