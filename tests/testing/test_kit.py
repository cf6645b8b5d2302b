"""Each check of the kit catches a planted mistake: a toy format that is wrong in one place is refused by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep import formats
from bboxprep.testing import CHECKS
from tests.testing.plugins import PLUGIN, run

SOUND = (PLUGIN / "toy_format.py").read_text(encoding="utf-8")
BOXES = "batch.instances.boxes.tolist()"
LINE = "_Line(name, (sample.size.width, sample.size.height), rows)"
ENTRY = "entry=[sample.split, line]"
APPEND = "self._lines[split].append(line)"
NAME = """\
        name = safe_relative(line.name)
        if not name or name in items or not is_within(root / _PICTURES / folder / name, resolved(root)):"""
MISTAKES: dict[str, tuple[str, str]] = {  # by check: what stands in the toy format, and what is put in its place
    "paint": (BOXES, "(batch.instances.boxes + 1.0).tolist()"),
    "ramp": (BOXES, "(batch.instances.boxes * 1.02).tolist()"),
    "conservation": (LINE, "_Line(name, (sample.size.width, sample.size.height), rows[:1])"),
    "sidecar": ("frozenset({Column.BOXES})", "frozenset({Column.BOXES, Column.AREAS})"),
    "unlabelled": (LINE, LINE.replace("rows)", "rows or [('ant', 1.0, 1.0, 9.0, 9.0)])")),
    "round-trip": (BOXES, "batch.instances.boxes.round(1).tolist()"),
    "same-bytes": (ENTRY, "entry=[sample.split, line + ' ' * bool(__import__('multiprocessing').parent_process())]"),
    "kill-and-resume": (APPEND, f"{APPEND}\n        (self._root / 'log').open('a').write(split)"),
    "origin": ("step=lambda _: Step(),", "step=lambda _: Step(), origin=1,"),
    "declared": ('return f"{found.name} holds toy labels" if found else ""', 'return ""'),
    "hostile-names": (NAME, "        name = line.name\n        if name in items:"),
    "only-our-errors": ("except (msgspec.DecodeError, UnicodeDecodeError)", "except UnicodeDecodeError"),
    "verify": ("[self.classes.index(row[0]) for row in kept]", "[0] * len(kept)"),
    "rule-1-classes": ("for name in self._classes)", "for name in sorted(self._classes))"),
    "rule-2-source-count": ("source_count=len(line.objects)", "source_count=0"),
    "rule-3-order": ("sorted(own, key=lambda item: item.line.name.encode())", "own"),
    "rule-4-laziness": ("_Loader(root, probe, classes))", "lambda item: _Loader(root, probe, classes)(item))"),
    "rule-5-frame": ("source_count=len(line.objects)", "source_count=len(line.objects), evidence='toy'"),
    "rule-6-images": (
        "        kept = [",
        "        header = __import__('bboxprep.images.header').images.header.read_header(path)\n        kept = [",
    ),
    "rule-7-pickling": ("        self._lines:", "        self._odd = lambda: None\n        self._lines:"),
    "rule-8-entries": (ENTRY, "entry=[sample.split, PurePosixPath(line)]"),
    "rule-9-documents": ("(*map(_labels, self._lines), _CLASSES)", "(_CLASSES,)"),
    "rule-10-places": ("read_bytes(path, _MOST_BYTES)", "path.read_bytes()"),
    "rule-11-findings": ("str(error), path.name", "str(error), str(path)"),
    "rule-12-splits": ("splits_of(files)", "{name: name for name in files}"),
    "row": ('title="Toy"', 'title=""'),
}  # fmt: skip
CALL = """
import sys
from pathlib import Path
from bboxprep.testing import CHECKS
from conformance import EXAMPLE
next(check for check in CHECKS if check.name == sys.argv[1])(EXAMPLE, Path(sys.argv[2]))
"""


def site_of(root: Path, source: str) -> Path:
    """A folder of packages with a toy format of that source, as pip would have left it."""
    metadata = root / "bboxprep_toy-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: bboxprep-toy\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[bboxprep.formats]\ntoy = toy_format:FORMAT\n", encoding="utf-8")
    (root / "toy_format.py").write_text(source, encoding="utf-8")
    (root / "conformance.py").write_bytes((PLUGIN / "conformance.py").read_bytes())
    return root


def test_every_check_has_a_mistake_to_catch() -> None:
    assert set(MISTAKES) == {check.name for check in CHECKS}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_check_catches_its_mistake(tmp_path: Path, name: str) -> None:
    sound, mistaken = MISTAKES[name]
    assert sound in SOUND
    site = site_of(tmp_path / "site", SOUND.replace(sound, mistaken))
    (tmp_path / "work").mkdir()
    done = run(site, "-c", CALL, name, tmp_path / "work")
    assert done.returncode == 1
    assert f"AssertionError: toy: {name}: " in done.stderr, done.stderr[-3000:]
    assert "the law: " in done.stderr


def test_a_format_that_is_not_registered_is_told(tmp_path: Path) -> None:
    assert "toy" not in formats.names()
    site = site_of(tmp_path / "site", SOUND)
    (site / "bboxprep_toy-1.0.dist-info" / "entry_points.txt").unlink()
    done = run(site, "-c", CALL, "row", tmp_path)
    assert "AssertionError: toy: row: raised UsageError: format: have 'toy', want one of" in done.stderr


READ_ONLY = SOUND.replace("write=ToyWriter,", "write=only_read,").replace(
    "from bboxprep.formats.api import", "from bboxprep.formats.api import only_read,"
)
NEED_WRITER = {"sidecar", "unlabelled", "rule-7-pickling", "rule-8-entries", "rule-9-documents"}
APPLY = """
import sys
from pathlib import Path
from bboxprep import formats
from bboxprep.testing import FormatExample, checks_of
from conformance import paint
for check in checks_of("toy"):
    folder = Path(sys.argv[1]) / str(check)
    folder.mkdir()
    check(FormatExample("toy", paint), folder)
print(*checks_of("toy"))
"""


def test_a_format_that_is_only_read_passes_the_checks_that_need_no_writer(tmp_path: Path) -> None:
    site = site_of(tmp_path / "site", READ_ONLY)
    (tmp_path / "work").mkdir()
    done = run(site, "-c", APPLY, tmp_path / "work")
    assert set(done.stdout.split()) == {check.name for check in CHECKS} - NEED_WRITER, done.stderr[-3000:]


def test_a_format_that_is_only_read_is_no_target_and_is_told_so(tmp_path: Path) -> None:
    site = site_of(tmp_path / "site", READ_ONLY)
    done = run(site, "-m", "bboxprep", "convert", tmp_path, tmp_path / "out", "--to", "Toy")
    assert done.returncode == 2
    written = ", ".join(formats.written())
    assert done.stderr == f"bboxprep: --to: toy is only read (Toy); want one of {written}\n"
    call = "import bboxprep, sys; bboxprep.convert(sys.argv[1], sys.argv[2], 'toy')"
    fixture = Path(__file__).parents[2] / "fixtures" / "phone-photos-coco"
    asked = run(site, "-c", call, fixture, tmp_path / "out")
    assert asked.stderr.endswith(f"UsageError: format: toy is only read (Toy); want one of {written}\n")
    assert not (tmp_path / "out").exists()
    (row,) = (line for line in run(site, "-m", "bboxprep", "formats").stdout.splitlines() if "`toy`" in line)
    assert " only read " in row
    assert "only read" in run(site, "-m", "bboxprep", "formats", "toy").stdout
