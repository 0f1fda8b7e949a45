"""What a stranger gets: wheels of core and plugins, installed by name in a new environment, used from another folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import FEWER_LABELS

ROOT = Path(__file__).parent.parent
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT, *PLUGINS],
        check=True,
    )
    return folder


def test_every_plugin_has_a_wheel_with_its_entry_point_and_without_its_tests(wheels: Path) -> None:
    built = {path.name.partition("-")[0]: path for path in wheels.glob("*.whl")}
    assert {"lcgan_core", "lcgan_sentiment_plugin"} < set(built)
    assert set(built) == {"lcgan_core", *(folder.name.replace("-", "_") for folder in PLUGINS)}
    for name, path in built.items():
        assert path.stat().st_size < 60e6
        with zipfile.ZipFile(path) as wheel:
            files = wheel.namelist()
            assert not [file for file in files if "test_" in file or file.startswith("tests/")], name
            assert any(file.endswith("METADATA") for file in files)
            # Type checkers read the types of a package with this mark.
            if name in ("lcgan_core", "lcgan_sentiment_plugin", "lcgan_images_plugin", "lcgan_strokes_plugin"):
                assert f"{name}/py.typed" in files
            if name != "lcgan_core":
                (entry_points,) = (file for file in files if file.endswith("entry_points.txt"))
                assert "[lcgan]" in wheel.read(entry_points).decode()


DOWNLOADED = """
import zlib
from importlib.metadata import distributions
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

installed = {canonicalize_name(found.name): found for found in distributions()}

def needed(*names):
    found, left = set(), list(names)
    while left:
        name = left.pop()
        if name in installed and name not in found:
            found.add(name)
            requirements = map(Requirement, installed[name].requires or ())
            left += [canonicalize_name(r.name) for r in requirements if not r.marker or r.marker.evaluate({"extra": ""})]
    return found

own = needed("lcgan-core") - needed("torch", "transformers") - {"lcgan-core"}
files = [found.locate_file(file) for found in map(installed.get, own) for file in found.files]
packed = sum(len(zlib.compress(file.read_bytes())) for file in files if file.suffix != ".pyc" and file.is_file())
print(packed, *sorted(own))
"""
"""Prints how many bytes the core needs besides torch and transformers, packed as wheels are, and for what."""


@pytest.fixture(scope="module")
def python(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment, with the core and the sentiment plugin from their wheels."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "--no-compile", "-c", ROOT / "constraints.txt", "--find-links", wheels]
    subprocess.run([*install, "lcgan-sentiment-plugin"], check=True)
    return python


def outside() -> dict[str, str]:
    """The environment variables without those that lead back to this checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LCGAN", "PYTEST", "MYPY"))}


@pytest.mark.parametrize("kind", [(), ("--model",)], ids=["constraint", "model"])
def test_a_plugin_is_checked_against_the_types_of_the_wheel(python: Path, tmp_path: Path, kind: tuple[str, ...]) -> None:
    command = [python.with_name("lcgan"), "new-plugin", *kind, "my-wish"]
    subprocess.run(command, cwd=tmp_path, env=outside(), check=True, stdout=subprocess.DEVNULL)
    sources = [file for file in tmp_path.rglob("*.py") if file.parent.name != "tests"]
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from lcgan_core import load_run\n\nload_run(1).sample(2)\n", encoding="utf-8")
    check = [sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "--cache-dir", python.parent / "mypy"]
    ran = subprocess.run([*check, *sources, wrong], cwd=tmp_path, env=outside(), capture_output=True, text=True, check=False)
    expected = 'wrong.py:3: error: Argument 1 to "load_run" has incompatible type "int"; expected "Path | str"  [arg-type]'
    assert ran.stdout.splitlines()[:-1] == [expected]


def test_a_plugin_installed_by_name_runs_in_another_folder(python: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = outside() | {"LCGAN_CACHE": str(tmp_path / "cache"), "HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}

    def call(*command: str) -> str:
        path = python.with_name(command[0])
        ran = subprocess.run([path, *command[1:]], cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    tools = ("pytest", "ruff", "mypy", "sklearn", "gradio", "matplotlib", "PIL", "datasets")
    assert call("python", "-c", f"import importlib.util as u; print([m for m in {tools} if u.find_spec(m)])").strip() == "[]"
    packed, *own = call("python", "-c", DOWNLOADED).split()
    assert "pluggy" in own
    assert int(packed) < 10e6, own
    (core, sentiment) = json.loads(call("lcgan", "plugins", "--json"))
    assert core["distribution"] == "lcgan-core"
    assert (sentiment["distribution"], sentiment["status"]) == ("lcgan-sentiment-plugin", "ok")
    assert sentiment["constraints"] == ["sentiment", "sentiment-ngrams"]
    quickly = [part for option, value in FEWER_LABELS.items() for part in ("--set", f"gan.{option}={value}")]
    wishes = ("--constraint", "sentiment", "--constraint", "length", "--samples", "300")
    result = json.loads(call("lcgan", "run", *wishes, *quickly, "--json"))
    assert result["all"]["actor"]["value"] > 0.9
    assert result["all"]["prior"]["value"] < 0.5
    assert (elsewhere / "runs" / "sentiment+length" / "result.json").is_file()
