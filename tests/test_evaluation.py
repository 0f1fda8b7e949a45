from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from conftest import HalfSpace, LinearModel

from lcgan_core.engine.aggregate_posterior import AggregatePosterior
from lcgan_core.engine.labelling import Labeller
from lcgan_core.engine.networks import Actor, GanConfig
from lcgan_core.engine.samplers import ActorSampler, Steering
from lcgan_core.figures import Share
from lcgan_core.runs.evaluation import evaluate_sampler
from lcgan_core.runs.result import Quality


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
    above = summary.constraints["above"]
    assert above.prior.value == pytest.approx(0.159, abs=0.05)
    assert above.posterior.value == pytest.approx(0.155, abs=0.04)
    assert above.actor == Share.of(sum(sample[0] > 2 for sample in moved.samples), 500)
    assert summary.constraints["always"].actor.value == 1.0
    assert summary.all == above
    assert summary.rows == {**summary.constraints, "all of them": above}
    assert summary.quality == {"count": Quality(posterior=500, reference=500, prior=500, actor=500)}
    assert summary.compared == 500
    assert summary.unique == 1.0
    assert summary.memory == {}


def test_without_satisfying_real_samples_there_is_no_quality_beside_them() -> None:
    summary = evaluate_sampler(shift(never=HalfSpace(bound=1e9)), 20, torch.Generator()).summary
    assert summary.compared == 0
    assert summary.quality == {}
    assert list(summary.rows) == ["never"]


class Doubtful(HalfSpace):
    """Can tell only of samples whose second coordinate is below the limit."""

    may_abstain = True
    limit: float

    def __call__(self, samples: Sequence[tuple[float, ...]]) -> list[Any]:
        return [sample[0] > self.bound if sample[1] < self.limit else None for sample in samples]


def test_what_violates_one_constraint_needs_no_judgement_of_another() -> None:
    sampler = shift(above=HalfSpace(bound=5.0), doubtful=Doubtful(limit=0.0))
    _, moved, summary = evaluate_sampler(sampler, 500, torch.Generator().manual_seed(0))
    violating = sum(sample[0] <= 5 for sample in moved.samples)
    satisfying = sum(sample[0] > 5 and sample[1] < 0 for sample in moved.samples)
    assert summary.all.actor == Share.of(satisfying, violating + satisfying)
    assert summary.all.actor == Share.of(int(moved.satisfied.sum()), int((moved.satisfied | moved.violating).sum()))


def test_samples_that_nobody_can_judge_cost_no_run() -> None:
    summary = evaluate_sampler(shift(never=Doubtful(limit=-1e9)), 20, torch.Generator()).summary
    assert summary.all.actor == Share.of(0, 0)
    assert summary.constraints["never"].unjudged == 3 * 20
