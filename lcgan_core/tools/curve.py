"""``lcgan curve``: how many labels are enough, according to a judge that learned from none of them."""

from __future__ import annotations

import csv
import io
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean as mean
from typing import NamedTuple

from ..constraint import SATISFIED, Constraint, bound
from ..constraints.from_labels import FEWEST, Labels
from ..errors import ConstraintError, RunError
from ..figures import Record, Share, Trust
from ..plugins.discovery import latent_model_class
from ..runs.config import RunConfig, Wish, differences
from ..runs.evaluation import judged
from ..runs.finished import load_run
from ..runs.folder import CONFIG, RESULT
from ..runs.pipeline import resume, run
from ..runs.places import config_of, made_absolute
from ..runs.result import read_result
from ..support.claim import claimed
from ..support.files import whole
from ..support.plot import COLOURS, Marks, Plot

CURVE = "curve.json"
FIGURE = "curve.svg"


class CurveRow(Record):
    """One run on a subset of the labels."""

    labels: int
    seed: int
    judged: Share
    """The share of the run's samples that satisfy the judge."""
    trust: Trust | None
    """How far to trust the learned constraint, from cross-validation on the labels."""


class Curve(Record):
    """The content of ``curve.json``."""

    judge: Wish
    rows: tuple[CurveRow, ...]


def curve(
    labels: Labels,
    judge: Constraint,
    config: RunConfig,
    sizes: Sequence[int],
    seeds: Sequence[int],
    folder: Path,
    on_progress: Callable[[str, float], None] = lambda what, share: None,
) -> list[CurveRow]:
    """Trains a run for each number of labels and each seed, and lets ``judge`` judge its samples.

    Finished runs are not repeated, and an interrupted run is resumed. Each subset has equally many labels of each kind, drawn
    from the file by the seed. Raises ``ConstraintError`` if the file has too few or if a size is too small to learn from, and
    ``RunError`` if ``folder`` holds runs of other labels or settings.
    """
    rows: list[CurveRow] = []
    config = made_absolute(config).suited(latent_model_class(config.model).gan)
    todo = [(size, seed) for size in sizes for seed in seeds]
    places = {(size, seed): folder / f"labels-{size}-seed-{seed}" for size, seed in todo}
    files = {place: Path(os.path.abspath(place.with_suffix(".csv"))) for place in places.values()}
    parts = {place: subset(labels, size, seed, folder) for (size, seed), place in places.items()}
    wanted = {
        place: config.model_copy(
            update={"constraints": (Wish(constraint="labels", options={"file": str(files[place])}),), "seed": seed}
        )
        for (_, seed), place in places.items()
    }
    with claimed(folder):
        for place, part in parts.items():
            check_it_fits(place, wanted[place], files[place], part, labels)
        for place, part in parts.items():
            with whole(files[place]) as unfinished:
                unfinished.write_bytes(part)
        for done, ((size, seed), place) in enumerate(places.items()):
            on_progress("runs", done / len(todo))
            if not (place / RESULT).is_file():
                if (place / CONFIG).is_file():
                    resume(place)
                else:
                    run(wanted[place], place)
            finished = load_run(place)
            found = judged(bound(judge, finished.model), finished.sample(config.samples, keep=1.0), finished.model.sample_kind)
            rows.append(CurveRow(labels=size, seed=seed, judged=found, trust=read_result(place).constraints["labels"].trust))
    return rows


def subset(labels: Labels, size: int, seed: int, folder: Path) -> bytes:
    """A label file for ``folder``: ``size`` rows of ``labels``, half of each kind; raises ``ConstraintError`` if too few.

    Paths in it are relative to ``folder``.
    """
    if size // 2 < FEWEST:
        raise ConstraintError(
            f"{size} labels are too few to learn from: {FEWEST} of each kind are needed. "
            f"Leave out of --sizes what is below {2 * FEWEST}."
        )
    rows = list(labels.rows)
    random.Random(seed).shuffle(rows)
    kinds = [[row for row in rows if (row[1] >= SATISFIED) == wanted] for wanted in (True, False)]
    if min(map(len, kinds)) < size // 2:
        raise ConstraintError(
            f"{labels.file} has {len(kinds[0])} labels of wanted and {len(kinds[1])} of unwanted samples; {size} labels need "
            f"{size // 2} of each. Label more samples, or lower --sizes."
        )
    chosen = [row for kind in kinds for row in kind[: size // 2]]
    if labels.column == "file":
        chosen = [(os.path.relpath(labels.file.parent / name, folder), value) for name, value in chosen]
    written = io.StringIO(newline="")
    csv.writer(written).writerows([(labels.column, "value"), *chosen])
    return written.getvalue().encode()


def check_it_fits(place: Path, wanted: RunConfig, file: Path, part: bytes, labels: Labels) -> None:
    """Raises ``RunError`` if there is a run at ``place`` with other settings than ``wanted``, or of other labels than
    ``part``, which ``labels`` gives and ``file`` is to hold."""
    config = place / CONFIG
    if not config.is_file():
        return
    found = config_of(config).model_dump(mode="json")
    if other := differences(found, wanted.model_dump(mode="json")):
        raise RunError(f"{config} does not fit: {'; '.join(other)}. Ask for the same, or give another --out.")
    if not file.is_file() or file.read_bytes() != part:
        raise RunError(
            f"The run in {place} is of other labels than {labels.file} gives: of another file, or of this one as it was. "
            "Give another --out."
        )


class Point(NamedTuple):
    """The results of all seeds for one number of labels."""

    labels: int
    judged: list[float]


def by_size(rows: Sequence[CurveRow]) -> list[Point]:
    """One point for each number of labels."""
    sizes = dict.fromkeys(row.labels for row in rows)
    return [Point(size, [row.judged.value for row in rows if row.labels == size]) for size in sizes]


def plot(rows: Sequence[CurveRow]) -> str:
    """The judge's satisfaction against the number of labels: the mean and the range over the seeds."""
    points = by_size(rows)
    sizes = [point.labels for point in points]

    least, most = ([end(point.judged) for point in points] for end in (min, max))
    means, colour = [mean(point.judged) for point in points], COLOURS[0]
    marks = [Marks("band", sizes, most, low=least, colour=colour), Marks("line", sizes, means, colour=colour)]
    return Plot(marks, "", "labels", "satisfied, by the judge", x_ticks=sizes, log_x=True, size=(480, 380)).svg()
