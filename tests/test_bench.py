from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from conftest import QUICK_GAN, Lcgan

from lcgan_core.bench import frechet_distance, two_sample_auc
from lcgan_core.samplers import SAMPLERS


def normal(n: int, seed: int, mean: float = 0.0, std: float = 1.0) -> torch.Tensor:
    return mean + std * torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))


def test_the_frechet_distance_of_gaussians() -> None:
    assert frechet_distance(normal(20_000, 0), normal(20_000, 1)) == pytest.approx(0, abs=0.02)
    assert frechet_distance(normal(20_000, 0, mean=1.0), normal(20_000, 1)) == pytest.approx(4, abs=0.2)
    assert frechet_distance(normal(20_000, 0, std=3.0), normal(20_000, 1)) == pytest.approx(4 * (3 - 1) ** 2, abs=0.5)


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
