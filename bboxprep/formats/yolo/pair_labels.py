"""Pairs label files with images whose names differ in spelling: ``b.txt`` and ``B.JPG``, ``my%20photo.txt`` and
``my photo.jpg``.

Only label files without an image and images without a label file are compared. A label file is paired with the one
image that matches it (`formats.image_lookup`) and whose label folders include the folder of the file. Where several
images match, all are left out: they cannot count as images without objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bboxprep.findings import Finding
from bboxprep.formats.image_lookup import ImageLookup, Match, OtherSpelling, spelling_note
from bboxprep.formats.yolo.image_index import YoloItem, YoloItems
from bboxprep.formats.yolo.tree import Place, YoloTree, by_bytes
from bboxprep.io.paths import stem_of


def pair_by_lookup(
    tree: YoloTree, items: YoloItems, folders: Mapping[Path, str]
) -> tuple[YoloItems, dict[Path, str], list[Finding]]:
    """Pair the unmatched label files in `folders` with images of `items`.

    Returns `items` with their new label files and without images that match several; for each label file that has no
    image the end of the message about it; and a finding about the pairs.
    """
    unlabelled = (
        {tree.shown(item.image): item for item in items if item.texts is None} if _has_unlabelled(items) else {}
    )
    matches = _matches(tree, unlabelled, _unmatched(tree, items, folders)) if unlabelled else {}
    claims = Counter(match.path for match in matches.values())
    paired: dict[str, YoloItem | None] = {}  # None: left out
    hints: dict[Path, str] = {}
    notes: list[OtherSpelling] = []
    for (folder, name), match in matches.items():
        if match.path and claims[match.path] == 1:
            paired[match.path] = unlabelled[match.path]._replace(texts=folder, text=name)
            notes.append(OtherSpelling(tree.shown(folder / name), match.path, match.way))
            continue
        rivals = (match.path,) if match.path else match.rivals
        paired |= dict.fromkeys(rivals)
        why = match.hint or f"; {match.path!r} fits other label files too"
        hints[folder / name] = f"{why}; left out" if rivals else match.hint
    if paired:
        kept = (paired.get(tree.shown(item.image), item) if item.texts is None else item for item in items)
        items = YoloItems(item for item in kept if item is not None)
    return items, hints, [spelling_note(notes, notes[0].name)] if notes else []


def _has_unlabelled(items: YoloItems) -> bool:
    return any(texts is None for _, _, texts in items.homes)


def _unmatched(tree: YoloTree, items: YoloItems, folders: Mapping[Path, str]) -> Iterator[Place]:
    """The text files in `folders` that no item has as its labels."""
    claims = items.claims()
    for folder in sorted(folders, key=by_bytes):
        claimed = claims.get(folder, Counter())
        yield from ((folder, name) for name in tree.listing(folder).texts.values() if name not in claimed)


def _matches(tree: YoloTree, unlabelled: Mapping[str, YoloItem], files: Iterable[Place]) -> dict[Place, Match]:
    """The match of each label file of `files` among the `unlabelled` images; others are left out."""
    lookup = ImageLookup(lambda: unlabelled)
    homes = {path.rpartition("/")[0]: tree.label_folders(item.folder) for path, item in unlabelled.items()}
    found: dict[Place, Match] = {}
    for folder, name in files:

        def nearness(images: str, folder: Path = folder) -> int | None:
            return homes[images].index(folder) if folder in homes[images] else None

        match = lookup.find(stem_of(name), nearness)
        if match != Match() and tree.is_label(folder / name):
            found[folder, name] = match
    return found
