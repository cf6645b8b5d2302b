"""A dataset and a sample are shown in few words, whatever they are called, without reading their labels."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=400)


def unread(keys: object) -> list[Sample]:
    raise AssertionError(f"{keys} were read")


@given(st.lists(WORDS, max_size=40, unique=True), WORDS, st.integers(0, 10**7))
def test_a_dataset_is_a_short_table(names: list[str], root: str, count: int) -> None:
    samples = LazySamples(range(count), unread)
    categories = Categories(tuple(map(Category, names)))
    dataset = Dataset(Path("/") / root.replace("/", "_"), "coco", categories, samples, ("train", "val"))
    shown, table = repr(dataset), dataset._repr_html_()
    assert len(shown) <= 300
    assert f"images: {count:,} in train, val" in shown
    rows = {row[0].text: row[1].text or "" for row in ElementTree.fromstring(table)}
    assert rows["format"] == "coco"
    assert rows["classes"].startswith(f"{len(names):,}: ")
    assert all(len(value) <= 90 for value in rows.values())
    assert "findings" not in rows


def test_findings_are_counted() -> None:
    noted = (Finding("image-missing", "is not there"),) * 3
    assert "findings: 3" in repr(Dataset(Path("set"), "voc", Categories(()), [], findings=noted))


@given(WORDS)
def test_a_sample_is_a_line(name: str) -> None:
    place = PurePosixPath(name.replace("/", "_"))
    one = Sample(place, Path(str(place)), Header(Size(64, 48)), Instances.of([[1, 2, 3, 4]]))
    assert len(repr(one)) <= 300
    assert repr(one).endswith(": 64x48, 1 object>")
    assert repr(Sample(place, Path(str(place)), None, Instances.of())).endswith(": no size, 0 objects>")
