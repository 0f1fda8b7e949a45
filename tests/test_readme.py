"""The README does what it says: its code is that of tested files, and its commands run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TINY_RECIPE, Lcgan, sentences

from lcgan_core.plugins import make_constraint

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_it_opens_with_the_two_lines_and_ci_runs_the_second() -> None:
    run_line, test_line = (block.strip() for block in blocks("console")[:2])
    assert run_line == "pip install -c constraints.txt . && lcgan run --constraint length"
    assert test_line == "pip install -c constraints.txt -e '.[test]' && pytest"
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "pip install -c constraints.txt -e '.[test]'" in ci
    assert "README.md" in ci


def test_its_code_is_that_of_the_examples() -> None:
    examples = {path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.py")}
    assert blocks("python")
    assert all(block in examples for block in blocks("python"))


def test_its_plugin_is_found_and_scores(install: Callable[..., None]) -> None:
    install("shouting-plugin", (ROOT / "examples" / "shouting.py").read_text(encoding="utf-8"))
    assert make_constraint("shouting", {})(["HEY YOU", "hey YOU", ""]) == [1.0, 0.0, 0.0]


def test_its_commands_run_in_order(run_lcgan: Lcgan) -> None:
    shutil.copytree(ROOT / "examples", "examples")
    Path("my-texts.csv").write_text("text\n" + "\n".join(sentences()), encoding="utf-8")
    commands = [line for block in blocks("console") for line in block.splitlines()]
    lcgan_commands = [shlex.split(command.rpartition("&& ")[2])[1:] for command in commands if "lcgan " in command]
    assert len(lcgan_commands) >= 8
    for command in lcgan_commands:
        fitted: list[str] = []
        if command[0] == "pretrain" and "--out" in command:
            fitted = TINY_RECIPE  # hours otherwise
        elif "my-model" in command:
            fitted = ["--set", "gan.min_unique=0"]  # the little language has 42 short sentences in all
        ran = run_lcgan(*command, *fitted)
        assert ran.exit_code == 0, (command, ran.output)
        assert ran.stdout
    assert len(list(Path("runs").glob("*/result.json"))) >= 4


def test_its_python_runs(tmp_path: Path) -> None:
    script = ROOT / "examples" / "five_words.py"
    ran = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    satisfied = float(ran.stdout.split()[0])
    assert satisfied > 0.9
    assert (tmp_path / "runs" / "five-words" / "result.json").is_file()


@pytest.mark.parametrize("path", ["LICENSE", "constraints.txt", "lcgan_core/gan.py", "lcgan_core/models/reviews/README.md"])
def test_what_it_links_to_is_there(path: str) -> None:
    assert (ROOT / path).is_file()
