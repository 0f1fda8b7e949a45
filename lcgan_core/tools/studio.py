"""The actions of ``lcgan studio``: collect labels, train on them, generate and edit. ``studio_page`` is the interface."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from ..constraint import SATISFIED
from ..constraints.from_labels import FEWEST
from ..errors import RunError
from ..runs.config import RunConfig
from ..runs.finished import FinishedRun, load_run
from ..runs.folder import SAMPLES, check_run_files
from ..runs.pipeline import run
from ..runs.result import read_result
from ..support.claim import next_claimed
from ..support.files import read_lines
from ..support.wording import learned_from
from ..visible import in_markdown
from .editing import edit, least_values
from .questions import QuestionSession

PAIRS = 12
"""Number of sample pairs, before and after the actor, to show for a run."""
AT_ONCE = 6
"""Number of pictures or drawings to ask about at a time. Arbitrary: they fill two rows on a desk and three on a telephone."""
STATUS = {
    "edited": "Edited.",
    "kept": "Kept: it already satisfies.",
    "missed": "No candidate satisfies; this one comes closest.",
    "unknown": "Not edited: the model does not know your sample; this is its reconstruction.",
}
"""The message for each status of an edit."""

Rows = list[list[str]]
"""The cells of a table, as HTML."""


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

    def outcome(self) -> tuple[str, Rows]:
        """A summary of the last training and the open run, in Markdown, and pairs of samples before and after its actor."""
        lines = [f"**Not trained.** {in_markdown(str(self.failure))}"] if self.failure else []
        if self.folder is None:
            return "\n\n".join(lines), []
        lines.append(f"Run `{self.folder}`")
        for name, row in read_result(self.folder).constraints.items():
            lines.append(f"`{name}` is satisfied by {row.prior} of the samples before, and by **{row.actor}** after.")
            if row.trust:
                lines.append(f"How far to trust this: {learned_from(f'`{name}`', row.trust)}.")
        kind, rows = self._opened().model.sample_kind, read_lines(self.folder / SAMPLES, PAIRS)
        pairs = [[kind.parse(row[when], self.folder) for when in ("before", "after")] for row in rows]
        return "\n\n".join(lines), [[kind.html(before), kind.html_change(before, after)] for before, after in pairs]

    def generate(self, count: int, strength: float, seed: int) -> Rows:
        """Samples before and after the actor, with the lowest of the values after it; raises ``RunError`` if no run is open."""
        finished = self._opened()
        before, after = (finished.sample(count, seed, strength=share) for share in (0.0, strength))
        kind, values = finished.model.sample_kind, least_values(finished, after)
        pairs = zip(before, after, values, strict=True)
        return [[kind.html(old), kind.html_change(old, new), f"{value:.0%}"] for old, new, value in pairs]

    def edit(self, given: str | None, strength: float) -> tuple[str, str, Rows]:
        """The HTML of the edited sample, a message about the edit, and other candidates. ``given`` is a text or a file's path.

        Raises ``RunError`` if no run is open or nothing is given, ``SampleError`` if ``given`` is not a sample of this kind.
        """
        finished = self._opened()
        kind = finished.model.sample_kind
        if not given or not given.strip():
            raise RunError(f"There is nothing to edit. {'Choose a file' if kind.in_files else 'Type something'} first.")
        sample = kind.parse(given.strip())
        (found,) = edit(finished, [sample], strength)
        told = f"{STATUS[found.status]} Constraint value {found.value:.0%}; keeps {found.closeness:.0%} of your sample."
        return kind.html_change(sample, found.after), told, [[kind.html_change(sample, one)] for one in found.candidates]

    def _opened(self) -> FinishedRun:
        if self.finished is None:
            raise RunError("No run is open yet. Label samples and train, or start lcgan studio with --run RUN.")
        return self.finished


Asked = tuple[str, str]
"""The HTML of the sample to ask about at one place, and its key, which the page sends with the answer. Both are empty if no
sample is left."""


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

    def told(self) -> str:
        """The progress of the labels, in Markdown."""
        answers = self.session.answers
        wanted = sum(value >= SATISFIED for _, value in answers)
        told = f"`{self.session.file}`: **{len(answers)}** labels, {wanted} wanted and {len(answers) - wanted} not."
        if trust := self.session.estimate():
            return told + f" Held-out answers predicted correctly: **{trust.accuracy}**."
        return told + f" Training needs at least {FEWEST} of each kind; 35 are better."

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
