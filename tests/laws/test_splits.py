"""One vocabulary of splits: a word means the same in every format and every layout, and training words are augmented.

What a format wrote is renamed: each name that says "train" says another word. So the law holds for whatever is
registered. Layouts that others write and we read are built by hand.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

import bboxprep
from bboxprep import formats
from bboxprep.formats import image_tree
from bboxprep.model import splits
from bboxprep.model.dataset import Dataset
from bboxprep.model.splits import TEST, TRAIN, VAL
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.geometric import Flip
from bboxprep.recipe.recipe import Recipe
from tests.conformance.examples import in_turn
from tests.invoked import run
from tests.tiny import tiny

pytest.importorskip("fsspec", reason="fsspec is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")

MEANING = {
    **dict.fromkeys(("train", "training", "trn", "train2014", "Train2017", "my_train"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "val2017", "my_val"), VAL),
    **dict.fromkeys(("test", "testing", "TEST", "test2017", "test-dev", "my_test"), TEST),
    **{word: word for word in ("trainval", "minival")},
}
COPIES = Recipe(augment=Augment(Flip("horizontal", p=0.5), copies=3))
Outputs = Mapping[str, tuple[Path, Path]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """Of each format two outputs with two training images."""
    root = tmp_path_factory.mktemp("written")
    sources = [tiny(root / f"source{at}", range(2 * at, 2 * at + 2)) for at in range(2)]
    return {name: (_written(sources[0], name), _written(sources[1], name)) for name in formats.written()}


def _written(source: Path, to: str) -> Path:
    made = source.with_name(f"{source.name}-{to}")
    bboxprep.convert(source, made, to, sidecar=False)
    return made


@pytest.fixture
def forgetful() -> Iterator[pytest.MonkeyPatch]:
    """A way to change the vocabulary for one test."""
    cached = (splits.known_split, splits.is_word, image_tree._place, image_tree._inner)
    with pytest.MonkeyPatch.context() as patched:
        for one in cached:
            one.cache_clear()
        yield patched
    for one in cached:
        one.cache_clear()


def renamed(made: Path, root: Path, word: str) -> Path:
    """The labels and images of `made` at `root`, the split "train" called `word`; added to what is there."""
    say = partial(re.compile(r"(?<![A-Za-z])train(?![A-Za-z])").sub, word)
    for path in sorted(made.rglob("*")):
        below = path.relative_to(made)
        if path.is_dir() or below.parts[0].startswith((".bboxprep", "bboxprep.")):
            continue
        place = root.joinpath(*map(say, below.parts))
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.suffix == ".ndjson" and place.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)[1:]
            place.write_text(place.read_text(encoding="utf-8") + say("".join(lines)), encoding="utf-8")
            continue
        if place.suffix == ".ndjson":
            place.write_text(say(path.read_text(encoding="utf-8")), encoding="utf-8")
            continue
        if place.suffix != ".yaml":
            place.write_bytes(path.read_bytes())
            continue
        text = path.read_text(encoding="utf-8")
        first = "" if not place.exists() else say(text.splitlines()[0]) + "\n"
        place.write_text(first + place.read_text(encoding="utf-8") if first else say(text), encoding="utf-8")
    return root


def images(dataset: Dataset) -> dict[str, int]:
    """How many images there are in each split."""
    assert {sample.split for sample in dataset} <= {*dataset.splits}
    assert all(sample.header and len(sample.instances) == 2 for sample in dataset)
    return {split: sum(sample.split == split for sample in dataset) for split in dataset.splits}


def words_in_turn() -> list[tuple[str, str]]:
    """Each word with every third format, and each format with every third word."""
    pairs = (
        (row + place, name, word) for row, name in enumerate(formats.written()) for place, word in enumerate(MEANING)
    )
    return [(name, word) for number, name, word in pairs if number % 3 == 0]


def both(made: tuple[Path, Path], root: Path, one: str, other: str) -> Path:
    """A source at `root` of two splits, called `one` and `other`."""
    return renamed(made[1], renamed(made[0], root, one), other)


@pytest.mark.parametrize(("format", "word"), words_in_turn())
def test_a_word_is_one_split_in_every_format_and_trained_on_if_it_says_so(
    tmp_path: Path, written: Outputs, format: str, word: str
) -> None:
    source, split = both(written[format], tmp_path / "set", word, "holdout"), MEANING[word]
    assert images(bboxprep.read(source)) == {split: 2, "holdout": 2}
    outcome = bboxprep.convert(source, tmp_path / "out", "coco", COPIES)
    assert outcome.account.images_out == {split: 6 if split == TRAIN else 2, "holdout": 2}
    assert images(bboxprep.read(tmp_path / "out")) == outcome.account.images_out


@pytest.mark.parametrize("format", formats.written())
def test_an_unknown_word_is_train_alone(tmp_path: Path, written: Outputs, format: str) -> None:
    source = renamed(written[format][0], tmp_path / "set", "v2")
    assert images(bboxprep.read(source)) == {TRAIN: 2}
    assert bboxprep.convert(source, tmp_path / "out", "coco", COPIES).account.images_out == {TRAIN: 6}


@pytest.mark.parametrize(
    ("format", "shares"), in_turn(formats.written(), ["holdout=1", "training=0.5,dev=0.3,holdout=0.2"])
)
def test_a_new_split_is_proven_whatever_its_names(tmp_path: Path, written: Outputs, format: str, shares: str) -> None:
    sources = written["yolo"]
    out = tmp_path / "out"
    assert run("convert", *sources, out, "--to", format, "--split", shares).exit_code == 0
    done = run("verify", out)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("format", formats.written())
def test_two_words_of_one_split_lose_no_image(tmp_path: Path, written: Outputs, format: str) -> None:
    source = both(written[format], tmp_path / "set", "train", "train2017")
    dataset = bboxprep.read(source)
    assert images(dataset) == {TRAIN: 4}
    assert len({sample.name for sample in dataset}) == 4
    assert bboxprep.convert(source, tmp_path / "out", "yolo", COPIES).account.images_out == {TRAIN: 12}


@pytest.mark.parametrize("word", sorted(splits.WORDS))
@pytest.mark.parametrize("format", formats.written())
def test_a_word_that_the_vocabulary_lacks_is_noticed(
    tmp_path: Path, written: Outputs, forgetful: pytest.MonkeyPatch, format: str, word: str
) -> None:
    forgetful.setattr(splits, "WORDS", {known: split for known, split in splits.WORDS.items() if known != word})
    source = both(written[format], tmp_path / "set", f"my_{word}", "holdout")
    assert images(bboxprep.read(source)) == {f"my_{word}": 2, "holdout": 2}, f"{format} has words of its own"


def _yolo(root: Path, folder: str) -> Path:
    """Two images of YOLO in `folder`, which "images" is part of, and no data.yaml."""
    source = tiny(root / "made", range(2))
    for kind in ("images", "labels"):
        place = root / "set" / folder.replace("images", kind)
        place.parent.mkdir(parents=True, exist_ok=True)
        (source / kind / "train").rename(place)
    return root / "set"


def _voc(root: Path, photos: str, labels: str) -> Path:
    """Two images of VOC in the folders `photos` and `labels`, and no lists."""
    bboxprep.convert(tiny(root / "made", range(2)), root / "voc", "voc", sidecar=False)
    for made, place in (("JPEGImages", root / "set" / photos), ("Annotations", root / "set" / labels)):
        place.mkdir(parents=True, exist_ok=True)
        for path in (root / "voc" / made).iterdir():
            path.rename(place / path.name)
    return root / "set"


def _coco(root: Path, document: str, photos: str) -> Path:
    """Two images of COCO in the folder `photos`, and their `document`."""
    bboxprep.convert(tiny(root / "made", range(2)), root / "coco", "coco", sidecar=False)
    for path, place in (("annotations/instances_train.json", document), ("train", photos)):
        (root / "set" / place).parent.mkdir(parents=True, exist_ok=True)
        (root / "coco" / path).rename(root / "set" / place)
    return root / "set"


def _data_yaml(root: Path, word: str) -> Path:
    source = _yolo(root, f"images/{word}")
    (source / "data.yaml").write_text(f"{word}: images/{word}\nnames: [cat, dog]\n", encoding="utf-8")
    return source


def _darknet(root: Path, word: str) -> Path:
    source = _yolo(root, f"{word}/images")
    lines = [f"{word}/images/{number:05}.jpg" for number in range(2)]
    (source / "some.txt").write_text("\n".join(lines), encoding="utf-8")
    (source / "obj.data").write_text(f"classes = 2\n{word} = some.txt\nnames = obj.names\n", encoding="utf-8")
    (source / "obj.names").write_text("cat\ndog\n", encoding="utf-8")
    return source


LAYOUTS: dict[str, Callable[[Path, str], Path]] = {
    "yolo: images/<word>": lambda root, word: _yolo(root, f"images/{word}"),
    "yolo: <word>/images": lambda root, word: _yolo(root, f"{word}/images"),
    "yolo: the folder itself": lambda root, word: _yolo(root, f"{word}/images") / word,
    "yolo: data.yaml": _data_yaml,
    "yolo: .data": _darknet,
    "coco: keypoints": lambda root, word: _coco(root, f"annotations/person_keypoints_{word}.json", f"{word}/images"),
    "coco: a document of a name": lambda root, word: _coco(root, f"{word}.json", f"{word}/images"),
    "coco: a document in a folder": lambda root, word: _coco(root, f"gt/{word}_gt.json", "images"),
    "coco: roboflow": lambda root, word: _coco(root, f"{word}/_annotations.coco.json", f"{word}/images"),
    "coco: the folder itself": lambda root, word: _coco(root, f"{word}/labels.json", f"{word}/images") / word,
    "coco: the document itself": lambda root, word: (
        _coco(root, f"annotations/instances_{word}.json", f"images/{word}") / f"annotations/instances_{word}.json"
    ),
    "voc: <word>": lambda root, word: _voc(root, word, word),
    "voc: <word>/images": lambda root, word: _voc(root, f"{word}/images", f"{word}/annotations"),
    "voc: images/<word>": lambda root, word: _voc(root, f"images/{word}", "annotations"),
    "voc: the folder itself": lambda root, word: _voc(root, f"{word}/images", f"{word}/annotations") / word,
}


@pytest.mark.parametrize(
    "word", ["trn", "train2014", "valid", "dev", "eval", "my_val", "testing", "test-dev", "minival"]
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_word_is_one_split_in_every_layout(tmp_path: Path, layout: str, word: str) -> None:
    for_people = layout.endswith("the folder itself") and word.startswith("my_")  # see `bboxprep.model.splits`
    assert images(bboxprep.read(LAYOUTS[layout](tmp_path, word))) == {TRAIN if for_people else MEANING[word]: 2}


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
@pytest.mark.parametrize("word", ["valid", "TEST", "v2"])
@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout.endswith("the folder itself")])
def test_an_archive_names_the_split_that_its_folder_would_name(
    tmp_path: Path, layout: str, word: str, kind: str
) -> None:
    folder = LAYOUTS[layout](tmp_path, word)
    archive = shutil.make_archive(str(tmp_path / "packed" / word), kind, folder)
    assert images(bboxprep.read(archive)) == images(bboxprep.read(folder)) == {MEANING.get(word, TRAIN): 2}
