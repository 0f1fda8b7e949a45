"""README and documentation do what they say: their code is that of tested files, and their commands run."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from conftest import FEWER_LABELS, TINY_RECIPE, Lcgan, sentences

from lcgan_core import RunConfig, run
from lcgan_core.engine.networks import GanConfig
from lcgan_core.plugins.discovery import make_constraint
from lcgan_core.runs.result import Result

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "docs" / page for page in re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)]
"""The documentation, in the order of its navigation; pages of the reference that are generated have no file."""
ALL = "\n".join([README, *(page.read_text(encoding="utf-8") for page in PAGES if page.exists())])


def blocks(language: str, text: str = ALL) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_it_opens_with_the_two_lines_and_ci_runs_the_second() -> None:
    run_line, test_line = (block.strip() for block in blocks("console", README)[:2])
    assert run_line == "pip install -c constraints.txt . && lcgan run --constraint length"
    names = ("sentiment", "readability", "verse", "images", "strokes")
    plugins = " ".join(f"-e plugins/lcgan-{name}-plugin" for name in names)
    assert test_line == f"pip install -c constraints.txt -e '.[test]' {plugins} && pytest"
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "pip install -c constraints.txt -e '.[test]'" in ci
    assert "README.md" in ci


def test_it_is_one_screen_and_a_half() -> None:
    assert len(README.encode()) <= 6000


def test_its_code_is_that_of_the_examples() -> None:
    examples = {path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.py")}
    assert len(blocks("python", README)) == 2
    for block in blocks("python"):
        assert block in examples, block


def test_its_plugin_is_found_and_scores(install: Callable[..., None]) -> None:
    install("shouting-plugin", (ROOT / "examples" / "shouting.py").read_text(encoding="utf-8"))
    assert make_constraint("shouting", {})(["HEY YOU", "hey YOU", ""]) == [1.0, 0.0, 0.0]


def settings(**options: int) -> list[str]:
    return [part for option, value in options.items() for part in ("--set", f"gan.{option}={value}")]


QUICKLY = settings(
    **FEWER_LABELS
    | {"rounds": 1, "iterations": 10, "pretraining_batches": 50, "min_unique": 0, "max_drift": 1000, "actor_labels": 200}
)
"""The first labels are those of FEWER_LABELS, so that all runs here label the same latents first."""


@pytest.mark.usefixtures("each_latent_decoded_once")
def test_its_commands_run_in_order(run_lcgan: Lcgan, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcgan_core.tools.check.GanConfig", partial(GanConfig, **FEWER_LABELS))
    shutil.copytree(ROOT / "examples", "examples")
    Path("my-texts.csv").write_text("text\n" + "\n".join(sentences()), encoding="utf-8")
    rows = "".join(f"{text},{int('good' in text)}\n" for text in sentences()[:200])
    Path("mine.csv").write_text("text,value\n" + rows, encoding="utf-8")
    commands = [line.rpartition("&& ")[2] for block in blocks("console") for line in block.splitlines()]
    lcgan_commands = [shlex.split(command)[1:] for command in dict.fromkeys(commands) if command.startswith("lcgan ")]
    assert len(lcgan_commands) >= 20
    first_run = True
    for command in lcgan_commands:
        if command[0] in ("label", "studio"):  # want someone to press keys and buttons; tests of their own do
            continue
        fitted: list[str] = []
        if command[0] == "pretrain" and "--out" in command:
            fitted = [*TINY_RECIPE, "--set", "epochs=30"]  # hours otherwise; with ten, all of its texts are of one length
        elif command[0] == "check":
            fitted = ["-n", "200"]
        elif command[0] == "run" and "--resume" not in command:
            fitted = [*settings(**FEWER_LABELS), "--samples", "300"] if first_run else [*QUICKLY, "--samples", "100"]
            first_run = False
        ran = run_lcgan(*command, *fitted)
        assert ran.exit_code == 0, (command, ran.output)
        assert ran.stdout
        if command[0] == "new-plugin":  # the next line installs it
            source = Path("lcgan-my-wish-plugin/lcgan_my_wish_plugin.py").read_text(encoding="utf-8")
            install("lcgan-my-wish-plugin", source)
    assert len(list(Path("runs").glob("*/result.json"))) >= 10
    assert json.loads(Path("runs/length/result.json").read_text(encoding="utf-8"))["all"]["actor"]["value"] > 0.9


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example scripts run, one after the other."""
    return tmp_path_factory.mktemp("examples")


@pytest.mark.usefixtures("each_latent_decoded_once")
@pytest.mark.parametrize("name", ["five_words", "positive", "seventy_labels", "edit_mine"])
def test_its_python_and_the_other_examples_run(
    work: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_with_fewer(config: RunConfig, out: Path) -> Result:
        return run(config.model_copy(update={"gan": GanConfig(**FEWER_LABELS), "samples": 300}), out)

    monkeypatch.setattr("lcgan_core.run", run_with_fewer)
    monkeypatch.chdir(work)
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    if name == "edit_mine":
        assert "edited   the pasta was cold" in printed
        assert "kept     i love this place !" in printed
    else:
        assert float(printed.split()[0]) > 0.9
        assert len(list(work.glob("runs/*/result.json"))) >= 1


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    assert {"LICENSE", "CHANGELOG.md", "docs/session.svg", "lcgan_core/engine/gan.py"} <= set(links)
    for link in links:
        assert (ROOT / link).is_file(), link
