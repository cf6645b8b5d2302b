from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep import errors
from bboxprep.errors import BboxprepError, SourceError, UsageError

TREE = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BboxprepError)]
SOURCE = [kind for kind in TREE if issubclass(kind, SourceError)]


def test_every_error_is_in_the_picture_of_the_tree() -> None:
    assert len(TREE) >= 9
    assert errors.__doc__ is not None
    assert all(kind.__name__ in errors.__doc__ for kind in TREE)


@pytest.mark.parametrize("kind", SOURCE)
def test_a_source_error_names_file_place_and_problem(kind: type[SourceError]) -> None:
    error = kind(Path("a.json"), "images[3]", "no file_name (have null, want text)")
    assert str(error) == "a.json: images[3]: no file_name (have null, want text)"
    assert (error.path, error.where, error.problem) == (Path("a.json"), "images[3]", error.problem)


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_whole_file_has_no_place(path: str, problem: str) -> None:
    assert str(SourceError(path, "", problem)) == f"{path}: {problem}"


@pytest.mark.parametrize("kind", SOURCE)
def test_a_source_error_comes_back_whole_from_another_process(kind: type[SourceError]) -> None:
    error = kind(Path("a.txt"), "line 3", "five numbers wanted")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert again.where == "line 3"


def test_a_wrong_request_is_a_value_error_too() -> None:
    assert issubclass(UsageError, ValueError)
