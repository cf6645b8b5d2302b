from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import bboxprep
from bboxprep.errors import LayoutError, MissingPackageError, UsageError
from bboxprep.io import remote
from bboxprep.io.remote import forget
from bboxprep.pipeline.output.run_record import open_run
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.faults import FAULTS, Fault, Layer, Tally, meaning, worst_first
from bboxprep.verification.verify import verify
from tests.tiny import tiny
from tests.verification.outputs import codes, copied, edit_object, edit_record, edit_row, image_at, make, photos, told


@pytest.fixture(scope="module")
def true_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("true") / "out", photos("coco"), "yolo", Recipe(Letterbox(320)))


@pytest.fixture
def out(true_output: Path, tmp_path: Path) -> Path:
    return copied(true_output, tmp_path / "out")


def test_the_python_face_says_what_the_command_says(out: Path) -> None:
    seen: list[int] = []
    proof = bboxprep.verify(out, photos("coco"), workers=2, begin=seen.append, progress=seen.append)
    assert proof.holds
    assert proof.against == photos("coco")
    assert seen == [12, *range(1, 13)]
    content = json.loads(proof.encoded())
    assert content["holds"] is True
    assert [layer["layer"] for layer in content["layers"]] == ["structural", "geometric", "pixel"]


def test_one_or_two_workers_say_the_same(out: Path) -> None:
    edit_object(out, "IMG_2006.jpg", lambda *_: None)
    image_at(out, "IMG_2003.jpg").unlink()
    assert verify(out, workers=1) == verify(out, workers=2)


def test_a_sample_takes_turned_photos_first_and_one_of_each_orientation(out: Path) -> None:
    edit_object(out, "IMG_2006.jpg", lambda edges, label: (edges, label))
    counts = [verify(out, sample=number).tallies[2] for number in (0, 3, 12)]
    assert counts[0].checked + counts[0].unsure == 0
    assert 0 < counts[1].checked < counts[2].checked
    from bboxprep.verification.verify import _pixel_rows

    images = open_run(out).images
    chosen = [images[index].orientation for index in _pixel_rows(images, 7)]
    assert sorted(chosen) == [2, 3, 4, 5, 6, 7, 8]
    with pytest.raises(UsageError, match="want 0 or more"):
        verify(out, sample=-1)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("removed", "record-missing"),
        ("under way", "run-incomplete"),
        ("cut", "record-damaged"),
        ("row", "record-damaged"),
    ],
)
def test_a_record_that_is_not_whole(out: Path, state: str, code: str) -> None:
    record, rows = out / "bboxprep.json", out / "bboxprep.images.jsonl"
    match state:
        case "removed":
            record.unlink()
        case "under way":
            record.rename(out / "bboxprep.incomplete")
        case "cut":
            record.write_bytes(record.read_bytes()[:90])
        case _:
            rows.write_bytes(rows.read_bytes() + b'{"source": 3}\n')
    proof = verify(out)
    assert code in codes(proof)
    assert not proof.holds


def test_an_output_that_is_no_dataset_any_more(out: Path) -> None:
    (out / "data.yaml").write_text("names: [", encoding="utf-8")
    assert codes(verify(out)) == {"output-unreadable"}


def test_a_source_that_is_not_there(out: Path, tmp_path: Path) -> None:
    edit_record(out, source=str(tmp_path / "moved away"))
    proof = verify(out)
    assert proof.holds, told(proof)
    assert proof.against is None
    structural, geometric, pixel = proof.tallies
    assert (structural.checked, geometric.checked, pixel.checked) == (12, 0, 0)
    assert "name it with `against`" in geometric.words[0]
    assert verify(out, photos("coco")).tallies[1].checked == 25
    with pytest.raises(LayoutError):
        verify(out, tmp_path / "moved away")


def test_a_count_is_a_fault_even_without_the_source(out: Path, tmp_path: Path) -> None:
    edit_record(out, source=str(tmp_path / "moved away"))
    edit_object(out, "IMG_2006.jpg", lambda *_: None)
    assert {"object-missing", "count-differs"} <= codes(verify(out))


def test_a_source_that_lacks_a_file_is_a_fault(out: Path, tmp_path: Path) -> None:
    source = copied(photos("coco"), tmp_path / "source")
    (source / "annotations" / "instances_val.json").unlink()
    proof = verify(out, source)
    assert codes(proof) == {"source-missing"}
    assert len(proof.faults) == 4


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"upright": True, "steps": [{"letterbox": {"size": [320, 320]}}], "swirl": {"copies": 2}},
        {"upright": True, "steps": [{"mosaic": {"of": 4}}]},
    ],
)
def test_a_recipe_that_is_not_known_is_a_word_and_no_alarm(out: Path, recipe: dict[str, object]) -> None:
    edit_record(out, recipe=recipe)
    proof = verify(out)
    assert proof.holds, told(proof)
    assert "through the recorded affine" in proof.tallies[1].words[0]
    assert proof.tallies[2].checked > 40
    edit_object(
        out, "IMG_2006.jpg", lambda edges, label: ((edges[0] + 0.03, edges[1], edges[2] + 0.03, edges[3]), label)
    )
    assert "box-moved" in codes(verify(out), "IMG_2006.jpg")


def test_without_recipe_or_affine_nothing_is_told(out: Path) -> None:
    edit_record(out, recipe={})
    edit_row(out, "IMG_2006.jpg", affine=None)
    proof = verify(out)
    assert proof.holds, told(proof)
    assert proof.tallies[1].unsure == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"source": 3, "sources": ["a", "b"]},
        {"splits": 3, "classes": "none", "findings": None},
        {"splits": [3], "classes": [{}], "options": 3, "reading": 3},
        {"recipe": 3, "reading": {"nothing": 1}},
        {"mirror": {"category_ids": [1], "labels": [9], "keypoints": [[-1]]}},
        {"rules": {"swap_classes": [["left"]]}},
        {"changes": [{"classes": {"rename": {"a": []}}}]},
        {"entries": [[]]},
    ],
)
def test_a_strange_record_is_no_crash(out: Path, fields: dict[str, object]) -> None:
    edit_record(out, **fields)
    assert codes(verify(out)) == {"record-damaged"}


def test_outputs_made_in_python_are_proven(tmp_path: Path) -> None:
    dataset = bboxprep.read(photos("coco")).transform(Recipe(Crop(20, 20, 420, 300), Flip("both")))
    bboxprep.write(dataset, tmp_path / "out", "voc")
    proof = verify(tmp_path / "out")
    assert proof.holds, told(proof)
    assert proof.tallies[2].checked > proof.tallies[2].unsure


def test_options_that_the_source_was_read_with_are_recorded_and_used(tmp_path: Path) -> None:
    from bboxprep.pipeline.run_options import RunOptions
    from bboxprep.pipeline.source.open import open_source
    from bboxprep.pipeline.work.convert import convert_source

    source = open_source(photos("voc"), options=lambda _: {"origin": "as-is"})
    convert_source(source, tmp_path / "out", "coco", Recipe(), run_options=RunOptions())
    record = json.loads((tmp_path / "out" / "bboxprep.json").read_text(encoding="utf-8"))
    assert record["reading"] == {"origin": "as-is"}
    proof = verify(tmp_path / "out")
    assert proof.holds, told(proof)
    assert "box-moved" in codes(verify(tmp_path / "out", reading=lambda _: {"origin": "devkit"}))


def test_faults_are_ordered_by_weight_and_told_once() -> None:
    light = Fault(Layer.STRUCTURAL, "count-differs", "", "", "")
    near, far = (Fault(Layer.GEOMETRIC, "box-moved", "a", "", "", amount) for amount in (3.0, 9.0))
    heavy = Fault(Layer.PIXEL, "image-turned", "b", "", "")
    assert worst_first([light, near, far, heavy, near]) == (heavy, far, near, light)
    assert all(meaning(code) for code in FAULTS)
    with pytest.raises(ValueError, match="'nonsense' is neither"):
        Fault(Layer.PIXEL, "nonsense", "", "", "")


def test_tallies_add_up() -> None:
    one, other = Tally(Layer.PIXEL, "x", 1, 2, 3, ("a",)), Tally(Layer.PIXEL, "x", 4, 5, 6, ("a", "b"))
    assert one + other == Tally(Layer.PIXEL, "x", 5, 7, 9, ("a", "b"))


def test_a_missing_extra_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    out = make(tmp_path / "out", tiny(tmp_path / "source", range(3)), "parquet", Recipe(Letterbox(32)), "displayed")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    forget()
    remote._opened.cache_clear()
    with pytest.raises(MissingPackageError, match=r"pyarrow is not installed; pip install 'bboxprep\[shards\]'"):
        verify(out)
