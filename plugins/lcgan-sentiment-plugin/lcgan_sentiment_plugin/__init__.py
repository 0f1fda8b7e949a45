"""``sentiment``: a constraint of lcgan for positive or negative texts; ``sentiment-ngrams``: a second opinion on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from lcgan_core import Classifier, Constraint, hookimpl

from .second_judge import SentimentNgrams

SHIPPED = Path(__file__).parent / "model"
"""The classifier in the wheel; its README.md describes its origin and accuracy."""


class SentimentClassifier(Classifier):
    """Core's classifier, under the name that its messages should show."""

    name = "sentiment"


class Sentiment(Constraint):
    """Texts of positive or negative sentiment, as judged by a small transformer that ships with the plugin."""

    name = "sentiment"
    judges = frozenset({"text"})
    expensive = True

    target: Literal["positive", "negative"] = "positive"
    """The sentiment you want; the value is its probability."""
    model: str | None = None
    """Another classifier with the labels positive and negative: a folder, or a name on the Hugging Face hub. For one with other
    labels, use --constraint classifier."""

    @property
    def classifier(self) -> SentimentClassifier:
        """The classifier that judges the texts."""
        return SentimentClassifier(model=self.model or str(SHIPPED), label=self.target)

    def __call__(self, samples: Sequence[str]) -> list[float]:
        return self.classifier(samples)

    @property
    def fingerprint(self) -> str:
        """Follows the classifier's weights, and the target."""
        return self.classifier.fingerprint


@hookimpl
def register_constraints(register: Callable[[type[Constraint]], None]) -> None:
    register(Sentiment)
    register(SentimentNgrams)
