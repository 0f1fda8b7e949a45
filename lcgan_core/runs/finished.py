"""A finished run, read back, to draw samples from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..engine.aggregate_posterior import AggregatePosterior
from ..engine.gan import TaughtCritic, likely_to_satisfy
from ..engine.labelling import Labeller
from ..engine.networks import CONFIDENCE, REALISM
from ..engine.samplers import SAMPLERS, Steering
from ..latent_model import LatentModel
from ..plugins.discovery import load_latent_model, make_constraint
from . import folder as run_folder
from .config import RunConfig, load_config
from .weights import load_actor, load_critic, load_labels


@dataclass
class FinishedRun:
    """The frozen model of a run, and what was trained to steer it."""

    config: RunConfig
    model: LatentModel[Any]
    steering: Steering

    def sample(self, n: int, seed: int = 1, sampler: str = "actor", strength: float = 1.0) -> list[Any]:
        """n samples, decoded from latents that the sampler of that name draws. The same seed gives the same samples.

        ``strength`` is the share of the way from where each latent started: 0 decodes that, 1 what was
        made of it.
        """
        drawn = SAMPLERS[sampler](self.steering).draw(n, torch.Generator().manual_seed(seed))
        return self.model.decode(torch.lerp(drawn.start, drawn.z, strength))


def load_run(folder: Path) -> FinishedRun:
    """The finished run in ``folder``; raises ``RunError`` where it is unfinished, damaged or of another model."""
    run_folder.read_result(folder)
    config = load_config(folder / run_folder.CONFIG)
    model = load_latent_model(config.model)
    constraints = [make_constraint(wish.constraint, wish.options).bind(model) for wish in config.constraints]
    names = [wish.name for wish in config.constraints]
    weights = {wish.name: wish.weight for wish in config.constraints} | {REALISM: config.gan.realism_weight}
    if run_folder.critic_file(folder, CONFIDENCE).is_file():
        weights[CONFIDENCE] = config.gan.confidence_weight
    critics = {name: load_critic(run_folder.critic_file(folder, name), model) for name in weights}
    weighted = [(critic, weights[name]) for name, critic in critics.items()]
    actor = load_actor(folder / run_folder.ACTOR, model)
    q = AggregatePosterior(model.real_posteriors())
    labels = {name: load_labels(run_folder.critic_file(folder, name)) for name in names}
    likely = likely_to_satisfy([TaughtCritic(critics[name], labels[name]) for name in names], q)
    return FinishedRun(config, model, Steering(Labeller(model, constraints), q, actor, weighted, config.gan, likely))
