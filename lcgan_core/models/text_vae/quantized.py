"""Weights in 8 bits: a file of half the size of float16, whose networks behave as before.

Each row of a matrix is kept as whole numbers from -127 to 127 and a factor; what is small is kept in float16.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...support.files import whole

ModuleT = TypeVar("ModuleT", bound=nn.Module)

FACTORS = ".factors"
SMALL = 4096
"""Values of a tensor up to which 16 bits are kept."""


def save_quantized(module: nn.Module, path: Path) -> None:
    """Saves the parameters and persistent buffers of ``module``, all of which are floating-point numbers."""
    kept: dict[str, Tensor] = {}
    for name, value in module.state_dict().items():
        if value.ndim == 2 and value.numel() > SMALL:
            factors = value.float().abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
            kept[name] = (value.float() / factors).round().to(torch.int8)
            kept[name + FACTORS] = factors
        else:
            kept[name] = value.half()
    with whole(path) as unfinished:
        save_file({name: value.contiguous() for name, value in kept.items()}, unfinished)


def load_quantized(build: Callable[[], ModuleT], path: Path) -> ModuleT:
    """The module that ``build`` makes, with what ``save_quantized`` saved.

    Raises ``ValueError`` if that does not fit its architecture, before any memory is taken for it.
    """
    kept = load_file(path)
    has = {name: tuple(value.shape) for name, value in kept.items() if not name.endswith(FACTORS)}
    with torch.device("meta"):
        wanted = {name: tuple(value.shape) for name, value in build().state_dict().items()}
    if wanted != has:
        raise ValueError(f"the weights in {path.name} do not fit the architecture")
    module = build()
    for name, value in module.state_dict().items():
        value.copy_(kept[name])
        if name + FACTORS in kept:
            value.mul_(kept[name + FACTORS])
    return module
