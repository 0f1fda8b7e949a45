"""What one must know of an image VAE before constraining it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from lcgan_core import Beside, Images, Measured

from .latent_model import ImageVaeModel
from .recipe import ImageVaeRecipe

if TYPE_CHECKING:
    from .reading import Pixels

MOST = 10_000
"""Maximum number of held-out pictures, and of samples of each kind, that figures are of."""


class MeasuredPictures(Measured):
    """What ``measured.json`` holds. Fréchet distances are to training pictures, in a classifier's features."""

    pictures: int
    """Held-out pictures that the figures are of; as many were sampled."""
    squared_error: float
    """Mean squared error of a pixel in [0, 1], of reconstructions from posterior means."""
    kl: float
    """In nats."""
    active_units: int
    latent_dim: int
    sigma_x: float
    frechet: dict[str, float]
    """Of held-out pictures (``real``), and of what was decoded: their posterior means, draws of z ~ q(z|x), and noise."""
    near_copies: dict[str, Beside]
    """Share that is nearer to a training picture than all but 5 % of held-out pictures are."""

    def summary(self) -> str:
        return (
            f"sigma_x {self.sigma_x:g}; squared error of reconstructions {self.squared_error:.4f} a pixel; KL {self.kl:.1f} "
            f"nats; {self.active_units} of {self.latent_dim} units active ({self.pictures:,} held-out pictures)"
        )

    def table(self) -> list[Sequence[str]]:
        rows = [(name, f"{value:.2f}", f"{self.near_copies[name].share:.1%}") for name, value in self.frechet.items()]
        return [("pictures", "Fréchet distance", "near a training picture"), *rows]


def measure(model: ImageVaeModel, held_out: Pixels, seed: int) -> MeasuredPictures:
    """Figures of at most ``MOST`` ``held_out`` pictures, and of as many decoded ones."""
    held_out = held_out[:MOST]
    generator = torch.Generator().manual_seed(seed)
    real = [Images.array(picture) for picture in held_out]
    posterior = model.encode(real)
    reconstructed = model.decode(posterior.mean)
    decoded = {
        "real": real,
        "reconstruction": reconstructed,
        "posterior": model.decode(posterior.draw(generator)),
        "prior": model.decode(torch.randn(len(real), model.latent_dim, generator=generator)),
    }
    off = torch.from_numpy(model.pixels(reconstructed)).float() - torch.from_numpy(model.pixels(real)).float()
    return MeasuredPictures(
        pictures=len(real),
        squared_error=float((off / 255).square().mean()),
        kl=posterior.kl,
        active_units=posterior.active_units,
        latent_dim=model.latent_dim,
        sigma_x=model.vae.config.sigma_x,
        frechet={name: value for name, samples in decoded.items() for value in model.quality(samples).values()},
        near_copies={name: value for name, samples in decoded.items() for value in model.memory(samples).values()},
    )


def model_card(recipe: ImageVaeRecipe, model: ImageVaeModel, measured: MeasuredPictures) -> str:
    """The README of a model folder."""
    config = model.vae.config
    weights = sum(parameter.numel() for parameter in model.vae.parameters())
    rows = "\n".join(f"| {' | '.join(row)} |" for row in measured.table()[1:])
    classifier = f"`{recipe.classifier}`" if recipe.classifier else "the classifier of digits that ships with the plugin"
    return f"""# An image VAE for lcgan

A convolutional variational autoencoder with a Gaussian decoder, sigma_x {measured.sigma_x:g} ({weights:,} parameters,
{measured.latent_dim} latent dimensions), of pictures with {config.width} x {config.height} pixels in
{"grey" if config.channels == 1 else "colour"}, made by `lcgan pretrain --kind image-vae`. Beside it: the posteriors of
{len(model.real_posteriors().mean):,} training pictures, and a coarse description of all training pictures
(`reference.safetensors`), which tells copies.

## Data

{recipe.about or "Not described (`--set about=...`)."}

## Measured on {measured.pictures:,} held-out pictures

Mean squared error of a pixel in reconstructions from posterior means: {measured.squared_error:.4f}.
KL {measured.kl:.1f} nats, {measured.active_units} of {measured.latent_dim} units active.

| pictures | Fréchet distance | near a training picture |
|---|---|---|
{rows}

*real*: the held-out pictures themselves; *reconstruction* decodes posterior means, *posterior* draws of z ~ q(z|x), *prior*
z ~ N(0, I). The Fréchet distance is to training pictures, in the features of {classifier}. *Near a training
picture*: nearer than all but 5 % of held-out pictures, in principal components of the pixels.

{recipe.card_section()}"""
