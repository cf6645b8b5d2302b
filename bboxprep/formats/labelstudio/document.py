"""Reads one file of Label Studio tasks: a list of them, or one. JSON-MIN, whose tasks are flat, is read too.

An image of a task has the result of the newest annotation that was not cancelled; as the option says, those of all, or
that of the newest prediction. A task may have several images (pages): ``item_index`` or the number in ``to_name`` says
on which of them a region lies.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.labelstudio.layout import image_path
from bboxprep.formats.labelstudio.options import LabelStudioReadOptions
from bboxprep.formats.labelstudio.regions import read_regions
from bboxprep.formats.labelstudio.shapes import stated_size
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import BadJson, as_text_tokens, decode
from bboxprep.io.paths import IMAGE_SUFFIXES, read_bytes, suffix_of
from bboxprep.io.text import as_utf8, not_decoded
from bboxprep.io.text import decode as decode_text

MOST_BYTES = 1 << 30
_IMAGE_KEYS = ("image", "img", "photo", "picture", "image_url", "url")
_NUMBER = re.compile(r"([0-9]{1,6})$")
_ANY = Size(100, 100)  # where only names are wanted

Json = dict[str, Any]


class TaskImage(msgspec.Struct, frozen=True):
    """One image of a task: the path that it names, the size that it states, `where` it stands, and its result as JSON,
    empty where nobody has labelled it. `findings` lack path and split.
    """

    name: str
    declared: Size | None
    where: str
    result: bytes
    findings: tuple[Finding, ...] = ()


@dataclass
class TaskDocument:
    """The images of a document, the names in use of classes, and of keypoints by class, how many items of each type are
    `unread`, and how many tasks have no image.
    """

    images: list[TaskImage] = field(default_factory=list)
    used: dict[str, None] = field(default_factory=dict)
    joints: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    unread: Counter[str] = field(default_factory=Counter)
    without_image: int = 0
    is_one_task: bool = False

    def add(self, task: Json, where: str, options: LabelStudioReadOptions) -> None:
        """Take the images of `task`."""
        chosen, others = _results(task, options.results)
        records = [record for result in chosen for record in result]
        pages = _pages(task, is_drawn=stated_size(records) is not None)
        self.without_image += not pages
        for page, url in enumerate(pages):
            own = [record for record in records if _page(record, len(pages)) == page]
            regions = read_regions(own, _ANY, with_masks=False)
            self.used.update(dict.fromkeys(one.label for one in regions.objects))
            for one in regions.objects:
                self.joints[one.label].update(
                    dict.fromkeys(name for name, *_ in one.keypoints if isinstance(name, str))
                )
            self.unread += regions.unread
            self.images.append(
                TaskImage(
                    image_path(url, options.url_prefix),
                    stated_size(own),
                    where,
                    msgspec.json.encode(own) if chosen else b"",
                    tuple(_passed_over(others, page, len(pages))),
                )
            )


def read_tasks(path: Path, options: LabelStudioReadOptions) -> TaskDocument:
    """The document at `path`. Raises `AnnotationError`."""
    document, data = TaskDocument(), read_bytes(path, MOST_BYTES)
    try:
        text = as_text_tokens(as_utf8(data, options.encoding)).lstrip()
        document.is_one_task = text.startswith(b"{")
        for row, raw in enumerate([text] if document.is_one_task else decode(text, list[msgspec.Raw])):
            task = decode(raw, Json)
            if document.is_one_task and "data" not in task:
                raise AnnotationError(path, "", "want a list of tasks, or one task with data")
            document.add(task, f"tasks[{row}]", options)
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", not_decoded(error)) from error
    except (BadJson, ValueError, RecursionError) as error:
        _refuse_other_text(path, data)
        raise AnnotationError(path, "", f"want a list of tasks ({error})") from error
    if not document.images:
        raise AnnotationError(path, "", f"none of {document.without_image:,} tasks names an image in its data")
    return document


def _refuse_other_text(path: Path, data: bytes) -> None:
    """Raise `AnnotationError` where `data`, which is no JSON, is text that is not UTF-8."""
    try:
        decode_text(data)
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", not_decoded(error)) from error


def _results(task: Json, wanted: str) -> tuple[list[list[Any]], list[list[Any]]]:
    """The results that count, and those of other annotations."""
    if wanted == "predictions":
        made = sorted(_maps(task.get("predictions")), key=_date)
        return [_list(one.get("result")) for one in made[-1:]], []
    key = "annotations" if "annotations" in task else "completions"
    if key not in task:
        return [list(_flat(task))], []
    done = [one for one in _maps(task[key]) if not (one.get("was_cancelled") or one.get("skipped"))]
    results = [_list(one.get("result")) for one in sorted(done, key=_date)]
    return (results, []) if wanted == "all" else (results[-1:], results[:-1])


def _date(annotation: Mapping[str, Any]) -> str:
    return str(annotation.get("created_at") or "")


def _flat(task: Json) -> Iterator[Json]:
    """The regions of a task of JSON-MIN, in which each control has a list of values."""
    for name, values in task.items():
        for value in _maps(values):
            if any(key.endswith("labels") for key in value):
                sizes = {key: value.get(key) for key in ("original_width", "original_height")}
                yield {"from_name": name, "value": value, **sizes}


def _passed_over(others: Sequence[list[Any]], page: int, pages: int) -> Iterator[Finding]:
    """A finding about the objects of older annotations."""
    own = [[record for record in result if _page(record, pages) == page] for result in others]
    if count := sum(read_regions(result, _ANY, with_masks=False).count for result in own):
        words = f"the newest of {len(others) + 1} annotations was taken; `results='all'` takes all"
        yield Finding("annotation-older", words, objects=count)


def _pages(task: Json, *, is_drawn: bool) -> list[str]:
    """The URLs of the images of `task`; any text is one where regions are drawn."""
    data = task.get("data") if isinstance(task.get("data"), dict) else task
    assert isinstance(data, dict)
    found = {key: texts for key, value in data.items() if (texts := list(_texts(value)))}
    keys = [key for key, texts in found.items() if any(map(_is_image, texts))]
    keys = sorted(keys, key=lambda key: key != _IMAGE_KEYS[0])
    keys += [key for key in found if key.lower() in _IMAGE_KEYS] + (list(found) if is_drawn else [])
    return found[keys[0]] if keys else []


def _texts(value: object) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        text = next((own for own in one.values() if isinstance(own, str)), "") if isinstance(one, dict) else one
        if isinstance(text, str) and text:
            yield text


def _is_image(url: str) -> bool:
    return suffix_of(image_path(url, "").rpartition("/")[2]).lower() in IMAGE_SUFFIXES


def _page(record: object, pages: int) -> int:
    """The number of the page of a task of `pages` that `record` lies on."""
    if pages == 1 or not isinstance(record, dict):
        return 0
    name = record.get("to_name")
    found = _NUMBER.search(name) if isinstance(name, str) else None
    index = record.get("item_index", int(found[1]) if found else 0)
    return index if type(index) is int and 0 <= index < pages else 0


def _maps(values: object) -> list[Mapping[str, Any]]:
    return [one for one in _list(values) if isinstance(one, dict)]


def _list(values: object) -> list[Any]:
    return values if isinstance(values, list) else []
