from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep.errors import UsageError
from bboxprep.frames.evidence import FrameEvidence
from bboxprep.geometry.affine import Size
from bboxprep.images.capture_time import CaptureTime
from bboxprep.model.header import Header
from bboxprep.pipeline.source.split import SplitPolicy, bursts
from bboxprep.pipeline.source.survey import ImageSummary
from tests.images.test_capture_time import photo

RULES = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(
    lambda parts: SplitPolicy({f"split{number}": part / sum(parts) for number, part in enumerate(parts)})
)
NAMES = st.lists(st.text(st.sampled_from("ab/é1_"), min_size=1, max_size=6), unique=True, max_size=30)


def summary(name: str, path: Path = Path("none")) -> ImageSummary:
    return ImageSummary(
        ("train", name),
        Header(Size(4, 3)),
        FrameEvidence(turned=False),
        touched=False,
        folder=path.parent,
        file=path.name,
    )


def assign(rule: SplitPolicy, names: list[str]) -> dict[str, str]:
    return dict(zip(names, rule.assign([summary(name) for name in names]), strict=True))


@given(RULES, NAMES, NAMES)
def test_images_that_are_added_move_none(rule: SplitPolicy, names: list[str], more: list[str]) -> None:
    before = assign(rule, names)
    after = assign(rule, sorted({*names, *more}))
    assert {name: after[name] for name in names} == before


@settings(max_examples=20)
@given(RULES, st.integers(0, 10**6))
def test_the_shares_are_met_as_well_as_chance_allows(rule: SplitPolicy, start: int) -> None:
    number = 2000
    counts = Counter(assign(rule, [f"IMG_{start + index}.jpg" for index in range(number)]).values())
    for split, share in rule.shares.items():
        assert abs(counts[split] - number * share) <= 5 * sqrt(number * share * (1 - share))


@given(RULES, st.sampled_from(["folder", "regex:^([ab]+)", "regex:a|b"]), NAMES)
def test_no_group_is_torn(rule: SplitPolicy, group_by: str, names: list[str]) -> None:
    rule = SplitPolicy(rule.shares, group_by)
    groups = dict(zip(names, rule._groups([summary(name) for name in names]), strict=True))
    splits = assign(rule, names)
    assert len({(groups[name], splits[name]) for name in names}) == len(set(groups.values()))


@pytest.mark.parametrize(
    ("group_by", "name", "group"),
    [
        ("file", "a/b/c.jpg", "a/b/c.jpg"),
        ("folder", "a/b/c.jpg", "a/b"),
        ("folder", "c.jpg", "."),
        ("regex:(.*)_\\d+", "video7_0001.jpg", "video7"),
        ("regex:video\\d", "x/video7_0001.jpg", "video7"),
        ("regex:(video)?_\\d+", "x_0001.jpg", "x_0001.jpg"),
        ("regex:^q", "video7_0001.jpg", "video7_0001.jpg"),
    ],
)
def test_what_the_group_is(group_by: str, name: str, group: str) -> None:
    assert SplitPolicy({"train": 1.0}, group_by)._groups([summary(name)]) == [group]


def test_the_place_of_a_name_is_the_same_for_ever() -> None:
    rule = SplitPolicy.parse("train=0.5, val=0.3, test=0.2")
    names = ["IMG_0001.jpg", "IMG_0002.jpg", "a/b.png", "ü.jpg", ""]
    assert [rule.split_of(name) for name in names] == ["train", "train", "val", "val", "test"]


MOMENTS = st.lists(
    st.one_of(st.none(), st.builds(CaptureTime, st.sampled_from(["", "A", "B"]), st.integers(0, 200))), max_size=12
)


@given(MOMENTS, st.integers(0, 60), st.randoms(use_true_random=False))
def test_a_burst_is_a_chain_of_one_camera(moments: list[CaptureTime | None], seconds: int, random: object) -> None:
    names = [f"{number}.jpg" for number in range(len(moments))]
    groups = bursts(names, moments, seconds)
    timed = sorted((moment, group) for moment, group in zip(moments, groups, strict=True) if moment)
    for (one, first), (other, second) in pairwise(timed):
        near = one.camera == other.camera and other.second - one.second <= seconds
        assert (first == second) == near
    alone = [group for moment, group in zip(moments, groups, strict=True) if moment is None]
    assert alone == [name for moment, name in zip(moments, names, strict=True) if moment is None]


def test_photos_of_one_burst_share_a_split(tmp_path: Path) -> None:
    times = ["2024:05:01 10:00:00", "2024:05:01 10:00:50", "2024:05:01 10:01:45", "2024:05:01 11:00:00"]
    paths = [photo(tmp_path / f"{number}.jpg", time) for number, time in enumerate(times)]
    other = photo(tmp_path / "other.jpg", times[0], "Other camera")
    summaries = [summary(path.name, path) for path in [*paths, other]]
    first, second, third, late, foreign = SplitPolicy({"train": 1.0}, "exif-time")._groups(summaries)
    assert first == second == third
    assert len({first, late, foreign}) == 3
    assert len(set(SplitPolicy({"train": 1.0}, "exif-time:50")._groups(summaries))) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train=0.8", "shares that sum to 0.8, want 1"),
        ("train=0.8,val=0.3", "shares that sum to 1.1, want 1"),
        ("train=0.8,val=x", "have 'val=x', want NAME=SHARE"),
        ("", "have '', want NAME=SHARE"),
        ("train=1.2,val=-0.2", "have 1.2 for train, want a share above 0"),
        ("train=nan", "have nan for train"),
        ("train=0.5,train=0.5", "have 'train' twice"),
        ("a/b=1", "have the name 'a/b', want letters"),
        ("..=1", "have the name '..', want letters"),
    ],
)
def test_shares_that_cannot_be_are_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        SplitPolicy.parse(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("group_by", "said"),
    [
        ("video", "have 'video', want file, folder, near, regex:PATTERN or exif-time"),
        ("file:x", "have 'file:x', want file"),
        ("regex:", "have an empty pattern"),
        ("regex:(", "have the pattern '(', which cannot be read"),
        ("exif-time:soon", "have exif-time:soon, want a number of seconds"),
        ("exif-time:-1", "have exif-time:-1, want a number of seconds"),
    ],
)
def test_groupings_that_cannot_be_are_refused(group_by: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        SplitPolicy({"train": 1.0}, group_by)
    assert said in str(caught.value)


def test_shares_may_be_named_by_any_word_for_a_split() -> None:
    for percent in ("train=80,val=20", "train=80%, val=20%"):
        assert SplitPolicy.parse(percent) == SplitPolicy.parse("train=0.8,val=0.2")
    assert SplitPolicy.parse("training=0.5,dev=0.25,fold1=0.25") == SplitPolicy.parse("train=0.5,val=0.25,fold1=0.25")
    with pytest.raises(UsageError, match="val, valid, of which two mean one split"):
        SplitPolicy({"val": 0.5, "valid": 0.5})
