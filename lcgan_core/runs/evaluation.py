"""What an actor achieved, by the constraints themselves on decoded samples, beside what satisfies them by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ..constraint import SATISFIED, Constraint
from ..engine.labelling import Labelled, scores
from ..engine.samplers import Sampler
from ..sample_kinds import SampleKind
from ..support.statistics import wilson_interval

MOST_REFERENCE_BATCHES = 16
"""Samples of the start are decoded in search of references up to so many times the number asked for. Arbitrary: for a
wish that one sample in 16 satisfies, there are as many references as samples."""


class Evaluation(NamedTuple):
    """``before`` and ``after`` belong together row by row: decode(z) and decode(z') of the same noise."""

    before: Labelled
    after: Labelled
    summary: dict[str, Any]


@torch.no_grad()
def evaluate_sampler(sampler: Sampler, n: int, generator: Generator) -> Evaluation:
    """Satisfaction of n prior, posterior and actor samples of fresh noise; quality beside reference samples: those of what the
    actor starts from that satisfy as they are.

    The quality of a set depends on its size, so all sets are cut to that of the smallest, ``compared`` samples; it is none
    where no reference is found. ``memory`` tells of all of each set how much is remembered, where the model can tell.
    """
    labeller, q = sampler.steering.labeller, sampler.steering.q
    prior = labeller(sampler.steering.noise(n, generator))
    before, moved = (labeller(z) for z in sampler.draw(n, generator))
    posterior = labeller(q.draw(n, generator))
    reference: list[Any] = []
    for _ in range(MOST_REFERENCE_BATCHES):
        if len(reference) < n:
            reference += _satisfying(labeller(sampler.steering.start(n, generator)))
    compared = min(n, len(reference))
    sets = {"posterior": posterior.samples, "reference": reference, "prior": prior.samples, "actor": moved.samples}
    quality: dict[str, dict[str, float]] = {}
    if compared:
        for set_name, members in sets.items():
            for figure, value in labeller.model.quality(members[:compared]).items():
                quality.setdefault(figure, {})[set_name] = value
    summary = {
        "constraints": {
            name: _satisfaction(prior.values[:, i], posterior.values[:, i], moved.values[:, i])
            for i, name in enumerate(labeller.constraints)
        },
        "all": _satisfaction(*(batch.values.min(1).values for batch in (prior, posterior, moved))),
        **quality,
        "memory": {name: told for name, members in sets.items() if members and (told := labeller.model.memory(members))},
        "compared": compared,
        "unique": labeller.model.sample_kind.unique(moved.samples),
        "drift": q.drift(moved.z),
    }
    return Evaluation(before, moved, summary)


def judged(judge: Constraint, samples: Sequence[Any], kind: SampleKind[Any]) -> dict[str, Any]:
    """The share of samples that satisfy a constraint which no training asked, and the 95 % interval of that."""
    held = sum(value >= SATISFIED for value in scores(judge, samples, kind))
    return {"share": held / len(samples), "interval": wilson_interval(held, len(samples))}


def _satisfying(labelled: Labelled) -> list[Any]:
    return [labelled.samples[row] for row in labelled.satisfied.nonzero()[:, 0].tolist()]


def _satisfaction(prior: Tensor, posterior: Tensor, actor: Tensor) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in (("prior", prior), ("posterior", posterior), ("actor", actor)):
        held = int((values >= SATISFIED).sum())
        found[name] = held / len(values)
        found["interval" if name == "actor" else f"{name}_interval"] = wilson_interval(held, len(values))
    return found
