"""Evaluation of an actor: its decoded samples, judged by the constraints themselves, beside samples without an actor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Generator, Tensor

from ..constraint import SATISFIED, Constraint
from ..engine.labelling import Labelled, all_of_them, scores
from ..engine.samplers import Sampler
from ..errors import ConstraintError
from ..figures import Merit, Share, Trust
from ..latent_model import LatentModel, memory_of, quality_of
from ..sample_kinds import SampleKind
from .result import Quality, Satisfaction, Summary

MeritT = TypeVar("MeritT", bound=Merit)

REFERENCES = 500
"""Maximum number of reference samples to look for; never more than samples are asked for. Arbitrary: more tell the same."""
MOST_REFERENCE_BATCHES = 16
"""Maximum number of batches of unmoved samples to decode in search of references, each as large as the number of samples asked
for. Arbitrary: if one unmoved sample in 32 satisfies, 1000 samples find them all."""


class Evaluation(NamedTuple):
    """The rows of ``before`` and ``after`` correspond: decode(z) and decode(z') of the same start."""

    before: Labelled
    after: Labelled
    summary: Summary


@torch.no_grad()
def evaluate_sampler(sampler: Sampler, n: int, generator: Generator) -> Evaluation:
    """Measures satisfaction and quality on n fresh samples each of prior, posterior and actor.

    Quality is also measured on reference samples: samples of the actor's start that satisfy without being moved. The quality
    of a set depends on its size, so every set is cut to ``compared`` samples, as many as there are references; without those
    there is no quality. ``memory`` says how much of each whole set is remembered, if the model can tell.
    """
    labeller, q = sampler.steering.labeller, sampler.steering.q
    prior = labeller(sampler.steering.noise(n, generator))
    before, moved = (labeller(z) for z in sampler.draw(n, generator))
    posterior = labeller(q.draw(n, generator))
    reference = _satisfying(prior) if sampler.steering.config.start == "prior" else []
    for _ in range(MOST_REFERENCE_BATCHES):
        if len(reference) < min(n, REFERENCES):
            reference += _satisfying(labeller(sampler.steering.start(n, generator)))
    compared = min(n, REFERENCES, len(reference))
    sets = {"posterior": posterior.samples, "reference": reference, "prior": prior.samples, "actor": moved.samples}
    summary = Summary(
        constraints={
            name: _satisfaction(prior.values[:, i], posterior.values[:, i], moved.values[:, i], constraint.trust())
            for i, (name, constraint) in enumerate(labeller.constraints.items())
        },
        all=_satisfaction(all_of_them(prior.values), all_of_them(posterior.values), all_of_them(moved.values)),
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
    """The model's figures for each of the ``sets``, by the figures' names; ``kind`` is a record with a field for each set."""
    told = {name: quality_of(model, members) for name, members in sets.items()}
    return {
        figure: kind(
            **{name: figures.get(figure) for name, figures in told.items()},
            greater_is_better=model.greater_is_better.get(figure),
        )
        for figure in dict.fromkeys(figure for figures in told.values() for figure in figures)
    }


def judged(judge: Constraint, samples: Sequence[Any], kind: SampleKind[Any]) -> Share:
    """The share of samples that satisfy a constraint that no training used."""
    return share_of(torch.tensor(scores(judge, samples, kind)))


def share_of(values: Tensor) -> Share:
    """The share of values ``[n]`` that satisfy; NaN stands for a sample that could not be judged, and is left out.

    Raises ``ConstraintError`` if no sample could be judged.
    """
    if values.isnan().all():
        raise ConstraintError("Not one sample could be judged: None was returned for each. Nothing can be measured.")
    return _share(values)


def _share(values: Tensor) -> Share:
    """The same, but of samples of which perhaps none could be judged."""
    return Share.of(int((values >= SATISFIED).sum()), int((~values.isnan()).sum()))


def _satisfying(labelled: Labelled) -> list[Any]:
    return [labelled.samples[row] for row in labelled.satisfied.nonzero()[:, 0].tolist()]


def _satisfaction(prior: Tensor, posterior: Tensor, actor: Tensor, trust: Trust | None = None) -> Satisfaction:
    unjudged = sum(int(values.isnan().sum()) for values in (prior, posterior, actor))
    return Satisfaction(prior=_share(prior), posterior=_share(posterior), actor=_share(actor), trust=trust, unjudged=unjudged)
