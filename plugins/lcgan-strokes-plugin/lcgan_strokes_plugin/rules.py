"""Rules about the lines of a drawing: how many strokes, how symmetric, how wide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from lcgan_core import Constraint, Strokes


class StrokeCount(Constraint):
    """Drawings whose number of strokes is in a given range. A stroke ends where the pen is lifted."""

    name = "stroke-count"
    judges = frozenset({"strokes"})

    min_strokes: int = Field(4, ge=0)
    """Minimum number of strokes."""
    max_strokes: int = Field(6, ge=0)
    """Maximum number of strokes."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_strokes > self.max_strokes:
            raise ValueError(f"min_strokes ({self.min_strokes}) is larger than max_strokes ({self.max_strokes})")
        return self

    def __call__(self, samples: Sequence[Any]) -> list[float]:
        counts = [int(Strokes.array(sample)[:, 2].sum()) for sample in samples]
        return [float(self.min_strokes <= count <= self.max_strokes) for count in counts]


class DrawingSymmetry(Constraint):
    """Drawings that look like their mirror image."""

    name = "drawing-symmetry"
    judges = frozenset({"strokes"})

    axis: Literal["vertical", "horizontal"] = "vertical"
    """The line between the two halves; vertical compares left and right."""
    least: float = Field(0.8, ge=0, le=1)
    """Minimum overlap of the drawing and its mirror image, as ``lcgan edit`` measures it."""

    def __call__(self, samples: Sequence[Any]) -> list[float]:
        drawings = [Strokes.array(sample) for sample in samples]
        overlaps = Strokes().closeness(drawings, [_mirrored(moves, self.axis == "horizontal") for moves in drawings])
        return [float(overlap >= self.least) for overlap in overlaps]


class WidthToHeight(Constraint):
    """Drawings whose width, as a multiple of their height, is in a given range."""

    name = "width-to-height"
    judges = frozenset({"strokes"})

    min_ratio: float = Field(1.2, ge=0, allow_inf_nan=False)
    """Minimum width as a multiple of the height."""
    max_ratio: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Maximum width as a multiple of the height; none by default."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_ratio is not None and self.min_ratio > self.max_ratio:
            raise ValueError(f"min_ratio ({self.min_ratio}) is larger than max_ratio ({self.max_ratio})")
        return self

    def __call__(self, samples: Sequence[Any]) -> list[float]:
        found = []
        for sample in samples:
            width, height = _extent(Strokes.array(sample))
            wide = width >= self.min_ratio * height and (width > 0 or height > 0)
            found.append(float(wide and (self.max_ratio is None or width <= self.max_ratio * height)))
        return found


def _mirrored(moves: Any, upside_down: bool) -> Any:
    """The drawing mirrored in the middle of its extent: left and right change places, or top and bottom."""
    import numpy as np

    axis = 1 if upside_down else 0
    if not len(moves):
        return moves
    along = moves[:, axis].astype(np.float64).cumsum()
    mirrored = moves.copy()
    mirrored[:, axis] = np.diff(along.min() + along.max() - along, prepend=0.0)
    return mirrored


def _extent(moves: Any) -> tuple[float, float]:
    """Width and height."""
    if not len(moves):
        return 0.0, 0.0
    points = moves[:, :2].cumsum(0)
    width, height = (float(side) for side in points.max(0) - points.min(0))
    return width, height
