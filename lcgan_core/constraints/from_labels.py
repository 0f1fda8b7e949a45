"""``labels``: a wish that no rule can tell, given as a few dozen labelled samples."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from ..constraint import SATISFIED, Constraint
from ..errors import ConstraintError

if TYPE_CHECKING:
    from torch import Tensor

    from ..latent_model import LatentModel

FEWEST = 10
"""Labels that are needed of each kind. Arbitrary: with fewer, the interval of the held-out accuracy says nothing."""
FOLDS = 10
"""Parts that are held out in turn; ten are customary."""
RIDGE = 10.0
"""Strength of the penalty on squared weights. Among 0.3 to 300 it was the best for 70 to 1,000 labels of review sentences."""


class Labels(Constraint):
    """Texts like those labelled 1 in a CSV file with the columns text and value; 70 rows are a good beginning."""

    name = "labels"

    file: Path
    """The CSV file; a value is a number in [0, 1], or one of two class names."""
    target: str | None = None
    """The class to have, where the values are class names."""

    @cached_property
    def rows(self) -> list[tuple[str, float]]:
        """Texts and values in [0, 1]; raises ``ConstraintError`` where the file holds too few or anything else."""
        try:
            with self.file.open(encoding="utf-8-sig", newline="") as file:
                found = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ConstraintError(f"labels.file: {self.file} cannot be read: {error}. Give a CSV file.") from error
        if not found or not {"text", "value"} <= set(found[0]):
            raise ConstraintError(f"labels.file: {self.file} needs a first line 'text,value' and rows below it.")
        classes = sorted({row["value"] or "" for row in found})
        if self.target is not None and (len(classes) != 2 or self.target not in classes):
            raise ConstraintError(
                f"labels.target: {self.file} has the values {', '.join(classes)}, not two with {self.target!r}."
            )
        rows = [(row["text"], self._value(row["value"] or "", line)) for line, row in enumerate(found, start=2)]
        high = sum(value >= SATISFIED for _, value in rows)
        if min(high, len(rows) - high) < FEWEST:
            raise ConstraintError(
                f"labels.file: {self.file} has {high} texts that satisfy and {len(rows) - high} that do not. "
                f"Label at least {FEWEST} of each, better 35."
            )
        return rows

    def _value(self, given: str, line: int) -> float:
        if self.target is not None:
            return float(given == self.target)
        try:
            value = float(given)
        except ValueError:
            value = math.nan
        if not 0 <= value <= 1:
            raise ConstraintError(
                f"labels.file: {self.file} line {line}: {given!r} is no number in [0, 1]. "
                "Where the values are class names, say which to have: --set labels.target=NAME"
            )
        return value

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(repr(self.rows).encode()).hexdigest()[:16]

    def bind(self, model: LatentModel[Any]) -> Constraint:
        return LearnedLabels.learn(self, model)

    def __call__(self, samples: Sequence[str]) -> list[float]:
        raise ConstraintError("labels can be judged only on a model: use lcgan run.")


class LearnedLabels(Labels):
    """Labels, and what they teach on one model: logistic regression on the model's features of the labelled texts.

    A decoded sample is scored by encoding it again, so that a latent counts for what its sample turned out to be.
    """

    _model: Any = PrivateAttr()
    _weights: Any = PrivateAttr()

    @classmethod
    def learn(cls, labels: Labels, model: LatentModel[Any]) -> LearnedLabels:
        found = cls(**labels.model_dump())
        found._model = model
        found._weights = logistic_regression(*found._data())
        return found

    def _data(self) -> tuple[Tensor, Tensor]:
        import torch

        texts, values = zip(*self.rows, strict=True)
        return self._model.features(texts), torch.tensor(values)

    def __call__(self, samples: Sequence[str]) -> list[float]:
        found: list[float] = probability(self._model.features(samples), self._weights).tolist()
        return found

    def trust(self) -> dict[str, Any]:
        """How far to trust it: the share of labels told right by what was learned without them, with its 95 % interval."""
        import torch

        from ..support.statistics import wilson_interval

        features, values = self._data()
        order = torch.randperm(len(features), generator=torch.Generator().manual_seed(0))  # files are often sorted by value
        right = 0
        for fold in range(FOLDS):
            held_out = order % FOLDS == fold
            weights = logistic_regression(features[~held_out], values[~held_out])
            told = probability(features[held_out], weights) >= SATISFIED
            right += int((told == (values[held_out] >= SATISFIED)).sum())
        return {"labels": len(values), "accuracy": right / len(values), "interval": wilson_interval(right, len(values))}


def logistic_regression(features: Tensor, values: Tensor) -> Tensor:
    """Weights ``[features + 1]``, the last for the constant, that tell ``values`` in [0, 1] from ``[n, features]``; the rarer
    kind counts more."""
    import torch
    from torch.nn import functional as F

    weights = torch.zeros(features.shape[1] + 1, requires_grad=True)
    importance = values / values.sum() + (1 - values) / (1 - values).sum()
    importance = importance * len(features) / importance.sum()
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        wrong = F.binary_cross_entropy_with_logits(
            features @ weights[:-1] + weights[-1], values, weight=importance, reduction="sum"
        )
        total = wrong + 0.5 * RIDGE * weights[:-1].square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return weights.detach()


def probability(features: Tensor, weights: Tensor) -> Tensor:
    return (features @ weights[:-1] + weights[-1]).sigmoid()
