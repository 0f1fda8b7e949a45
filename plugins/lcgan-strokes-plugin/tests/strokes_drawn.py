"""Drawings for tests of the strokes plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def drawn(*lines: Sequence[tuple[float, float]]) -> Any:
    """A drawing of lines through the given points, not scaled."""
    points = np.array([point for line in lines for point in line], np.float32)
    moves = np.zeros((len(points), 3), np.float32)
    moves[:, :2] = np.diff(points, axis=0, prepend=np.float32(0))
    moves[np.cumsum([len(line) for line in lines]) - 1, 2] = 1
    return moves


SQUARE = drawn([(0, 0), (9, 0), (9, 9), (0, 9), (0, 0)])
CROSS = drawn([(0, 5), (10, 5)], [(5, 0), (5, 10)])
WIDE = drawn([(0, 0), (20, 0)], [(0, 5), (20, 5)])
HOOK = drawn([(0, 0), (0, 10), (4, 10)])
DOT = drawn([(3, 3)])
NOTHING = np.zeros((0, 3), np.float32)


def ladders(n: int = 60) -> list[Any]:
    """Drawings of one to five lines of chance lengths."""
    chance = np.random.default_rng(0)
    return [
        drawn(*([(0.0, 10.0 * row), (float(chance.integers(20, 60)), 10.0 * row)] for row in range(1 + number % 5)))
        for number in range(n)
    ]


def svg(*elements: str, head: str = "", attributes: str = "") -> str:
    inside = "".join(elements)
    return f'{head}<svg xmlns="http://www.w3.org/2000/svg" stroke="black" fill="none" {attributes}>{inside}</svg>'
