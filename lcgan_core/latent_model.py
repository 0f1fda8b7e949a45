"""The frozen generative model that everything else steers, whatever its samples are."""

from __future__ import annotations

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
"""Variance of the posterior mean over data above which a latent dimension is active (Burda et al. 2016)."""


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
        """The divergence from the prior N(0, I) in nats, mean of the samples."""
        variance = self.std.square()
        return float(0.5 * (self.mean.square() + variance - 1 - variance.log()).sum(1).mean())

    @property
    def active_units(self) -> int:
        """How many dimensions of z tell the samples apart: their mean varies by more than ``ACTIVE``."""
        return int((self.mean.var(0) > ACTIVE).sum())


class LatentModel(ABC, Generic[SampleT]):
    """A pretrained model that decodes latents, and may have an encoder. lcgan never trains it."""

    name: ClassVar[str]
    """What ``--model NAME:SOURCE`` calls this kind of model."""
    sample_kind: SampleKind[SampleT] = Text()  # type: ignore[assignment]  # the default, for models of strings
    """What its samples are. A model of anything but strings sets another: ``sample_kind = Images("L", (28, 28))``."""

    greater_is_better: ClassVar[Mapping[str, bool]] = {}
    """Which way is good, for figures of ``quality`` and ``diversity``, by name; those that are not here are shown without."""

    latent_dim: int
    """Dimensions of z; the prior is N(0, I)."""
    device: str = "cpu"
    """Where it computes, as torch calls it: z lies there, and so does all that is trained to steer the model."""
    fingerprint: str
    """Identifies the weights: critics and actors work only with the model they were trained on."""

    @classmethod
    @abstractmethod
    def load(cls, source: str) -> Self:
        """The model at ``source``, a folder or a name that this kind knows; raises ``ModelError`` where there is none."""

    def move_to(self, device: str) -> None:
        """Computes on ``device`` from now on, and sets it. A model that leaves this out stays on the processor."""

    @abstractmethod
    def decode(self, z: Tensor) -> list[SampleT]:
        """The sample of each row of ``z`` ``[n, latent_dim]``, in order; the same z gives the same sample."""

    def decode_with_confidence(self, z: Tensor) -> tuple[list[SampleT], Tensor | None]:
        """What ``decode`` gives, and how sure the decoder is of each sample, ``[n]`` in [0, 1]; None where it cannot tell.

        For a sample of several parts, tokens say, the geometric mean of their probabilities.
        """
        return self.decode(z), None

    def encode(self, samples: Sequence[SampleT]) -> Posterior:
        """q(z|x) of each sample, in the order given. Left out where there is no encoder; raises ``ModelError`` then."""
        self.require_encoder("Encoding")
        raise NotImplementedError

    @property
    def encodes(self) -> bool:
        """Whether the model has an encoder."""
        return type(self).encode is not LatentModel.encode

    def require_encoder(self, what: str) -> None:
        """Raises ``ModelError`` where the model has no encoder, which ``what`` needs."""
        if not self.encodes:
            raise ModelError(
                f"{what} needs an encoder, and the model {self.name} has none: it cannot find the latent of a given sample. "
                "Choose a model that has one."
            )

    def real_posteriors(self) -> Posterior | None:
        """Posteriors of real data: thousands, so that real latents are at hand without the data itself.

        None where the model knows none. The prior N(0, I) then stands for real latents.
        """
        return None

    def actor_net(self, width: int, depth: int) -> Module | None:
        """A network with random weights for the actor: ``[n, latent_dim]`` -> ``[n, 2 * latent_dim]``, where each dimension
        should go, and after those the log odds of how far.

        None for a flat multilayer perceptron with ``depth`` hidden layers of ``width`` units (``gan.depth``, ``gan.width``): a
        latent with a shape, such as 4 x 64 x 64, is better served by convolutions. Each row is treated by itself.
        """
        return None

    def critic_net(self, width: int, depth: int) -> Module | None:
        """A network for a critic likewise: ``[n, latent_dim]`` -> ``[n, 1]``, the log odds that the sample of z is wanted."""
        return None

    def quality(self, samples: Sequence[SampleT]) -> dict[str, float]:
        """Figures of merit of a set of samples apart from any constraint, by names that tables and reports show as they are;
        none unless a model knows some."""
        return {}

    def diversity(self, samples: Sequence[SampleT]) -> dict[str, float]:
        """More figures like ``quality``, that take longer; only comparisons ask for them."""
        return {}

    def memory(self, samples: Sequence[SampleT]) -> dict[str, Beside]:
        """How much of a set of samples comes from the training data as it is, by name; nothing where a model cannot tell.

        ``remembered`` is the share of samples that training saw; a model may know more, such as the share that is nearly so.
        """
        return {}

    def features(self, samples: Sequence[SampleT]) -> Tensor:
        """What a few dozen labels of samples are learned from, ``[n, features]``: the means of their posteriors, unless a model
        knows figures that say more of them. Each varies by about 1. A model without an encoder may define them all the same;
        else this raises ``ModelError``."""
        self.require_encoder("Learning from labels")
        return self.encode(samples).mean.clone()  # what inference mode made can be learned from only as a copy

    def decode_near(self, z: Tensor, samples: Sequence[SampleT], pull: Tensor) -> list[SampleT]:
        """What ``decode`` gives, drawn to the sample at the same place by ``pull`` ``[n]``, from 0 on; not drawn, unless a
        model can."""
        return self.decode(z)

    def mixtures(self, before: Sequence[SampleT], after: Sequence[SampleT]) -> list[list[SampleT]]:
        """For each pair, samples that have some but not all of the changes from before to after; none by default.

        None is of lower quality than the worse of the two.
        """
        return [[] for _ in before]


def quality_of(model: LatentModel[Any], samples: Sequence[Any], thorough: bool = False) -> dict[str, float]:
    """What ``model`` tells of the quality of samples, and where that is to be ``thorough``, of their diversity too.

    Raises ``ModelError`` where the model fails at that or tells anything but numbers.
    """
    with _asked(model, "quality", samples):
        told = {**model.quality(samples), **(model.diversity(samples) if thorough else {})}
        return {name: float(value) for name, value in told.items()}


def memory_of(model: LatentModel[Any], samples: Sequence[Any]) -> dict[str, Beside]:
    """What ``model`` tells of how much of the samples is remembered.

    Raises ``ModelError`` where the model fails at that or tells anything but ``Beside``.
    """
    with _asked(model, "memory", samples):
        told = model.memory(samples)
        if wrong := [name for name, figure in told.items() if not isinstance(figure, Beside)]:
            raise TypeError(f"{wrong[0]} is {told[wrong[0]]!r}, not Beside(share=..., expected=...)")
        return dict(told)


@contextmanager
def _asked(model: LatentModel[Any], what: str, samples: Sequence[Any]) -> Iterator[None]:
    """Names the model where it fails to tell ``what``: a run would end here, with all of its training behind it."""
    try:
        yield
    except ModelError:  # says already what to do
        raise
    except Exception as error:
        raise ModelError(
            f"The model {model.name} could not tell the {what} of {len(samples)} samples: {type(error).__name__}: {error}. "
            "Mend that method of the model; a run that this stopped goes on with lcgan run --resume."
        ) from error
