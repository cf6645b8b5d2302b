"""VoTT: the JSON that Microsoft's Visual Object Tagging Tool exports. It is only read; `reader` says what it means."""

from __future__ import annotations

from bboxprep.formats.api import Format, TextReadOptions, deferred, no_step, only_read
from bboxprep.formats.vott.layout import CARRIES, LAYOUT

FORMAT = Format(
    title="VoTT",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a .json beside the images",
    read=deferred(f"{__name__}.reader", "read"),
    write=only_read,
    carries=CARRIES,
    step=no_step,
    read_options=TextReadOptions,
    traps=(
        (
            "the desktop program draws on the stored image, the one in a browser on the displayed one; the size of an "
            "asset tells which",
            "VoTT, package.json: Electron 3",
        ),
        ("a region with several tags is several objects", "VoTT, providers/export"),
        ("the box of a polygon is the one around its points", "VoTT, providers/export/vottJson.ts"),
        ("an image that nobody visited stands in the export, too", "VoTT, models/applicationState.ts: AssetState"),
    ),
)
