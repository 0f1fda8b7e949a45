"""Latent models whose samples are no text, as a plugin would bring them: NumPy images, PIL images, drawings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from PIL import Image

from lcgan_core import Constraint, Images, LatentModel, ModelError, Posterior, Strokes, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 40
"""Pixels: NumPy abbreviates images of this size in print, to the same text."""
FIRST, SECOND = np.indices((SIDE, SIDE)) >= SIDE // 2
PATTERNS = np.stack([np.where(half, -1.0, 1.0) for half in (SECOND, FIRST, SECOND ^ FIRST)]).reshape(3, -1)
"""Left lighter than right, top lighter than bottom, one diagonal lighter than the other."""
CORNERS = np.array([[20.0, 0], [0, 20], [-20, 0], [0, -20]])
"""The sides of a square, drawn in one go."""


class Toy(LatentModel[Any]):
    """z says how much there is of three patterns, in units that the source gives; real data is N(0, 0.9² I) with posteriors of
    std 0.1."""

    latent_dim = 3

    def __init__(self, unit: float) -> None:
        import torch

        self.unit, self.fingerprint = unit, f"toy-{self.name}-{unit}"
        mean = 0.9 * torch.randn(600, 3, generator=torch.Generator().manual_seed(0))
        self._posteriors = Posterior(mean, torch.full((600, 3), 0.1))

    @classmethod
    def load(cls, source: str) -> Self:
        try:
            return cls(float(source))
        except ValueError as error:
            raise ModelError(f"No toy {source!r}. Give a number.") from error

    def encode(self, samples: Sequence[Any]) -> Posterior:
        import torch

        mean = torch.tensor(np.array([self.read(sample) for sample in samples]).reshape(-1, 3) / self.unit, dtype=torch.float32)
        return Posterior(mean, torch.full_like(mean, 0.1))

    def decode(self, z: Tensor) -> list[Any]:
        return [self.shape(self.unit * row) for row in z.numpy()]

    def real_posteriors(self) -> Posterior:
        return self._posteriors

    def shape(self, z: Any) -> Any:
        raise NotImplementedError

    def read(self, sample: Any) -> Any:
        raise NotImplementedError


class ArrayModel(Toy):
    """NumPy images."""

    name: ClassVar[str] = "arrays"
    sample_kind = Images("L", (SIDE, SIDE))

    def shape(self, z: Any) -> Any:
        return (128 + 25 * z @ PATTERNS).clip(0, 255).round().astype(np.uint8).reshape(SIDE, SIDE)

    def read(self, sample: Any) -> Any:
        return PATTERNS @ (sample.reshape(-1) - 128.0) / SIDE**2 / 25


class PilModel(ArrayModel):
    """PIL images."""

    name: ClassVar[str] = "pils"
    sample_kind = Images("L", (SIDE, SIDE), "pil")

    def shape(self, z: Any) -> Any:
        return Image.fromarray(super().shape(z))

    def read(self, sample: Any) -> Any:
        return super().read(np.asarray(sample))


class CollapsedModel(PilModel):
    """Eight different PIL images."""

    name: ClassVar[str] = "collapsed"

    def shape(self, z: Any) -> Any:
        return super().shape(np.sign(z))


class StrokesModel(Toy):
    """A square whose first three sides are of different lengths."""

    name: ClassVar[str] = "sides"
    sample_kind = Strokes()

    def shape(self, z: Any) -> Any:
        lengths = np.append(1 + 0.2 * z, 1)[:, None]
        return np.hstack([CORNERS * lengths, [[0], [0], [0], [1]]]).tolist()

    def read(self, sample: Any) -> Any:
        return (np.asarray(sample)[:3, :2] / 20 * np.sign(CORNERS[:3])).sum(1) * 5 - 5


class Lighter(Constraint):
    """Images whose left half is lighter than the right."""

    name = "lighter"
    judges = frozenset({"images"})
    expensive = True
    by: int = 20
    """Least difference in brightness, of 255."""

    def __call__(self, samples: Sequence[Any]) -> list[bool]:
        pixels = [Images.array(sample).astype(float) for sample in samples]
        return [image[:, : SIDE // 2].mean() - image[:, SIDE // 2 :].mean() > self.by for image in pixels]


class Wide(Constraint):
    """Drawings whose first movement goes far to the right."""

    name = "wide"
    judges = frozenset({"strokes"})

    def __call__(self, samples: Sequence[Any]) -> list[bool]:
        return [bool(Strokes.array(sample)[:1, 0].sum() > 22) for sample in samples]


@hookimpl
def register_constraints(register: Callable[[type[Constraint]], None]) -> None:
    register(Lighter)
    register(Wide)


@hookimpl
def register_latent_models(register: Callable[[type[LatentModel[Any]]], None]) -> None:
    for kind in (ArrayModel, PilModel, CollapsedModel, StrokesModel):
        register(kind)
