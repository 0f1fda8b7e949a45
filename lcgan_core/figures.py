"""What was measured, as records that go to JSON and come back: shares with their uncertainty, and trust in what was learned."""

from __future__ import annotations

import math
from typing import Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Figures with names and types."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Share(Record):
    """A share of things that were counted."""

    value: float
    """In [0, 1]."""
    interval: tuple[float, float]
    """The 95 % interval (Wilson 1927), for the share among all there could be."""

    @classmethod
    def of(cls, held: int, n: int) -> Self:
        """``held`` of ``n``; at least one was counted."""
        z = 1.959964
        share = held / n
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return cls(value=share, interval=(0.0 if held == 0 else centre - half, 1.0 if held == n else centre + half))

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.1%} ({low:.1%} – {high:.1%})"


class Merit(Record):
    """A figure of merit of sets of samples. Subclasses have a field for each set; None where nothing tells it of that set."""

    greater_is_better: bool | None = None
    """None where that is not known."""


class Beside(Record):
    """A share of samples, and that of as many real samples of the same kind which training never saw."""

    share: float
    expected: float | None
    """None where it is not known."""


class Trust(Record):
    """How far to trust the values of a constraint that was learned from labels."""

    labels: int
    """How many it learned from."""
    accuracy: Share
    """Of labels that were held out, those it told right."""
