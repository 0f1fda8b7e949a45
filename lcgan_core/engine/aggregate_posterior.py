"""q(z), the latents of real data."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ..latent_model import Posterior


class AggregatePosterior:
    """q(z) of real data: the mixture of all posteriors, to draw from and to measure drift against."""

    def __init__(self, posteriors: Posterior) -> None:
        self.posteriors = posteriors
        self.average_std = posteriors.std.mean(0)
        self.mean = posteriors.mean.mean(0)
        self.covariance = torch.cov(posteriors.mean.T).reshape(len(self.mean), -1) + posteriors.std.square().mean(0).diag()
        self.precision = torch.linalg.inv(self.covariance)

    def draw(self, n: int, generator: Generator, weights: Tensor | None = None, spread: float = 1.0) -> Tensor:
        """n latents ``[n, latent_dim]`` of real samples, each as often as any other or in proportion to ``weights``, and hardly
        one twice where there are enough (stratified resampling: Kitagawa 1996); fresh noise each.
        """
        shares = (torch.ones(len(self.posteriors.mean)) if weights is None else weights).double().cumsum(0)
        evenly = (torch.randperm(n, generator=generator) + torch.rand(n, generator=generator, dtype=torch.float64)) / n
        rows = torch.searchsorted(shares, evenly * shares[-1], right=True).clamp(max=len(shares) - 1)
        return self.draw_of(rows, generator, spread)

    def draw_of(self, rows: Tensor, generator: Generator, spread: float = 1.0) -> Tensor:
        """A latent for each of ``rows``, real samples by their places: ``[rows, latent_dim]``.

        A ``spread`` above 1 widens each posterior by so much: its draws lie between real samples more often than on them.
        """
        return Posterior(self.posteriors.mean[rows], spread * self.posteriors.std[rows]).draw(generator)

    def drift(self, z: Tensor) -> float:
        """Mean squared Mahalanobis distance a dimension: about 1 for draws of q(z), more outside of it."""
        centred = z - self.mean
        return float(((centred @ self.precision) * centred).sum(1).mean() / z.shape[1])
