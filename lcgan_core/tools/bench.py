"""``lcgan bench``: compares all samplers on finished runs, each with the same model and critics."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean as mean
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from ..constraint import Constraint, bound
from ..engine.labelling import Labeller, all_of_them
from ..engine.samplers import SAMPLERS, Sampler, satisfying
from ..errors import ConstraintError, RunError
from ..figures import Beside, Record, Share, Trust
from ..latent_model import memory_of, quality_of
from ..runs.config import Wish
from ..runs.evaluation import judged, share_of
from ..runs.finished import FinishedRun, load_run
from ..sample_kinds import Text
from ..support.extras import needed
from ..support.plot import Marks, Plot, side_by_side
from ..support.wording import with_direction

if TYPE_CHECKING:
    from .perplexity import LanguageModel

BENCH = "bench.json"
FIGURE = "bench.svg"

PERPLEXITY = "perplexity"
"""Name of the figure that a language model of the user's choice measures."""


class Fit(Record):
    """What a sampler needed before it could draw."""

    seconds: float
    labels: int


class Cost(Record):
    """Cost of decoded samples, per sample that satisfies."""

    draw_seconds: float
    """Time to draw the latents."""
    seconds: float
    """Time to draw and decode them."""
    decodes: float
    labels: float


class Row(Record):
    """The figures of one sampler on one run."""

    run: str
    sampler: str
    satisfied: Share
    judged: dict[str, Share]
    """The share of samples that satisfy each judge, by the judge's name."""
    trust: dict[str, Trust]
    """How far to trust the judges that were learned from labels."""
    quality: dict[str, float]
    """The model's own figures for its samples, by name."""
    greater_is_better: dict[str, bool]
    """Whether greater is better, for each figure of ``quality`` for which this is known."""
    unique: float
    """Share of distinct samples."""
    memory: dict[str, Beside]
    """The model's own figures for how many of the samples are remembered, by name."""
    two_sample_auc: float
    """How well a classifier distinguishes the latents from those of real data that satisfies; 0.5 is chance."""
    frechet: float
    """Fréchet distance between the same two sets."""
    moved: float
    """Mean distance in z from the latents that the sampler started from."""
    kept: float | None
    """Closeness of the samples to those that the sampler started from; None if it moves nothing."""
    fit: Fit
    per_satisfying: Cost


class Unmeasured(Record):
    """A sampler that could not be measured on one run."""

    run: str
    sampler: str
    reason: str


class Bench(Record):
    """The content of ``bench.json``."""

    samples: int
    """Samples per seed."""
    seeds: int
    judges: tuple[Wish, ...]
    fluency: str | None
    """The language model that measured perplexity, if one was asked to."""
    rows: tuple[Row, ...]
    unmeasured: tuple[Unmeasured, ...]


class Compared(NamedTuple):
    """What ``bench`` finds."""

    rows: list[Row]
    unmeasured: list[Unmeasured]


def bench(
    runs: Sequence[Path],
    samplers: Sequence[str] | None,
    n: int,
    seeds: Sequence[int],
    judges: Mapping[str, Constraint] | None = None,
    fluency: LanguageModel | None = None,
    on_progress: Callable[[str, float], None] = lambda what, share: None,
    device: str = "auto",
) -> Compared:
    """One row for each run and sampler (by default all samplers): satisfaction, quality, distance to real latents, and cost.

    Every figure covers ``n`` samples for each of ``seeds``. All ``judges`` judge every row. ``fluency``
    measures perplexity, beside the model's own figures. Raises ``RunError`` if a run is not finished, if
    ``fluency`` is given for a model that does not make text, if scikit-learn is missing, or if nothing could be measured.
    """
    needed("sklearn", "lcgan bench", "bench")
    samplers = samplers or list(SAMPLERS)
    found = Compared([], [])
    for run in runs:
        on_progress(str(run), 0.0)
        finished = load_run(run, device)
        model = finished.model
        if fluency and model.sample_kind.name != Text.name:
            raise RunError(
                f"--fluency judges text; the model {model.name} of {run} makes {model.sample_kind.name}. Leave it out."
            )
        bound_judges = {name: bound(judge, model) for name, judge in (judges or {}).items()}
        try:
            yardstick = Yardstick(n, seeds, bound_judges, real_that_satisfy(finished, n), fluency)
        except RunError as error:
            found.unmeasured.extend(Unmeasured(run=str(run), sampler=name, reason=str(error)) for name in samplers)
            continue
        for place, name in enumerate(samplers):
            on_progress(str(run), place / len(samplers))
            try:
                found.rows.append(measure(finished, str(run), name, yardstick))
            except (RunError, ConstraintError) as error:
                found.unmeasured.append(Unmeasured(run=str(run), sampler=name, reason=str(error)))
    if not found.rows:
        raise RunError(f"Nothing could be measured. {' '.join(dict.fromkeys(row.reason for row in found.unmeasured))}")
    return found


def real_that_satisfy(finished: FinishedRun, n: int) -> Tensor:
    """Up to 1,000 latents of real data whose samples satisfy, but no more than n; raises ``RunError`` if they are too rare."""
    generator = torch.Generator().manual_seed(97)
    q, labeller = finished.steering.q, finished.steering.labeller
    advice = "They were drawn from q(z), to compare samplers with real data that satisfies. Compare runs of a commoner wish."
    return satisfying(labeller, lambda drawn: q.draw(drawn, generator), min(n, 1000), advice)


@dataclass(frozen=True)
class Yardstick:
    """What every sampler of a run is measured with."""

    n: int
    """Samples per seed."""
    seeds: Sequence[int]
    judges: Mapping[str, Constraint]
    """Constraints in addition to the run's own, bound to its model."""
    real: Tensor
    """Latents of real data whose samples satisfy, ``[at most n, latent_dim]``."""
    fluency: LanguageModel | None = None
    """Measures perplexity."""

    @cached_property
    def trust(self) -> dict[str, Trust]:
        """How far to trust the judges that were learned from labels."""
        return {name: told for name, judge in self.judges.items() if (told := judge.trust())}


def measure(finished: FinishedRun, run: str, name: str, yardstick: Yardstick) -> Row:
    """The figures of the sampler ``name`` on the finished run, which the row calls ``run``.

    Raises ``RunError`` if the sampler cannot draw, and ``ConstraintError`` if not one of its samples could be judged.
    """
    model, kind, n, real = finished.model, finished.model.sample_kind, yardstick.n, yardstick.real
    plain = finished.steering.labeller
    counted = CountingLabeller(model, plain.constraints)
    started = time.perf_counter()
    sampler: Sampler = SAMPLERS[name](replace(finished.steering, labeller=counted))
    fit = Fit(seconds=time.perf_counter() - started, labels=counted.labelled)
    counted.labelled = 0
    started = time.perf_counter()
    drawn = [sampler.draw(n, torch.Generator().manual_seed(seed)) for seed in yardstick.seeds]
    draw_seconds, draw_labels = time.perf_counter() - started, counted.labelled

    start, z = (torch.cat(parts) for parts in zip(*drawn, strict=True))
    started = time.perf_counter()
    samples = model.decode(z)
    decode_seconds = 0.0 if draw_labels else time.perf_counter() - started  # rejection has already decoded them
    together = all_of_them(plain.values(samples))
    held = int((together == 1).sum())
    parts = [samples[i : i + n] for i in range(0, len(samples), n)]
    quality = [quality_of(model, part, thorough=True) for part in parts]
    better = dict(model.greater_is_better)
    if yardstick.fluency:
        better[PERPLEXITY] = False
        for figures, part in zip(quality, parts, strict=True):
            figures[PERPLEXITY] = yardstick.fluency.perplexity(part)
    names = [figure for figure in quality[0] if all(figure in figures for figures in quality)]
    return Row(
        run=run,
        sampler=name,
        satisfied=share_of(together),
        judged={judge_name: judged(judge, samples, kind) for judge_name, judge in yardstick.judges.items()},
        trust=yardstick.trust,
        quality={figure: mean(figures[figure] for figures in quality) for figure in names},
        greater_is_better={figure: better[figure] for figure in names if figure in better},
        unique=mean(map(kind.unique, parts)),
        memory=memory_of(model, samples),
        two_sample_auc=two_sample_auc(z[: len(real)], real),
        frechet=frechet_distance(z, real),
        moved=float((z - start).norm(dim=1).mean()),
        kept=None if torch.equal(start, z) else mean(kind.closeness(model.decode(start[:n]), samples[:n])),
        fit=fit,
        per_satisfying=Cost(
            draw_seconds=draw_seconds / max(held, 1),
            seconds=(draw_seconds + decode_seconds) / max(held, 1),
            decodes=(draw_labels or len(samples)) / max(held, 1),
            labels=draw_labels / max(held, 1),
        ),
    )


class CountingLabeller(Labeller):
    """A labeller that counts the latents it labels."""

    labelled = 0

    def __call__(self, z: Tensor, only: Collection[str] | None = None) -> Any:
        self.labelled += len(z)
        return super().__call__(z, only)


def two_sample_auc(found: Tensor, real: Tensor) -> float:
    """How well a classifier distinguishes ``found`` from ``real`` on rows that it did not learn from; 0.5 is chance.

    Lopez-Paz & Oquab 2017 (arXiv 1610.06545), with a small multilayer perceptron and five-fold cross-validation.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.neural_network import MLPClassifier

    rows, kinds = torch.cat([found, real]).cpu().numpy(), [0] * len(found) + [1] * len(real)
    classifier = MLPClassifier((64,), alpha=1.0, max_iter=60, early_stopping=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is intended
        real_probability = cross_val_predict(classifier, rows, kinds, cv=5, method="predict_proba")[:, 1]
    return float(roc_auc_score(kinds, real_probability))


def frechet_distance(found: Tensor, real: Tensor) -> float:
    """|μ1 - μ2|² + tr(C1 + C2 - 2 (C1 C2)^½) of two sets of latents (Dowson & Landau 1982); 0 if the moments agree.

    With C1 = AᵀA and C2 = BᵀB, the last trace is the sum of the singular values of A Bᵀ. A and B have one row
    per latent, or one per dimension if there are more latents than dimensions: no covariance of a large z is built.
    """
    found, real = found.cpu().double(), real.cpu().double()  # not every device has doubles
    first, second = _root_of_covariance(found), _root_of_covariance(real)
    overlap = torch.linalg.svdvals(first @ second.T).sum()
    apart = (found.mean(0) - real.mean(0)).square().sum()
    return float(apart + first.square().sum() + second.square().sum() - 2 * overlap)


def _root_of_covariance(z: Tensor) -> Tensor:
    """A matrix A ``[min(n, latent_dim), latent_dim]`` such that AᵀA is the covariance of ``z`` ``[n, latent_dim]``."""
    centred = (z - z.mean(0)) / math.sqrt(len(z) - 1)
    return centred if len(z) <= z.shape[1] else torch.linalg.qr(centred, mode="r").R


def by_run(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each run, in their original order."""
    return {run: [row for row in rows if row.run == run] for run in dict.fromkeys(row.run for row in rows)}


def plot(rows: Sequence[Row]) -> str:
    """Satisfaction against the model's first figure of quality or, if it has none, the latents' Fréchet distance.

    Each run has its own panel. A larger point means more seconds per satisfying sample.
    """
    return side_by_side([_panel(run, mine) for run, mine in by_run(rows).items()])


def _panel(run: str, rows: Sequence[Row]) -> Plot:
    quality = next(iter(rows[0].quality), None)
    points = Marks(
        "points",
        [row.frechet if quality is None else row.quality.get(quality, math.nan) for row in rows],
        [row.satisfied.value for row in rows],
        radii=[3 * (1 + row.per_satisfying.seconds * 1000) ** 0.25 for row in rows],
        labels=[row.sampler for row in rows],
    )
    x_label = (
        "Fréchet distance of latents (lower is better)"
        if quality is None
        else with_direction(quality, rows[0].greater_is_better.get(quality))
    )
    y_label = "satisfied; area: seconds per satisfying sample"
    return Plot([points], run, x_label, y_label, y_range=(0, 1.05), size=(480, 380))
