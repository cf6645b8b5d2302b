"""Maps predictions on prepared images back to their source images: COCO results or YOLO text files."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from bboxprep.errors import UsageError
from bboxprep.io.paths import resolved
from bboxprep.io.remote import open_path
from bboxprep.pipeline.output.run_record import Run
from bboxprep.predictions.category_ids import IdsOf
from bboxprep.predictions.coco import unmap_results
from bboxprep.predictions.inverse import Unmapped
from bboxprep.predictions.suppression import check_overlap
from bboxprep.predictions.yolo import unmap_folder


def unmap(
    run: Run,
    predictions: str | Path,
    dest: str | Path,
    *,
    split: str | None = None,
    ids: IdsOf | None = None,
    nms: float | None = None,
) -> Unmapped:
    """Write `predictions` on the images of `run` to `dest`, in the frame of the source's labels.

    `predictions` is a COCO results file (a JSON list of ``{image_id, category_id, bbox, score}``, optionally with
    ``segmentation``, ``keypoints``, ``poly`` and ``rbox``), or a folder of YOLO text files (rows of the kind that the
    output was written for, with or without a confidence at the end). `dest` is a file or a folder of the same kind.
    `split` is the split of an image id or bare name that several splits have. `ids` says whose category ids the results
    have: those that the trainer counts, or the source's own; None: by evidence. The written ids are the source's.
    With `nms`, of the predictions of one class and image of the source that overlap by more than this share
    (intersection over union), which several tiles or copies may give, the best is kept. Polygons, keypoints, oriented
    boxes and boxes are exact to 0.01 px; a box on an image that was not rotated by a right angle becomes the box around
    the rotated rectangle. Predictions for images that the output does not have are left out, each with a finding.
    Raises `BboxprepError` where nothing can be read or written.
    """
    predictions, dest = open_path(predictions), open_path(dest)
    known = {image.split for image in run.images}
    if split is not None and split not in known:
        raise UsageError(f"split: have {split!r}, want one of {', '.join(sorted(known))}")
    if ids not in (None, *get_args(IdsOf)):
        raise UsageError(f"ids: have {ids!r}, want one of {', '.join(get_args(IdsOf))}")
    check_overlap(nms)
    if resolved(predictions) == resolved(dest):
        raise UsageError(f"{dest}: is the place of the predictions, want another one")
    if predictions.is_dir():
        return unmap_folder(run, predictions, dest, split, nms)
    return unmap_results(run, predictions, dest, split, ids, nms)
