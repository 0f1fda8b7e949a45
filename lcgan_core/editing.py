"""A user's own samples, moved just far enough to satisfy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .constraint import SATISFIED
from .errors import RunError
from .labelling import scores
from .sampling import FinishedRun

MOVES = (0.4, 0.7, 1.0, 1.3)
"""Shares of the actor's move that are tried: what lies between a sample and where the actor would take it, and a bit beyond."""
DRAWS = 4
"""Points of the posterior of a sample that are moved; the first is its mean."""
RECOGNISED = 0.3
"""Closeness of a sample's reconstruction below which the model does not know that sample well enough to edit it."""


@dataclass
class Edit:
    """What became of a sample."""

    before: Any
    after: Any
    status: str
    """``edited``; ``kept``: it satisfied already; ``missed``: the best candidate does not satisfy; ``unknown``: the model
    cannot even reconstruct it, ``after`` is what it makes of it."""
    value: float
    """The least of the constraints' values of ``after``."""
    closeness: float
    """How much of ``before`` is in ``after``, in [0, 1]."""
    candidates: list[Any]
    """Other edits, the best first."""


def edit(finished: FinishedRun, samples: Sequence[Any], strength: float = 0.7, seed: int = 0) -> list[Edit]:
    """An edit of each sample. ``strength`` in [0, 1] says what counts among candidates: 0 closeness alone, 1 the wish alone.

    Raises ``RunError`` where the strength is outside of that.
    """
    if not 0 <= strength <= 1:
        raise RunError(
            f"The strength {strength} is not in [0, 1]: 0 keeps as much as possible, 1 satisfies as much as possible."
        )
    if not samples:
        return []
    model = finished.model
    posterior = model.encode(samples)
    reconstructed = model.decode(posterior.mean)
    known = model.closeness(samples, reconstructed)
    already = least_values(finished, samples)
    moved = candidates(finished, posterior.mean, posterior.std, torch.Generator().manual_seed(seed))
    decoded = model.decode(moved.flatten(0, 1))
    values, each = least_values(finished, decoded), moved.shape[1]
    edits = []
    for i, sample in enumerate(samples):
        if already[i] >= SATISFIED:
            edits.append(Edit(sample, sample, "kept", already[i], 1.0, []))
            continue
        mine = range(i * each, (i + 1) * each)
        close = dict(zip(mine, model.closeness([sample] * each, [decoded[j] for j in mine]), strict=True))
        ranked = sorted(mine, key=lambda j: -(strength * values[j] + (1 - strength) * close[j]))
        best = ranked[0]
        status = "unknown" if known[i] < RECOGNISED else "edited" if values[best] >= SATISFIED else "missed"
        if status == "unknown":
            (value,) = least_values(finished, [reconstructed[i]])
            edits.append(Edit(sample, reconstructed[i], status, value, known[i], []))
        else:
            others = list(dict.fromkeys(decoded[j] for j in ranked if decoded[j] != decoded[best]))
            edits.append(Edit(sample, decoded[best], status, values[best], close[best], others))
    return edits


@torch.no_grad()
def candidates(finished: FinishedRun, mean: Tensor, std: Tensor, generator: torch.Generator) -> Tensor:
    """Moved latents ``[n, candidates, latent_dim]`` of posteriors ``[n, latent_dim]``."""
    noise = torch.randn(len(mean), DRAWS, mean.shape[1], generator=generator)
    noise[:, 0] = 0
    start = mean[:, None] + 0.5 * std[:, None] * noise
    far = finished.steering.actor(start.flatten(0, 1)).reshape(start.shape)
    return torch.cat([torch.lerp(start, far, share) for share in MOVES], dim=1)


def least_values(finished: FinishedRun, samples: Sequence[Any]) -> list[float]:
    """The least of the constraints' values of each sample: all of them must hold."""
    found = [scores(constraint, samples) for constraint in finished.steering.labeller.constraints]
    return [min(row) for row in zip(*found, strict=True)]


def interpolate(finished: FinishedRun, first: Any, last: Any, steps: int = 7) -> list[tuple[Any, float]]:
    """Samples on the straight way between two samples' posterior means, both ends' reconstructions included, with values."""
    ends = finished.model.encode([first, last]).mean
    decoded = finished.model.decode(torch.lerp(ends[0], ends[1], torch.linspace(0, 1, steps)[:, None]))
    return list(zip(decoded, least_values(finished, decoded), strict=True))
