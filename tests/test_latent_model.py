"""What a model may leave out: an encoder, and posteriors of real data."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from conftest import QUICK_GAN, Lcgan, LinearGenerator, LinearModel

from lcgan_core import ModelError, TrainingError, edit, load_run
from lcgan_core.engine.gan import train
from lcgan_core.engine.labelling import Labeller
from lcgan_core.engine.networks import GanConfig
from lcgan_core.tools.editing import interpolate
from lcgan_core.tools.questions import QuestionSession

RUN = ("run", "--model", "linear-generator:4", "--constraint", "half-space", *QUICK_GAN, "--samples", "100")


def test_a_model_without_encoder_says_so(tmp_path: Path) -> None:
    model = LinearGenerator(4)
    assert LinearModel(4).encodes
    assert not model.encodes
    assert model.real_posteriors() is None
    with pytest.raises(ModelError, match=r"Encoding needs an encoder, and the model linear-generator has none.*Choose a model"):
        model.encode([(0.0,) * 4])
    with pytest.raises(ModelError, match="Learning from labels needs an encoder"):
        model.features([(0.0,) * 4])
    with pytest.raises(ModelError, match="Learning from labels needs an encoder"):
        QuestionSession(tmp_path / "mine.csv", model)  # type: ignore[arg-type]


def test_without_real_data_nothing_can_start_from_it() -> None:
    with pytest.raises(TrainingError, match=r"the model linear-generator knows no posteriors.*Leave gan\.start out"):
        train(Labeller(LinearGenerator(4), {}), {}, GanConfig(start="posterior"), seed=0)


@pytest.mark.usefixtures("linear_plugin")
def test_it_runs_from_the_prior_and_what_needs_an_encoder_is_refused_first(run_lcgan: Lcgan) -> None:
    ran = run_lcgan(*RUN, "--json", "--set", "gan.proposals=1")  # to choose the surest would go far out
    assert ran.exit_code == 0, (ran.output, ran.exception)
    result = json.loads(ran.stdout)
    assert result["all"]["actor"]["value"] > 0.9
    assert result["drift"] < 3
    folder = Path(result["run"])
    assert "How open the actor" in (folder / "report.html").read_text(encoding="utf-8")
    assert run_lcgan("sample", folder, "-n", "3").exit_code == 0
    ran = run_lcgan("edit", folder)  # whose standard input is never read
    assert ran.exit_code == 1
    assert ran.stderr.startswith("Error: Editing needs an encoder, and the model linear-generator has none")
    finished = load_run(folder)
    for ask in (lambda: edit(finished, [(9.0,) * 4]), lambda: interpolate(finished, (9.0,), (1.0,))):
        with pytest.raises(ModelError, match="needs an encoder"):
            ask()

    Path("mine.csv").write_text("text,value\n" + "1.0,1\n0.0,0\n" * 20, encoding="utf-8")
    ran = run_lcgan("run", "--model", "linear-generator:4", "-c", "labels", "--set", "labels.file=mine.csv")
    assert ran.exit_code == 1
    assert "Learning from labels needs an encoder" in ran.stderr
    ran = run_lcgan("label", "more.csv", "--model", "linear-generator:4")
    assert "Learning from labels needs an encoder" in ran.stderr


@pytest.mark.usefixtures("linear_plugin")
def test_check_and_bench_leave_out_what_cannot_be_known(run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch) -> None:
    small = partial(GanConfig, width=16, rounds=1, iterations=2, pretraining_batches=2, posterior_labels=50, sought_examples=1)
    monkeypatch.setattr("lcgan_core.tools.check.GanConfig", small)
    ran = run_lcgan("check", "linear-generator:4", "-n", "60")
    assert ran.exit_code == 0, (ran.output, ran.exception)
    table = " ".join(ran.stdout.split())
    assert table.startswith("linear-generator:4: 4 dimensions ┏")
    assert "The model has no encoder" in table

    assert run_lcgan(*RUN).exit_code == 0
    asked = ("bench", "runs/half-space", "-n", "50", "--seeds", "1", "--sampler", "actor", "--sampler", "rejection")
    ran = run_lcgan(*asked, "--json")
    assert [row["memory"] for row in json.loads(ran.stdout)["rows"]] == [{}, {}]
    assert run_lcgan(*asked).exit_code == 0
