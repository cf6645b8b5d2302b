"""A data set of links, such as a snapshot of Hugging Face's cache: it is told, and read where the links are allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

import bboxprep
from bboxprep.errors import BboxprepError, UsageError
from bboxprep.io.copying import ImagePlacement
from bboxprep.io.paths import AllowedFolders, folder_of_links, is_within, links_admitted, resolved
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.runs import random_dataset
from bboxprep.verification.verify import verify
from tests.conformance.examples import AVAILABLE, EXAMPLES, LOOSE, WRITTEN, in_turn
from tests.invoked import refused, run
from tests.tiny import tree

RECIPE = Recipe(Letterbox(64))


@pytest.fixture(params=WRITTEN)
def snapshot(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Path]:
    """A format, a folder of links, and the folder that they lead into."""
    example = EXAMPLES[request.param]
    example.paint(tmp_path / "real", random_dataset(example, seed=7, images=2))
    links, metadata_blocks = tmp_path / "snapshot", tmp_path / "metadata_blocks"
    metadata_blocks.mkdir()
    for number, path in enumerate(sorted(path for path in (tmp_path / "real").rglob("*") if path.is_file())):
        link = links / path.relative_to(tmp_path / "real")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.rename(metadata_blocks / f"{number}"))
    return request.param, links, metadata_blocks


def test_links_are_followed_into_the_folder_that_is_named(snapshot: tuple[str, Path, Path], tmp_path: Path) -> None:
    name, links, metadata_blocks = snapshot
    source = open_source(
        links, follow_links=str(metadata_blocks), options=lambda _: {"follow_links": str(metadata_blocks)}
    )
    assert source.dataset.format == name
    assert sum(len(sample.instances) for sample in source.dataset) > 0
    assert all(sample.header for sample in source.dataset)
    convert_source(source, tmp_path / "out", "coco", RECIPE, run_options=RunOptions())
    report = verify(tmp_path / "out")  # the record says which links were followed
    assert report.against
    assert not report.faults


def test_a_folder_of_links_is_told_and_not_read(snapshot: tuple[str, Path, Path]) -> None:
    _, links, metadata_blocks = snapshot
    with pytest.raises(BboxprepError, match="follow_links"):
        bboxprep.read(links)
    with pytest.raises(BboxprepError):
        bboxprep.read(links, follow_links=str(metadata_blocks.parent / "real"))


def test_a_run_over_links_may_be_resumed_by_the_same_words_alone(tmp_path: Path) -> None:
    example = EXAMPLES["yolo"]
    example.paint(tmp_path / "set", random_dataset(example, seed=7, images=2))
    (tmp_path / "set/images").rename(tmp_path / "pool")
    (tmp_path / "set/images").symlink_to(tmp_path / "pool")
    words = ("convert", tmp_path / "set", tmp_path / "out", "--to", "voc")
    assert "--follow-links" in refused(*words)
    assert run(*words, "--follow-links", tmp_path / "pool").exit_code == 0
    before = tree(tmp_path / "out")
    assert run(*words, "--follow-links", tmp_path / "pool", "--resume").exit_code == 0
    assert tree(tmp_path / "out") == before
    assert run("verify", tmp_path / "out").exit_code == 0


@pytest.mark.parametrize(("snapshot", "images"), in_turn(AVAILABLE, get_args(ImagePlacement)), indirect=["snapshot"])
def test_an_output_of_links_to_links_is_verified_from_any_folder(
    snapshot: tuple[str, Path, Path], tmp_path: Path, images: ImagePlacement, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, links, blobs = snapshot
    monkeypatch.chdir(tmp_path)
    words = ("--images", images, "--from", name, "--follow-links", blobs.name)
    result = run("convert", links, "out", "--to", "coco", *words)
    if name not in LOOSE and "link" in images:
        assert "cannot be a link to" in str(result.exception)  # a member of a shard is no file
        return
    assert result.exit_code == 0
    reading = json.loads(Path("out/bboxprep.json").read_text(encoding="utf-8"))["reading"]
    assert reading == {"follow_links": str(blobs.resolve())}
    if images == "none":
        return
    for folder, follow in ((tmp_path, ()), (tmp_path, ("--follow-links", blobs.name)), (tmp_path.parent, ())):
        monkeypatch.chdir(folder)
        result = run("verify", tmp_path / "out", *follow)
        assert result.exit_code == 0, result.output
        assert "against" in result.output.splitlines()[0]
    result = run("review", tmp_path / "out", "--against", links, "-o", tmp_path / "page", "--follow-links", blobs)
    assert (result.exit_code, result.exception) == (0, None), result.output
    assert any(path.is_symlink() for path in (tmp_path / "out").rglob("*.*")) == (images == "symlink")


def test_only_what_lies_in_the_named_folder_counts_as_within(tmp_path: Path) -> None:
    for folder in ("set", "pool/deep", "other"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("pool/deep", "other", "pool"):
        (tmp_path / "set" / name.replace("/", "-")).symlink_to(tmp_path / name)
    root = resolved(tmp_path / "set")
    names = ("pool", "pool-deep", "other")
    assert [is_within(root / name, root) for name in names] == [False, False, False]
    with links_admitted(*folder_of_links(str(tmp_path / "pool"))):
        assert [is_within(root / name, root) for name in names] == [True, True, False]
        allowed = AllowedFolders(root)
    assert not is_within(root / "pool", root)
    assert [allowed.holds(root / name) for name in names] == [True, True, False]


def test_the_named_folder_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="want a folder"):
        folder_of_links(str(tmp_path / "gone"))
