"""Figures put into words, alike on a terminal and on a page."""

from __future__ import annotations

from collections.abc import Mapping

from ..figures import Beside, Trust


def learned_from(name: str, trust: Trust) -> str:
    """How far to trust what a constraint learned from labels."""
    return f"{name} was learned from {trust.labels} labels; of labels held out, it told {trust.accuracy} right"


def number(value: float | None) -> str:
    """A figure of any size in a few digits; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def with_direction(name: str, greater_is_better: bool | None) -> str:
    """The name of a figure, and which way is good where that is known."""
    if greater_is_better is None:
        return name
    return f"{name} ({'more' if greater_is_better else 'less'} is better)"


def beside(figure: Beside) -> str:
    """A share of samples, and in brackets what to expect of real ones."""
    return f"{figure.share:.1%} (real: {'not known' if figure.expected is None else f'{figure.expected:.1%}'})"


def memory_line(memory: dict[str, Beside]) -> str:
    """How much of a set of samples is remembered, and what else a model tells of that."""
    return ", ".join(f"{name.replace('_', ' ')} {beside(figure)}" for name, figure in memory.items())


def names_in(sets: Mapping[str, Mapping[str, Beside]]) -> list[str]:
    """The names of all figures that are told of any of the sets, in their order."""
    return list(dict.fromkeys(name for memory in sets.values() for name in memory))
