"""Each lie that is planted in a true output must be refused by its name, and laid at the right image."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Flip, Letterbox, Resize
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.faults import Layer
from bboxprep.verification.verify import VerificationReport, verify
from tests.conformance.examples import LOOSE  # files to lie in; the kit lies in every format
from tests.verification.outputs import (
    Edges,
    codes,
    copied,
    edit_object,
    edit_record,
    edit_row,
    edit_rows,
    image_at,
    make,
    photos,
    recorded,
    redraw,
    source_for,
    tag,
    told,
)

VICTIM, OTHER = "IMG_2006.jpg", "IMG_2005.jpg"


@pytest.fixture(scope="module")
def true_outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("true")
    recipe = Recipe(Letterbox(384), Flip("horizontal"))
    return {to: make(root / to, photos(source_for(to)), to, recipe) for to in LOOSE}


@pytest.fixture(params=LOOSE)
def out(request: pytest.FixtureRequest, true_outputs: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of a true output, to lie in."""
    return copied(true_outputs[request.param], tmp_path / "out")


def refused(out: Path, code: str, image: str = VICTIM, others: tuple[str, ...] = ()) -> VerificationReport:
    proof = verify(out)
    assert code in codes(proof, image), told(proof)
    strangers = {Path(fault.image).stem for fault in proof.faults} - {
        "",
        *(Path(name).stem for name in (image, *others)),
    }
    assert not strangers, told(proof)
    return proof


def beside(edges: Edges) -> Edges:
    """The box moved by 3 % of the picture, inwards."""
    x0, y0, x1, y1 = edges
    step = -0.03 if x1 > 0.9 else 0.03
    return x0 + step, y0, x1 + step, y1


def test_the_outputs_are_true_before_a_lie_is_planted(out: Path) -> None:
    proof = verify(out)
    assert proof.holds, told(proof)
    assert [tally.wrong for tally in proof.tallies] == [0, 0, 0]
    assert proof.tallies[2].checked > 40


def test_a_box_shifted_by_3_percent(out: Path) -> None:
    edit_object(out, VICTIM, lambda edges, label: (beside(edges), label))
    proof = refused(out, "box-moved")
    assert "box-off-object" in codes(proof, VICTIM)
    fault = next(fault for fault in proof.faults if fault.code == "box-moved")
    assert fault.where.startswith("object 1 (")
    assert fault.amount == pytest.approx(0.03 * 384, abs=1.1)  # VOC rounds twice


def test_a_box_dropped(out: Path) -> None:
    edit_object(out, VICTIM, lambda *_: None)
    fault = next(fault for fault in refused(out, "object-missing").faults if fault.code == "object-missing")
    assert fault.where.startswith("source object 1 (")


def test_a_label_changed(out: Path) -> None:
    edit_object(out, VICTIM, lambda edges, label: (edges, (label + 1) % 3))
    fault = next(fault for fault in refused(out, "label-changed").faults if fault.code == "label-changed")
    assert fault.where.startswith("object 1 (")


@pytest.mark.parametrize(
    ("turn", "code", "words"),
    [
        (Image.Transpose.ROTATE_90, "image-turned", "turned by 90 degrees counter-clockwise"),
        (Image.Transpose.ROTATE_270, "image-turned", "turned by 90 degrees clockwise"),
        (Image.Transpose.ROTATE_180, "image-turned", "turned by 180 degrees"),
        (Image.Transpose.FLIP_LEFT_RIGHT, "image-mirrored", "mirrored left to right"),
        (Image.Transpose.FLIP_TOP_BOTTOM, "image-mirrored", "mirrored upside down"),
        (Image.Transpose.TRANSPOSE, "image-mirrored", "mirrored along its diagonal"),
    ],
)
def test_a_picture_turned_or_mirrored(
    true_outputs: dict[str, Path], tmp_path: Path, turn: Image.Transpose, code: str, words: str
) -> None:
    out = copied(true_outputs["yolo"], tmp_path / "out")
    redraw(image_at(out, VICTIM), lambda picture: picture.transpose(turn))
    assert words in told(refused(out, code))


def test_a_picture_turned_that_is_not_square(tmp_path: Path) -> None:
    out = make(tmp_path / "out", photos("coco"), "coco", Recipe(Resize((360, 240))))
    redraw(image_at(out, VICTIM), lambda picture: picture.transpose(Image.Transpose.ROTATE_90))
    assert "size-differs" in codes(refused(out, "image-turned"), VICTIM)


def test_two_pictures_swapped(out: Path) -> None:
    one, other, aside = image_at(out, VICTIM), image_at(out, OTHER), out.parent / "aside"
    one.replace(aside)
    other.replace(one)
    aside.replace(other)
    assert f"{OTHER} should show" in told(refused(out, "image-swapped", VICTIM, (OTHER,)))
    refused(out, "image-swapped", OTHER, (VICTIM,))


@pytest.mark.parametrize("code", ["image-unreadable", "image-refused", "crop-outside", "image-missing", "image-unread"])
def test_a_picture_left_out_for_a_reason_that_is_none(true_outputs: dict[str, Path], tmp_path: Path, code: str) -> None:
    out = copied(true_outputs["yolo"], tmp_path / "out")
    image_at(out, VICTIM).unlink()
    image_at(out, f"{Path(VICTIM).stem}.txt").unlink()
    edit_rows(out, lambda row: row | {"output": None} if Path(row["source"]).name == VICTIM else row)
    place = image_at(photos("coco"), VICTIM).relative_to(photos("coco")).as_posix()
    reason = {"severity": "fault", "code": code, "path": place, "message": "cannot be read"}
    edit_record(out, findings=[*recorded(out)["findings"], reason])
    assert "image-missing" in codes(verify(out), VICTIM)


def test_a_picture_that_cannot_be_used_may_be_left_out(tmp_path: Path) -> None:
    source = copied(photos("yolo"), tmp_path / "source")
    image_at(source, VICTIM).write_bytes(image_at(source, VICTIM).read_bytes()[:900])
    deep = image_at(source, OTHER)
    Image.new("I;16", (64, 48)).save(deep, "PNG")
    out = make(tmp_path / "out", source, "coco", Recipe(Crop(20, 10, 900, 700)))
    assert {"image-refused", "image-unreadable"} <= {finding["code"] for finding in recorded(out)["findings"]}
    proof = verify(out)
    assert proof.holds, told(proof)


def test_a_picture_of_something_else(out: Path) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    redraw(image_at(out, VICTIM), lambda picture: Image.fromarray(noise).resize(picture.size))
    refused(out, "pixels-differ")


def test_a_picture_removed(out: Path) -> None:
    image_at(out, VICTIM).unlink()
    refused(out, "image-missing")


def test_a_picture_removed_with_its_labels_and_its_row(true_outputs: dict[str, Path], tmp_path: Path) -> None:
    out = copied(true_outputs["yolo"], tmp_path / "out")
    image_at(out, VICTIM).unlink()
    image_at(out, VICTIM.replace(".jpg", ".txt")).unlink()
    record = out / "bboxprep.images.jsonl"
    lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
    record.write_text("".join(line for line in lines if VICTIM not in line), encoding="utf-8")
    proof = refused(out, "image-missing")
    assert "count-differs" in codes(proof)


def test_a_picture_too_many(out: Path) -> None:
    path = image_at(out, VICTIM)
    shutil.copy(path, path.with_name("more.jpg"))
    refused(out, "image-extra", "more.jpg")


@pytest.mark.parametrize("orientation", [3, 6, 9])
def test_a_tag_put_back(out: Path, orientation: int) -> None:
    tag(image_at(out, VICTIM), orientation)
    refused(out, "tag-present")


def test_a_tag_in_xmp_alone(out: Path) -> None:
    path = image_at(out, VICTIM)
    packet = b'http://ns.adobe.com/xap/1.0/\0<rdf:Description tiff:Orientation="6"/>'
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(packet) + 2).to_bytes(2, "big") + packet + data[2:])
    refused(out, "tag-present")


def test_a_stale_affine(out: Path) -> None:
    edit_row(out, VICTIM, affine=[0.24, 0.0, 48.0, 0.0, 0.24, 1.0])
    fault = next(fault for fault in refused(out, "affine-stale").faults if fault.code == "affine-stale")
    assert fault.layer is Layer.GEOMETRIC


def test_a_stale_orientation(out: Path) -> None:
    edit_row(out, VICTIM, orientation=8)
    refused(out, "affine-stale")


def test_a_recipe_that_was_not_this_one(true_outputs: dict[str, Path], tmp_path: Path) -> None:
    out = copied(true_outputs["coco"], tmp_path / "out")
    edit_record(
        out, recipe={"upright": True, "steps": [{"letterbox": {"size": [384, 384]}}], "pad": 114, "kernel": "cubic"}
    )
    assert {"affine-stale", "box-moved", "image-mirrored"} <= codes(verify(out))


def test_a_picture_shifted_under_its_boxes_is_seen_by_the_pixels_alone(out: Path) -> None:
    step = round(384 * 0.03)
    redraw(image_at(out, VICTIM), lambda picture: Image.fromarray(np.roll(np.asarray(picture), step, axis=0)))
    proof = refused(out, "box-off-object")
    assert {fault.layer for fault in proof.faults} == {Layer.PIXEL}


@pytest.fixture(scope="module")
def large_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that are reduced by 2 before they are compared."""
    return make(tmp_path_factory.mktemp("large") / "out", photos("coco"), "yolo", Recipe(Letterbox(LARGE)))


LARGE = 2304  # px


def test_a_large_output_is_true(large_output: Path) -> None:
    proof = verify(large_output)
    assert proof.holds, told(proof)
    assert proof.tallies[2].checked > 40


def test_a_large_picture_shifted_under_its_boxes(large_output: Path, tmp_path: Path) -> None:
    out, step = copied(large_output, tmp_path / "out"), round(LARGE * 0.03)
    redraw(image_at(out, VICTIM), lambda picture: Image.fromarray(np.roll(np.asarray(picture), step, axis=0)))
    proof = refused(out, "box-off-object")
    assert {fault.layer for fault in proof.faults} == {Layer.PIXEL}
    assert all(fault.amount == pytest.approx(step, abs=12) for fault in proof.faults)


def test_a_box_of_a_large_picture_shifted_by_3_percent(large_output: Path, tmp_path: Path) -> None:
    out = copied(large_output, tmp_path / "out")
    edit_object(out, VICTIM, lambda edges, label: (beside(edges), label))
    assert "box-off-object" in codes(refused(out, "box-moved"), VICTIM)


def test_a_box_too_many_and_one_out_of_the_picture(true_outputs: dict[str, Path], tmp_path: Path) -> None:
    out = copied(true_outputs["yolo"], tmp_path / "out")
    label = image_at(out, VICTIM.replace(".jpg", ".txt"))
    label.write_text(label.read_text(encoding="utf-8") + "1 0.4 0.4 0.1 0.1\n0 0.95 0.5 0.2 0.2\n", encoding="utf-8")
    assert "outside-range" in codes(refused(out, "object-extra"), VICTIM)


def test_a_source_that_has_changed(tmp_path: Path) -> None:
    source = copied(photos("coco"), tmp_path / "source")
    out = make(tmp_path / "out", source, "coco", Recipe(Letterbox(256)))
    redraw(image_at(source, VICTIM), lambda picture: picture)
    refused(out, "source-changed")


def test_a_class_table_in_another_order(true_outputs: dict[str, Path], tmp_path: Path) -> None:
    out = copied(true_outputs["yolo"], tmp_path / "out")
    text = (out / "data.yaml").read_text(encoding="utf-8")
    swapped = text.replace('"person"', '"tmp"').replace('"car"', '"person"').replace('"tmp"', '"car"')
    (out / "data.yaml").write_text(swapped, encoding="utf-8")
    assert {"classes-differ", "label-changed"} <= codes(verify(out))


def test_an_id_that_stands_twice(true_outputs: dict[str, Path], tmp_path: Path) -> None:
    out = copied(true_outputs["coco"], tmp_path / "out")
    path = out / "annotations" / "instances_train.json"
    path.write_text(path.read_text(encoding="utf-8").replace('{"id":1002,', '{"id":1001,'), encoding="utf-8")
    assert "id-repeated" in codes(verify(out))


def test_lies_in_a_linked_output_do_not_touch_the_source(tmp_path: Path) -> None:
    source = copied(photos("yolo"), tmp_path / "source")
    out = make(tmp_path / "out", source, "yolo", Recipe())
    linked = image_at(out, "IMG_2001.jpg")
    linked.unlink()
    shutil.copy(image_at(source, "IMG_2001.jpg"), linked)
    redraw(linked, lambda picture: picture.transpose(Image.Transpose.ROTATE_180))
    refused(out, "image-turned", "IMG_2001.jpg")
