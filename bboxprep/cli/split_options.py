"""The options that split all images anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from bboxprep.cli.stacking import Decorator, stacked
from bboxprep.errors import UsageError
from bboxprep.pipeline.source.split import SplitPolicy

split_options: Decorator = stacked(
    click.option(
        "--split",
        metavar="NAME=SHARE,...",
        help="Split all images anew, as in train=0.8,val=0.2, by a hash of their names: adding images moves none.",
    ),
    click.option(
        "--group-by",
        metavar="file|folder|regex:PATTERN|exif-time[:SECONDS]",
        help="What --split keeps together: images of one name (file, the default), of one folder, of one first group "
        "of a pattern in their names, or photos that one camera took within SECONDS (60) of each other. With "
        "exif-time an added photo can join two groups, which may move one of them.",
    ),
)


def split_rule(given: Mapping[str, Any]) -> SplitPolicy | None:
    """The rule that was given, None where images stay in their splits. Raises `UsageError`."""
    if given["split"] is None:
        if given["group_by"] is not None:
            raise UsageError("--group-by: says what --split keeps together, but there is no --split")
        return None
    return SplitPolicy.parse(given["split"], given["group_by"] or "file")
