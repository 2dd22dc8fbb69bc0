# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium without a window, and what it noticed: requests, complaints, figures on the page."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

_DRIVER = "/usr/bin/chromedriver"
_BROWSER = "/usr/bin/chromium"
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # root has none, and the pages are ours
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # whatever it would like to fetch, it cannot
)

Scheme = Literal["light", "dark"]


class Browser:
    """One page at a time."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, page: Path, *, width: int = 1280, scheme: Scheme = "light", media: str = "screen") -> None:
        """Load a file from disk, as wide as a desktop or a phone shows it. Old complaints are forgotten."""
        self.complaints()
        self.requests()
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._command("Emulation.setEmulatedMedia", media=media, features=features)
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        self.driver.get(page.as_uri())

    def ask(self, script: str) -> Any:
        """What a script says about the page; it is the test's, and no policy of the page stops it."""
        return self.driver.execute_script(script)

    def open_details(self) -> None:
        """Everything that can be opened, opened."""
        self.ask("document.querySelectorAll('details').forEach(each => each.open = true)")

    def complaints(self) -> list[str]:
        """Messages on the browser's console, violations of the page's policy among them."""
        return [entry["message"] for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """Addresses that the page asked for; data: addresses are in the page itself."""
        events = (json.loads(entry["message"])["message"] for entry in self._log("performance"))
        urls = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls if not url.startswith("data:")]

    def picture(self, *, left: float, top: float, width: float, height: float) -> bytes:
        """A PNG of a part of the page, in CSS pixels from its top left corner."""
        clip = {"x": left, "y": top, "width": width, "height": height, "scale": 1}
        answer = self._command("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(answer["data"])

    def paper(self) -> bytes:
        """The page as a PDF."""
        answer = self._command("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        return base64.b64decode(answer["data"])

    def _log(self, kind: str) -> Sequence[Mapping[str, str]]:
        """What has been logged since it was last asked for."""
        entries: Sequence[Mapping[str, str]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return entries

    def _command(self, command: str, **parameters: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self.driver.execute_cdp_cmd(command, parameters)
        return answer


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of our own, gone at the end."""
    options = Options()
    options.binary_location = _BROWSER
    for option in _OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # With the driver's path given, selenium has nothing to download.
    driver = Chrome(options=options, service=Service(_DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
