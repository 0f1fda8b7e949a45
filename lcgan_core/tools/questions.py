"""Questions for a person: chooses the next sample to ask about, and keeps every answer as a label."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import portalocker
import torch

from ..constraint import SATISFIED
from ..constraints.annotations import SUFFIXES
from ..constraints.from_labels import FEWEST, Labels, LearnedLabels, counted_once, logistic_regression, probability
from ..constraints.label_file import append_row, read_label_file, remove_last_row, value_of
from ..engine.aggregate_posterior import AggregatePosterior
from ..errors import ConstraintError
from ..figures import Trust
from ..latent_model import LatentModel
from ..sample_kinds import SampleKind

CANDIDATES = 400
"""Number of samples from which each question is chosen: decoded posterior samples, or the user's own. Arbitrary."""
CHANCE = 3
"""Every third question is random, so that the labels also cover samples that the critic is sure of. Arbitrary."""


class QuestionSession:
    """Answers about samples, in a CSV file that ``labels`` reads. Each answer is on disk before the next question is asked.

    Each question is the one whose answer is least certain, given the answers so far; if ``active`` is off, questions are
    random. Questions are about decoded posterior samples, or about each of the samples in ``own`` once. Samples other than text
    are kept as files in a folder beside the label file.

    Several questions can be open at a time, each at a place of its own, the first at place 0.
    """

    def __init__(
        self,
        file: Path,
        model: LatentModel[Any],
        seed: int = 0,
        active: bool = True,
        own: Sequence[Any] | None = None,
        encoding: str | None = None,
    ) -> None:
        self.file, self.model, self.kind, self.active, self.encoding = file, model, model.sample_kind, active, encoding
        self.answers = read_answers(file, self.kind, encoding)
        self.generator = torch.Generator().manual_seed(seed + 1_000_003 * len(self.answers))
        self.q = AggregatePosterior.of(model)
        self.open: dict[int, Any] = {}
        """The samples that are asked about, by their places."""
        self.answered: list[int] = []
        """The places of the answers of this session."""
        self.candidates: list[Any] = []
        self.features = model.features([]).cpu()
        self.unasked: list[Any] | None = None
        """The user's own samples that are not among the candidates yet; None if questions are about the model's samples."""
        if own is not None:
            new = self._unanswered(own)
            self.unasked = [new[place] for place in torch.randperm(len(new), generator=self.generator).tolist()]

    def question(self, place: int = 0) -> Any:
        """The sample to ask about at ``place``: the same one until it is answered or skipped. None if no sample is left."""
        if place not in self.open:
            if len(self.candidates) < CANDIDATES // 2 and (drawn := self._more()):
                self.candidates = self._unanswered([*self.candidates, *drawn])
                self.features = self.model.features(self.candidates).cpu()
            if not self.candidates:
                return None
            chosen = 0
            if self.active and self.knows_both and len(self.answers) % CHANCE:
                chosen = int(self.certainty(self.features).argmin())
            self.open[place] = self.candidates.pop(chosen)
            self.features = torch.cat([self.features[:chosen], self.features[chosen + 1 :]])
        return self.open[place]

    def certainty(self, features: torch.Tensor) -> torch.Tensor:
        """How far the probability that each sample is wanted is from one half, by the answers so far: ``[samples]``."""
        samples, values = zip(*self.answers, strict=True)
        weights = logistic_regression(self.model.features(samples).cpu(), torch.tensor(values))
        return (probability(features, weights) - 0.5).abs()

    def answer(self, value: float, place: int = 0) -> None:
        """Keeps the answer to ``question(place)``."""
        sample = self.open[place]
        append_row(self.file, self.kind.column, self.keep(sample), value, self.encoding)
        self.answers.append((sample, value))
        self.answered.append(place)
        del self.open[place]

    def keep(self, sample: Any) -> str:
        """The sample's entry in the label file. A sample other than text is written to its own file if that does not exist."""
        return self.kind.keep(sample, self.file.parent, f"{self.file.stem}-samples")

    def skip(self, place: int = 0) -> None:
        """Moves on to another question."""
        del self.open[place]

    def undo(self) -> Any | None:
        """Takes back the last answer and asks that question again: at its place, or at the first if the answer is from an
        earlier session. Returns its sample, or None if there is no answer.

        Raises ``ConstraintError`` if that answer is not the last row of the file any more.
        """
        if not self.answers:
            return None
        found = read_label_file(self.file, self.encoding)
        last = [self.kind.parse(row.given, self.file.parent) for row in found.rows[-1:]]
        if [self.kind.key(sample) for sample in last] != [self.kind.key(self.answers[-1][0])]:
            raise ConstraintError(
                f"{self.file} was edited meanwhile: its last row is another. Nothing was removed; start again."
            )
        remove_last_row(self.file, found)
        sample, _ = self.answers.pop()
        place = self.answered.pop() if self.answered else 0
        if place in self.open:  # to be asked about later
            self.features = torch.cat([self.model.features([self.open[place]]).cpu(), self.features])
            self.candidates.insert(0, self.open[place])
        self.open[place] = sample
        return sample

    @property
    def exhausted(self) -> bool:
        """Whether all of the user's own samples have been answered or skipped. The model's samples never run out."""
        return not self.candidates and not self.open and self.unasked == []

    @property
    def knows_both(self) -> bool:
        """Whether there are answers of both kinds."""
        return len({value >= SATISFIED for _, value in self.answers}) == 2

    def estimate(self) -> Trust | None:
        """How well a constraint learned from the answers so far predicts held-out ones, from ``Labels``; None if too few."""
        samples, given = [sample for sample, _ in self.answers], [value for _, value in self.answers]
        _, values, _ = counted_once(self.kind, samples, given)
        held = sum(value >= SATISFIED for value in values)
        if min(held, len(values) - held) < FEWEST:
            return None
        labels = Labels(file=self.file, encoding=self.encoding)
        return LearnedLabels.learn(labels, self.model, quietly=True).trust()

    def _unanswered(self, samples: Sequence[Any]) -> list[Any]:
        known = {self.kind.alike(sample) for sample in [*self.open.values(), *(sample for sample, _ in self.answers)]}
        new: dict[str, Any] = {}
        for sample in samples:
            new.setdefault(self.kind.alike(sample), sample)
        return [sample for alike, sample in new.items() if alike not in known]

    def _more(self) -> list[Any]:
        if self.unasked is None:
            return self.model.decode(self.q.draw(CANDIDATES, self.generator))
        drawn, self.unasked = self.unasked[:CANDIDATES], self.unasked[CANDIDATES:]
        return drawn


def read_answers(file: Path, kind: SampleKind[Any], encoding: str | None = None) -> list[tuple[Any, float]]:
    """The samples and values in a label file; empty if there is no file yet.

    Raises ``ConstraintError`` if the file is not a label file, ``SampleError`` if a file that it names does not exist.
    """
    if file.suffix.lower() in SUFFIXES:
        raise ConstraintError(f"{file} is named as an export of an annotation tool. Label into a CSV file, such as mine.csv.")
    found = read_label_file(file, encoding)
    if found.column not in (None, kind.column):
        raise ConstraintError(
            f"{file} is not a label file of {kind.name}: its samples are in the column {found.column!r}, not {kind.column!r}. "
            "Give another file."
        )
    if found.damaged:
        logging.getLogger(__name__).warning(f"{file} line {found.damaged} is cut off. The next answer takes its place.")
    answers = []
    for row in found.rows:
        value = value_of(row.value)
        if value is None:
            raise ConstraintError(
                f"{file} {row.where}: {row.value!r} is no number in [0, 1], nor yes or no. Fix that row, or give another file."
            )
        answers.append((kind.parse(row.given, file.parent), value))
    return answers


@contextmanager
def only_one(file: Path) -> Iterator[None]:
    """Locks ``file`` for this process; raises ``ConstraintError`` if another process is adding labels to it."""
    file = file.resolve()  # one lock, whatever links lead to it
    if file.exists() and not file.is_file():
        raise ConstraintError(f"{file} is a folder or a device, and labels are kept in a CSV file. Give another name.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ConstraintError(f"{file} is below a file, where no file can be. Give another name.") from error
    lock = portalocker.Lock(file.with_name(f".{file.name}.lock"), "a", fail_when_locked=True)
    try:
        lock.acquire()
    except portalocker.exceptions.LockException as error:
        raise ConstraintError(f"Another process is adding labels to {file}. Stop it first, or give another file.") from error
    try:
        yield
    finally:
        lock.release()
