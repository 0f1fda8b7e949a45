from __future__ import annotations

import pytest
import torch
from conftest import HalfSpace, LinearModel

from lcgan_core.engine.aggregate_posterior import AggregatePosterior
from lcgan_core.engine.labelling import Labeller
from lcgan_core.engine.networks import Actor, GanConfig
from lcgan_core.engine.samplers import ActorSampler, Steering
from lcgan_core.runs.evaluation import evaluate_sampler
from lcgan_core.support.statistics import wilson_interval


class Shift(Actor):
    """Moves the first coordinate by 3."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z + 3 * torch.eye(z.shape[1])[0]


class Measured(LinearModel):
    """A linear model whose quality is how many samples were asked about."""

    def quality(self, samples: object) -> dict[str, float]:
        return {"count": len(samples)}  # type: ignore[arg-type]


def shift(**constraints: HalfSpace) -> ActorSampler:
    model, config = Measured(4), GanConfig(proposals=1)
    q = AggregatePosterior.of(model)
    return ActorSampler(Steering(Labeller(model, constraints), q, Shift(4, config), {}, config))


def test_every_figure_is_counted_on_decoded_samples() -> None:
    sampler, generator = shift(above=HalfSpace(), always=HalfSpace(bound=-1e9)), torch.Generator().manual_seed(0)
    before, moved, summary = evaluate_sampler(sampler, 500, generator)
    assert torch.allclose(moved.z, before.z + torch.tensor([3.0, 0, 0, 0]))
    assert summary["constraints"]["above"]["prior"] == pytest.approx(0.159, abs=0.05)
    assert summary["constraints"]["above"]["posterior"] == pytest.approx(0.155, abs=0.04)
    assert summary["constraints"]["above"]["actor"] == sum(sample[0] > 2 for sample in moved.samples) / 500
    assert summary["constraints"]["always"]["actor"] == 1.0
    assert summary["all"] == summary["constraints"]["above"]
    assert summary["count"] == dict.fromkeys(("posterior", "reference", "prior", "actor"), summary["compared"])
    assert summary["compared"] == 500
    assert summary["unique"] == 1.0
    assert summary["memory"] == {}


def test_without_satisfying_real_samples_there_is_no_quality_beside_them() -> None:
    summary = evaluate_sampler(shift(never=HalfSpace(bound=1e9)), 20, torch.Generator()).summary
    assert summary["compared"] == 0
    assert "count" not in summary


@pytest.mark.parametrize(
    ("successes", "n", "interval"),
    [(0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (50, 100, (0.4038, 0.5962)), (970, 1000, (0.9575, 0.9789))],
)
def test_wilson_interval(successes: int, n: int, interval: tuple[float, float]) -> None:
    assert wilson_interval(successes, n) == pytest.approx(interval, abs=5e-4)
