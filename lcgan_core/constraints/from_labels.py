"""``labels``: a constraint learned from a few dozen labelled samples, for what no rule can express."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from ..constraint import SATISFIED, Constraint
from ..errors import ConstraintError
from ..figures import Share, Trust
from ..support.wording import misread_lines
from .annotations import SUFFIXES, read_export
from .label_file import Row, read_label_file, value_of

if TYPE_CHECKING:
    from torch import Tensor

    from ..latent_model import LatentModel
    from ..sample_kinds import SampleKind

FEWEST = 10
"""Minimum number of labels of each class. Arbitrary: with fewer, the interval of the held-out accuracy is too wide to use."""
FOLDS = 10
"""Number of cross-validation folds; ten are customary."""
REPORTED = 10
"""Contradictions and empty rows that are reported by line. Arbitrary: a screen holds them."""
RIDGE = 10.0
"""Weight of the penalty on squared weights. The best of 0.3 to 300 for 70 to 1,000 labelled review sentences."""


class Labels(Constraint):
    """Samples like those labelled 1 in a CSV file with the columns text (or file) and value; start with about 70 rows."""

    name = "labels"
    may_grow = True

    file: Path
    """The CSV file, with any other columns, in any order, separated by commas, semicolons or tabs; or an export of Label
    Studio, Argilla or doccano as JSON or JSONL. Each value is a number in [0, 1], yes or no, true or false, positive or
    negative, or one of two class names."""
    target: str | None = None
    """The wanted class, if the values are class names."""
    encoding: str | None = None
    """Encoding of the file, such as cp1252, if it is neither UTF-8 nor UTF-16 with a byte order mark."""

    @property
    def rows(self) -> list[tuple[str, float]]:
        """Each sample, as its text or as a path relative to the label file, with its value in [0, 1].

        Raises ``ConstraintError`` if the label file has too few labels of a class, or is not a file of labels.
        """
        return [(row.given, value) for row, value in self._table[1]]

    @property
    def column(self) -> str:
        """The column of the samples: ``text``, or ``file`` if each sample is a file."""
        return self._table[0]

    @cached_property
    def _table(self) -> tuple[str, list[tuple[Row, float]]]:
        """``column``, and the rows with their values."""
        if not self.file.is_file():
            raise ConstraintError(f"labels.file: {self.file} cannot be read: there is no such file. Give a CSV file.")
        try:
            column, given = self._export() if self.file.suffix.lower() in SUFFIXES else self._csv()
        except ConstraintError as error:
            raise ConstraintError(f"labels.file: {error}") from error
        if blank := [row.where for row in given if not row.given.strip()]:
            places = f"{', '.join(blank[:REPORTED])}{' and more' if len(blank) > REPORTED else ''}"
            logging.getLogger(__name__).warning(f"{self.file}: rows without a {column} are left out: {places}.")
            given = [row for row in given if row.given.strip()]
        classes = sorted({row.value for row in given})
        if self.target is not None and (len(classes) != 2 or self.target not in classes):
            raise ConstraintError(
                f"labels.target: {self.file} has the values {', '.join(classes)}, not two with {self.target!r}."
            )
        rows = [(row, self._value(row)) for row in given]
        self._require_enough([value for _, value in rows], "samples")
        return column, rows

    def _csv(self) -> tuple[str, list[Row]]:
        found = read_label_file(self.file, self.encoding)
        if found.column is None:
            raise ConstraintError(f"{self.file} is empty: it needs a first line 'text,value' and rows below it.")
        if found.damaged:
            logging.getLogger(__name__).warning(f"{self.file} line {found.damaged} is cut off. It is left out.")
        return found.column, found.rows

    def _export(self) -> tuple[str, list[Row]]:
        found = read_export(self.file, self.encoding)
        if found.unlabelled:
            logging.getLogger(__name__).warning(f"{self.file}: records without a label are left out: {found.unlabelled}.")
        return found.column, found.rows

    def _require_enough(self, values: Sequence[float], what: str) -> None:
        high = sum(value >= SATISFIED for value in values)
        if min(high, len(values) - high) < FEWEST:
            raise ConstraintError(
                f"labels.file: {self.file} has {high} {what} that satisfy and {len(values) - high} that do not. "
                f"Label at least {FEWEST} of each, better 35."
            )

    def _value(self, row: Row) -> float:
        if self.target is not None:
            return float(row.value == self.target)
        value = value_of(row.value)
        if value is None:
            raise ConstraintError(
                f"labels.file: {self.file} {row.where}: {row.value!r} is no number in [0, 1]. "
                "Where the values are class names, say which to have: --set labels.target=NAME"
            )
        return value

    @property
    def fingerprint(self) -> str:
        """Depends on the labels; for samples in files, on the files' content, not on their names."""
        rows = self.rows
        if self.column == "file":
            rows = [(self._hash_of(name), value) for name, value in rows]
        return self.fingerprint_of(repr(rows))

    def _hash_of(self, name: str) -> str:
        try:
            return hashlib.sha256((self.file.parent / name).read_bytes()).hexdigest()
        except OSError as error:
            raise ConstraintError(
                f"labels.file: {self.file} names {name}, which cannot be read: {error.strerror}. "
                f"Paths are relative to {self.file.parent}. Fix or remove that row."
            ) from error

    def bind(self, model: LatentModel[Any]) -> Constraint:
        """The constraint that the labels teach on ``model``; raises ``ConstraintError`` if the kinds of sample differ."""
        return LearnedLabels.learn(self, model)

    def __call__(self, samples: Sequence[Any]) -> list[float]:
        raise ConstraintError("labels can be judged only on a model: use lcgan run.")


class LearnedLabels(Labels):
    """Labels with what they teach on one model: logistic regression on the model's features of the labelled samples.

    A decoded sample is encoded again to score it, so the score is that of the sample itself, not of the latent behind it.
    """

    _model: Any = PrivateAttr()
    _samples: list[Any] = PrivateAttr()
    _values: list[float] = PrivateAttr()
    _weights: Any = PrivateAttr()
    _trust: Trust | None = PrivateAttr(None)

    @classmethod
    def learn(cls, labels: Labels, model: LatentModel[Any], quietly: bool = False) -> LearnedLabels:
        """Logs unless ``quietly`` which rows are left out, and what the model does not take as it is."""
        found, kind = cls(**labels.model_dump()), model.sample_kind
        if found.column != kind.column:
            raise ConstraintError(
                f"labels.file: {found.file} has its samples in the column {found.column!r}; the model {model.name} makes "
                f"{kind.name}, whose labels have the columns {kind.column!r} and 'value'. Label its samples: lcgan label."
            )
        found._model = model
        samples = [kind.parse(given, found.file.parent) for given, _ in found.rows]
        found._samples, found._values, contradictory = counted_once(kind, samples, [value for _, value in found.rows])
        features, wanted = found._data()  # says first what the model lacks: no label makes up for that
        if not quietly:
            found._report(contradictory)
        found._require_enough(found._values, "different samples")
        found._weights = logistic_regression(features, wanted)
        return found

    def _report(self, contradictory: Sequence[Sequence[int]]) -> None:
        """Logs which rows give one sample two values, and how many samples the model does not take as they are."""
        for line in misread_lines(self._model.misread(self._samples), len(self._samples)):
            logging.getLogger(__name__).warning(f"{self.file}: {line}.")
        if not contradictory:
            return
        rows = self._table[1]
        told = [" and ".join(f"{rows[place][0].where} ({rows[place][1]:g})" for place in places) for places in contradictory]
        more = f"; and {len(told) - REPORTED} more" if len(told) > REPORTED else ""
        logging.getLogger(__name__).warning(
            f"{self.file}: rows contradict each other about one sample and are left out: {'; '.join(told[:REPORTED])}{more}."
        )

    def _data(self) -> tuple[Tensor, Tensor]:
        import torch

        return self._model.features(self._samples).cpu(), torch.tensor(self._values)

    def __call__(self, samples: Sequence[Any]) -> list[float]:
        found: list[float] = probability(self._model.features(samples).cpu(), self._weights).tolist()
        return found

    def trust(self) -> Trust:
        """Held-out accuracy by cross-validation: each label is predicted by a classifier that did not learn from it."""
        if self._trust is None:
            self._trust = self._cross_validated()
        return self._trust

    def _cross_validated(self) -> Trust:
        import torch

        features, values = self._data()
        wanted = values >= SATISFIED
        told = torch.zeros_like(wanted)
        order = torch.randperm(len(values), generator=torch.Generator().manual_seed(0))  # files are often sorted by value
        for fold in range(FOLDS):
            held_out = order % FOLDS == fold
            weights = logistic_regression(features[~held_out], values[~held_out])
            told[held_out] = probability(features[held_out], weights) >= SATISFIED
        share, guessed = float(wanted.double().mean()), float(told.double().mean())
        return Trust(
            labels=len(values),
            accuracy=Share.of(int((told == wanted).sum()), len(values)),
            chance=share * guessed + (1 - share) * (1 - guessed),
        )


def counted_once(
    kind: SampleKind[Any], samples: Sequence[Any], values: Sequence[float]
) -> tuple[list[Any], list[float], list[list[int]]]:
    """Samples that a person would call equal, counted once: the first of each, its mean value, and places that contradict.

    Samples of which some copies satisfy and others do not are left out; their places are the last of the three.
    """
    groups: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        groups.setdefault(kind.alike(sample), []).append(place)
    agreed: list[list[int]] = []
    contradictory: list[list[int]] = []
    for places in groups.values():
        verdicts = {values[place] >= SATISFIED for place in places}
        (agreed if len(verdicts) == 1 else contradictory).append(places)
    means = [sum(values[place] for place in places) / len(places) for places in agreed]
    return [samples[places[0]] for places in agreed], means, contradictory


def logistic_regression(features: Tensor, values: Tensor) -> Tensor:
    """Weights ``[features + 1]``, the last one the intercept, that predict ``values`` in [0, 1] from ``[n, features]``; both
    classes count the same in total."""
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
