"""The LC-GAN: critics learn which latents decode to satisfying samples; an actor moves latents to where the critics want them.

Engel, Hoffman & Roberts 2017 (arXiv 1711.05772); Jaques et al. 2018 (arXiv 1802.04877). Read ``train`` from top to bottom:

    label latents of noise and of real samples   decode(z) -> the constraints' values for that sample, and its naturalness
    for each round:
        for each iteration:
            M critic batches                     attribute and naturalness critics on their labels, realism critic on q(z)
                                                 against G(z0)
            N actor batches                      through the critics, back to the actor
        label the actor's own samples            they join the pool, so that the critics learn where the actor goes
        keep the best actor, stop a diverging one
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from ..constraint import SATISFIED
from ..errors import TrainingError
from .aggregate_posterior import AggregatePosterior
from .labelling import Labelled, Labeller, Pool
from .networks import ACTOR, NATURALNESS, REALISM, Critic, GanConfig, Networks

SAMPLES_WITHOUT_LABELS = 1000
"""Number of the actor's samples to assess after a round that labels none. Arbitrary."""

LABELLED_AT_ONCE = 1000
"""Maximum number of samples to label before seeing whether more are needed. Arbitrary."""

LEAST_LIKELY = 1000
"""Minimum effective number of real samples that count as likely to satisfy: samples must not all come from a few. Arbitrary."""

CRITIC_SHARE = 0.02
"""Weight of a critic's prediction for a real sample; a label that satisfies has weight 1. Arbitrary: low, so that the labels
decide."""

FLATTENING = 0.8
"""Power to which the likelihoods are raised repeatedly, until as many as ``LEAST_LIKELY`` count. Arbitrary: the closer to 1,
the finer the steps."""

UNMOVED = 0.1
"""Share of the realism critic's fake latents that the actor does not move (after Engel et al. 2017)."""

SATURATED = 0.01
"""A gate closer than this to 0 or 1 is reported as saturated. Arbitrary."""


class TaughtCritic(NamedTuple):
    """A critic of an earlier run, with the labels that it learned from."""

    critic: Critic
    pool: Pool


class Learner(NamedTuple):
    """A critic of this run that learns from labels, with its name in ``Networks`` and those labels."""

    name: str
    critic: Critic
    pool: Pool


def attribute_loss(critic: Critic, z: Tensor, values: Tensor) -> Tensor:
    """Binary cross-entropy with logits against values in [0, 1]; soft values are fine."""
    return F.binary_cross_entropy_with_logits(critic(z), values)


def realism_loss(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Pushes real latents towards 1; the actor's latents, and those it starts from, towards 0."""
    on_real, on_fake = critic(torch.cat([real, fake])).split([len(real), len(fake)])
    return F.softplus(-on_real).mean() + F.softplus(on_fake).mean()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    """Mean squared gradient norm at points between real and fake (zero-centred: Thanh-Tung et al. 2019, arXiv 1902.03984)."""
    share = torch.rand(len(real), 1, generator=generator).to(real.device)
    between = torch.lerp(real, fake, share).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return gradient.square().sum(1).mean()


def distance(z: Tensor, moved: Tensor, average_std: Tensor) -> Tensor:
    """Mean over dimensions of log(1 + (z' - z)²) / σ̄², for each row (Engel et al. 2017): ``[n]``."""
    return (torch.log1p((moved - z).square()) / average_std.square()).mean(1)


@torch.no_grad()
def distance_weights(z: Tensor, attributes: Iterable[Critic], config: GanConfig) -> Tensor:
    """Weight of the distance from each z in the actor's loss, ``[n]``: higher, the surer the critics are that z satisfies."""
    satisfied = z.new_ones(len(z))
    for critic in attributes:
        satisfied *= torch.sigmoid(critic(z))
    return config.distance_weight + config.keep_weight * satisfied


def actor_loss(
    z: Tensor, moved: Tensor, critics: Iterable[tuple[Critic, float]], average_std: Tensor, distance_weight: Tensor
) -> Tensor:
    """Weighted sum of softplus(-D(z')), each bounded below by 0, plus the distance penalty."""
    wanted = sum(weight * F.softplus(-critic(moved)).mean() for critic, weight in critics)
    return wanted + (distance_weight * distance(z, moved, average_std)).mean()


@dataclass
class State:
    """The state of training between two rounds."""

    networks: Networks
    pools: dict[str, Pool]
    """The labels for each constraint's critic, by the constraint's name."""
    naturalness: Pool | None = None
    """The labels for the naturalness critic, if the model judges naturalness and the run asks for it."""
    round: int = 0
    best_round: int = -1
    best_score: float = -1.0
    best_actor: dict[str, Tensor] = field(default_factory=dict)
    stopped: str | None = None
    """Why training ended before its last round."""

    @property
    def labels(self) -> int:
        """Number of latents labelled in this run."""
        return max((len(pool.z) - pool.reused for pool in self.pools.values()), default=0)

    @property
    def unjudged(self) -> dict[str, int]:
        """Number of latents left out of the labels, for each constraint that could not judge some of their samples."""
        return {name: pool.unjudged for name, pool in self.pools.items() if pool.unjudged}

    def taught(self) -> list[TaughtCritic]:
        """The constraints' critics with their labels."""
        return [TaughtCritic(critic, self.pools[name]) for name, critic in self.networks.attributes.items()]

    def learners(self) -> list[Learner]:
        """The critics that learn from labels: the attribute critics, then the naturalness critic if it has labels."""
        found = [Learner(name, critic, self.pools[name]) for name, critic in self.networks.attributes.items()]
        return found + ([Learner(NATURALNESS, self.networks.naturalness, self.naturalness)] if self.naturalness else [])

    def critics(self) -> dict[str, Critic]:
        """All critics that the actor learns from, by name; the constraints' critics come first."""
        found = {**self.networks.attributes, REALISM: self.networks.realism}
        return found | ({NATURALNESS: self.networks.naturalness} if self.naturalness else {})


def weighed(critics: Mapping[str, Critic], weights: Mapping[str, float], config: GanConfig) -> dict[str, tuple[Critic, float]]:
    """Each critic with its weight in the actor's loss; ``weights`` gives those of the constraints, by name."""
    known = {**weights, REALISM: config.realism_weight, NATURALNESS: config.naturalness_weight}
    return {name: (critic, known[name]) for name, critic in critics.items()}


def train(
    labeller: Labeller,
    weights: Mapping[str, float],
    config: GanConfig,
    seed: int,
    taught: Mapping[str, TaughtCritic] | None = None,
    state: State | None = None,
    on_round: Callable[[State, dict[str, Any]], None] = lambda state, metrics: None,
    on_progress: Callable[[str, float], None] = lambda what, share: None,
) -> State:
    """Trains the critics and the actor; ``state.best_actor`` holds the weights to use.

    ``labeller`` holds the frozen model and the constraints; ``weights`` gives each constraint's weight in the actor's loss.
    ``taught`` holds critics of earlier runs, by their constraint's name in this run; nothing is labelled for them at first.
    A run that asks for naturalness labels for that unless such a critic is ``taught`` too.
    ``state`` resumes after a finished round. ``on_round`` gets the state and the metrics of each round. The same seed gives the
    same result, interrupted or not: all randomness of a round comes from the seed and the round's number.

    Raises ``TrainingError`` if a constraint gives no signal to learn from, if no round produces a usable actor, or if the actor
    is to start from real samples and the model knows none.
    """
    torch.set_flush_denormal(True)  # saturated gates and critics are full of denormal numbers, which are slow
    q = AggregatePosterior.of(labeller.model)
    if config.start == "posterior" and not q.knows_real:
        raise TrainingError(
            f"gan.start is posterior, and the model {labeller.model.name} knows no posteriors of real samples. "
            "Leave gan.start out."
        )
    config = config.within_memory(labeller.model.latent_dim, len(labeller.constraints))
    if state is None:
        state = begin(labeller, q, config, seed, taught or {}, on_progress)
    while state.round < config.rounds and not state.stopped:
        generator = generator_of(seed, f"round {state.round}")
        metrics = train_round(state, q, weights, config, generator, on_progress)
        metrics |= assess_round(state, q, labeller, config, generator)
        state.round += 1
        on_round(state, metrics)
    generator = generator_of(seed, "last labels")
    for _ in range(config.pretraining_batches if config.actor_labels else 0):
        train_on_labels(state, state.learners(), q, config, generator)  # so that doubt uses all labels
    if not state.best_actor:
        raise TrainingError(
            f"No usable actor: {state.stopped}. Lower gan.actor_learning_rate, or raise gan.realism_weight, and run again."
        )
    return state


def begin(
    labeller: Labeller,
    q: AggregatePosterior,
    config: GanConfig,
    seed: int,
    taught: Mapping[str, TaughtCritic],
    on_progress: Callable[[str, float], None],
) -> State:
    """Labels the first pools and trains the critics, except those that are ``taught`` already."""
    networks = Networks.new(labeller.model, labeller.constraints, config, seed)
    new = [name for name in labeller.constraints if name not in taught]
    pools: dict[str, Pool] = {}
    unjudged = config.naturalness_weight and NATURALNESS not in taught
    if new or unjudged or not labeller.constraints:
        pools = label_first(labeller, new, q, config, generator_of(seed, "labels"), on_progress)
    for name, (critic, pool) in taught.items():
        networks.modules()[name].load_state_dict(critic.state_dict())
        pools[name] = dataclasses.replace(pool)
    state = State(networks, {name: pools[name] for name in labeller.constraints}, pools.get(NATURALNESS))
    learners = [learner for learner in state.learners() if learner.name not in taught]
    generator = generator_of(seed, "pretraining")
    for batch in range(config.pretraining_batches if learners else 0):
        train_on_labels(state, learners, q, config, generator)
        on_progress("critics", batch / config.pretraining_batches)
    return state


def generator_of(seed: int, stage: str) -> Generator:
    """A random stream for one stage of a run, so that a resumed run draws the same numbers as an uninterrupted one."""
    return torch.Generator().manual_seed(zlib.crc32(f"{seed} {stage}".encode()))


def label_first(
    labeller: Labeller,
    new: Sequence[str],
    q: AggregatePosterior,
    config: GanConfig,
    generator: Generator,
    on_progress: Callable[[str, float], None],
) -> dict[str, Pool]:
    """The first pools, for the ``new`` constraints and for naturalness, by the name of the critic that uses them.

    Labels draws from the posteriors of real samples, more of them for a rare constraint, and draws of the start.
    No real sample is drawn again until all have been drawn.
    """
    rows = len(q.posteriors.mean)
    real = torch.cat([torch.randperm(rows, generator=generator) for _ in range(config.max_posterior_labels // rows + 2)])
    start = labeller(draw_start(q, config.start_labels, config, generator), new)
    found: list[Labelled] = []
    naturalness: list[Tensor] = []

    def add(labelled: Labelled) -> None:
        found.append(labelled._replace(samples=[]))  # images would fill the memory
        if (natural := judged_natural(labeller, labelled.samples, config)) is not None:
            naturalness.append(natural)

    drawn, satisfying, violating = 0, torch.zeros(len(new)), torch.zeros(len(new))
    while True:
        on_progress("labels", drawn / config.posterior_labels)
        more = next_to_label(drawn, config)
        labelled = labeller(q.draw_of(real[drawn : drawn + more], generator), new)
        add(labelled)
        drawn += more
        satisfying += (labelled.values >= SATISFIED).sum(0).cpu()
        violating += (labelled.values < SATISFIED).sum(0).cpu()
        enough = torch.minimum(satisfying, violating) >= config.sought_examples
        if (drawn >= config.posterior_labels and enough.all()) or drawn >= config.max_posterior_labels:
            break
    add(start)
    z, values = torch.cat([part.z for part in found]), torch.cat([part.values for part in found])
    pools = {name: Pool.of(z, column, real[:drawn].to(z.device)) for name, column in zip(new, values.T, strict=True)}
    for name, pool in pools.items():
        pool.require_examples(name)
    if naturalness:
        pools[NATURALNESS] = Pool(z, torch.cat(naturalness))
    return pools


def next_to_label(drawn: int, config: GanConfig) -> int:
    """How many posterior samples to label after ``drawn`` ones, if those are not enough; 0 once there may be no more."""
    first = min(config.posterior_labels, config.max_posterior_labels)
    return min(LABELLED_AT_ONCE, (first if drawn < first else config.max_posterior_labels) - drawn)


def judged_natural(labeller: Labeller, samples: Sequence[Any], config: GanConfig) -> Tensor | None:
    """How natural the samples are, ``[n]``; None if the model cannot judge that, or the run does not ask."""
    natural = labeller.model.naturalness(samples) if config.naturalness_weight else None
    return None if natural is None else natural.to(labeller.model.device)


def draw_start(q: AggregatePosterior, n: int, config: GanConfig, generator: Generator, likely: Tensor | None = None) -> Tensor:
    """n latents ``[n, latent_dim]`` to make samples from; ``likely`` says which real samples satisfy, once known."""
    if config.start == "prior":
        return torch.randn(n, len(q.mean), generator=generator).to(q.mean.device)
    return q.draw(n, generator, likely, config.start_spread)


def train_on_labels(
    state: State, learners: Sequence[Learner], q: AggregatePosterior, config: GanConfig, generator: Generator
) -> float:
    """Trains each of the ``learners`` on one batch from its labelled pool; returns the sum of the losses."""
    total = 0.0
    for name, critic, pool in learners:
        z, values = pool.draw(config.batch_size, generator)
        z = z + config.augmentation * q.average_std * torch.randn(z.shape, generator=generator).to(z.device)
        total += state.networks.step(name, attribute_loss(critic, z, values))
    return total


def train_round(
    state: State,
    q: AggregatePosterior,
    weights: Mapping[str, float],
    config: GanConfig,
    generator: Generator,
    on_progress: Callable[[str, float], None],
) -> dict[str, Any]:
    """The iterations of one round, each of M critic batches, then N actor batches."""
    networks, n = state.networks, config.batch_size
    critics = weighed(state.critics(), weights, config).values()
    attributes = networks.attributes.values()
    likely = likely_to_satisfy(state.taught(), q)
    # Without new labels, a critic of an earlier run has nothing more to learn.
    learners = [learner for learner in state.learners() if config.actor_labels or not learner.pool.reused]
    losses = {"label_loss": 0.0, "realism_loss": 0.0, "actor_loss": 0.0}
    for iteration in range(config.iterations):
        for batch in range(config.critic_batches):
            losses["label_loss"] += train_on_labels(state, learners, q, config, generator)
            # Real means what the actor should imitate: the samples of q(z) that satisfy, not all of them.
            real = q.draw(n, generator, weights=likely)
            fake = draw_start(q, n, config, generator, likely)
            with torch.no_grad():
                fake[int(UNMOVED * n) :] = networks.actor(fake[int(UNMOVED * n) :])
            loss = realism_loss(networks.realism, real, fake)
            losses["realism_loss"] += float(loss.detach())
            if config.gradient_penalty and batch % config.penalty_interval == 0:
                penalty = gradient_penalty(networks.realism, real, fake, generator)
                loss = loss + config.gradient_penalty * config.penalty_interval * penalty
            networks.step(REALISM, loss)
        for _ in range(config.actor_batches):
            z = draw_start(q, n, config, generator, likely)
            if config.distance_weight:
                z[n // 2 :] = q.draw(n - n // 2, generator)
            loss = actor_loss(z, networks.actor(z), critics, q.average_std, distance_weights(z, attributes, config))
            losses["actor_loss"] += networks.step(ACTOR, loss)
            networks.average_actor()
        on_progress(f"round {state.round + 1}", (iteration + 1) / config.iterations)
    critic_batches = config.iterations * config.critic_batches
    return {
        "round": state.round,
        "label_loss": losses["label_loss"] / critic_batches,
        "realism_loss": losses["realism_loss"] / critic_batches,
        "actor_loss": losses["actor_loss"] / (config.iterations * config.actor_batches),
    }


@torch.no_grad()
def likely_to_satisfy(attributes: Iterable[TaughtCritic], q: AggregatePosterior) -> Tensor:
    """How likely a draw from each real sample's posterior is to satisfy all constraints: ``[real samples]``.

    For each constraint, this is the share of the labelled draws that satisfy, plus a small share of the critic's prediction at
    the mean (with the base rate restored by Bayes' rule). A critic is sure of what it knows best, and alone would leave out the
    rest. If few satisfy, the weights are flattened until as many count as ``LEAST_LIKELY``, or a tenth of all if that is less
    (the effective sample size of Kish 1965).
    """
    likely = q.mean.new_ones(len(q.posteriors.mean))
    for critic, pool in attributes:
        drawn, satisfied = pool.draws_of_real(len(likely))
        held = torch.sigmoid(critic(q.posteriors.mean) + torch.logit(satisfied.sum() / drawn.sum()))
        likely *= satisfied / drawn.clamp(min=1) + CRITIC_SHARE * held
    likely = likely.clamp(min=1e-6)
    while likely.sum().square() / likely.square().sum() < min(LEAST_LIKELY, len(likely) / 10):
        likely = likely.pow(FLATTENING)
    return likely


@torch.no_grad()
def assess_round(
    state: State, q: AggregatePosterior, labeller: Labeller, config: GanConfig, generator: Generator
) -> dict[str, Any]:
    """Labels the actor's own samples from fresh latents, adds them to the pools, and keeps the actor if it is the best so far.

    With ``actor_labels`` 0 it labels nothing, and relies on the critics' predictions for those samples.
    """
    likely = likely_to_satisfy(state.taught(), q)
    start = draw_start(q, config.actor_labels or SAMPLES_WITHOUT_LABELS, config, generator, likely)
    target, gate = state.networks.averaged_actor.move(start)
    moved = torch.lerp(start, target, gate)
    if not moved.isfinite().all():
        state.stopped = f"the actor's latents were not finite in round {state.round + 1}"
        return {"stopped": state.stopped}
    if config.actor_labels:
        labelled = labeller(moved)
        samples, satisfying = labelled.samples, labelled.satisfied[labelled.satisfied | labelled.violating]
        for name, values in zip(labeller.constraints, labelled.values.T, strict=True):
            state.pools[name].add(moved, values)
        if state.naturalness and (natural := judged_natural(labeller, samples, config)) is not None:
            state.naturalness.add(moved, natural)
    else:
        samples = labeller.model.decode(moved)
        satisfying = torch.stack([critic(moved) >= 0 for critic in state.networks.attributes.values()]).all(0)
    satisfied = float(satisfying.float().mean()) if len(satisfying) else 0.0  # of an actor whose samples nobody can judge
    unique = labeller.model.sample_kind.unique(samples)
    drift = q.drift(moved)
    if drift > config.max_drift:
        state.stopped = f"the actor drifted to {drift:.1f} times the spread of real latents in round {state.round + 1}"
    elif unique < config.min_unique:
        state.stopped = f"only {unique:.0%} of the actor's samples were distinct in round {state.round + 1}"
    elif (score := satisfied * unique) >= state.best_score:
        state.best_score, state.best_round = score, state.round
        state.best_actor = {name: value.clone() for name, value in state.networks.averaged_actor.state_dict().items()}
    return {
        "satisfied": satisfied,
        "unique": unique,
        "drift": drift,
        "gate": float(gate.mean()),
        "gate_saturated": float(((gate < SATURATED) | (gate > 1 - SATURATED)).float().mean()),
        "labels": state.labels,
        "stopped": state.stopped,
    }
