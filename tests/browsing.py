"""The page of ``lcgan studio`` as a test reads it and acts on it in a browser."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By


def until(condition: Callable[[], bool], what: Callable[[], object], seconds: float = 60, pause: float = 0.05) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(pause)


class Page:
    """What a user sees and presses."""

    def __init__(self, browser: Chrome) -> None:
        self.browser = browser

    def open(self, address: str) -> None:
        self.browser.get(address)
        until(lambda: bool(self.read("#outcome")), lambda: self.browser.page_source)

    def read(self, selector: str, what: str = "innerText") -> list[str]:
        """What elements hold, all in one moment: the page may be changing."""
        script = "return Array.from(document.querySelectorAll(arguments[0]), found => found[arguments[1]])"
        found: list[str] = self.browser.execute_script(script, selector, what)
        return found

    def text(self, where: str) -> str:
        return " ".join(self.read(f"#{where}")[0].split())

    def sample(self, where: str) -> str:
        return self.read(f"#{where} .html-container")[0].strip()

    def resize(self, width: int, scheme: str = "light") -> None:
        """Shows the page on a screen of this width, to someone who prefers a light or dark one."""
        chosen = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 1000}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", chosen)
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        time.sleep(0.5)

    def picture(self, name: str) -> None:
        """Fits on a desk and on a telephone. Keeps what it looks like, light and dark, where someone wants to look at it."""
        for width, scheme in itertools.product((1280, 400), ("light", "dark")):
            self.resize(width, scheme)
            assert int(self.read("html", "scrollWidth")[0]) <= width
            if folder := os.environ.get("LCGAN_SCREENSHOTS"):
                taken = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
                Path(folder, f"{name}-{width}-{scheme}.png").write_bytes(base64.b64decode(taken["data"]))
        self.resize(1280)

    def press(self, button: str) -> None:
        self.browser.find_element(By.ID, button).click()

    def part(self, name: str) -> None:
        (tab,) = (tab for tab in self.browser.find_elements(By.CSS_SELECTOR, "[role=tab]") if tab.text == name)
        tab.click()

    def cells(self, table: str) -> list[str]:
        return [cell.strip() for cell in self.read(f"#{table} td")]

    def shows(self, where: str, pattern: str) -> None:
        until(lambda: bool(re.search(pattern, self.text(where))), lambda: (pattern, self.text(where)))

    def answer(self, button: str) -> str:
        """Presses a button about the sample asked about; returns that sample when the next one is there."""
        until(lambda: bool(self.sample("question-0")), lambda: self.browser.page_source)
        asked = self.sample("question-0")
        self.press(f"{button}-0")
        until(lambda: self.sample("question-0") != asked, lambda: asked)
        return asked

    def key(self, *keys: str) -> None:
        self.browser.find_element(By.TAG_NAME, "body").send_keys(*keys)

    def told(self, message: str, act: Callable[[], None] = lambda: None) -> None:
        """Waits for the error message that ``act`` causes, and puts it away. A busy page does not listen yet: acts again."""

        def there() -> bool:
            return any(message in toast for toast in self.read(".toast-body"))

        end = time.monotonic() + 120
        while not there():
            assert time.monotonic() < end, (message, self.read(".toast-body"), self.browser.page_source)
            act()
            with suppress(AssertionError):
                until(there, lambda: message, seconds=5)
        self.browser.execute_script("document.querySelectorAll('.toast-close').forEach(each => each.click())")
        until(lambda: not self.read(".toast-body"), lambda: self.read(".toast-body"))

    def addresses(self) -> set[str]:
        """All that the browser has asked the network for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return {url for url in asked if url.startswith(("http", "ws"))}


@contextmanager
def studio(folder: Path, *arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program, and the address that it tells."""
    command = [sys.executable, "-m", "lcgan_core", "studio", "--port", "0", *map(str, arguments)]
    with (
        (folder / "errors.txt").open("w", encoding="utf-8") as errors,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), (folder / "errors.txt").read_text(encoding="utf-8")
            yield process, address
        finally:
            process.kill()
