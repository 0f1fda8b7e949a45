"""Labels for latents: decode each z, and ask every constraint about the sample that comes out of that very z."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .constraint import Constraint, evaluate
from .latent_model import LatentModel


class Labelled(NamedTuple):
    """Latents ``[n, latent_dim]``, their decoded samples, and the constraints' values of those ``[n, constraints]``."""

    z: Tensor
    samples: list[Any]
    values: Tensor

    @property
    def satisfied(self) -> Tensor:
        """Whether all constraints hold, ``[n]``: each value is at least 0.5."""
        return (self.values >= 0.5).all(1)


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
