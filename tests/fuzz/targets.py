"""What is fuzzed: readers of what strangers write. Each takes bytes; only a `BboxprepError` may leave it."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from bboxprep import formats
from bboxprep.errors import BboxprepError, ImageError
from bboxprep.formats import coco, shards
from bboxprep.formats.coco.options import CocoReadOptions
from bboxprep.formats.voc.parse_files import parse_files, read_file, unpacked
from bboxprep.formats.yolo.config import read_config, read_lines
from bboxprep.formats.yolo_row_kinds import RowGrammar
from bboxprep.formats.yolo_rows import looks_like_rows, parse
from bboxprep.geometry.affine import Size
from bboxprep.images.capture_time import capture_time_of
from bboxprep.images.codecs.codec import untag
from bboxprep.images.header import read_header
from bboxprep.io import remote, tfrecord_files
from bboxprep.model.dataset import Dataset
from bboxprep.model.escaping import split_names, split_pair
from bboxprep.model.header import Header
from bboxprep.pipeline.output.image_rows import IMAGES, read_images
from bboxprep.pipeline.output.run_record import FlipTable, Run, RunRecord
from bboxprep.pipeline.sidecar.schema import BadLine, Head, KeptImage, decode, unpack
from bboxprep.pipeline.source.roots import find_root
from bboxprep.pipeline.source.split import SplitPolicy
from bboxprep.predictions.coco import unmap_results
from bboxprep.predictions.inverse import inverse_map
from bboxprep.recipe.cli_values import parse_color, parse_crop, parse_pad, parse_size
from bboxprep.recipe.load import read_recipe, recipe_of
from tests.fuzz import seeds

SIZE = Size(64, 40)
GRAMMARS = (
    RowGrammar(),
    RowGrammar("obb"),
    RowGrammar("pose", (3, 3), 2),
    RowGrammar("auto", (2, 2)),
    RowGrammar("segment", None, 3),
)


@dataclass(frozen=True)
class Target:
    """One of them: `read` is called with the bytes, `seeds` are sound files to begin with, `words` what to mix in."""

    read: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    words: tuple[bytes, ...] = ()
    most: int = 8192  # bytes; longer files are slower and teach nothing more

    def __call__(self, data: bytes) -> None:
        """Raises whatever leaves `read` and is none of ours."""
        with contextlib.suppress(BboxprepError, BadLine):  # the latter is caught by all who call that floor
            self.read(data)


@cache
def shelf() -> Path:
    """A folder in memory where there is one, for readers that want a file."""
    memory = Path("/dev/shm")
    folder = tempfile.TemporaryDirectory(prefix="bboxprep-fuzz-", dir=memory if memory.is_dir() else None)
    _kept.append(folder)
    return Path(folder.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends


def _at(name: str, data: bytes) -> Path:
    path = shelf() / name
    path.write_bytes(data)
    return path


def _probe(path: Path, declared: Size | None = None) -> Header:
    if path.name.startswith("b"):
        raise ImageError(path, "", "is broken")
    return Header(SIZE, orientation=6)


def _coco(data: bytes) -> None:
    _balance(coco.FORMAT.read(_at("labels.json", data), _probe, CocoReadOptions()))


def _balance(dataset: Dataset) -> None:
    """Every object is there or told, and no name leads out."""
    for sample in dataset:
        assert sample.source_count == len(sample.instances) + sum(finding.objects for finding in sample.findings)
        assert not sample.name.is_absolute()
        assert ".." not in sample.name.parts


def _yolo_labels(data: bytes) -> None:
    looks_like_rows(data)
    for grammar in GRAMMARS:
        rows = parse(data, grammar)
        assert rows.source_count == len(rows.labels) + sum(finding.objects for finding in rows.findings)


def _yolo_yaml(data: bytes) -> None:
    read_config(_at("data.yaml", data))


def _yolo_text(data: bytes) -> None:
    path = _at("obj.data", data)
    read_lines(path)
    read_config(path)


def _voc(data: bytes) -> None:
    said = read_file(_at("a.xml", data))
    assert said.source_count == len(said.names) + sum(finding.objects for finding in said.findings)
    assert unpacked(parse_files(shelf(), ["a.xml"], map).parsed["a.xml"].packed).names == said.names


def _header(data: bytes) -> None:
    path = _at("picture", data)
    header = read_header(path, 1 << 20)
    assert header.size.pixels <= 1 << 20
    capture_time_of(path, header.container)
    if header.tagged:
        untag(data, header)


def _sidecar(data: bytes) -> None:
    for line in data.split(b"\n"):
        with contextlib.suppress(BadLine):
            decode(line, Head)
        kept = decode(line, KeptImage)
        unpack(kept, 3, 2)


def _predictions(data: bytes) -> None:
    unmap_results(_run(), _at("predictions.json", data), shelf() / "unmapped.json", None)


def _record(data: bytes) -> None:
    folder = shelf() / "run"
    folder.mkdir(exist_ok=True)
    (folder / IMAGES).write_bytes(data)
    images, _ = read_images(folder)
    for image in images:
        if image.frame_size and image.affine:
            inverse_map(image)


def _labelme(data: bytes) -> None:
    known = formats.load("labelme")
    _made("labelme/a.jpg", b"")
    _made("labelme/a.json", data)
    _balance(known.read(shelf() / "labelme", _probe, known.read_options()))


def _kitti(data: bytes) -> None:
    known = formats.load("kitti")
    _made("kitti/train/image_2/a.jpg", b"")
    _made("kitti/labels.txt", b"Car\na b\n")
    _made("kitti/train/label_2/a.txt", data)
    known.sniff(shelf() / "kitti")
    _balance(known.read(shelf() / "kitti", _probe, known.read_options()))


def _mot(data: bytes) -> None:
    known = formats.load("mot")
    _made("mot/train/img1/a.jpg", b"")
    _made("mot/train/gt/labels.txt", b"cat\ndog\n")
    _made("mot/train/gt/gt.txt", data)
    known.sniff(shelf() / "mot")
    _balance(known.read(shelf() / "mot", _probe, known.read_options()))


def _openimages(data: bytes) -> None:
    _made("openimages/masks/m.png", next(seeds.masks()))
    _listed("openimages", "train-annotations-bbox.csv", "a.jpg")(data)


def _instances(data: bytes) -> None:
    known = formats.load("mot")
    for name, png in (("a", next(seeds.instances())), ("b", data)):  # the first tells the format
        _made(f"instances/images/{name}.jpg", b"")
        _made(f"instances/instances/{name}.png", png)
    known.sniff(shelf() / "instances")
    _balance(known.read(shelf() / "instances", _probe, known.read_options()))


def _supervisely(data: bytes) -> None:
    known = formats.load("supervisely")
    _made("supervisely/img/a.jpg", b"")
    _made("supervisely/ann/a.jpg.json", data)
    _balance(known.read(shelf() / "supervisely", _probe, known.read_options()))


def _dota(data: bytes) -> None:
    known = formats.load("dota")
    for name, rows in (("a", data), ("b", b"1 2 9 2 9 8 1 8 cat 0\n")):  # a folder of broken labels alone is none
        _made(f"dota/images/{name}.png", b"")
        _made(f"dota/labelTxt/{name}.txt", rows)
    _balance(known.read(shelf() / "dota", _probe, known.read_options()))


def _panoptic(data: bytes) -> None:
    known = formats.load("panoptic")
    _made("panoptic/a.jpg", b"")
    _made("panoptic/a.png", next(seeds.segments()))
    _balance(known.read(_made("panoptic/train.json", data), _probe, known.read_options()))


def _masks(data: bytes, table: bytes = b"") -> None:
    known = formats.load("masks")
    _made("masks/images/a.jpg", b"")
    _made("masks/class_names.txt", b"_background_\ncat\ndog\n")
    _made("masks/objects.tsv", table or next(seeds.mask_tables()))
    for folder in ("SegmentationObject", "SegmentationClass"):
        _made(f"masks/{folder}/a.png", data)
    _balance(known.read(shelf() / "masks", _probe, known.read_options()))


def _mask_table(data: bytes) -> None:
    _masks(next(seeds.masks()), data)


def _segments(data: bytes) -> None:
    known = formats.load("panoptic")
    _made("segments/a.jpg", b"")
    _made("segments/a.png", data)
    _balance(known.read(_made("segments/train.json", next(seeds.panoptic())), _probe, known.read_options()))


def _listed(name: str, document: str, image: str) -> Callable[[bytes], None]:
    """Reads data as the `document` of the format called `name`, with an `image` beside it."""

    def read(data: bytes) -> None:
        known = formats.load(name)
        _made(f"{name}/{image}", b"")
        _balance(known.read(_made(f"{name}/{document}", data), _probe, known.read_options()))

    return read


def _webdataset(data: bytes) -> None:
    members = {"a.jpg": b"", "a.json": data, "b.jpg": b""}
    _made("shards/train-00000.tar", seeds.tarred(members))
    (shelf() / "shards" / shards.CLASSES).write_bytes(b'["cat","dog"]')
    _balance(shards.read(shelf() / "shards", _probe, ".tar", "webdataset"))


def _parquet(data: bytes) -> None:
    _made("parquet/train-00000.parquet", data)
    _balance(shards.read(shelf() / "parquet", _probe, ".parquet", "parquet"))


def _tfrecord(data: bytes) -> None:
    known = formats.load("tfrecord")
    _made("tfrecord/train.tfrecord", b"".join(tfrecord_files.framed(data)))
    (shelf() / "tfrecord" / "label_map.pbtxt").write_text('item { id: 1 name: "cat" }')
    _balance(known.read(shelf() / "tfrecord", _probe, known.read_options()))


def _vlm(data: bytes) -> None:
    known = formats.load("vlm")
    _made("vlm/a.jpg", b"")
    _made("vlm/train.jsonl", b'{"image": "a.jpg", "prefix": "", "suffix": ""}\n' + data)
    _balance(known.read(shelf() / "vlm", _probe, known.read_options()))


def _archive(data: bytes) -> None:
    root = remote.open_path(_made("a.zip" if data.startswith(b"PK") else "a.tar", data))
    form = formats.load(find_root(root).format)
    _balance(form.read(root, _probe, form.read_options()))


def _made(name: str, data: bytes) -> Path:
    (shelf() / name).parent.mkdir(parents=True, exist_ok=True)
    return _at(name, data)


@cache
def _run() -> Run:
    row = {"source": "a.jpg", "output": "a.jpg", "size": [64, 40], "orientation": 6, "affine": [2, 0, 1, 0, 2, 3]}
    (shelf() / IMAGES).write_bytes(json.dumps({**row, "output_size": [90, 140], "mirrored": True}).encode())
    return Run(shelf(), RunRecord(recipe={}, flip=FlipTable((1, 2), (1, 0), ((1, 0), ()))), read_images(shelf())[0])


def _text(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for read in (parse_size, parse_color, parse_crop, parse_pad):
        with contextlib.suppress(BboxprepError):
            read(text)


def _recipe(data: bytes) -> None:
    recipe = read_recipe(_at("bboxprep.json" if data.startswith(b"{") else "recipe.yaml", data))
    assert recipe_of(recipe.options()) == recipe


def _words(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for read in (split_names, split_pair, SplitPolicy.parse):
        with contextlib.suppress(BboxprepError):
            read(text)


READERS = (  # modules that are imported when they are needed, and are to be watched from the beginning
    *filter(find_spec, (f"bboxprep.formats.{name}.reader" for name in formats.names())),
    *("bboxprep.formats.coco.layout", "bboxprep.io.strict_yaml", "bboxprep.io.parquet_rows"),
)
_JSON = (b"NaN", b"Infinity", b"-1", b"1e999", b"null", b"[", b"{", b'"\\ud800"', b"9" * 30, b"},{", b'"\\u0000"')

_WITH_EXTRAS = {
    "archive": (
        "fsspec",
        Target(_archive, seeds.archives, (b"PK\1\2", b"PK\5\6", b"../", b"/", b".json", b"ustar\0"), 12_288),
    ),
    "parquet": ("pyarrow", Target(_parquet, seeds.parquet, (b"PAR1", b"image", b"objects", b"huggingface"))),
    "tfrecord": (
        "google_crc32c",
        Target(_tfrecord, seeds.tfrecords, (b"image/object/", b"bbox/xmin", b"class/text", b"mask", b"keypoint/x")),
    ),
    "webdataset": ("fsspec", Target(_webdataset, seeds.shards, (*_JSON, b'"bbox":', b'"category":', b'"file_name":'))),
}
TARGETS: Mapping[str, Target] = {
    **{name: target for name, (package, target) in _WITH_EXTRAS.items() if find_spec(package)},
    "bdd100k": Target(
        _listed("bdd100k", "train.json", "a.jpg"),
        seeds.bdd100k,
        (*_JSON, b'"box2d":', b'"types":', b'"rle":', b'"graph":', b'"config":'),
    ),
    "coco": Target(_coco, seeds.coco, (*_JSON, b'"bbox":', b'"counts":', b'"size":', b'"keypoints":', b'"id":')),
    "createml": Target(
        _listed("createml", "a.json", "a.jpg"), seeds.createml, (*_JSON, b'"coordinates":', b'"label":', b'"width":')
    ),
    "hf_imagefolder": Target(
        _listed("hf_imagefolder", "metadata.jsonl", "a.jpg"), seeds.hf_imagefolder, (*_JSON, b'"bbox":', b'"category":')
    ),
    "csv": Target(
        _listed("csv", "labels.csv", "a.jpg"),
        seeds.tables,
        (b",", b";", b"\t", b'"', b"\n", b"nan", b"1e999", b"xmin,", b"bbox,", b"[", b"\0"),
    ),
    "customvision": Target(
        _listed("customvision", "images.json", "a.jpg"),
        seeds.customvision,
        (*_JSON, b'"regions":', b'"left":', b'"topX":', b'"polygon":', b'"image_url":', b'"label":', b"64px"),
    ),
    "datumaro": Target(
        _listed("datumaro", "train.json", "a.jpg"),
        seeds.datumaro,
        (*_JSON, b'"bbox":', b'"points":', b'"rle":', b'"group":', b'"label_id":'),
    ),
    "dota": Target(
        _dota,
        seeds.dota,
        (b" ", b"\t", b"nan", b"1e999", b"-1", b"gsd:", b"imagesource:", b"9" * 30, b"\xc2\x85", b"\0", b"\r"),
        2048,
    ),
    "header": Target(
        _header, seeds.images, (b"Exif\0\0", b"II*\0", b"MM\0*", b"\xff\xda", b"eXIf", b"tiff:Orientation")
    ),
    "labelbox": Target(
        _listed("labelbox", "a.ndjson", "a.jpg"),
        seeds.labelbox,
        (*_JSON, b'"bounding_box":', b'"polygon":', b'"labels":', b'"classifications":', b'"projects":'),
    ),
    "kitti": Target(
        _kitti, seeds.kitti, (b"nan", b"1e999", b" -1000", b" -10", b"DontCare ", b"\t", b"_", b"\0", b"9" * 30)
    ),
    "labelme": Target(_labelme, seeds.labelme, (*_JSON, b'"points":', b'"mask":', b'"group_id":', b'"shape_type":')),
    "labelstudio": Target(
        _listed("labelstudio", "tasks.json", "a.jpg"),
        seeds.labelstudio,
        (*_JSON, b'"points":', b'"rle":', b'"parentID":', b'"data":', b'"meta":'),
    ),
    "mot": Target(_mot, seeds.mot, (b"nan", b"1e999", b",-1,", b",0,", b"9" * 30, b"\t", b"_", b"\0", b"1 2 3 4 5 x")),
    "instances": Target(_instances, seeds.instances, (b"IDAT", b"IHDR", b"PLTE", b"IEND", b"\0\0\0\x0d")),
    "ndjson": Target(
        _listed("ndjson", "a.ndjson", "images/train/a.jpg"),
        seeds.ndjson,
        (*_JSON, b'"boxes":', b'"pose":', b'"split":', b'"class_names":'),
    ),
    "openimages": Target(
        _openimages,
        seeds.openimages,
        (b",", b'"', b"\n", b"nan", b"1e999", b"a,", b"XMin", b"-1", b"m.png,"),
    ),
    "options": Target(_words, seeds.words, (b"=", b",", b"\\,", b"\\=", b"inf", b"nan", b"0.5"), 64),
    "masks": Target(_masks, seeds.masks, (b"IDAT", b"IHDR", b"PLTE", b"IEND", b"\0\0\0\x0d")),
    "mask-tables": Target(_mask_table, seeds.mask_tables, (b"\t", b'"', b"\n", b"nan", b"1e999", b"cat", b"-1")),
    "panoptic": Target(
        _panoptic, seeds.panoptic, (*_JSON, b'"segments_info":', b'"bbox":', b'"image_id":', b'"file_name":')
    ),
    "segments": Target(_segments, seeds.segments, (b"IDAT", b"IHDR", b"PLTE", b"IEND", b"\0\0\0\x0d")),
    "predictions": Target(_predictions, seeds.predictions, (*_JSON, b'"bbox":', b'"keypoints":', b'"segmentation":')),
    "recipe": Target(
        _recipe, seeds.recipes, (b"- ", b": ", b"[", b"{", b"&a", b"*a", b"nan", b"1e999", b"augment:", b"p: ")
    ),
    "texts": Target(_text, seeds.texts, (b"x", b",", b"edge", b"640", b"\xd9\xa1", b"-1", b"9" * 5000), 64),
    "record": Target(_record, seeds.record, (*_JSON, b'"affine":', b'"size":')),
    "sagemaker": Target(
        _listed("sagemaker", "output.manifest", "a.jpg"),
        seeds.sagemaker,
        (*_JSON, b"}{", b'"class-map":', b'"annotations":', b'-metadata":', b'"class_id":', b'"creation-date":'),
    ),
    "supervisely": Target(
        _supervisely, seeds.supervisely, (*_JSON, b'"exterior":', b'"bitmap":', b'"instance":', b'"geometryType":')
    ),
    "vlm": Target(
        _vlm, seeds.vlm, (*_JSON, b"<loc_", b"<loc0001>", b"<|box_start|>", b"bbox_2d", b"'", b"```", b"<poly>")
    ),
    "sidecar": Target(_sidecar, seeds.sidecar, (*_JSON, b'"objects":', b'"mask":', b'"row":', b'"labels":')),
    "via": Target(
        _listed("via", "a.json", "a.jpg"), seeds.via, (*_JSON, b'"regions":', b'"name":', b'"all_points_x":')
    ),
    "vott": Target(
        _listed("vott", "a-export.json", "a.jpg"),
        seeds.vott,
        (*_JSON, b'"tags":', b'"points":', b'"boundingBox":', b'"type":', b'"assets":', b'"size":'),
    ),
    "voc": Target(_voc, seeds.voc, (b"<object>", b"</object>", b"<bndbox>", b"<!DOCTYPE", b"&amp;", b"NaN", b"1e308")),
    "yolo-labels": Target(
        _yolo_labels, seeds.yolo_labels, (b"nan", b"inf", b"1e999", b"-0", b"0x1", b"1_0", b"\0"), 600
    ),
    "yolo-text": Target(_yolo_text, seeds.yolo_text, (b"train=", b"names=", b"classes=", b"=", b"\n")),
    "yolo-yaml": Target(
        _yolo_yaml, seeds.yolo_yaml, (b"&a", b"*a", b"!!", b"names:", b"kpt_shape:", b"- ", b"{", b"?")
    ),
}
