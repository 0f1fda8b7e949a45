"""Pictures as networks train on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from .reading import Pixels


class Pictures(Dataset[dict[str, Tensor]]):
    """Pictures, and further columns such as labels; a batch is cut out of the arrays at once."""

    def __init__(self, pixels: Pixels, **columns: Any) -> None:
        self.pixels = torch.from_numpy(pixels.copy())
        self.columns = {name: torch.as_tensor(values) for name, values in columns.items()}

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return self.__getitems__([row])

    def __getitems__(self, rows: list[int]) -> dict[str, Tensor]:
        return {"pixels": as_input(self.pixels[rows]), **{name: values[rows] for name, values in self.columns.items()}}


def as_input(pixels: Tensor) -> Tensor:
    """uint8 ``[n, height, width, channels]`` as float32 ``[n, channels, height, width]`` in [0, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 255
