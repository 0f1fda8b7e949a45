"""Reading a finished run back, to draw samples from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..constraint import Constraint, bound
from ..engine.labelling import Labeller, all_of_them
from ..engine.networks import NATURALNESS, REALISM
from ..engine.samplers import SAMPLERS, Steering
from ..errors import ConstraintError, LcganError, RunError
from ..latent_model import LatentModel
from ..plugins.discovery import load_latent_model, make_constraint
from ..support.files import read_lines
from ..support.hub import fetched
from ..support.table_file import data_frame
from . import folder as run_folder
from .brought_code import require_yes
from .config import RunConfig, Wish
from .places import config_of
from .report import PAGE
from .result import Result, read_result
from .weights import constraints_of, load_actor, load_critic, load_labels

if TYPE_CHECKING:
    from pandas import DataFrame

DRAWN_AT_ONCE = 1000
"""Samples in a batch. Arbitrary: drawn in about a second."""
MOST_DECODED = 10
"""Samples to decode for each that is wanted, while too few satisfy. Arbitrary."""


class Unusable(Constraint):
    """Stands for a constraint that is gone or has changed since the run; raises ``ConstraintError`` once it is asked."""

    name = "unusable"

    reason: str

    def __call__(self, samples: Sequence[Any]) -> Sequence[float]:
        raise ConstraintError(self.reason)


@dataclass
class FinishedRun:
    """The frozen model of a run, and the networks that were trained to steer it."""

    config: RunConfig
    model: LatentModel[Any]
    steering: Steering
    folder: Path | None = None
    """Where it was read from; None for one that was put together in a program."""
    result: Result | None = None
    """What was measured at its end; None likewise."""

    def to_pandas(self) -> DataFrame:
        """The samples that the run kept, one in a row: ``before`` and ``after`` the actor, and for each constraint its values,
        such as ``length_before`` and ``length_after``. A sample that is a file is named relative to the run folder.

        Raises ``RunError`` if there is no folder, or if pandas is not installed.
        """
        if not self.folder:
            raise RunError("A run that was not read from a folder kept no samples. Read one with load_run(FOLDER).")
        run_folder.check_run_files(self.folder, run_folder.SAMPLES)
        rows = []
        for row in read_lines(self.folder / run_folder.SAMPLES):
            values = {
                f"{name}_{when}": row[f"values_{when}"][name] for name in row["values_after"] for when in ("before", "after")
            }
            rows.append({"before": row["before"], "after": row["after"], **values})
        return data_frame(rows)

    def _repr_html_(self) -> str | None:
        """The run's report, which notebooks show. Its scripts run in a frame of their own and reach nothing of the notebook."""
        report = self.folder / PAGE if self.folder else None
        if not report or not report.is_file():
            return None
        page, allowed = escape(report.read_text(encoding="utf-8")), "allow-scripts allow-downloads"
        return f'<iframe sandbox="{allowed}" srcdoc="{page}" width="100%" height="800" style="border: 0"></iframe>'

    @property
    def unusable(self) -> list[str]:
        """Why some of the run's constraints can no longer be asked. What asks none of them, such as the actor, still works."""
        return [found.reason for found in self.steering.labeller.constraints.values() if isinstance(found, Unusable)]

    def sample(
        self,
        n: int,
        seed: int = 1,
        sampler: str = "actor",
        strength: float = 1.0,
        temperature: float | None = None,
        keep: float | None = None,
    ) -> list[Any]:
        """n samples, decoded from latents that the named sampler draws. The same seed gives the same samples.

        ``strength`` is how far each latent moves from its start: 0 decodes the start, 1 the latent that the sampler made of it.
        At a ``temperature`` of 0 the decoder gives the likeliest sample of each latent, above it one drawn by chance; without
        any, what the model decodes. ``keep`` is the share of the decoded samples to keep, in (0, 1] (see ``best``), by default
        the model's own. Below 1, more are decoded while fewer than n satisfy, up to ten for each.

        Raises ``RunError`` if there is no such sampler, if ``keep`` is no such share, or if it is less than 1 and the model
        cannot tell; ``ModelError`` if the model has no temperature.
        """
        return [sample for batch in self.batches(n, seed, sampler, strength, temperature, keep) for sample in batch]

    def batches(
        self,
        n: int,
        seed: int = 1,
        sampler: str = "actor",
        strength: float = 1.0,
        temperature: float | None = None,
        keep: float | None = None,
    ) -> Iterator[list[Any]]:
        """The same samples as they are drawn. A larger n begins with the whole batches of a smaller one."""
        if sampler not in SAMPLERS:
            raise RunError(f"No sampler {sampler!r}. There are: {', '.join(SAMPLERS)}.")
        if keep is None:
            keep = self.model.keep
        if not 0 < keep <= 1:
            raise RunError(f"The share {keep} of the samples to keep is not in (0, 1]: 0.5 keeps the more natural half.")
        drawing, generator = SAMPLERS[sampler](self.steering), torch.Generator().manual_seed(seed)
        for done in range(0, n, DRAWN_AT_ONCE):
            wanted = min(DRAWN_AT_ONCE, n - done)
            samples: list[Any] = []
            satisfying: list[bool] = []
            while not samples or (keep < 1 and sum(satisfying) < wanted and len(samples) < MOST_DECODED * wanted):
                drawn = drawing.draw(math.ceil(wanted / keep), generator)
                z = torch.lerp(drawn.start, drawn.z, strength)
                decoded = self.model.decode(z) if temperature is None else self.model.draw(z, temperature)
                samples += decoded
                satisfying += self.satisfying(decoded) if keep < 1 else []
            yield self.best(samples, satisfying, wanted) if keep < 1 else samples

    def best(self, samples: Sequence[Any], satisfying: Sequence[bool], n: int) -> list[Any]:
        """The best n samples, in their order: those that satisfy come first, then those that repeat no other, then those that
        the model finds more natural.

        Raises ``RunError`` if the model cannot tell what is natural.
        """
        kind, natural = self.model.sample_kind, self.model.naturalness(samples)
        if natural is None:
            raise RunError(f"The model {self.model.name} cannot tell how natural its samples are. Leave --keep out.")
        keys = [kind.key(sample) for sample in samples]
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        new = [first[key] == i for i, key in enumerate(keys)]
        merits = list(zip(satisfying, new, natural.tolist(), strict=True))
        ranked = sorted(range(len(samples)), key=merits.__getitem__, reverse=True)
        return [samples[i] for i in sorted(ranked[:n])]

    def satisfying(self, samples: Sequence[Any]) -> list[bool]:
        """Whether each sample satisfies all constraints but those that are expensive or can no longer be asked."""
        constraints = self.steering.labeller.constraints.items()
        asked = [name for name, found in constraints if not (found.expensive or isinstance(found, Unusable))]
        found: list[bool] = (all_of_them(self.steering.labeller.values(samples, asked)) == 1).tolist()
        return found


def load_run(folder: Path | str, device: str = "auto") -> FinishedRun:
    """Loads the finished run in ``folder``, or on the hub: ``hub:USER/NAME`` or ``hub:USER/NAME@REVISION``.

    ``device`` is torch's name for a device, or ``auto`` for a GPU if there is one.

    A constraint that is gone or has changed since raises ``ConstraintError`` when it is asked, and so does one whose code was
    never run here nor allowed; it is not executed. Raises ``RunError`` if the run is unfinished, damaged or from another model,
    or cannot be fetched.
    """
    folder = fetched(folder, RunError)
    result = read_result(folder)
    critics_of_run = f"{run_folder.CRITICS}/*"
    run_folder.check_run_files(folder, run_folder.CONFIG, run_folder.RESULT, run_folder.ACTOR, critics_of_run)
    config = config_of(folder / run_folder.CONFIG)
    model = load_latent_model(config.model, device)
    trained_for = constraints_of(folder / run_folder.ACTOR)
    constraints = {wish.name: _as_trained(wish, model, trained_for.get(wish.name), folder) for wish in config.constraints}
    files = {name: run_folder.critic_file(folder, name) for name in (*constraints, REALISM, NATURALNESS)}
    critics = {name: load_critic(file, model) for name, file in files.items() if name != NATURALNESS or file.is_file()}
    pools = {name: load_labels(files[name], model) for name in constraints}
    weights = {wish.name: wish.weight for wish in config.constraints}
    actor = load_actor(folder / run_folder.ACTOR, model)
    steering = Steering.assembled(Labeller(model, constraints), actor, critics, pools, weights, config.gan)
    return FinishedRun(config, model, steering, folder, result)


def _as_trained(wish: Wish, model: LatentModel[Any], fingerprint: str | None, folder: Path) -> Constraint:
    again = f"Restore it as it was, or train again: lcgan run --config {folder / run_folder.CONFIG}"
    try:
        require_yes([wish], folder / run_folder.CONFIG)
        found = bound(make_constraint(wish.constraint, wish.options), model)
        now = found.fingerprint
    except LcganError as error:
        return Unusable(reason=f"{folder} was trained for {wish.name}, which cannot be asked now: {error} {again}")
    if now != fingerprint and not found.may_grow:
        return Unusable(reason=f"{folder} was trained for {wish.name} as it was; its code or data changed since. {again}")
    return found
