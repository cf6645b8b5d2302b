"""Label files whose image is spelled otherwise: ``b.txt`` for ``B.JPG``, ``my%20photo.txt`` for ``my photo.jpg``.

Asked only where images have no label file and label files have no image. A label file is given to the one unlabelled
image that fits it (`formats.image_lookup`) in a folder whose labels are looked for where the file lies. Where several
fit, they are left out: they are no images without objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bboxprep.findings import Finding
from bboxprep.formats.image_lookup import ImageLookup, Match, Respelled, respelled_note
from bboxprep.formats.yolo.image_index import YoloItem, YoloItems
from bboxprep.formats.yolo.tree import Place, YoloTree, by_bytes
from bboxprep.io.paths import stem_of


def pair_by_lookup(
    tree: YoloTree, items: YoloItems, folders: Mapping[Path, str]
) -> tuple[YoloItems, dict[Path, str], list[Finding]]:
    """`items` with the label files in `folders` that only differ in spelling; of each label file that still has no
    image the end of a message about it; and a note on those that were given.
    """
    bare = {tree.shown(item.image): item for item in items if item.texts is None} if _has_bare(items) else {}
    matches = _matches(tree, bare, _unmatched(tree, items, folders)) if bare else {}
    claims = Counter(match.path for match in matches.values())
    given: dict[str, YoloItem | None] = {}
    hints: dict[Path, str] = {}
    notes: list[Respelled] = []
    for (folder, name), match in matches.items():
        if match.path and claims[match.path] == 1:
            given[match.path] = bare[match.path]._replace(texts=folder, text=name)
            notes.append(Respelled(tree.shown(folder / name), match.path, match.way))
            continue
        fitting = (match.path,) if match.path else match.rivals
        given |= dict.fromkeys(fitting)
        why = match.hint or f"; {match.path!r} fits other label files too"
        hints[folder / name] = f"{why}; left out" if fitting else match.hint
    if given:
        kept = (given.get(tree.shown(item.image), item) if item.texts is None else item for item in items)
        items = YoloItems(item for item in kept if item is not None)
    return items, hints, [respelled_note(notes, notes[0].name)] if notes else []


def _has_bare(items: YoloItems) -> bool:
    return any(texts is None for _, _, texts in items.homes)


def _unmatched(tree: YoloTree, items: YoloItems, folders: Mapping[Path, str]) -> Iterator[Place]:
    """The text files in `folders` that are the labels of no item."""
    claims = items.claims()
    for folder in sorted(folders, key=by_bytes):
        claimed = claims.get(folder, Counter())
        yield from ((folder, name) for name in tree.listing(folder).texts.values() if name not in claimed)


def _matches(tree: YoloTree, bare: Mapping[str, YoloItem], files: Iterable[Place]) -> dict[Place, Match]:
    """What the names of the label files among `files` mean among the unlabelled images `bare`."""
    lookup = ImageLookup(lambda: bare)
    homes = {path.rpartition("/")[0]: tree.label_folders(item.folder) for path, item in bare.items()}
    found: dict[Place, Match] = {}
    for folder, name in files:

        def nearness(images: str, folder: Path = folder) -> int | None:
            return homes[images].index(folder) if folder in homes[images] else None

        match = lookup.find(stem_of(name), nearness)
        if match != Match() and tree.is_label(folder / name):
            found[folder, name] = match
    return found
