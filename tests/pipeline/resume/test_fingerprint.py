from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import pytest

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.io.hashing import bytes_sha256, file_sha256
from bboxprep.model.batch import Batch
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Frame, Sample
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.resume import fingerprint as fingerprint_module
from bboxprep.pipeline.resume.fingerprint import NO_STAMP, FileStamp, ImageFiles, OutputFile, content_hash, stamp_of

BOXES = [[0.0, 0, 4, 4], [1.0, 1, 3, 3]]
SAMPLE = Sample(
    PurePosixPath("a.jpg"),
    Path("/data/a.jpg"),
    Header(Size(8, 6), 6),
    Instances.of(BOXES, [0, 1], polygons=[[[[0, 0], [4, 0], [4, 4]]], []], ids=[1, 2]),
    source_count=2,
)
OUTPUT = Output("images/train/a.jpg", labels=("labels/train/a.txt",))


def objects(**columns: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"polygons": [[[[0, 0], [4, 0], [4, 4]]], []], "ids": [1, 2], **columns}
    boxes, labels = given.pop("boxes", BOXES), given.pop("labels", [0, 1])
    return {"instances": Instances.of(boxes, labels, **given)}


@pytest.mark.parametrize(
    "change",
    [
        objects(boxes=[[0.0, 0, 4, 4], [1.0, 1, 3, 3.0000001]]),
        objects(labels=[1, 1]),
        objects(crowd=[False, True]),
        objects(polygons=[[[[0, 0], [4, 0], [4, 5]]], []]),
        objects(polygons=[[], [[[0, 0], [4, 0], [4, 4]]]]),
        objects(masks=[None, Rle(Size(8, 6), (40, 8))]),
        objects(keypoints=[[[1, 1]], [[2, 2]]], visibility=[[2], [1]]),
        objects(areas=[1.0, 2.0]),
        objects(scores=[0.5, 1.0]),
        objects(ids=[1, 3]),
        objects(attributes=[{"pose": "left"}, {}]),
        {"name": PurePosixPath("b.jpg")},
        {"split": "val"},
        {"header": Header(Size(8, 6), 1)},
        {"header": None},
        {"frame": Frame.STORED},
        {"evidence": "option"},
        {"declared": Size(8, 6)},
        {"refusal": "size-contradicts"},
        {"findings": (Finding("box-outside", "gone"),)},
        {"source_count": 3},
        {"labelled": False},
        {"id": 4},
        {"extra": {"voc": {"folder": "x"}}},
        {"mirrored": True},
    ],
    ids=[
        "a coordinate", "a label", "a crowd", "a polygon", "whose polygon", "a mask", "keypoints", "areas", "scores",
        "ids", "attributes", "name", "split", "orientation", "no header", "frame", "evidence", "declared", "refusal",
        "findings", "source_count", "labelled", "id", "extra", "mirrored",
    ],
)  # fmt: skip
def test_whatever_is_read_of_an_image_makes_another_content(change: dict[str, Any]) -> None:
    batch = Batch.of([SAMPLE, SAMPLE])
    for one in ([replace(SAMPLE, **change), SAMPLE], [SAMPLE, replace(SAMPLE, **change)]):
        assert content_hash(Batch.of(one), [OUTPUT, OUTPUT]) != content_hash(batch, [OUTPUT, OUTPUT])


def test_whose_object_it_is_makes_another_content() -> None:
    bare = replace(SAMPLE, instances=Instances.of())
    found = {content_hash(Batch.of(order), [OUTPUT, OUTPUT]) for order in ([SAMPLE, bare], [bare, SAMPLE])}
    assert len(found) == 2


def test_the_other_images_of_a_mosaic_make_another_content() -> None:
    batch, other, stamp = Batch.of([SAMPLE, SAMPLE]), replace(SAMPLE, name=PurePosixPath("b.jpg")), FileStamp(1, 2)
    beside = [[], [[(other, stamp)], []], [[], [(other, stamp)]], [[(SAMPLE, stamp)], []], [[(other, NO_STAMP)], []]]
    assert len({content_hash(batch, [OUTPUT, OUTPUT], others) for others in beside}) == len(beside)


def test_where_it_goes_makes_another_content_and_where_it_lies_does_not() -> None:
    same = replace(SAMPLE, path=Path("/elsewhere/a.jpg"), **objects())
    batch = Batch.of([SAMPLE])
    assert content_hash(Batch.of([same]), [OUTPUT]) == content_hash(batch, [OUTPUT])
    assert content_hash(batch, [msgspec.structs.replace(OUTPUT, image="images/train/a-2.jpg")]) != content_hash(
        batch, [OUTPUT]
    )
    assert content_hash(batch, [None]) != content_hash(batch, [OUTPUT])


def test_a_stamp_knows_size_and_time_and_a_missing_file_has_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"abc")
    assert stamp_of(path) == FileStamp(3, path.stat().st_mtime_ns)
    assert stamp_of(tmp_path / "absent") == stamp_of(tmp_path / "a\0b") == NO_STAMP


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, ImageFiles]:
    """A source that was read, the output folder with its image and its labels, and what is noted of them."""
    source, dest = tmp_path / "a.jpg", tmp_path / "out"
    dest.mkdir()
    contents = {source: b"source", dest / "a.jpg": b"image", dest / "a.txt": b"labels"}
    for path, data in contents.items():
        path.write_bytes(data)
    written = tuple(OutputFile(name, bytes_sha256(contents[dest / name])) for name in ("a.jpg", "a.txt"))
    return source, dest, ImageFiles("a.jpg", stamp_of(source), bytes_sha256(b"source"), written)


def test_files_match_what_was_noted_of_them(files: tuple[Path, Path, ImageFiles]) -> None:
    source, dest, noted = files
    assert noted.matches_source(source)
    assert noted.matches_files(dest, source)


def test_a_source_of_other_bytes_does_not_match_even_of_the_same_size_and_time(
    files: tuple[Path, Path, ImageFiles],
) -> None:
    source, _, noted = files
    before = source.stat()
    source.write_bytes(b"SOURCE")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not noted.matches_source(source)
    assert replace_digest(noted, "").matches_source(source)  # one that was never read has its stamp alone


@pytest.mark.parametrize("name", ["a.jpg", "a.txt"])
def test_an_output_file_that_changed_or_went_does_not_match(files: tuple[Path, Path, ImageFiles], name: str) -> None:
    source, dest, noted = files
    (dest / name).write_bytes(b"IMAGE")
    assert not noted.matches_files(dest, source)
    (dest / name).unlink()
    assert not noted.matches_files(dest, source)


def test_a_link_to_the_source_is_not_read_a_second_time(
    files: tuple[Path, Path, ImageFiles], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, dest, _ = files
    digest = file_sha256(source)
    linked = ImageFiles("a.jpg", stamp_of(source), digest, (OutputFile("b.jpg", digest),))
    os.link(source, dest / "b.jpg")
    assert linked.matches_source(source)
    monkeypatch.setattr(fingerprint_module, "file_sha256", lambda path: pytest.fail(f"{path} is read again"))
    assert linked.matches_files(dest, source)
    monkeypatch.undo()
    (dest / "b.jpg").unlink()
    (dest / "b.jpg").write_bytes(b"another")
    assert not linked.matches_files(dest, source)


def test_a_file_without_a_hash_does_not_match(files: tuple[Path, Path, ImageFiles]) -> None:
    source, dest, _ = files
    assert not ImageFiles("a.jpg", stamp_of(source), "", (OutputFile("absent.jpg"),)).matches_files(dest, source)


def replace_digest(noted: ImageFiles, digest: str) -> ImageFiles:
    return msgspec.structs.replace(noted, digest=digest)
