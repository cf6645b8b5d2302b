"""A folder that links lead to again is read once, at its own place, in every format; the links are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bboxprep import formats
from bboxprep.pipeline.api import convert
from bboxprep.pipeline.source.open import Source, open_source
from tests.tiny import NAMES, tiny

FORMATS = formats.written()


def linked(place: str, target: str) -> Callable[[Path], None]:
    """Puts a link to `target` at `place`; in an images folder of the format for the place ``{images}``."""

    def put(root: Path) -> None:
        images = next((path.parent for path in sorted(root.rglob("*.jpg"))), root)
        link = root / place.format(images=images.relative_to(root).as_posix())
        link.parent.mkdir(exist_ok=True)
        above = "/".join([".."] * len(link.parent.relative_to(root).parts)) or "."
        link.symlink_to(target.format(above=above, images=images.name))

    return put


def mutual(root: Path) -> None:
    for one, other in (("x", "y"), ("y", "x")):
        (root / one).mkdir()
        (root / one / other).symlink_to(f"../{other}")


LINKS: dict[str, Callable[[Path], None]] = {
    "to the folder itself": linked("me", "."),
    "to the folder itself, in front": linked("0", "."),
    "to the root, from among the images": linked("{images}/up", "{above}"),
    "to the folder above, from among the images": linked("{images}/up", ".."),
    "to the folder of images, beside it": linked("{images}/../0again", "{images}"),
    "two that lead to each other": mutual,
}


def contents(source: Source) -> list[tuple[str, str, int]]:
    return [(sample.split, str(sample.name), len(sample.instances)) for sample in source.dataset]


@pytest.mark.parametrize("links", LINKS)
@pytest.mark.parametrize("name", FORMATS)
def test_each_folder_is_read_once(tmp_path: Path, name: str, links: str) -> None:
    convert(tiny(tmp_path / "tiny", range(3)), tmp_path / "set", name)
    for path in (tmp_path / "set").glob("bboxprep*"):
        path.unlink()
    plain = open_source(tmp_path / "set")
    LINKS[links](tmp_path / "set")
    source = open_source(tmp_path / "set")
    assert contents(source) == contents(plain)
    assert source.dataset.categories.names == NAMES
    told = [finding for finding in source.dataset.findings if finding not in plain.dataset.findings]
    assert {finding.code for finding in told} <= {"folder-repeated"}
    assert all((tmp_path / "set" / finding.path).is_symlink() for finding in told)
    if name == "voc":  # whose reader looks at every folder
        assert told


@pytest.mark.parametrize("name", ["data.yaml", ""])
def test_a_link_among_the_images_of_a_split_brings_in_no_other_split(tmp_path: Path, name: str) -> None:
    root = tiny(tmp_path / "set", range(3))
    for kind in ("images", "labels"):
        (root / kind / "val").mkdir()
        for path in sorted((root / kind / "train").iterdir())[:1]:
            path.rename(root / kind / "val" / path.name)
    (root / "images" / "train" / "up").symlink_to("../..")
    (root / "images" / "train" / "more").symlink_to("../val")
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n", encoding="utf-8")
    if not name:
        (root / "data.yaml").rename(root / "classes.txt").write_text("cat\ndog\n", encoding="utf-8")
    dataset = open_source(root).dataset
    assert sorted(sample.path.resolve() for sample in dataset) == sorted((root / "images").resolve().rglob("*.jpg"))
    assert "split-leak" not in {finding.code for finding in dataset.findings}
    assert "folder-repeated" in {finding.code for finding in dataset.findings}


@pytest.mark.parametrize(("link", "real"), [("images", "photos"), ("labels", "boxes"), ("images", "a")])
def test_a_link_that_is_called_as_the_layout_wants_it_is_the_folder(tmp_path: Path, link: str, real: str) -> None:
    root = tiny(tmp_path / "set", range(3))
    (root / "data.yaml").rename(root / "classes.txt").write_text("cat\ndog\n", encoding="utf-8")
    (root / link).rename(root / real)
    (root / link).symlink_to(real)
    assert [count for *_, count in contents(open_source(root))] == [2, 2, 2]


def test_a_link_that_is_called_annotations_is_the_folder_of_documents(tmp_path: Path) -> None:
    convert(tiny(tmp_path / "tiny", range(3)), tmp_path / "set", "coco")
    (tmp_path / "set" / "annotations").rename(tmp_path / "set" / "a")
    (tmp_path / "set" / "annotations").symlink_to("a")
    assert [count for *_, count in contents(open_source(tmp_path / "set"))] == [2, 2, 2]
