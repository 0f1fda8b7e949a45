"""``lcgan check``: whether a model can be constrained at all, and how much realism alone would repair."""

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
from ..figures import Beside, Merit, Record
from ..latent_model import LatentModel, memory_of
from ..runs.evaluation import quality_by_figure
from .bench import frechet_distance, two_sample_auc

NATURALNESS_WEIGHT = 0.15
"""Naturalness weight for the realism-only actor, which has no constraint to satisfy. Arbitrary."""

KEPT = 0.5
"""Closeness of samples to their reconstructions below which edits and labels mean little. Arbitrary."""


class Apart(Record):
    """How far latents are from those of real data."""

    two_sample_auc: float
    """How well a classifier distinguishes the two; 0.5 is chance."""
    frechet: float
    """Fréchet distance."""


class Decoded(Merit):
    """A figure for samples, by the latents they were decoded from."""

    reconstruction: float | None = None
    """Posterior means."""
    posterior: float | None = None
    """Draws from q(z)."""
    prior: float | None = None
    """Noise, z ~ N(0, I)."""
    repaired: float | None = None
    """Noise, moved by an actor that was trained only for realism and naturalness."""


class Check(Record):
    """Figures for a frozen model. Real latents, q(z), come from the model's real data; if it knows none, from N(0, I)."""

    latent_dim: int
    active_units: int | None
    """None if the model knows no real data."""
    kl: float | None
    """In nats; None if the model knows no real data."""
    reconstruction: float | None
    """Closeness of samples to their reconstructions; None if the model has no encoder."""
    prior: Apart
    repaired: Apart
    quality: dict[str, Decoded]
    """The model's own figures for its samples, by name."""
    memory: dict[str, dict[str, Beside]]
    """The model's own figures for how many samples are remembered, by the latents they were decoded from, then by name."""
    unique: Decoded
    """Share of distinct samples."""


def check(
    model: LatentModel[Any],
    held_out: Sequence[Any] = (),
    n: int = 1000,
    seed: int = 0,
    on_progress: Callable[[str, float], None] = lambda what, share: None,
) -> Check:
    """Figures for a frozen model, from n samples of each kind.

    Reconstruction is measured on ``held_out`` samples or, if there are none, on decoded posterior means.
    """
    kind, real_posteriors = model.sample_kind, model.real_posteriors()
    q, generator = AggregatePosterior.of(model), generator_of(seed, "check")
    means = q.posteriors.mean if q.knows_real else torch.randn(n, model.latent_dim, generator=generator).to(model.device)
    from_means = model.decode(means[torch.randperm(len(means), generator=generator)[:n].to(model.device)])
    known = list(held_out) or from_means
    reconstructed = model.decode(model.encode(known).mean) if model.encodes else None

    labeller = Labeller(model, {})
    config = GanConfig(
        realism_weight=1.0,
        naturalness_weight=NATURALNESS_WEIGHT,
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
    return Check(
        latent_dim=model.latent_dim,
        active_units=real_posteriors.active_units if real_posteriors else None,
        kl=real_posteriors.kl if real_posteriors else None,
        reconstruction=mean(kind.closeness(known, reconstructed)) if reconstructed else None,
        prior=_apart(prior, q.draw(n, generator)),
        repaired=_apart(repaired, q.draw(n, generator)),
        quality=quality_by_figure(model, decoded, Decoded),
        memory={name: told for name, samples in decoded.items() if (told := memory_of(model, samples))},
        unique=Decoded(**{name: kind.unique(samples) for name, samples in decoded.items()}),
    )


def _apart(z: Tensor, real: Tensor) -> Apart:
    return Apart(two_sample_auc=two_sample_auc(z, real), frechet=frechet_distance(z, real))


def verdict(found: Check) -> list[str]:
    """What the figures mean for someone who wants to constrain this model, as a list of messages."""
    said = []
    if found.active_units is not None and found.active_units < found.latent_dim / 2:
        said.append(
            f"Only {found.active_units} of {found.latent_dim} latent dimensions carry information. "
            "Train with a lower kl_weight."
        )
    if found.reconstruction is None:
        said.append("The model has no encoder: it can be steered, but it can neither edit your samples nor learn from them.")
    elif found.reconstruction < KEPT:
        said.append(
            f"Reconstructions keep only {found.reconstruction:.0%} of a sample: edits and labels mean little on this model. "
            "Train longer, or with a lower kl_weight."
        )
    said.append(
        f"A classifier tells prior noise from real latents with AUC {found.prior.two_sample_auc:.2f}, and noise moved by a "
        f"realism-only actor with AUC {found.repaired.two_sample_auc:.2f} (0.5 is chance)."
    )
    return said
