"""``sentiment-ngrams``: a second opinion on sentiment, by a judge of another kind that no training of lcgan ever saw.

It is linear in weighted n-grams of words, so it has in common with the plugin's transformer neither weights nor architecture,
and is fooled by other things.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lcgan_core import Constraint, ConstraintError, CorpusError, Share, Trust

from .corpora import LABELS, read_labelled

FEWEST = 20
"""Texts that are needed of each kind."""
HELD_OUT = 20
"""Every so manieth text is not learned from, but tells how far to trust what was."""


class Learned(NamedTuple):
    """A scikit-learn pipeline, how many texts it learned from, and how many of those held out it tells right."""

    pipeline: Any
    texts: int
    held_out: int
    right: int


class SentimentNgrams(Constraint):
    """Texts of positive or negative sentiment, as a linear judge of n-grams sees it that learns from your labelled texts."""

    name = "sentiment-ngrams"
    judges = frozenset({"text"})
    expensive = True

    train: Path
    """Texts to learn from, at first use: a CSV file with the columns text and label (positive, negative), gzipped or not."""
    target: Literal["positive", "negative"] = "positive"
    """The sentiment to have; the value is its probability."""

    def __call__(self, samples: Sequence[str]) -> list[float]:
        """The probabilities of the target. Raises ``ConstraintError`` where there is nothing to learn from."""
        if not samples:
            return []
        probabilities: list[float] = self._learned.pipeline.predict_proba(samples)[:, LABELS.index(self.target)].tolist()
        return probabilities

    def trust(self) -> Trust:
        _, texts, held_out, right = self._learned
        return Trust(labels=texts, accuracy=Share.of(right, held_out))

    @property
    def fingerprint(self) -> str:
        """Follows the content of the file, not where it lies, and the target."""
        return hashlib.sha256(f"{self.name} {self.target} {self._digest}".encode()).hexdigest()[:16]

    @property
    def _learned(self) -> Learned:
        return _learn(self.train, self._digest)

    @property
    def _digest(self) -> str:
        try:
            return hashlib.sha256(self.train.read_bytes()).hexdigest()
        except OSError as error:
            raise ConstraintError(f"{self.name}.train: {self.train} cannot be read: {error}. Give a CSV file.") from error


@cache
def _learn(path: Path, digest: str) -> Learned:
    """Logistic regression over tf-idf of one to three words or signs; once a process for each content of the file."""
    option = f"{SentimentNgrams.name}.train"
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
    except ImportError as error:
        raise ConstraintError(
            f"{SentimentNgrams.name} needs scikit-learn: pip install 'lcgan-sentiment-plugin[judge]'."
        ) from error
    try:
        found = list(dict.fromkeys(read_labelled(path)))
    except CorpusError as error:
        raise ConstraintError(f"{option}: {error}") from error
    numbers = [sum(text.label == kind for text in found) for kind in range(len(LABELS))]
    if min(numbers) < FEWEST:
        told = " and ".join(f"{number} {label}" for number, label in zip(numbers, LABELS, strict=True))
        raise ConstraintError(f"{option}: {path} has {told} texts. Give at least {FEWEST} of each; thousands make a judge.")
    held_out = found[::HELD_OUT]
    known = [text for place, text in enumerate(found) if place % HELD_OUT]
    pipeline = make_pipeline(
        TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 3), min_df=2, sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=1000),
    )
    pipeline.fit([text for text, _ in known], [label for _, label in known])
    told_labels = pipeline.predict([text for text, _ in held_out])
    right = sum(bool(told == label) for told, (_, label) in zip(told_labels, held_out, strict=True))
    return Learned(pipeline, len(known), len(held_out), right)
