"""A constraint that was mended after its run was interrupted: the user chooses what becomes of its earlier labels."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import Lcgan, killed_after_a_round

from lcgan_core import RunConfig, RunError, Wish, load_run, run
from lcgan_core.engine.networks import GanConfig
from lcgan_core.latent_model import LatentModel
from lcgan_core.runs.folder import critic_file
from lcgan_core.runs.pipeline import resume
from lcgan_core.runs.weights import constraints_of, load_taught
from lcgan_core.support.files import read_tensors

REWARD = """
def high(samples):
    return [sample[0] > {} for sample in samples]

def low(samples):
    return [sample[1] < 1 for sample in samples]
"""
GAN = GanConfig(
    width=16,
    rounds=3,
    iterations=5,
    pretraining_batches=50,
    posterior_labels=600,
    max_posterior_labels=600,
    start_labels=200,
    actor_labels=100,
    max_drift=1000,
)
LABELS = 600 + GAN.start_labels + GAN.actor_labels
"""After the first round."""


def of(*names: str) -> RunConfig:
    wishes = tuple(Wish(constraint=f"mine.py:{name}") for name in names)
    return RunConfig(model="linear:4", constraints=wishes, gan=GAN, samples=50)


@pytest.fixture
def cut(run_lcgan: Lcgan, linear_plugin: None) -> Any:
    """Makes a run that ends after its first round."""

    def interrupted(config: RunConfig, go_on: bool = False, **options: Any) -> None:
        with killed_after_a_round():
            resume(Path("cut"), **options) if go_on else run(config, Path("cut"))

    Path("mine.py").write_text(REWARD.format(1), encoding="utf-8")
    return interrupted


def mended(bound: float) -> None:
    Path("mine.py").write_text(REWARD.format(bound), encoding="utf-8")


def test_it_says_what_was_labelled_by_which_version_and_how_to_go_on(cut: Any, run_lcgan: Lcgan) -> None:
    cut(of("high"))
    mended(1.1)
    ran = run_lcgan("run", "--resume", "cut")
    assert ran.exit_code == 1
    told = " ".join(ran.stderr.split())
    assert re.search(rf"labels of mine.py:high: {LABELS:,} by version (\w{{16}}), and it is (?!\1)\w{{16}} now", told)
    assert "lcgan run --resume cut --keep-labels" in told
    assert "lcgan run --config cut/config.json --out OTHER" in told
    assert not Path("cut/result.json").exists()


def test_labels_are_kept_and_counted_by_version(cut: Any, run_lcgan: Lcgan) -> None:
    cut(of("high"))
    mended(1.1)
    ran = run_lcgan("run", "--resume", "cut", "--keep-labels")
    assert ran.exit_code == 0, ran.output
    result = json.loads(Path("cut/result.json").read_text(encoding="utf-8"))
    assert list(result["versions"]["mine.py:high"].values()) == [LABELS, 2 * GAN.actor_labels]
    first, second = result["versions"]["mine.py:high"]
    assert f"labels of mine.py:high: {LABELS:,} by version {first} and 200 by version {second}" in ran.stdout
    assert first in Path("cut/report.html").read_text(encoding="utf-8")
    assert not load_run(Path("cut")).unusable, "it is asked as it is now"


def test_each_of_several_mends_is_counted(cut: Any) -> None:
    cut(of("high"))
    mended(1.1)
    cut(of("high"), go_on=True, keep_labels=True)
    mended(1.2)
    with pytest.raises(RunError, match=rf"{LABELS:,} by version \w+ and 100 by version \w+, and it is \w+ now"):
        resume(Path("cut"))
    assert list(resume(Path("cut"), keep_labels=True).versions["mine.py:high"].values()) == [LABELS, 100, 100]


def test_a_mend_that_was_undone_is_no_change(cut: Any) -> None:
    cut(of("high", "low"))
    mended(1.1)
    with pytest.raises(RunError, match=r"mine\.py:high and mine\.py:low changed"):
        resume(Path("cut"))
    mended(1)
    assert resume(Path("cut")).versions == {}


def test_no_other_run_takes_a_critic_of_two_versions_for_one_of_them(cut: Any) -> None:
    cut(of("high"))
    mended(1.1)
    result = resume(Path("cut"), keep_labels=True)
    finished = load_run(Path("cut"))
    model: LatentModel[Any] = finished.model
    _, about = read_tensors(critic_file(Path("cut"), "mine.py:high"))
    assert about["constraint"].split("+") == list(result.versions["mine.py:high"])
    for fingerprint in result.versions["mine.py:high"]:
        assert load_taught([Path("cut")], fingerprint, GAN, model) is None
    assert constraints_of(Path("cut/actor.safetensors"))["mine.py:high"] == list(result.versions["mine.py:high"])[-1]


def with_critics(run_of_them: str) -> RunConfig:
    return of("high").model_copy(update={"critics": (Path(run_of_them),)})


def test_a_run_with_critics_goes_on_after_a_mend(cut: Any) -> None:
    run(of("high"), Path("first"))
    cut(with_critics("first"))
    mended(1.1)
    result = resume(Path("cut"), keep_labels=True)
    assert result.reused == ("mine.py:high",)
    assert list(result.versions["mine.py:high"].values()) == [LABELS + 3 * GAN.actor_labels, 2 * GAN.actor_labels]


def test_a_run_with_critics_goes_on_without_the_run_that_it_has_them_from(cut: Any) -> None:
    run(of("high"), Path("first"))
    cut(with_critics("first"))
    shutil.rmtree("first")
    assert resume(Path("cut")).reused == ("mine.py:high",)


def test_keeping_labels_is_for_what_is_resumed(run_lcgan: Lcgan) -> None:
    ran = run_lcgan("run", "-c", "length", "--keep-labels")
    assert ran.exit_code == 2
    assert "--keep-labels is for --resume" in ran.stderr
