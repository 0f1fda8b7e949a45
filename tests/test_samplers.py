"""Every way to draw, on the linear model, where what satisfies is a half-space and q(z) = N(0, 0.9² + 0.4²)."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from conftest import LINEAR_GAN, QUICK_GAN, HalfSpace, Lcgan, LinearModel
from torch.nn import functional as F

from lcgan_core import RunConfig, RunError, TrainingError, Wish
from lcgan_core.engine import samplers
from lcgan_core.engine.gan import label_first, train
from lcgan_core.engine.labelling import Labelled, Labeller
from lcgan_core.engine.networks import GanConfig
from lcgan_core.engine.samplers import SAMPLERS, ActorSampler, RejectionSampler, Steering
from lcgan_core.runs.finished import FinishedRun


@pytest.fixture(scope="module")
def steering() -> Steering:
    labeller = Labeller(LinearModel(6), {"right": HalfSpace()})
    return Steering.trained(labeller, {"right": 1.0}, LINEAR_GAN, train(labeller, {"right": 1.0}, LINEAR_GAN, seed=0))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_draws_what_satisfies_and_the_same_again(steering: Steering, name: str) -> None:
    least = {"rejection": 1.0, "actor": 0.98, "class-prior": 0.8, "mixture": 0.9, "offset": 0.6, "start": 0.1}
    sampler = SAMPLERS[name](steering)
    start, z = sampler.draw(1000, seeded())
    assert start.shape == z.shape == (1000, 6)
    assert float((z[:, 0] > 1).float().mean()) >= least.get(name, 0.9)
    assert torch.equal(sampler.draw(1000, seeded()).z, z)
    assert not torch.equal(sampler.draw(1000, seeded(1)).z, z)
    if name not in ("gradient", "ode"):  # those also go wherever else the critics happen to slope
        assert z[:, 1:].mean(0).abs().max() < 0.25
    if name in ("actor", "offset"):
        assert float(torch.corrcoef(torch.stack([start[:, 1], z[:, 1]]))[0, 1]) > 0.7


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_all_that_move_latents_begin_with_the_same(steering: Steering, start: str) -> None:
    begun = dataclasses.replace(steering, config=steering.config.model_copy(update={"start": start, "proposals": 1}))
    z = begun.start(100, seeded())
    assert torch.equal(z, begun.noise(100, seeded())) == (start == "prior")
    assert torch.equal(z, SAMPLERS["start"](begun).draw(100, seeded()).z)
    for name in ("actor", "offset", "gradient", "ode"):
        assert torch.equal(z, SAMPLERS[name](begun).draw(100, seeded()).start), name


def test_rejection_is_the_prior_where_it_satisfies(steering: Steering) -> None:
    z = RejectionSampler(steering).draw(3000, seeded()).z
    density, tail = math.exp(-0.5) / math.sqrt(2 * math.pi), 0.5 * math.erfc(1 / math.sqrt(2))
    assert float(z[:, 0].mean()) == pytest.approx(density / tail, abs=0.05)
    assert float(z[:, 1].std()) == pytest.approx(1, abs=0.05)


def test_rejection_starts_around_real_samples_where_all_do(steering: Steering) -> None:
    near = dataclasses.replace(steering, config=steering.config.model_copy(update={"start": "posterior", "start_spread": 1e-6}))
    z = RejectionSampler(near).draw(50, seeded()).z
    nearest = torch.cdist(z, near.q.posteriors.mean).min(1).values
    assert float(nearest.max()) < 0.01, "others are some 0.5 away"
    assert (z[:, 0] > 1).all()


def test_the_class_prior_has_the_moments_of_what_satisfies(steering: Steering) -> None:
    fitted, real = (SAMPLERS[name](steering).draw(4000, seeded()).z for name in ("class-prior", "rejection"))
    assert fitted.mean(0) == pytest.approx(real.mean(0), abs=0.15)
    assert fitted.std(0) == pytest.approx(real.std(0), abs=0.15)


@pytest.mark.parametrize("name", ["class-prior", "mixture"])
def test_a_gaussian_of_a_large_z_is_fitted_without_its_covariance(
    steering: Steering, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = SAMPLERS[name](steering).draw(4000, seeded()).z
    monkeypatch.setattr(samplers, "MOST_DENSE", 5)
    monkeypatch.setattr(torch, "cov", lambda *_: pytest.fail("a covariance of all pairs is built"))
    sampler = SAMPLERS[name](steering)
    z = sampler.draw(4000, seeded()).z
    assert torch.equal(sampler.draw(4000, seeded()).z, z)
    assert z.mean(0) == pytest.approx(dense.mean(0), abs=0.08)
    assert z.std(0) == pytest.approx(dense.std(0), abs=0.08)


def test_what_critics_doubt_most_is_not_drawn(steering: Steering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samplers, "multiplies_bf16", lambda device: False)
    monkeypatch.setattr(steering, "config", steering.config.model_copy(update={"proposals": 1.49}))
    moved = steering.actor(steering.start(75, seeded())).detach()
    critic, _ = steering.critics["right"]
    doubted = F.softplus(-critic(moved)).detach()
    monkeypatch.setattr(samplers, "TRUSTED", float(doubted.quantile(0.5)))
    drawn = ActorSampler(steering).draw(50, seeded())
    surest = doubted.argsort()[:50].sort().values
    assert torch.allclose(moved[surest], drawn.z, atol=1e-6), "in the order they were drawn in"
    assert torch.allclose(steering.actor(drawn.start), drawn.z, atol=1e-6)
    monkeypatch.setattr(samplers, "TRUSTED", float(doubted.quantile(0.8)))
    first = (doubted <= samplers.TRUSTED).nonzero()[:50, 0]
    assert torch.allclose(moved[first], ActorSampler(steering).draw(50, seeded()).z, atol=1e-6), "by chance"
    monkeypatch.setattr(steering, "config", steering.config.model_copy(update={"proposals": 1.0}))
    everything = steering.actor(steering.start(50, seeded()))
    assert torch.allclose(ActorSampler(steering).draw(50, seeded()).z, everything, atol=1e-6)


def test_bfloat16_draws_what_float32_draws_but_for_rounding(steering: Steering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samplers, "multiplies_bf16", lambda device: True)
    drawn = ActorSampler(steering).draw(50, seeded())
    assert drawn.z.dtype == torch.float32
    assert torch.allclose(steering.actor(drawn.start), drawn.z, atol=0.03)
    monkeypatch.setattr(samplers, "multiplies_bf16", lambda device: False)
    exact = {tuple(row) for row in ActorSampler(steering).draw(50, seeded()).start.tolist()}
    assert len(exact & {tuple(row) for row in drawn.start.tolist()}) >= 47, "but for close calls the same ones are kept"


@pytest.mark.parametrize("name", ["gradient", "ode"])
def test_following_the_critics_lowers_their_energy(steering: Steering, name: str) -> None:
    start, z = SAMPLERS[name](steering).draw(200, seeded())
    assert float((steering.energy(z) < steering.energy(start)).float().mean()) > 0.9


def test_strength_leads_from_the_noise_to_the_sample(steering: Steering) -> None:
    finished = FinishedRun(RunConfig(constraints=(Wish(constraint="half-space"),)), steering.labeller.model, steering)
    start, z = ActorSampler(steering).draw(50, seeded(1))
    for strength, latents in ((0.0, start), (0.5, (start + z) / 2), (1.0, z)):
        torch.testing.assert_close(torch.tensor(finished.sample(50, seed=1, strength=strength)), 2 * latents)
    assert finished.sample(50, seed=1) == finished.model.decode(z)


def test_what_hardly_ever_satisfies_is_said_to(steering: Steering) -> None:
    labeller = Labeller(steering.labeller.model, {"right": HalfSpace(bound=1e9)})
    never = dataclasses.replace(steering, labeller=labeller)
    with pytest.raises(RunError, match=r"Only 0 of .* samples satisfy; 5 were asked for"):
        RejectionSampler(never).draw(5, seeded())
    with pytest.raises(RunError, match="nothing to fit to"):
        SAMPLERS["class-prior"](never)


@pytest.mark.parametrize(
    ("drawn_first", "most", "labelled"),
    [(4000, 20_000, [1000] * 20), (2500, 3200, [1000, 1000, 500, 700]), (600, 1200, [600, 600]), (900, 700, [700])],
)
def test_no_more_is_labelled_than_allowed(steering: Steering, drawn_first: int, most: int, labelled: list[int]) -> None:
    config = GanConfig(posterior_labels=drawn_first, max_posterior_labels=most, start_labels=10)
    asked: list[int] = []

    class Noticing(Labeller):
        def __call__(self, z: torch.Tensor, only: object = None) -> Labelled:
            asked.append(len(z))
            return Labelled(z, [], torch.zeros(len(z), 1))

    labeller = Noticing(LinearModel(6), {"right": HalfSpace()})
    with pytest.raises(TrainingError, match=f"of {most + 10} decoded"):
        label_first(labeller, ["right"], steering.q, config, seeded(), lambda what, share: None)
    assert asked == [10, *labelled]
    asked.clear()
    with pytest.raises(RunError, match=f"0 of {most} samples satisfy"):
        SAMPLERS["class-prior"](dataclasses.replace(steering, labeller=labeller, config=config))
    assert asked == labelled


def test_an_optional_library_that_is_not_there(steering: Steering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torchdiffeq", None)
    with pytest.raises(RunError, match=r"ode needs torchdiffeq: pip install .lcgan-core.bench."):
        SAMPLERS["ode"](steering).draw(5, seeded())


@pytest.mark.usefixtures("linear_plugin")
def test_a_run_is_sampled_by_each(run_lcgan: Lcgan) -> None:
    ran = run_lcgan("run", "--model", "linear:4", "--constraint", "half-space", *QUICK_GAN, "--samples", "50")
    assert ran.exit_code == 0, ran.output
    for name in SAMPLERS:
        ran = run_lcgan("sample", "runs/half-space", "-n", "7", "--sampler", name)
        assert ran.exit_code == 0, ran.output
        assert len(ran.stdout.splitlines()) == 7
    assert Path("runs/half-space/result.json").is_file()
    refused = run_lcgan("sample", "runs/half-space", "--sampler", "magic")
    assert "No sampler 'magic'. There are: actor, start, rejection" in refused.stderr
