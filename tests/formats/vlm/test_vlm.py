"""JSON lines for vision-language models: real files, numbers of each model, answers as models write them, and trips."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import bboxprep
from bboxprep.errors import AnnotationError, LayoutError, UsageError
from bboxprep.formats.vlm.answers import TextBox, read_answer, write_answer
from bboxprep.formats.vlm.numbers import Processor, resized, step, to_boxes, to_numbers
from bboxprep.formats.vlm.options import MAX_PIXELS, MIN_PIXELS, Model, VlmWriteOptions
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset
from tests.tiny import NAMES, tiny

MODELS: tuple[str, ...] = get_args(Model)
DATA = Path(__file__).parents[3].parent / "shared" / "data" / "formats" / "vlm"
SIZE = (100, 50)
BOX = TextBox("cat", (10, 20, 30, 40))


def lines(root: Path, *records: Any, name: str = "train.jsonl", images: Sequence[str] = ("a.png",)) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for image in images:
        Image.new("RGB", SIZE).save(root / image)
    text = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in records)
    (root / name).write_text(text, encoding="utf-8")
    return root


def asked(answer: str, image: str = "a.png", prompt: str = "detect cat") -> dict[str, Any]:
    return {"image": image, "prefix": prompt, "suffix": answer}


def told(source: Dataset) -> Counter[str]:
    every = [*source.findings, *(finding for sample in source for finding in sample.findings)]
    return Counter(finding.code for finding in every)


REAL = {
    "toy/paligemma.jsonl": ("", 4, 5),
    "toy/florence2.jsonl": ("", 4, 5),
    "toy/qwen2vl.jsonl": ("", 4, 5),
    "toy/qwen25vl.jsonl": ("qwen2.5-vl", 4, 5),
    "toy/qwen3vl.jsonl": ("qwen3-vl", 4, 5),
    "assets/ODVG/od.json": ("", 1, 49),
    "assets/vlm_r1_ovd.jsonl": ("qwen2.5-vl", 3, 4),
}


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not here")
def test_real_files_hold_what_their_makers_say_and_one_scene_is_one_scene() -> None:
    scenes = []
    for name, (model, images, objects) in REAL.items():
        source = bboxprep.read(DATA / name, "vlm", model=model)
        assert (len(source), sum(sample.source_count for sample in source)) == (images, objects), name
        assert sum(len(sample.instances) for sample in source) == objects
        if name.startswith("toy/"):
            scenes.append([sample.boxes for sample in source])
    first, *others = scenes
    for scene in others:  # in the numbers of five models, of photos of 500 px
        assert all(np.abs(one - other).max(initial=0) < 1.5 for one, other in zip(first, scene, strict=True))
    for name in ("qwen25vl", "qwen3vl"):  # the numbers tell whose they are, and a finding says so
        source = bboxprep.read(DATA / f"toy/{name}.jsonl", "vlm")
        assert told(source) == {"task-assumed": 1}
        assert np.abs(source[0].boxes - first[0]).max() < 1.5


@pytest.mark.parametrize(
    ("size", "want"),
    [  # by transformers 5.24: of both sides, once beyond each bound
        ((640, 480), (644, 476)), ((500, 375), (504, 364)), ((4000, 3000), (1148, 840)), ((30, 20), (84, 56)),
        ((42, 70), (56, 56)), ((5, 900), (28, 756)), ((1003, 1003), (980, 980)),
    ],
)  # fmt: skip
def test_an_image_is_resized_as_the_processor_does(size: tuple[int, int], want: tuple[int, int]) -> None:
    assert resized(Size(*size), MIN_PIXELS, MAX_PIXELS) == Size(*want)
    assert resized(Size(*size[::-1]), MIN_PIXELS, MAX_PIXELS) == Size(*want[::-1])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(MODELS),
    st.tuples(st.integers(16, 1500), st.integers(16, 1500)).filter(lambda size: max(size) <= 4 * min(size)),
    st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=4),
)
def test_numbers_lie_within_the_step_of_the_model(
    model: Any, size: tuple[int, int], corners: list[tuple[float, float, float, float]]
) -> None:
    shares = np.sort(np.array(corners).reshape(-1, 2, 2), axis=1)
    boxes = (shares * np.array(size)).reshape(-1, 4)
    processor = Processor(model, MIN_PIXELS, MAX_PIXELS)
    numbers = to_numbers(boxes, Size(*size), processor)
    back = to_boxes(numbers, Size(*size), processor)
    assert (numbers[:, 2:] > numbers[:, :2]).all()
    assert (numbers >= 0).all()
    assert (np.abs(back - boxes) <= step(VlmWriteOptions(model=model)).of(boxes, Size(*size)) + 1e-9).all()
    assert (to_numbers(back, Size(*size), processor) == numbers).all()


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("paligemma", "<loc0020><loc0010><loc0040><loc0030> cat ; <loc0020><loc0010><loc0040><loc0030> a b"),
        ("florence-2", "cat<loc_10><loc_20><loc_30><loc_40>a b<loc_10><loc_20><loc_30><loc_40>"),
        ("qwen2-vl", "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(10,20),(30,40)<|box_end|>"
                     "<|object_ref_start|>a b<|object_ref_end|><|box_start|>(10,20),(30,40)<|box_end|>"),
        ("qwen3-vl", '[{"bbox_2d": [10, 20, 30, 40], "label": "cat"}, {"bbox_2d": [10, 20, 30, 40], "label": "a b"}]'),
    ],
)  # fmt: skip
def test_answers_are_written_as_the_models_have_them_and_read_back(model: str, text: str) -> None:
    boxes = (BOX, BOX._replace(name="a b"))
    assert write_answer(model, boxes) == text
    assert read_answer(text).boxes == boxes


@pytest.mark.parametrize(
    ("text", "count", "unreadable"),
    [
        ('```json\n[{"bbox_2d": [10, 20, 30, 40], "label": "cat"}]\n```', 1, 0),
        ("Sure: [{'bbox': [10, 20, 30, 40], 'name': 'cat'}] and that is all.", 1, 0),
        ('[{"bbox_2d": [10, 20, 30, 40], "label": "cat"}, {"bbox_2d": [1, 2', 1, 0),
        ('<think>[1]</think><answer>{"box_2d": [20, 10, 40, 30], "label": "cat"}</answer>', 1, 0),
        ('[{"bbox_2d": [10, 20, 30, 40], "label": "cat"}, {"bbox_2d": [1, 2, 3], "label": "dog"}, 5]', 1, 2),
        ('[{"bbox_2d": [1e999, 20, 30, 40], "label": "cat"}]', 0, 1),
        ("cat<loc_10><loc_20><loc_30><loc_40><loc_1><loc_2>", 1, 1),
        ("<loc0020><loc0010><loc0040><loc0030> cat ; <loc0020><loc0010> dog", 1, 1),
        ("<|object_ref_start|>cat<|object_ref_end|><|box_start|>(10,20),(30,40)<|box_end|><|box_start|>(1", 1, 1),
        ("None", 0, 0),
        ("I see nothing of that kind.", 0, 1),
    ],
)
def test_answers_of_models_are_read_as_far_as_they_go(text: str, count: int, unreadable: int) -> None:
    answer = read_answer(text)
    assert (len(answer.boxes), answer.unreadable) == (count, unreadable)
    assert set(answer.boxes) <= {BOX}


@pytest.mark.parametrize("model", MODELS)
def test_what_is_written_for_a_model_is_read_without_an_option(tmp_path: Path, model: str) -> None:
    source = tiny(tmp_path / "source", range(3))
    out = bboxprep.convert(source, tmp_path / "out", "vlm", model=model, sidecar=False)
    back = bboxprep.read(tmp_path / "out")
    assert back.categories.names == NAMES
    assert told(back) == {}
    known = {sample.name.stem: sample for sample in bboxprep.read(source)}
    for sample in back:
        want = known[sample.name.stem]
        assert sample.class_names == want.class_names
        edges = step(VlmWriteOptions(model=model)).of(want.boxes, want.size)  # type: ignore[arg-type]
        assert (np.abs(sample.boxes - want.boxes) <= edges + 1e-9).all()
    assert bboxprep.verify(tmp_path / "out", source).holds, out


def test_verify_catches_numbers_that_are_taken_for_those_of_another_model(tmp_path: Path) -> None:
    source = tiny(tmp_path / "source", range(3), (480, 320))
    bboxprep.convert(source, tmp_path / "out", "vlm", model="qwen2.5-vl")
    path = tmp_path / "out" / "train.jsonl"
    assert bboxprep.verify(tmp_path / "out", source).holds
    text = path.read_text(encoding="utf-8").replace("[", "[ ")
    path.write_text(text.replace('"bbox_2d\\": [ ', '"bbox_2d\\": [ 9'), encoding="utf-8")
    assert not bboxprep.verify(tmp_path / "out", source).holds


def test_the_prompt_of_paligemma_and_one_of_a_template_name_the_classes(tmp_path: Path) -> None:
    source = tiny(tmp_path / "source", range(1))
    bboxprep.convert(source, tmp_path / "a", "vlm", model="paligemma")
    bboxprep.convert(source, tmp_path / "b", "vlm", prompt="Where are {classes}?")
    first, second = (json.loads((tmp_path / name / "train.jsonl").read_text()) for name in "ab")
    assert first["prefix"] == f"detect {' ; '.join(NAMES)}"
    assert second["conversations"][0]["value"] == f"<image>\nWhere are {', '.join(NAMES)}?"


def test_lines_about_one_image_are_one_image(tmp_path: Path) -> None:
    box = "<loc0100><loc0100><loc0500><loc0500>"
    source = bboxprep.read(lines(tmp_path, asked(f"{box} cat"), asked(f"{box} dog", prompt="detect dog")))
    assert [sample.class_names for sample in source] == [("cat", "dog")]
    assert told(source) == {"image-repeated": 1}


def test_what_cannot_be_read_is_told_with_its_line(tmp_path: Path) -> None:
    root = lines(tmp_path, asked("<loc0001>"), "{", {"image": "b.png"}, asked("", "../c.png"), asked("", "d.png"))
    source = bboxprep.read(root, "vlm")
    assert told(source) == {"record-unreadable": 3, "image-missing": 2}
    assert [finding.where for finding in source.findings] == ["line 2", "line 3"]
    assert sum(sample.source_count for sample in source) == 1


@pytest.mark.parametrize(
    "name", ["_annotations.valid.jsonl", "valid.jsonl", "valid/annotations.jsonl", "valid/_annotations.jsonl"]
)
def test_the_split_is_that_of_the_file_or_its_folder(tmp_path: Path, name: str) -> None:
    folder, _, file = name.rpartition("/")
    lines(tmp_path / folder, asked(""), name=file)
    assert [sample.split for sample in bboxprep.read(tmp_path)] == ["val"]


def test_messages_with_parts_are_read(tmp_path: Path) -> None:
    content = [{"type": "image"}, {"type": "text", "text": "find"}]
    answer = [{"type": "text", "text": '[{"bbox_2d": [100, 200, 300, 400], "label": "cat"}]'}]
    record = {
        "images": ["a.png"],
        "messages": [{"role": "user", "content": content}, {"role": "assistant", "content": answer}],
    }
    source = bboxprep.read(lines(tmp_path, record), model="qwen3-vl")
    assert source[0].boxes.tolist() == [[10.0, 10.0, 30.0, 20.0]]


@pytest.mark.parametrize(("model", "name"), [("paligemma", "a;b"), ("florence-2", "a<b"), ("qwen3-vl", " a")])
def test_a_class_that_the_text_cannot_hold_is_refused(tmp_path: Path, model: str, name: str) -> None:
    source = tiny(tmp_path / "source", range(1))
    (source / "data.yaml").write_text(f"train: images/train\nnames: [{json.dumps(name)}, dog]\n", encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"class name: have .*, want one line of text"):
        bboxprep.convert(source, tmp_path / "out", "vlm", model=model)


def test_bounds_that_no_image_fits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`min_pixels` 9,000 and `max_pixels` 800"):
        VlmWriteOptions(min_pixels=9000, max_pixels=800)


def test_a_folder_without_lines_is_refused_with_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="no JSON lines of images and answers here"):
        bboxprep.read(lines(tmp_path, {"file_name": "a.png"}, name="metadata.jsonl"), "vlm")
