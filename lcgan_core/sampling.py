"""A finished run, read back: its model and its sampler."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from . import run_folder as files
from .actor_sampler import ActorSampler
from .latent_model import LatentModel
from .pipeline import load_config
from .plugins import load_latent_model
from .weights import REALISM, load_actor, load_critic


@dataclass
class FinishedRun:
    """The frozen model of a run and the sampler that was trained for it."""

    model: LatentModel[Any]
    sampler: ActorSampler

    def sample(self, n: int, seed: int = 1) -> list[Any]:
        """n samples: fresh noise, moved by the actor, decoded. The same seed gives the same samples."""
        _, moved = self.sampler.draw(n, torch.Generator().manual_seed(seed))
        return self.model.decode(moved)


def load_run(folder: Path) -> FinishedRun:
    """The finished run in ``folder``; raises ``RunError`` where it is unfinished, damaged or of another model."""
    files.read_result(folder)
    config = load_config(folder / files.CONFIG)
    model = load_latent_model(config.model)
    weights = {wish.name: wish.weight for wish in config.constraints} | {REALISM: config.gan.realism_weight}
    critics = [(load_critic(files.critic_file(folder, name), model), weight) for name, weight in weights.items()]
    actor = load_actor(folder / files.ACTOR, model)
    return FinishedRun(model, ActorSampler(actor, critics, model.latent_dim, config.gan.proposals))
