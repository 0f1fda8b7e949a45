"""A drawing as the model has it: simplified lines in a square of 256 x 256 whole steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.float64]
    """``[points, 2]``"""
    Moves = NDArray[np.float32]
    """Movements as in ``lcgan_core.Strokes``, ``[movements, 3]``: whole numbers dx and dy, and 1 where the pen is lifted."""

SIDE = 255
"""Length of the longer side of a drawing, as in the simplified drawings of QuickDraw."""
SPACING = 3.0
"""Distance between points along a line before it is simplified. Arbitrary: about the tolerance."""


def moves_of(lines: Sequence[Points], tolerance: float) -> Moves:
    """The movements of ``lines``, scaled so that the longer side of the drawing is ``SIDE`` and centred in the square.

    Each line is resampled, and simplified so that no point is off by more than about ``tolerance`` (Ramer 1972, Douglas &
    Peucker 1973). The first movement leads from the centre of the square to the first point.
    """
    lines = [line for line in lines if len(line)]
    if not lines:
        return np.zeros((0, 3), np.float32)
    everything = np.concatenate(lines)
    low, high = everything.min(0), everything.max(0)
    zoom = SIDE / (float((high - low).max()) or 1.0)
    centre = (low + high) / 2
    kept = [_apart(np.round(simplified(resampled((line - centre) * zoom), tolerance))) for line in lines]
    points = np.concatenate(kept)
    moves = np.zeros((len(points), 3), np.float32)
    moves[:, :2] = np.diff(points, axis=0, prepend=0.0)
    moves[np.cumsum([len(line) for line in kept]) - 1, 2] = 1
    return moves


def _apart(line: Points) -> Points:
    """The line without points that repeat the one before: a tiny line is a dot."""
    rows = [0, *(1 + np.flatnonzero(np.diff(line, axis=0).any(axis=1)))]
    kept: Points = line[rows]
    return kept


def lines_of(moves: Any) -> list[Points]:
    """The lines between the liftings of the pen."""
    points = moves[:, :2].astype(np.float64).cumsum(0)
    return [line for line in np.split(points, np.flatnonzero(moves[:, 2]) + 1) if len(line)]


def resampled(line: Points) -> Points:
    """Points ``SPACING`` apart, or a bit less, along the line; both ends stay."""
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    along = np.append(0.0, lengths.cumsum())
    if not along[-1]:
        return line[:1]
    where = np.linspace(0, along[-1], 1 + int(np.ceil(along[-1] / SPACING)))
    return np.stack([np.interp(where, along, line[:, axis]) for axis in range(2)], axis=1)


def simplified(line: Points, tolerance: float) -> Points:
    """The points from which no other is farther than ``tolerance``, by the method of Ramer, Douglas and Peucker."""
    kept = np.zeros(len(line), bool)
    kept[[0, -1]] = True
    open_ends = [(0, len(line) - 1)]
    while open_ends:
        first, last = open_ends.pop()
        if last - first < 2:  # nothing is between
            continue
        along = line[last] - line[first]
        between = line[first + 1 : last] - line[first]
        length = float(np.hypot(*along))
        if length:
            off = np.abs(along[0] * between[:, 1] - along[1] * between[:, 0]) / length
        else:  # a closed line
            off = np.hypot(between[:, 0], between[:, 1])
        farthest = int(off.argmax())
        if off[farthest] > tolerance:
            middle = first + 1 + farthest
            kept[middle] = True
            open_ends += [(first, middle), (middle, last)]
    return line[kept]
