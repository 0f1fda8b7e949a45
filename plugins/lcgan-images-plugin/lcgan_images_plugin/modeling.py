"""The networks of the image VAE: a convolutional encoder, and a decoder that gives the mean of each pixel."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel
from transformers.utils.generic import ModelOutput

COARSEST = 8
"""The sides of pictures are halved until they have at most so many pixels."""


class ImageVaeConfig(PretrainedConfig):
    """Sizes of an image VAE."""

    model_type = "image-vae"

    def __init__(
        self,
        height: int = 28,
        width: int = 28,
        channels: int = 1,
        latent_size: int = 32,
        filters: int = 32,
        hidden_size: int = 128,
        sigma_x: float = 0.1,
        **kwargs: Any,
    ) -> None:
        self.height, self.width, self.channels = height, width, channels
        self.latent_size, self.filters, self.hidden_size, self.sigma_x = latent_size, filters, hidden_size, sigma_x
        super().__init__(**kwargs)

    @property
    def halvings(self) -> int:
        """How often the sides are halved."""
        return max(1, math.ceil(math.log2(max(self.height, self.width) / COARSEST)))

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width, padded so that they can be halved."""
        unit = 2**self.halvings
        return -(-self.height // unit) * unit, -(-self.width // unit) * unit


class ImageVae(PreTrainedModel):
    """q(z|x) = N(mean, diag std²), and p(x|z) = N(decode(z), sigma_x² I) (Kingma & Welling 2014, arXiv 1312.6114)."""

    config_class = ImageVaeConfig
    main_input_name = "pixels"

    def __init__(self, config: ImageVaeConfig) -> None:
        super().__init__(config)
        widths = [config.channels] + [config.filters * 2 ** min(i, 1) for i in range(config.halvings)]
        self.coarse = (widths[-1], *(side // 2**config.halvings for side in config.padded))
        size = math.prod(self.coarse)
        down = [layer for i in range(config.halvings) for layer in (nn.Conv2d(widths[i], widths[i + 1], 4, 2, 1), nn.SiLU())]
        self.encoder = nn.Sequential(
            *down,
            nn.Flatten(),
            nn.Linear(size, config.hidden_size),
            nn.SiLU(),
            nn.Linear(config.hidden_size, 2 * config.latent_size),
        )
        up = [
            layer
            for i in reversed(range(config.halvings))
            for layer in (nn.SiLU(), nn.ConvTranspose2d(widths[i + 1], widths[i], 4, 2, 1))
        ]
        self.decoder = nn.Sequential(
            nn.Linear(config.latent_size, config.hidden_size),
            nn.SiLU(),
            nn.Linear(config.hidden_size, size),
            nn.Unflatten(1, self.coarse),
            *up,
        )
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        """Leaves the layers as torch has initialised them."""

    def encode(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log std of q(z|x), ``[n, latent_size]`` each, of pixels ``[n, channels, height, width]`` in [0, 1]."""
        height, width = self.config.padded
        padded = F.pad(pixels, (0, width - pixels.shape[3], 0, height - pixels.shape[2]))
        mean, log_std = self.encoder(padded).float().chunk(2, 1)
        return mean, log_std.clamp(-8, 4)

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x|z), ``[n, channels, height, width]`` in [0, 1]."""
        return torch.sigmoid(self.decoder(z).float())[:, :, : self.config.height, : self.config.width]

    def forward(self, pixels: Tensor) -> ModelOutput:
        """The negative evidence bound per pixel as ``loss``, without the normaliser of p(x|z); ``squared_error`` and ``kl`` are
        sums over a picture, in mean over the batch."""
        mean, log_std = self.encode(pixels)
        decoded = self.decode(mean + log_std.exp() * torch.randn_like(mean))
        squared_error = (decoded - pixels).square().sum((1, 2, 3)).mean()
        kl = (0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std).sum(1).mean()
        loss = (squared_error / (2 * self.config.sigma_x**2) + kl) / pixels[0].numel()
        return ModelOutput(loss=loss, squared_error=squared_error.detach(), kl=kl.detach())
