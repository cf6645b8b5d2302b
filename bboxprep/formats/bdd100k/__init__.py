"""BDD100K, in the JSON of Scalabel: one document over many frames. `labels` says what its labels mean."""

from __future__ import annotations

from bboxprep.formats.api import Format, NoOptions, Step, deferred
from bboxprep.formats.bdd100k.options import CARRIES, LAYOUT, BddReadOptions

__all__ = ["FORMAT", "BddReadOptions"]

FORMAT = Format(
    title="BDD100K (Scalabel)",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a .json beside a folder 'images'",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(),  # shortest decimals that read back as they were
    read_options=BddReadOptions,
    write_options=NoOptions,
    restores=True,
    traps=(
        ("x2 and y2 are pixels that belong to the box", "Scalabel, format.rst"),
        ("vertices marked C are control points of curves", "Scalabel, format.rst"),
    ),
)
