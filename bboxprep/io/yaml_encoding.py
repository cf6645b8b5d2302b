"""Text as YAML holds it, whatever its characters are."""

from __future__ import annotations


def yaml_text(text: str) -> str:
    """`text` in double quotes, with an escape for whatever YAML would read otherwise."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
