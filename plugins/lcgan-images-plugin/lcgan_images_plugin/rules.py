"""Rules about the pixels of a picture: how much ink, and how symmetric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from lcgan_core import Constraint, Images


class Ink(Constraint):
    """Pictures whose share of dark pixels is in a given range."""

    name = "ink"
    judges = frozenset({"images"})

    min_share: float = Field(0.0, ge=0, le=1)
    """Minimum share of pixels that are ink."""
    max_share: float = Field(0.15, ge=0, le=1)
    """Maximum share of pixels that are ink."""
    colour: Literal["dark", "light"] = "dark"
    """Whether the ink is dark on light paper, or light on dark paper as in MNIST."""
    level: float = Field(0.5, ge=0, le=1)
    """Brightness at which dark ends and light begins: 0 is black, 1 is white."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_share > self.max_share:
            raise ValueError(f"min_share ({self.min_share}) is larger than max_share ({self.max_share})")
        return self

    def __call__(self, samples: Sequence[Any]) -> list[float]:
        shares = []
        for sample in samples:
            light = float((_brightness(sample) >= self.level).mean())
            shares.append(light if self.colour == "light" else 1 - light)
        return [float(self.min_share <= share <= self.max_share) for share in shares]


class Symmetry(Constraint):
    """Pictures that look like their mirror image."""

    name = "symmetry"
    judges = frozenset({"images"})

    axis: Literal["vertical", "horizontal"] = "vertical"
    """The line between the two halves; vertical compares left and right."""
    least: float = Field(0.7, ge=0, le=1)
    """Minimum structural similarity (SSIM) of the picture and its mirror image."""

    def __call__(self, samples: Sequence[Any]) -> list[float]:
        pictures = [Images.array(sample) for sample in samples]
        mirrored = [picture[:, ::-1] if self.axis == "vertical" else picture[::-1] for picture in pictures]
        return [float(closeness >= self.least) for closeness in Images().closeness(pictures, mirrored)]


def _brightness(sample: Any) -> Any:
    """The picture in grey, ``[height, width]`` in [0, 1]."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.fromarray(Images.array(sample)).convert("L")) / 255
