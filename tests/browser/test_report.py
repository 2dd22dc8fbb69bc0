# SPDX-License-Identifier: Apache-2.0
"""The HTML report as a browser shows it: alone, drawn, readable, and deaf to what guests want."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from tests.browser.chromium import Browser, Scheme
from tests.browser.conftest import ATTACKS
from tests.browser.screenshots import SCREENS

pytestmark = pytest.mark.browser

_PAPER = 688  # the inside of an A4 page with margins of 14 mm, in CSS pixels
_DESKTOP, _TABLET, _PHONE, _SMALL_PHONE = 1280, 768, 390, 320

_DRAWINGS = """
return [...document.querySelectorAll('svg.plot')].map(svg => {
    const box = svg.getBoundingClientRect();
    return {
        label: svg.getAttribute('aria-label'),
        left: box.left + scrollX, top: box.top + scrollY, width: box.width, height: box.height,
        shapes: svg.querySelectorAll('path, use, image').length,
        texts: [...svg.querySelectorAll('text')].map(text => {
            const own = text.getBoundingClientRect();
            return {words: text.textContent, left: own.left - box.left, right: own.right - box.left,
                    top: own.top - box.top, bottom: own.bottom - box.top};
        }),
    };
});
"""

_CONTRASTS = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgb = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
};
const luminance = colour => {
    const [r, g, b] = rgb(colour).slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = element => {
    for (let each = element; each; each = each.parentElement) {
        const colour = getComputedStyle(each).backgroundColor;
        if (rgb(colour)[3] === 255) return colour;
    }
    return 'white';
};
const ratio = (one, two) => {
    const [low, high] = [luminance(one), luminance(two)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
};
const own = element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
const texts = [...document.querySelectorAll('body *')].filter(own).map(element => {
    const style = getComputedStyle(element);
    return [element.textContent.trim().slice(0, 40),
            ratio(element.closest('svg') ? style.fill : style.color, ground(element))];
});
const root = getComputedStyle(document.documentElement);
const lines = [0, 1, 2, 3, 4, 5].map(index => [`series ${index}`,
    ratio(root.getPropertyValue(`--series-${index}`), root.getPropertyValue('--page'))]);
return {texts, lines, page: luminance(root.getPropertyValue('--page')),
        body: luminance(getComputedStyle(document.body).backgroundColor)};
"""


def _pixels(png: bytes) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(matplotlib.image.imread(BytesIO(png), format="png"), dtype=np.float64)[:, :, :3]


def _overlaps(texts: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Pairs of words that cover one another by more than a hair."""
    hair = 1.5
    return [
        (one["words"], two["words"])
        for index, one in enumerate(texts)
        for two in texts[index + 1 :]
        if min(one["right"], two["right"]) - max(one["left"], two["left"]) > hair
        and min(one["bottom"], two["bottom"]) - max(one["top"], two["top"]) > hair
    ]


@pytest.mark.parametrize("width", [_DESKTOP, _PHONE])
def test_nothing_is_fetched_and_the_browser_has_no_complaint(
    browser: Browser, page: Path, width: int
) -> None:
    browser.open(page, width=width)
    browser.open_details()
    assert browser.requests() == [page.as_uri()]
    assert browser.complaints() == []


def test_the_policy_of_the_page_would_stop_a_script_and_the_browser_tells(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    """What the other tests would see if something slipped through."""
    attacked = tmp_path / "attacked.html"
    attacked.write_text(page.read_text().replace("<main>", f"<main>{''.join(ATTACKS[:2])}"))
    browser.open(attacked)
    assert browser.ask("return window.owned") is None
    complaints = " ".join(browser.complaints())
    assert "Executing inline script violates" in complaints
    assert "Loading the image" in complaints


def test_hostile_guests_are_quoted_and_not_obeyed(browser: Browser, hostile_page: Path) -> None:
    browser.open(hostile_page)
    browser.open_details()
    assert browser.ask("return window.owned") is None
    assert browser.complaints() == []
    assert browser.requests() == [hostile_page.as_uri()]
    found = browser.ask(
        "return {scripts: document.scripts.length, frames: frames.length, images: document.images.length,"
        " links: [...document.links].map(each => each.protocol),"
        " handlers: [...document.querySelectorAll('*')].flatMap(each => [...each.attributes])"
        ".filter(each => each.name.startsWith('on')).length, text: document.body.textContent}"
    )
    assert (found["scripts"], found["frames"], found["images"], found["handlers"]) == (0, 0, 0, 0)
    assert set(found["links"]) == {"file:"}
    for attack in ATTACKS[:5]:
        assert attack in found["text"]
    assert "{{ 7 * 191 }} {% raw %} ]]> --> <U+001B>[2J <U+202E>" in found["text"]


@pytest.mark.parametrize(("width", "least_width"), [(_DESKTOP, 400), (_PHONE, 320)])
def test_every_figure_is_drawn(browser: Browser, page: Path, width: int, least_width: int) -> None:
    browser.open(page, width=width)
    drawings = browser.ask(_DRAWINGS)
    assert len(drawings) == 14
    for drawing in drawings:
        assert least_width <= drawing["width"] < width, drawing["label"]
        assert drawing["height"] > 80, drawing["label"]
        assert drawing["shapes"] >= 10, drawing["label"]
        assert len(drawing["texts"]) >= 5, drawing["label"]
        assert _overlaps(drawing["texts"]) == [], drawing["label"]
        for text in drawing["texts"]:
            assert -2 <= text["left"] < text["right"] <= drawing["width"] + 2, text
        place = {key: drawing[key] for key in ("left", "top", "width", "height")}
        pixels = _pixels(browser.picture(**place))
        inked = np.abs(pixels - pixels[0, 0]).max(axis=2) > 0.1
        assert inked.mean() > 0.02, drawing["label"]
        # The axes' right half, away from the labels: something is drawn there, too.
        assert inked[:, inked.shape[1] // 2 :].mean() > 0.01, drawing["label"]


@pytest.mark.parametrize("width", [_DESKTOP, _TABLET, _PHONE, _SMALL_PHONE])
@pytest.mark.parametrize("which", ["page", "hostile_page"])
def test_no_page_is_wider_than_its_screen(
    browser: Browser, request: pytest.FixtureRequest, which: str, width: int
) -> None:
    browser.open(request.getfixturevalue(which), width=width)
    browser.open_details()
    assert browser.ask("return [document.documentElement.scrollWidth, innerWidth]") == [width, width]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_by_day_and_by_night(browser: Browser, page: Path, scheme: Scheme) -> None:
    browser.open(page, scheme=scheme)
    browser.open_details()
    found = browser.ask(_CONTRASTS)
    assert (found["body"] < 0.05) == (found["page"] < 0.05) == (scheme == "dark")
    assert (found["body"] > 0.9) == (scheme == "light")
    # WCAG 2.2: 4.5 to 1 for text (1.4.3), 3 to 1 for graphics (1.4.11).
    assert len(found["texts"]) > 500
    assert [pair for pair in found["texts"] if pair[1] < 4.5] == []
    assert [pair for pair in found["lines"] if pair[1] < 3] == []
    corner = _pixels(browser.picture(left=0, top=0, width=40, height=40)).mean()
    assert (corner < 0.2) == (scheme == "dark")


def test_it_prints_on_white_whatever_the_screen_shows(browser: Browser, page: Path) -> None:
    browser.open(page, scheme="dark", media="print", width=_PAPER)
    assert browser.ask(_CONTRASTS)["page"] == 1
    assert browser.ask("return document.documentElement.scrollWidth") == _PAPER
    cut_off = browser.ask(
        "return [...document.querySelectorAll('.scroll')].filter(each => !each.closest('details'))"
        ".filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.ariaLabel)"
    )
    assert cut_off == []
    browser.open(page, scheme="dark")
    paper = browser.paper()
    assert paper.startswith(b"%PDF-")
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 20
    assert browser.complaints() == []


def test_it_can_be_used_without_a_mouse(browser: Browser, page: Path) -> None:
    browser.open(page)
    unnamed = browser.ask(
        "return [...document.querySelectorAll('[role=region], [role=img], nav')]"
        ".filter(each => !each.getAttribute('aria-label')).length"
    )
    assert unnamed == 0
    levels = browser.ask(
        "return [...document.querySelectorAll('main h2, main h3, main h4')].map(h => +h.tagName[1])"
    )
    assert all(after - before <= 2 for before, after in itertools.pairwise(levels))
    lost = browser.ask(
        "return [...document.querySelectorAll('nav a')].map(a => a.hash)"
        ".filter(hash => !document.querySelector(hash))"
    )
    assert lost == []


_FIRST_SCREEN = """
const bottom = selector => document.querySelector(selector).getBoundingClientRect().bottom;
return [bottom('.badge'), bottom('.sentence'), bottom('.brief')];
"""


@pytest.mark.parametrize(("width", "height"), SCREENS.values(), ids=SCREENS)
def test_the_first_screen_has_verdict_sentence_and_table(
    browser: Browser, page: Path, width: int, height: int
) -> None:
    browser.open(page, width=width)
    badge, sentence, table = browser.ask(_FIRST_SCREEN)
    assert badge < sentence < height
    assert sentence < table
    if width == _DESKTOP:
        assert table < height
    assert browser.ask("return document.querySelectorAll('.tile').length") == 0
