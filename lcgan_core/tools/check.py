"""``lcgan check``: whether a model can be constrained at all, and what realism alone would repair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean as mean
from typing import Any

import torch
from torch import Tensor

from ..engine.aggregate_posterior import AggregatePosterior
from ..engine.gan import generator_of, train
from ..engine.labelling import Labeller
from ..engine.networks import GanConfig
from ..engine.samplers import ActorSampler, Steering
from ..latent_model import LatentModel
from .bench import frechet_distance, two_sample_auc

CONFIDENCE_WEIGHT = 0.15
"""Of the realism-only actor. It has no wish to meet; without confidence what it makes is real in z, but reads worse.
Measured on reviews: with this weight, 1.14 times the perplexity of reconstructions."""

KEPT = 0.5
"""Closeness of samples to their own reconstruction below which edits and labels mean little. Arbitrary."""


def check(
    model: LatentModel[Any],
    held_out: Sequence[Any] = (),
    n: int = 1000,
    seed: int = 0,
    on_progress: Callable[[str, float], None] = lambda what, share: None,
) -> dict[str, Any]:
    """Figures of a frozen model, for n samples of each kind; real latents are those that the model brings.

    ``reconstruction`` is the closeness of ``held_out`` samples to what the model makes of them, and without any, of decoded
    posterior means; None where the model has no encoder. ``latents`` are draws of the prior and of a realism-only actor beside
    q(z), and ``quality`` has their samples' figures beside those of decoded posterior draws and means; ``memory`` tells how
    much of them is remembered. Where the model knows no real data, q(z) is the prior, and ``active_units`` and ``kl`` are None.
    """
    kind, real_posteriors = model.sample_kind, model.real_posteriors()
    q, generator = AggregatePosterior.of(model), generator_of(seed, "check")
    means = q.posteriors.mean if q.knows_real else torch.randn(n, model.latent_dim, generator=generator)
    from_means = model.decode(means[torch.randperm(len(means), generator=generator)[:n]])
    known = list(held_out) or from_means
    reconstructed = model.decode(model.encode(known).mean) if model.encodes else None

    labeller = Labeller(model, {})
    config = GanConfig(
        realism_weight=1.0,
        confidence_weight=CONFIDENCE_WEIGHT,
        distance_weight=0.0,
        keep_weight=0.0,
        proposals=1,
    )
    state = train(labeller, {}, config, seed, on_progress=on_progress)
    steering = Steering.trained(labeller, {}, config, state)

    prior, real = steering.noise(n, generator), q.draw(n, generator)
    repaired = ActorSampler(steering).draw(n, generator).z
    on_progress("evaluation", 0.0)
    decoded = {
        "reconstruction": from_means,
        "posterior": model.decode(real),
        "prior": model.decode(prior),
        "repaired": model.decode(repaired),
    }
    return {
        "latent_dim": model.latent_dim,
        "active_units": real_posteriors.active_units if real_posteriors else None,
        "kl": real_posteriors.kl if real_posteriors else None,
        "reconstruction": mean(kind.closeness(known, reconstructed)) if reconstructed else None,
        "latents": {name: _beside(z, q.draw(n, generator)) for name, z in (("prior", prior), ("repaired", repaired))},
        "quality": {name: model.quality(samples) for name, samples in decoded.items()},
        "memory": {name: told for name, samples in decoded.items() if (told := model.memory(samples))},
        "unique": {name: kind.unique(samples) for name, samples in decoded.items()},
    }


def _beside(z: Tensor, real: Tensor) -> dict[str, float]:
    return {"two_sample_auc": two_sample_auc(z, real), "frechet": frechet_distance(z, real)}


def verdict(figures: dict[str, Any]) -> list[str]:
    """What the figures mean for someone who wants to constrain this model, a sentence each."""
    said = []
    active, dim = figures["active_units"], figures["latent_dim"]
    if active is not None and active < dim / 2:
        said.append(f"Only {active} of {dim} latent dimensions carry anything: train with a lower kl_weight.")
    if figures["reconstruction"] is None:
        said.append("The model has no encoder: it can be steered, but samples of yours can be neither edited nor learned from.")
    elif figures["reconstruction"] < KEPT:
        said.append(
            f"Reconstructions keep {figures['reconstruction']:.0%} of a sample: edits and labels mean little on this model. "
            "Train longer, or with a lower kl_weight."
        )
    auc = {name: row["two_sample_auc"] for name, row in figures["latents"].items()}
    said.append(
        f"A classifier tells prior noise from real latents with AUC {auc['prior']:.2f}, and what the realism critic makes of "
        f"it with {auc['repaired']:.2f} (0.5: not at all)."
    )
    return said
