"""``lcgan studio`` on drawings, from the first rating to what training changed. Nothing depends on how well the model draws."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from statistics import median

import pytest
from browsing import Page, studio, until
from conftest import QUICK_GAN
from selenium.webdriver import Chrome

from lcgan_core.constraints.from_labels import FEWEST
from lcgan_core.tools.studio import AT_ONCE, PAIRS

pytest.importorskip("lcgan_strokes_plugin")
MOST = 80
"""Ratings among which there must be enough of each kind."""


def strokes(page: Page, where: str) -> list[int]:
    """How many strokes the drawings at a place of the page have."""
    told = page.read(f"{where} svg", "ariaLabel")
    return [int(found[1]) for one in told if (found := re.search(r"strokes (\d+)", one))]


def rate(page: Page) -> list[bool]:
    """Rates drawings as a person does who likes few strokes, by keys, until there are enough of each kind."""
    limit, given = median(strokes(page, "#questions")), list[bool]()
    while min(sum(given), len(given) - sum(given)) < FEWEST:
        assert len(given) < MOST
        (count,) = strokes(page, "#questions .current")
        given.append(count <= limit)
        page.key("y" if given[-1] else "n")
        page.shows("labels", f"^{len(given)} of about 70")
    return given


def test_drawings_are_rated_by_keys_and_trained_on(browser: Chrome, tmp_path: Path) -> None:
    page, file = Page(browser), tmp_path / "few.csv"
    settings = (*QUICK_GAN, "--set", "gan.max_drift=1000", "--set", "gan.min_unique=0")
    with studio(tmp_path, file, "--model", "sketch-rnn:kanji", *settings) as (_, address):
        page.open(address)
        page.shows("masthead", "sketch-rnn:kanji .*few.csv")
        until(lambda: len(strokes(page, "#questions .current")) == 1, lambda: page.read("#questions", "outerHTML"))
        assert len(strokes(page, "#questions")) == AT_ONCE
        assert min(map(int, page.read("#questions svg", "clientHeight"))) > 80
        given = rate(page)
        with file.open(encoding="utf-8", newline="") as content:
            kept = list(csv.DictReader(content))
        assert [float(row["value"]) for row in kept] == given
        assert all((tmp_path / row["file"]).is_file() for row in kept)
        page.picture("kanji-rated")

        page.press("train")
        page.shows("outcome", r"^Training \w.*, \d+%")
        until(lambda: len(strokes(page, "#pairs")) == 2 * PAIRS, lambda: page.text("outcome"), seconds=300)
        result = json.loads((tmp_path / "runs" / "few" / "result.json").read_text(encoding="utf-8"))["constraints"]["labels"]
        shares = [f"{result[of]['value']:.1%}" for of in ("prior", "actor")]
        assert re.findall(r"(\d+\.\d%) satisfy", page.text("pairs")) == shares
        before, after = map(int, page.read("#pairs figure", "offsetLeft"))
        assert before < after, "side by side"
        page.picture("kanji-trained")
