"""Edits of a user's own samples: moved just far enough to satisfy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..constraint import SATISFIED
from ..engine.labelling import scores
from ..errors import RunError
from ..runs.finished import FinishedRun

SHARES = (0.6, 1.2, 1.8, 2.6, 3.8)
"""Shares of the actor's move to try: below 1, points between the sample and the actor's target; above 1, points beyond it.
Chosen on held-out reviews: trying up to 3.8 satisfies half of the samples that trying up to 2.6 misses."""
PULLS = (0.0, 2.0, 4.0)
"""How strongly decoding pulls each of these points back to the sample; farther points tolerate a stronger pull.
Chosen on held-out reviews."""
MIXED = 5
"""Number of best candidates whose changes are also tried in part. Arbitrary."""
NATURAL = 0.3
"""Naturalness that is enough for an edit, or that of the sample itself if that is lower; among edits that have enough, the
closest is chosen. Arbitrary: seven in ten real samples are as natural as that."""
RECOGNISED = 0.3
"""If neither its reconstruction nor its best edit is this close to a sample, the model does not know it. Arbitrary."""


@dataclass
class Edit:
    """The result of editing one sample."""

    before: Any
    after: Any
    status: str
    """``edited``; ``kept``: the sample satisfies already; ``missed``: the best candidate does not satisfy; ``unknown``: the
    model cannot even reconstruct the sample, and ``after`` is its attempt."""
    value: float
    """The lowest of the constraints' values for ``after``; 0 if one of them cannot judge it."""
    closeness: float
    """How much of ``before`` is left in ``after``, in [0, 1]."""
    candidates: list[Any]
    """Other edits, best first."""


def edit(finished: FinishedRun, samples: Sequence[Any], strength: float = 0.99) -> list[Edit]:
    """Edits each sample: the result is the closest candidate whose value is at least ``strength``, or else the one with the
    highest value. Where the model can judge naturalness, a candidate that reads worse than most real samples, and worse than
    the sample, comes after all that do not.

    With strength 0 only closeness counts, with 1 only the constraints. Raises ``RunError`` if the strength is not in [0, 1],
    ``ModelError`` if the model has no encoder.
    """
    finished.model.require_encoder("Editing")
    if not 0 <= strength <= 1:
        raise RunError(
            f"The strength {strength} is not in [0, 1]: 0 keeps as much as possible, 1 satisfies as much as possible."
        )
    already = least_values(finished, samples)
    violating = [sample for sample, value in zip(samples, already, strict=True) if value < SATISFIED]
    edits = iter(changed(finished, violating, strength))
    return [
        next(edits) if value < SATISFIED else Edit(sample, sample, "kept", value, 1.0, [])
        for sample, value in zip(samples, already, strict=True)
    ]


class Candidate(NamedTuple):
    """A possible edit of a sample."""

    value: float
    naturalness: float
    """As a share of what is enough for an edit of that sample, at most 1."""
    closeness: float
    sample: Any

    @property
    def reads_well(self) -> bool:
        return self.naturalness == 1


def changed(finished: FinishedRun, samples: Sequence[Any], strength: float) -> list[Edit]:
    """Edits of samples that do not satisfy."""
    if not samples:
        return []
    model = finished.model
    z = model.encode(samples).mean
    reconstructed = model.decode(z)
    known = model.sample_kind.closeness(samples, reconstructed)
    decoded = ranked(finished, samples, moved(finished, samples, z), strength)
    nearest = [mine[0].closeness if mine[0].value >= strength and mine[0].reads_well else -1.0 for mine in decoded]
    mixed = ranked(finished, samples, mixtures(finished, samples, decoded), strength, nearest)
    edits = []
    for sample, back, recognised, mine, finer in zip(samples, reconstructed, known, decoded, mixed, strict=True):
        if max(recognised, mine[0].closeness) < RECOGNISED:
            (value,) = least_values(finished, [back])
            edits.append(Edit(sample, back, "unknown", value, recognised, []))
        else:
            best, *others = best_first(mine + finer, strength)
            status = "edited" if best.value >= SATISFIED else "missed"
            edits.append(Edit(sample, best.sample, status, best.value, best.closeness, [other.sample for other in others]))
    return edits


def ranked(
    finished: FinishedRun,
    samples: Sequence[Any],
    found: list[list[Any]],
    strength: float,
    nearest: Sequence[float] | None = None,
) -> list[list[Candidate]]:
    """The candidates ``found`` for each sample, best first; only those closer to it than ``nearest``, if that is given."""
    before = [sample for sample, mine in zip(samples, found, strict=True) for _ in mine]
    closeness = iter(finished.model.sample_kind.closeness(before, [one for mine in found for one in mine]))
    close = [[(one, next(closeness)) for one in mine] for mine in found]
    if nearest is not None:  # the rest cannot win: do not ask for their values
        close = [[(one, share) for one, share in mine if share > least] for mine, least in zip(close, nearest, strict=True)]
    asked = [one for mine in close for one, _ in mine]
    before = [sample for sample, mine in zip(samples, close, strict=True) for _ in mine]
    values, natural = iter(least_values(finished, asked)), iter(reading(finished, before, asked))
    return [best_first([Candidate(next(values), next(natural), share, one) for one, share in mine], strength) for mine in close]


def best_first(candidates: list[Candidate], strength: float) -> list[Candidate]:
    """Those that satisfy most, up to ``strength``; of these, those that read well; of these, the closest."""
    return sorted(candidates, key=lambda one: (min(one.value, strength), one.naturalness, one.closeness), reverse=True)


def reading(finished: FinishedRun, before: Sequence[Any], after: Sequence[Any]) -> list[float]:
    """The naturalness of each ``after`` as a share of what is enough for an edit of ``before``; 1 where no model can tell."""
    naturalness = finished.model.naturalness([*before, *after])
    if naturalness is None:
        return [1.0] * len(after)
    first, second = naturalness[: len(before)], naturalness[len(before) :]
    return (second / first.clamp(max=NATURAL)).nan_to_num(1.0).clamp(max=1.0).tolist()


def mixtures(finished: FinishedRun, samples: Sequence[Any], decoded: list[list[Candidate]]) -> list[list[Any]]:
    """For each sample, new ones with only some of its best candidates' changes, since not every change may be needed."""
    kind = finished.model.sample_kind
    pairs = [(sample, one.sample) for sample, mine in zip(samples, decoded, strict=True) for one in mine[:MIXED]]
    mixed = iter(finished.model.mixtures([before for before, _ in pairs], [after for _, after in pairs]))
    found = [kind.distinct([one for _ in mine[:MIXED] for one in next(mixed)]) for mine in decoded]
    known = [{kind.key(one.sample) for one in mine} for mine in decoded]
    return [[one for one in new if kind.key(one) not in old] for new, old in zip(found, known, strict=True)]


@torch.no_grad()
def moved(finished: FinishedRun, samples: Sequence[Any], z: Tensor) -> list[list[Any]]:
    """The distinct candidates for each sample; ``z`` are the samples' latents ``[n, latent_dim]``."""
    far = finished.steering.actor(z)
    each = torch.cartesian_prod(torch.tensor(SHARES), torch.tensor(PULLS)).to(z.device)
    moves = torch.lerp(z[:, None], far[:, None], each[:, :1]).flatten(0, 1)
    near = [sample for sample in samples for _ in each]
    decoded = finished.model.decode_near(moves, near, each[:, 1].repeat(len(samples)))
    return [finished.model.sample_kind.distinct(decoded[i : i + len(each)]) for i in range(0, len(decoded), len(each))]


def least_values(finished: FinishedRun, samples: Sequence[Any]) -> list[float]:
    """The lowest of the constraints' values for each sample, since all constraints must hold; 0 if one cannot judge it."""
    constraints = finished.steering.labeller.constraints.values()
    found = [scores(constraint, samples, finished.model.sample_kind) for constraint in constraints]
    return [0.0 if any(map(math.isnan, row)) else min(row) for row in zip(*found, strict=True)]


def interpolate(finished: FinishedRun, first: Any, last: Any, steps: int = 7) -> list[tuple[Any, float]]:
    """Samples on the straight line between two samples' posterior means, with their values; both reconstructions included.

    Raises ``ModelError`` if the model has no encoder.
    """
    finished.model.require_encoder("Interpolating between samples")
    ends = finished.model.encode([first, last]).mean
    decoded = finished.model.decode(torch.lerp(ends[0], ends[1], torch.linspace(0, 1, steps)[:, None].to(ends.device)))
    return list(zip(decoded, least_values(finished, decoded), strict=True))
