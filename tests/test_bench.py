from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from conftest import QUICK_GAN, QUICKEST, Lcgan, sentences
from transformers import GPT2Config, GPT2LMHeadModel

from lcgan_core import RunConfig, RunError, Wish, run
from lcgan_core.engine import samplers
from lcgan_core.engine.samplers import SAMPLERS, RejectionSampler
from lcgan_core.models.text_vae.latent_model import TextVaeModel
from lcgan_core.tools.bench import frechet_distance, two_sample_auc


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
    rows = {row["sampler"]: row for row in json.loads(ran.stdout)["rows"]}
    assert list(rows) == list(SAMPLERS)
    rejection, actor = rows["rejection"], rows["actor"]
    assert rejection["satisfied"]["value"] == 1.0
    assert rejection["kept"] is None
    assert 4 < rejection["per_satisfying"]["decodes"] < 10  # 15.5 % satisfy
    assert rejection["per_satisfying"]["labels"] == rejection["per_satisfying"]["decodes"]
    assert actor["satisfied"]["value"] > 0.9
    assert actor["per_satisfying"]["labels"] == 0
    assert actor["per_satisfying"]["decodes"] == pytest.approx(1 / actor["satisfied"]["value"])
    assert rejection["two_sample_auc"] == pytest.approx(0.5, abs=0.15)
    assert rejection["frechet"] < rows["offset"]["frechet"]
    assert rows["class-prior"]["fit"]["labels"] >= 600
    assert actor["quality"] == {}
    written = json.loads(Path("runs/bench/bench.json").read_text(encoding="utf-8"))
    assert written["rows"] == list(rows.values())
    assert "</svg>" in Path("runs/bench/bench.svg").read_text(encoding="utf-8")
    assert rows["actor"]["judged"] == {}
    assert all(row["memory"] == {} for row in rows.values()), "this model cannot tell"
    judges = ("--judge", "low=half-space", "--set", "low.bound=1", "--judge", "high=half-space", "--set", "high.bound=3")
    few = ("bench", "runs/half-space", "-n", "50", "--seeds", "1")
    ran = run_lcgan(*few, "--sampler", "rejection", *judges, "--json")
    (judged,) = (row["judged"] for row in json.loads(ran.stdout)["rows"])
    assert list(judged) == ["low", "high"]
    assert judged["low"]["value"] == 1.0
    assert 0.1 < judged["high"]["value"] < 0.7
    assert judged["high"]["interval"][0] < judged["high"]["value"] < judged["high"]["interval"][1]
    table = run_lcgan(*few, "--sampler", "actor", "--out", "mine", *judges)
    assert "low (95 %)" in table.stdout
    assert "actor" in table.stdout
    assert [wish["alias"] for wish in json.loads(Path("mine/bench.json").read_text())["judges"]] == ["low", "high"]
    assert "bench trains nothing" in run_lcgan("bench", "runs/half-space", "--set", "gan.rounds=1").stderr
    assert "No constraint 'quarter-space'" in run_lcgan("bench", "runs/half-space", "--judge", "quarter-space").stderr
    assert "rejection" not in table.stdout
    assert "No sampler 'magic'" in run_lcgan("bench", "runs/half-space", "--sampler", "magic").stderr
    assert "No run folder at nowhere" in run_lcgan("bench", "nowhere").stderr


@pytest.fixture
def quick_run(linear_plugin: None, run_lcgan: Lcgan) -> Path:
    """In the working directory."""
    run(RunConfig(model="linear:4", constraints=(Wish(constraint="half-space"),), gan=QUICKEST, samples=10), Path("quick"))
    return Path("quick")


def test_a_sampler_that_fails_costs_no_other_its_row(
    quick_run: Path, run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(*_: object) -> None:
        raise RunError("Only 3 samples satisfy.")

    monkeypatch.setattr(RejectionSampler, "draw", give_up)
    command = ("bench", quick_run, "-n", "50", "--seeds", "1", "--sampler", "rejection", "--sampler", "start", "--out", "out")
    ran = run_lcgan(*command)
    assert ran.exit_code == 0, ran.output
    assert "quick: rejection was not measured. Only 3 samples satisfy." in ran.stdout
    found = json.loads(Path("out/bench.json").read_text(encoding="utf-8"))
    assert [row["sampler"] for row in found["rows"]] == ["start"]
    assert found["unmeasured"] == [{"run": "quick", "sampler": "rejection", "reason": "Only 3 samples satisfy."}]
    ran = run_lcgan("bench", quick_run, "-n", "50", "--sampler", "rejection", "--out", "alone")
    assert ran.exit_code == 1
    assert "Error: Nothing could be measured. Only 3 samples satisfy." in ran.stderr
    assert not Path("alone").exists()


def test_a_sampler_whose_samples_cannot_be_judged_costs_no_other_its_row(quick_run: Path, run_lcgan: Lcgan) -> None:
    judge = "def near(samples) -> list[float | None]:\n    return [1.0 if sample[0] < 2 else None for sample in samples]\n"
    Path("mine.py").write_text(judge, encoding="utf-8")
    command = ("bench", quick_run, "-n", "50", "--seeds", "1", "--sampler", "rejection", "--sampler", "start", "--json")
    found = json.loads(run_lcgan(*command, "--judge", "mine.py:near").stdout)
    assert [row["sampler"] for row in found["rows"]] == ["start"]
    (missing,) = found["unmeasured"]
    assert missing["sampler"] == "rejection"
    assert "Not one sample could be judged" in missing["reason"]


def test_without_real_data_to_compare_with_no_other_sampler_is_advised(
    quick_run: Path, run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samplers, "MOST_DRAWS", 1)
    ran = run_lcgan("bench", quick_run, "-n", "50")
    assert ran.exit_code == 1
    (error,) = [line for line in ran.stderr.splitlines() if line.startswith("Error")]
    assert "samples satisfy; 50 were asked for. They were drawn from q(z)" in error
    assert "--sampler" not in error
    assert error.count("satisfy;") == 1, "once for all samplers"


def test_texts_are_judged_by_labels_and_by_another_language_model(tiny_model: Path, run_lcgan: Lcgan) -> None:
    settings = ("--set", "keyword.words=bad", *QUICK_GAN, "--set", "gan.min_unique=0", "--set", "gan.max_drift=50")
    ran = run_lcgan("run", "--model", tiny_model, "--constraint", "keyword", *settings, "--samples", "50")
    assert ran.exit_code == 0, ran.output
    assert "within one word" in ran.stdout
    told = json.loads(Path("runs/keyword/result.json").read_text(encoding="utf-8"))["memory"]["actor"]
    assert set(told) == {"remembered", "within_one_word", "made_up_words"}
    remembered = f"{told['remembered']['share']:.1%} (real: {told['remembered']['expected']:.1%})"
    for page in ("report.html", "README.md"):
        assert remembered in Path("runs/keyword", page).read_text(encoding="utf-8")
    sampled = run_lcgan("sample", "runs/keyword", "-n", "20")
    assert len(sampled.stdout.splitlines()) == 20
    assert "remembered" in sampled.stderr
    texts = [text for text in sorted(set(sentences())) if len(text.split()) > 5][:200]
    rows = "".join(f"{text},{int('bad' in text)}\n" for text in texts)
    Path("mine.csv").write_text("text,value\n" + rows, encoding="utf-8")
    tokenizer = TextVaeModel(tiny_model).tokenizer
    tokenizer.save_pretrained("gpt")
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=1)).save_pretrained("gpt")
    few = ("bench", "runs/keyword", "-n", "50", "--seeds", "1", "--sampler", "rejection", "--sampler", "actor")
    own, others = (run_lcgan(*few, *more) for more in (["--json"], ["--judge", "labels", "--set", "labels.file=mine.csv"]))
    assert others.exit_code == 0, others.output
    assert "within one word" in others.stdout
    told = {row["sampler"]: row["memory"]["remembered"] for row in json.loads(own.stdout)["rows"]}
    assert told["rejection"]["share"] > 0, "the little language has few sentences"
    assert told["rejection"]["expected"] is not None
    assert "labels was learned from 200 labels; it predicted" in " ".join(others.stdout.split())
    assert json.loads(Path("runs/bench-2/bench.json").read_text())["rows"][0]["judged"]["labels"]["value"] > 0.6
    asked = run_lcgan(*few, "--fluency", "gpt")
    assert "perplexity by gpt" in asked.stdout
    found = json.loads(Path("runs/bench-3/bench.json").read_text())
    assert found["fluency"] == "gpt"
    for row, before in zip(found["rows"], json.loads(own.stdout)["rows"], strict=True):
        told, own_told = row["quality"], before["quality"]
        assert told["perplexity"] > 1
        assert {name: told[name] for name in own_told} == own_told
    ran = run_lcgan(*few, "--fluency", "someone/a-model")
    assert "Error: --fluency: someone/a-model is not a folder here, and could not be loaded from the hub:" in ran.stderr
    assert ran.stderr.strip().endswith("hf download someone/a-model --local-dir FOLDER, and then --fluency FOLDER")
