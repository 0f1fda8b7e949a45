"""A change of coordinates of a trained VAE's latent space, after which the prior N(0, I) fits q(z)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..latent_model import Posterior
from .aggregate_posterior import AggregatePosterior


@torch.no_grad()
def whiten(posteriors: Posterior, to_posterior: nn.Linear, readers: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Maps z linearly, in place, so that q(z), known by ``posteriors`` of real samples, gets mean 0 and covariance I.

    ``to_posterior`` is the layer that gives the means and log standard deviations of z, and ``readers`` the weights
    ``[..., latent_dim]`` and biases of the layers that read z. Posterior means decode to what they did. Of the posteriors'
    covariances, the diagonal of their inverse is kept: the nearest independent Gaussian (Bishop 2006, section 10.1.2), up to
    one factor for each dimension.
    """
    q, latent_dim = AggregatePosterior(posteriors), posteriors.mean.shape[1]
    variances, directions = torch.linalg.eigh(q.covariance)
    there = directions @ variances.rsqrt().diag() @ directions.T
    back = directions @ variances.sqrt().diag() @ directions.T
    std = (posteriors.std.square().reciprocal() @ back.square()).rsqrt()
    to_posterior.weight[:latent_dim] = there @ to_posterior.weight[:latent_dim]
    to_posterior.bias[:latent_dim] = there @ (to_posterior.bias[:latent_dim] - q.mean)
    to_posterior.bias[latent_dim:] += (std / posteriors.std).log().mean(0)
    for weight, bias in readers:
        bias.add_(weight @ q.mean)
        weight.copy_(weight @ back)
