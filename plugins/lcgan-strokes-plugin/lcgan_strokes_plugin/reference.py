"""Where real drawings have their ink: for a Fréchet distance, and to tell copies of training drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lcgan_core import Beside, Strokes
from lcgan_core.support.files import whole

from .drawing import SIDE, SPACING, lines_of, resampled

REFERENCE = "reference.safetensors"
FRECHET = "Fréchet distance"

CELLS = 16
"""Cells on each side of the square in which ink is counted. Arbitrary: the strokes of a complex character are about a cell
apart."""
COMPONENTS = 48
"""Principal components of ink that are compared, a byte each. Arbitrary: they hold most of KanjiVG's variance."""
LEVELS = 127
NEAR = 0.05
"""Share of held-out drawings that count as near a training drawing: the nearest of all. Arbitrary."""
MOST_COMPARED = 2000
"""Maximum number of drawings that are compared with all training drawings."""
BATCH = 1000


@dataclass(frozen=True)
class Reference:
    """Where the ink of the training drawings is, in principal components of ``ink``."""

    centre: Tensor
    """The mean training drawing, ``[CELLS²]``."""
    directions: Tensor
    """``[CELLS², components]``"""
    training: Tensor
    """The training drawings in whole steps along the components: int8 ``[drawings, components]``."""
    step: float
    near: float
    """Distance below which a drawing is near a training drawing."""

    @classmethod
    def of(cls, training: Sequence[Any], held_out: Sequence[Any]) -> Reference:
        """The reference of ``training`` drawings; what to expect of real ones is measured on ``held_out`` ones."""
        inked = ink(training)
        centre = inked.mean(0)
        directions = torch.linalg.eigh(torch.cov(inked.T)).eigenvectors[:, -COMPONENTS:]
        along = (inked - centre) @ directions
        step = float(along.abs().max()) / LEVELS
        known = cls(centre, directions, (along / step).round().to(torch.int8), step, 0.0)
        return replace(known, near=float(known.distances(held_out[:MOST_COMPARED]).quantile(NEAR)))

    def frechet(self, drawings: Sequence[Any]) -> float:
        """|m - m'|² + tr(C + C' - 2 (C C')^½) of Gaussians fitted to the components of training drawings and of ``drawings``
        (Heusel et al. 2017, arXiv 1706.08500)."""
        here, there = (self.step * self.training).double(), self._along(drawings).double()
        here_covariance, there_covariance = torch.cov(here.T), torch.cov(there.T)
        values, vectors = torch.linalg.eigh(here_covariance)
        root = vectors * values.clamp(min=0).sqrt() @ vectors.T
        cross = torch.linalg.eigvalsh(root @ there_covariance @ root).clamp(min=0).sqrt().sum()
        apart = (here.mean(0) - there.mean(0)).square().sum()
        return max(0.0, float(apart + here_covariance.trace() + there_covariance.trace() - 2 * cross))

    def distances(self, drawings: Sequence[Any]) -> Tensor:
        """Of each drawing, the distance to the nearest training drawing: ``[n]``."""
        training = self.training.float() * self.step
        nearest = [torch.cdist(part, training).amin(1) for part in self._along(drawings).split(BATCH)]
        return torch.cat(nearest) if len(drawings) else torch.empty(0)

    def near_copies(self, drawings: Sequence[Any]) -> Beside:
        """The share of the first ``MOST_COMPARED`` drawings that are nearer to a training drawing than all but ``NEAR`` of
        held-out drawings are."""
        return Beside(share=float((self.distances(drawings[:MOST_COMPARED]) < self.near).float().mean()), expected=NEAR)

    def _along(self, drawings: Sequence[Any]) -> Tensor:
        return (ink(drawings) - self.centre) @ self.directions

    def save(self, path: Path) -> None:
        """Writes a safetensors file."""
        tensors = {name: getattr(self, name).contiguous() for name in TENSORS}
        with whole(path) as unfinished:
            save_file(tensors, unfinished, metadata={name: repr(getattr(self, name)) for name in NUMBERS})

    @classmethod
    def load(cls, path: Path) -> Reference:
        """What ``save`` wrote; raises whatever the reader of the format raises."""
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            centre, directions, training = (file.get_tensor(name) for name in TENSORS)
        step, near = (float(metadata[name]) for name in NUMBERS)
        return cls(centre, directions, training, step, near)


TENSORS = ("centre", "directions", "training")
NUMBERS = ("step", "near")


def ink(drawings: Sequence[Any]) -> Tensor:
    """How much of the lines is in each cell of the square that the drawing fills: float32 ``[n, CELLS²]``, where 1 is a line
    from side to side of a cell. Ink between the centres of cells is shared among them."""
    found = np.zeros((len(drawings), CELLS + 1, CELLS + 1), np.float32)
    for cells, drawing in zip(found, drawings, strict=True):
        lines = lines_of(Strokes.array(drawing))
        if not lines:
            continue
        everything = np.concatenate(lines)
        low, high = everything.min(0), everything.max(0)
        zoom = SIDE / (float((high - low).max()) or 1.0)
        points = np.concatenate([resampled((line - (low + high) / 2) * zoom) for line in lines])
        where = (points / SIDE + 0.5).clip(0, 1) * (CELLS - 1)
        whole_part = where.astype(int)
        column, row = whole_part.T
        right, down = (where - whole_part).T
        for rows, columns, share in (
            (row, column, (1 - down) * (1 - right)),
            (row, column + 1, (1 - down) * right),
            (row + 1, column, down * (1 - right)),
            (row + 1, column + 1, down * right),
        ):
            np.add.at(cells, (rows, columns), share * SPACING * CELLS / SIDE)
    return torch.from_numpy(found[:, :CELLS, :CELLS].reshape(len(drawings), -1).copy())
