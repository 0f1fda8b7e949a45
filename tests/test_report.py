from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import QUICK_GAN, Lcgan, LinearModel
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from lcgan_core import Beside, load_run
from lcgan_core.engine.labelling import Labelled
from lcgan_core.runs.evaluation import Evaluation
from lcgan_core.runs.report.rows import Row, rows_of
from lcgan_core.sample_kinds.text import changed_words


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("the food was cold .", "the food was great .", ["great"]),
        ("a b", "a b", []),
        ("", "all new", ["all", "new"]),
        ("so slow and so bad .", "so good .", ["good"]),
    ],
)
def test_changed_words_are_those_that_were_not_there(before: str, after: str, changed: list[str]) -> None:
    words = changed_words(before, after)
    assert [word for word, _ in words] == after.split()
    assert [word for word, new in words if new] == changed


class Links(HTMLParser):
    """Everything that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [
            value
            for name, value in attrs
            if value
            and (name == "src" or (name == "href" and tag in ("link", "a")) or (name == "xlink:href" and value[0] != "#"))
        ]


@pytest.mark.usefixtures("linear_plugin")
def test_every_run_has_a_self_contained_report(run_lcgan: Lcgan) -> None:
    Path("mine.py").write_text("def low(samples):\n    return [s[1] < 0 for s in samples]\n", encoding="utf-8")
    options = ("--set", "half-space.bound=1.5", "--constraint", "<b>low=mine.py:low")
    refused = run_lcgan("run", "--model", "linear:4", "--constraint", "half-space", *options)
    assert refused.exit_code == 1
    options = ("--set", "half-space.bound=1.5", "--constraint", "low=mine.py:low", "--out", "run")
    ran = run_lcgan("run", "--model", "linear:4", "--constraint", "half-space", *options, *QUICK_GAN, "--samples", "60")
    assert ran.exit_code == 0, ran.output
    page = Path("run/report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.found == []
    assert page.count("<svg") == 5
    result = json.loads(Path("run/result.json").read_text(encoding="utf-8"))
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page).replace("&nbsp;", " "))
    assert "half-space (bound = 1.5) and low: mine.py:low" in text
    for figures in (*result["constraints"].values(), result["all"]):
        assert f"{100 * figures['actor']['value']:.1f} %" in text
        assert f"({100 * figures['actor']['interval'][0]:.1f}–{100 * figures['actor']['interval'][1]:.1f})" in text
    assert f"{result['labels']:,} labels" in text
    assert len(re.findall(r"\d\.\d{6,},-?\d", text)) > 50, "pairs of samples"
    shown = load_run(Path("run"))._repr_html_() or ""
    (frame,) = re.findall(r'<iframe sandbox="allow-scripts allow-downloads" srcdoc="([^"]*)"', shown)
    assert unescape(frame) == page, "a notebook shows the same"
    card = Path("run/README.md").read_text(encoding="utf-8")
    assert f"{100 * result['all']['actor']['value']:.1f} % of its samples satisfy" in card
    assert "lcgan sample run -n 20" in card


@pytest.mark.usefixtures("linear_plugin")
def test_its_samples_are_searched_filtered_and_downloaded(browser: Chrome, run_lcgan: Lcgan) -> None:
    ran = run_lcgan("run", "--model", "linear:2", "--constraint", "half-space", *QUICK_GAN, "--samples", "60", "--out", "run")
    assert ran.exit_code == 0, ran.output
    samples = [json.loads(line) for line in Path("run/samples.jsonl").read_text(encoding="utf-8").splitlines()]
    browser.get(Path("run/report.html").absolute().as_uri())

    def shown() -> list[list[str]]:
        count = int(browser.find_element(By.ID, "count").text.split(" of ")[0])
        header, *rows = csv.reader(io.StringIO(browser.execute_script("return csv()")))
        assert header == ["before", "after", "half-space", "remembered"]
        assert len(rows) == count
        return rows

    def row(sample: dict[str, Any]) -> list[str]:
        return [sample["before"], sample["after"], f"{sample['values_after']['half-space']:g}", "false"]

    assert shown() == list(map(row, samples))
    which = Select(browser.find_element(By.ID, "which"))
    which.select_by_visible_text("not satisfied")
    assert shown() == [row(sample) for sample in samples if sample["values_after"]["half-space"] < 0.5]
    which.select_by_visible_text("remembered")
    assert shown() == []
    which.select_by_visible_text("all samples")
    browser.find_element(By.ID, "search").send_keys(samples[7]["after"])
    assert row(samples[7]) in shown()
    assert len(shown()) < 5

    everything = browser.execute_script("return everything")
    assert everything["samples"] == samples
    assert everything["result"] == json.loads(Path("run/result.json").read_text(encoding="utf-8"))
    assert len(everything["rounds"]) == 2


def test_its_rows_tell_what_is_satisfied_changed_and_remembered() -> None:
    class Remembering(LinearModel):
        def memory(self, samples: Sequence[tuple[float, ...]]) -> dict[str, Beside]:
            return {"remembered": Beside(share=sum(sample == (3.0,) for sample in samples) / len(samples), expected=None)}

    def labelled(values: list[float], *samples: tuple[float, ...]) -> Labelled:
        return Labelled(torch.zeros(len(samples), 1), list(samples), torch.tensor(values)[:, None])

    model = Remembering(1)
    before, after = labelled([0, 1, 0], (1.0,), (3.0,), (1.0,)), labelled([1, 1, math.nan], (2.5,), (3.0,), (2.0,))
    summary: Any = SimpleNamespace(memory={"actor": model.memory(after.samples)})
    rows = rows_of(model, Evaluation(before, after, summary))
    assert rows == [
        Row("1.0", "2.5", ("1",), ("satisfied", "changed")),
        Row("3.0", "3.0", ("1",), ("satisfied", "remembered")),
        Row("1.0", "2.0", ("",), ("changed",)),
    ]
