"""The options of reader and writer: the model whose numbers the text holds, and how its processor resizes images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from bboxprep.errors import UsageError
from bboxprep.formats.api import ReadOptions

LAYOUT = "<split>.jsonl, _annotations.<split>.jsonl or <split>/annotations.jsonl, a line an image"
CLASSES = "labels.txt"

Model = Literal["qwen3-vl", "qwen2.5-vl", "qwen2-vl", "paligemma", "florence-2"]
"""The models whose text is written."""

_FACTOR = 28  # px; a patch of 14 of Qwen2.5-VL, two of which are merged
MIN_PIXELS, MAX_PIXELS = 4 * 28 * 28, 1280 * 28 * 28

_HELP = "the model whose numbers the boxes of JSON lines are in"
_RESIZED = {
    "min_pixels": "pixels that the processor of qwen2.5-vl resizes an image to at least: its boxes count in them",
    "max_pixels": "pixels that the processor of qwen2.5-vl resizes an image to at most: its boxes count in them",
}


def _pixels(name: str, default: int, prefix: str) -> Any:
    return field(default=default, metadata={"flag": f"--{prefix}-{name.replace('_', '-')}", "help": _RESIZED[name]})


@dataclass(frozen=True)
class VlmReadOptions(ReadOptions):
    """The model whose numbers the answers hold ("" tells it from them), and the bounds of its processor, pixels."""

    model: Literal["", "qwen3-vl", "qwen2.5-vl", "qwen2-vl", "paligemma", "florence-2", "odvg"] = field(
        default="", metadata={"flag": "--vlm-in", "help": f"{_HELP} that are read"}
    )
    min_pixels: int = _pixels("min_pixels", MIN_PIXELS, "vlm-in")
    max_pixels: int = _pixels("max_pixels", MAX_PIXELS, "vlm-in")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(self.min_pixels, self.max_pixels)


@dataclass(frozen=True)
class VlmWriteOptions:
    """The model that is trained, the prompt of each image, and the bounds of the model's processor, pixels."""

    model: Model = field(default="qwen3-vl", metadata={"flag": "--vlm-model", "help": f"{_HELP} that are written"})
    prompt: str = field(
        default="",
        metadata={"flag": "--prompt", "help": "the prompt of each image in JSON lines; {classes} are its class names"},
    )
    min_pixels: int = _pixels("min_pixels", MIN_PIXELS, "vlm")
    max_pixels: int = _pixels("max_pixels", MAX_PIXELS, "vlm")

    def __post_init__(self) -> None:
        check_bounds(self.min_pixels, self.max_pixels)


def check_bounds(least: int, most: int) -> None:
    """Raise `UsageError` where no image could have at least `least` pixels and at most `most`."""
    if not 0 < least <= most or most < _FACTOR**2:
        have = f"`min_pixels` {least:,} and `max_pixels` {most:,}"
        raise UsageError(f"{have}, want 1 or more, and no fewer at most, nor fewer than {_FACTOR**2}")
