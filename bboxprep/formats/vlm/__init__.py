"""JSON lines for vision-language models: an image, a prompt, and boxes as text. `reader` and `writer` describe them."""

from __future__ import annotations

from bboxprep.formats.api import Format, deferred
from bboxprep.formats.vlm.numbers import step
from bboxprep.formats.vlm.options import LAYOUT, VlmReadOptions, VlmWriteOptions
from bboxprep.model.columns import Column

__all__ = ["FORMAT", "VlmReadOptions", "VlmWriteOptions"]

FORMAT = Format(
    title="VLM grounding JSONL",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="beside the images, or above them",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=frozenset({Column.BOXES}),
    step=step,
    read_options=VlmReadOptions,
    write_options=VlmWriteOptions,
    traps=(
        (
            "numbers go to 1000, 1024 or the pixels that the processor makes, by the model",
            "transformers, processors of Qwen-VL, PaliGemma and Florence-2",
        ),
        (
            "loaders of Qwen show the stored image, those of transformers the displayed one",
            "qwen-vl-utils; transformers, image_utils.py",
        ),
    ),
)
