"""The frozen generative model that everything else steers, whatever its samples are."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from .errors import ModelError
from .figures import Beside
from .sample_kinds import SampleKind, Text

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch.nn import Module

SampleT = TypeVar("SampleT")

ACTIVE = 0.01
"""A latent dimension is active if its posterior mean has a variance over data above this (Burda et al. 2016)."""


class Posterior(NamedTuple):
    """q(z|x) = N(mean, diag std²) of n samples; both ``[n, latent_dim]``, float32. ``std`` is σ: not σ², not log σ."""

    mean: Tensor
    std: Tensor

    def draw(self, generator: Generator) -> Tensor:
        """One z ~ q(z|x) for each sample, ``[n, latent_dim]``."""
        import torch

        return self.mean + self.std * torch.randn(self.mean.shape, generator=generator).to(self.mean.device)

    @property
    def kl(self) -> float:
        """KL divergence from the prior N(0, I) in nats, averaged over the samples."""
        variance = self.std.square()
        return float(0.5 * (self.mean.square() + variance - 1 - variance.log()).sum(1).mean())

    @property
    def active_units(self) -> int:
        """Number of dimensions of z that distinguish the samples: the variance of their mean exceeds ``ACTIVE``."""
        return int((self.mean.var(0) > ACTIVE).sum())


class LatentModel(ABC, Generic[SampleT]):
    """A pretrained model that decodes latents, and may have an encoder. lcgan never trains it."""

    name: ClassVar[str]
    """The NAME in ``--model NAME:SOURCE``."""
    sample_kind: SampleKind[SampleT] = Text()  # type: ignore[assignment]  # the default, for models of strings
    """The kind of its samples. A model of anything but strings sets another: ``sample_kind = Images("L", (28, 28))``."""

    greater_is_better: ClassVar[Mapping[str, bool]] = {}
    """Whether greater is better, for figures of ``quality`` and ``diversity``, by name; others are shown without."""

    gan: ClassVar[Mapping[str, Any]] = {}
    """Settings of ``GanConfig`` that suit this kind of model better than the defaults, by name. A run takes those that its user
    does not set."""

    keep: ClassVar[float] = 1.0
    """The share of its decoded samples that ``lcgan sample`` keeps, unless its user says otherwise."""

    latent_dim: int
    """Dimensions of z; the prior is N(0, I)."""
    device: str = "cpu"
    """Where it computes, as torch calls it; z is there, and so is everything trained to steer the model."""
    fingerprint: str
    """Identifies the weights: critics and actors work only with the model they were trained on."""

    @classmethod
    @abstractmethod
    def load(cls, source: str) -> Self:
        """The model at ``source``, a folder or a name that this kind knows; raises ``ModelError`` if there is none."""

    def move_to(self, device: str) -> None:
        """Computes on ``device`` from now on, and sets it. A model that does not define this stays on the CPU."""

    @abstractmethod
    def decode(self, z: Tensor) -> list[SampleT]:
        """The sample of each row of ``z`` ``[n, latent_dim]``, in order; the same z gives the same sample."""

    def draw(self, z: Tensor, temperature: float) -> list[SampleT]:
        """A sample of each row of ``z`` ``[n, latent_dim]`` drawn from p(x|z), in order: at a temperature of 0 the likeliest,
        at 1 as the decoder has it. The chance is that of z (``chance_of``): the same z and temperature give the same sample.

        Raises ``ModelError`` unless a model whose decoder is a distribution to draw from defines it.
        """
        raise ModelError(f"The model {self.name} decodes each latent to a single sample: leave the temperature out.")

    @property
    def draws(self) -> bool:
        """Whether the model defines ``draw``."""
        return type(self).draw is not LatentModel.draw

    def naturalness(self, samples: Sequence[SampleT]) -> Tensor | None:
        """How natural each sample is, ``[n]`` in [0, 1]; None if the model cannot judge that.

        The share of real samples that are no more natural, for example. ``lcgan sample --keep`` and edits prefer what is
        natural; ``gan.naturalness_weight`` teaches it to a critic.
        """
        return None

    def encode(self, samples: Sequence[SampleT]) -> Posterior:
        """q(z|x) of each sample, in the order given. Raises ``ModelError`` unless a model with an encoder defines it."""
        self.require_encoder("Encoding")
        raise NotImplementedError

    @property
    def encodes(self) -> bool:
        """Whether the model has an encoder."""
        return type(self).encode is not LatentModel.encode

    def require_encoder(self, what: str) -> None:
        """Raises ``ModelError`` if the model has no encoder; ``what`` names what needs one."""
        if not self.encodes:
            raise ModelError(
                f"{what} needs an encoder, and the model {self.name} has none: it cannot find the latent of a given sample. "
                "Choose a model that has one."
            )

    def real_posteriors(self) -> Posterior | None:
        """Posteriors of thousands of real samples, which provide real latents without the data itself.

        None if the model knows none. The prior N(0, I) then stands in for real latents.
        """
        return None

    def actor_net(self, width: int, depth: int) -> Module | None:
        """A network with random weights for the actor: ``[n, latent_dim]`` -> ``[n, 2 * latent_dim]``, first the target of each
        dimension, then the log odds of how far to move there.

        None means a flat multilayer perceptron with ``depth`` hidden layers of ``width`` units (``gan.depth``, ``gan.width``).
        Convolutions suit a latent with a shape, such as 4 x 64 x 64, better. The network must treat each row separately.
        """
        return None

    def critic_net(self, width: int, depth: int) -> Module | None:
        """The same for a critic: ``[n, latent_dim]`` -> ``[n, 1]``, the log odds that the sample of z is wanted."""
        return None

    def quality(self, samples: Sequence[SampleT]) -> dict[str, float]:
        """Figures of merit for a set of samples, independent of any constraint, by the names that tables and reports show;
        none by default."""
        return {}

    def diversity(self, samples: Sequence[SampleT]) -> dict[str, float]:
        """More figures like ``quality`` that take longer to compute; only comparisons ask for them."""
        return {}

    def memory(self, samples: Sequence[SampleT]) -> dict[str, Beside]:
        """How much of a set of samples comes unchanged from the training data, by name; empty if a model cannot tell.

        ``remembered`` is the share of samples seen in training; a model may add more, such as the share of near-copies.
        """
        return {}

    def misread(self, samples: Sequence[SampleT]) -> dict[str, int]:
        """How many of a user's samples the encoder does not take as they are, by what is wrong; empty if it takes all of them.

        A model that reads 30 tokens may return ``{"longer than 30 tokens, so cut off there": 3}``. Commands tell the user.
        """
        return {}

    def features(self, samples: Sequence[SampleT]) -> Tensor:
        """The features from which a few dozen labelled samples are learned, ``[n, features]``; each varies by about 1. By
        default they are the means of the posteriors; a model may define more informative ones, even without an encoder. The
        default raises ``ModelError`` if there is no encoder."""
        self.require_encoder("Learning from labels")
        return self.encode(samples).mean.clone()  # autograd rejects tensors made in inference mode; a copy works

    def decode_near(self, z: Tensor, samples: Sequence[SampleT], pull: Tensor) -> list[SampleT]:
        """What ``decode`` returns, pulled towards the sample at the same index by ``pull`` ``[n]``, at least 0; the default
        ignores the pull."""
        return self.decode(z)

    def added_surprisal(self, before: Sequence[SampleT], after: Sequence[SampleT]) -> Tensor | None:
        """How much each change from before to after surprises the model, ``[n]`` in nats, at least 0; None if the model cannot
        tell. Edits prefer changes that fit."""
        return None

    def mixtures(self, before: Sequence[SampleT], after: Sequence[SampleT]) -> list[list[SampleT]]:
        """For each pair, samples with some but not all of the changes from before to after; none by default."""
        return [[] for _ in before]


def chance_of(z: Tensor) -> Generator:
    """Random numbers that depend on the latent ``z`` ``[latent_dim]`` alone."""
    import torch

    seed = int.from_bytes(hashlib.sha256(z.cpu().numpy().tobytes()).digest()[:8])
    return torch.Generator().manual_seed(seed)


def quality_of(model: LatentModel[Any], samples: Sequence[Any], thorough: bool = False) -> dict[str, float]:
    """The figures that ``model`` gives for the quality of samples, and if ``thorough``, for their diversity too.

    Raises ``ModelError`` if the model fails at that or returns anything but numbers.
    """
    with _asked(model, "quality", samples):
        told = {**model.quality(samples), **(model.diversity(samples) if thorough else {})}
        return {name: float(value) for name, value in told.items()}


def memory_of(model: LatentModel[Any], samples: Sequence[Any]) -> dict[str, Beside]:
    """How much of the samples is remembered, according to ``model``.

    Raises ``ModelError`` if the model fails at that or returns anything but ``Beside``.
    """
    with _asked(model, "memory", samples):
        told = model.memory(samples)
        if wrong := [name for name, figure in told.items() if not isinstance(figure, Beside)]:
            raise TypeError(f"{wrong[0]} is {told[wrong[0]]!r}, not Beside(share=..., expected=...)")
        return dict(told)


@contextmanager
def _asked(model: LatentModel[Any], what: str, samples: Sequence[Any]) -> Iterator[None]:
    """Names the model in the error if it fails to tell ``what``: this would end a run after all of its training."""
    try:
        yield
    except ModelError:  # already says what to do
        raise
    except Exception as error:
        raise ModelError(
            f"The model {model.name} could not tell the {what} of {len(samples)} samples: {type(error).__name__}: {error}. "
            "Fix that method of the model. If this stopped a run after its training, continue it with lcgan run --resume."
        ) from error
