"""Sizes in the configuration of a transformers model that no model has: building such a model takes all memory, or forever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import ModelError

MOST_LAYERS = 1000
MOST_TOKENS = 10_000_000
MOST_UNITS = 1_000_000
"""All three arbitrary: several times what the largest models have."""


def refuse_absurd_sizes(source: str | Path, config: Mapping[str, Any]) -> None:
    """Raises ``ModelError`` if ``config``, of the model at ``source``, asks for more than ``MOST_LAYERS`` and the like."""
    for name, size, most in _too_large(config):
        raise ModelError(
            f"{source}: config.json says {name}: {size}. No model has more than {most:,}. Repair it, or choose another:"
        )


def _too_large(config: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    for name, value in config.items():
        if isinstance(value, Mapping):  # the configuration of a part
            yield from _too_large(value)
        elif isinstance(value, int):
            most = _most(name.lower())
            if most and not -most <= value <= most:
                yield name, value, most


def _most(name: str) -> int | None:
    if "vocab" in name:
        return MOST_TOKENS
    if name.endswith(("layers", "layer", "heads", "head", "blocks", "depth")):
        return MOST_LAYERS
    return (
        MOST_UNITS
        if name.endswith(("size", "dim", "d_model", "embd", "inner", "positions", "embeddings", "width", "units", "_tokens"))
        else None
    )
