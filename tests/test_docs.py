"""The documentation builds without a warning, needs nothing from elsewhere, and shows the figures that were measured."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import lcgan_core
from lcgan_core.cli import lcgan
from lcgan_core.engine.networks import GanConfig
from lcgan_core.models.text_vae.pretraining.recipe import PretrainConfig

ROOT = Path(__file__).parent.parent


def script(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_are_byte_for_byte_those_of_the_results() -> None:
    tables = script(ROOT / "benchmarks" / "tables.py")
    written = tables.written()
    assert {path.name for path in written} == {"measured.md", "session.svg", "README.md"}
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is not current. Run: python benchmarks/tables.py"
    for found in tables.rows(tables.AS_SAMPLED):
        assert tables.percent(found["actor"]) in written[ROOT / "README.md"]


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.stem)
def test_settings_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"\bgan\.(?!py\b|OPTION\b)(\w+)", text)) <= set(GanConfig.model_fields)
    if page.stem == "pretrain":
        named = re.findall(r"--set (\w+)=", text) + re.findall(r"`([a-z]+_[a-z]+)`", text)
        assert named
        assert set(named) <= set(PretrainConfig.model_fields)


@pytest.mark.parametrize(
    "file",
    [
        "README.md",
        "CONTRIBUTING.md",
        ".github/workflows/lint.yml",
        ".github/workflows/tests.yml",
        ".github/workflows/release.yml",
    ],
)
def test_every_plugin_is_installed_where_all_are(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    for folder in ROOT.glob("plugins/*/pyproject.toml"):
        assert f"plugins/{folder.parent.name}" in text, f"{file} leaves out {folder.parent.name}"


def test_the_reference_says_which_names_come_from_elsewhere() -> None:
    head, _, listed = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8").partition("\n## ")
    names = set(re.findall(r"^::: \S+\.([A-Za-z]\w*)$", listed, re.MULTILINE)) - {"errors"}
    assert "FileKind" in names & set(lcgan_core.__all__)
    elsewhere = {name for name in names - set(lcgan_core.__all__) if not name.startswith("register_")}
    assert elsewhere == set(re.findall(r"`(\w+)`", head)) - {"lcgan_core", "load_run", "edit", "hookimpl"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built documentation; a dead link, a missing anchor or an unknown name ends the build."""
    folder = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return folder


def test_every_command_and_every_setting_is_in_the_reference(site: Path) -> None:
    commands = (site / "reference" / "commands" / "index.html").read_text(encoding="utf-8")
    for name, command in lcgan.commands.items():
        assert f'id="lcgan-{name}"' in commands
        for option in command.params:
            assert all(flag in commands for flag in option.opts if flag.startswith("--"))
    configuration = (site / "reference" / "configuration" / "index.html").read_text(encoding="utf-8")
    for setting in GanConfig.model_fields:
        assert f"<code>{setting}</code>" in configuration


ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe)[^>]+src="(?:https?:)?//|<link[^>]+stylesheet[^>]+href="(?:https?:)?//|url\(http"""
)


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.svg")]
    assert len(pages) > 15
    for page in pages:
        assert not ELSEWHERE.search(page.read_text(encoding="utf-8")), page
