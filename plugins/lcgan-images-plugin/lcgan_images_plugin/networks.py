"""A small convolutional network that classifies handwritten digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel
from transformers.utils.generic import ModelOutput

WEIGHTS = "model.safetensors"
SHIFT = 2
"""Pixels by which a training picture is shifted at most."""
NOISE = 0.2
"""Standard deviation of the noise on training pictures at most: decoded pictures are no photographs."""


class DigitClassifierConfig(PretrainedConfig):
    """Sizes of the classifier."""

    model_type = "digit-classifier"

    def __init__(self, filters: int = 16, feature_size: int = 64, **kwargs: Any) -> None:
        self.filters, self.feature_size = filters, feature_size
        super().__init__(**kwargs)


class DigitClassifier(PreTrainedModel):
    """28 x 28 grey pixels -> features -> logits of the ten digits."""

    config_class = DigitClassifierConfig
    main_input_name = "pixels"

    def __init__(self, config: DigitClassifierConfig) -> None:
        super().__init__(config)
        few, many = config.filters, 2 * config.filters
        self.body = nn.Sequential(
            nn.Conv2d(1, few, 5, 2, 2),
            nn.SiLU(),
            nn.Conv2d(few, many, 3, 2, 1),
            nn.SiLU(),
            nn.Conv2d(many, many, 3, 1, 1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(many * 7 * 7, config.feature_size),
            nn.SiLU(),
        )
        self.head = nn.Linear(config.feature_size, 10)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        """Leaves the layers as torch has initialised them."""

    def forward(self, pixels: Tensor, labels: Tensor | None = None) -> ModelOutput:
        """``features``, ``logits``, and with ``labels`` the cross-entropy as ``loss``, of ``[n, 1, 28, 28]`` in [0, 1]."""
        if self.training:
            pixels = disturbed(pixels)
        features = self.body(pixels)
        logits = self.head(features).float()
        loss = None if labels is None else F.cross_entropy(logits, labels)
        return ModelOutput(loss=loss, logits=logits, features=features.float())


def disturbed(pixels: Tensor) -> Tensor:
    """The pictures, each shifted and with noise of its own strength."""
    n, _, height, width = pixels.shape
    down, right = (torch.randint(-SHIFT, SHIFT + 1, (n,), device=pixels.device) for _ in range(2))
    rows = torch.arange(height, device=pixels.device) - down[:, None] + SHIFT
    columns = torch.arange(width, device=pixels.device) - right[:, None] + SHIFT
    wide = F.pad(pixels, [SHIFT] * 4)
    shifted = wide[torch.arange(n)[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]
    return shifted + NOISE * torch.rand(n, 1, 1, 1, device=pixels.device) * torch.randn_like(shifted)


def load_classifier(folder: Path) -> DigitClassifier:
    """The frozen classifier in ``folder``."""
    classifier = DigitClassifier(DigitClassifierConfig.from_pretrained(folder, local_files_only=True))
    classifier.load_state_dict({name: value.float() for name, value in load_file(folder / WEIGHTS).items()})
    classifier.requires_grad_(False).train(False)
    return classifier
