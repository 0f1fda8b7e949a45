"""The samples that a report lists: each before and after the actor, with what is known of it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...latent_model import LatentModel, memory_of
from ..evaluation import Evaluation

MOST_ROWS = 1000
"""Number of samples in a report. Arbitrary: as many as a run evaluates by default, and a page opens at once with them."""
MOST_FILES = 100
"""Number of samples that a run keeps if each is a file. Arbitrary: enough to look at."""
REMEMBERED = "remembered"
"""The figure of ``LatentModel.memory`` that is 1 or 0 for a single sample."""


class Row(NamedTuple):
    """One sample of the actor."""

    before: str
    """What the same latent decodes to without the actor, as HTML."""
    after: str
    """As HTML; a kind of sample may mark what is new."""
    values: tuple[str, ...]
    """The value of each constraint; an empty string if it could not judge the sample."""
    marks: tuple[str, ...]
    """Those of ``satisfied``, ``changed`` and ``remembered`` that hold."""


def rows_of(model: LatentModel[Any], evaluation: Evaluation) -> list[Row]:
    """The first samples of an evaluation. Whether one is remembered is known where the model tells how many are."""
    kind, (before, after, summary) = model.sample_kind, evaluation
    tells = REMEMBERED in summary.memory.get("actor", {})
    most = MOST_FILES if kind.in_files else MOST_ROWS
    samples = zip(before.samples[:most], after.samples, after.values.tolist(), after.satisfied.tolist(), strict=False)
    rows = []
    for old, new, values, satisfied in samples:
        memory = memory_of(model, [new]).get(REMEMBERED) if tells else None
        known = {
            "satisfied": satisfied,
            "changed": kind.key(old) != kind.key(new),
            REMEMBERED: memory is not None and memory.share > 0,
        }
        rows.append(
            Row(
                before=kind.html(old),
                after=kind.html_change(old, new),
                values=tuple("" if math.isnan(value) else f"{value:.3g}" for value in values),
                marks=tuple(name for name, holds in known.items() if holds),
            )
        )
    return rows
