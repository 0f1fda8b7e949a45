"""The command line as a program: its help, its listings, its silence on stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import Lcgan

import lcgan_core
from lcgan_core.__main__ import HELP

ROOT = Path(__file__).parent.parent


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "lcgan_core", *arguments], capture_output=True, text=True, check=False)


def test_the_instant_help_is_clicks_own(run_lcgan: Lcgan) -> None:
    assert HELP.read_text(encoding="utf-8") == run_lcgan("--help").output
    for arguments in ((), ("--help",)):
        ran = program(*arguments)
        assert ran.returncode == 0
        assert ran.stdout == run_lcgan("--help").output


def test_a_shell_gets_its_completions() -> None:
    code = "import sys; from lcgan_core.__main__ import main; sys.argv = ['lcgan']; main()"  # named as the installed script is

    def asked(**environment: str) -> str:
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment)
        return ran.stdout

    assert "_lcgan_completion lcgan" in asked(_LCGAN_COMPLETE="bash_source")
    assert asked(_LCGAN_COMPLETE="bash_complete", COMP_WORDS="lcgan ru", COMP_CWORD="1") == "plain,run\n"


@pytest.mark.parametrize("code", ["import lcgan_core", "from lcgan_core import Constraint, hookimpl", "import lcgan_core.cli"])
def test_importing_needs_no_torch(code: str) -> None:
    heavy = "{'torch', 'transformers', 'datasets', 'gradio'}"
    check = f"{code}; import sys; assert not {heavy} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("constraints",), ("constraints", "length")])
def test_help_and_listings_need_no_torch(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys; from lcgan_core.__main__ import main\n"
        f"sys.argv = ['lcgan', *{arguments}]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_every_public_name_is_there() -> None:
    for name in lcgan_core.__all__:
        assert getattr(lcgan_core, name).__doc__ or name == "hookimpl"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lcgan_core.nothing


def test_the_version_is_that_of_the_project(run_lcgan: Lcgan) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert run_lcgan("--version").output.strip() == project["version"] == lcgan_core.__version__


def test_constraints_are_listed_with_options(run_lcgan: Lcgan) -> None:
    listed = run_lcgan("constraints").stdout
    assert "length" in listed
    assert "keyword" in listed
    assert "min_words, max_words" in listed
    one = run_lcgan("constraints", "length").stdout
    assert "Maximum number of words." in one
    as_json = json.loads(run_lcgan("constraints", "--json").stdout)
    assert as_json["length"][1] == {
        "option": "max_words",
        "type": "int >= 1 <= 1000000",
        "default": "6",
        "meaning": "Maximum number of words.",
    }
    assert json.loads(run_lcgan("constraints", "keyword", "--json").stdout)["options"][0]["default"] == "needed"


def test_an_unknown_constraint_is_one_line(run_lcgan: Lcgan) -> None:
    ran = run_lcgan("constraints", "lenght")
    assert ran.exit_code == 1
    assert ran.stderr.startswith("Error: No constraint 'lenght' (did you mean 'length'?). There are: classifier, ")
    assert len(ran.stderr.splitlines()) == 1
