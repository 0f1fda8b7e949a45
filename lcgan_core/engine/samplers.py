"""Ways to draw latents that satisfy, all with the same frozen model and the same critics.

All start from N(0, I), or from draws around real samples if ``gan.start`` says so.

actor        moved by the trained actor; those that the critics expect to fail are dropped without decoding
start        unchanged: the baseline that shows what the others add
rejection    decoded and labelled until enough satisfy: correct by construction, and expensive
class-prior  a Gaussian with full covariance, fitted to those that satisfy
mixture      a mixture of a few such Gaussians
offset       shifted by the difference between the satisfying and the violating means
gradient     optimised by Adam against the actor's loss
ode          moved down the critics' energy by an ordinary differential equation (Liu et al. 2022, LatentOps)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from ..errors import RunError
from ..support.device import multiplies_bf16
from ..support.extras import needed
from .aggregate_posterior import MOST_DENSE, AggregatePosterior
from .gan import State, TaughtCritic, distance, distance_weights, draw_start, likely_to_satisfy, next_to_label, weighed
from .labelling import Labelled, Labeller, Pool
from .networks import Actor, Critic, GanConfig

RIDGE = 1e-4
"""Added to each variance of the class prior. Arbitrary: enough to factorise the covariance if few satisfy."""
TRUSTED = 0.1
"""Doubt below which the critics trust a latent: of one constraint of weight 1, that its sample satisfies nine times in ten."""
MOST_DRAWS = 200
"""Samples that rejection draws per sample asked for before it gives up. Arbitrary."""


class Drawn(NamedTuple):
    """Latents to decode, ``[n, latent_dim]``, and where each started; the same latents if they were not moved."""

    start: Tensor
    z: Tensor


@dataclass
class Steering:
    """What all samplers of a run share."""

    labeller: Labeller
    q: AggregatePosterior
    actor: Actor
    critics: Mapping[str, tuple[Critic, float]]
    """All critics with their weights in the actor's loss, by name; constraints' critics have the names of the constraints."""
    config: GanConfig
    likely: Tensor | None = None
    """Which real samples satisfy, from ``likely_to_satisfy``; None if unknown, and all count alike."""

    @classmethod
    def assembled(
        cls,
        labeller: Labeller,
        actor: Actor,
        critics: Mapping[str, Critic],
        pools: Mapping[str, Pool],
        weights: Mapping[str, float],
        config: GanConfig,
    ) -> Steering:
        """Built from the parts of a trained run: ``critics`` as ``State.critics`` names them, ``pools`` and ``weights`` by the
        constraints' names."""
        q = AggregatePosterior.of(labeller.model)
        likely = likely_to_satisfy([TaughtCritic(critics[name], pools[name]) for name in labeller.constraints], q)
        config = config.within_memory(labeller.model.latent_dim, len(labeller.constraints))
        return cls(labeller, q, actor, weighed(critics, weights, config), config, likely)

    @classmethod
    def trained(cls, labeller: Labeller, weights: Mapping[str, float], config: GanConfig, state: State) -> Steering:
        """Built from the ``state`` that ``train`` returned for these arguments."""
        actor = Actor.of(labeller.model, config)
        actor.load_state_dict(state.best_actor)
        return cls.assembled(labeller, actor, state.critics(), state.pools, weights, config)

    @property
    def attributes(self) -> dict[str, tuple[Critic, float]]:
        """The constraints' critics among ``critics``."""
        return {name: self.critics[name] for name in self.labeller.constraints}

    def start(self, n: int, generator: Generator) -> Tensor:
        """n latents ``[n, latent_dim]`` that every sampler starts from."""
        return draw_start(self.q, n, self.config, generator, self.likely)

    def energy(self, z: Tensor) -> Tensor:
        """The critics' loss for each row, ``[n]``; low where every critic approves."""
        return weighted_loss(self.critics.values(), z)

    def doubt(self, z: Tensor) -> Tensor:
        """The constraints' part of ``energy``: high where one of the constraints may fail."""
        return weighted_loss(self.attributes.values(), z)

    def noise(self, n: int, generator: Generator) -> Tensor:
        return torch.randn(n, len(self.q.mean), generator=generator).to(self.q.mean.device)

    def gradient(self, z: Tensor) -> Tensor:
        """The gradient of ``energy`` at each row of ``z``, in the same shape."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.energy(z).sum(), z)
        return slope


def weighted_loss(critics: Iterable[tuple[Critic, float]], z: Tensor) -> Tensor:
    return torch.stack([weight * F.softplus(-critic(z)) for critic, weight in critics]).sum(0)


class Sampler(ABC):
    """Draws latents whose samples satisfy. Any fitting happens on construction, with separate random numbers."""

    name: ClassVar[str]

    def __init__(self, steering: Steering) -> None:
        self.steering = steering

    @abstractmethod
    def draw(self, n: int, generator: Generator) -> Drawn:
        """n latents; the same generator state gives the same latents."""


class ActorSampler(Sampler):
    """Draws more latents than asked for, and drops those that the constraints' critics think most likely to fail. This costs
    one pass through those critics, and no decoding. (Rejection by the critic, as in Azadi et al. 2019, arXiv 1810.06758.)
    Those they trust are dropped by chance, whether they are more or less sure of them: what critics are surest of is alike.

    The networks compute in bfloat16 if the device supports it, at less than half the cost. The rounding error of z' is far
    smaller than the width of a posterior.
    """

    name = "actor"

    @torch.no_grad()
    def draw(self, n: int, generator: Generator) -> Drawn:
        start = self.steering.start(math.ceil(n * self.steering.config.proposals), generator)
        bf16 = multiplies_bf16(start.device)
        with torch.autocast(start.device.type, torch.bfloat16) if bf16 else nullcontext():
            moved = self.steering.actor(start)
            if len(moved) > n:
                kept = self.steering.doubt(moved).clamp(min=TRUSTED).argsort(stable=True)[:n].sort().values
                start, moved = start[kept], moved[kept]
        return Drawn(start, moved.float())


class StartSampler(Sampler):
    """What the other samplers start from, unchanged."""

    name = "start"

    def draw(self, n: int, generator: Generator) -> Drawn:
        z = self.steering.start(n, generator)
        return Drawn(z, z)


class RejectionSampler(Sampler):
    """Raises ``RunError`` if ``MOST_DRAWS`` samples of the start per sample asked for are not enough."""

    name = "rejection"

    def draw(self, n: int, generator: Generator) -> Drawn:
        z = satisfying(self.steering.labeller, lambda drawn: self.steering.start(drawn, generator), n, "Use another --sampler.")
        return Drawn(z, z)


class ClassPriorSampler(Sampler):
    """Labels as many samples of the start as a run labels posterior samples, and fits one Gaussian to those that satisfy."""

    name = "class-prior"

    def __init__(self, steering: Steering) -> None:
        super().__init__(steering)
        self.fit(label_start(steering))

    def fit(self, labelled: Labelled) -> None:
        satisfying = labelled.z[labelled.satisfied]
        self.mean = satisfying.mean(0)
        if satisfying.shape[1] <= MOST_DENSE:
            covariance = torch.cov(satisfying.T).reshape(len(self.mean), -1) + RIDGE * torch.eye(len(self.mean)).to(self.mean)
            self.factor = torch.linalg.cholesky(covariance).T
        else:  # the same Gaussian, as combinations of the latents it is fitted to, with noise in place of the ridge
            self.factor = (satisfying - self.mean) / math.sqrt(len(satisfying) - 1)

    def draw(self, n: int, generator: Generator) -> Drawn:
        noise = self.steering.noise(n, generator)
        if len(self.factor) == noise.shape[1]:
            z = self.mean + noise @ self.factor
        else:
            shares = torch.randn(n, len(self.factor), generator=generator).to(noise.device)
            z = self.mean + math.sqrt(RIDGE) * noise + shares @ self.factor
        return Drawn(z, z)


class MixtureSampler(ClassPriorSampler):
    """scikit-learn's Gaussian mixture with full covariances, or diagonal ones if z is large; needs ``lcgan-core[bench]``."""

    name = "mixture"
    components = 5
    """Arbitrary; fewer if there are not ten samples for each."""

    def fit(self, labelled: Labelled) -> None:
        gaussian_mixture = needed("sklearn.mixture", f"The sampler {self.name}", "bench").GaussianMixture
        satisfying = labelled.z[labelled.satisfied]
        components = min(self.components, len(satisfying) // 10 or 1)
        kind = "full" if satisfying.shape[1] <= MOST_DENSE else "diag"
        mixture = gaussian_mixture(components, covariance_type=kind, reg_covar=1e-3, random_state=0)
        mixture.fit(satisfying.cpu().numpy())
        self.shares, self.means, covariances = (
            torch.tensor(value, dtype=torch.float32, device=satisfying.device)
            for value in (mixture.weights_, mixture.means_, mixture.covariances_)
        )
        self.scales = torch.linalg.cholesky(covariances) if kind == "full" else covariances.sqrt()

    def draw(self, n: int, generator: Generator) -> Drawn:
        noise = self.steering.noise(n, generator)
        which = torch.multinomial(self.shares.cpu(), n, replacement=True, generator=generator).to(noise.device)
        scales = self.scales[which]
        z = self.means[which] + (scales * noise if scales.ndim == 2 else (scales @ noise[:, :, None])[:, :, 0])
        return Drawn(z, z)


class OffsetSampler(ClassPriorSampler):
    """The oldest method: adds the direction from latents that violate to latents that satisfy."""

    name = "offset"

    def fit(self, labelled: Labelled) -> None:
        self.offset = labelled.z[labelled.satisfied].mean(0) - labelled.z[labelled.violating].mean(0)

    def draw(self, n: int, generator: Generator) -> Drawn:
        start = self.steering.start(n, generator)
        return Drawn(start, start + self.offset)


class GradientSampler(Sampler):
    """Runs Adam on z' afresh for every sample, against the actor's own loss (the alternative in Engel et al. 2017)."""

    name = "gradient"
    steps = 100
    learning_rate = 0.05
    """Both arbitrary."""

    def draw(self, n: int, generator: Generator) -> Drawn:
        start = self.steering.start(n, generator)
        z = start.clone().requires_grad_()
        adam = torch.optim.Adam([z], self.learning_rate)
        attributes = [critic for critic, _ in self.steering.attributes.values()]
        weights = distance_weights(start, attributes, self.steering.config)
        for _ in range(self.steps):
            far = distance(start, z, self.steering.q.average_std)
            loss = (self.steering.energy(z) + weights * far).sum()
            (z.grad,) = torch.autograd.grad(loss, z)
            adam.step()
        return Drawn(start, z.detach())


class OdeSampler(Sampler):
    """dz/dt = β(t)/2 ∇E(z) from t = 1 to 0 with β from 20 to 0.1, solved by dopri5; needs ``lcgan-core[bench]``.

    The equation of Liu et al. 2022 (arXiv 2208.00638): with a standard normal prior, its score and the drift cancel, and
    the gradient of the critics' energy remains.
    """

    name = "ode"
    least, most = 0.1, 20.0
    """β at both ends, as in the paper."""

    def draw(self, n: int, generator: Generator) -> Drawn:
        odeint = needed("torchdiffeq", f"The sampler {self.name}", "bench").odeint

        def slope(time: Tensor, z: Tensor) -> Tensor:
            return 0.5 * (self.least + (self.most - self.least) * time) * self.steering.gradient(z)

        start = self.steering.start(n, generator)
        times = torch.tensor([1.0, 0.0], device=start.device)
        z: Tensor = odeint(slope, start, times, rtol=1e-3, atol=1e-3, method="dopri5")[-1]
        return Drawn(start, z)


def satisfying(labeller: Labeller, draw: Callable[[int], Tensor], n: int, advice: str) -> Tensor:
    """The first n latents whose samples satisfy, ``[n, latent_dim]``; ``draw`` returns as many latents as it is asked for.

    Raises ``RunError`` with the ``advice`` if fewer than one in ``MOST_DRAWS`` satisfies.
    """
    kept, drawn = draw(0), 0
    while len(kept) < n:
        if drawn >= MOST_DRAWS * n:
            raise RunError(f"Only {len(kept)} of {drawn} samples satisfy; {n} were asked for. {advice}")
        rate = max(len(kept), 1) / max(drawn, 1)
        batch = min(max(int((n - len(kept)) / rate), 50), 1000)
        labelled = labeller(draw(batch))
        kept = torch.cat([kept, labelled.z[labelled.satisfied]])
        drawn += batch
    return kept[:n]


def label_start(steering: Steering) -> Labelled:
    """As many labelled latents of the start as a run labels posterior samples, and more if few satisfy."""
    generator = torch.Generator().manual_seed(0)
    found: list[Labelled] = []
    drawn = held = violating = 0
    config = steering.config
    while (drawn < config.posterior_labels or held < config.sought_examples) and (more := next_to_label(drawn, config)):
        found.append(steering.labeller(steering.start(more, generator))._replace(samples=[]))
        drawn += more
        held += int(found[-1].satisfied.sum())
        violating += int(found[-1].violating.sum())
    z, values = torch.cat([part.z for part in found]), torch.cat([part.values for part in found])
    labelled = Labelled(z, [], values)
    if min(held, violating) < 2:
        raise RunError(f"{held} of {drawn} samples satisfy: nothing to fit to. Use another --sampler.")
    return labelled


SAMPLERS: dict[str, type[Sampler]] = {
    kind.name: kind
    for kind in (
        ActorSampler,
        StartSampler,
        RejectionSampler,
        ClassPriorSampler,
        MixtureSampler,
        OffsetSampler,
        GradientSampler,
        OdeSampler,
    )
}
