from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep.frames.evidence import FrameEvidence
from bboxprep.geometry.affine import Size
from bboxprep.model.header import Header
from bboxprep.pipeline.source.survey import ImageSummary, find_leaks


def summary(split: str, path: Path, *, readable: bool = True) -> ImageSummary:
    header = Header(Size(4, 3)) if readable else None
    return ImageSummary(
        (split, path.name), header, FrameEvidence(turned=False), touched=False, folder=path.parent, file=path.name
    )


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["train", "val", "test"]), st.binary(min_size=1, max_size=2)), max_size=12))
def test_each_copy_in_a_later_split_is_told_with_its_first(files: list[tuple[str, bytes]]) -> None:
    files.sort(key=lambda file: ["train", "val", "test"].index(file[0]))
    with tempfile.TemporaryDirectory() as folder:
        summaries = []
        for number, (split, data) in enumerate(files):
            path = Path(folder) / f"{number}.jpg"
            path.write_bytes(data)
            summaries.append(summary(split, path))
        found = {(leak.split, leak.path): leak.message for leak in find_leaks(summaries, Path(folder))}
    first = {data: index for index, (_, data) in reversed(list(enumerate(files)))}
    assert found == {
        (split, f"{number}.jpg"): f"the same bytes as {first[data]}.jpg ({files[first[data]][0]})"
        for number, (split, data) in enumerate(files)
        if split != files[first[data]][0]
    }


def test_what_cannot_be_read_leaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"same")
    (tmp_path / "b.jpg").write_bytes(b"same")
    gone = summary("val", tmp_path / "gone.jpg")
    broken = summary("val", tmp_path / "b.jpg", readable=False)
    assert find_leaks([summary("train", tmp_path / "a.jpg"), gone, broken], tmp_path) == ()
