"""What the browser tests do with a browser: open a page from disk, press keys, look at elements and at pixels."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PATIENCE = 20.0  # seconds until what should happen must have happened
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    *("--force-device-scale-factor=1", "--force-color-profile=srgb", "--window-size=1400,1000"),
)


@dataclass(frozen=True)
class Browser:
    """A running browser."""

    driver: Any

    def open(self, site: Path, place: str = "") -> None:
        """Open a site at a place of it (``#images``), with empty logs, and wait until its data is there."""
        self.driver.get("about:blank")
        self.log("browser")
        self.log("performance")
        self.driver.get((site / "index.html").as_uri() + place)
        self.wait(lambda: self.run("return Boolean(window.Review && Review.columns)"))

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def press(self, keys: str) -> None:
        """Type `keys` where the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(keys).perform()

    def wait(self, done: Callable[[], Any]) -> Any:
        """What `done` returns as soon as that is something. Fails after `PATIENCE` seconds."""
        end = time.monotonic() + PATIENCE
        while not (result := done()):
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.02)
        return result

    def texts(self, selector: str) -> list[str]:
        """The text of all elements at `selector`."""
        return list(self.run("return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)", selector))

    def shown(self) -> str:
        """The part of the site that is seen: overview, images or image."""
        return str(self.run("return document.querySelector('.view:not([hidden])').id")).removeprefix("view-")

    def viewed(self, name: str) -> None:
        """Wait until the image called `name` is shown, its pictures decoded."""
        script = """
            if (document.querySelector('#view-image h1').innerText !== arguments[0]) return false;
            const images = [...document.querySelectorAll('.panes image')];
            return images.length > 0 && images.every((each) => {
              const probe = new Image();
              probe.src = each.href.baseVal;
              return probe.complete && probe.naturalWidth > 0;
            });"""
        self.wait(lambda: self.run(script, name))

    def pixels(self) -> NDArray[np.uint8]:
        """The page as painted, (H, W, 3), once it has been painted."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));"
        )
        with Image.open(BytesIO(self.driver.get_screenshot_as_png())) as screen:
            return np.asarray(screen.convert("RGB"))

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What was logged since the last look."""
        return list(self.driver.get_log(kind))

    def complaints(self) -> list[str]:
        """What the console said."""
        return [entry["message"] for entry in self.log("browser")]

    def requests(self) -> list[str]:
        """The address of everything that was asked for."""
        events = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]


def start(program: str, driver: str, *, profile: Path) -> Browser:
    """A new browser with an empty profile."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Browser(webdriver.Chrome(options=options, service=Service(driver)))
