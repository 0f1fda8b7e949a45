"""A finished run, read back: its model and its actor, to draw samples from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from . import run_folder as files
from .errors import RunError
from .latent_model import LatentModel
from .networks import Actor, Critic, GanConfig
from .pipeline import load_config
from .plugins import load_latent_model

NetworkT = TypeVar("NetworkT", bound=nn.Module)


@dataclass
class FinishedRun:
    """The frozen model of a run and the actor that was trained for it."""

    model: LatentModel[Any]
    actor: Actor

    @torch.no_grad()
    def sample(self, n: int, seed: int = 1) -> list[Any]:
        """n samples: fresh noise, moved by the actor, decoded. The same seed gives the same samples."""
        noise = torch.randn(n, self.model.latent_dim, generator=torch.Generator().manual_seed(seed))
        return self.model.decode(self.actor(noise))


def load_run(folder: Path) -> FinishedRun:
    """The finished run in ``folder``; raises ``RunError`` where it is unfinished, damaged, or of another model."""
    files.read_result(folder)
    model = load_latent_model(load_config(folder / files.CONFIG).model)
    return FinishedRun(model, load_actor(folder / files.ACTOR, model))


def load_actor(path: Path, model: LatentModel[Any]) -> Actor:
    """The actor that a run saved; raises ``RunError`` where the file is damaged or belongs to another model."""
    tensors, metadata = _weights_for(path, model)
    return _filled(path, Actor(model.latent_dim, GanConfig(**metadata["gan"])), tensors)


def load_critic(path: Path, model: LatentModel[Any]) -> Critic:
    """A critic that a run saved; raises ``RunError`` where the file is damaged or belongs to another model."""
    tensors, metadata = _weights_for(path, model)
    return _filled(path, Critic(model.latent_dim, GanConfig(**metadata["gan"])), tensors)


def _weights_for(path: Path, model: LatentModel[Any]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    tensors, metadata = files.read_tensors(path)
    if "model" not in metadata or "gan" not in metadata:
        raise RunError(f"{path} was not written by lcgan run.")
    if metadata["model"] != model.fingerprint:
        raise RunError(
            f"{path} was trained on the model {metadata['model']}, not on this one ({model.fingerprint}): "
            "an actor or critic works only with its own model. Train it again on this one with lcgan run."
        )
    return tensors, metadata


def _filled(path: Path, network: NetworkT, tensors: dict[str, torch.Tensor]) -> NetworkT:
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise RunError(f"{path} does not hold the weights that its metadata describes: {error}") from error
    return network.eval()
