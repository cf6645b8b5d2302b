"""Finds the JSON files of Label Studio by their first bytes, and the images that their tasks name by URLs.

An export is called ``project-1-at-2024-01-30-10-00-3f2a.json``, which names no split; the writer here calls a document
by its split: ``train.json``.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from bboxprep.formats.label_documents import DocumentKind
from bboxprep.io.text import read_start_as_utf8

_FIRST_BYTES = 65536
_RESULTS = re.compile(rb'"(?:annotations|completions|predictions)"\s*:\s*\[')
_INSIDE = re.compile(rb'"result"\s*:\s*\[|"data"\s*:\s*\{')
_MINIMAL = re.compile(rb'"original_width"\s*:')
_NOT_SPLITS = re.compile(
    r"annotations?|default|tasks?|results?|data|export|predictions|[0-9]*|project-[0-9]+-at-.*", re.IGNORECASE
)
_LOCAL = re.compile(r"(?:https?://[^/]+)?/data/local-files/?\?(?:[^#]*&)?d=([^&#]+)")
_UPLOAD = re.compile(r"(?:https?://[^/]+)?/data/upload/(?:[0-9]+/)?([^?#]+)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*/?([^?#]*)")


def names_no_split(stem: str) -> bool:
    """Whether a document called `stem` says nothing of a split."""
    return bool(_NOT_SPLITS.fullmatch(stem))


def _kind(path: Path) -> str:
    start = read_start_as_utf8(path, _FIRST_BYTES).lstrip()
    known = (_RESULTS.search(start) and _INSIDE.search(start)) or _MINIMAL.search(start)
    return "a file of Label Studio tasks" if start[:1] in (b"[", b"{") and known else ""


DOCUMENTS = DocumentKind((".json",), _kind, names_no_split)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file


def image_path(url: str, prefix: str) -> str:
    """The path of the image that a task names by `url`; `prefix` is what stands before paths in the URLs of this data
    set. Of an upload it is the name alone.
    """
    if prefix and url.startswith(prefix):
        return unquote(url.removeprefix(prefix))
    if found := _LOCAL.match(url):
        return unquote(found[1])
    if found := _UPLOAD.match(url):
        return unquote(found[1]).rpartition("/")[2]
    if found := _URL.match(url):
        return unquote(found[1])
    return url.lstrip("/")
