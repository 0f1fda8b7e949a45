"""Drawing from q(z): how often each real sample is chosen, and how far around it draws lie."""

from __future__ import annotations

import pytest
import torch
from conftest import LinearGenerator, LinearModel
from torch import Tensor

from lcgan_core.engine.aggregate_posterior import MOST_DENSE, AggregatePosterior
from lcgan_core.latent_model import Posterior


def tens(rows: int) -> AggregatePosterior:
    """Posterior i is at 10 i, 0.1 wide, so that a draw tells whose it is."""
    return AggregatePosterior(Posterior(10.0 * torch.arange(rows)[:, None], torch.full((rows, 1), 0.1)))


def counts(z: Tensor, rows: int) -> list[int]:
    return (z[:, 0] / 10).round().long().bincount(minlength=rows).tolist()


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_no_real_sample_is_drawn_twice_before_all_are() -> None:
    q = tens(50)
    assert counts(q.draw(50, seeded(0)), 50) == [1] * 50
    assert counts(q.draw(100, seeded(1)), 50) == [2] * 50
    assert max(counts(q.draw(25, seeded(2)), 50)) == 1
    assert q.draw(0, seeded(3)).shape == (0, 1)


def test_one_draw_says_nothing_of_the_next() -> None:
    q, generator = tens(50), seeded(0)
    first = counts(torch.cat([q.draw(5, generator) for _ in range(20)]), 50)
    assert 3 <= sum(count == 0 for count in first) <= 12, "100 of 50 by chance, in fifths"


def test_draws_are_in_proportion_to_weights() -> None:
    weights = torch.tensor([0.0, 0.1, 0.3, 0.6, 0.0])
    assert counts(tens(5).draw(1000, seeded(0), weights), 5) == pytest.approx([0, 100, 300, 600, 0], abs=2)
    ones = torch.cat([tens(5).draw(1, seeded(seed), weights) for seed in range(600)])
    assert counts(ones, 5) == pytest.approx([0, 60, 180, 360, 0], abs=40)


def test_draws_are_shuffled_and_the_same_again() -> None:
    q = tens(50)
    z = q.draw(50, seeded(0))
    assert torch.equal(z, q.draw(50, seeded(0)))
    assert not torch.equal(z, q.draw(50, seeded(1)))
    assert abs(float(torch.corrcoef(torch.stack([z[:, 0], torch.arange(50.0)]))[0, 1])) < 0.5


def test_spread_widens_each_posterior() -> None:
    z = tens(20).draw(20_000, seeded(0), spread=3.0)
    assert float((z - 10 * (z / 10).round()).std()) == pytest.approx(0.3, rel=0.05)


def correlated(rows: int, dim: int) -> Posterior:
    """Means of which neighbouring dimensions vary together, each by about 2 and more than their posteriors are wide."""
    noise = torch.randn(rows, dim + 1, generator=seeded(0))
    return Posterior(noise[:, 1:] + noise[:, :-1], torch.full((rows, dim), 0.5))


def test_drift_is_one_on_q_and_counts_what_varies_together() -> None:
    q = AggregatePosterior(correlated(4000, 6))
    assert q.drift(q.draw(4000, seeded(1))) == pytest.approx(1.0, abs=0.05)
    together, apart = torch.ones(1, 6), torch.tensor([[1.0, -1.0] * 3])
    assert q.drift(apart) > 2 * q.drift(together)


def test_beyond_some_size_drift_takes_variances_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "cov", lambda *_: pytest.fail("a covariance of all pairs is built"))
    q = AggregatePosterior(correlated(300, MOST_DENSE + 1))
    assert q.drift(q.draw(300, seeded(1))) == pytest.approx(1.0, abs=0.05)
    assert q.drift(3 * q.draw(300, seeded(1))) == pytest.approx(9.0, abs=0.5)


def test_without_real_data_it_is_the_prior() -> None:
    q = AggregatePosterior.of(LinearGenerator(3))
    assert not q.knows_real
    z = q.draw(20_000, seeded(0))
    assert z.mean(0) == pytest.approx(torch.zeros(3), abs=0.03)
    assert torch.cov(z.T).flatten() == pytest.approx(torch.eye(3).flatten(), abs=0.03)
    assert q.drift(z) == pytest.approx(1.0, abs=0.03)
    assert q.average_std.tolist() == [1, 1, 1]
    assert AggregatePosterior.of(LinearModel(3)).knows_real
