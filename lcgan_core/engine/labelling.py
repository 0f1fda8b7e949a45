"""Labels for latents: decode each z, and evaluate every constraint on the sample that comes from that very z.

Which latents are labelled, and how many more for a rare constraint, is part of the method: ``gan.label_first``.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from ..constraint import SATISFIED, Constraint, evaluate
from ..constraints.score_cache import cached_scores
from ..errors import TrainingError
from ..latent_model import LatentModel
from ..sample_kinds import SampleKind

OVERLAPPING = 250
"""Latents in a batch that is judged while the next is decoded. Arbitrary: a quarter of what is usually labelled at once."""
FEWEST_EXAMPLES = 5
"""Minimum labels of the rarer class; with fewer, a critic has nothing to learn from. Arbitrary: a guard, not advice."""


class Labelled(NamedTuple):
    """Latents ``[n, latent_dim]``, their decoded samples, and the constraints' values for them ``[n, constraints]``: NaN for a
    sample that the constraint cannot judge."""

    z: Tensor
    samples: list[Any]
    values: Tensor

    @property
    def satisfied(self) -> Tensor:
        """Whether each sample satisfies all constraints, ``[n]``."""
        return all_of_them(self.values) == 1

    @property
    def violating(self) -> Tensor:
        """Whether each sample violates a constraint, ``[n]``. One that cannot be judged neither satisfies nor violates."""
        return all_of_them(self.values) == 0


def all_of_them(values: Tensor) -> Tensor:
    """What the constraints' values ``[n, constraints]`` say together, ``[n]``: 0 if a sample violates one of them, else NaN if
    one cannot judge it, else 1."""
    satisfied = torch.where(values.isnan().any(1), torch.nan, 1.0)
    return satisfied.masked_fill((values < SATISFIED).any(1), 0.0)


@dataclass
class Labeller:
    """Decodes and scores for one run, and counts the seconds that this takes."""

    model: LatentModel[Any]
    constraints: Mapping[str, Constraint]
    """The constraints by their names in the run; labels have one column for each, in this order."""
    seconds: float = 0.0

    def __call__(self, z: Tensor, only: Collection[str] | None = None) -> Labelled:
        """Labels ``z`` by all constraints, or by those that ``only`` names, in that order."""
        started = time.perf_counter()
        slow = any(self.constraints[name].expensive for name in (self.constraints if only is None else only))
        samples, values = self._overlapping(z, only) if slow else self._one_by_one(z, only)
        self.seconds += time.perf_counter() - started
        return Labelled(z, samples, values.to(z.device))

    def _one_by_one(self, z: Tensor, only: Collection[str] | None) -> tuple[list[Any], Tensor]:
        samples = self.model.decode(z)
        return samples, self.values(samples, only)

    def _overlapping(self, z: Tensor, only: Collection[str] | None) -> tuple[list[Any], Tensor]:
        """The same in batches: a separate thread judges one batch while the next is decoded."""
        samples: list[Any] = []
        values: list[Tensor] = []
        with ThreadPoolExecutor(1) as judging:
            judged: Future[Tensor] | None = None
            for part in z.split(OVERLAPPING):
                decoded = self.model.decode(part)
                if judged:
                    values.append(judged.result())
                judged = judging.submit(self.values, decoded, only)
                samples += decoded
            if judged:
                values.append(judged.result())
        return samples, torch.cat(values)

    def values(self, samples: Sequence[Any], only: Collection[str] | None = None) -> Tensor:
        """The values of decoded samples by all constraints, or by those that ``only`` names: ``[n, constraints]``."""
        asked = [self.constraints[name] for name in (self.constraints if only is None else only)]
        found = [scores(constraint, samples, self.model.sample_kind) for constraint in asked]
        return torch.tensor(found).reshape(len(asked), len(samples)).T


def scores(constraint: Constraint, samples: Sequence[Any], kind: SampleKind[Any]) -> list[float]:
    """``evaluate``, with equal samples scored only once; values of an expensive constraint are kept on disk for later runs."""
    keys = [kind.key(sample) for sample in samples]
    distinct = dict(zip(keys, samples, strict=True))

    def score(asked: Sequence[str]) -> list[float]:
        return evaluate(constraint, [distinct[key] for key in asked])

    values = cached_scores(constraint.fingerprint, list(distinct), score) if constraint.expensive else score(list(distinct))
    return list(map(dict(zip(distinct, values, strict=True)).__getitem__, keys))


@dataclass
class Pool:
    """The labelled latents that one critic learns from."""

    z: Tensor
    """``[n, latent_dim]``"""
    values: Tensor
    """``[n]``"""
    real: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))
    """Indices of the real samples from whose posteriors the first latents were drawn, ``[draws]``."""
    reused: int = 0
    """Number of labels from an earlier run; they come first."""
    unjudged: int = 0
    """Number of latents left out because the constraint could not judge their samples."""

    @classmethod
    def of(cls, z: Tensor, values: Tensor, real: Tensor) -> Pool:
        """The pool of labels of which some are NaN; the first latents are drawn from the posteriors of ``real``."""
        judged = ~values.isnan()
        return cls(z[judged], values[judged], real[judged[: len(real)]], unjudged=int((~judged).sum()))

    def require_examples(self, name: str) -> None:
        """Raises ``TrainingError`` if the labels of the constraint ``name`` are too few of one class to learn from."""
        held, judged = int((self.values >= SATISFIED).sum()), len(self.values)
        if judged == 0:
            raise TrainingError(
                f"Constraint {name!r} could judge none of {self.unjudged} decoded samples: it returned None for each."
            )
        if min(held, judged - held) < FEWEST_EXAMPLES:
            unjudged = f" (it could not judge {self.unjudged} others)" if self.unjudged else ""
            raise TrainingError(
                f"Constraint {name!r} is satisfied by {held / judged:.2%} of {judged} decoded samples{unjudged}: "
                + (
                    "there is nothing to learn from. Make it less strict, score degrees in [0, 1], or raise "
                    "gan.max_posterior_labels."
                    if held < judged / 2
                    else "there is nothing to change. Make it stricter, or leave it out."
                )
            )

    def add(self, z: Tensor, values: Tensor) -> None:
        judged = ~values.isnan()
        self.z = torch.cat([self.z, z[judged]])
        self.values = torch.cat([self.values, values[judged]])
        self.unjudged += int((~judged).sum())

    def draws_of_real(self, n: int) -> tuple[Tensor, Tensor]:
        """How often each of n real samples was drawn and labelled, and how often the draw satisfied: both ``[n]``."""
        satisfied = (self.values[: len(self.real)] >= SATISFIED).float()
        none = self.values.new_zeros(n)
        return none.index_add(0, self.real, torch.ones_like(satisfied)), none.index_add(0, self.real, satisfied)

    def draw(self, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """n latents and their values, satisfying and violating ones equally often."""
        weights = self.values / self.values.sum() + (1 - self.values) / (1 - self.values).sum()
        rows = torch.multinomial(weights.cpu(), n, replacement=True, generator=generator).to(self.z.device)
        return self.z[rows], self.values[rows]
