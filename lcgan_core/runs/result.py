"""The result of a run, as stored in ``result.json``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import RunError
from ..figures import Beside, Merit, Record, Share, Trust
from ..support.files import read_json
from ..support.table_file import data_frame
from .config import validated
from .folder import CONFIG, RESULT

if TYPE_CHECKING:
    from pandas import DataFrame

SCHEMA_VERSION: Literal[1] = 1
"""Increases with every change that a reader of ``result.json`` would notice."""


class Satisfaction(Record):
    """The share of samples that satisfy, by the latents they were decoded from."""

    prior: Share
    """Noise, z ~ N(0, I)."""
    posterior: Share
    """Draws from q(z), the latents of real data."""
    actor: Share
    """Latents from the actor."""
    trust: Trust | None = None
    """How far to trust the constraint itself, if it was learned from labels."""
    unjudged: int = 0
    """Number of samples of all three sets that the constraint could not judge. The shares are of the others."""


class Quality(Merit):
    """A figure of merit that the model itself computes for sets of samples, all of the same size."""

    prior: float | None = None
    posterior: float | None = None
    reference: float | None = None
    """Samples of the actor's start that already satisfy the same constraints."""
    actor: float | None = None


class Seconds(Record):
    """How long a run took. For a resumed run, only the part after it was resumed."""

    label: float
    train: float
    evaluate: float
    total: float


class Summary(Record):
    """What an actor achieved, on fresh samples."""

    constraints: dict[str, Satisfaction]
    """The satisfaction of each constraint, by its name in the run."""
    all: Satisfaction
    """The satisfaction of all constraints at once."""
    quality: dict[str, Quality]
    """The model's own figures for its samples, by name; empty if the model has none, or ``compared`` is 0."""
    memory: dict[str, dict[str, Beside]]
    """The model's own figures for how many samples are remembered, by set (prior, posterior, reference, actor), then by name.
    They cover all samples of a set. A set without figures is left out."""
    compared: int
    """Number of samples in each set whose quality is compared; 0 if there are no references."""
    unique: float
    """Share of distinct samples among the actor's."""
    drift: float
    """Mean squared Mahalanobis distance per dimension from the actor's latents to those of real data; about 1 is real."""

    @property
    def rows(self) -> dict[str, Satisfaction]:
        """The satisfaction of each constraint and, if there are several, of all of them at once."""
        return self.constraints if len(self.constraints) == 1 else self.constraints | {"all of them": self.all}


class Result(Summary):
    """The result that ``lcgan run`` prints and writes."""

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    """The run folder."""
    seed: int
    best_round: int
    """The round whose actor was kept, counted from 0."""
    stopped: str | None
    """Why the training ended before its last round, if it did."""
    labels: int
    """Number of latents labelled during training."""
    unjudged: dict[str, int]
    """Number of latents left out of the labels, for each constraint that could not judge some of their samples."""
    versions: dict[str, dict[str, int]]
    """Number of labels by each version, known by its fingerprint, for each constraint that was changed before the run was
    resumed and whose earlier labels were kept."""
    reused: tuple[str, ...]
    """Constraints whose critics and labels come from earlier runs."""
    seconds: Seconds

    def to_pandas(self) -> DataFrame:
        """The figures, one in a row: ``figure``, the ``samples`` that it is of, its ``value``, and ``low`` and ``high``,
        the 95 % interval of a share that satisfies.

        ``figure`` is the name of a constraint, ``all of them``, or the model's own name of a figure of quality or memory.
        ``samples`` is prior, posterior, reference or actor. Raises ``RunError`` if pandas is not installed.
        """
        rows: list[dict[str, Any]] = []
        for name, found in self.rows.items():
            for samples in ("prior", "posterior", "actor"):
                share: Share = getattr(found, samples)
                low, high = share.interval
                rows.append({"figure": name, "samples": samples, "value": share.value, "low": low, "high": high})
        for name, quality in self.quality.items():
            for samples in ("prior", "posterior", "reference", "actor"):
                rows.append({"figure": name, "samples": samples, "value": getattr(quality, samples)})
        for samples, figures in self.memory.items():
            rows += [{"figure": name, "samples": samples, "value": figure.share} for name, figure in figures.items()]
        return data_frame(rows)


def read_result(folder: Path) -> Result:
    """The result of a finished run; raises ``RunError`` if the run is unfinished, or from another version of lcgan."""
    if not folder.is_dir():
        raise RunError(f"No run folder at {folder}. lcgan run creates one.")
    path = folder / RESULT
    if not path.is_file():
        if (folder / CONFIG).is_file():
            raise RunError(f"The run in {folder} is not finished. Resume it with: lcgan run --resume {folder}")
        raise RunError(f"{folder} is not a run folder: it has no {CONFIG}. lcgan run creates one.")
    content = read_json(path)
    version = content.get("schema_version") if isinstance(content, dict) else None
    origin = (
        "The file is from another version of lcgan, or not from lcgan at all. "
        f"Run again with: lcgan run --config {folder / CONFIG}"
    )
    if version != SCHEMA_VERSION:
        raise RunError(f"{path} has schema version {version}, but this lcgan reads version {SCHEMA_VERSION}. {origin}")
    try:
        return validated(Result, content, str(path))
    except RunError as error:
        raise RunError(f"{error} {origin}") from error
