"""A change of coordinates of a trained VAE's latent space, after which the prior N(0, I) fits q(z)."""

from __future__ import annotations

import torch
from torch import Tensor

from ....engine.aggregate_posterior import AggregatePosterior
from ....latent_model import Posterior
from ..modeling import TextVae


@torch.no_grad()
def whiten(vae: TextVae, posteriors: Posterior) -> Posterior:
    """Maps z linearly, in place, so that q(z) gets mean 0 and covariance I; returns ``posteriors`` in the new coordinates.

    Posterior means decode to what they did. Of the posteriors' covariances, the diagonal of their inverse is kept: the
    nearest independent Gaussian (Bishop 2006, section 10.1.2); the encoder tells it up to one factor for each dimension.
    """
    latent, words, states = vae.config.latent_size, vae.config.embedding_size, vae.config.decoder_size
    q = AggregatePosterior(posteriors)
    variances, directions = torch.linalg.eigh(q.covariance)
    there = directions @ variances.rsqrt().diag() @ directions.T
    back = directions @ variances.sqrt().diag() @ directions.T
    std = (posteriors.std.square().reciprocal() @ back.square()).rsqrt()

    encoder = vae.to_posterior
    encoder.weight[:latent] = there @ encoder.weight[:latent]
    encoder.bias[:latent] = there @ (encoder.bias[:latent] - q.mean)
    encoder.bias[latent:] += (std / posteriors.std).log().mean(0)
    weight_ih, _, bias_ih, _ = vae.decoder.all_weights[0]
    read: list[tuple[Tensor, Tensor]] = [
        (weight_ih[:, words:], bias_ih),
        (vae.to_embedding.weight[:, states:], vae.to_embedding.bias),
    ]
    readers = [vae.to_first_state, vae.to_bag, vae.to_length, *([vae.to_meaning] if vae.to_meaning else [])]
    read += [(layer.weight, layer.bias) for layer in readers]
    for weight, bias in read:
        bias += weight @ q.mean
        weight.copy_(weight @ back)
    return Posterior((posteriors.mean - q.mean) @ there, std)
