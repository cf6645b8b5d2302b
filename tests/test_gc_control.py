from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from bboxprep.gc_control import gc_frozen, import_without_gc


def test_live_objects_are_frozen_and_then_no_longer() -> None:
    with gc_frozen():
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_they_are_no_longer_frozen_after_an_error_either() -> None:
    with pytest.raises(KeyError), gc_frozen():
        raise KeyError
    assert gc.get_freeze_count() == 0


def test_the_collector_is_on_again_after_an_import_that_fails() -> None:
    with pytest.raises(ModuleNotFoundError):
        import_without_gc("bboxprep.no_such_module")
    assert gc.isenabled()


def test_no_collection_runs_while_a_module_loads() -> None:
    code = (
        "import gc, sys\nfrom bboxprep.gc_control import import_without_gc\nruns = []\n"
        "gc.callbacks.append(lambda phase, about: runs.append(phase))\n"
        "import_without_gc('bboxprep.cli.convert')\nassert 'bboxprep.cli.convert' in sys.modules\nassert not runs"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_is_looked_through_at_the_end() -> None:
    code = (
        "import gc, atexit\natexit.register(lambda: print(gc.get_freeze_count()))\n"
        "from bboxprep.gc_control import freeze_gc_at_exit\nfreeze_gc_at_exit()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) > 0
