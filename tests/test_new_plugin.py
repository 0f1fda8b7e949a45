"""``lcgan new-plugin``: a distribution that works as written."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import QUICK_GAN, Lcgan

ROOT = Path(__file__).parent.parent

FILES = {"README.md", "lcgan_my_wish_plugin.py", "pyproject.toml", "tests/test_my_wish.py"}


@pytest.mark.parametrize("name", ["my-wish", "lcgan-my-wish-plugin"])
def test_a_whole_distribution_is_written(run_lcgan: Lcgan, name: str) -> None:
    ran = run_lcgan("new-plugin", name, "--out", "my plugins/here")
    assert ran.exit_code == 0, ran.output
    folder = Path("my plugins/here/lcgan-my-wish-plugin")
    assert {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} == FILES
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "lcgan-my-wish-plugin"
    assert project["dependencies"] == [f"lcgan-core>={version('lcgan-core')},<0.2"]
    assert project["entry-points"]["lcgan"] == {"my-wish": "lcgan_my_wish_plugin"}
    assert ran.stdout.splitlines()[2:] == [
        "pip install -e 'my plugins/here/lcgan-my-wish-plugin[test]'",
        'lcgan try my-wish "the soup was hot" "i liked the soup"',
        "pytest 'my plugins/here/lcgan-my-wish-plugin'",
        "lcgan run --constraint my-wish",
    ]
    for command in ("lcgan try my-wish", "pytest\n", "lcgan run --constraint my-wish", "pip install -e '.[test]'"):
        assert command in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["sonnet", "my-2nd-wish"])
def test_its_own_tests_pass_and_ruff_has_no_complaint(run_lcgan: Lcgan, name: str) -> None:
    assert run_lcgan("new-plugin", name).exit_code == 0
    folder = Path(f"lcgan-{name}-plugin").resolve()
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    for command in (("pytest", "-q", "-p", "no:cacheprovider", "-W", "error"), ("ruff", "check", "--isolated", "--no-cache")):
        ran = subprocess.run(
            [sys.executable, "-m", *command, folder], capture_output=True, text=True, check=False, env=environment
        )
        assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("kind", [(), ("--model",)])
def test_it_passes_strict_type_checks(run_lcgan: Lcgan, kind: tuple[str, ...]) -> None:
    """With the options and the cache of the project's own check, which takes a minute the first time and seconds later."""
    assert run_lcgan("new-plugin", *kind, "my-wish").exit_code == 0
    sources = [file for file in Path("lcgan-my-wish-plugin").resolve().rglob("*.py") if file.parent.name != "tests"]
    assert sources
    ran = subprocess.run([sys.executable, "-m", "mypy", *sources], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_its_tests_notice_a_broken_constraint(run_lcgan: Lcgan) -> None:
    run_lcgan("new-plugin", "my-wish")
    folder = Path("lcgan-my-wish-plugin").resolve()
    module = folder / "lcgan_my_wish_plugin.py"
    module.write_text(module.read_text(encoding="utf-8").replace("[:1]", "[-1:]"), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    assert ran.returncode == 1
    assert "MyWish returns 0 for 'the soup was hot', which should satisfy" in ran.stdout


def test_what_it_prints_next_holds_once_installed(run_lcgan: Lcgan, install: Callable[..., None]) -> None:
    run_lcgan("new-plugin", "my-wish")
    install("lcgan-my-wish-plugin", Path("lcgan-my-wish-plugin/lcgan_my_wish_plugin.py").read_text(encoding="utf-8"))
    tried = run_lcgan("try", "my-wish", "the soup was hot", "i liked the soup")
    assert tried.stdout == "1.000  the soup was hot\n0.000  i liked the soup\n"
    assert run_lcgan("try", "my-wish", "i", "--set", "my-wish.word=i").stdout == "1.000  i\n"
    assert "First word of the text." in run_lcgan("constraints", "my-wish").stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "No plugin can be called ''"),
        ("My-Wish", "'My-Wish'. Use lower-case words joined by dashes, such as my-wish."),
        ("my_wish", "'my_wish'. Use lower-case words"),
        ("4-words", "'4-words'. Use lower-case words"),
        ("-a", "No such option"),
        ("a--b", "'a--b'. Use lower-case words"),
        ("../a", "'../a'. Use lower-case words"),
        ("none", "'none': none already means something else. Choose another name."),
        ("gan", "'gan': gan already means something else"),
        ("length", "A constraint 'length' is already installed"),
    ],
)
def test_a_name_that_does_not_serve(run_lcgan: Lcgan, name: str, message: str) -> None:
    ran = run_lcgan("new-plugin", name)
    assert ran.exit_code != 0
    assert message in ran.stderr
    assert list(Path().iterdir()) == []


def test_nothing_is_overwritten(run_lcgan: Lcgan) -> None:
    folder = Path("lcgan-my-wish-plugin")
    folder.mkdir()
    ran = run_lcgan("new-plugin", "my-wish")
    assert ran.exit_code == 1
    assert ran.stderr == ("Error: lcgan-my-wish-plugin already exists. Remove it, or choose another name or --out.\n")
    assert list(folder.iterdir()) == []


def test_a_place_that_cannot_be_written(run_lcgan: Lcgan) -> None:
    Path("file").touch()
    ran = run_lcgan("new-plugin", "my-wish", "--out", "file")
    assert ran.exit_code == 1
    assert ran.stderr == "Error: file/lcgan-my-wish-plugin cannot be written: Not a directory. Choose another --out.\n"


MODEL_FILES = {"README.md", "pyproject.toml", "tests/test_my_model.py"} | {
    f"lcgan_my_model_plugin/{file}" for file in ("__init__.py", "model.py", "train.py")
}


def test_a_distribution_of_a_latent_model_whose_tests_pass(run_lcgan: Lcgan) -> None:
    ran = run_lcgan("new-plugin", "--model", "my-model", "--out", "here")
    assert ran.exit_code == 0, ran.output
    folder = Path("here/lcgan-my-model-plugin").resolve()
    assert {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} == MODEL_FILES
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["lcgan"] == {"my-model": "lcgan_my_model_plugin"}
    for command in (
        "pip install -e 'here/lcgan-my-model-plugin[test]'",
        "python -m lcgan_my_model_plugin.train weights.safetensors",
        "pytest here/lcgan-my-model-plugin",
        "lcgan run --model my-model:weights.safetensors --constraint keyword --set keyword.words=soup",
    ):
        assert command in ran.stdout.splitlines()
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    for command in ("pytest -q -p no:cacheprovider -W error", "ruff check --isolated --no-cache --line-length 128"):
        ran = subprocess.run(
            [sys.executable, "-m", *command.split(), folder], capture_output=True, text=True, check=False, env=environment
        )
        assert ran.returncode == 0, ran.stdout
    model = folder / "lcgan_my_model_plugin/model.py"
    model.write_text(model.read_text(encoding="utf-8").replace("self.fingerprint = fingerprint", 'self.fingerprint = "1"'))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert "MyModel with other weights has the same fingerprint" in ran.stdout


def test_a_run_on_a_model_just_scaffolded(run_lcgan: Lcgan, install: Callable[..., None]) -> None:
    run_lcgan("new-plugin", "--model", "my-model", "--out", "..")
    shutil.copytree("../lcgan-my-model-plugin/lcgan_my_model_plugin", "../site-packages/lcgan_my_model_plugin")
    install("lcgan-my-model-plugin", "")
    importlib.import_module("lcgan_my_model_plugin.train").write_weights(Path("weights.safetensors"))
    asked = ("run", "--model", "my-model:weights.safetensors", "-c", "keyword", "--set", "keyword.words=soup")
    ran = run_lcgan(*asked, *QUICK_GAN, "--samples", "50", "--json")
    assert ran.exit_code == 0, (ran.output, ran.exception)
    result = json.loads(ran.stdout)
    assert result["all"]["actor"]["value"] > 2 * result["all"]["prior"]["value"]
    edited = run_lcgan("edit", result["run"], "the music was very loud today")
    assert len(edited.stdout.split()) >= 6
    missing = run_lcgan("run", "--model", "my-model:none.safetensors", "-c", "keyword", "--set", "keyword.words=soup")
    assert "none.safetensors holds no weights of my-model" in missing.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text-vae", "A latent model 'text-vae' is already installed"),
        ("tensor", "'tensor': tensor already means something else"),
    ],
)
def test_a_name_that_does_not_serve_a_model(run_lcgan: Lcgan, name: str, message: str) -> None:
    ran = run_lcgan("new-plugin", "--model", name)
    assert ran.exit_code == 1
    assert message in ran.stderr


@pytest.mark.parametrize("name", ["realism", "naturalness", "gan", "lcgan-realism-plugin"])
def test_names_of_the_engine_are_refused(run_lcgan: Lcgan, name: str) -> None:
    ran = run_lcgan("new-plugin", name)
    assert ran.exit_code == 1
    assert "already means something else" in ran.stderr
    assert not list(Path().iterdir())
