"""Figures in words, the same on the terminal and on pages."""

from __future__ import annotations

from collections.abc import Mapping

from ..figures import Beside, Trust


def not_judged(name: str, measured: int, trained: int) -> str:
    """What a constraint returned None for."""
    return f"{name} could not judge {measured:,} of the samples measured here, and {trained:,} in training; they are left out"


def versions_line(name: str, versions: Mapping[str, int]) -> str:
    """Which version of a constraint gave how many labels."""
    told = " and ".join(f"{labels:,} by version {version}" for version, labels in versions.items())
    return f"labels of {name}: {told}"


def misread_lines(misread: Mapping[str, int], given: int) -> list[str]:
    """What a model does not take as it is, of so many samples that were given."""
    return [f"{count:,} of {given:,} samples: {what}" for what, count in misread.items()]


def learned_from(name: str, trust: Trust) -> str:
    """How far to trust a constraint that was learned from labels."""
    return f"{name} was learned from {trust.labels} labels; it predicted {trust.accuracy} of held-out labels correctly"


def number(value: float | None) -> str:
    """A figure of any size in a few digits; an empty string for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def with_direction(name: str, greater_is_better: bool | None) -> str:
    """The name of a figure, with whether higher or lower is better, if known."""
    if greater_is_better is None:
        return name
    return f"{name} ({'higher' if greater_is_better else 'lower'} is better)"


def beside(figure: Beside) -> str:
    """A share of samples and, in brackets, the share expected of real ones."""
    return f"{figure.share:.1%} (real: {'not known' if figure.expected is None else f'{figure.expected:.1%}'})"


def memory_line(memory: dict[str, Beside]) -> str:
    """The figures for how many samples of a set are remembered, on one line."""
    return ", ".join(f"{name.replace('_', ' ')} {beside(figure)}" for name, figure in memory.items())


def names_in(sets: Mapping[str, Mapping[str, Beside]]) -> list[str]:
    """The names of all figures that any of the sets has, in order of first occurrence."""
    return list(dict.fromkeys(name for memory in sets.values() for name in memory))
