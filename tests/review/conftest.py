"""A real browser for the tests that are marked `browser`; they are skipped, with the reason, where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.review.surfing import Browser, start


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, without a head and without a profile."""
    pytest.importorskip("selenium", reason="selenium is not installed (pip install '.[test]')")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("chromium or chromedriver is not installed (apt-get install chromium chromium-driver)")
    running = start(*map(str, programs), profile=tmp_path_factory.mktemp("profile"))
    yield running
    running.driver.quit()


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for sites that several tests look at."""
    return tmp_path_factory.mktemp("sites")
