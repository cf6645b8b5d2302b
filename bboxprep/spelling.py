"""The known name that a misspelt one probably stands for, as the end of an error message."""

from __future__ import annotations

from collections.abc import Iterable

_MOST_LISTED = 12


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'cat'?`` for a known name that is nearly `word`, whatever its case; else ""."""
    from difflib import get_close_matches  # slow to import, and needed for errors alone

    folded = {name.casefold(): name for name in reversed(tuple(known))}
    near = get_close_matches(word.casefold(), folded, n=1)
    return f"; did you mean {folded[near[0]]!r}?" if near else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """What `did_you_mean` says, or where no name is near, which names there are: `` ('cat', 'dog')``."""
    names = tuple(dict.fromkeys(known))
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    listed = ", ".join(map(repr, names[:_MOST_LISTED])) or "there is none"
    return did_you_mean(word, names) or f" ({listed}{more})"
