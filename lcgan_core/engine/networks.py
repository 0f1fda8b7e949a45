"""The critics and the actor: their layers, their optimizers, and the state of both as tensors."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from pydantic import ConfigDict, Field, model_validator
from torch import Tensor, nn

from ..latent_model import LatentModel
from ..options import Options
from ..support.device import steps_fused

REALISM, NATURALNESS = "realism", "naturalness"
"""The critics that every run has in addition to those of its constraints."""

ACTOR = "actor"

RESERVED = (ACTOR, REALISM, NATURALNESS)
"""Names of the networks of every run; no constraint may have one of them."""

MOST_LABELS = 10_000_000
"""Maximum for each number of labels. Arbitrary."""
MOST_WEIGHTS = 2**27
"""Maximum number of weights of a critic or an actor: half a gigabyte in float32. Arbitrary."""


class GanConfig(Options):
    """How the critics and the actor are built and trained.

    Where no paper is named, defaults were tuned on the model reviews with the constraints length and sentiment. Upper
    bounds are arbitrary: far above what is useful, and below what no machine has room or time for.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    width: int = Field(256, ge=1, le=16384)
    """Units of each hidden layer of critics and actor."""
    depth: int = Field(3, ge=1, le=64)
    """Hidden layers of critics and actor."""
    batch_size: int = Field(128, ge=2, le=65536)
    """Number of latents in a batch."""
    rounds: int = Field(8, ge=1, le=10_000)
    """Number of rounds. After each, the actor's own samples are labelled and added to the pool."""
    iterations: int = Field(40, ge=1, le=1_000_000)
    """Iterations per round; each trains the critics on ``critic_batches``, then the actor on ``actor_batches``."""
    critic_batches: int = Field(5, ge=1, le=10_000)
    """Critic batches per iteration (M)."""
    actor_batches: int = Field(1, ge=1, le=10_000)
    """Actor batches per iteration (N)."""
    pretraining_batches: int = Field(2000, ge=0, le=10_000_000)
    """Batches on which the critics learn from labels alone, before the first round and again after the last."""
    critic_learning_rate: float = Field(3e-4, gt=0)
    """Adam's learning rate for the critics."""
    actor_learning_rate: float = Field(1e-3, gt=0)
    """Adam's learning rate for the actor."""
    actor_averaging: float = Field(0.97, ge=0, lt=1)
    """Decay per step of the moving average of the actor's weights. The average is kept, since the actor of any one step
    oscillates around it (Yazıcı et al. 2019, arXiv 1806.04498)."""
    augmentation: float = Field(0.5, ge=0)
    """Noise added to labelled latents while the attribute critics learn, in units of the encoder's average std."""
    realism_weight: float = Field(0.4, ge=0)
    """Weight of the realism critic in the actor's loss. A higher value keeps variety. Constraints have their own weights
    (``--weight``)."""
    gradient_penalty: float = Field(1.0, ge=0)
    """Weight of the gradient penalty that keeps the realism critic smooth."""
    penalty_interval: int = Field(4, ge=1, le=10_000)
    """Interval in batches between gradient penalties; each counts that many times (lazy regularisation, Karras et al. 2020)."""
    naturalness_weight: float = Field(0.0, ge=0)
    """Weight in the actor's loss of the naturalness critic, which learns how natural the model finds samples. A higher value
    gives more natural samples and less variety."""
    distance_weight: float = Field(0.02, ge=0)
    """Weight of the distance between z and z' (lambda). A higher value keeps edits closer. Above 0, the actor also learns to
    edit real latents."""
    keep_weight: float = Field(0.5, ge=0)
    """Added to ``distance_weight`` in proportion to how likely z satisfies already. A higher value keeps variety."""
    start: Literal["prior", "posterior"] = "prior"
    """Where the actor and every other sampler start: from noise, N(0, I), or from widened posteriors of real samples that
    probably satisfy. The latter gives samples near real ones, most of them remembered rather than new."""
    start_spread: float = Field(1.4, gt=0)
    """Factor by which posteriors are widened when samples start from them. A higher value gives newer samples, a lower one
    samples closer to real ones."""
    posterior_labels: int = Field(4000, ge=2, le=MOST_LABELS)
    """Posterior samples to label before training. They show which real samples satisfy, and teach the critics to judge edits.
    A rare constraint gets more."""
    start_labels: int = Field(3000, ge=0, le=MOST_LABELS)
    """Samples of the actor's start to label before training."""
    actor_labels: int = Field(700, ge=0, le=MOST_LABELS)
    """Actor's samples to label after each round. With 0, none are labelled and critics of earlier runs stay as they are."""
    sought_examples: int = Field(300, ge=1, le=MOST_LABELS)
    """Posterior samples are added until this many satisfy and this many violate each constraint, up to
    ``max_posterior_labels``."""
    max_posterior_labels: int = Field(20000, ge=2, le=MOST_LABELS)
    """Maximum number of posterior samples to label."""
    proposals: float = Field(2.0, ge=1, le=1000)
    """Latents that the actor draws per sample asked for; those that the constraints' critics doubt most are not decoded."""
    max_drift: float = Field(3.0, gt=1)
    """Mean squared Mahalanobis distance per dimension from z' to q(z), 1 on q(z) itself, above which the actor has diverged."""
    min_unique: float = Field(0.5, ge=0, le=1)
    """Share of distinct decoded samples below which the actor has collapsed."""
    label_megabytes: int = Field(256, ge=1, le=65536)
    """Maximum memory for labelled latents. If z is too large for that, all label counts are lowered in proportion.
    (A latent of 16,384 dimensions, one constraint and the defaults: a run takes less than 2 GB.)"""

    @model_validator(mode="after")
    def _fits_in_memory(self) -> GanConfig:
        if self.width**2 * self.depth > MOST_WEIGHTS:
            raise ValueError(f"{self.depth} layers of {self.width} units are more than {MOST_WEIGHTS:,} weights; choose fewer")
        return self

    def within_memory(self, latent_dim: int, critics: int) -> GanConfig:
        """The same with fewer labels, if labels for that many critics would take more memory than ``label_megabytes``."""
        most = max(self.posterior_labels, self.max_posterior_labels) + self.start_labels + self.rounds * self.actor_labels
        share = self.label_megabytes * 2**20 / (4 * latent_dim * most * max(1, critics))
        if share >= 1:
            return self
        numbers = ("posterior_labels", "max_posterior_labels", "start_labels", "actor_labels")
        fewer = {name: math.ceil(share * getattr(self, name)) for name in numbers}
        return self.model_copy(update={name: max(2, n) if getattr(self, name) else 0 for name, n in fewer.items()})


def mlp(inputs: int, outputs: int, config: GanConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in [inputs] + [config.width] * (config.depth - 1):
        layers += [nn.Linear(size, config.width), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(config.width, outputs))


class Critic(nn.Module):
    """D: ``[n, latent_dim]`` -> the log odds ``[n]`` that the sample of z satisfies (or that z is real).

    It learns from equal numbers of satisfying and violating latents.
    """

    def __init__(self, latent_dim: int, config: GanConfig, net: nn.Module | None = None) -> None:
        """``net`` replaces the multilayer perceptron: ``[n, latent_dim]`` -> ``[n, 1]``."""
        super().__init__()
        self.net = mlp(latent_dim, 1, config) if net is None else net

    @classmethod
    def of(cls, model: LatentModel[Any], config: GanConfig) -> Critic:
        """A critic with random weights for ``model``, which may bring its own network."""
        return cls(model.latent_dim, config, model.critic_net(config.width, config.depth)).to(model.device)

    def forward(self, z: Tensor) -> Tensor:
        logits: Tensor = self.net(z)[:, 0]
        return logits


ADAM_BETAS = (0.0, 0.9)
"""No momentum, because what a network learns against keeps changing (Gulrajani et al. 2017, arXiv 1704.00028)."""

CLOSED = -2.0
"""Initial log odds of the actor's gates: it learns what to change, rather than what to leave. Measured on reviews for negative
sentiment: 93.6 % at 1.33 times the reference's perplexity; open gates gave 92.6 % at 1.47."""


class Move(NamedTuple):
    """What the actor does to each dimension of z; both are ``[n, latent_dim]``."""

    target: Tensor
    """Where the actor would move z."""
    gate: Tensor
    """How far towards the target it moves z: 0 keeps z, 1 replaces it."""


class Actor(nn.Module):
    """G: ``[n, latent_dim]`` -> z' of the same shape, ``(1 - gate) * z + gate * target`` in each dimension."""

    def __init__(self, latent_dim: int, config: GanConfig, net: nn.Module | None = None) -> None:
        """``net`` replaces the multilayer perceptron: ``[n, latent_dim]`` -> ``[n, 2 * latent_dim]``."""
        super().__init__()
        self.net = mlp(latent_dim, 2 * latent_dim, config) if net is None else net

    @classmethod
    def of(cls, model: LatentModel[Any], config: GanConfig) -> Actor:
        """An actor with random weights for ``model``, which may bring its own network."""
        return cls(model.latent_dim, config, model.actor_net(config.width, config.depth)).to(model.device)

    def forward(self, z: Tensor) -> Tensor:
        target, gate = self.move(z)
        return (1 - gate) * z + gate * target

    def move(self, z: Tensor) -> Move:
        target, gate_logits = self.net(z).chunk(2, dim=-1)
        return Move(target, torch.sigmoid(gate_logits + CLOSED))


@dataclass
class Networks:
    """Everything that training changes; ``tensors`` and ``load_tensors`` preserve it across an interruption."""

    actor: Actor
    attributes: dict[str, Critic]
    """The critic of each constraint, by the constraint's name in this run."""
    realism: Critic
    naturalness: Critic
    config: GanConfig
    averaged_actor: Actor = field(init=False)
    optimizers: dict[str, torch.optim.Adam] = field(init=False)

    def __post_init__(self) -> None:
        self.averaged_actor = copy.deepcopy(self.actor).requires_grad_(False)

        def adam(network: nn.Module, learning_rate: float) -> torch.optim.Adam:
            parameters = list(network.parameters())
            return torch.optim.Adam(parameters, learning_rate, betas=ADAM_BETAS, fused=steps_fused(parameters[0].device))

        self.optimizers = {
            name: adam(network, self.config.actor_learning_rate if name == ACTOR else self.config.critic_learning_rate)
            for name, network in self.modules().items()
        }

    @classmethod
    def new(cls, model: LatentModel[Any], constraints: Iterable[str], config: GanConfig, seed: int) -> Networks:
        """Networks with random weights for ``model``, with a critic for each name in ``constraints``."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            attributes = {name: Critic.of(model, config) for name in constraints}
            return cls(Actor.of(model, config), attributes, Critic.of(model, config), Critic.of(model, config), config)

    def modules(self) -> dict[str, nn.Module]:
        """The trained networks, by name."""
        return {ACTOR: self.actor, **self.attributes, REALISM: self.realism, NATURALNESS: self.naturalness}

    def tensors(self) -> dict[str, Tensor]:
        """Weights and optimizer states: ``weights/NETWORK/PARAMETER`` and ``adam/NETWORK/NUMBER.FIGURE``. They are not
        copies: further training changes them."""
        found = {f"averaged/{key}": value for key, value in self.averaged_actor.state_dict().items()}
        for name, network in self.modules().items():
            found |= {f"weights/{name}/{key}": value for key, value in network.state_dict().items()}
            for i, state in self.optimizers[name].state_dict()["state"].items():
                found |= {f"adam/{name}/{i}.{key}": value for key, value in state.items()}
        return found

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Restores what ``tensors`` returned for networks of the same names and sizes."""
        owned: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            owner, _, key = name.rpartition("/")  # the last slash: a constraint's name may contain slashes
            owned.setdefault(owner, {})[key] = value.clone()
        self.averaged_actor.load_state_dict(owned["averaged"])
        for name, network in self.modules().items():
            network.load_state_dict(owned[f"weights/{name}"])
            states: dict[int, dict[str, Tensor]] = {}
            for key, value in owned.get(f"adam/{name}", {}).items():
                i, _, figure = key.partition(".")
                states.setdefault(int(i), {})[figure] = value
            groups = self.optimizers[name].state_dict()["param_groups"]
            self.optimizers[name].load_state_dict({"state": states, "param_groups": groups})

    def step(self, name: str, loss: Tensor) -> float:
        """One step of Adam for the network ``name`` alone."""
        parameters = list(self.modules()[name].parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        self.optimizers[name].step()
        return float(loss.detach())

    @torch.no_grad()
    def average_actor(self) -> None:
        """Moves the averaged actor towards the current actor."""
        for average, now in zip(self.averaged_actor.parameters(), self.actor.parameters(), strict=True):
            average.lerp_(now, 1 - self.config.actor_averaging)
