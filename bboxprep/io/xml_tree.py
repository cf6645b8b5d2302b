"""Parses XML from untrusted sources: no document type declaration, a limited depth, a limited number of elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser  # of XMLParser see `_tree`

from defusedxml.common import DTDForbidden
from defusedxml.ElementTree import DefusedXMLParser

from bboxprep.errors import AnnotationError
from bboxprep.io.text import decode, not_decoded
from bboxprep.io.xml_encoding import BadEncoding, for_expat

_Defused = partial(DefusedXMLParser, forbid_dtd=True)
MAX_ELEMENTS = 1 << 19
MAX_DEPTH = 64
_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
_FEW_TAGS = 4096


def parse_xml(path: Path, data: bytes, encoding: str = "") -> Element:
    """The root element of the document `data`, the content of the file at `path`; `encoding` is that of
    `xml_encoding.for_expat`. Raises `AnnotationError`.
    """
    with _as_annotation_error(path, data):
        return _tree(for_expat(data, encoding))


def each_child(path: Path, data: bytes, visit: Callable[[Element], None], encoding: str = "") -> str:
    """The tag of the root element of `data`, as `parse_xml` takes it; `visit` is called with each child of the root,
    which is dropped then: the document may be larger than its tree could be. Raises `AnnotationError`.
    """
    with _as_annotation_error(path, data):
        text, builder = for_expat(data, encoding), _BoundedBuilder(visit)
        plain = b"<!" not in text and b"\0" not in text  # see `_tree`; the builder bounds each child
        parser: XMLParser[Element] = (XMLParser if plain else _Defused)(target=builder)
        parser.feed(text)
        root: Element = parser.close()
    return root.tag


class _BoundedBuilder(TreeBuilder):
    """Builds a tree with a limited depth and number of elements. With `visit`, the limit is that of each child of the
    root, which is dropped after a call.
    """

    def __init__(self, visit: Callable[[Element], None] | None = None) -> None:
        super().__init__()
        self._visit = visit
        self._open: list[Element] = []
        self._count = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._count += 1
        if len(self._open) >= MAX_DEPTH:
            raise ValueError(_TOO_DEEP)
        if self._count > MAX_ELEMENTS:
            raise ValueError(f"more than {MAX_ELEMENTS:,} elements")
        self._open.append(super().start(tag, attrs))
        return self._open[-1]

    def end(self, tag: str, /) -> Element:
        element = super().end(tag)
        self._open.pop()
        if self._visit and len(self._open) == 1:
            self._visit(element)
            self._open[0].clear()
            self._count = 0
        return element


@contextmanager
def _as_annotation_error(path: Path, data: bytes) -> Iterator[None]:
    """Turn the errors of parsing `data`, the content of the file at `path`, into `AnnotationError`."""
    try:
        yield
    except BadEncoding as error:
        raise AnnotationError(path, "", f"cannot be read as XML ({error})") from error
    except ParseError as error:
        _refuse_unknown_text(path, data)
        line, column = error.position
        raise AnnotationError(
            path, f"{line}:{column}", f"not well-formed XML ({str(error).partition(':')[0]})"
        ) from error
    except DTDForbidden as error:
        raise AnnotationError(path, "", "has a document type declaration, which is refused") from error
    except (ValueError, LookupError) as error:
        raise AnnotationError(path, "", f"cannot be read as XML ({error})") from error


def _refuse_unknown_text(path: Path, data: bytes) -> None:
    """Raise `AnnotationError` where `data`, which expat refuses, is text that is not UTF-8."""
    try:
        if b"\0" not in data:
            decode(data)
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", not_decoded(error)) from error


def _tree(data: bytes) -> Element:
    """The root element of a document. Raises the errors of its parser.

    A document with few elements and without ``<!`` declares nothing; in each encoding of expat a declaration shows as
    these ASCII bytes, or between zero bytes. The standard library's parser is safe for it, and five times as fast.
    """
    plain = b"<!" not in data and b"\0" not in data and data.count(b"<") <= _FEW_TAGS
    parser: XMLParser[Element] = XMLParser() if plain else _Defused(target=_BoundedBuilder())
    parser.feed(data)
    root: Element = parser.close()
    depth, parents = 1, [root]
    while parents:
        depth, parents = depth + 1, [child for parent in parents for child in parent if len(child)]
    if depth > MAX_DEPTH:
        raise ValueError(_TOO_DEEP)
    return root
