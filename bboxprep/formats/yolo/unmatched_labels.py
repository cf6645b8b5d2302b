"""Label files that no image claims, and images that share one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from bboxprep.findings import Finding
from bboxprep.formats.yolo.image_index import YoloItem
from bboxprep.formats.yolo.layout import YoloLayout
from bboxprep.formats.yolo.row_kinds import RowGrammar
from bboxprep.formats.yolo.rows import looks_like_rows, read_labels
from bboxprep.formats.yolo.tree import Place, YoloTree, by_bytes, is_reserved, read_head

Claims = Mapping[Path, Counter[str]]  # how many images a label file is for, by its folder and its name


def unmatched_labels(
    tree: YoloTree, layout: YoloLayout, claims: Claims, grammar: RowGrammar, names: Sequence[str]
) -> tuple[Finding, ...]:
    """One finding for each class in each label file without an image, and one for each unreadable row there.

    A label file whose image exists, but is none of the dataset, is none of the dataset either.
    """
    owners: dict[Place, YoloItem] = {}
    findings: list[Finding] = []
    for folder, split in sorted(layout.folders.items(), key=lambda entry: by_bytes(entry[0])):
        claimed: Collection[str] = claims.get(folder, ())
        for name in tree.listing(folder).texts.values():
            if name in claimed or not _is_label(tree, path := folder / name):
                continue
            owners = owners or {(item.folder, item.file): item for item in layout.items}
            image = tree.image_of(path)
            if image is None:
                findings += _orphan(tree, path, split, grammar, names, "no image")
            elif image in owners:
                used = owners[image].label
                words = f"its image has its labels in {tree.shown(used)}" if used else "no image"
                findings += _orphan(tree, path, split, grammar, names, words)
    return tuple(findings)


def shared(tree: YoloTree, items: Sequence[YoloItem], claims: Claims) -> tuple[Finding, ...]:
    """One finding for each label file that several images claim."""
    if all(count == 1 for files in claims.values() for count in files.values()):
        return ()
    users: dict[Path, list[YoloItem]] = defaultdict(list)
    for item in items:
        if item.texts and claims[item.texts][item.label_name] > 1:
            users[item.texts / item.label_name].append(item)
    return tuple(
        Finding("label-shared", f"labels {', '.join(item.named for item in using)}", tree.shown(label))
        for label, using in sorted(users.items(), key=lambda entry: by_bytes(entry[0]))
    )


def _is_label(tree: YoloTree, path: Path) -> bool:
    head = read_head(path)
    if looks_like_rows(head):
        return True
    among_labels = "labels" in tree.shown(path).lower().split("/")
    return not is_reserved(path.name) and (among_labels or not head.strip())


def _orphan(
    tree: YoloTree, path: Path, split: str, grammar: RowGrammar, names: Sequence[str], why: str
) -> tuple[Finding, ...]:
    shown = tree.shown(path)
    rows = read_labels(path, grammar, shown, split)
    counts = Counter(names[label] for label in rows.labels.tolist())
    readable = [
        Finding("label-orphan", f"{count} of class {name!r}: {why}", shown, "", count, name, split)
        for name, count in sorted(counts.items())
    ]
    unreadable = [finding for finding in rows.findings if finding.objects]
    return (*readable, *unreadable) or (Finding("label-orphan", why, shown, split=split),)
