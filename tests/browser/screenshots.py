# SPDX-License-Identifier: Apache-2.0
"""Pictures of a report's first screen: `python -m tests.browser.screenshots RUN docs/images`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from orchestrator.report.formats.html import render_html
from orchestrator.verdict.judged_run import load_judged_run
from tests.browser.chromium import Browser, chromium

SCREENS = {"report-desktop": (1280, 800), "report-phone": (390, 844)}
"""Name of the picture, width and height of the screen in CSS pixels."""


def take(browser: Browser, page: Path, place: Path) -> None:
    """Write a PNG of each screen."""
    for name, (width, height) in SCREENS.items():
        browser.open(page, width=width)
        picture = browser.picture(left=0, top=0, width=width, height=height)
        (place / f"{name}.png").write_bytes(picture)


def main(run: Path, place: Path) -> None:
    """Pictures of the report of `run` in `place`."""
    with tempfile.TemporaryDirectory() as directory, chromium() as browser:
        page = Path(directory) / "report.html"
        page.write_text(render_html(load_judged_run(run)))
        take(browser, page, place)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
