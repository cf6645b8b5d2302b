"""Letters for names in any script: of a font that comes with Pillow, else of one of the system, else Latin ones.

A name is written with one font that has all its characters. Where none has, it is spelt by the Unicode names of its
characters (ka, ja, [U+72D7]), so that two names stay two.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_WIDE = (
    "notosanscjk",
    "notosans",
    "arialunicode",
    "unifont",
    "wqy",
    "msyh",
    "pingfang",
    "nirmala",
    "segoeui",
    "dejavusans",
)
_VOWEL_OF_NAME = re.compile("^E(?=[B-DF-HJ-NP-TV-Z]+$)|(?<=[B-DF-HJ-NP-TV-XZ])[EA]$")  # BE stands for b, ES for s
_MOST_FONTS = 400  # that are opened at most
_ABSENT = "\U0010fffe"  # a character that no font has
_SIZE = 16  # px, at which fonts are asked for characters


class Lettering(NamedTuple):
    """The `text` that is written for a name, and its `font`."""

    text: str
    font: Font


def lettering(name: str, size: int) -> Lettering:
    """`name` as it is written in `size` px."""
    if name.isascii():
        return Lettering(name, ImageFont.load_default(size=size))
    file = _file_for(name)
    if file is None:
        return Lettering(transliterated(name), ImageFont.load_default(size=size))
    return Lettering(name, ImageFont.truetype(file, size) if file else ImageFont.load_default(size=size))


def is_spelt_otherwise(name: str) -> bool:
    """Whether no font has all characters of `name`, so that it is transliterated."""
    return not name.isascii() and _file_for(name) is None


def transliterated(name: str) -> str:
    """`name` in ASCII, by the Unicode names of its characters."""
    found = ""
    for char in unicodedata.normalize("NFC", name):
        words = unicodedata.name(char, "")
        if "VOWEL SIGN" in words or "VIRAMA" in words:
            found = found.removesuffix("a")  # a letter of India stands for a syllable with this vowel
        found += char if char.isascii() else _spelt(char, words)
    return found


def _spelt(char: str, words: str) -> str:
    plain = "".join(part for part in unicodedata.normalize("NFKD", char) if part.isascii())
    if plain:
        return plain
    for kind in (" LETTER ", " VOWEL SIGN ", " SYLLABLE "):
        script, found, sound = words.partition(kind)
        if found:
            sound = sound.removesuffix(" FORM").split(" WITH ")[0].split()[-1]
            sound = _VOWEL_OF_NAME.sub("", sound) if script.startswith("CYRILLIC") else sound
            return sound.capitalize() if script.endswith("CAPITAL") else sound.lower()
    if unicodedata.category(char) in ("Mn", "Mc", "Cf"):
        return ""
    return f"[{words.lower()}]" if words and "IDEOGRAPH" not in words else f"[U+{ord(char):04X}]"


@lru_cache(maxsize=4096)
def _file_for(name: str) -> str | None:
    """The file of the first font that has all characters of `name`; "" for Pillow's own, None for none."""
    wanted = {char for char in name if not char.isspace() and unicodedata.category(char) != "Cf"}
    if _has_all(ImageFont.load_default(size=_SIZE), wanted):
        return ""
    for file in _font_files():
        font = _opened(file)
        if font is not None and _has_all(font, wanted):
            return file
    return None


@lru_cache(maxsize=_MOST_FONTS)
def _opened(file: str) -> Font | None:
    try:
        return ImageFont.truetype(file, _SIZE)
    except (OSError, ValueError):  # no font, or one without outlines
        return None


def _has_all(font: Font, characters: set[str]) -> bool:
    absent = _drawn(font, _ABSENT)
    return all(_drawn(font, char) != absent for char in characters)


def _drawn(font: Font, char: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(char)
    return mask.size, bytes(mask)


@lru_cache(maxsize=1)
def _font_files() -> tuple[str, ...]:
    """The fonts of this system, those with wide cover first."""

    def rank(file: str) -> tuple[int, int, str]:
        stem = Path(file).stem.lower().replace("-", "").replace(" ", "")
        return next((place for place, known in enumerate(_WIDE) if stem.startswith(known)), len(_WIDE)), len(stem), file

    files = (str(path) for folder in _folders() for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    return tuple(sorted(files, key=rank)[:_MOST_FONTS])


_SUFFIXES = (".ttf", ".otf", ".ttc")


def _folders() -> Iterator[Path]:
    home = Path("~").expanduser()
    if sys.platform == "win32":
        yield Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"
        yield home / "AppData" / "Local" / "Microsoft" / "Windows" / "Fonts"
    elif sys.platform == "darwin":
        yield from (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts")
    else:
        yield from map(Path, ("/usr/share/fonts", "/usr/local/share/fonts"))
        yield from (home / ".local" / "share" / "fonts", home / ".fonts")
