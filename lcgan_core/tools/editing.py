"""Edits of a user's own samples: moved just far enough to satisfy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from ..constraint import SATISFIED
from ..engine.labelling import scores
from ..errors import RunError
from ..latent_model import Posterior
from ..runs.finished import FinishedRun

POINTS = 100
"""Points to decode for each sample, each drawn as below. Of held-out reviews, 50 kept less of the text at the same
naturalness, and 200 no more; the time grows with them."""
SHARES = (0.5, 4.0)
"""Least and greatest share of the actor's move: below 1, a point between the latent and the actor's target; above 1, one beyond
it. Chosen on held-out reviews."""
STRONGEST_PULL = 9.0
"""Decoding pulls each point back to the sample by 0 up to this much. Chosen on held-out reviews: it leaves most of a text as it
stands, even if the model alone could not reconstruct it."""
MIXED = 5
"""Number of best candidates whose changes are also tried in part. Arbitrary: 15 gave nothing more."""
NATURALNESS_WEIGHT = 0.45
"""What naturalness counts for beside closeness, both in [0, 1]."""
SURPRISAL_WEIGHT = 0.04
"""What each nat of surprisal that a change adds counts against it. Both weights were fitted to the verdicts of blind readers.
On 200 held-out reviews a direction, 4 to 6 in a hundred more satisfy than without this one and 0.75 for naturalness; a later
blind reading found no more of them natural."""
RECOGNISED = 0.05
"""If neither its reconstruction nor its best edit is this close to a sample, there is no good edit of it. Of 200 held-out
reviews a direction, 0.1 refuses 7 and 3 more, and keeps one or two points of BLEU."""


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


def edit(finished: FinishedRun, samples: Sequence[Any], strength: float = 0.9) -> list[Edit]:
    """Edits each sample: of the candidates whose value is at least ``strength``, the result is the one that keeps most of the
    sample and, if the model can judge that, reads best; if there is none, it is the candidate with the highest value.

    With strength 0, every candidate is acceptable. Raises ``RunError`` if the strength is not in [0, 1], ``ModelError`` if the
    model has no encoder.
    """
    finished.model.require_encoder("Editing")
    if not 0 <= strength <= 1:
        raise RunError(
            f"The strength {strength} is not in [0, 1]. It is the minimum value to accept: give 0 to accept any edit."
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
    merit: float
    """Closeness plus weighted naturalness, less the weighted surprisal that the change adds, as far as the model can tell."""
    closeness: float
    sample: Any


def changed(finished: FinishedRun, samples: Sequence[Any], strength: float) -> list[Edit]:
    """Edits of samples that do not satisfy."""
    if not samples:
        return []
    model = finished.model
    posterior = model.encode(samples)
    reconstructed = model.decode(posterior.mean)
    known = model.sample_kind.closeness(samples, reconstructed)
    decoded = ranked(finished, samples, moved(finished, samples, posterior), strength)
    mixed = ranked(finished, samples, mixtures(finished, samples, decoded), strength)
    edits = []
    for sample, back, recognised, mine, finer in zip(samples, reconstructed, known, decoded, mixed, strict=True):
        best, *others = best_first(mine + finer, strength)
        if max(recognised, best.closeness) < RECOGNISED:
            (value,) = least_values(finished, [back])
            edits.append(Edit(sample, back, "unknown", value, recognised, []))
        else:
            status = "edited" if best.value >= SATISFIED else "missed"
            edits.append(Edit(sample, best.sample, status, best.value, best.closeness, [other.sample for other in others]))
    return edits


def ranked(finished: FinishedRun, samples: Sequence[Any], found: list[list[Any]], strength: float) -> list[list[Candidate]]:
    """The candidates ``found`` for each sample, best first."""
    after = [one for mine in found for one in mine]
    before = [sample for sample, mine in zip(samples, found, strict=True) for _ in mine]
    closeness = finished.model.sample_kind.closeness(before, after)
    merit = closeness
    if (naturalness := finished.model.naturalness(after)) is not None:
        merit = [so_far + NATURALNESS_WEIGHT * one for so_far, one in zip(merit, naturalness.tolist(), strict=True)]
    if (surprisal := finished.model.added_surprisal(before, after)) is not None:
        merit = [so_far - SURPRISAL_WEIGHT * one for so_far, one in zip(merit, surprisal.tolist(), strict=True)]
    each = map(Candidate, least_values(finished, after), merit, closeness, after)
    return [best_first([next(each) for _ in mine], strength) for mine in found]


def best_first(candidates: list[Candidate], strength: float) -> list[Candidate]:
    """Those that satisfy most, up to ``strength``; of these, those of the highest merit."""
    return sorted(candidates, key=lambda one: (min(one.value, strength), one.merit), reverse=True)


def mixtures(finished: FinishedRun, samples: Sequence[Any], decoded: list[list[Candidate]]) -> list[list[Any]]:
    """For each sample, new ones with only some of its best candidates' changes, since not every change may be needed."""
    kind = finished.model.sample_kind
    pairs = [(sample, one.sample) for sample, mine in zip(samples, decoded, strict=True) for one in mine[:MIXED]]
    mixed = iter(finished.model.mixtures([before for before, _ in pairs], [after for _, after in pairs]))
    found = [kind.distinct([one for _ in mine[:MIXED] for one in next(mixed)]) for mine in decoded]
    known = [{kind.key(one.sample) for one in mine} for mine in decoded]
    return [[one for one in new if kind.key(one) not in old] for new, old in zip(found, known, strict=True)]


@torch.no_grad()
def moved(finished: FinishedRun, samples: Sequence[Any], posterior: Posterior) -> list[list[Any]]:
    """The distinct candidates for each sample, some way along the actor's moves from its posterior's mean or a draw of it."""
    chance = torch.Generator().manual_seed(0)  # the same draws for every sample, whatever stands beside it
    noise = torch.randn(POINTS, finished.model.latent_dim, generator=chance).to(posterior.mean.device)
    noise[::2] = 0
    share, pull = torch.rand(2, POINTS, 1, generator=chance).to(noise.device)
    share = SHARES[0] + (SHARES[1] - SHARES[0]) * share
    found = []
    for sample, mean, std in zip(samples, *posterior, strict=True):
        z = mean + std * noise
        points = torch.lerp(z, finished.steering.actor(z), share)
        found.append(finished.model.decode_near(points, [sample] * POINTS, STRONGEST_PULL * pull[:, 0]))
    return [finished.model.sample_kind.distinct(mine) for mine in found]


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


def way_to(finished: FinishedRun, found: Edit, steps: int = 7) -> list[Any]:
    """The sample, what lies on the way to its edit, and the edit: ``steps`` in all."""
    between = interpolate(finished, found.before, found.after, steps)[1:-1]
    return [found.before, *(sample for sample, _ in between), found.after]
