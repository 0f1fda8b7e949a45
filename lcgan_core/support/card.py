"""The head of a model card, which the hub reads: YAML with tags and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..recipe import Measured

LIBRARY = "lcgan"


def card_head(name: str, tags: Sequence[str], measured_on: str, figures: Mapping[str, float], base_model: str = "") -> str:
    """Front matter for the README of a model or run called ``name``.

    ``figures`` were measured on what ``measured_on`` says. ``base_model`` is a name on the hub.
    """
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="other",
            dataset_type="other",
            dataset_name=measured_on,
            metric_type="other",
            metric_name=figure,
            metric_value=round(value, 4),
        )
        for figure, value in figures.items()
    ]
    data = ModelCardData(
        library_name=LIBRARY,
        tags=[LIBRARY, "lc-gan", *tags],
        base_model=base_model or None,
        model_name=name,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---\n"


def model_head(kind: str, samples: str, corpus: Path, measured: Measured) -> str:
    """Front matter for a model of this kind, trained on ``corpus`` to make ``samples`` of that kind."""
    figures = {name: value for name, value in measured.model_dump().items() if isinstance(value, float)}
    return card_head(kind, [kind, samples], f"held out of {corpus.name}", figures)
