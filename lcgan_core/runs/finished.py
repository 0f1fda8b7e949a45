"""Reading a finished run back, to draw samples from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..constraint import bound
from ..engine.labelling import Labeller
from ..engine.networks import CONFIDENCE, REALISM
from ..engine.samplers import SAMPLERS, Steering
from ..latent_model import LatentModel
from ..plugins.discovery import load_latent_model, make_constraint
from . import folder as run_folder
from .config import RunConfig, load_config
from .result import read_result
from .weights import load_actor, load_critic, load_labels


@dataclass
class FinishedRun:
    """The frozen model of a run, and the networks that were trained to steer it."""

    config: RunConfig
    model: LatentModel[Any]
    steering: Steering

    def sample(self, n: int, seed: int = 1, sampler: str = "actor", strength: float = 1.0) -> list[Any]:
        """n samples, decoded from latents that the named sampler draws. The same seed gives the same samples.

        ``strength`` is how far each latent moves from its start: 0 decodes the start, 1 the latent that the sampler made of it.
        """
        drawn = SAMPLERS[sampler](self.steering).draw(n, torch.Generator().manual_seed(seed))
        return self.model.decode(torch.lerp(drawn.start, drawn.z, strength))


def load_run(folder: Path, device: str = "auto") -> FinishedRun:
    """Loads the finished run in ``folder``. ``device`` is torch's name for a device, or ``auto`` for a GPU if there is one.

    Raises ``RunError`` if the run is unfinished, damaged or from another model.
    """
    read_result(folder)
    config = load_config(folder / run_folder.CONFIG)
    model = load_latent_model(config.model, device)
    constraints = {wish.name: bound(make_constraint(wish.constraint, wish.options), model) for wish in config.constraints}
    files = {name: run_folder.critic_file(folder, name) for name in (*constraints, REALISM, CONFIDENCE)}
    critics = {name: load_critic(file, model) for name, file in files.items() if name != CONFIDENCE or file.is_file()}
    pools = {name: load_labels(files[name], model) for name in constraints}
    weights = {wish.name: wish.weight for wish in config.constraints}
    actor = load_actor(folder / run_folder.ACTOR, model)
    steering = Steering.assembled(Labeller(model, constraints), actor, critics, pools, weights, config.gan)
    return FinishedRun(config, model, steering)
