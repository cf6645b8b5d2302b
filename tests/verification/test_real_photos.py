"""Real photos and labels of three public sets: no false alarm, and a shift of 3 % never passes for proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep.images.codecs.independent_decoder import decode_displayed, decode_with_opencv, pixel_lengths
from bboxprep.pipeline.output.run_record import open_run
from bboxprep.recipe.affine_steps import Rotate, Scale
from bboxprep.recipe.geometric import Fit, Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification import pixel
from bboxprep.verification.geometric import compare
from bboxprep.verification.patch_similarity import PatchVerdict
from bboxprep.verification.verification_inputs import open_inputs, open_output
from bboxprep.verification.verify import verify
from tests.verification.outputs import make, told

DATA = Path(__file__).parents[3] / "shared" / "data"
SETS = (
    ("bccd/BCCD", "yolo", Recipe(Letterbox(416), Flip("horizontal"))),
    ("raccoon", "coco", Recipe(Letterbox(416))),
    ("microcontroller", "voc", Recipe(Fit(400), Flip("both"))),
    ("raccoon", "yolo", Recipe(Letterbox(416), Rotate(-37.0), Scale(1.3))),
)
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs the public data sets beside the checkout")
PICTURES = 40  # of each set whose pixels are looked at


@pytest.fixture(scope="module", params=SETS, ids=lambda chosen: " ".join(map(str, chosen)))
def out(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, to, recipe = request.param
    return make(tmp_path_factory.mktemp("real") / "out", DATA / name, to, recipe)


def test_no_true_output_is_doubted(out: Path) -> None:
    proof = verify(out, sample=PICTURES, workers=2)
    assert proof.holds, told(proof)
    assert proof.tallies[1].checked > 170
    assert proof.tallies[2].checked > 2 * proof.tallies[2].unsure


def test_a_shift_of_3_percent_is_never_taken_for_proof(out: Path) -> None:
    run = open_run(out)
    case = open_inputs(run, open_output(run), None, lambda _: {})
    caught = 0
    for image in list(run.outputs.values())[:: max(1, len(run.outputs) // 12)]:
        sample, origin, mapped = case.written(image), case.origin(image), compare(case, image).mapped
        assert sample is not None
        assert sample.header is not None
        assert origin is not None
        assert origin.header is not None
        assert mapped is not None
        actual = decode_with_opencv(sample.path, sample.header.container).gray
        length = max(pixel_lengths(mapped.from_shown))
        pictures = pixel._image_pair(
            decode_displayed(origin.path, origin.header.container, shrink=length), mapped, actual, []
        )
        assert pictures is not None
        step = round(0.03 * max(actual.shape))
        for box in sample.instances.boxes:
            for offset in ((step, 0), (0, -step), (-step, step)):
                verdict = pixel._compare(pictures, box, offset).verdict
                assert verdict is not PatchVerdict.SAME, (image.output, box, offset)
                caught += verdict is not PatchVerdict.UNSURE
    assert caught > 20
