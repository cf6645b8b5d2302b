"""Runs into an output that is there already: gone on with, brought up to date, left alone, refused."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bboxprep import formats
from bboxprep.errors import StoppedError, TargetError
from bboxprep.findings import Severity
from bboxprep.io.atomic import TEMPORARY
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.pipeline.api import read
from bboxprep.pipeline.output import output_folder
from bboxprep.pipeline.output.run_record import INCOMPLETE, RECORD
from bboxprep.pipeline.resume import resume as resume_module
from bboxprep.pipeline.resume.journal import FOLDER, NAME
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.merge import assemble
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work import conversion
from bboxprep.pipeline.work.convert import convert_source, write
from bboxprep.pipeline.work.engines import processes
from bboxprep.pipeline.work.image_writer import ImageWriter
from bboxprep.recipe.geometric import Fit, Letterbox
from bboxprep.recipe.recipe import Recipe
from tests.conformance.examples import LOOSE, WRITTEN, in_turn
from tests.tiny import changed, label, stamps, tiny, tree

BIG = Recipe(Letterbox(40))


def run(source: Path, dest: Path, recipe: Recipe = BIG, to: str = "yolo", **given: Any) -> Outcome:
    stop = given.pop("stop", lambda: False)
    return convert_source(open_source(source), dest, to, recipe, run_options=RunOptions(**given), stop=stop)


def stopped(source: Path, dest: Path, after: int = 3, to: str = "yolo", **given: Any) -> None:
    """A run that is asked to stop when so many blocks have been given out."""
    asked = iter(range(after))
    with pytest.raises(StoppedError, match=r"stopped as asked; \d+ of \d+ images are done, `resume=True` goes on"):
        run(source, dest, to=to, stop=lambda: next(asked, None) is None, **given)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tiny(tmp_path / "source", range(20))


# The stamps of packed images tell nothing; the kit resumes every format.
@pytest.mark.parametrize(("to", "case"), in_turn(LOOSE, [(BIG, 1), (Recipe(), 1), (BIG, 2), (Recipe(), 2)]))
def test_a_run_that_was_stopped_goes_on_where_it_was(
    source: Path, tmp_path: Path, to: str, case: tuple[Recipe, int]
) -> None:
    recipe, workers = case
    fresh = run(source, tmp_path / "fresh", recipe, to)
    asked = iter(range(3))
    with pytest.raises(StoppedError):
        run(source, tmp_path / "out", recipe, to, workers=workers, stop=lambda: next(asked, None) is None)
    assert not (tmp_path / "out" / RECORD).exists()
    done = stamps(tmp_path / "out")
    with pytest.raises(TargetError, match="unfinished output of an earlier run; `resume=True` goes on from there"):
        run(source, tmp_path / "out", recipe, to)
    outcome = run(source, tmp_path / "out", recipe, to, workers=3 - workers, resume=True)
    assert 0 < outcome.fresh < 20 == fresh.fresh
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
    again = stamps(tmp_path / "out")
    kept = [name for name in done if not name.startswith("bboxprep") and again[name] == done[name]]
    assert len([name for name in kept if name.endswith(".jpg")]) == 20 - outcome.fresh
    assert outcome.account == fresh.account


@pytest.mark.parametrize("to", WRITTEN)
def test_a_finished_output_is_left_as_it_is(source: Path, tmp_path: Path, to: str) -> None:
    first = run(source, tmp_path / "out", to=to)
    before = stamps(tmp_path / "out")
    again = run(source, tmp_path / "out", to=to, workers=2, resume=True)
    assert again.fresh == 0
    assert again.account == first.account
    assert stamps(tmp_path / "out") == before


def outcome_documents(outcome: Outcome, to: str) -> tuple[str, ...]:
    """The files over all images of an output."""
    target = formats.load(to)
    return tuple(target.write(Path(), outcome.dataset, target.write_options()).documents)


@pytest.mark.parametrize("to", LOOSE)  # packed files are packed anew
def test_ten_new_images_are_ten_images_of_work(source: Path, tmp_path: Path, to: str) -> None:
    run(source, tmp_path / "out", to=to)
    before = stamps(tmp_path / "out")
    tiny(source, range(100, 110))
    outcome = run(source, tmp_path / "out", to=to)
    assert outcome.fresh == 10
    fresh = run(source, tmp_path / "fresh", to=to)
    assert outcome.account == fresh.account
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
    own = {name for name in changed(before, stamps(tmp_path / "out")) if name.endswith((".jpg", ".xml"))}
    pictures = own - set(outcome_documents(outcome, to))
    assert {Path(name).stem for name in pictures} == {f"{number:05d}" for number in range(100, 110)}
    assert run(source, tmp_path / "out", to=to).fresh == 0


def test_what_left_the_source_leaves_the_output_and_then_there_is_nothing_to_do(source: Path, tmp_path: Path) -> None:
    (source / "images" / "val" / "deep").mkdir(parents=True)
    (source / "images" / "train" / "00003.jpg").rename(source / "images" / "val" / "deep" / "only.jpg")
    run(source, tmp_path / "out", to="voc")
    for path in ("images/val/deep/only.jpg", "images/train/00007.jpg", "labels/train/00007.txt"):
        (source / path).unlink()
    (source / "images" / "val" / "deep").rmdir()
    (source / "images" / "val").rmdir()
    assert run(source, tmp_path / "out", to="voc").fresh == 0
    run(source, tmp_path / "fresh", to="voc")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
    assert not (tmp_path / "out" / "JPEGImages" / "deep").exists()
    before = stamps(tmp_path / "out")
    run(source, tmp_path / "out", to="voc")
    assert stamps(tmp_path / "out") == before


def relabelled(source: Path) -> None:
    label(source, 5, 1, 0.4)


def unlabelled(source: Path) -> None:
    (source / "labels" / "train" / "00005.txt").unlink()


def painted_over(source: Path) -> None:
    path = source / "images" / "train" / "00005.jpg"
    path.write_bytes((source / "images" / "train" / "00006.jpg").read_bytes())


def replaced(source: Path) -> None:
    path = source / "images" / "train" / "00005.jpg"
    path.unlink()
    path.write_bytes((source / "images" / "train" / "00006.jpg").read_bytes())


def broken(source: Path) -> None:
    path = source / "images" / "train" / "00005.jpg"
    path.write_bytes(path.read_bytes()[:700])


def gone(source: Path) -> None:
    path = source / "images" / "train" / "00005.jpg"
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize("change", [relabelled, unlabelled, painted_over, replaced, broken, gone])
@pytest.mark.parametrize("recipe", [BIG, Recipe()], ids=["pixels", "links"])
def test_a_change_of_one_image_is_one_image_of_work(
    source: Path, tmp_path: Path, recipe: Recipe, change: Callable[[Path], None]
) -> None:
    run(source, tmp_path / "out", recipe)
    change(source)
    assert run(source, tmp_path / "out", recipe).fresh == (0 if change is gone else 1)
    run(source, tmp_path / "fresh", recipe)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


@pytest.mark.parametrize(("to", "change"), in_turn(LOOSE, [relabelled, replaced, lambda source: tiny(source, [505])]))
def test_a_change_is_one_batch_of_work(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, change: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(conversion, "block_size", lambda *_: 4)
    first = run(source, tmp_path / "out", to=to)
    before = stamps(tmp_path / "out")
    change(source)
    outcome = run(source, tmp_path / "out", to=to, workers=2)
    assert outcome.fresh == (4 if len(first.dataset) == len(outcome.dataset) else 1)
    rewritten = {Path(name).stem for name in changed(before, stamps(tmp_path / "out")) if name.endswith(".jpg")}
    assert len(rewritten) == outcome.fresh
    fresh = run(source, tmp_path / "fresh", to=to)
    assert outcome.account == fresh.account
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
    assert run(source, tmp_path / "out", to=to).fresh == 0


@pytest.mark.parametrize("name", ["images/train/00004.jpg", "labels/train/00004.txt"])
@pytest.mark.parametrize("remove", [False, True])
@pytest.mark.parametrize("recipe", [BIG, Recipe()], ids=["pixels", "links"])
def test_a_file_of_the_output_that_was_touched_is_made_again(
    source: Path, tmp_path: Path, name: str, remove: bool, recipe: Recipe
) -> None:
    run(source, tmp_path / "out", recipe)
    before, path = tree(tmp_path / "out"), tmp_path / "out" / name
    data = path.read_bytes()
    path.unlink()
    if not remove:
        path.write_bytes(data[:-3] + b"999")
    assert run(source, tmp_path / "out", recipe).fresh == 1
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("name", ["annotations/instances_train.json", "bboxprep.images.jsonl", "bboxprep.json"])
def test_a_file_over_all_images_that_was_touched_is_written_again(source: Path, tmp_path: Path, name: str) -> None:
    run(source, tmp_path / "out", to="coco")
    before = tree(tmp_path / "out")
    path = tmp_path / "out" / name
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert run(source, tmp_path / "out", to="coco").fresh == 0
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize(
    ("again", "said"),
    [
        (lambda source, dest: run(source, dest, Recipe(Fit(40)), resume=True), "another recipe"),
        (lambda source, dest: run(source, dest, sidecar=False, resume=True), "another sidecar"),
        (lambda source, dest: run(source, dest, to="coco", resume=True), "another format"),
        (lambda source, dest: run(tiny(source.parent / "other", [1]), dest, resume=True), "another source"),
        (
            lambda source, dest: convert_source(
                assemble([open_source(source)], ClassPolicy(rename={"cat": "lynx"})),
                dest, "yolo", BIG, run_options=RunOptions(resume=True),
            ),
            "another class table .*lynx.*",
        ),
    ],
    ids=["recipe", "sidecar", "format", "source", "classes"],
)  # fmt: skip
def test_another_run_is_refused_by_name_and_nothing_is_touched(
    source: Path, tmp_path: Path, finished: bool, again: Callable[[Path, Path], object], said: str
) -> None:
    dest = tmp_path / "out"
    if finished:
        run(source, dest)
    else:
        stopped(source, dest)
    before = stamps(dest)
    with pytest.raises(TargetError, match=f"{said} .*`overwrite=True` replaces it"):
        again(source, dest)
    assert stamps(dest) == before


def test_a_changed_class_table_is_refused_by_name(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "out")
    (source / "data.yaml").write_text("train: images/train\nnames: [cat, wolf]\n", encoding="utf-8")
    with pytest.raises(TargetError, match="with another class table"):
        run(source, tmp_path / "out")
    assert run(source, tmp_path / "out", overwrite=True).fresh == 20


def test_other_codecs_are_refused_by_name(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(source, tmp_path / "out")
    monkeypatch.setattr(resume_module, "versions", lambda: {"bboxprep": "0", "pillow": "99.0"})
    with pytest.raises(TargetError, match=r"with another version .*99\.0.*`overwrite=True` replaces it"):
        run(source, tmp_path / "out")


@pytest.mark.parametrize("to", WRITTEN)
def test_all_is_on_the_disk_before_the_record_says_so_and_the_record_comes_last(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    steps: list[str] = []

    def noted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def with_findings(*given: Any) -> Any:
            found = call(*given)
            steps.append(Path(given[1]).name if name == "replace" else name)
            return found

        return with_findings

    open_file = os.open

    def opened(path: Any, flags: int, *mode: Any, **named: Any) -> int:
        name = os.path.basename(path) if flags & os.O_CREAT else TEMPORARY  # noqa: PTH119
        steps.extend([] if name.startswith(TEMPORARY) else [name])
        return open_file(path, flags, *mode, **named)

    monkeypatch.setattr(os, "open", opened)
    for name in ("replace", "fsync"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    monkeypatch.setattr(output_folder, "flush_all", noted("flush", output_folder.flush_all))
    run(source, tmp_path / "out", to=to)
    written = [path.name for path in (tmp_path / "out").rglob("*") if path.is_file() and FOLDER not in path.parts]
    assert steps[-4:] == ["flush", "fsync", RECORD, "fsync"]  # at last the folder
    assert {INCOMPLETE, *written} - set(steps) == set()
    assert steps[0] == INCOMPLETE


@pytest.mark.parametrize("finished", [False, True])
def test_overwrite_leaves_nothing_of_the_earlier_run(source: Path, tmp_path: Path, finished: bool) -> None:
    if finished:
        run(source, tmp_path / "out", to="voc")
    else:
        stopped(source, tmp_path / "out", to="voc")
    run(source, tmp_path / "out", Recipe(Fit(30)), overwrite=True)
    run(source, tmp_path / "fresh", Recipe(Fit(30)))
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_an_output_without_a_journal_is_refused_and_may_be_replaced(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "out")
    (tmp_path / "out" / FOLDER / NAME).unlink()
    for resume in (False, True):
        with pytest.raises(TargetError, match="whose journal is missing; `overwrite=True` replaces it"):
            run(source, tmp_path / "out", resume=resume)
    assert run(source, tmp_path / "out", overwrite=True).fresh == 20


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_that_was_killed_before_it_wrote_anything_is_begun_by_any_command(
    source: Path, tmp_path: Path, resume: bool
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / INCOMPLETE).write_text("", encoding="utf-8")
    assert run(source, tmp_path / "out", resume=resume).fresh == 20


def test_files_of_others_are_never_removed_by_going_on(source: Path, tmp_path: Path) -> None:
    stopped(source, tmp_path / "out")
    theirs = [tmp_path / "out" / name for name in ("images/train/mine.jpg", "labels/train.cache")]
    for path in theirs:
        path.write_bytes(b"mine")
    for path in sorted((source / "images" / "train").iterdir())[:2]:
        path.unlink()
    run(source, tmp_path / "out", resume=True)
    run(source, tmp_path / "out")
    assert [path.read_bytes() for path in theirs] == [b"mine", b"mine"]
    assert json.loads((tmp_path / "out" / RECORD).read_text("utf-8"))["entries"] == [
        "bboxprep.images.jsonl", "data.yaml", "images", "labels",
    ]  # fmt: skip


@pytest.mark.parametrize("given", [{"resume": True}, {"overwrite": True}])
def test_files_of_others_at_the_top_are_refused_by_name(source: Path, tmp_path: Path, given: dict[str, Any]) -> None:
    stopped(source, tmp_path / "out")
    (tmp_path / "out" / "weights.pt").write_bytes(b"mine")
    with pytest.raises(TargetError, match=r"holds other files \(weights.pt\)"):
        run(source, tmp_path / "out", **given)
    assert (tmp_path / "out" / "weights.pt").read_bytes() == b"mine"


def test_a_link_in_the_output_is_not_written_through(source: Path, tmp_path: Path) -> None:
    stopped(source, tmp_path / "out")
    folder, outside = tmp_path / "out" / "images" / "train", tmp_path / "outside"
    folder.rename(outside)
    folder.symlink_to(outside)
    before = stamps(outside)
    with pytest.raises(TargetError, match="train: is a link, want a folder"):
        run(source, tmp_path / "out", resume=True)
    assert stamps(outside) == before
    run(source, tmp_path / "out", overwrite=True)
    assert stamps(outside) == before


@pytest.mark.parametrize("path", ["../outside.txt", "images/../../outside.txt", "{}/outside.txt", ".bboxprep/x", ""])
def test_a_journal_that_names_files_elsewhere_moves_nothing_there(source: Path, tmp_path: Path, path: str) -> None:
    run(source, tmp_path / "fresh")
    stopped(source, tmp_path / "out")
    (tmp_path / "outside.txt").write_bytes(b"mine")
    forge(tmp_path / "out", path.format(tmp_path))
    run(source, tmp_path / "out", resume=True)
    assert (tmp_path / "outside.txt").read_bytes() == b"mine"
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def forge(dest: Path, path: str) -> None:
    """Have the journal say that every image of it was written to `path`."""
    with closing(sqlite3.connect(dest / FOLDER / NAME)) as connection:
        for number, data in connection.execute("SELECT id, result FROM batches").fetchall():
            result = msgspec.msgpack.decode(data)
            for image in result[2]:
                image[3] = [[path, ""]]
            connection.execute("UPDATE batches SET result = ? WHERE id = ?", (msgspec.msgpack.encode(result), number))
        plan = msgspec.msgpack.encode([[path], ["images", "labels", "data.yaml"]])
        connection.execute("UPDATE notes SET value = ? WHERE name = 'plan'", (plan,))
        connection.commit()


@pytest.mark.parametrize("entry", [None, 17, "x", [1], [{}, b"", [], "y", None]])
@pytest.mark.parametrize("to", ["coco", "voc"])  # YOLO's entry is any text, and packed formats begin anew
def test_a_journal_with_the_notes_of_no_writer_is_told(source: Path, tmp_path: Path, to: str, entry: Any) -> None:
    run(source, tmp_path / "out", to=to)
    with closing(sqlite3.connect(tmp_path / "out" / FOLDER / NAME)) as connection:
        for number, data in connection.execute("SELECT id, result FROM batches").fetchall():
            *result, entries, thumbnails = msgspec.msgpack.decode(data)
            forged = msgspec.msgpack.encode([*result, [entry] * len(entries), thumbnails])
            connection.execute("UPDATE batches SET result = ? WHERE id = ?", (forged, number))
        connection.execute("DELETE FROM notes WHERE name = 'end'")
        connection.commit()
    with pytest.raises(TargetError, match=r"its journal is damaged .*`overwrite=True` begins anew"):
        run(source, tmp_path / "out", to=to)
    assert run(source, tmp_path / "out", to=to, overwrite=True).fresh == 20


def test_a_target_that_is_a_link_to_a_folder_is_that_folder(source: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    run(source, tmp_path / "out")
    assert run(source, tmp_path / "out").fresh == 0
    assert (tmp_path / "real" / RECORD).is_file()


def test_a_kill_between_the_last_two_steps_leaves_an_output_that_ends_as_it_should(
    source: Path, tmp_path: Path
) -> None:
    run(source, tmp_path / "out")
    before = tree(tmp_path / "out")
    (tmp_path / "out" / INCOMPLETE).write_text("", encoding="utf-8")
    with pytest.raises(TargetError, match="unfinished"):
        run(source, tmp_path / "out")
    assert run(source, tmp_path / "out", resume=True).fresh == 0
    assert tree(tmp_path / "out") == before


def test_names_that_are_no_text_are_journalled_too(source: Path, tmp_path: Path) -> None:
    image = os.fsencode(source / "images" / "train") + b"/caf\xe9.jpg"
    try:
        os.link(source / "images" / "train" / "00001.jpg", image)
    except OSError:
        pytest.skip("no such names here")
    run(source, tmp_path / "fresh")
    stopped(source, tmp_path / "out", workers=2)
    assert run(source, tmp_path / "out", resume=True).fresh < 20
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
    before = stamps(tmp_path / "out")
    assert run(source, tmp_path / "out").fresh == 0
    assert stamps(tmp_path / "out") == before


def test_images_that_others_put_beside_labels_stay(source: Path, tmp_path: Path) -> None:
    coco = run(source, tmp_path / "coco", Recipe(), "coco").dest
    assert coco
    (coco / "train" / "00001.jpg").unlink()

    def labels(**given: Any) -> Outcome:
        opened = open_source(coco, labels_only=True)
        return convert_source(
            opened, tmp_path / "out", "yolo", Recipe(), run_options=RunOptions(labels_only=True, **given)
        )

    labels()
    theirs = tmp_path / "out" / "images" / "train" / "00001.jpg"
    theirs.write_bytes(b"mine")
    document = coco / "annotations" / "instances_train.json"
    document.write_text(document.read_text("utf-8").replace('"area":', '"extra":1,"area":', 1), encoding="utf-8")
    labels()
    assert theirs.read_bytes() == b"mine"


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_dataset_made_by_hand_of_a_program_is_written_by_processes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: processes.Start
) -> None:
    if start == "fork" and not hasattr(os, "fork"):
        pytest.skip("no fork here")
    monkeypatch.setattr(processes, "START", start)
    write(read(source).transform(BIG), tmp_path / "out", "yolo", workers=2)
    write(read(source).transform(BIG), tmp_path / "one", "yolo")
    assert tree(tmp_path / "out") == tree(tmp_path / "one")


@pytest.mark.parametrize("to", WRITTEN)
def test_an_output_in_which_nothing_was_finished_is_begun_anew_by_any_run(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    def fail(*_: object) -> None:
        raise TargetError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(ImageWriter, "write_labels", fail)  # some images are written, no batch is finished
        with pytest.raises(TargetError, match="no space left"):
            run(source, tmp_path / "out", Recipe(Letterbox(48)), to)
    assert (tmp_path / "out" / INCOMPLETE).exists()
    run(source, tmp_path / "out", to=to)
    run(source, tmp_path / "fresh", to=to)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell which file is read")
@pytest.mark.parametrize("call", ["pread", "open", "read"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.ETIMEDOUT])
def test_an_image_that_the_system_once_failed_to_read_is_read_by_the_next_run(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """Whether it fails when the images are looked at (as the first two do), or when they are converted."""
    real, left = getattr(os, call), 1 if call == "read" else 5  # the call that fails

    def fail_once(*given: Any) -> Any:
        nonlocal left
        name = given[0] if call == "open" else Path(f"/proc/self/fd/{given[0]}").readlink()
        counts = call == "pread" or str(name).endswith(".jpg")
        left -= counts
        if counts and left == 0:
            raise OSError(code, os.strerror(code))
        return real(*given)

    def displayed(dest: Path, begin: Callable[[], None] = lambda: None) -> Outcome:
        opened = open_source(source, labels_in="displayed")  # so that no pixels are read for the frame
        begin()
        return convert_source(opened, dest, "yolo", BIG, run_options=RunOptions())

    with monkeypatch.context() as broken:
        fail = partial(broken.setattr, os, call, fail_once)
        if call == "read":
            outcome = displayed(tmp_path / "out", fail)
        else:
            fail()
            outcome = displayed(tmp_path / "out")
    assert [one.code for one in outcome.account.findings if one.severity is Severity.FAULT] == ["image-unread"]
    assert displayed(tmp_path / "out").fresh
    displayed(tmp_path / "fresh")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
