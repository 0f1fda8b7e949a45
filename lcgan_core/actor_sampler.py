"""Drawing from what was trained: noise, moved by the actor, the best of a few proposals by the critics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from .networks import Actor, Critic


@dataclass
class ActorSampler:
    """Draws latents that satisfy; choosing among proposals costs a pass through the critics, and no decoding."""

    actor: Actor
    critics: Sequence[tuple[Critic, float]]
    """Attribute and realism critics with their weights in the actor's loss."""
    latent_dim: int
    proposals: int

    @torch.no_grad()
    def draw(self, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Noise z and moved z', both ``[n, latent_dim]``: of each ``proposals`` the one with the least critics' loss."""
        noise = torch.randn(n * self.proposals, self.latent_dim, generator=generator)
        moved = self.actor(noise)
        loss = sum((weight * F.softplus(-critic(moved)) for critic, weight in self.critics), torch.zeros(len(moved)))
        best = loss.reshape(n, self.proposals).argmin(1) + self.proposals * torch.arange(n)
        return noise[best], moved[best]
