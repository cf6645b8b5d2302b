"""Runs on a real server of S3's protocol: the same bytes as on this machine, also after a kill and a cut."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bboxprep
from bboxprep import Augment, Flip, Letterbox, Recipe
from bboxprep.pipeline.resume.journal import FOLDER
from bboxprep.pipeline.resume.remote_journal import BATCHES, LEASE
from tests.io.buckets import KEYS, Server, Way, kill, run, serving, started
from tests.running import PATIENCE
from tests.tiny import tiny, tree

pytest.importorskip("moto", reason="no server of S3's protocol is installed")
boto3 = pytest.importorskip("boto3", reason="no server of S3's protocol is installed")

FIXTURES = Path(__file__).parents[2] / "fixtures"
OPTIONS = (
    "--workers",
    1,
    "--letterbox",
    64,
    "--flip",
    "horizontal:0.5",
    "--copies",
    2,
    "--seed",
    3,
    "--labels-in",
    "displayed",
)
RECIPE = Recipe(Letterbox(64), augment=Augment(Flip("horizontal", p=0.5), copies=2), seed=3)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def source(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, which lies at s3://data/source too; a smaller one at s3://data/small."""
    folder = tiny(tmp_path_factory.mktemp("buckets") / "source", range(16))
    server.put_tree(folder, "data/source")
    server.put_tree(tiny(tmp_path_factory.mktemp("small"), range(2)), "data/small")
    return folder


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    dest = tmp_path_factory.mktemp("whole") / "out"
    bboxprep.convert(source, dest, "yolo", RECIPE, labels_in="displayed")
    return tree(dest)


def but_for_record(files: dict[str, str]) -> dict[str, str]:
    """The files without the record, which names the source."""
    return {name: digest for name, digest in files.items() if name != "bboxprep.json"}


def batches(server: Server, key: str) -> int:
    return sum(name.startswith(f"{FOLDER}/{BATCHES}/") for name in server.keys(key))


def convert(dest: str, *options: object, to: str = "yolo") -> tuple[object, ...]:
    return ("convert", "s3://data/source", f"s3://data/{dest}", "--to", to, *OPTIONS, *options)


@pytest.mark.parametrize("workers", [1, 2])
def test_from_bucket_to_bucket_is_one_tree_with_a_run_on_this_machine(
    server: Server, whole: dict[str, str], workers: int
) -> None:
    dest = f"same-{workers}"
    assert run(server.url, *convert(dest, "--workers", workers)).code == 0
    assert but_for_record(server.tree(f"data/{dest}")) == but_for_record(whole)
    assert ".bboxprep/lock" not in server.keys(f"data/{dest}")
    assert run(server.url, "verify", f"s3://data/{dest}", "--against", "s3://data/source", "--workers", 1).code == 0


def hashed(files: dict[str, str], record: bytes) -> str:
    """One hash of a tree; of its record without the places that it was read from."""
    said = {name: value for name, value in json.loads(record).items() if name not in ("source", "sources")}
    whole = {**files, "bboxprep.json": json.dumps(said, sort_keys=True)}
    return sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def test_a_run_here_on_a_cluster_and_from_bucket_to_bucket_have_one_tree_hash(
    server: Server, source: Path, whole: dict[str, str], tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (it has no wheel for this system)")
    cluster = ("--engine", "ray", "--workers", 2)
    for name, options in (("here", ()), ("on-ray", cluster)):
        words = ("convert", source, tmp_path / name, "--to", "yolo", *OPTIONS, *options)
        assert run(server.url, *words).code == 0
        assert run(server.url, *convert(name, *options)).code == 0
    hashes = {f"{name} to a bucket": hashed(*_in_bucket(server, f"data/{name}")) for name in ("here", "on-ray")}
    for name in ("here", "on-ray"):
        hashes[name] = hashed(tree(tmp_path / name), (tmp_path / name / "bboxprep.json").read_bytes())
    assert len(set(hashes.values())) == 1, hashes
    assert but_for_record(tree(tmp_path / "here")) == but_for_record(whole)


def _in_bucket(server: Server, key: str) -> tuple[dict[str, str], bytes]:
    return server.tree(key), server.get(f"{key}/bboxprep.json")


@pytest.mark.parametrize("to", ["webdataset", "parquet"])
def test_shards_are_packed_in_a_bucket_and_read_from_there(
    server: Server, source: Path, tmp_path: Path, to: str
) -> None:
    options = ("--to", to, "--shard", 5, *OPTIONS)
    assert run(server.url, "convert", source, tmp_path / "here", *options).code == 0
    assert run(server.url, "convert", "s3://data/source", f"s3://data/{to}", *options).code == 0
    assert but_for_record(server.tree(f"data/{to}")) == but_for_record(tree(tmp_path / "here"))
    back = ("--to", "coco", "--workers", 1)
    assert run(server.url, "convert", tmp_path / "here", tmp_path / "one", *back).code == 0
    assert run(server.url, "convert", f"s3://data/{to}", tmp_path / "two", *back).code == 0
    assert but_for_record(tree(tmp_path / "one")) == but_for_record(tree(tmp_path / "two"))


def test_a_picture_of_the_same_size_that_changed_in_the_bucket_is_made_again(server: Server, tmp_path: Path) -> None:
    folder = tiny(tmp_path / "turns", range(3))
    picture = folder / "images" / "train" / "00001.bmp"
    Image.new("RGB", (48, 32), "red").save(picture)
    server.put_tree(folder, "data/turns")
    words = ("convert", "s3://data/turns", "s3://data/turned", "--to", "voc", *OPTIONS)
    assert run(server.url, *words).code == 0
    red = server.tree("data/turned")
    Image.new("RGB", (48, 32), "blue").save(picture)
    server.put("data/turns/images/train/00001.bmp", picture.read_bytes())
    assert run(server.url, *words).code == 0
    blue = server.tree("data/turned")
    changed = {name for name in red if name.startswith("JPEGImages/") and red[name] != blue[name]}
    assert changed
    assert all("00001" in name and name.endswith(".bmp") for name in changed)


@pytest.mark.usefixtures("source")
def test_a_folder_of_a_bucket_whose_name_looks_like_a_pattern_is_a_folder(server: Server) -> None:
    words = ("convert", "s3://data/small", "s3://data/out[1]!", "--to", "webdataset", "--workers", 1)
    for options in ((), ("--overwrite", "--letterbox", 32)):
        assert run(server.url, *words, *options, "--labels-in", "displayed").code == 0
        assert "train-00000.tar" in server.keys("data/out[1]!")
        assert not [name for name in server.keys("data/out[1]!") if name.startswith("bboxprep.loose")]


def test_an_archive_in_a_bucket_is_read_in_place(server: Server, source: Path, tmp_path: Path) -> None:
    server.put("data/packed.zip", Path(shutil.make_archive(str(tmp_path / "a"), "zip", source)).read_bytes())
    for place, name in ((source, "one"), ("s3://data/packed.zip", "two")):
        assert run(server.url, "convert", place, tmp_path / name, "--to", "coco", *OPTIONS).code == 0
    assert but_for_record(tree(tmp_path / "one")) == but_for_record(tree(tmp_path / "two"))


def test_of_a_large_photo_no_more_than_its_head_is_fetched_to_look_at_it(server: Server, tmp_path: Path) -> None:
    for folder in ("images", "labels"):
        (tmp_path / "large" / folder).mkdir(parents=True)
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (900, 1200, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "large" / "images" / f"{number}.jpg", quality=95)
        (tmp_path / "large" / "labels" / f"{number}.txt").write_text("0 0.5 0.5 0.1 0.1\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in (tmp_path / "large" / "images").iterdir())
    server.put_tree(tmp_path / "large", "data/large")
    way = Way(server, 1 << 40)
    with way.open() as url:
        assert run(url, "inspect", "s3://data/large").code == 0
    assert size > 2_000_000
    assert way.come < 500_000


def test_photos_of_all_orientations_are_one_tree_and_come_back(server: Server, tmp_path: Path) -> None:
    photos = FIXTURES / "phone-photos-coco"
    server.put_tree(photos, "data/photos")
    bboxprep.convert(photos, tmp_path / "out", "voc")
    assert (
        run(server.url, "convert", "s3://data/photos", "s3://data/photos-voc", "--to", "voc", "--workers", 1).code == 0
    )
    assert but_for_record(server.tree("data/photos-voc")) == but_for_record(tree(tmp_path / "out"))
    assert run(server.url, "verify", "s3://data/photos-voc", "--against", "s3://data/photos", "--workers", 1).code == 0
    assert (
        run(server.url, "convert", "s3://data/photos-voc", tmp_path / "back", "--to", "coco", "--workers", 1).code == 0
    )
    assert len(list((tmp_path / "back").rglob("*.jpg"))) == len(list(photos.rglob("*.jpg")))


def test_a_run_that_was_killed_goes_on_to_the_same_tree(server: Server, whole: dict[str, str]) -> None:
    going = started(server.url, *convert("killed", "--workers", 2))
    deadline = time.monotonic() + PATIENCE
    while going.poll() is None and batches(server, "data/killed") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert going.poll() is None
    kill(going)
    done = batches(server, "data/killed")
    assert "bboxprep.json" not in server.keys("data/killed")
    refused = run(server.url, *convert("killed"))
    assert refused.code == 2
    assert "--resume" in refused.said
    assert run(server.url, *convert("killed", "--resume")).code == 0
    assert batches(server, "data/killed") > done
    assert but_for_record(server.tree("data/killed")) == but_for_record(whole)


def test_a_run_that_has_nothing_to_do_puts_no_picture_and_a_new_image_is_done_alone(
    server: Server, tmp_path: Path
) -> None:
    folder = tiny(tmp_path / "grows", range(6))
    server.put_tree(folder, "data/grows")
    arguments = ("convert", "s3://data/grows", "s3://data/grown", "--to", "voc", *OPTIONS[:2], *OPTIONS[-2:])
    assert run(server.url, *arguments).code == 0
    before = server.tree("data/grown")
    again = started(server.url, *arguments)
    printed, _ = again.communicate(timeout=PATIENCE)
    assert "nothing to do: all 6 images are as an earlier run left them" in " ".join(printed.split())
    server.put_tree(tiny(tmp_path / "more", range(8)), "data/grows")
    more = started(server.url, *arguments)
    printed, _ = more.communicate(timeout=PATIENCE)
    assert more.returncode == 0
    assert "2 images done now, 6 as an earlier run left them" in " ".join(printed.split())
    after = server.tree("data/grown")
    pictures = {name for name in before if name.startswith("JPEGImages/")}
    assert {name: after[name] for name in pictures} == {name: before[name] for name in pictures}
    assert len([name for name in after if name.startswith("JPEGImages/")]) == 8


def test_an_object_that_was_changed_behind_our_back_is_made_again(server: Server, whole: dict[str, str]) -> None:
    assert run(server.url, *convert("changed")).code == 0
    victim = next(name for name in server.keys("data/changed") if name.startswith("images/"))
    server.put(f"data/changed/{victim}", b"something else")
    assert run(server.url, *convert("changed")).code == 0
    assert but_for_record(server.tree("data/changed")) == but_for_record(whole)


HOSTS = {"here": socket.gethostname(), "elsewhere": "elsewhere"}
PROCESSES = {"this one": os.getpid(), "ended": 2**22 + 1}  # above the numbers that processes have


@pytest.mark.parametrize(
    ("host", "process", "age", "refused"),
    [
        ("here", "this one", 0, True),
        ("here", "ended", 0, False),
        ("elsewhere", "this one", 0, True),
        ("elsewhere", "this one", LEASE + 60, False),
    ],
)
def test_of_two_runs_to_one_place_the_second_is_refused_unless_the_first_is_gone(
    server: Server, source: Path, host: str, process: str, age: float, refused: bool
) -> None:
    dest, number = f"twice-{host}-{process}-{age}", PROCESSES[process]
    lock = {"host": HOSTS[host], "process": number, "token": "of another", "since": time.time() - age}
    server.put(f"data/{dest}/.bboxprep/lock", json.dumps(lock).encode())
    second = run(server.url, "convert", "s3://data/small", f"s3://data/{dest}", "--to", "voc", *OPTIONS)
    assert second.code == (2 if refused else 0)
    assert (f"another run is writing here ({HOSTS[host]}, process {number})" in second.said) == refused
    assert (".bboxprep/lock" in server.keys(f"data/{dest}")) == refused


@pytest.fixture(scope="module")
def gone(server: Server, whole: dict[str, str]) -> int:
    """The bytes that a whole run sends."""
    way = Way(server, 1 << 40)
    with way.open() as url:
        assert run(url, *convert("counted")).code == 0
    return way.gone


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_connection_that_is_cut_in_a_put_is_one_line_and_a_run_to_be_resumed(
    server: Server, whole: dict[str, str], gone: int, share: float
) -> None:
    dest, way = f"cut-{share}", Way(server, int(gone * share))
    with way.open() as url:
        broken = run(url, *convert(dest))
    assert way.is_cut
    assert broken.code == 2
    assert broken.said.startswith("bboxprep: s3://data/")
    assert len(broken.said.splitlines()) == 1
    assert "Traceback" not in broken.said
    assert "bboxprep.json" not in server.keys(f"data/{dest}")
    for name, digest in server.tree(f"data/{dest}").items():
        assert name == "bboxprep.incomplete" or digest == whole[name]
    assert run(server.url, *convert(dest, "--resume")).code == 0
    assert but_for_record(server.tree(f"data/{dest}")) == but_for_record(whole)


@pytest.mark.parametrize(
    ("source", "dest", "words"),
    [
        ("s3://no-such-bucket/source", "s3://data/x", "s3://no-such-bucket/source: there is no such file or folder"),
        ("s3://data/nothing", "s3://data/x", "s3://data/nothing: there is no such file or folder"),
        ("s3://data/source", "s3://no-such-bucket/x", "s3://no-such-bucket/x: cannot be written"),
        ("s3://data/source", "s3://data/source/out", "lies in the source"),
        ("nope://data/source", "s3://data/x", "nope://: Protocol not known"),
    ],
)
def test_what_is_not_there_is_one_line(server: Server, source: str, dest: str, words: str) -> None:
    found = run(server.url, "convert", source, dest, "--to", "yolo", "--labels-in", "displayed")
    assert found.code == 2
    assert words in found.said
    assert len(found.said.splitlines()) == 1


def test_without_credentials_and_without_a_server_it_is_one_line(server: Server) -> None:
    bare = run(server.url, *convert("x"), keys={"AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "HOME": "/nowhere"})
    gone = run("http://127.0.0.1:9", *convert("x"))
    assert (bare.code, bare.said) == (2, "bboxprep: s3://data/source: Unable to locate credentials\n")
    assert gone.code == 2
    assert gone.said.startswith("bboxprep: s3://data/source: Could not connect to the endpoint")
    assert len(gone.said.splitlines()) == 1


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server that asks who is there, with a source; and the keys of somebody who may read and list, not put."""
    with serving(INITIAL_NO_AUTH_ACTION_COUNT="100000") as server:
        server.put_tree(tiny(tmp_path_factory.mktemp("guarded") / "source", range(2)), "data/source")
        people = boto3.client(
            "iam", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        people.create_user(UserName="reader")
        allowed = [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*", "s3:Head*"], "Resource": "*"}]
        image_policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        people.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=image_policy)
        key = people.create_access_key(UserName="reader")["AccessKey"]
        server.ask("POST", "moto-api/reset-auth", b"0")
        names = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        yield server, {**KEYS, **names}


def test_who_may_not_put_is_told_so_and_nothing_is_written(
    guarded: tuple[Server, dict[str, str]], tmp_path: Path
) -> None:
    server, keys = guarded
    assert (
        run(server.url, "convert", "s3://data/source", tmp_path / "out", "--to", "voc", *OPTIONS, keys=keys).code == 0
    )
    found = run(server.url, *convert("refused"), keys=keys)
    assert found.code == 2
    assert found.said.startswith("bboxprep: s3://data/refused")
    assert "denied" in found.said or "refused" in found.said
    assert keys["AWS_SECRET_ACCESS_KEY"] not in found.said
    assert len(found.said.splitlines()) == 1


def test_wrong_keys_are_told_and_no_secret_is(guarded: tuple[Server, dict[str, str]]) -> None:
    server, keys = guarded
    for wrong in (KEYS, {**keys, "AWS_SECRET_ACCESS_KEY": "aVerySecretWord"}):
        found = run(server.url, *convert("x"), keys=wrong)
        assert found.code == 2
        assert "s3://data/source: access is refused" in found.said
        assert "aVerySecretWord" not in found.said
        assert len(found.said.splitlines()) == 1
