"""What real pictures are like: to a classifier, for the Fréchet distance, and how far they are from the training pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lcgan_core import Beside
from lcgan_core.support.files import whole

if TYPE_CHECKING:
    from .reading import Pixels

REFERENCE = "reference.safetensors"
FRECHET = "Fréchet distance"

COMPONENTS = 16
"""Principal components of pixels in which pictures are compared with the training pictures, a byte each. Arbitrary: MNIST's
60,000 take one megabyte."""
LEVELS = 127
NEAR = 0.05
"""Share of held-out pictures that count as near a training picture: the nearest of all. Arbitrary."""
MOST_MEASURED = 10_000
"""Maximum number of pictures whose features are measured."""
FITTED = 5000
"""Maximum number of pictures that the components are fitted to; in colours with 64 pixels a side, they take 250 MB."""
BATCH = 1000
MOST_COMPARED = 2000
"""Maximum number of pictures that are compared with all training pictures."""


@dataclass(frozen=True)
class Reference:
    """What real pictures look like to a classifier, and where the training pictures are in principal components of pixels."""

    feature_mean: Tensor
    feature_covariance: Tensor
    """Of the features of training pictures."""
    held_out: float
    """Fréchet distance of held-out pictures to them."""
    centre: Tensor
    """The mean training picture, ``[pixels]``."""
    directions: Tensor
    """``[pixels, components]``"""
    training: Tensor
    """The training pictures in whole steps along the components: int8 ``[pictures, components]``."""
    step: float
    near: float
    """Distance below which a picture is near a training picture."""
    classifier: str | None
    """The classifier of transformers that gives the features; None for that of digits."""

    @classmethod
    def of(cls, pixels: Pixels, held_out: Pixels, classifier: str | None, seed: int) -> Reference:
        """The reference of training ``pixels``; what to expect of real pictures is measured on ``held_out`` ones."""
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(pixels), generator=generator).numpy()
        features = features_of(classifier)
        seen = features(pixels[order[:MOST_MEASURED]])
        mean, covariance = seen.mean(0), torch.cov(seen.T)
        real = features(held_out[:MOST_MEASURED])
        flat = _flat(pixels[order[:FITTED]])
        centre = flat.mean(0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            _, _, directions = torch.pca_lowrank(flat - centre, min(COMPONENTS, *flat.shape), center=False, niter=4)
        along = torch.cat([(_flat(pixels[at : at + BATCH]) - centre) @ directions for at in range(0, len(pixels), BATCH)])
        step = float(along.abs().max()) / LEVELS
        training = (along / step).round().to(torch.int8)
        known = cls(mean, covariance, frechet(mean, covariance, real), centre, directions, training, step, 0.0, classifier)
        near = float(known.distances(held_out[:MOST_COMPARED]).quantile(NEAR))
        return replace(known, near=near)

    def frechet(self, pixels: Pixels) -> float:
        """The Fréchet distance of pictures to the training pictures."""
        return frechet(self.feature_mean, self.feature_covariance, features_of(self.classifier)(pixels))

    def distances(self, pixels: Pixels) -> Tensor:
        """Of each picture, the distance to the nearest training picture in principal components: ``[n]``."""
        training = self.training.float() * self.step
        along = (_flat(pixels) - self.centre) @ self.directions
        nearest = [torch.cdist(part, training).amin(1) for part in along.split(BATCH)]
        return torch.cat(nearest) if nearest else torch.empty(0)

    def near_copies(self, pixels: Pixels) -> Beside:
        """The share of the first ``MOST_COMPARED`` pictures that are nearer to a training picture than all but ``NEAR`` of
        held-out pictures are."""
        return Beside(share=float((self.distances(pixels[:MOST_COMPARED]) < self.near).float().mean()), expected=NEAR)

    def save(self, path: Path) -> None:
        """Writes a safetensors file."""
        tensors = {name: getattr(self, name).contiguous() for name in TENSORS}
        numbers = {name: repr(getattr(self, name)) for name in NUMBERS}
        with whole(path) as unfinished:
            save_file(tensors, unfinished, metadata={**numbers, "classifier": self.classifier or ""})

    @classmethod
    def load(cls, path: Path) -> Reference:
        """What ``save`` wrote; raises whatever the reader of the format raises."""
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in TENSORS}
        numbers: dict[str, Any] = {name: float(metadata[name]) for name in NUMBERS}
        return cls(**tensors, **numbers, classifier=metadata["classifier"] or None)


TENSORS = ("feature_mean", "feature_covariance", "centre", "directions", "training")
NUMBERS = ("held_out", "step", "near")


def features_of(classifier: str | None) -> Callable[[Pixels], Tensor]:
    """Computes float32 ``[n, features]`` of pictures: a classifier's logits, or what the classifier of digits sees."""
    if classifier is None:
        from .digits import digit_features

        return lambda pixels: digit_features(pixels)[0]
    from .classifier import logits_of

    return lambda pixels: logits_of(classifier, list(pixels))


def frechet(mean: Tensor, covariance: Tensor, features: Tensor) -> float:
    """|m - m'|² + tr(C + C' - 2 (C C')^½), of Gaussians fitted to features (Heusel et al. 2017, arXiv 1706.08500)."""
    here, there = covariance.double(), torch.cov(features.double().T)
    values, vectors = torch.linalg.eigh(here)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ there @ root).clamp(min=0).sqrt().sum()
    apart = (mean.double() - features.double().mean(0)).square().sum()
    return max(0.0, float(apart + here.trace() + there.trace() - 2 * cross))


def _flat(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.copy()).flatten(1).float() / 255
