"""What an actor achieved, by the constraints themselves on decoded samples, beside what satisfies them by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Generator, Tensor

from ..constraint import SATISFIED, Constraint
from ..engine.labelling import Labelled, scores
from ..engine.samplers import Sampler
from ..figures import Merit, Share, Trust
from ..latent_model import LatentModel, memory_of, quality_of
from ..sample_kinds import SampleKind
from .result import Quality, Satisfaction, Summary

MeritT = TypeVar("MeritT", bound=Merit)

MOST_REFERENCE_BATCHES = 16
"""Samples of the start are decoded in search of references up to so many times the number asked for. Arbitrary: for a
wish that one sample in 16 satisfies, there are as many references as samples."""


class Evaluation(NamedTuple):
    """``before`` and ``after`` belong together row by row: decode(z) and decode(z') of the same noise."""

    before: Labelled
    after: Labelled
    summary: Summary


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
    summary = Summary(
        constraints={
            name: _satisfaction(prior.values[:, i], posterior.values[:, i], moved.values[:, i], constraint.trust())
            for i, (name, constraint) in enumerate(labeller.constraints.items())
        },
        all=_satisfaction(prior.values.min(1).values, posterior.values.min(1).values, moved.values.min(1).values),
        quality=quality_by_figure(
            labeller.model, {name: members[:compared] for name, members in sets.items() if compared}, Quality
        ),
        memory={name: told for name, members in sets.items() if members and (told := memory_of(labeller.model, members))},
        compared=compared,
        unique=labeller.model.sample_kind.unique(moved.samples),
        drift=q.drift(moved.z),
    )
    return Evaluation(before, moved, summary)


def quality_by_figure(model: LatentModel[Any], sets: Mapping[str, list[Any]], kind: type[MeritT]) -> dict[str, MeritT]:
    """What the model tells of each of the ``sets``, as a ``kind`` that has a field for each of them, by the figures' names."""
    told = {name: quality_of(model, members) for name, members in sets.items()}
    return {
        figure: kind(
            **{name: figures.get(figure) for name, figures in told.items()},
            greater_is_better=model.greater_is_better.get(figure),
        )
        for figure in dict.fromkeys(figure for figures in told.values() for figure in figures)
    }


def judged(judge: Constraint, samples: Sequence[Any], kind: SampleKind[Any]) -> Share:
    """The share of samples that satisfy a constraint which no training asked."""
    return Share.of(sum(value >= SATISFIED for value in scores(judge, samples, kind)), len(samples))


def _satisfying(labelled: Labelled) -> list[Any]:
    return [labelled.samples[row] for row in labelled.satisfied.nonzero()[:, 0].tolist()]


def _satisfaction(prior: Tensor, posterior: Tensor, actor: Tensor, trust: Trust | None = None) -> Satisfaction:
    def share(values: Tensor) -> Share:
        return Share.of(int((values >= SATISFIED).sum()), len(values))

    return Satisfaction(prior=share(prior), posterior=share(posterior), actor=share(actor), trust=trust)
