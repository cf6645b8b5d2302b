from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep.errors import LayoutError, UsageError
from bboxprep.geometry.affine import Affine, Size
from bboxprep.model.sample import Frame
from bboxprep.pipeline.output.run_record import open_run
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe

SOURCE = Path(__file__).parents[3] / "fixtures" / "phone-photos-coco"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    convert_source(open_source(SOURCE), tmp_path / "out", "yolo", Recipe(Letterbox(320)), run_options=RunOptions())
    return tmp_path / "out"


def test_a_run_says_where_each_image_came_from_and_how(out: Path) -> None:
    run = open_run(out)
    assert len(run.images) == len(run.outputs) == 12
    image = run.outputs["images/train/IMG_2006.jpg"]
    assert (image.source, image.orientation, image.frame) == ("train/IMG_2006.jpg", 6, Frame.DISPLAYED)
    assert (image.size, image.frame_size, image.output_size) == (Size(1600, 1200), Size(1200, 1600), Size(320, 320))
    assert image.affine == Affine(0.2, 0.0, 40.0, 0.0, 0.2, 0.0)
    assert image.to_source.coefficients == pytest.approx((5.0, 0.0, -200.0, 0.0, 5.0, 0.0))


def test_fields_of_later_versions_are_ignored_and_missing_ones_have_defaults(out: Path) -> None:
    row = '{"source": "a.jpg", "later": [1, 2], "objects": {"in": 1, "new": 3}}\n'
    (out / "bboxprep.images.jsonl").write_text(row, encoding="utf-8")
    image = open_run(out).images[0]
    assert (image.output, image.affine, image.objects.source_count, image.objects.written) == (None, None, 1, 0)
    with pytest.raises(UsageError, match="holds no affine"):
        _ = image.to_source


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"source": 3}', '{"source": "a", "size": [0, 3]}', '{"source": "a", "frame": "x"}']
)
def test_a_damaged_row_is_named(out: Path, line: str) -> None:
    path = out / "bboxprep.images.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(LayoutError, match=r"bboxprep.images.jsonl: line 13: is not a row of an image"):
        open_run(out)


def test_what_is_no_output_is_refused(out: Path, tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match=r"no bboxprep\.json in it"):
        open_run(SOURCE)
    (out / "bboxprep.json").rename(out / "bboxprep.incomplete")
    with pytest.raises(LayoutError, match="has not ended"):
        open_run(out)
