"""The LC-GAN: critics learn on latents what decoded samples satisfy, an actor moves latents to where the critics want them.

Engel, Hoffman & Roberts 2017 (arXiv 1711.05772); Jaques et al. 2018 (arXiv 1802.04877). Read ``train`` from top to bottom:

    label posterior and prior samples            decode(z) -> the constraints' values of that sample
    for each round:
        for each iteration:
            M critic batches                     attribute critics on the labelled pool, realism critic on q(z) against G(z0)
            N actor batches                      through the critics, back to the actor
        label the actor's own samples            they join the pool, so that the critics learn where the actor goes
        keep the best actor, stop a diverging one
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from .errors import TrainingError
from .labelling import Labeller
from .latent_model import LatentModel, Posterior


class GanConfig(BaseModel):
    """How the critics and the actor are built and trained."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    width: int = Field(256, ge=1)
    """Units of each hidden layer of critics and actor."""
    depth: int = Field(3, ge=1)
    """Hidden layers of critics and actor."""
    batch_size: int = Field(128, ge=2)
    """Latents a batch."""
    rounds: int = Field(6, ge=1)
    """Rounds; after each, the actor's own samples are labelled and join the pool."""
    iterations: int = Field(60, ge=1)
    """Iterations a round: ``critic_batches`` of critic training, then ``actor_batches`` of actor training."""
    critic_batches: int = Field(10, ge=1)
    """Critic batches an iteration (M)."""
    actor_batches: int = Field(1, ge=1)
    """Actor batches an iteration (N)."""
    pretraining_batches: int = Field(300, ge=0)
    """Batches of the attribute critics before the first round."""
    critic_learning_rate: float = Field(3e-4, gt=0)
    """Adam's learning rate for the critics."""
    actor_learning_rate: float = Field(1e-3, gt=0)
    """Adam's learning rate for the actor."""
    realism_weight: float = Field(1.0, ge=0)
    """Weight of the realism critic in the actor's loss; constraints bring their own weights."""
    gradient_penalty: float = Field(1.0, ge=0)
    """Weight of the gradient penalty that keeps the realism critic smooth."""
    penalty_interval: int = Field(4, ge=1)
    """The penalty is computed every so many batches, at so many times its weight (Karras et al. 2020, lazy regularisation)."""
    distance_weight: float = Field(0.003, ge=0)
    """Weight of the distance between z and z' (lambda); above 0 the actor also learns to edit real latents."""
    posterior_labels: int = Field(5000, ge=2)
    """Posterior samples to label first; more are added for a rare constraint."""
    prior_labels: int = Field(2000, ge=0)
    """Prior samples to label first."""
    actor_labels: int = Field(1000, ge=2)
    """Samples of the actor to label after each round."""
    sought_examples: int = Field(300, ge=1)
    """Posterior samples are added until so many satisfy and so many violate each constraint, up to ``max_posterior_labels``."""
    max_posterior_labels: int = Field(15000, ge=2)
    """Most posterior samples to label."""
    max_drift: float = Field(3.0, gt=1)
    """Mean squared Mahalanobis distance a dimension of z' to q(z), 1 on q(z) itself, at which the actor counts as diverged."""
    min_unique: float = Field(0.5, ge=0, le=1)
    """Share of distinct decoded samples below which the actor counts as collapsed."""


def mlp(inputs: int, outputs: int, config: GanConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in [inputs] + [config.width] * (config.depth - 1):
        layers += [nn.Linear(size, config.width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(config.width, outputs))


class Critic(nn.Module):
    """D: ``[n, latent_dim]`` -> the log odds ``[n]`` that the sample of z satisfies (or that z is real)."""

    def __init__(self, latent_dim: int, config: GanConfig) -> None:
        super().__init__()
        self.net = mlp(latent_dim, 1, config)

    def forward(self, z: Tensor) -> Tensor:
        logits: Tensor = self.net(z)[:, 0]
        return logits


class Actor(nn.Module):
    """G: ``[n, latent_dim]`` -> z' of the same shape, ``(1 - gate) * z + gate * dz`` with a gate for each dimension."""

    def __init__(self, latent_dim: int, config: GanConfig) -> None:
        super().__init__()
        self.net = mlp(latent_dim, 2 * latent_dim, config)

    def forward(self, z: Tensor) -> Tensor:
        dz, gate = self.move(z)
        return (1 - gate) * z + gate * dz

    def move(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Where each dimension would go, and how far the gate lets it: 0 keeps, 1 replaces."""
        dz, gate_logits = self.net(z).chunk(2, dim=-1)
        return dz, torch.sigmoid(gate_logits)


def attribute_loss(critic: Critic, z: Tensor, values: Tensor) -> Tensor:
    """Binary cross-entropy with logits against values in [0, 1]; soft values are fine."""
    return F.binary_cross_entropy_with_logits(critic(z), values)


def realism_loss(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Real latents to 1, the actor's and the prior's to 0."""
    return F.softplus(-critic(real)).mean() + F.softplus(critic(fake)).mean()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    """Mean squared gradient norm between real and fake (zero-centred: Thanh-Tung et al. 2019, arXiv 1902.03984)."""
    share = torch.rand(len(real), 1, generator=generator)
    between = torch.lerp(real, fake, share).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return gradient.square().sum(1).mean()


def distance(z: Tensor, moved: Tensor, average_std: Tensor) -> Tensor:
    """mean over dimensions of log(1 + (z' - z)²) / σ̄², for each row (Engel et al. 2017): ``[n]``."""
    return (torch.log1p((moved - z).square()) / average_std.square()).mean(1)


def actor_loss(
    z: Tensor, moved: Tensor, critics: Sequence[tuple[Critic, float]], average_std: Tensor, distance_weight: float
) -> Tensor:
    """Weighted sum of softplus(-D(z')), each bounded below by 0, plus the distance penalty."""
    wanted = sum(weight * F.softplus(-critic(moved)).mean() for critic, weight in critics)
    return wanted + distance_weight * distance(z, moved, average_std).mean()


class AggregatePosterior:
    """q(z) of real data: the mixture of all posteriors, to draw from and to measure drift against."""

    def __init__(self, posteriors: Posterior) -> None:
        self.posteriors = posteriors
        self.average_std = posteriors.std.mean(0)
        self.mean = posteriors.mean.mean(0)
        covariance = torch.cov(posteriors.mean.T).reshape(len(self.mean), -1) + posteriors.std.square().mean(0).diag()
        self.precision = torch.linalg.inv(covariance)

    def draw(self, n: int, generator: Generator, weights: Tensor | None = None) -> Tensor:
        """n latents ``[n, latent_dim]`` of real samples chosen evenly, or in proportion to ``weights``; fresh noise each."""
        if weights is None:
            rows = torch.randint(len(self.posteriors.mean), (n,), generator=generator)
        else:
            rows = torch.multinomial(weights, n, replacement=True, generator=generator)
        return Posterior(self.posteriors.mean[rows], self.posteriors.std[rows]).draw(generator)

    def drift(self, z: Tensor) -> float:
        """Mean squared Mahalanobis distance a dimension: about 1 for draws of q(z), more outside of it."""
        centred = z - self.mean
        return float(((centred @ self.precision) * centred).sum(1).mean() / z.shape[1])


@dataclass
class Pool:
    """Labelled latents that the attribute critics learn from."""

    z: Tensor
    values: Tensor

    def add(self, z: Tensor, values: Tensor) -> None:
        self.z = torch.cat([self.z, z])
        self.values = torch.cat([self.values, values])

    def draw(self, constraint: int, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """n latents and their values of one constraint, satisfying and violating ones alike often."""
        values = self.values[:, constraint]
        weights = values / values.sum() + (1 - values) / (1 - values).sum()
        rows = torch.multinomial(weights, n, replacement=True, generator=generator)
        return self.z[rows], values[rows]


@dataclass
class Networks:
    """Everything that training changes; ``tensors`` and ``load_tensors`` carry it through an interruption."""

    actor: Actor
    attributes: list[Critic]
    realism: Critic
    config: GanConfig
    optimizers: dict[str, torch.optim.Adam] = field(init=False)

    def __post_init__(self) -> None:
        def adam(network: nn.Module, learning_rate: float) -> torch.optim.Adam:
            return torch.optim.Adam(network.parameters(), learning_rate, betas=(0.0, 0.9), fused=True)

        self.optimizers = {
            name: adam(network, self.config.actor_learning_rate if name == "actor" else self.config.critic_learning_rate)
            for name, network in self.modules().items()
        }

    @classmethod
    def new(cls, latent_dim: int, constraints: int, config: GanConfig, seed: int) -> Networks:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            attributes = [Critic(latent_dim, config) for _ in range(constraints)]
            return cls(Actor(latent_dim, config), attributes, Critic(latent_dim, config), config)

    def modules(self) -> dict[str, nn.Module]:
        critics = {f"attribute{i}": critic for i, critic in enumerate(self.attributes)}
        return {"actor": self.actor, "realism": self.realism, **critics}

    def tensors(self) -> dict[str, Tensor]:
        """Weights and optimizer states by name."""
        found: dict[str, Tensor] = {}
        for name, network in self.modules().items():
            found |= {f"{name}/{key}": value.clone() for key, value in network.state_dict().items()}
            for i, state in self.optimizers[name].state_dict()["state"].items():
                found |= {f"{name}/adam/{i}/{key}": value.clone() for key, value in state.items()}
        return found

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        for name, network in self.modules().items():
            mine = {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}
            network.load_state_dict({key: value for key, value in mine.items() if not key.startswith("adam/")})
            states: dict[int, dict[str, Tensor]] = {}
            for key, value in mine.items():
                if key.startswith("adam/"):
                    _, i, part = key.split("/")
                    states.setdefault(int(i), {})[part] = value.clone()
            groups = self.optimizers[name].state_dict()["param_groups"]
            self.optimizers[name].load_state_dict({"state": states, "param_groups": groups})

    def step(self, name: str, loss: Tensor) -> float:
        """One step of Adam for the network ``name`` alone."""
        parameters = list(self.modules()[name].parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        self.optimizers[name].step()
        return float(loss.detach())


@dataclass
class State:
    """Where training stands between two rounds."""

    networks: Networks
    pool: Pool
    base_rates: list[float]
    """Share of posterior samples that satisfy each constraint."""
    round: int = 0
    best_round: int = -1
    best_score: float = -1.0
    best_actor: dict[str, Tensor] = field(default_factory=dict)
    stopped: str | None = None
    """Why training ended before its last round."""


def train(
    model: LatentModel[Any],
    labeller: Labeller,
    weights: Sequence[float],
    config: GanConfig,
    seed: int,
    state: State | None = None,
    on_round: Callable[[State, dict[str, Any]], None] = lambda state, metrics: None,
    on_progress: Callable[[str, float], None] = lambda what, share: None,
) -> State:
    """Trains critics and actor; ``state.best_actor`` holds the weights to use.

    ``labeller`` knows the constraints, ``weights`` weighs each in the actor's loss. ``state`` goes on from a finished round.
    ``on_round`` gets the state and the metrics of each round. The same seed gives the same result, interrupted or not: all
    randomness of a round comes from the seed and the round's number. Raises ``TrainingError`` where a constraint gives no
    signal to learn from, or no round brings a usable actor.
    """
    q = AggregatePosterior(model.real_posteriors())
    if state is None:
        pool, base_rates = label_real_and_prior(labeller, q, config, generator_of(seed, "labels"), on_progress)
        state = State(Networks.new(model.latent_dim, len(weights), config, seed), pool, base_rates)
        generator = generator_of(seed, "pretraining")
        for batch in range(config.pretraining_batches):
            train_attributes(state, config, generator)
            on_progress("critics", batch / config.pretraining_batches)
    while state.round < config.rounds and not state.stopped:
        generator = generator_of(seed, f"round {state.round}")
        metrics = train_round(state, q, weights, config, generator, on_progress)
        metrics |= judge_round(state, q, labeller, config, generator)
        state.round += 1
        on_round(state, metrics)
    if not state.best_actor:
        raise TrainingError(
            f"No usable actor: {state.stopped}. Lower gan.actor_learning_rate, or raise gan.realism_weight, and run again."
        )
    return state


def generator_of(seed: int, stage: str) -> Generator:
    """A random stream for one stage of a run, so that a resumed run draws what an uninterrupted one would have."""
    return torch.Generator().manual_seed(seed * 1_000_003 + sum(ord(c) * 31**i for i, c in enumerate(stage)) % 2**31)


def label_real_and_prior(
    labeller: Labeller,
    q: AggregatePosterior,
    config: GanConfig,
    generator: Generator,
    on_progress: Callable[[str, float], None],
) -> tuple[Pool, list[float]]:
    """The first pool, and the share of posterior samples that satisfy each constraint."""
    prior = torch.randn(config.prior_labels, len(q.mean), generator=generator)
    _, _, prior_values = labeller(prior)
    z, values = prior[:0], prior_values[:0]
    while True:
        on_progress("labels", len(z) / config.posterior_labels)
        sought = 1000 if len(z) >= config.posterior_labels else min(1000, config.posterior_labels - len(z))
        drawn = q.draw(sought, generator)
        z, values = torch.cat([z, drawn]), torch.cat([values, labeller(drawn).values])
        satisfying = (values >= 0.5).sum(0)
        enough = torch.minimum(satisfying, len(z) - satisfying) >= config.sought_examples
        if (len(z) >= config.posterior_labels and enough.all()) or len(z) >= config.max_posterior_labels:
            break
    base_rates = (satisfying / len(z)).tolist()
    for constraint, base_rate in zip(labeller.constraints, base_rates, strict=True):
        if min(base_rate, 1 - base_rate) * len(z) < 5:
            raise TrainingError(
                f"Constraint {constraint.name!r} is satisfied by {base_rate:.2%} of {len(z)} decoded samples: there is "
                + (
                    "nothing to learn from. Make it less strict, score degrees in [0, 1], or raise gan.max_posterior_labels."
                    if base_rate < 0.5
                    else "nothing to change. Make it stricter, or leave it out."
                )
            )
    return Pool(torch.cat([z, prior]), torch.cat([values, prior_values])), base_rates


def train_attributes(state: State, config: GanConfig, generator: Generator) -> float:
    """One batch for each attribute critic, from the labelled pool."""
    total = 0.0
    for i, critic in enumerate(state.networks.attributes):
        z, values = state.pool.draw(i, config.batch_size, generator)
        total += state.networks.step(f"attribute{i}", attribute_loss(critic, z, values))
    return total


def train_round(
    state: State,
    q: AggregatePosterior,
    weights: Sequence[float],
    config: GanConfig,
    generator: Generator,
    on_progress: Callable[[str, float], None],
) -> dict[str, Any]:
    """The iterations of one round: M critic batches, then N actor batches, again and again."""
    networks, n, dim = state.networks, config.batch_size, len(q.mean)
    critics = [*zip(networks.attributes, weights, strict=True), (networks.realism, config.realism_weight)]
    likely = likely_to_satisfy(state, q.posteriors.mean)
    losses = {"attribute_loss": 0.0, "realism_loss": 0.0, "actor_loss": 0.0}
    for iteration in range(config.iterations):
        for batch in range(config.critic_batches):
            losses["attribute_loss"] += train_attributes(state, config, generator)
            # Real is what the actor should look like: samples of q(z) that satisfy, not all of them.
            real = q.draw(n, generator, weights=likely)
            fake = torch.randn(n, dim, generator=generator)
            with torch.no_grad():
                fake[n // 10 :] = networks.actor(fake[n // 10 :])  # 10 % stay raw prior noise
            loss = realism_loss(networks.realism, real, fake)
            losses["realism_loss"] += float(loss.detach())
            if config.gradient_penalty and batch % config.penalty_interval == 0:
                penalty = gradient_penalty(networks.realism, real, fake, generator)
                loss = loss + config.gradient_penalty * config.penalty_interval * penalty
            networks.step("realism", loss)
        for _ in range(config.actor_batches):
            z = torch.randn(n, dim, generator=generator)
            if config.distance_weight:
                z[n // 2 :] = q.draw(n - n // 2, generator)
            loss = actor_loss(z, networks.actor(z), critics, q.average_std, config.distance_weight)
            losses["actor_loss"] += networks.step("actor", loss)
        on_progress(f"round {state.round + 1}", (iteration + 1) / config.iterations)
    critic_batches = config.iterations * config.critic_batches
    return {
        "round": state.round,
        "attribute_loss": losses["attribute_loss"] / critic_batches,
        "realism_loss": losses["realism_loss"] / critic_batches,
        "actor_loss": losses["actor_loss"] / (config.iterations * config.actor_batches),
    }


@torch.no_grad()
def likely_to_satisfy(state: State, z: Tensor) -> Tensor:
    """The attribute critics' probability ``[n]`` that all constraints hold, for real latents.

    The critics learn from as many satisfying as violating latents; Bayes' rule puts the base rate of real samples back.
    """
    probability = torch.ones(len(z))
    for critic, base_rate in zip(state.networks.attributes, state.base_rates, strict=True):
        probability *= torch.sigmoid(critic(z) + torch.logit(torch.tensor(base_rate)))
    return probability.clamp(min=1e-6)


@torch.no_grad()
def judge_round(
    state: State, q: AggregatePosterior, labeller: Labeller, config: GanConfig, generator: Generator
) -> dict[str, Any]:
    """Labels the actor's own samples of fresh noise, adds them to the pool, and keeps the actor if it is the best so far."""
    noise = torch.randn(config.actor_labels, len(q.mean), generator=generator)
    dz, gate = state.networks.actor.move(noise)
    moved = torch.lerp(noise, dz, gate)
    if not moved.isfinite().all():
        state.stopped = f"the actor's latents were not finite in round {state.round + 1}"
        return {"stopped": state.stopped}
    labelled = labeller(moved)
    state.pool.add(moved, labelled.values)
    satisfied = float((labelled.values >= 0.5).all(1).float().mean())
    unique = len({labeller.model.show(sample) for sample in labelled.samples}) / len(moved)
    drift = q.drift(moved)
    if drift > config.max_drift:
        state.stopped = f"the actor drifted to {drift:.1f} times the spread of real latents in round {state.round + 1}"
    elif unique < config.min_unique:
        state.stopped = f"only {unique:.0%} of the actor's samples were distinct in round {state.round + 1}"
    elif (score := satisfied * unique) >= state.best_score:
        state.best_score, state.best_round = score, state.round
        state.best_actor = {name: value.clone() for name, value in state.networks.actor.state_dict().items()}
    return {
        "satisfied": satisfied,
        "unique": unique,
        "drift": drift,
        "gate": float(gate.mean()),
        "gate_saturated": float(((gate < 0.01) | (gate > 0.99)).float().mean()),
        "pool": len(state.pool.z),
        "stopped": state.stopped,
    }
