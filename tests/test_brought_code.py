"""Code that a run names is executed if the user has run it here, or says yes to it; otherwise it is named and left alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import Lcgan

from lcgan_core import RunConfig, RunError, Wish, load_run, run
from lcgan_core.engine.networks import GanConfig
from lcgan_core.plugins import rewards
from lcgan_core.runs.brought_code import named_code, remember_own, require_yes
from lcgan_core.support.foreign_code import allowing, asking

pytestmark = pytest.mark.usefixtures("linear_plugin")

GAN = GanConfig(
    width=8, rounds=1, iterations=2, pretraining_batches=2, critic_batches=2, posterior_labels=600, max_posterior_labels=600
)
CONFIG = RunConfig(model="linear:4", constraints=(Wish(constraint="theirs.py:high"),), samples=50, gan=GAN)
CODE = """
from pathlib import Path
Path("wit" + "ness").write_text("executed")
def high(samples):
    return [sample[0] > 1 for sample in samples]
"""


@pytest.fixture
def on_another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was run here so far was run by someone else."""
    monkeypatch.setenv("LCGAN_CACHE", str(tmp_path / "mine"))


@pytest.fixture
def downloaded(run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A finished run of someone else on a function of a file, which lies here too."""
    monkeypatch.setenv("LCGAN_CACHE", str(tmp_path / "theirs"))
    Path("theirs.py").write_text(CODE, encoding="utf-8")
    run(CONFIG, Path("downloaded"))
    monkeypatch.setenv("LCGAN_CACHE", str(tmp_path / "mine"))
    Path("witness").unlink()
    monkeypatch.setattr(rewards, "_loaded", {})  # a new process has loaded nothing
    return Path("downloaded")


def test_a_downloaded_run_executes_nothing_without_a_yes(downloaded: Path, run_lcgan: Lcgan) -> None:
    config = downloaded / "config.json"
    drawn = run_lcgan("sample", downloaded)
    assert drawn.exit_code == 0, "the actor asks no constraint"
    commands = [
        ("sample", downloaded, "--sampler", "rejection"),
        ("edit", downloaded, "0,0,0,0"),
        ("interpolate", downloaded, "0,0,0,0", "1,1,1,1"),
        ("run", "--config", config, "--out", "again"),
    ]
    (downloaded / "result.json").rename("result.json")
    resumed = run_lcgan("run", "--resume", downloaded)
    Path("result.json").rename(downloaded / "result.json")
    for ran in (resumed, *(run_lcgan(*command) for command in commands)):
        assert ran.exit_code == 1
        assert f"theirs.py brings code of its own (named in {config})" in ran.stderr
        assert f"lcgan --allow-code {Path('theirs.py').absolute()} COMMAND" in ran.stderr
        assert ran.stdout == ""
    assert not Path("witness").exists()
    assert not Path("again").exists()

    allowed = run_lcgan("--allow-code", "./theirs.py", *commands[0])
    assert allowed.exit_code == 0, allowed.output
    assert Path("witness").exists()
    assert run_lcgan(*commands[0]).exit_code == 1, "a yes is for one command"
    with asking(lambda question: "theirs.py" in question):
        assert not load_run(downloaded).unusable
    assert run_lcgan("--allow-code", "theirs.py", *commands[3]).exit_code == 0
    assert run_lcgan(*commands[0]).exit_code == 0, "it has been run here now"


def test_ones_own_code_needs_no_yes_even_after_an_edit(run_lcgan: Lcgan, on_another_machine: None) -> None:
    Path("theirs.py").write_text(CODE, encoding="utf-8")
    run(CONFIG, Path("own"))
    assert run_lcgan("sample", "own", "--sampler", "rejection").exit_code == 0
    Path("theirs.py").write_text(f"{CODE}# edited\n", encoding="utf-8")
    assert "changed since" in run_lcgan("sample", "own", "--sampler", "rejection").stderr


@pytest.mark.parametrize(
    "constraint", ["os:system", "helper:f", "/usr/lib/cleanup.py:main", "../up.py:f", "~/x.py:f", "a.b.c:d"]
)
def test_code_from_anywhere_is_named(run_lcgan: Lcgan, constraint: str, on_another_machine: None) -> None:
    content = CONFIG.model_dump(mode="json") | {"constraints": [{"constraint": "half-space"}, {"constraint": constraint}]}
    Path("config.json").write_text(json.dumps(content), encoding="utf-8")
    Path("helper.py").write_text(CODE, encoding="utf-8")
    ran = run_lcgan("run", "--config", "config.json")
    assert ran.exit_code == 1
    source = constraint.rpartition(":")[0]
    named = os.path.abspath(Path(source).expanduser()) if source.endswith(".py") else source
    assert f"{named} brings code of its own (named in config.json)" in ran.stderr
    assert not Path("runs").exists()
    assert not Path("witness").exists()


@pytest.mark.parametrize("constraint", ["half-space", "length", "lcgan-core:length", "nothing-of-the-kind"])
def test_what_plugins_bring_is_installed_and_needs_no_yes(constraint: str) -> None:
    assert named_code(constraint) is None


def test_a_module_or_file_of_the_same_name_elsewhere_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_another_machine: None
) -> None:
    for folder in ("mine", "theirs"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "reward.py").touch()
    for wishes in ([Wish(constraint="reward.py:f")], [Wish(constraint="reward:f")]):
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path / "mine")
            patch.syspath_prepend(str(tmp_path / "mine"))
            remember_own(wishes)
            require_yes(wishes, Path("config.json"))
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path / "theirs")
            patch.syspath_prepend(str(tmp_path / "theirs"))
            with pytest.raises(RunError, match="could do anything"):
                require_yes(wishes, Path("config.json"))


def test_a_question_is_asked_once_and_no_is_no(on_another_machine: None) -> None:
    questions: list[str] = []
    wishes = [Wish(constraint="x.py:f")]
    with allowing():
        for answer in (False, True, False):
            with asking(lambda question, answer=answer: bool(questions.append(question)) or answer):
                if questions:
                    require_yes(wishes, Path("c.json"))
                else:
                    with pytest.raises(RunError):
                        require_yes(wishes, Path("c.json"))
    assert len(questions) == 2
    assert "c.json names code that was never run here: x.py" in questions[0]
    with pytest.raises(RunError):
        require_yes(wishes, Path("c.json"))
