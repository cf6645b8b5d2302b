"""Text in any script on a picture: in a font of the system that has its letters, else in Latin letters.

Pillow brings a font of Latin letters alone, and finds those of the system by their file names.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from anyascii import anyascii
from PIL import ImageFont, features

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_WIDE = (  # the fonts of Linux, Windows and macOS that have the letters of many scripts
    "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "DroidSansFallbackFull.ttf", "wqy-microhei.ttc",
    "unifont.otf", "NotoSans-Regular.ttf", "DejaVuSans.ttf", "FreeSans.ttf", "msyh.ttc", "malgun.ttf", "meiryo.ttc",
    "Nirmala.ttf", "segoeui.ttf", "seguiemj.ttf", "arial.ttf", "Arial Unicode.ttf", "PingFang.ttc",
)  # fmt: skip
_NO_LETTER = "\uffff"  # drawn as any letter that a font does not have


def lettered(text: str, size: int) -> tuple[str, Font]:
    """`text`, and a font of `size` px that has its letters; where none of the system has, `text` in Latin letters."""
    name = _font_name(text)
    return (anyascii(text), ImageFont.load_default(size)) if name is None else (text, _font(name, size) or _plain(size))


def in_latin(texts: Iterable[str]) -> dict[str, str]:
    """Those of `texts` that are drawn in Latin letters, each with what is drawn."""
    return {text: anyascii(text) for text in texts if _font_name(text) is None}


@lru_cache(maxsize=4096)
def _font_name(text: str) -> str | None:
    """The file name of a font that has the letters of `text`, "" for that of Pillow; None where there is none."""
    if _wants_shaping(text) and not features.check("fribidi"):
        return None
    return next((name for name in ("", *_WIDE) if (font := _font(name, 16)) and _covers(font, text)), None)


@lru_cache(maxsize=64)
def _font(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size) if name else _plain(size)
    except OSError:
        return None


def _plain(size: int) -> Font:
    return ImageFont.load_default(size)


def _covers(font: Font, text: str) -> bool:
    """Whether `font` has all letters of `text`."""
    absent = bytes(font.getmask(_NO_LETTER))
    return all(bytes(font.getmask(letter)) != absent for letter in set(text) if not letter.isspace())


def _wants_shaping(text: str) -> bool:
    """Whether letters of `text` run from right to left, or join: one beside the other they would be wrong."""
    return any(unicodedata.bidirectional(letter) in ("R", "AL", "NSM") for letter in text)
