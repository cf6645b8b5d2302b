"""What is written beside every output: `bboxprep.images.jsonl`, one row an image, and `bboxprep.json`, written last.

The presence of `bboxprep.json` means that the output is complete; while a run is under way, or after it died,
`bboxprep.incomplete` stands in its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from bboxprep import __version__
from bboxprep.files import write_bytes
from bboxprep.findings import Finding
from bboxprep.model.sample import Sample
from bboxprep.pipeline.account import Account

RECORD = "bboxprep.json"
IMAGES = "bboxprep.images.jsonl"
INCOMPLETE = "bboxprep.incomplete"


def image_row(
    sample: Sample, root: Path, *, output: PurePosixPath | None, written: int, digest: str | None
) -> dict[str, Any]:
    """The row of one image of the source at `root`.

    `digest` is the SHA-256 of the source file where its bytes were read, None where the output is a link to it.
    `affine` maps points from the plane the labels were drawn in to the output picture, as a, b, c, d, e, f of
    ``x' = a x + b y + c, y' = d x + e y + f``; `mirrored` stands where left and right have changed places.
    """
    dropped: Counter[str] = Counter()
    for finding in sample.findings:
        dropped[finding.code] += finding.objects
    row: dict[str, Any] = {
        "source": _relative(sample.path, root),
        "split": sample.split,
        "sha256": digest,
        "output": str(output) if output else None,
        "objects": {
            "in": sample.listed,
            "out": written,
            "dropped": {code: n for code, n in sorted(dropped.items()) if n},
        },
    }
    if sample.header:
        row |= {
            "size": list(sample.header.size),
            "orientation": sample.header.orientation,
            "frame": str(sample.frame),
            "evidence": sample.evidence,
        }
    if output:
        row |= {"affine": list(sample.affine.coefficients), "output_size": list(sample.size)}
        row |= {"mirrored": True} if sample.mirrored else {}
    return row


def encode_rows(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The rows as UTF-8 JSON, one a line."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def write_record(root: Path, content: Mapping[str, Any]) -> None:
    """Write `bboxprep.json` into `root`."""
    write_bytes(root / RECORD, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def encode_report(account: Account, names: Sequence[str]) -> bytes:
    """The books of a run as JSON: by split, by class, and every finding."""
    return msgspec.json.format(msgspec.json.encode(books(account, names)), indent=2) + b"\n"


def books(account: Account, names: Sequence[str]) -> dict[str, Any]:
    """The books of a run as plain data."""
    return {
        "splits": account.rows(),
        "classes": account.class_rows(names),
        "findings": [_finding_row(finding) for finding in account.findings],
    }


def read_record(root: Path) -> dict[str, Any] | None:
    """The record of the complete output at `root`, or None where there is none that can be read."""
    try:
        content = msgspec.json.decode((root / RECORD).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return content if isinstance(content, dict) else None


def _finding_row(finding: Finding) -> dict[str, Any]:
    """A finding as plain data, its severity with it and empty fields left out."""
    return {"severity": str(finding.severity)} | {key: value for key, value in asdict(finding).items() if value}


def versions() -> dict[str, str]:
    """The versions that can matter to the bytes of an output."""
    return {"bboxprep": __version__, **{name: version(name) for name in ("numpy", "pillow")}}


def _relative(path: Path, root: Path) -> str:
    base = root if root.is_dir() else root.parent
    return (path.relative_to(base) if path.is_relative_to(base) else path).as_posix()
