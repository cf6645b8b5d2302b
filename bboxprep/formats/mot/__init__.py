"""MOTChallenge: the tracks of a video as a table of rows, a folder a sequence. `rows` says what a row means."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, deferred
from bboxprep.formats.mot.fields import CARRIES, IGNORED, LAYOUT, MotReadOptions

__all__ = ["FORMAT", "MotReadOptions"]

FORMAT = Format(
    title="MOT",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in gt/gt.txt beside a folder 'img1'",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(),  # shortest decimals that read back as they were
    read_options=MotReadOptions,
    ignored_by=IGNORED,
    restores=True,
    traps=(
        ("MOTChallenge counts pixels from 1, CVAT and Datumaro from 0", "TrackEval, MOTChallenge-format.txt; Datumaro"),
        ("a row whose confidence is 0 does not count; it is no score", "TrackEval, mot_challenge_2d_box.py"),
        ("classes are numbers, whose names stand in no file of MOTChallenge", "TrackEval, mot_challenge_2d_box.py"),
        (
            "the PNGs of MOTS have 16 bits: a value is 1000 times the class plus the object; 10000 is to be ignored",
            "MOTS, data format of the tools",
        ),
        ("an object without a track has the id -1", "TrackEval, MOTChallenge-format.txt"),
    ),
)
