"""``lcgan try``: values of given texts, with no model."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import Lcgan

import lcgan_core.cli
from lcgan_core.cli import lcgan


def test_texts_are_scored_in_order(run_lcgan: Lcgan) -> None:
    ran = run_lcgan("try", "length", "one two three four", "one", "--set", "length.max_words=2")
    assert ran.stdout == "0.000  one two three four\n1.000  one\n"
    assert ran.stderr == ""


def test_json_carries_every_digit(run_lcgan: Lcgan) -> None:
    Path("mine.py").write_text("def third(texts):\n    return [1 / 3 for _ in texts]\n", encoding="utf-8")
    ran = run_lcgan("try", "./mine.py:third", "a\nb", "--json")
    assert json.loads(ran.stdout) == {"constraint": "./mine.py:third", "scores": [{"value": 1 / 3, "text": "a\nb"}]}
    assert run_lcgan("try", "./mine.py:third", "a\nb").stdout == "0.333  a b\n"


@pytest.mark.parametrize("setting", ["words=good", "keyword.words=good", "words=good,kind"])
def test_options_with_and_without_the_name(run_lcgan: Lcgan, setting: str) -> None:
    assert (
        run_lcgan("try", "keyword", "good food", "bad food", "--set", setting).stdout == "1.000  good food\n0.000  bad food\n"
    )


def test_options_of_one_word_are_texts_where_they_are_no_json(run_lcgan: Lcgan) -> None:
    assert run_lcgan("try", "keyword", "a=b", "--set", "words=a=b").stdout == "1.000  a=b\n"


def test_lines_of_stdin_are_texts() -> None:
    ran = CliRunner().invoke(lcgan, ["try", "length"], input="très bon\n\ntoo many words for this wish here\n".encode())
    assert ran.stdout == "1.000  très bon\n0.000  \n0.000  too many words for this wish here\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("length",), 2, "No samples. Give them as arguments, or on stdin, one per line."),
        (("lenght", "a"), 1, "No constraint 'lenght' (did you mean 'length'?)"),
        (("length", "a", "--set", "max_words"), 2, "--set max_words: expected OPTION=VALUE. See: lcgan constraints length"),
        (("length", "a", "--set", "max_word=3"), 1, "length.max_word: no such option"),
        (("length", "a", "--set", "keyword.words=3"), 1, "length.keyword.words: no such option"),
        (("keyword", "a"), 1, "keyword.words: needs a value; give it with --set keyword.words=VALUE"),
        (("./mine.py:f", "a"), 1, "No file mine.py"),
    ],
)
def test_what_is_wrong_is_told(run_lcgan: Lcgan, arguments: tuple[str, ...], status: int, message: str) -> None:
    ran = run_lcgan("try", *arguments)
    assert ran.exit_code == status
    assert message in ran.stderr
    assert ran.stdout == ""


def test_unusable_values_are_told(run_lcgan: Lcgan) -> None:
    Path("mine.py").write_text("def f(texts):\n    return [2 for _ in texts]\n", encoding="utf-8")
    assert "returned 2 for 'a'. Values are finite numbers in [0, 1]" in run_lcgan("try", "./mine.py:f", "a").stderr


def test_a_rule_is_tried_without_torch() -> None:
    code = (
        "import sys; from lcgan_core.__main__ import main\n"
        "sys.argv = ['lcgan', 'try', 'length', 'a']\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


@pytest.mark.usefixtures("linear_plugin")
def test_samples_of_a_kind_that_a_plugin_brings(run_lcgan: Lcgan) -> None:
    ran = run_lcgan("try", "half-space", "--kind", "points", "3.0,1.0", "1.0,3.0")
    assert ran.stdout == "1.000  3.0,1.0\n0.000  1.0,3.0\n"
    assert "--kind points: length judges text" in run_lcgan("try", "length", "--kind", "points", "1.0").stderr


NOISY = """
import os, subprocess, sys, logging
print("at import")
def prints(texts):
    print("in the function")
    return [1 for _ in texts]
def writes(texts):
    sys.stdout.write("raw")
    return [1 for _ in texts]
def descriptor(texts):
    os.write(1, b"to the descriptor")
    return [1 for _ in texts]
def starts(texts):
    subprocess.run([sys.executable, "-c", "print('from a subprocess')"], check=True)
    return [1 for _ in texts]
"""


@pytest.mark.parametrize("function", ["prints", "writes", "descriptor", "starts"])
def test_what_a_reward_prints_stays_off_stdout(tmp_path: Path, function: str) -> None:
    (tmp_path / "mine.py").write_text(NOISY, encoding="utf-8")
    command = [sys.executable, "-m", "lcgan_core", "try", "./mine.py:" + function, "a", "--json"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["scores"] == [{"value": 1.0, "text": "a"}]
    assert "at import" in ran.stderr


@pytest.mark.parametrize("status", ["", "0", "1", "'text'"])
def test_a_file_that_leaves_python_is_no_success(run_lcgan: Lcgan, status: str) -> None:
    Path("top.py").write_text(f"import sys\nsys.exit({status})\ndef f(texts): return []\n", encoding="utf-8")
    Path("deep.py").write_text(f"import sys\ndef f(texts):\n    sys.exit({status})\n", encoding="utf-8")
    for file, line in (("top", 2), ("deep", 3)):
        ran = run_lcgan("try", f"./{file}.py:f", "a")
        assert ran.exit_code == 1
        assert ran.stdout == ""
        assert f"{file}.py line {line}" in ran.stderr


def test_results_go_through_echo_alone() -> None:
    """``click.echo`` would send them to stderr, where whatever a plugin prints goes."""
    folder = Path(lcgan_core.cli.__file__).parent
    for file in folder.glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        for call in calls:
            if ast.unparse(call.func) == "click.echo":
                assert {"err", "file"} & {keyword.arg for keyword in call.keywords}, f"{file.name} line {call.lineno}"


@pytest.mark.parametrize(
    "command", [("try", "./mine.py:f", "a"), ("try", "mine.py:f", "a", "b"), ("constraints", "./mine.py:f")]
)
def test_an_interrupt_is_one_line(command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    raised = "raise KeyboardInterrupt\n"
    Path("mine.py").write_text(raised if command[0] == "constraints" else f"def f(texts):\n    {raised}", encoding="utf-8")
    ran = CliRunner().invoke(lcgan, list(command))
    assert (ran.exit_code, ran.stdout, ran.stderr) == (1, "", "Error: Interrupted.\n")
