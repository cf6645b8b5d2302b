"""Answers about files, kept while a source is recognised: each format asks the same about the same ones.

A storage takes some 50 ms for an answer, and to list a folder of many files takes as long on a disk. Outside of
`answers_kept` nothing is kept, for files may change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

Words = ParamSpec("Words")
Answer = TypeVar("Answer")

_answers: dict[tuple[object, ...], Any] | None = None


@contextmanager
def answers_kept() -> Iterator[None]:
    """Until the end of the ``with``, ask each question once: a `kept` function of one path with the same words."""
    global _answers
    outer, _answers = _answers, {} if _answers is None else _answers
    try:
        yield
    finally:
        _answers = outer


def kept(ask: Callable[Concatenate[Any, Words], Answer]) -> Callable[Concatenate[Any, Words], Answer]:
    """The function `ask` of a path; where answers are kept, it returns or raises again what it did before."""

    @wraps(ask)
    def answered(path: Any, /, *words: Words.args, **named: Words.kwargs) -> Answer:
        if _answers is None:
            return ask(path, *words, **named)
        question = (ask, str(path), words, *named.items())
        if question not in _answers:
            try:
                _answers[question] = ask(path, *words, **named)
            except (FileNotFoundError, NotADirectoryError) as error:
                _answers[question] = error
        found = _answers[question]
        if isinstance(found, OSError):
            raise found
        answer: Answer = found
        return answer

    return answered
