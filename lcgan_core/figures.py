"""Measurements as records that round-trip through JSON: shares with their uncertainty, and trust in learned constraints."""

from __future__ import annotations

import math
from typing import Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record of named figures; unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Share(Record):
    """A measured proportion."""

    value: float
    """In [0, 1]."""
    interval: tuple[float, float]
    """The 95 % confidence interval (Wilson 1927)."""

    @classmethod
    def of(cls, held: int, n: int) -> Self:
        """``held`` out of ``n``. A share of 0 or 1 has an interval too, and one of nothing says nothing:

        >>> print(Share.of(48, 50), Share.of(50, 50), Share.of(0, 0), sep=", ")
        96.0% (86.5% – 98.9%), 100.0% (92.9% – 100.0%), 0.0% (0.0% – 100.0%)
        """
        if n == 0:
            return cls(value=0.0, interval=(0.0, 1.0))
        z = 1.959964
        share = held / n
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return cls(value=share, interval=(0.0 if held == 0 else centre - half, 1.0 if held == n else centre + half))

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.1%} ({low:.1%} – {high:.1%})"


class Merit(Record):
    """A figure of merit for several sets of samples. Subclasses have a field for each set; None where it is not known."""

    greater_is_better: bool | None = None
    """None if not known."""


class Beside(Record):
    """A share of samples, beside the share to expect of as many real samples that training never saw."""

    share: float
    expected: float | None
    """None if not known."""


class Trust(Record):
    """How far to trust the values of a constraint that was learned from labels."""

    labels: int
    """Number of labels it learned from."""
    accuracy: Share
    """Share of held-out labels that it predicted correctly."""
    chance: float | None = None
    """Share that would be correct if the predictions had nothing to do with the samples; None if not known."""

    @property
    def no_better_than_chance(self) -> bool:
        """Whether the accuracy may be due to chance alone."""
        return self.chance is not None and self.accuracy.interval[0] <= self.chance
