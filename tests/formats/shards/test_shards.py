"""WebDataset and Parquet: what is packed is what was made, comes back as it was, and others read it."""

from __future__ import annotations

import json
import os
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bboxprep
from bboxprep import Augment, Flip, Letterbox, Recipe
from bboxprep.errors import AnnotationError, BboxprepError, LayoutError, StorageError, TargetError, UsageError
from bboxprep.formats import shards
from bboxprep.formats.shard_numbers import STAGE
from bboxprep.io import parquet_rows
from bboxprep.io.parquet_rows import ParquetFiles
from tests.tiny import tiny, tree

pytest.importorskip("fsspec", reason="fsspec is not installed")
pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

FIXTURES = Path(__file__).parents[3] / "fixtures"
SHARDED = ("webdataset", "parquet")
RECIPE = Recipe(Letterbox(96))


def photos(files: dict[str, str]) -> dict[str, str]:
    """The files of a tree that are neither record nor account."""
    return {name: digest for name, digest in files.items() if not name.startswith("bboxprep.")}


@pytest.mark.parametrize("source", ["phone-photos-coco", "phone-photos-yolo", "phone-photos-voc"])
@pytest.mark.parametrize("to", SHARDED)
def test_what_was_packed_comes_back_byte_for_byte(tmp_path: Path, to: str, source: str) -> None:
    bboxprep.convert(FIXTURES / source, tmp_path / "packed", to, RECIPE, shard=3)
    bboxprep.convert(tmp_path / "packed", tmp_path / "back", "coco")
    bboxprep.convert(FIXTURES / source, tmp_path / "direct", "coco", RECIPE)
    assert photos(tree(tmp_path / "back")) == photos(tree(tmp_path / "direct"))


@pytest.mark.parametrize("to", SHARDED)
def test_the_labels_alone_hold_every_box_class_crowd_area_and_number(tmp_path: Path, to: str) -> None:
    bboxprep.convert(FIXTURES / "phone-photos-coco", tmp_path / "packed", to, sidecar=False)
    bboxprep.convert(FIXTURES / "phone-photos-coco", tmp_path / "coco", "coco", sidecar=False)
    packed = {sample.name: sample for sample in bboxprep.read(tmp_path / "packed")}
    for sample in bboxprep.read(tmp_path / "coco"):
        mine, theirs = packed[sample.name].instances, sample.instances
        assert mine.boxes.tolist() == theirs.boxes.tolist()
        for column in ("labels", "crowd", "areas", "ids"):
            assert np.array_equal(getattr(mine, column), getattr(theirs, column), equal_nan=column == "areas")


@pytest.mark.parametrize("to", SHARDED)
def test_workers_repeated_runs_and_resumed_ones_give_one_tree(
    tmp_path: Path, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny(tmp_path / "source", range(20))
    options: dict[str, Any] = {"labels_in": "displayed", "shard": 6}
    bboxprep.convert(source, tmp_path / "one", to, RECIPE, **options)
    bboxprep.convert(source, tmp_path / "two", to, RECIPE, workers=2, **options)
    whole = tree(tmp_path / "one")
    assert tree(tmp_path / "two") == whole
    assert not (tmp_path / "one" / STAGE).exists()
    assert bboxprep.convert(source, tmp_path / "one", to, RECIPE, **options).fresh == 0
    with monkeypatch.context() as patched:
        _break_packing(patched, to)
        with pytest.raises(TargetError, match="broken"):
            bboxprep.convert(source, tmp_path / "broken", to, RECIPE, **options)
    assert (tmp_path / "broken" / "bboxprep.incomplete").exists()
    resumed = bboxprep.convert(source, tmp_path / "broken", to, RECIPE, resume=True, **options)
    assert resumed.fresh == 0
    assert tree(tmp_path / "broken") == whole


def _break_packing(patched: pytest.MonkeyPatch, to: str) -> None:
    """The third shard cannot be written."""
    from bboxprep.formats.parquet import table
    from bboxprep.formats.webdataset import tar

    module: Any = {"parquet": table, "webdataset": tar}[to]
    pack = module.pack

    def broken(shard: Path, *rest: Any) -> None:
        if "00002" in shard.name:
            raise TargetError("broken")
        pack(shard, *rest)

    patched.setattr(module, "pack", broken)


@pytest.mark.parametrize("to", SHARDED)
def test_a_source_that_changes_is_packed_anew(tmp_path: Path, to: str) -> None:
    source = tiny(tmp_path / "source", range(8))
    bboxprep.convert(source, tmp_path / "out", to, labels_in="displayed", shard=5)
    tiny(source, range(11))
    bboxprep.convert(source, tmp_path / "out", to, labels_in="displayed", shard=5)
    bboxprep.convert(source, tmp_path / "new", to, labels_in="displayed", shard=5)
    assert tree(tmp_path / "out") == tree(tmp_path / "new")


@pytest.mark.parametrize("to", SHARDED)
def test_a_shard_that_was_changed_behind_our_back_is_made_again(tmp_path: Path, to: str) -> None:
    source = tiny(tmp_path / "source", range(4))
    bboxprep.convert(source, tmp_path / "out", to, labels_in="displayed")
    whole = tree(tmp_path / "out")
    shard = next(path for path in (tmp_path / "out").rglob("train-*") if path.is_file())
    shard.write_bytes(b"something else")
    bboxprep.convert(source, tmp_path / "out", to, labels_in="displayed")
    assert tree(tmp_path / "out") == whole


@pytest.mark.parametrize("to", SHARDED)
def test_an_image_that_is_left_out_leaves_its_neighbours_in_their_places(tmp_path: Path, to: str) -> None:
    source = tiny(tmp_path / "source", range(6))
    (source / "images" / "train" / "00002.jpg").write_bytes(b"\xff\xd8\xff\xe0broken")
    done = bboxprep.convert(source, tmp_path / "out", to, RECIPE, labels_in="displayed", shard=4)
    assert sum(done.account.images_out.values()) == 5
    proof = bboxprep.verify(tmp_path / "out", against=source)
    assert not proof.faults


@pytest.mark.parametrize("to", SHARDED)
def test_an_image_that_nobody_has_labelled_is_not_one_without_objects(tmp_path: Path, to: str) -> None:
    source = tiny(tmp_path / "source", range(3))
    (source / "labels" / "train" / "00000.txt").unlink()
    (source / "labels" / "train" / "00001.txt").write_text("", encoding="utf-8")
    bboxprep.convert(source, tmp_path / "out", to, labels_in="displayed")
    found = {str(sample.name): sample.labelled for sample in bboxprep.read(tmp_path / "out")}
    assert found == {"00000.jpg": False, "00001.jpg": True, "00002.jpg": True}


def rows_of(root: Path) -> dict[str, list[dict[str, Any]]]:
    """The labels in the shards at `root`, by split, as other programs read them."""
    from pyarrow import parquet

    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(root.rglob("*-0*.*")):
        if path.suffix == ".tar":
            with tarfile.open(path) as file:
                members = [file.extractfile(name) for name in file.getnames() if name.endswith(".json")]
                rows = [json.loads(member.read()) for member in members if member]
        else:
            rows = parquet.read_table(path).to_pylist()
        found.setdefault(path.name.split("-")[0], []).extend(rows)
    return found


TWICE = Recipe(augment=Augment(Flip("horizontal", p=0.5), copies=2))


@pytest.mark.parametrize(
    ("source", "recipe"),
    [("bare", Recipe()), *((name, recipe) for name in ("coco", "yolo", "voc") for recipe in (RECIPE, TWICE))],
)
@pytest.mark.parametrize("to", SHARDED)
def test_a_trainer_finds_a_number_wherever_it_wants_one(tmp_path: Path, to: str, source: str, recipe: Recipe) -> None:
    root = FIXTURES / f"phone-photos-{source}"
    if source == "bare":
        root = tiny(tmp_path / "bare", range(4))
        (root / "labels" / "train" / "00000.txt").unlink()
        (root / "labels" / "train" / "00001.txt").write_text("", encoding="utf-8")
    bboxprep.convert(root, tmp_path / "out", to, recipe, shard=3)
    for rows in rows_of(tmp_path / "out").values():
        ids = [number for row in rows for number in row["objects"]["id"]]
        for numbers in ([row["image_id"] for row in rows], ids):
            assert len(set(numbers)) == len(numbers)
            assert all(isinstance(number, int) and number > 0 for number in numbers)
            if source != "coco":
                assert numbers == list(range(1, len(numbers) + 1))
        for row in rows:
            objects = row["objects"]
            assert len({len(values) for values in objects.values()}) == 1
            for (_, _, width, height), area in zip(objects["bbox"], objects["area"], strict=True):
                assert 0 < area <= width * height * 1.001 or source == "coco"


def test_others_read_them_with_boxes_classes_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    for to in SHARDED:
        bboxprep.convert(FIXTURES / "phone-photos-coco", tmp_path / to, to, RECIPE, shard=3)
    known = {sample.id: sample for sample in bboxprep.read(tmp_path / "parquet") if sample.split == "train"}
    names = bboxprep.read(tmp_path / "parquet").categories.names
    where: dict[str, Any] = {"split": "train", "cache_dir": str(tmp_path / "cache")}
    files = {"train": str(tmp_path / "parquet" / "data" / "train-*.parquet")}
    rows = datasets.load_dataset("parquet", data_files=files, **where)
    assert list(rows.features["objects"]["category"].feature.names) == list(names)
    files = {"train": str(tmp_path / "webdataset" / "train-*.tar")}
    members = datasets.load_dataset("webdataset", data_files=files, **where)
    assert len(rows) == len(members) == len(known) == 8
    jpegs = [({"image": row["jpg"]}, row["json"]) for row in members if row["jpg"]]  # it knows the columns of the first
    assert len(jpegs) == 7
    for row, said in [*((row, row) for row in rows), *jpegs]:
        sample = known[said["image_id"]]
        boxes = np.array(said["objects"]["bbox"]).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        assert boxes.tolist() == sample.instances.boxes.tolist()
        assert said["objects"]["category"] == sample.instances.labels.tolist()
        assert row["image"].size == sample.size == (96, 96)


def test_a_dataset_that_others_have_written_is_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    boxes = {"bbox": [[4.0, 6.0, 20.0, 10.5]], "category": [1], "area": [210.0], "id": [7]}
    objects = {
        "bbox": datasets.Sequence(datasets.Sequence(datasets.Value("float32"), length=4)),
        "category": datasets.Sequence(datasets.ClassLabel(names=["helmet", "glove"])),
        "area": datasets.Sequence(datasets.Value("float32")),
        "id": datasets.Sequence(datasets.Value("int64")),
    }
    features = datasets.Features({"image_id": datasets.Value("int64"), "image": datasets.Image(), "objects": objects})
    picture = Image.fromarray(np.full((32, 48, 3), 90, np.uint8))
    rows = {"image_id": [3, 4], "image": [picture, picture], "objects": [boxes, {name: [] for name in boxes}]}
    (tmp_path / "data").mkdir()
    made = datasets.Dataset.from_dict(rows, features=features)
    made.to_parquet(str(tmp_path / "data" / "train-00000-of-00001.parquet"))
    first, second = bboxprep.read(tmp_path)
    assert bboxprep.read(tmp_path).categories.names == ("helmet", "glove")
    assert first.instances.boxes.tolist() == [[4.0, 6.0, 24.0, 16.5]]
    assert (first.id, first.size, first.instances.labels.tolist()) == (3, (48, 32), [1])
    assert len(second.instances) == 0
    assert first.pixels().mean() == 90


def tar_of(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as file:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, BytesIO(data))


@pytest.fixture
def picture() -> bytes:
    out = BytesIO()
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("labels", "listed", "kept", "words"),
    [
        (b"no json", 0, 0, "not as they should be"),
        (b'{"file_name": "\xaf"}', 0, 0, "not as they should be"),
        (b'{"objects": {"bbox": [[1, 2, 3]], "category": [0]}}', 0, 0, "not as they should be"),
        (b'{"objects": {"bbox": [[1, 2, 3, 4]], "category": [99999999999999999999]}}', 0, 0, "not as they should be"),
        (b'{"objects": {"bbox": [[1, 2, 3, 4]], "category": []}}', 1, 0, "differ in length"),
        (b'{"objects": {"bbox": [[1, 2, 3, 4], [1, 2, 3, 4]], "category": [0, 7]}}', 2, 1, "none of the 1"),
        (b'{"objects": {"bbox": [[1, 2, 3, 4]], "category": [-1]}}', 1, 0, "none of the 1"),
    ],
)
def test_labels_that_cannot_be_used_are_told(
    tmp_path: Path, picture: bytes, labels: bytes, listed: int, kept: int, words: str
) -> None:
    tar_of(tmp_path / "train-00000.tar", {"a.jpg": picture, "a.json": labels})
    (tmp_path / shards.CLASSES).write_text('["cat"]', encoding="utf-8")
    (sample,) = bboxprep.read(tmp_path)
    assert (sample.source_count, len(sample.instances)) == (listed, kept)
    (finding,) = (finding for finding in sample.findings if finding.code == "record-unreadable")
    assert words in finding.message
    assert sample.source_count == len(sample.instances) + finding.objects


def test_labels_without_a_picture_are_told_with_their_objects(tmp_path: Path, picture: bytes) -> None:
    labels = b'{"objects": {"bbox": [[1, 2, 3, 4], [1, 2, 3, 4]], "category": [0, 0]}}'
    members = {"a.jpg": picture, "a.json": labels, "b.json": labels, "c.xyz": picture, "c.json": labels}
    tar_of(tmp_path / "val-00000.tar", members)
    tar_of(tmp_path / "train-00000.tar", {"a.jpg": picture})
    (tmp_path / shards.CLASSES).write_text('["cat"]', encoding="utf-8")
    found = [(one.code, one.path, one.objects, one.split) for one in bboxprep.read(tmp_path).findings]
    assert found == [("label-orphan", f"val-00000.tar/{name}.json", 2, "val") for name in "bc"]


@pytest.mark.parametrize("name", ["../../evil.jpg", "/etc/evil.jpg", "C:/evil.jpg", "nul\0.jpg", ""])
def test_a_name_that_leads_elsewhere_is_not_taken(tmp_path: Path, picture: bytes, name: str) -> None:
    labels = json.dumps({"file_name": name, "objects": {"bbox": [], "category": []}}).encode()
    tar_of(tmp_path / "train-00000.tar", {"a.jpg": picture, "a.json": labels})
    (tmp_path / shards.CLASSES).write_text('["cat"]', encoding="utf-8")
    (sample,) = bboxprep.read(tmp_path)
    assert str(sample.name) == "a.jpg"


@pytest.mark.parametrize("name", ["train-00000.tar", "data/train-00000.parquet"])
def test_a_file_that_is_no_shard_is_one_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / name).write_bytes(os.urandom(4096))
    (tmp_path / shards.CLASSES).write_text('["cat"]', encoding="utf-8")
    with pytest.raises(StorageError, match=Path(name).name):
        bboxprep.read(tmp_path)


def test_classes_that_are_missing_or_none_are_one_error(tmp_path: Path, picture: bytes) -> None:
    tar_of(tmp_path / "train-00000.tar", {"a.jpg": picture})
    with pytest.raises(AnnotationError, match=r"classes\.json: is missing"):
        bboxprep.read(tmp_path, "webdataset")
    for data in (b"7", b'["\xaf"]'):
        (tmp_path / shards.CLASSES).write_bytes(data)
        with pytest.raises(AnnotationError, match=r"classes\.json: is no list of names"):
            bboxprep.read(tmp_path)
    with pytest.raises(LayoutError, match="no parquet here"):
        bboxprep.read(tmp_path, "parquet")


def test_a_shard_of_nothing_is_refused_and_so_is_the_option_of_another_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`shard`: have 0, want at least 1"):
        bboxprep.convert(FIXTURES / "phone-photos-yolo", tmp_path / "out", "webdataset", shard=0)
    with pytest.raises((BboxprepError, TypeError)):
        bboxprep.convert(FIXTURES / "phone-photos-yolo", tmp_path / "out", "yolo", shard=3)


def parquet_of(file: Path, image: bytes, path: str, rows: int) -> Path:
    """A Parquet file whose rows all have the same image, which is in it once."""
    repeated = pa.array([0] * rows, pa.int32())
    columns = [pa.DictionaryArray.from_arrays(repeated, [one]) for one in (image, path)]
    table = pa.table({"image": pa.StructArray.from_arrays(columns, ["bytes", "path"]), "objects": [None] * rows})
    parquet.write_table(table, file, dictionary_pagesize_limit=1 << 24, compression="zstd")
    return file


def test_an_image_that_all_rows_of_a_parquet_file_share_is_in_memory_once(tmp_path: Path) -> None:
    file = parquet_of(tmp_path / "train-00000.parquet", b"\xff\xd8" + bytes(900_000), "a.jpg", 500)
    assert file.stat().st_size < 10_000
    before = pa.total_allocated_bytes()
    files = ParquetFiles(str(file), BytesIO(file.read_bytes()), "1")
    assert len(files.cat_file("00000499.jpg")) == 900_002
    assert pa.total_allocated_bytes() - before < 20_000_000


def test_a_parquet_file_that_would_unpack_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = parquet_of(tmp_path / "train-00000.parquet", b"", "x" * 5_000, 300)
    with pytest.raises(StorageError, match="has a path of more than 4,096 bytes"):
        ParquetFiles(str(file), BytesIO(file.read_bytes()), "1").ls("")
    monkeypatch.setattr(parquet_rows, "_MOST_UNPACKED", 2_000)
    parquet_of(file, b"", "a.jpg", 300)
    with pytest.raises(StorageError, match=r"row group 0 unpacks to [\d,]+ bytes, want at most [\d,]+"):
        ParquetFiles(str(file), BytesIO(file.read_bytes()), "1")
    monkeypatch.setattr(parquet_rows, "_MOST_ROWS", 299)
    with pytest.raises(StorageError, match="has 300 rows, want at most 299"):
        ParquetFiles(str(file), BytesIO(file.read_bytes()), "1")


def test_images_of_several_kinds_are_told_where_readers_take_one(tmp_path: Path) -> None:
    images = tmp_path / "source" / "images"
    images.mkdir(parents=True)
    for name in ("a.jpg", "b.jpeg", "c.png"):
        Image.new("RGB", (40, 30), (90, 90, 90)).save(images / name)
    (tmp_path / "source" / "data.yaml").write_text("train: images\nnames: [cat]\n", encoding="utf-8")
    told = {}
    for to in SHARDED:
        for kind in ("keep", "jpg"):
            outcome = bboxprep.convert(tmp_path / "source", tmp_path / f"{to}-{kind}", to, image_format=kind)
            told[to, kind] = [one.message for one in outcome.account.findings if one.code == "image-mixed"]
    words = "2 jpg, 1 png: readers of WebDataset may lose all but one kind; `image_format='jpg'` makes them one"
    assert told.pop(("webdataset", "keep")) == [words]
    assert not any(told.values())
    with tarfile.open(tmp_path / "webdataset-keep" / "train-00000.tar") as archive:
        names = archive.getnames()
        records = [json.loads(archive.extractfile(name).read()) for name in names if name.endswith(".json")]  # type: ignore[union-attr]
    assert sorted({Path(name).suffix for name in names}) == [".jpg", ".json", ".png"]
    assert [record["file_name"] for record in records] == ["a.jpg", "b.jpeg", "c.png"]
