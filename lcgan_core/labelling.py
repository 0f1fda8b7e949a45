"""Labels for latents: decode each z, and ask every constraint about the sample that comes out of that very z."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from .constraint import Constraint, evaluate
from .latent_model import LatentModel

SATISFIED = 0.5
"""The value from which on a sample counts as satisfying."""


class Labelled(NamedTuple):
    """Latents ``[n, latent_dim]``, their decoded samples, and the constraints' values of those ``[n, constraints]``."""

    z: Tensor
    samples: list[Any]
    values: Tensor

    @property
    def satisfied(self) -> Tensor:
        """Whether all constraints hold, ``[n]``."""
        return (self.values >= SATISFIED).all(1)


@dataclass
class Labeller:
    """Decodes and scores for one run, and counts the seconds that took."""

    model: LatentModel[Any]
    constraints: Sequence[Constraint]
    seconds: float = 0.0

    def __call__(self, z: Tensor) -> Labelled:
        started = time.perf_counter()
        samples = self.model.decode(z)
        values = torch.tensor([evaluate(constraint, samples) for constraint in self.constraints]).T
        self.seconds += time.perf_counter() - started
        return Labelled(z, samples, values)


@dataclass
class Pool:
    """Labelled latents that the attribute critics learn from."""

    z: Tensor
    values: Tensor

    def add(self, z: Tensor, values: Tensor) -> None:
        self.z = torch.cat([self.z, z])
        self.values = torch.cat([self.values, values])

    def draw(self, constraint: int, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """n latents and their values of one constraint, satisfying and violating ones alike often."""
        values = self.values[:, constraint]
        weights = values / values.sum() + (1 - values) / (1 - values).sum()
        rows = torch.multinomial(weights, n, replacement=True, generator=generator)
        return self.z[rows], values[rows]
