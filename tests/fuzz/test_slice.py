"""A short slice of the fuzzing that runs everywhere, always the same; `tests.fuzz.run` goes on from there."""

from __future__ import annotations

import json
import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep.errors import BboxprepError, UsageError
from bboxprep.pipeline.sidecar.schema import BadLine
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import TARGETS, Target

RUNS = 400  # of each target


@pytest.mark.parametrize("name", TARGETS)
def test_only_our_errors_leave_a_reader(name: str) -> None:
    target = TARGETS[name]
    sound = [seed[: target.most] for seed in target.seeds()]

    @settings(max_examples=RUNS, derandomize=True, database=None, deadline=None)
    @given(start=st.sampled_from(sound), number=st.integers(0, 2**32))
    def slice_of_it(start: bytes, number: int) -> None:
        target(mutated(start, target.words, random.Random(number)))

    slice_of_it()


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_are_sound_enough_to_begin_with(name: str) -> None:
    read = 0
    for seed in TARGETS[name].seeds():
        with suppress(BboxprepError, BadLine):
            TARGETS[name].read(seed)
            read += 1
    assert read


def test_a_mistake_in_a_reader_is_found() -> None:
    def careless(data: bytes) -> object:
        try:
            return json.loads(data)["annotations"][0]["bbox"][3]
        except ValueError as error:
            raise UsageError("no JSON") from error

    target = Target(careless, TARGETS["coco"].seeds)
    found = set()
    for number, seed in enumerate(list(target.seeds()) * 20):
        try:
            target(mutated(seed, (), random.Random(number)))
        except (LookupError, TypeError) as error:
            found.add(type(error))
    assert found == {KeyError, IndexError, TypeError}


def test_a_change_depends_on_its_number_alone() -> None:
    for target in TARGETS.values():
        for seed in target.seeds():
            one, other = (mutated(seed, target.words, random.Random(7)) for _ in range(2))
            assert one == other
