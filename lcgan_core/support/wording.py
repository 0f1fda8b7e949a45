"""Figures put into words, alike on a terminal and on a page."""

from __future__ import annotations

from typing import Any


def learned_from(name: str, trust: dict[str, Any]) -> str:
    """How far to trust what a constraint learned from labels."""
    told = share(trust["accuracy"], trust["interval"])
    return f"{name} was learned from {trust['labels']} labels; of labels held out, it told {told} right"


def share(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.1%} ({interval[0]:.1%} – {interval[1]:.1%})"
