"""``sentiment-ngrams``: a second opinion on sentiment, from a judge of another kind that no lcgan training ever saw.

The judge is linear in weighted word n-grams. It shares neither weights nor architecture with the plugin's transformer, so other
texts fool it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lcgan_core import Constraint, ConstraintError, CorpusError, Share, Trust
from lcgan_core.support.files import digest_of

from .corpora import LABELS, read_labelled

FEWEST = 20
"""Minimum number of texts of each label."""
HELD_OUT = 20
"""One text in this many is held out, to measure how far to trust the judge."""


class Learned(NamedTuple):
    """A scikit-learn pipeline, how many texts it learned from, how many were held out, and how many of those it got right."""

    pipeline: Any
    texts: int
    held_out: int
    right: int


class SentimentNgrams(Constraint):
    """Texts of positive or negative sentiment, as judged by a linear model of n-grams that learns from your labelled texts."""

    name = "sentiment-ngrams"
    judges = frozenset({"text"})
    expensive = True

    train: Path
    """Texts to learn from, at first use: a CSV file with the columns text and label (positive, negative), gzipped or not."""
    target: Literal["positive", "negative"] = "positive"
    """The sentiment you want; the value is its probability."""

    def __call__(self, samples: Sequence[str]) -> list[float]:
        """The probabilities of the target. Raises ``ConstraintError`` if there is nothing to learn from."""
        if not samples:
            return []
        probabilities: list[float] = self._learned.pipeline.predict_proba(samples)[:, LABELS.index(self.target)].tolist()
        return probabilities

    def trust(self) -> Trust:
        _, texts, held_out, right = self._learned
        return Trust(labels=texts, accuracy=Share.of(right, held_out))

    @property
    def fingerprint(self) -> str:
        """Follows the content of the file, whatever its path, and the target."""
        return self.fingerprint_of(self.name, self.target, self._digest)

    @property
    def _learned(self) -> Learned:
        return _learn(self.train, self._digest)

    @property
    def _digest(self) -> str:
        try:
            return digest_of(self.train)
        except OSError as error:
            raise ConstraintError(f"{self.name}.train: {self.train} cannot be read: {error}. Give a CSV file.") from error


@cache
def _learn(path: Path, digest: str) -> Learned:
    """Logistic regression over tf-idf of one to three words or signs, learned once per process and file content."""
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
