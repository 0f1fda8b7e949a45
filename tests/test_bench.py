from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from conftest import QUICK_GAN, HalfSpace, Lcgan, LinearModel, sentences

from lcgan_core import Posterior, RunConfig, Wish
from lcgan_core.engine.aggregate_posterior import AggregatePosterior
from lcgan_core.engine.labelling import Labeller
from lcgan_core.engine.networks import Actor, GanConfig
from lcgan_core.engine.samplers import SAMPLERS, Steering
from lcgan_core.models.text_vae.latent_model import TextVaeModel
from lcgan_core.runs.finished import FinishedRun
from lcgan_core.tools.bench import Yardstick, frechet_distance, measure, reconstructions, two_sample_auc


def normal(n: int, seed: int, mean: float = 0.0, std: float = 1.0) -> torch.Tensor:
    return mean + std * torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))


def test_the_frechet_distance_of_gaussians() -> None:
    assert frechet_distance(normal(20_000, 0), normal(20_000, 1)) == pytest.approx(0, abs=0.02)
    assert frechet_distance(normal(20_000, 0, mean=1.0), normal(20_000, 1)) == pytest.approx(4, abs=0.2)
    assert frechet_distance(normal(20_000, 0, std=3.0), normal(20_000, 1)) == pytest.approx(4 * (3 - 1) ** 2, abs=0.5)


@pytest.mark.parametrize("n", [40, 15])
def test_the_frechet_distance_is_that_of_the_covariances_however_few_the_samples(n: int) -> None:
    generator = torch.Generator().manual_seed(0)
    found, real = (torch.randn(n, 30, generator=generator, dtype=torch.float64) * scale for scale in (1.0, 1.5))
    first, second = torch.cov(found.T), torch.cov(real.T)
    overlap = torch.linalg.eigvals(first @ second).real.clamp(min=0).sqrt().sum()
    apart = (found.mean(0) - real.mean(0)).square().sum()
    expected = float(apart + first.trace() + second.trace() - 2 * overlap)
    assert frechet_distance(found, real) == pytest.approx(expected, rel=1e-4)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-6)


def test_the_two_sample_auc_tells_what_can_be_told() -> None:
    assert two_sample_auc(normal(600, 0), normal(600, 1)) == pytest.approx(0.5, abs=0.07)
    assert two_sample_auc(normal(600, 0, mean=2.0), normal(600, 1)) > 0.95


@pytest.mark.usefixtures("linear_plugin")
def test_all_samplers_are_compared_on_runs(run_lcgan: Lcgan) -> None:
    ran = run_lcgan("run", "--model", "linear:4", "--constraint", "half-space", *QUICK_GAN, "--samples", "50")
    assert ran.exit_code == 0, ran.output
    ran = run_lcgan("bench", "runs/half-space", "-n", "200", "--seeds", "2", "--json")
    assert ran.exit_code == 0, ran.output
    rows = {row["sampler"]: row for row in json.loads(ran.stdout)}
    assert list(rows) == list(SAMPLERS)
    rejection, actor = rows["rejection"], rows["actor"]
    assert rejection["satisfied"] == 1.0
    assert rejection["kept"] is None
    assert 4 < rejection["per_satisfying"]["decodes"] < 10  # 15.5 % satisfy
    assert rejection["per_satisfying"]["labels"] == rejection["per_satisfying"]["decodes"]
    assert actor["satisfied"] > 0.9
    assert actor["per_satisfying"]["labels"] == 0
    assert actor["per_satisfying"]["decodes"] == pytest.approx(1 / actor["satisfied"])
    assert rejection["two_sample_auc"] == pytest.approx(0.5, abs=0.15)
    assert rejection["frechet"] < rows["offset"]["frechet"]
    assert rows["class-prior"]["fit"]["labels"] >= 600
    assert actor["interval"][0] < actor["satisfied"] <= actor["interval"][1]
    written = json.loads(Path("runs/bench/bench.json").read_text(encoding="utf-8"))
    assert written["rows"] == list(rows.values())
    assert "</svg>" in Path("runs/bench/bench.svg").read_text(encoding="utf-8")
    assert rows["actor"]["judged"] == {}
    assert all(row["new"] == 1.0 for row in rows.values())  # no two latents of a continuous space decode alike
    judges = ("--judge", "low=half-space", "--set", "low.bound=1", "--judge", "high=half-space", "--set", "high.bound=3")
    few = ("bench", "runs/half-space", "-n", "50", "--seeds", "1")
    ran = run_lcgan(*few, "--sampler", "rejection", *judges, "--json")
    (judged,) = (row["judged"] for row in json.loads(ran.stdout))
    assert list(judged) == ["low", "high"]
    assert judged["low"]["share"] == 1.0
    assert 0.1 < judged["high"]["share"] < 0.7
    assert judged["high"]["interval"][0] < judged["high"]["share"] < judged["high"]["interval"][1]
    table = run_lcgan(*few, "--sampler", "actor", "--out", "mine", *judges)
    assert "low (95 %)" in table.stdout
    assert "actor" in table.stdout
    assert [wish["alias"] for wish in json.loads(Path("mine/bench.json").read_text())["judges"]] == ["low", "high"]
    assert "bench trains nothing" in run_lcgan("bench", "runs/half-space", "--set", "gan.rounds=1").stderr
    assert "No constraint 'quarter-space'" in run_lcgan("bench", "runs/half-space", "--judge", "quarter-space").stderr
    assert "rejection" not in table.stdout
    assert "No sampler 'magic'" in run_lcgan("bench", "runs/half-space", "--sampler", "magic").stderr
    assert "No run folder at nowhere" in run_lcgan("bench", "nowhere").stderr


class Signs(LinearModel):
    """A model of three different samples, of which real data has two."""

    def decode(self, z: torch.Tensor) -> list[tuple[float, ...]]:
        return [(float((row[0] > 2.0).int() + (row[0] > 3.5).int()),) for row in z]

    def real_posteriors(self) -> Posterior:
        mean, std = super().real_posteriors()
        return Posterior(mean.clamp(max=3.0), torch.full_like(std, 1.5))


def test_new_is_what_the_model_makes_of_no_real_data() -> None:
    model = Signs(4)
    assert reconstructions(model) == {"(0.0,)", "(1.0,)"}
    config = GanConfig()
    torch.manual_seed(0)
    q = AggregatePosterior.of(model)
    steering = Steering(Labeller(model, {"right": HalfSpace(bound=0.5)}), q, Actor(4, config), {}, config)
    finished = FinishedRun(RunConfig(constraints=(Wish(constraint="half-space"),)), model, steering)
    found = measure(finished, "rejection", Yardstick(1000, [1], {}, reconstructions(model)))
    wide, most = math.sqrt(0.9**2 + 1.5**2), math.sqrt(2)
    expected = math.erfc(3.5 / wide / most) / math.erfc(2.0 / wide / most)
    assert found["satisfied"] == 1.0
    assert found["new"] == pytest.approx(expected, abs=0.05)


def test_texts_are_judged_by_labels_and_by_another_language_model(tiny_model: Path, run_lcgan: Lcgan) -> None:
    settings = ("--set", "keyword.words=bad", *QUICK_GAN, "--set", "gan.min_unique=0", "--set", "gan.max_drift=50")
    ran = run_lcgan("run", "--model", tiny_model, "--constraint", "keyword", *settings, "--samples", "50")
    assert ran.exit_code == 0, ran.output
    texts = [text for text in sorted(set(sentences())) if len(text.split()) > 5][:200]
    rows = "".join(f"{text},{int('bad' in text)}\n" for text in texts)
    Path("mine.csv").write_text("text,value\n" + rows, encoding="utf-8")
    model = TextVaeModel(tiny_model)
    for part in (model.judge.model, model.tokenizer):
        part.save_pretrained("gpt")
    few = ("bench", "runs/keyword", "-n", "50", "--seeds", "1", "--sampler", "rejection", "--sampler", "actor")
    own, others = (run_lcgan(*few, *more) for more in (["--json"], ["--judge", "labels", "--set", "labels.file=mine.csv"]))
    assert others.exit_code == 0, others.output
    assert "labels was learned from 200 labels; of labels held out, it told" in " ".join(others.stdout.split())
    assert json.loads(Path("runs/bench-2/bench.json").read_text())["rows"][0]["judged"]["labels"]["share"] > 0.6
    asked = run_lcgan(*few, "--fluency", "gpt")
    assert "perplexity by gpt" in asked.stdout
    found = json.loads(Path("runs/bench-3/bench.json").read_text())
    assert found["fluency"] == "gpt"
    for row, before in zip(found["rows"], json.loads(own.stdout), strict=True):
        assert row["fluency"] != before["fluency"]  # the same network, but no end of a text is scored
        assert row["distinct_2"] == before["distinct_2"]
    ran = run_lcgan(*few, "--fluency", "someone/a-model")
    assert "Error: --fluency: someone/a-model is no folder here, and it did not come from the hub:" in ran.stderr
    assert ran.stderr.strip().endswith("hf download someone/a-model --local-dir FOLDER, and then --fluency FOLDER")
