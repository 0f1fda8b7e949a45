"""``lcgan studio``: the real page of the real program in a real browser, and what is behind it."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browsing import Page, studio, until
from click.testing import CliRunner
from conftest import QUICK_GAN, Lcgan, sentences
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from lcgan_core import Images, RunConfig, RunError, SampleKind, Text, Wish, edit, load_run
from lcgan_core.cli import lcgan
from lcgan_core.plugins.discovery import load_latent_model
from lcgan_core.tools.questions import QuestionSession
from lcgan_core.tools.studio import AT_ONCE, OTHERS, STEPS, Progress, Questions
from lcgan_core.visible import visible

ANY_ACTOR = ["--set", "gan.max_drift=1000", "--set", "gan.min_unique=0"]
"""For an actor that was trained in no time."""


def rows(file: Path) -> list[tuple[str, float]]:
    with file.open(encoding="utf-8", newline="") as content:
        return [(row["text"], float(row["value"])) for row in csv.DictReader(content)]


def label_some(file: Path, count: int) -> None:
    """Labels in which the short sentences are wanted."""
    some = sentences()[:count]
    file.write_text("text,value\n" + "".join(f"{text},{int(len(text) < 25)}\n" for text in some), encoding="utf-8")


@pytest.fixture(scope="module")
def page(browser: Chrome) -> Page:
    return Page(browser)


def test_answers_outlive_the_program_and_two_at_once_are_refused(page: Page, tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    with studio(tmp_path, file, "--model", tiny_model) as (process, address):
        page.open(address)
        page.shows("labels", "0 of about 70 answers")
        assert "tiny/model" in page.text("masthead")
        assert "mine.csv" in page.text("masthead")
        given = []
        for button, value in (("wanted", 1.0), ("unwanted", 0.0), ("wanted", 1.0)):
            given.append((page.answer(button), value))
            assert rows(file) == given, "an answer is on the disk before the next question"
        skipped = page.answer("skip")
        page.answer("unwanted")
        page.press("undo")
        page.shows("labels", "3 of about 70 answers 2 wanted 1 not")
        assert rows(file) == given
        assert skipped not in dict(given)
        page.press("train")
        page.shows("outcome", "Not trained .* Label at least 10 of each")
        page.open(address)
        page.shows("outcome", "Label at least 10 of each")
        page.part("Edit")
        page.press("edit")
        page.told("No run is open yet")
        page.part("Label")

        for command in ("label", "studio"):
            free = ("--port", "0") if command == "studio" else ()
            ran = CliRunner().invoke(lcgan, [command, str(file), "--model", str(tiny_model), *free], input="yyy")
            assert ran.exit_code == 1
            assert "Another process is adding labels to" in ran.stderr

        asked = page.sample("question-0")
        page.press("unwanted-0")
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = rows(file)
    assert kept in (given, [*given, (asked, 0.0)])
    with studio(tmp_path, file, "--model", tiny_model) as (_, address):
        page.open(address)
        page.shows("labels", f"{len(kept)} of about 70 answers")
        given = [*kept, (page.answer("wanted"), 1.0)]
        assert rows(file) == given


def test_no_answer_is_lost_however_soon_it_follows_another(page: Page, tiny_model: Path, tmp_path: Path) -> None:
    with studio(tmp_path, tmp_path / "mine.csv", "--model", tiny_model) as (_, address):
        page.open(address)
        page.shows("labels", "0 of about 70 answers")
        for number in range(20):
            asked = page.sample("question-0")
            page.press("wanted-0" if number % 2 else "unwanted-0")
            until(lambda was=asked: page.sample("question-0") != was, lambda was=asked: was, pause=0)  # type: ignore[misc]
        assert [value for _, value in rows(tmp_path / "mine.csv")] == [0.0, 1.0] * 10


def test_it_trains_generates_and_edits(page: Page, tiny_model: Path, tmp_path: Path) -> None:
    file, run = tmp_path / "mine.csv", tmp_path / "runs" / "mine"
    label_some(file, 60)
    page.browser.get("about:blank")  # or the page of the test before still asks for its server
    page.addresses()
    with studio(tmp_path, file, "--model", tiny_model, *QUICK_GAN, *ANY_ACTOR) as (process, address):
        page.open(address)
        page.shows("labels", r"60 of about 70 .* Predicts \d+\.\d% of held-out answers correctly \(\d+\.\d – \d+\.\d%\)")
        page.press("train")
        page.shows("outcome", r"Training \w.*, \d+%")
        page.answer("unwanted")
        page.open(address)  # neither labelling nor loading the page again disturbs the training
        page.shows("labels", "61 of about 70")
        page.shows("outcome", "Run runs/mine")
        result = json.loads((run / "result.json").read_text(encoding="utf-8"))["constraints"]["labels"]
        assert "runs/mine: labels" in page.text("masthead")
        assert f"{result['actor']['value']:.1%}" in page.text("pairs")
        assert f"{result['trust']['accuracy']['value']:.1%}" in page.text("outcome")
        pairs = [json.loads(line) for line in (run / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
        expected = [visible(pair[when]) for pair in pairs[:5] for when in ("before", "after")]
        until(lambda: page.cells("pairs")[:10] == expected, lambda: (page.cells("pairs"), expected))
        asked = page.addresses()
        assert asked
        assert {url for url in asked if not url.startswith(address)} == set()
        page.press("train")
        until((run.with_name("mine-2") / "config.json").exists, lambda: page.text("outcome"))
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert not (run.with_name("mine-2") / "result.json").exists()
    assert (tmp_path / "errors.txt").read_text(encoding="utf-8") == ""

    finished = load_run(run)
    with studio(tmp_path, "--run", run) as (_, address):
        page.open(address)
        page.shows("pairs", f"{result['actor']['value']:.1%}")
        page.part("Generate")
        page.press("generate")
        until(lambda: len(page.cells("samples")) == 36, lambda: page.cells("samples"))
        assert page.cells("samples")[1::3] == list(map(visible, finished.sample(12, seed=1, keep=1.0)))
        strength = page.browser.find_element(By.CSS_SELECTOR, "#reach input[type=number]")
        strength.send_keys(Keys.CONTROL, "a")
        strength.send_keys("0", Keys.TAB)
        until(lambda: page.cells("samples")[1::3] == page.cells("samples")[::3], lambda: page.cells("samples"))
        assert page.cells("samples")[::3] == list(map(visible, finished.sample(12, seed=1, strength=0.0, keep=1.0)))

        page.part("Edit")
        page.press("edit")
        page.told("There is nothing to edit. Type something first")
        text = "the food was good and the place was nice ."
        page.browser.find_element(By.CSS_SELECTOR, "#given textarea").send_keys(text, Keys.ENTER)
        (edited,) = edit(finished, [text])
        page.shows("edited", f"keeps {edited.closeness:.0%} of your sample")
        assert page.read("#edited .large") == [text, visible(edited.after)]
        assert page.read("#edited .others li") == list(map(visible, edited.candidates[:OTHERS]))


@pytest.mark.parametrize(("model", "constraint", "shown"), [("pils", "lighter", "img"), ("sides", "wide", "svg")])
def test_it_shows_labels_and_edits_images_and_drawings(
    page: Page,
    install: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    constraint: str,
    shown: str,
) -> None:
    install("toy-plugin", "from toy_models import *\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tmp_path / "site-packages", Path(__file__).parent))))
    run, file = tmp_path / "run", tmp_path / "mine.csv"
    options = ("--constraint", constraint, *QUICK_GAN, *ANY_ACTOR, "--samples", "50", "--out", str(run))
    ran = CliRunner().invoke(lcgan, ["run", "--model", f"{model}:1", *options])
    assert ran.exit_code == 0, ran.output
    frozen = load_latent_model(f"{model}:1")
    (given,) = frozen.sample_kind.save(frozen.decode(torch.tensor([[-1.0, 0, 0]])), tmp_path / "mine")
    with studio(tmp_path, file, "--model", f"{model}:1", "--run", run) as (_, address):
        page.open(address)
        page.shows("outcome", constraint)
        until(lambda: len(page.read(f"#pairs {shown}")) == 24, lambda: page.read("#pairs", "outerHTML"))
        until(lambda: len(page.read(f"#questions {shown}")) == AT_ONCE, lambda: page.read("#questions", "outerHTML"))
        first = page.read(f"#questions {shown}", "outerHTML")
        page.press("wanted-1")
        page.shows("labels", "1 of .* 1 wanted")
        page.key("1", "n", "2", "y")
        page.shows("labels", "3 of .* 2 wanted 1 not")
        until(lambda: len(set(page.read(f"#questions {shown}", "outerHTML")) & set(first)) == AT_ONCE - 2, lambda: first)
        with file.open(encoding="utf-8", newline="") as content:
            answers = [(tmp_path / row["file"], row["value"]) for row in csv.DictReader(content)]
        assert all(answered.is_file() for answered, _ in answers)
        assert [value for _, value in answers] == ["1", "0", "1"]
        page.picture(f"{model}-label")
        page.key("u", "u")
        page.shows("labels", "1 of .* 1 wanted")
        until(lambda: page.read(f"#questions {shown}", "outerHTML")[0] == first[0], lambda: first)
        page.part("Generate")
        page.press("generate")
        until(lambda: len(page.read(f"#samples {shown}")) == 24, lambda: page.read("#samples", "outerHTML"))
        page.picture(f"{model}-generate")
        page.part("Edit")
        page.press("edit")
        page.told("There is nothing to edit. Choose a file first")
        page.browser.find_element(By.CSS_SELECTOR, "#given input[type=file]").send_keys(str(given))
        page.shows("edited", "Constraint value 100%; keeps .* of your sample")
        assert len(page.read(f"#edited .large {shown}")) == 2
        assert len(page.read(f"#edited .way {shown}")) == STEPS
        page.picture(f"{model}-edit")


PAGE = """
from lcgan_core import Images, Text
from lcgan_core.cli import studio_page
from lcgan_core.tools.studio import Studio
listening = studio_page.listen("127.0.0.1", 0)
app = studio_page.application(studio_page.page(Studio(), None, {kind}()), listening, "127.0.0.1", uploads={kind}.in_files)
studio_page.serve(app, listening, lambda address: print(address, flush=True))
"""
"""The page without a run, which needs no model."""


@pytest.mark.parametrize("kind", [Text, Images])
def test_the_page_passes_its_guard_and_others_do_not(page: Page, tmp_path: Path, kind: type[SampleKind[Any]]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PAGE.format(kind=kind.__name__)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        address = process.stdout.readline().strip()
        try:
            page.browser.get(address)
            until(lambda: bool(page.read("[role=tab]")), lambda: page.browser.page_source)
            page.part("Edit")
            place = "#given input[type=file]" if issubclass(kind, Images) else "#given textarea"
            until(lambda: bool(page.browser.find_elements(By.CSS_SELECTOR, place)), lambda: page.browser.page_source)
            given = "good" + Keys.ENTER
            if issubclass(kind, Images):  # uploads, and edits at once
                given = str(kind().save([np.zeros((4, 4), np.uint8)], tmp_path)[0])

            def act() -> None:
                for field in page.browser.find_elements(By.CSS_SELECTOR, place):  # none once a file is taken
                    field.send_keys(given)

            page.told("No run is open yet", act)

            def status(path: str, **headers: str) -> int:
                with closing(HTTPConnection(address.removeprefix("http://"))) as connection:
                    connection.request("GET", path, headers=headers)
                    return connection.getresponse().status

            assert status("/") == 200
            assert status("/", Host="rebound.example") == 421
            assert status("/config", Origin="http://evil.example") == 403
            assert [status(path) for path in ("/docs", "/redoc", "/openapi.json", "/monitoring")] == [404] * 4
        finally:
            process.kill()


def test_what_a_stale_page_says_is_left_out(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    session = QuestionSession(file, load_latent_model(str(tiny_model)))
    questions = Questions(session, RunConfig(constraints=(Wish(constraint="labels"),)), tmp_path / "run")
    _, first = questions.asked(0)
    assert questions.progress() == Progress(wanted=0, unwanted=0, trust=None)
    html, second = questions.answer(0, first, 1.0)
    assert html == second, "a text without signs that HTML knows"
    assert questions.answer(0, first, 0.0)[1] == questions.skip(0, first)[1] == second
    assert rows(file) == [(first, 1.0)]
    assert questions.undo() == [(first, first)]
    with pytest.raises(RunError, match="no answer to take back"):
        questions.undo()


def test_what_cannot_be_shown_is_said_in_one_line(run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Give a FILE to label into, or a finished run" in run_lcgan("studio").stderr
    assert "No run folder at nowhere" in run_lcgan("studio", "--port", 0, "--run", "nowhere").stderr
    assert "gan.rounds" in run_lcgan("studio", "mine.csv", "--port", 0, "--set", "gan.rounds=0").stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Cannot listen on 127.0.0.1:{port}" in run_lcgan("studio", "mine.csv", "--port", port).stderr
    monkeypatch.delitem(sys.modules, "lcgan_core.cli.studio_page")
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert "lcgan studio needs gradio: pip install 'lcgan-core[studio]'" in run_lcgan("studio", "mine.csv").stderr
    assert not Path("mine.csv").exists()
