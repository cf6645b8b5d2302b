"""The conformance kit: checks that every format must pass, of this package or of a plugin, and every step of a plugin.

A format brings a painter and readers of its own (`FormatExample`) and nothing else. Its whole test is::

    import pytest
    from bboxprep.testing import FormatExample, checks_of

    EXAMPLE = FormatExample("toy", paint, read, first_corner)

    @pytest.mark.parametrize("check", checks_of("toy"), ids=str)
    def test_conformance(check, tmp_path):
        check(EXAMPLE, tmp_path)

A format that is only read brings its painter alone, ``FormatExample("toy", paint)``: it is converted to COCO, which the
kit reads by itself.

A step needs no example: its options are one. Those that are drawn are drawn::

    from bboxprep.testing import STEP_CHECKS

    @pytest.mark.parametrize("check", STEP_CHECKS, ids=str)
    @pytest.mark.parametrize("step", [Posterize(3), Posterize((2, 6), p=0.5)], ids=str)
    def test_step(step, check, tmp_path):
        check(step, tmp_path)

The format must be registered: by an entry point of the group ``bboxprep.formats``. The kit needs no test framework: a
check fails with an `AssertionError` that says which format, which check, what was found and what was wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bboxprep import formats
from bboxprep.recipe.geometric import RecipeStep
from bboxprep.testing import contract, lies, objects, pixels, robustness, steps, trips
from bboxprep.testing.check import Check
from bboxprep.testing.example import FormatExample, LabelledDataset, LabelledImage, displayed_size

__all__ = [
    "CHECKS",
    "STEP_CHECKS",
    "Check",
    "FormatExample",
    "LabelledDataset",
    "LabelledImage",
    "checks_of",
    "displayed_size",
]


def checks_of(format: str) -> tuple[Check, ...]:
    """The checks that apply to the format of this name: all, or those that need no writer where it is only read. Where
    no such format is registered, each of them says so.
    """
    is_only_read = format in formats.names() and not formats.load(format).is_written
    return tuple(check for check in CHECKS if not (is_only_read and check.needs_writer))


def _check(
    name: str,
    run: Callable[[FormatExample, Path], None] | Callable[[RecipeStep, Path], None],
    *,
    needs_writer: bool = False,
) -> Check:
    """The check `run`; its docstring states the law."""
    return Check(name, " ".join((run.__doc__ or "").split()), run, needs_writer)


CHECKS: tuple[Check, ...] = (
    _check("paint", pixels.check_paint),
    _check("ramp", pixels.check_ramp),
    _check("conservation", objects.check_conservation),
    _check("sidecar", objects.check_sidecar, needs_writer=True),
    _check("unlabelled", objects.check_unlabelled, needs_writer=True),
    _check("round-trip", trips.check_round_trip),
    _check("same-bytes", trips.check_same_bytes),
    _check("kill-and-resume", trips.check_kill_and_resume),
    _check("origin", trips.check_origin),
    _check("declared", trips.check_declared),
    _check("hostile-names", robustness.check_hostile_names),
    _check("only-our-errors", robustness.check_only_our_errors),
    _check("verify", lies.check_verify),
    _check("rule-1-classes", contract.check_classes),
    _check("rule-2-source-count", contract.check_source_count),
    _check("rule-3-order", contract.check_order),
    _check("rule-4-laziness", contract.check_laziness),
    _check("rule-5-frame", contract.check_frame),
    _check("rule-6-images", contract.check_images),
    _check("rule-7-pickling", contract.check_pickling, needs_writer=True),
    _check("rule-8-entries", contract.check_entries, needs_writer=True),
    _check("rule-9-documents", contract.check_documents, needs_writer=True),
    _check("rule-10-places", contract.check_places),
    _check("rule-11-findings", contract.check_findings),
    _check("rule-12-splits", contract.check_splits),
    _check("row", contract.check_row),
)
"""All checks of formats. Each takes an example and an empty folder."""
STEP_CHECKS: tuple[Check, ...] = (
    _check("class", steps.check_class),
    _check("record", steps.check_record),
    _check("pure", steps.check_pure),
    _check("paint", steps.check_paint),
    _check("same-bytes", steps.check_same_bytes),
    _check("verify", steps.check_verify),
)
"""All checks of steps. Each takes a step and an empty folder."""
