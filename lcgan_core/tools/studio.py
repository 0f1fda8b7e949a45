"""What ``lcgan studio`` does: collect labels, train from them, generate and edit; ``studio_page`` shows it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..constraint import SATISFIED
from ..constraints.from_labels import FEWEST
from ..errors import RunError
from ..runs.config import RunConfig
from ..runs.finished import FinishedRun, load_run
from ..runs.folder import SAMPLES, next_folder
from ..runs.pipeline import run
from ..runs.result import read_result
from ..support.files import read_lines
from ..support.wording import learned_from
from .editing import edit, least_values
from .questions import QuestionSession

PAIRS = 12
"""Pairs of samples before and after the actor that are shown of a run."""
STATUS = {
    "edited": "Edited.",
    "kept": "Kept: it satisfies already.",
    "missed": "No candidate satisfies; this one comes nearest.",
    "unknown": "Not edited: the model knows your sample only as shown.",
}
"""What is said of each status of an edit."""

Rows = list[list[str]]
"""The cells of a table, in HTML."""


class Studio:
    """The run to generate and edit with, and the training that makes the next one."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.finished: FinishedRun | None = None
        self.training: tuple[str, float] | None = None
        """What the training is at and the share of that which is done; None while there is no training."""
        self.failure: Exception | None = None
        """Why the last training left no run."""
        self.thread: threading.Thread | None = None
        self.stopping = False

    def open(self, folder: Path) -> FinishedRun:
        """Generates and edits with the finished run in ``folder`` from now on; raises ``RunError`` where there is none."""
        self.finished, self.folder = load_run(folder), folder
        return self.finished

    def train(self, config: RunConfig, out: Path) -> None:
        """Begins a run in ``out``, or the next free folder like it, unless one goes on; it is opened at its end.

        The run goes on whatever becomes of the page.
        """
        if self.training is None:
            self.training, self.failure = ("starting", 0.0), None
            self.thread = threading.Thread(target=self._train, args=(config, next_folder(out.parent, out.name)), daemon=True)
            self.thread.start()

    def stop(self) -> None:
        """Ends the training, if one goes on, and returns when it has ended; its folder is that of an interrupted run."""
        self.stopping = True
        if self.thread:
            self.thread.join()

    def _train(self, config: RunConfig, folder: Path) -> None:
        def on_progress(what: str, share: float) -> None:
            if self.stopping:
                raise SystemExit  # of this thread alone
            self.training = what, share

        try:
            run(config, folder, on_progress)
            self.open(folder)
        except Exception as error:  # whatever it is, the page tells it
            self.failure = error
        finally:
            self.training = None

    def outcome(self) -> tuple[str, Rows]:
        """What came of the last training and of the open run, in Markdown, and pairs of samples before and after its actor."""
        lines = [f"**Not trained.** {self.failure}"] if self.failure else []
        if self.folder is None:
            return "\n\n".join(lines), []
        lines.append(f"Run `{self.folder}`")
        for name, row in read_result(self.folder).constraints.items():
            lines.append(f"`{name}` is satisfied by {row.prior} of the samples before, and by **{row.actor}** after.")
            if row.trust:
                lines.append(f"How far to trust that: {learned_from(f'`{name}`', row.trust)}.")
        kind, rows = self._opened().model.sample_kind, read_lines(self.folder / SAMPLES, PAIRS)
        pairs = [[kind.parse(row[when], self.folder) for when in ("before", "after")] for row in rows]
        return "\n\n".join(lines), [[kind.html(before), kind.html_change(before, after)] for before, after in pairs]

    def generate(self, count: int, strength: float, seed: int) -> Rows:
        """What the actor starts from, what it makes of that, and how far that satisfies; raises ``RunError`` without a run."""
        finished = self._opened()
        before, after = (finished.sample(count, seed, strength=share) for share in (0.0, strength))
        kind, values = finished.model.sample_kind, least_values(finished, after)
        pairs = zip(before, after, values, strict=True)
        return [[kind.html(old), kind.html_change(old, new), f"{value:.0%}"] for old, new, value in pairs]

    def edit(self, given: str | None, strength: float) -> tuple[str, str, Rows]:
        """The HTML of the edited sample, what became of it, and other candidates; ``given`` is a text or the path of a file.

        Raises ``RunError`` without a run or a sample, ``SampleError`` where that is none.
        """
        finished = self._opened()
        kind = finished.model.sample_kind
        if not given or not given.strip():
            raise RunError(f"There is nothing to edit. {'Choose a file' if kind.in_files else 'Type something'} first.")
        sample = kind.parse(given.strip())
        (found,) = edit(finished, [sample], strength)
        told = f"{STATUS[found.status]} Satisfied to {found.value:.0%}; keeps {found.closeness:.0%} of your sample."
        return kind.html_change(sample, found.after), told, [[kind.html_change(sample, one)] for one in found.candidates]

    def _opened(self) -> FinishedRun:
        if self.finished is None:
            raise RunError("No run is open yet. Label samples and train, or start lcgan studio with --run RUN.")
        return self.finished


@dataclass
class Questions:
    """The questions on a page. Every method returns the HTML of the sample to ask about, how far the labels are (Markdown),
    and the key of that sample, which the page sends with the answer.

    A page may be stale: what it says of another sample than the one asked about is left out.
    """

    session: QuestionSession
    config: RunConfig
    """The run that trains on the labels."""
    out: Path
    """Its folder."""

    def asked(self) -> tuple[str, str, str]:
        answers = self.session.answers
        wanted = sum(value >= SATISFIED for _, value in answers)
        told = f"`{self.session.file}`: **{len(answers)}** labels, {wanted} wanted and {len(answers) - wanted} not."
        if trust := self.session.estimate():
            told += f" Held-out answers told right: **{trust.accuracy}**."
        else:
            told += f" Training takes {FEWEST} of each kind, better 35."
        question = self.session.question()
        return self.session.kind.html(question), told, self.session.kind.key(question)

    def answer(self, shown: str, value: float) -> tuple[str, str, str]:
        return self._of(shown, lambda: self.session.answer(value))

    def skip(self, shown: str) -> tuple[str, str, str]:
        return self._of(shown, self.session.skip)

    def undo(self) -> tuple[str, str, str]:
        """Takes the last answer back; raises ``RunError`` where there is none."""
        if self.session.undo() is None:
            raise RunError("There is no answer to take back.")
        return self.asked()

    def _of(self, shown: str, reply: Callable[[], None]) -> tuple[str, str, str]:
        if shown == self.session.kind.key(self.session.question()):
            reply()
        return self.asked()
