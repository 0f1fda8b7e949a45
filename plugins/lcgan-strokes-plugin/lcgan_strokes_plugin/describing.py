"""A few numbers that describe a drawing as a person sees it: what labels are learned from, beside the latent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from lcgan_core import Strokes

from .drawing import lines_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

DESCRIPTIONS = (
    "log of strokes",
    "log of movements in a stroke",
    "log of width to height",
    "log of the length of all lines, in diagonals of the drawing",
    "share of lines that are level",
    "share of lines that are upright",
    "left of the middle",
    "above the middle",
    "share of lines in the middle",
)
"""What ``described`` tells."""
LEVEL = 0.35
"""Slope up to which a line is level, or upright. Arbitrary."""
CORE = 0.25
"""Half the width and height of the middle, as shares of the drawing's. Arbitrary."""


QUANTILES = 200
"""Steps in which descriptions are compared with those of training drawings. Arbitrary: finer than a few dozen labels tell."""


def quantiles_of(descriptions: Tensor) -> Tensor:
    """Where ``descriptions`` ``[n, len(DESCRIPTIONS)]`` lie: ``[QUANTILES + 1, len(DESCRIPTIONS)]``, in ascending order."""
    return torch.quantile(descriptions, torch.linspace(0, 1, QUANTILES + 1), dim=0).contiguous()


def ranked(descriptions: Tensor, quantiles: Tensor) -> Tensor:
    """The rank of each description among those that ``quantiles`` are of, from -1.7 to 1.7: evenly spread, with variance 1.

    In ranks no description is so extreme that a sum of them forgets the others: that a drawing has two strokes does not make up
    for its being narrow.
    """
    given, known = descriptions.T.contiguous(), quantiles.T.contiguous()
    below, not_above = torch.searchsorted(known, given), torch.searchsorted(known, given, right=True)
    share = (below + not_above) / (2 * len(quantiles))
    return (12**0.5 * (share - 0.5)).T


def described(drawings: Sequence[Any]) -> Tensor:
    """``DESCRIPTIONS`` of each drawing of any size: float32 ``[n, len(DESCRIPTIONS)]``."""
    rows = [_described(Strokes.array(drawing)) for drawing in drawings]
    return torch.tensor(np.array(rows, np.float32).reshape(len(rows), len(DESCRIPTIONS)))


def _described(moves: Any) -> NDArray[np.float64]:
    lines = lines_of(moves)
    if not lines:
        return np.zeros(len(DESCRIPTIONS))
    points = np.concatenate(lines)
    low, high = points.min(0), points.max(0)
    extent = np.maximum(high - low, 0.02 * float((high - low).max()) or 1.0)
    steps = np.concatenate([np.diff(line, axis=0) for line in lines])
    middles = np.concatenate([(line[1:] + line[:-1]) / 2 for line in lines])
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    total = float(lengths.sum()) or 1.0
    across, down = np.abs(steps).T
    off = (middles - (low + high) / 2) / extent
    return np.array(
        [
            np.log(len(lines)),
            np.log(len(points) / len(lines)),
            np.log(extent[0] / extent[1]),
            np.log(0.1 + total / float(np.hypot(*extent))),
            lengths[down <= LEVEL * across].sum() / total,
            lengths[across <= LEVEL * down].sum() / total,
            (lengths * off[:, 0]).sum() / total,
            (lengths * off[:, 1]).sum() / total,
            lengths[(np.abs(off) < CORE).all(1)].sum() / total,
        ]
    )
