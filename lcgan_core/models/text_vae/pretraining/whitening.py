"""A change of coordinates of a trained VAE's latent space, after which the prior N(0, I) fits q(z)."""

from __future__ import annotations

import torch

from ....engine.aggregate_posterior import AggregatePosterior
from ....latent_model import Posterior
from ..modeling import TextVae


@torch.no_grad()
def whiten(vae: TextVae, posteriors: Posterior) -> None:
    """Maps z linearly, in place, so that q(z), known by ``posteriors`` of real texts, gets mean 0 and covariance I.

    Posterior means decode to what they did. Of the posteriors' covariances, the diagonal of their inverse is kept: the
    nearest independent Gaussian (Bishop 2006, section 10.1.2), up to one factor for each dimension.
    """
    latent, encoder = vae.config.latent_size, vae.to_posterior
    q = AggregatePosterior(posteriors)
    variances, directions = torch.linalg.eigh(q.covariance)
    there = directions @ variances.rsqrt().diag() @ directions.T
    back = directions @ variances.sqrt().diag() @ directions.T
    std = (posteriors.std.square().reciprocal() @ back.square()).rsqrt()
    encoder.weight[:latent] = there @ encoder.weight[:latent]
    encoder.bias[:latent] = there @ (encoder.bias[:latent] - q.mean)
    encoder.bias[latent:] += (std / posteriors.std).log().mean(0)
    for reader in (vae.to_prefix, vae.to_input, vae.to_bag, vae.to_length, vae.to_meaning):
        if reader is not None:
            reader.bias.add_(reader.weight @ q.mean)
            reader.weight.copy_(reader.weight @ back)
