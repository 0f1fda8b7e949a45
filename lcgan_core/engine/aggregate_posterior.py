"""q(z), the latents of real data."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import torch
from torch import Generator, Tensor

from ..latent_model import LatentModel, Posterior

MOST_DENSE = 2048
"""Dimensions of z up to which a covariance between all pairs of them is built: 16 MB in float32, and below a second to invert.
Beyond, variances stand for it: that of a 4 x 64 x 64 latent would take 1 GB, and minutes."""


class AggregatePosterior:
    """q(z) of real data: the mixture of all posteriors, to draw from and to measure drift against."""

    def __init__(self, posteriors: Posterior) -> None:
        self.posteriors = posteriors
        self.average_std = posteriors.std.mean(0)
        self.mean = posteriors.mean.mean(0)
        self.variance = posteriors.mean.var(0, correction=int(self.knows_real)) + posteriors.std.square().mean(0)

    @classmethod
    def of(cls, model: LatentModel[Any]) -> Self:
        """q(z) of the real data that ``model`` knows. Where it knows none, N(0, I), as the posterior of one unknown sample."""
        known = model.real_posteriors()
        if known is None:
            known = Posterior(torch.zeros(1, model.latent_dim), torch.ones(1, model.latent_dim))
        return cls(Posterior(*(part.to(model.device) for part in known)))

    @property
    def knows_real(self) -> bool:
        """Whether it is of real samples, rather than N(0, I) in their place."""
        return len(self.posteriors.mean) > 1

    def draw(self, n: int, generator: Generator, weights: Tensor | None = None, spread: float = 1.0) -> Tensor:
        """n latents ``[n, latent_dim]`` of real samples, each as often as any other or in proportion to ``weights``, and hardly
        one twice where there are enough (stratified resampling: Kitagawa 1996); fresh noise each.
        """
        shares = (torch.ones(len(self.posteriors.mean)) if weights is None else weights.cpu()).double().cumsum(0)
        evenly = (torch.randperm(n, generator=generator) + torch.rand(n, generator=generator, dtype=torch.float64)) / n
        rows = torch.searchsorted(shares, evenly * shares[-1], right=True).clamp(max=len(shares) - 1)
        return self.draw_of(rows, generator, spread)

    def draw_of(self, rows: Tensor, generator: Generator, spread: float = 1.0) -> Tensor:
        """A latent for each of ``rows``, real samples by their places: ``[rows, latent_dim]``.

        A ``spread`` above 1 widens each posterior by so much: its draws lie between real samples more often than on them.
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
        """Mean squared Mahalanobis distance a dimension: about 1 for draws of q(z), more outside of it.

        Beyond ``MOST_DENSE`` dimensions it leaves out how they vary together, which changes that of draws of q(z) not at all.
        """
        centred = z - self.mean
        dense = self.knows_real and len(self.mean) <= MOST_DENSE
        scaled = centred @ self.precision if dense else centred / self.variance
        return float((scaled * centred).sum(1).mean() / z.shape[1])
