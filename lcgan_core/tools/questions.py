"""Questions to a person: which sample to ask about next, and every answer kept as a label."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import portalocker
import torch

from ..constraint import SATISFIED
from ..constraints.from_labels import FEWEST, Labels, logistic_regression, probability
from ..engine.aggregate_posterior import AggregatePosterior
from ..errors import ConstraintError
from ..latent_model import LatentModel
from ..support.files import whole

CANDIDATES = 400
"""Decoded posterior samples, or texts of the user's own, among which each question is chosen. Arbitrary."""
CHANCE = 3
"""Every third question is random, so that the labels also tell about what the critic is sure of. Arbitrary."""
HEADER = "text,value\r\n"


class QuestionSession:
    """Answers about samples of a model, in a CSV file that ``labels`` reads; an answer is on the disk before the next question.

    Questions are those whose answer is least sure by what the answers so far teach, or by chance where ``active`` is off. They
    are about decoded posterior samples, or about ``own`` texts, each of them once.
    """

    def __init__(
        self, file: Path, model: LatentModel[Any], seed: int = 0, active: bool = True, own: Sequence[str] | None = None
    ) -> None:
        self.file, self.model, self.active = file, model, active
        self.answers = read_answers(file)
        self.generator = torch.Generator().manual_seed(seed + 1_000_003 * len(self.answers))
        self.q = AggregatePosterior.of(model)
        self.texts: list[str] = []
        self.features = model.features([])
        self.unasked: list[str] | None = None
        """Of the user's own texts, those that are not among ``texts`` yet."""
        if own is not None:
            answered = {text for text, _ in self.answers}
            new = [text for text in dict.fromkeys(own) if text not in answered]
            self.unasked = [new[place] for place in torch.randperm(len(new), generator=self.generator).tolist()]

    def question(self) -> str:
        """The sample to ask about next, where any is left; asked again, the same one until it is answered or skipped."""
        asked = {text for text, _ in self.answers}
        if len(self.texts) < CANDIDATES // 2 and (drawn := self._more()):
            self.texts = list(dict.fromkeys(text for text in [*self.texts, *drawn] if text not in asked))
            self.features = self.model.features(self.texts)
        if self.active and self.knows_both and len(self.answers) % CHANCE:
            unsure = (probability(self.features, self._weights()) - 0.5).abs()
            self._to_front(int(unsure.argmin()))
        return self.texts[0]

    def answer(self, value: float) -> None:
        """Keeps the answer to ``question()``."""
        text = self.texts[0]
        row = io.StringIO(newline="")
        csv.writer(row).writerow((text, f"{value:g}"))
        new = not self.file.exists() or not self.file.stat().st_size
        with self.file.open("a", encoding="utf-8", newline="") as file:
            file.write((HEADER if new else "") + row.getvalue())
            file.flush()
            os.fsync(file.fileno())
        self.answers.append((text, value))
        self._drop()

    def skip(self) -> None:
        """Goes on to another question."""
        self._drop()

    def undo(self) -> str | None:
        """Takes the last answer back and asks again; the text of it, or None where there is no answer."""
        if not self.answers:
            return None
        text, _ = self.answers.pop()
        with whole(self.file) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
            file.write(HEADER)
            csv.writer(file).writerows((text, f"{value:g}") for text, value in self.answers)
        self.question()
        self.texts.insert(0, text)
        self.features = torch.cat([self.model.features([text]), self.features])
        return text

    @property
    def exhausted(self) -> bool:
        """Whether each of the user's own texts is answered or skipped; samples of the model never run out."""
        return not self.texts and self.unasked == []

    @property
    def knows_both(self) -> bool:
        """Whether there is an answer of either kind."""
        return len({value >= SATISFIED for _, value in self.answers}) == 2

    def estimate(self) -> dict[str, Any] | None:
        """How well the answers so far teach the rest, as ``Labels`` tells it; None while there are too few."""
        held = sum(value >= SATISFIED for _, value in self.answers)
        if min(held, len(self.answers) - held) < FEWEST:
            return None
        return Labels(file=self.file).bind(self.model).trust()

    def _more(self) -> list[str]:
        if self.unasked is None:
            return self.model.decode(self.q.draw(CANDIDATES, self.generator))
        drawn, self.unasked = self.unasked[:CANDIDATES], self.unasked[CANDIDATES:]
        return drawn

    def _weights(self) -> torch.Tensor:
        texts, values = zip(*self.answers, strict=True)
        return logistic_regression(self.model.features(texts), torch.tensor(values))

    def _to_front(self, place: int) -> None:
        self.texts.insert(0, self.texts.pop(place))
        self.features = torch.cat([self.features[place : place + 1], self.features[:place], self.features[place + 1 :]])

    def _drop(self) -> str:
        self.features = self.features[1:]
        return self.texts.pop(0)


def read_answers(file: Path) -> list[tuple[str, float]]:
    """The rows of a label file; none where there is no file yet. Raises ``ConstraintError`` where it is something else."""
    if not file.exists():
        return []
    try:
        with file.open(encoding="utf-8-sig", newline="") as content:
            return [(row["text"], float(row["value"])) for row in csv.DictReader(content)]
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise ConstraintError(
            f"{file} is no file of labels (columns text and value, numbers in [0, 1]): {error}. Give another file."
        ) from error


@contextmanager
def only_one(file: Path) -> Iterator[None]:
    """Holds ``file`` for this process; raises ``ConstraintError`` where another one is labelling into it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = portalocker.Lock(file.with_name(f".{file.name}.lock"), "a", fail_when_locked=True)
    try:
        lock.acquire()
    except portalocker.exceptions.LockException as error:
        raise ConstraintError(f"Another process is labelling into {file}. End that one first, or give another file.") from error
    try:
        yield
    finally:
        lock.release()
