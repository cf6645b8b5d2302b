"""An output that is overwritten: one whole output is there at every moment, whatever fails or is killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bboxprep.errors import InternalError, LeftOverWarning, StoppedError, TargetError
from bboxprep.pipeline.output import output_folder, replacement
from bboxprep.pipeline.output.run_record import INCOMPLETE, write_record
from bboxprep.pipeline.resume.journal import FOLDER
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work import conversion
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Fit, Letterbox
from bboxprep.recipe.recipe import Recipe
from tests.tiny import stamps, tiny, tree

OLD, NEW = Recipe(Letterbox(40)), Recipe(Fit(30))
CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir"})  # audit events of the system calls
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def run(source: Path, dest: Path, recipe: Recipe = NEW, to: str = "yolo", **given: Any) -> Outcome:
    stop = given.pop("stop", lambda: False)
    return convert_source(open_source(source), dest, to, recipe, run_options=RunOptions(**given), stop=stop)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tiny(tmp_path / "source", range(4))


@pytest.fixture
def dest(source: Path, tmp_path: Path) -> Path:
    """A finished output that is to be replaced."""
    run(source, tmp_path / "out", OLD)
    return tmp_path / "out"


def folders(dest: Path) -> set[str]:
    """What lies beside the source: the output, and what a run has left beside it."""
    return {path.name for path in dest.parent.iterdir()} - {"source", "fresh"}


@pytest.mark.parametrize("exchanges", [True, False], ids=["one call", "two renames"])
def test_the_new_output_takes_the_place_of_the_old_one_and_nothing_is_left_beside_it(
    source: Path, dest: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(replacement, "_exchanged", lambda *_: False)
    outcome = run(source, dest, to="voc", overwrite=True)
    assert outcome.dest == dest
    run(source, dest.parent / "fresh", to="voc")
    assert tree(dest) == tree(dest.parent / "fresh")
    assert folders(dest) == {"out"}
    assert run(source, dest, to="voc").fresh == 0


def fail(*_: object, **__: object) -> NoReturn:
    raise InternalError("on purpose")


def test_a_run_that_fails_leaves_the_old_output_as_it_was_and_nothing_beside_it(
    source: Path, dest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(dest)
    monkeypatch.setattr(conversion, "write_record", fail)
    with pytest.raises(InternalError):
        run(source, dest, overwrite=True)
    assert tree(dest) == before
    assert folders(dest) == {"out"}
    assert run(source, dest, OLD).fresh == 0


def test_an_output_that_is_removed_first_is_lost_by_a_failure(
    source: Path, dest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted mistake: the law above finds it."""
    before = tree(dest)
    monkeypatch.setattr(replacement, "is_replaced_whole", lambda _: False)
    monkeypatch.setattr(conversion, "write_record", fail)
    with pytest.raises(InternalError):
        run(source, dest, overwrite=True)
    assert tree(dest) != before


def test_a_run_that_was_stopped_goes_on_beside_the_old_output(source: Path, dest: Path) -> None:
    before, asked = tree(dest), iter(range(2))
    with pytest.raises(StoppedError, match=r"out\.bboxprep-new: stopped as asked; .* `resume=True` goes on"):
        run(source, dest, overwrite=True, stop=lambda: next(asked, None) is None)
    assert tree(dest) == before
    assert folders(dest) == {"out", "out.bboxprep-new"}
    assert run(source, dest, OLD, resume=True).fresh == 0  # the old output by its own terms
    assert run(source, dest, resume=True).fresh < 4
    run(source, dest.parent / "fresh")
    assert tree(dest) == tree(dest.parent / "fresh")
    assert folders(dest) == {"out"}


def test_overwriting_again_begins_again(source: Path, dest: Path) -> None:
    asked = iter(range(2))
    with pytest.raises(StoppedError):
        run(source, dest, overwrite=True, stop=lambda: next(asked, None) is None)
    run(source, dest, Recipe(), overwrite=True)
    run(source, dest.parent / "fresh", Recipe())
    assert tree(dest) == tree(dest.parent / "fresh")
    assert folders(dest) == {"out"}


def killed_at(change: int, work: Callable[[], object]) -> bool:
    """Do `work` in a process that is killed before its file system call number `change`; whether it got that far."""
    child = os.fork()
    if not child:
        calls = count()
        sys.addaudithook(lambda event, _: os._exit(9) if event in CHANGES and next(calls) == change else None)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@needs_fork
@pytest.mark.parametrize(
    ("exchanges", "after"), [(True, "resume"), (False, "overwrite")], ids=["one call", "two renames"]
)
def test_a_kill_at_any_change_leaves_a_whole_output_and_the_next_run_ends_well(
    source: Path, dest: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool, after: str
) -> None:
    if not exchanges:
        monkeypatch.setattr(replacement, "_exchanged", lambda *_: False)
    for number in (1, 2):
        (source / "images" / "train" / f"{number:05d}.jpg").unlink()
        (source / "labels" / "train" / f"{number:05d}.txt").unlink()
    run(source, dest, OLD)
    fresh, kills = dest.parent / "fresh", 0
    run(source, fresh)
    old, new, recipes = tree(dest), tree(fresh), (NEW, OLD)
    while killed_at(2 * kills, lambda: run(source, dest, recipes[0], overwrite=True)):  # noqa: B023
        kills += 1
        places = [dest, *(dest.with_name(f"out.bboxprep-{which}") for which in ("old", "new"))]
        whole = [tree(place) for place in places if place.exists() and not (place / INCOMPLETE).exists()]
        assert old in whole or new in whole, kills
        if not dest.exists():
            assert old in whole, kills  # which the next run puts back
            assert new in whole, kills
        if after == "resume" and (dest.with_name("out.bboxprep-new")).exists():
            try:
                run(source, dest, recipes[0], resume=True)
            except TargetError:  # it had not begun
                run(source, dest, recipes[0], overwrite=True)
        else:
            run(source, dest, recipes[0], overwrite=True)
        assert tree(dest) == new, kills
        old, new, recipes = new, old, (recipes[1], recipes[0])
    assert kills > 15


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("to", ["coco", "yolo", "voc", "webdataset"])
def test_files_of_others_below_the_output_are_refused_by_name(
    source: Path, tmp_path: Path, finished: bool, to: str
) -> None:
    dest = tmp_path / "out"
    if finished:
        run(source, dest, OLD, to)
    else:
        asked = iter(range(3))
        with pytest.raises(StoppedError):
            run(source, dest, OLD, to, stop=lambda: next(asked, None) is None)
    deep = min((path for path in dest.iterdir() if path.is_dir() and path.name != FOLDER), default=None)
    if deep is None:
        return  # an output without folders: what lies beside its files is refused by `check_target`
    theirs = [deep / "mine.jpg", deep / "notes" / "mine.md"]
    theirs[1].parent.mkdir()
    for path in theirs:
        path.write_bytes(b"mine")
    before = stamps(dest)
    with pytest.raises(TargetError, match=r"holds files that no run of bboxprep has written \(.*mine\.jpg, .*mine\.md"):
        run(source, dest, to=to, overwrite=True)
    assert stamps(dest) == before
    for path in theirs:
        path.unlink()
    run(source, dest, to=to, overwrite=True)
    run(source, tmp_path / "fresh", to=to)
    assert tree(dest) == tree(tmp_path / "fresh")


def test_a_file_that_others_put_there_during_the_run_is_not_removed(
    source: Path, dest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(dest)

    def meanwhile(*given: Any) -> None:
        (dest / "labels" / "train.cache").write_bytes(b"theirs")
        write_record(*given)

    monkeypatch.setattr(conversion, "write_record", meanwhile)
    with pytest.raises(TargetError, match=r"labels/train\.cache"):
        run(source, dest, overwrite=True)
    (dest / "labels" / "train.cache").unlink()
    assert tree(dest) == before
    assert run(source, dest, resume=True).fresh == 0  # the new output was whole
    assert folders(dest) == {"out"}


def test_images_that_others_put_beside_labels_are_refused_by_name(tmp_path: Path) -> None:
    source, dest = tiny(tmp_path / "source", range(3)), tmp_path / "out"  # no turned photo, which would be changed

    def labels(**given: Any) -> None:
        opened = open_source(source, labels_only=True)
        convert_source(opened, dest, "coco", Recipe(), run_options=RunOptions(images="none", **given))

    labels()
    (dest / "train").mkdir()
    (dest / "train" / "00001.jpg").write_bytes(b"mine")
    with pytest.raises(TargetError, match=r"\(train/00001\.jpg\)"):
        labels(overwrite=True)
    assert (dest / "train" / "00001.jpg").read_bytes() == b"mine"


def test_the_root_of_a_file_system_is_refused_before_anything_changes(
    source: Path, dest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(dest)
    monkeypatch.setattr(Path, "is_mount", lambda path: path == dest.resolve())
    with pytest.raises(TargetError, match="is the root of a file system"):
        run(source, dest, overwrite=True)
    assert tree(dest) == before
    assert folders(dest) == {"out"}


def test_a_link_to_the_output_stays_a_link(source: Path, dest: Path) -> None:
    alias = dest.parent / "alias"
    alias.symlink_to(dest)
    run(source, alias, overwrite=True)
    run(source, dest.parent / "fresh")
    assert alias.is_symlink()
    assert tree(dest) == tree(dest.parent / "fresh")


def test_a_folder_of_others_beside_the_output_is_refused(source: Path, dest: Path) -> None:
    beside = dest.with_name("out.bboxprep-new")
    beside.mkdir()
    (beside / "mine.txt").write_bytes(b"mine")
    with pytest.raises(TargetError, match=r"out\.bboxprep-new: holds other files \(mine\.txt\)"):
        run(source, dest, overwrite=True)
    assert (beside / "mine.txt").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["mine.txt", "sub/mine.txt"])
def test_files_of_others_beside_the_journal_are_refused_by_name(source: Path, dest: Path, name: str) -> None:
    mine = dest / FOLDER / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_bytes(b"mine")
    with pytest.raises(TargetError, match=rf"holds files that no run of bboxprep has written \({FOLDER}/{name}\)"):
        run(source, dest, overwrite=True)
    assert mine.read_bytes() == b"mine"


def test_a_link_where_the_new_output_is_to_be_built_is_refused(source: Path, dest: Path, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    dest.with_name("out.bboxprep-new").symlink_to("else")
    before = tree(dest)
    with pytest.raises(TargetError, match=r"out\.bboxprep-new: is a link"):
        run(source, dest, overwrite=True)
    assert tree(dest) == before
    assert not any((tmp_path / "else").iterdir())


def test_an_old_output_that_cannot_be_removed_is_told_and_the_new_one_is_there(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(source, tmp_path / "out", OLD)
    run(source, tmp_path / "fresh", NEW)

    def fail(_: object) -> NoReturn:
        raise TargetError("busy")

    monkeypatch.setattr(output_folder, "remove_folder", fail)
    with pytest.warns(LeftOverWarning, match=r"out.*: is the old output, which was replaced .*\(busy\); remove it"):
        run(source, tmp_path / "out", NEW, overwrite=True)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
