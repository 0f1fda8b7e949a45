"""A run works from anywhere, and after it was moved: alone, or together with the files that it names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import QUICK_GAN, Lcgan

from lcgan_core import load_run
from lcgan_core.plugins.discovery import source_of
from lcgan_core.runs.config import RunConfig, Wish, load_config
from lcgan_core.runs.places import config_of, made_absolute, made_relative

REWARD = "def wide(samples):\n    return [float(sample[0] > 1) for sample in samples]\n"
BASE = ("run", "--model", "linear:2", "--samples", "100", *QUICK_GAN, "--set", "gan.max_drift=100")


def of(constraint: str = "length", options: dict[str, object] | None = None, **settings: object) -> RunConfig:
    return RunConfig.model_validate({"constraints": [Wish(constraint=constraint, options=options or {})], **settings})


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "rewards").mkdir(parents=True)
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text("{}")
    (folder / "rewards" / "mine.py").write_text(REWARD)
    (folder / "labels.csv").write_text("text,value\n")
    (folder / "runs" / "a").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_paths_become_absolute_and_names_stay(work: Path) -> None:
    assert made_absolute(of("rewards/mine.py:wide")).constraints[0].constraint == f"{work}/rewards/mine.py:wide"
    assert made_absolute(of("./rewards/../rewards/mine.py:wide")).constraints[0].name == "mine.py:wide"
    assert made_absolute(of("labels", {"file": "labels.csv"})).constraints[0].options == {"file": f"{work}/labels.csv"}
    assert made_absolute(of("labels", {"file": "../gone.csv"})).constraints[0].options == {"file": f"{work.parent}/gone.csv"}
    assert made_absolute(of("classifier", {"model": "model", "label": "x"})).constraints[0].options["model"] == f"{work}/model"
    assert made_absolute(of("classifier", {"model": "user/hub", "label": "x"})).constraints[0].options["model"] == "user/hub"
    assert made_absolute(of("keyword", {"words": "model"})).constraints[0].options == {"words": "model"}
    assert made_absolute(of(critics=["runs/a"])).critics == (work / "runs" / "a",)
    assert made_absolute(of(model="model")).model == f"{work}/model"
    assert made_absolute(of(model="nothing")).model == "nothing"


@pytest.mark.usefixtures("linear_plugin")
def test_models_are_paths_where_they_are_files(work: Path) -> None:
    (work / "2").touch()
    (work / "reviews").mkdir()
    models = {"linear:2": f"linear:{work}/2", "linear:3": "linear:3", "reviews": "reviews", "linear:": "linear:"}
    assert {model: made_absolute(of(model=model)).model for model in models} == models
    assert source_of("linear:rewards/mine.py") == ("linear:", "rewards/mine.py")
    assert source_of("C:model") == ("", "C:model")


NAMED = [
    ("rewards/mine.py:wide", {}, "../../rewards/mine.py:wide", {}),
    ("labels", {"file": "labels.csv"}, "labels", {"file": "../../labels.csv"}),
    ("classifier", {"model": "model", "label": "x"}, "classifier", {"model": "../../model", "label": "x"}),
]


@pytest.mark.parametrize(("constraint", "options", "kept", "kept_options"), NAMED)
def test_a_run_names_its_project_relatively_and_is_understood_from_anywhere(
    work: Path, monkeypatch: pytest.MonkeyPatch, constraint: str, options: dict[str, object], kept: str, kept_options: object
) -> None:
    meant = made_absolute(of(constraint, options, model="model", critics=["runs/a"]))
    written = made_relative(meant, Path("runs/b"))
    assert written.model_dump() | {"constraints": None} == of(model="../../model", critics=["../a"]).model_dump() | {
        "constraints": None
    }
    assert (written.constraints[0].constraint, written.constraints[0].options) == (kept, kept_options)
    (work / "runs" / "b").mkdir()
    (work / "runs" / "b" / "config.json").write_text(written.model_dump_json())
    monkeypatch.chdir(work.parent)
    assert config_of(Path("work/runs/b/config.json")) == meant
    work.rename(work.parent / "elsewhere")
    moved = config_of(work.parent / "elsewhere/runs/b/config.json").model_dump_json()
    assert moved == meant.model_dump_json().replace(f"{work}/", f"{work.parent}/elsewhere/")


@pytest.mark.parametrize(
    ("folder", "file"), [("runs/b", "../outside.csv"), ("../runs/b", "labels.csv"), ("/scratch/runs/b", "labels.csv")]
)
def test_what_lies_outside_of_the_working_directory_is_named_absolutely(work: Path, folder: str, file: str) -> None:
    meant = made_absolute(of("labels", {"file": file}))
    assert made_relative(meant, Path(folder)) == meant


@pytest.mark.parametrize("name", ["settings.toml", "settings.json", "config.json"])
def test_paths_in_a_file_of_settings_are_relative_to_it(work: Path, name: str) -> None:
    asked = {"json": '{"constraints": [{"constraint": "labels", "options": {"file": "../labels.csv"}}]}'}
    asked["toml"] = '[[constraints]]\nconstraint = "labels"\noptions = {file = "../labels.csv"}\n'
    (work / "rewards" / name).write_text(asked[name.rpartition(".")[2]])
    assert config_of(Path("rewards") / name).constraints[0].options == {"file": f"{work}/labels.csv"}


@pytest.mark.parametrize("constraint", ["bad.py:wide", "rewards.bad:wide", "gone:wide"])
def test_reading_a_configuration_executes_no_code_and_needs_no_plugin(work: Path, constraint: str) -> None:
    for folder in (work, work / "rewards"):
        (folder / "bad.py").write_text("raise SystemExit(3)\n")
    wish = {"constraint": constraint, "options": {"file": "./labels.csv", "n": 3, "other": "labels"}}
    (work / "config.json").write_text(json.dumps({"constraints": [wish]}))
    (found,) = config_of(Path("config.json")).constraints
    assert found.options == {"file": f"{work}/labels.csv", "n": 3, "other": "labels"}
    assert load_config(Path("config.json")).constraints[0].options == wish["options"]


@pytest.fixture
def ran(run_lcgan: Lcgan, linear_plugin: None) -> Callable[..., None]:
    Path("rewards").mkdir()
    Path("rewards/mine.py").write_text(REWARD)

    def run(*arguments: str) -> None:
        found = run_lcgan(*BASE, "-c", "rewards/mine.py:wide", "--out", "runs/wide", *arguments)
        assert found.exit_code == 0, found.output

    return run


def test_a_run_works_from_anywhere(
    ran: Callable[..., None], run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran()
    work = Path.cwd()
    for name in ("config.json", "report.html", "README.md", "environment.json", "result.json"):
        assert str(tmp_path) not in Path(f"runs/wide/{name}").read_text(encoding="utf-8"), f"{name} tells where it was made"
    samples = run_lcgan("sample", "runs/wide", "-n", "3").stdout
    assert json.loads(Path("runs/wide/samples.jsonl").read_text().splitlines()[0])["values_after"].keys() == {"mine.py:wide"}
    monkeypatch.chdir(tmp_path)
    assert run_lcgan("sample", work / "runs/wide", "-n", "3").stdout == samples
    assert run_lcgan("sample", work / "runs/wide", "-n", "3", "--sampler", "rejection").exit_code == 0
    assert run_lcgan("edit", work / "runs/wide", "0.1,0.2").exit_code == 0
    again = run_lcgan("run", "--config", work / "runs/wide/config.json", "--out", "again")
    assert again.exit_code == 0, again.output
    # With what it names, to another place; there its code is another's again.
    work.rename(tmp_path / "moved")
    moved = tmp_path / "moved" / "runs" / "wide"
    assert config_of(moved / "config.json").constraints[0].constraint == f"{tmp_path}/moved/rewards/mine.py:wide"
    assert run_lcgan("sample", moved, "-n", "3").stdout == samples
    source = str(tmp_path / "moved/rewards/mine.py")
    asked = run_lcgan("--allow-code", source, "sample", moved, "-n", "3", "--sampler", "rejection")
    assert asked.exit_code == 0, asked.output
    # Alone, without what it names.
    shutil.copytree(moved, tmp_path / "alone" / "deep" / "wide")
    shutil.rmtree(tmp_path / "moved")
    assert run_lcgan("sample", tmp_path / "alone/deep/wide", "-n", "3").stdout == samples
    asked = run_lcgan("sample", tmp_path / "alone/deep/wide", "-n", "3", "--sampler", "rejection")
    assert asked.exit_code == 1
    assert "cannot be asked now" in asked.stderr


def test_sampling_asks_for_nothing_that_it_does_not_need(ran: Callable[..., None], run_lcgan: Lcgan) -> None:
    ran()
    Path("rewards/mine.py").write_text("raise RuntimeError('imported')\n")
    shutil.rmtree("rewards")
    for name in ("report.html", "README.md", "metrics.jsonl", "samples.jsonl", "environment.json"):
        (Path("runs/wide") / name).unlink()
    found = run_lcgan("sample", "runs/wide", "-n", "3")
    assert found.exit_code == 0
    assert "mine.py:wide, which cannot be asked now" in found.stderr
    finished = load_run(Path("runs/wide"))
    assert [len(finished.sample(4, sampler=name)) for name in ("start", "gradient", "ode")] == [4, 4, 4]
