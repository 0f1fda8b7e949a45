"""Figures put into words, alike on a terminal and on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..latent_model import Beside


def learned_from(name: str, trust: dict[str, Any]) -> str:
    """How far to trust what a constraint learned from labels."""
    told = share(trust["accuracy"], trust["interval"])
    return f"{name} was learned from {trust['labels']} labels; of labels held out, it told {told} right"


def share(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.1%} ({interval[0]:.1%} – {interval[1]:.1%})"


def beside(figure: Beside) -> str:
    """A share of samples, and in brackets what to expect of real ones."""
    expected = figure["expected"]
    return f"{figure['share']:.1%} (real: {'not known' if expected is None else f'{expected:.1%}'})"


def memory_line(memory: dict[str, Beside]) -> str:
    """How much of a set of samples is remembered, and what else a model tells of that."""
    return ", ".join(f"{name.replace('_', ' ')} {beside(figure)}" for name, figure in memory.items())
