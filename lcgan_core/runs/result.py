"""What came of a run, as ``result.json`` has it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..errors import RunError
from ..figures import Beside, Merit, Record, Share, Trust
from ..support.files import read_json
from .config import validated
from .folder import CONFIG, RESULT

SCHEMA_VERSION: Literal[1] = 1
"""Goes up with every change that a reader of ``result.json`` would notice."""


class Satisfaction(Record):
    """How many samples satisfy, by what they were decoded from."""

    prior: Share
    """Noise, z ~ N(0, I)."""
    posterior: Share
    """Draws of q(z), the latents of real data."""
    actor: Share
    """What the actor makes."""
    trust: Trust | None = None
    """How far to trust the constraint itself, where it was learned."""


class Quality(Merit):
    """A figure of merit that the model itself tells of sets of samples, all of one size."""

    prior: float | None = None
    posterior: float | None = None
    reference: float | None = None
    """Samples of what the actor starts from that satisfy the same constraints."""
    actor: float | None = None


class Seconds(Record):
    """How long a run took; of one that was resumed, the last part of it."""

    label: float
    train: float
    evaluate: float
    total: float


class Summary(Record):
    """What an actor achieved, on fresh samples."""

    constraints: dict[str, Satisfaction]
    """By the constraints' names in the run."""
    all: Satisfaction
    """Of all constraints at once."""
    quality: dict[str, Quality]
    """What the model tells of its samples, by the model's own names; empty where it tells nothing, or ``compared`` is 0."""
    memory: dict[str, dict[str, Beside]]
    """What the model tells, by its own names, of how much is remembered: of all samples of each set (prior, posterior,
    reference, actor). A set of which it tells nothing is left out."""
    compared: int
    """Samples in each of the sets whose quality is compared; 0 where there is no reference."""
    unique: float
    """Share of distinct samples among the actor's."""
    drift: float
    """Mean squared Mahalanobis distance a dimension of the actor's latents from those of real data; about 1 is real."""

    @property
    def rows(self) -> dict[str, Satisfaction]:
        """The satisfaction of each constraint, and of all of them where there are several."""
        return self.constraints if len(self.constraints) == 1 else self.constraints | {"all of them": self.all}


class Result(Summary):
    """What ``lcgan run`` returns and writes."""

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    """The run folder."""
    seed: int
    best_round: int
    """The round whose actor was kept, counted from 0."""
    stopped: str | None
    """Why the training ended before its last round, if it did."""
    labels: int
    """Samples that were labelled in the training."""
    reused: tuple[str, ...]
    """Constraints whose critics and labels are of earlier runs."""
    seconds: Seconds


def read_result(folder: Path) -> Result:
    """The result of a finished run; raises ``RunError`` where the run is unfinished, or of another version of lcgan."""
    if not folder.is_dir():
        raise RunError(f"No run folder at {folder}. lcgan run makes one.")
    path = folder / RESULT
    if not path.is_file():
        if (folder / CONFIG).is_file():
            raise RunError(f"The run in {folder} was not finished. Go on with: lcgan run --resume {folder}")
        raise RunError(f"{folder} is not a run folder: it has no {CONFIG}. lcgan run makes one.")
    content = read_json(path)
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise RunError(
            f"{path} has the schema version {version}, and this lcgan reads {SCHEMA_VERSION}: another version of lcgan, or "
            f"something else, wrote it. Run again with: lcgan run --config {folder / CONFIG}"
        )
    return validated(Result, content, str(path))
