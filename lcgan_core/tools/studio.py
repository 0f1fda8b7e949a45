"""The actions of ``lcgan studio``: collect labels, train on them, generate and edit. ``studio_page`` is the interface."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..constraint import SATISFIED
from ..constraints.from_labels import FEWEST
from ..errors import RunError
from ..figures import Trust
from ..runs.config import RunConfig
from ..runs.finished import FinishedRun, load_run
from ..runs.folder import SAMPLES, check_run_files
from ..runs.pipeline import run
from ..runs.result import Satisfaction, read_result
from ..support.claim import next_claimed
from ..support.files import read_lines
from .editing import edit, least_values, way_to
from .questions import QuestionSession

PAIRS = 12
"""Number of sample pairs, before and after the actor, to show for a run."""
AT_ONCE = 6
"""Number of pictures or drawings to ask about at a time. Arbitrary: they fill two rows on a desk and three on a telephone."""
GOAL = 70
"""Number of answers to aim for: as many ratings a class as Jaques et al. 2018 had (arXiv 1802.04877)."""
STEPS = 7
"""Number of pictures or drawings on the way to an edit, both ends included. Arbitrary: they fit beside each other."""
OTHERS = 8
"""Maximum number of other edits to show. Arbitrary: they fill a row on a desk and two on a telephone."""
STATUS = {
    "edited": "Edited.",
    "kept": "Kept: it already satisfies.",
    "missed": "No candidate satisfies; this one comes closest.",
    "unknown": "Not edited: the model does not know your sample; this is its reconstruction.",
}
"""The message for each status of an edit."""


@dataclass(frozen=True)
class Outcome:
    """What the page shows of the last training, and of the run that is open."""

    failure: str = ""
    """Why the last training failed; empty if it did not."""
    folder: Path | None = None
    """The run that is open, if any."""
    wishes: list[str] = field(default_factory=list)
    """What it was trained for, in words."""
    satisfied: Mapping[str, Satisfaction] = field(default_factory=dict)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    """Samples before and after the actor, as HTML."""


@dataclass(frozen=True)
class Generated:
    """A sample, and what the actor made it from."""

    start: str
    """HTML."""
    sample: str
    """HTML."""
    value: float
    """The lowest of the constraints' values for the sample."""


@dataclass(frozen=True)
class Edited:
    """What the page shows of an edit. Samples are HTML."""

    before: str
    after: str
    told: str
    """A message about the edit."""
    satisfies: bool
    way: list[str]
    """What lies between the two, both included; empty for samples that are not files."""
    others: list[str]
    """Other candidates, best first."""


class Studio:
    """The run to generate and edit with, and the training of the next one."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.finished: FinishedRun | None = None
        self.training: tuple[str, float] | None = None
        """The current step of the training and the share of that step that is done; None if nothing is being trained."""
        self.failure: Exception | None = None
        """The error that ended the last training, if it failed."""
        self.thread: threading.Thread | None = None
        self.stopping = False

    def open(self, folder: Path) -> FinishedRun:
        """Uses the finished run in ``folder`` to generate and edit from now on; raises ``RunError`` if there is none."""
        finished = load_run(folder)
        assert finished.folder
        check_run_files(finished.folder, SAMPLES, "samples/*")
        self.finished, self.folder = finished, finished.folder
        return finished

    def train(self, config: RunConfig, out: Path) -> None:
        """Starts a run in ``out``, or the next free folder like it, unless a run is in progress; opens the run when it ends.

        The run continues even if the page is closed.
        """
        if self.training is None:
            self.training, self.failure = ("starting", 0.0), None
            self.thread = threading.Thread(target=self._train, args=(config, out), daemon=True)
            self.thread.start()

    def stop(self) -> None:
        """Stops the training, if any, and waits until it has ended. Its folder then holds an interrupted run."""
        self.stopping = True
        if self.thread:
            self.thread.join()

    def _train(self, config: RunConfig, out: Path) -> None:
        def on_progress(what: str, share: float) -> None:
            if self.stopping:
                raise SystemExit  # ends only this thread
            self.training = what, share

        try:
            with next_claimed(out.parent, out.name) as folder:
                run(config, folder, on_progress)
            self.open(folder)
        except Exception as error:  # whatever it is, the page shows it
            self.failure = error
        finally:
            self.training = None

    def outcome(self) -> Outcome:
        """How the last training ended and, if a run is open, what it changed."""
        failure = str(self.failure) if self.failure else ""
        if self.folder is None:
            return Outcome(failure)
        finished = self._opened()
        kind, rows = finished.model.sample_kind, read_lines(self.folder / SAMPLES, PAIRS)
        pairs = [[kind.parse(row[when], self.folder) for when in ("before", "after")] for row in rows]
        return Outcome(
            failure,
            self.folder,
            [str(wish) for wish in finished.config.constraints],
            read_result(self.folder).rows,
            [(kind.html(before), kind.html_change(before, after)) for before, after in pairs],
        )

    def generate(self, count: int, strength: float, seed: int) -> list[Generated]:
        """Samples before and after the actor; raises ``RunError`` if no run is open."""
        finished = self._opened()
        before, after = (finished.sample(count, seed, strength=share, keep=1.0) for share in (0.0, strength))
        kind, values = finished.model.sample_kind, least_values(finished, after)
        pairs = zip(before, after, values, strict=True)
        return [Generated(kind.html(old), kind.html_change(old, new), value) for old, new, value in pairs]

    def edit(self, given: str | None, strength: float) -> Edited:
        """Edits ``given``, which is a text or a file's path.

        Raises ``RunError`` if no run is open or nothing is given, ``SampleError`` if ``given`` is not a sample of this kind.
        """
        finished = self._opened()
        kind = finished.model.sample_kind
        if not given or not given.strip():
            raise RunError(f"There is nothing to edit. {'Choose a file' if kind.in_files else 'Type something'} first.")
        sample = kind.parse(given.strip())
        (found,) = edit(finished, [sample], strength)
        moved = kind.in_files and found.status != "kept"
        return Edited(
            kind.html(sample),
            kind.html_change(sample, found.after),
            f"{STATUS[found.status]} Constraint value {found.value:.0%}; keeps {found.closeness:.0%} of your sample.",
            found.value >= SATISFIED,
            [kind.html(step) for step in way_to(finished, found, STEPS)] if moved else [],
            [kind.html_change(sample, one) for one in found.candidates[:OTHERS]],
        )

    def _opened(self) -> FinishedRun:
        if self.finished is None:
            raise RunError("No run is open yet. Label samples and train, or start lcgan studio with --run RUN.")
        return self.finished


Asked = tuple[str, str]
"""The HTML of the sample to ask about at one place, and its key, which the page sends with the answer. Both are empty if no
sample is left."""


@dataclass(frozen=True)
class Progress:
    """How far labelling has come."""

    wanted: int
    unwanted: int
    trust: Trust | None
    """How well held-out answers are predicted; None if there are too few."""

    @property
    def answers(self) -> int:
        return self.wanted + self.unwanted

    @property
    def enough(self) -> bool:
        """Whether training may begin: there are ``FEWEST`` answers of each kind."""
        return min(self.wanted, self.unwanted) >= FEWEST


@dataclass
class Questions:
    """The questions on a page, one at each place: samples that are seen at a glance are shown several at a time.

    A page may be stale: answers about a sample other than the current one at that place are ignored.
    """

    session: QuestionSession
    config: RunConfig
    """The run that trains on the labels."""
    out: Path
    """Its folder."""

    @property
    def places(self) -> range:
        return range(AT_ONCE if self.session.kind.in_files else 1)

    def asked(self, place: int) -> Asked:
        question = self.session.question(place)
        return (self.session.kind.html(question), self.session.kind.key(question)) if question is not None else ("", "")

    def progress(self) -> Progress:
        answers = self.session.answers
        wanted = sum(value >= SATISFIED for _, value in answers)
        return Progress(wanted, len(answers) - wanted, self.session.estimate())

    def answer(self, place: int, shown: str, value: float) -> Asked:
        if self._is_shown(place, shown):
            self.session.answer(value, place)
        return self.asked(place)

    def skip(self, place: int, shown: str) -> Asked:
        if self._is_shown(place, shown):
            self.session.skip(place)
        return self.asked(place)

    def undo(self) -> list[Asked]:
        """Takes back the last answer; raises ``RunError`` if there is none. Returns what is asked at each place."""
        if self.session.undo() is None:
            raise RunError("There is no answer to take back.")
        return [self.asked(place) for place in self.places]

    def _is_shown(self, place: int, shown: str) -> bool:
        question = self.session.question(place)
        return question is not None and shown == self.session.kind.key(question)
