"""The engine on a linear decoder and a half-space, where the right answer is known; and earlier implementations' mistakes."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Collection, Sequence
from typing import Any

import pytest
import torch
from conftest import LINEAR_GAN, QUICKEST, HalfSpace, LinearModel

from lcgan_core import Constraint, Posterior, TrainingError
from lcgan_core.engine.aggregate_posterior import AggregatePosterior
from lcgan_core.engine.gan import (
    LEAST_LIKELY,
    State,
    TaughtCritic,
    actor_loss,
    attribute_loss,
    distance,
    distance_weights,
    draw_start,
    gradient_penalty,
    likely_to_satisfy,
    realism_loss,
    train,
)
from lcgan_core.engine.labelling import Labelled, Labeller, Pool
from lcgan_core.engine.networks import CLOSED, Actor, Critic, GanConfig, Networks

BOUND = 2.0
"""HalfSpace asks for 2 z_0 > 2, so z_0 > 1: in q(z) = N(0, 0.9² + 0.4²) that is 15.5 %."""


WEIGHTS = {"right": 1.0}
"""Of the constraint that most tests ask for."""


def labeller(dim: int = 6, **options: Any) -> Labeller:
    return Labeller(LinearModel(dim), {"right": HalfSpace(**options)})


@pytest.fixture(scope="module")
def trained() -> tuple[State, list[dict[str, Any]]]:
    found = labeller()
    metrics: list[dict[str, Any]] = []
    state = train(found, WEIGHTS, LINEAR_GAN, seed=3, on_round=lambda _, figures: metrics.append(figures))
    return state, metrics


def moved_by(state: State, n: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    actor = Actor(6, LINEAR_GAN)
    actor.load_state_dict(state.best_actor)
    noise = torch.randn(n, 6, generator=torch.Generator().manual_seed(9))
    return noise, actor(noise).detach()


def test_real_samples_are_labelled_in_turn_and_by_what_their_draws_are(trained: tuple[State, Any]) -> None:
    pool, posteriors = trained[0].pools["right"], LinearModel(6).real_posteriors()
    drawn, satisfied = pool.draws_of_real(3000)
    assert drawn.unique().tolist() == [0.0, 1.0], "2,500 of 3,000, none twice"
    assert drawn.sum() == len(pool.real) == 2500
    spread = math.sqrt(0.9**2 + 0.4**2)
    assert float(satisfied.sum() / drawn.sum()) == pytest.approx(0.5 * math.erfc(1 / spread / math.sqrt(2)), abs=0.025)
    off = (pool.z[:2500] - posteriors.mean[pool.real]) / posteriors.std[pool.real]
    assert float(off.std()) == pytest.approx(1.0, abs=0.05)


def test_the_actor_satisfies_and_leaves_the_other_dimensions_alone(trained: tuple[State, Any]) -> None:
    noise, moved = moved_by(trained[0])
    assert (2 * moved[:, 0] > BOUND).float().mean() > 0.97
    spread = math.sqrt(0.9**2 + 0.4**2)
    assert moved[:, 1:].mean(0).abs().max() < 0.2
    assert moved[:, 1:].std(0) == pytest.approx(torch.full((5,), spread), abs=0.2)
    kept = torch.corrcoef(torch.stack([noise[:, 1], moved[:, 1]]))[0, 1]
    assert kept > 0.8


def test_the_actor_goes_where_satisfying_real_data_is(trained: tuple[State, Any]) -> None:
    _, moved = moved_by(trained[0])
    real = AggregatePosterior(LinearModel(6).real_posteriors()).draw(20_000, torch.Generator().manual_seed(0))
    wanted = real[real[:, 0] > 1, 0].mean()
    assert moved[:, 0].mean() == pytest.approx(float(wanted), abs=0.6)


def test_the_critic_is_calibrated_on_the_boundary(trained: tuple[State, Any]) -> None:
    inside, outside = torch.zeros(2, 6), torch.zeros(2, 6)
    inside[:, 0], outside[:, 0] = 1.6, 0.4
    critic = trained[0].networks.attributes["right"]
    assert (critic(inside) > 0).all()
    assert (critic(outside) < 0).all()


def test_metrics_of_each_round_tell_satisfaction_drift_gates_and_duplicates(trained: tuple[State, Any]) -> None:
    metrics = trained[1]
    assert [figures["round"] for figures in metrics] == [0, 1, 2]
    assert metrics[-1]["satisfied"] > 0.9
    assert metrics[-1]["unique"] == 1.0
    assert 0.5 < metrics[-1]["drift"] < 2
    assert 0 < metrics[-1]["gate"] < 1
    assert metrics[-1]["labels"] == 3000 + 3 * 400


def test_the_same_seed_gives_the_same_actor_and_another_seed_another() -> None:
    config = LINEAR_GAN.model_copy(update={"rounds": 1, "iterations": 5})
    first, again, other = (
        train(found, WEIGHTS, config, seed).best_actor for found, seed in ((labeller(), 1), (labeller(), 1), (labeller(), 2))
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_going_on_from_a_round_ends_like_an_uninterrupted_run() -> None:
    config = LINEAR_GAN.model_copy(update={"iterations": 8})
    kept: list[tuple[dict[str, torch.Tensor], State]] = []

    def keep_first(state: State, _: dict[str, Any]) -> None:
        if state.round == 1:
            pool = dataclasses.replace(state.pools["right"])
            so_far = dataclasses.replace(state, pools={"right": pool}, best_actor=dict(state.best_actor))
            kept.append((copy.deepcopy(state.networks.tensors()), so_far))

    found = labeller()
    whole = train(found, WEIGHTS, config, 5, on_round=keep_first)
    tensors, state = kept[0]
    state.networks = Networks.new(LinearModel(6), ["right"], config, seed=99)
    state.networks.load_tensors(tensors)
    again = train(found, WEIGHTS, config, 5, state=state)
    assert again.best_round == whole.best_round
    assert all(torch.equal(again.networks.tensors()[name], value) for name, value in whole.networks.tensors().items())


def test_networks_keep_apart_constraints_whose_names_look_alike() -> None:
    names = ["low", "low/mine.py:low", "./mine.py:low"]
    first, again = (Networks.new(LinearModel(2), names, GanConfig(width=8), seed) for seed in (0, 1))
    for name in names:
        first.step(name, first.attributes[name](torch.ones(3, 2)).sum())
    again.load_tensors(first.tensors())
    assert all(torch.equal(again.tensors()[name], value) for name, value in first.tensors().items())
    assert set(again.tensors()) == set(first.tensors())


class Below(Constraint):
    """The second coordinate is negative."""

    name = "below"

    def __call__(self, samples: Any) -> list[bool]:
        return [sample[1] < 0 for sample in samples]


BOTH = {"right": HalfSpace(), "below": Below()}
EQUALLY = {"right": 1.0, "below": 1.0}


def hold_both(state: State) -> float:
    _, moved = moved_by(state)
    return float(((moved[:, 0] > 1) & (moved[:, 1] < 0)).float().mean())


def test_several_constraints_hold_at_once() -> None:
    state = train(Labeller(LinearModel(6), BOTH), EQUALLY, LINEAR_GAN, seed=0)
    assert hold_both(state) > 0.93


class Counted(Labeller):
    """Keeps how many latents each constraint was asked about."""

    def __call__(self, z: torch.Tensor, only: Collection[str] | None = None) -> Labelled:
        for name in self.constraints if only is None else only:
            counts[name] = counts.get(name, 0) + len(z)
        return super().__call__(z, only)


counts: dict[str, int] = {}


def test_critics_of_earlier_runs_are_composed_without_a_label(trained: tuple[State, Any]) -> None:
    below = train(Labeller(LinearModel(6), {"below": Below()}), {"below": 1.0}, LINEAR_GAN, seed=1)
    taught = {
        name: TaughtCritic(state.networks.attributes[name], dataclasses.replace(pool, reused=len(pool.z)))
        for state in (trained[0], below)
        for name, pool in state.pools.items()
    }
    before = {name: {key: value.clone() for key, value in critic.state_dict().items()} for name, (critic, _) in taught.items()}
    counts.clear()
    config = LINEAR_GAN.model_copy(update={"actor_labels": 0})
    state = train(Counted(LinearModel(6), BOTH), EQUALLY, config, 0, taught)
    assert not counts
    assert state.labels == 0
    assert hold_both(state) > 0.9
    for name, weights in before.items():
        assert all(torch.equal(state.networks.attributes[name].state_dict()[key], value) for key, value in weights.items())

    again = train(Counted(LinearModel(6), BOTH), EQUALLY, LINEAR_GAN, 0, taught)
    assert counts == {"right": 3 * 400, "below": 3 * 400}
    assert again.labels == 3 * 400
    learned = next(again.networks.attributes["right"].parameters())
    assert not torch.equal(learned, before["right"]["net.0.weight"])


def test_a_new_constraint_beside_a_taught_one_is_labelled_alone(trained: tuple[State, Any]) -> None:
    pool = dataclasses.replace(trained[0].pools["right"], reused=len(trained[0].pools["right"].z))
    taught = {"right": TaughtCritic(trained[0].networks.attributes["right"], pool)}
    counts.clear()
    state = train(Counted(LinearModel(6), {"below": Below(), "right": HalfSpace()}), EQUALLY, LINEAR_GAN, 0, taught)
    assert counts == {"below": 3000 + 3 * 400, "right": 3 * 400}
    assert state.labels == 3000 + 3 * 400
    _, moved = moved_by(state)
    assert ((moved[:, 0] > 1) & (moved[:, 1] < 0)).float().mean() > 0.9


class NaturallyFlat(LinearModel):
    """It finds samples natural whose second coordinate is near 0."""

    def naturalness(self, samples: Sequence[tuple[float, ...]]) -> torch.Tensor:
        return torch.exp(-torch.tensor([sample[1] / 2 for sample in samples]).square())


def test_the_actor_goes_where_samples_are_natural() -> None:
    def spread_and_satisfied(weight: float) -> tuple[float, float]:
        config = LINEAR_GAN.model_copy(update={"naturalness_weight": weight})
        state = train(Labeller(NaturallyFlat(6), {"right": HalfSpace()}), WEIGHTS, config, seed=0)
        assert (state.naturalness is None) == (weight == 0)
        _, moved = moved_by(state)
        return float(moved[:, 1].std()), float((moved[:, 0] > 1).float().mean())

    (with_it, satisfied), (without, _) = spread_and_satisfied(1.0), spread_and_satisfied(0.0)
    assert with_it < 0.7 * without
    assert satisfied > 0.95


def test_a_naturalness_critic_of_an_earlier_run_learns_on_only_from_new_labels() -> None:
    sure = LINEAR_GAN.model_copy(update={"naturalness_weight": 0.03})
    state = train(Labeller(NaturallyFlat(6), {"right": HalfSpace()}), WEIGHTS, sure, seed=0)
    learners = {
        name: TaughtCritic(critic, dataclasses.replace(pool, reused=len(pool.z))) for name, critic, pool in state.learners()
    }
    assert set(learners) == {"right", "naturalness"}
    before = {name: value.clone() for name, value in state.networks.naturalness.state_dict().items()}
    config = sure.model_copy(update={"actor_labels": 0})
    again = train(Labeller(NaturallyFlat(6), {"right": HalfSpace()}), WEIGHTS, config, 1, learners)
    assert all(torch.equal(again.networks.naturalness.state_dict()[name], value) for name, value in before.items())
    assert again.labels == 0


def test_naturalness_is_learned_beside_critics_of_earlier_runs() -> None:
    config = QUICKEST.model_copy(update={"naturalness_weight": 0.03})
    labeller = Labeller(NaturallyFlat(6), {"right": HalfSpace()})
    pool = train(labeller, WEIGHTS, QUICKEST, seed=0).pools["right"]
    taught = {"right": TaughtCritic(Critic(6, QUICKEST), dataclasses.replace(pool, reused=len(pool.z)))}
    counts.clear()
    state = train(Counted(NaturallyFlat(6), {"right": HalfSpace()}), WEIGHTS, config, 1, taught)
    assert counts == {"right": config.actor_labels}, "what is known is not asked again"
    assert state.naturalness
    assert len(state.naturalness.z) == 600 + config.start_labels + config.actor_labels


@pytest.mark.parametrize(("start", "spread", "std"), [("prior", 1.5, 1.0), ("posterior", 1.0, 0.98), ("posterior", 3.0, 1.5)])
def test_where_the_actor_starts(start: str, spread: float, std: float) -> None:
    config = GanConfig(start=start, start_spread=spread)
    q = AggregatePosterior(LinearModel(6).real_posteriors())
    drawn = draw_start(q, 20_000, config, torch.Generator().manual_seed(0))
    assert drawn.std() == pytest.approx(std, abs=0.02)


def test_around_real_samples_it_starts_from_those_that_likely_satisfy(trained: tuple[State, Any]) -> None:
    q = AggregatePosterior(LinearModel(6).real_posteriors())
    likely = likely_to_satisfy(trained[0].taught(), q)
    drawn = draw_start(q, 20_000, GanConfig(start="posterior", start_spread=1.0), torch.Generator().manual_seed(0), likely)
    satisfied = 2 * drawn[:, 0] > BOUND
    assert float(satisfied.float().mean()) > 0.6 > 3 * 0.155, "as often as a posterior seen to reach over the bound does again"
    assert drawn[:, 1:].std() == pytest.approx(0.98, abs=0.03), "and are otherwise what real samples are"


def test_what_was_seen_of_a_real_sample_counts_more_than_what_a_critic_holds() -> None:
    class Sure(Critic):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return torch.tensor([9.0, 9.0, -9.0, -9.0, 9.0, -9.0])

    q = AggregatePosterior(Posterior(torch.zeros(6, 2), torch.ones(6, 2)))
    pool = Pool(torch.zeros(5, 2), torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0]), torch.tensor([0, 1, 2, 3, 0]))
    wrong, right = TaughtCritic(Sure(2, LINEAR_GAN), pool), TaughtCritic(Sure(2, LINEAR_GAN), pool)
    likely = likely_to_satisfy([wrong], q)
    assert likely == pytest.approx(torch.tensor([1.02, 0.02, 1.0, 0.0, 0.02, 0.0]), abs=1e-3)
    assert likely_to_satisfy([wrong, right], q) == pytest.approx(likely.square(), abs=1e-3), "all of several must hold"


def test_few_real_samples_that_satisfy_are_not_all_that_the_actor_starts_from() -> None:
    class Picky(Critic):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return 40 * (z[:, 0] - self.bound)

    def in_effect(bound: float) -> float:
        critic = Picky(6, LINEAR_GAN)
        critic.bound = bound
        mean = q.posteriors.mean
        seen = Pool(mean, (mean[:, 0] > bound).float(), torch.arange(rows))
        likely = likely_to_satisfy([TaughtCritic(critic, seen)], q)
        assert (likely > 0).all()
        return float(likely.sum().square() / likely.square().sum())

    q = AggregatePosterior(LinearModel(6).real_posteriors())
    rows = len(q.posteriors.mean)
    assert in_effect(0.0) == pytest.approx(rows / 2, rel=0.1)
    least = min(LEAST_LIKELY, rows / 10)
    assert all(in_effect(bound) >= least for bound in (2.0, 2.5, 3.0, 9.0))
    assert likely_to_satisfy([], q).tolist() == [1.0] * rows


@pytest.mark.parametrize(("bound", "what"), [(1e9, "nothing to learn from"), (-1e9, "nothing to change")])
def test_a_constraint_that_none_or_all_satisfy_is_an_error_with_its_base_rate(bound: float, what: str) -> None:
    config = LINEAR_GAN.model_copy(update={"max_posterior_labels": 3000})
    found = labeller(bound=bound)
    with pytest.raises(TrainingError, match=what) as error:
        train(found, WEIGHTS, config, seed=0)
    assert "'right'" in str(error.value)
    assert ("0.00%" if bound > 0 else "100.00%") in str(error.value)


def test_more_posterior_samples_are_labelled_for_a_rare_constraint() -> None:
    found = labeller(bound=3.6)  # 3.4 %
    config = LINEAR_GAN.model_copy(
        update={"rounds": 1, "iterations": 1, "max_posterior_labels": 20_000, "sought_examples": 200}
    )
    state = train(found, WEIGHTS, config, seed=0)
    assert int((state.pools["right"].values[:-400] >= 0.5).sum()) >= 200
    assert state.labels > 2500 + 500 + 400


def test_a_diverging_actor_stops_with_a_reason_and_the_best_is_kept() -> None:
    config = LINEAR_GAN.model_copy(
        update={"rounds": 8, "realism_weight": 0.0, "distance_weight": 0.0, "keep_weight": 0.0, "max_drift": 1.5}
    )
    found = labeller()
    state = train(found, WEIGHTS, config, seed=0)
    assert state.stopped is not None
    assert "drifted" in state.stopped
    assert state.best_actor
    assert state.best_round == state.round - 2


def test_an_actor_that_never_was_usable_is_an_error() -> None:
    config = LINEAR_GAN.model_copy(update={"rounds": 2, "actor_learning_rate": 1e30})
    found = labeller()
    with pytest.raises(TrainingError, match="No usable actor: the actor's latents were not finite in round 1"):
        train(found, WEIGHTS, config, seed=0)


def test_a_collapsed_actor_stops() -> None:
    class Sign(LinearModel):
        def decode(self, z: torch.Tensor) -> list[tuple[float, ...]]:
            return [(float(row[0] > 1) * 4,) for row in z]

    found = Labeller(Sign(6), {"right": HalfSpace()})
    with pytest.raises(TrainingError, match="distinct"):
        train(found, WEIGHTS, LINEAR_GAN, seed=0)


# Mistakes of earlier implementations, numbered as in the method's notes.


def test_1_the_actors_loss_is_bounded_below() -> None:
    class Sure(Critic):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return torch.full((len(z),), 1e6)

    z = torch.randn(8, 6)
    loss = actor_loss(z, z, [(Sure(6, LINEAR_GAN), 5.0)], torch.ones(6), distance_weight=torch.ones(8))
    assert float(loss) == 0.0


class First(Critic):
    """A critic whose logit is the first coordinate."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z[:, 0]


@pytest.mark.parametrize(("value", "sign"), [(1.0, 1), (0.0, -1)])
def test_2_a_satisfied_label_pulls_the_logit_up(value: float, sign: int) -> None:
    z = torch.randn(64, 6).requires_grad_()
    loss = attribute_loss(First(6, LINEAR_GAN), z, torch.full((64,), value))
    (gradient,) = torch.autograd.grad(loss, z)
    assert (sign * gradient[:, 0] < 0).all()


def test_3_labels_are_those_of_the_decoded_sample_of_the_very_latent() -> None:
    found = labeller()
    z = torch.randn(50, 6)
    labelled = found(z)
    assert torch.equal(labelled.z, z)
    assert labelled.samples == found.model.decode(z)
    assert labelled.values[:, 0].tolist() == [float(2 * row[0] > BOUND) for row in z]


def test_6_posteriors_carry_the_standard_deviation() -> None:
    q = AggregatePosterior(LinearModel(4).real_posteriors())
    z = q.draw(20_000, torch.Generator().manual_seed(0))
    assert z.std(0) == pytest.approx(torch.full((4,), math.sqrt(0.9**2 + 0.4**2)), abs=0.03)
    assert q.drift(z) == pytest.approx(1.0, abs=0.05)
    assert q.drift(3 * z) == pytest.approx(9.0, abs=0.5)


def test_8_the_gradient_penalty_lies_between_real_and_fake() -> None:
    seen: list[torch.Tensor] = []

    class Watched(Critic):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            seen.append(z.detach())
            return 3 * z[:, 0]

    real, fake = torch.zeros(500, 2), torch.ones(500, 2)
    penalty = gradient_penalty(Watched(2, LINEAR_GAN), real, fake, torch.Generator().manual_seed(0))
    assert float(penalty) == pytest.approx(9.0)
    assert 0.4 < float(seen[0].mean()) < 0.6
    assert seen[0].min() >= 0
    assert seen[0].max() <= 1


def test_the_gate_keeps_or_replaces_a_dimension() -> None:
    actor = Actor(3, LINEAR_GAN)
    last = actor.net[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([7.0, 7.0, 7.0, -50.0, -CLOSED, 50.0]))
    z = torch.ones(2, 3)
    assert actor(z)[0].tolist() == pytest.approx([1.0, 4.0, 7.0])


def test_the_distance_is_engels_formula() -> None:
    z, moved, std = torch.zeros(1, 2), torch.tensor([[1.0, 2.0]]), torch.tensor([0.5, 2.0])
    assert float(distance(z, moved, std)) == pytest.approx((math.log(2) / 0.25 + math.log(5) / 4) / 2)


def test_distance_counts_more_where_all_critics_hold_that_z_satisfies() -> None:
    config = LINEAR_GAN.model_copy(update={"distance_weight": 0.1, "keep_weight": 0.4})
    z = torch.tensor([[9.0], [0.0], [-9.0]])
    critics = [First(1, LINEAR_GAN), First(1, LINEAR_GAN)]
    assert distance_weights(z, critics, config) == pytest.approx(torch.tensor([0.5, 0.2, 0.1]), abs=1e-3)
    assert distance_weights(z, [], config) == pytest.approx(torch.full((3,), 0.5))


def test_realism_is_one_for_real() -> None:
    right, wrong = torch.full((4, 2), 9.0), torch.full((4, 2), -9.0)
    critic = First(2, LINEAR_GAN)
    assert float(realism_loss(critic, right, wrong)) < 0.01
    assert float(realism_loss(critic, wrong, right)) > 17


def test_batches_hold_as_many_satisfying_as_violating_latents() -> None:
    values = torch.zeros(1000)
    values[:20] = 1
    pool = Pool(torch.arange(1000.0)[:, None], values)
    _, drawn = pool.draw(4000, torch.Generator().manual_seed(0))
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.03)
