"""q(z), the latents of real data."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import torch
from torch import Generator, Tensor

from ..latent_model import LatentModel, Posterior

MOST_DENSE = 2048
"""Maximum dimension of z for which the full covariance is built: 16 MB in float32, inverted in under a second. Larger latents
use variances only: the covariance of a 4 x 64 x 64 latent would take 1 GB, and minutes."""


class AggregatePosterior:
    """q(z) of real data: the mixture of all posteriors. It gives latents and measures drift."""

    def __init__(self, posteriors: Posterior) -> None:
        self.posteriors = posteriors
        self.average_std = posteriors.std.mean(0)
        self.mean = posteriors.mean.mean(0)
        self.variance = posteriors.mean.var(0, correction=int(self.knows_real)) + posteriors.std.square().mean(0)

    @classmethod
    def of(cls, model: LatentModel[Any]) -> Self:
        """q(z) of the real data that ``model`` knows. If it knows none: N(0, I), as the posterior of one unknown sample."""
        known = model.real_posteriors()
        if known is None:
            known = Posterior(torch.zeros(1, model.latent_dim), torch.ones(1, model.latent_dim))
        return cls(Posterior(*(part.to(model.device) for part in known)))

    @property
    def knows_real(self) -> bool:
        """Whether this is q(z) of real samples, rather than N(0, I) in its place."""
        return len(self.posteriors.mean) > 1

    def draw(self, n: int, generator: Generator, weights: Tensor | None = None, spread: float = 1.0) -> Tensor:
        """n latents ``[n, latent_dim]`` of real samples, which are chosen uniformly or in proportion to ``weights``.

        If there are enough samples, hardly any is chosen twice (stratified resampling: Kitagawa 1996). Each latent has fresh
        noise.
        """
        shares = (torch.ones(len(self.posteriors.mean)) if weights is None else weights.cpu()).double().cumsum(0)
        evenly = (torch.randperm(n, generator=generator) + torch.rand(n, generator=generator, dtype=torch.float64)) / n
        rows = torch.searchsorted(shares, evenly * shares[-1], right=True).clamp(max=len(shares) - 1)
        return self.draw_of(rows, generator, spread)

    def draw_of(self, rows: Tensor, generator: Generator, spread: float = 1.0) -> Tensor:
        """One latent for each of ``rows``, the indices of real samples: ``[rows, latent_dim]``.

        A ``spread`` above 1 widens each posterior by that factor: draws lie between real samples more often than on them.
        """
        rows = rows.to(self.mean.device)
        return Posterior(self.posteriors.mean[rows], spread * self.posteriors.std[rows]).draw(generator)

    @cached_property
    def covariance(self) -> Tensor:
        """``[latent_dim, latent_dim]``"""
        between = torch.cov(self.posteriors.mean.T).reshape(len(self.mean), -1)
        return between + self.posteriors.std.square().mean(0).diag()

    @cached_property
    def precision(self) -> Tensor:
        """The inverse of ``covariance``."""
        found: Tensor = torch.linalg.inv(self.covariance)
        return found

    def drift(self, z: Tensor) -> float:
        """Mean squared Mahalanobis distance per dimension: about 1 for draws from q(z), more outside it.

        Beyond ``MOST_DENSE`` dimensions it ignores correlations, which does not change the value for draws from q(z).
        """
        centred = z - self.mean
        dense = self.knows_real and len(self.mean) <= MOST_DENSE
        scaled = centred @ self.precision if dense else centred / self.variance
        return float((scaled * centred).sum(1).mean() / z.shape[1])
