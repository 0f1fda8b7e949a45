"""Devices to compute on: which ones are available, and what each can do in hardware."""

from __future__ import annotations

import os

import torch

from ..errors import ModelError

VISIBLE = "CUDA_VISIBLE_DEVICES"


def usable_device(name: str) -> str:
    """Torch's name for the device; ``auto`` is a GPU if there is one (cuda, otherwise mps), or else the CPU.

    Raises ``ModelError`` if torch cannot compute on the device.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.ones(1, device=name).sum().item()
    except Exception as error:  # unknown names, numbers too high and missing backends each raise another type
        reason = str(error).partition("\n")[0]
        raise ModelError(f"torch cannot compute on {name!r} here: {reason}") from error
    return name


def use_only(device: str) -> None:
    """Hides all GPUs except ``device`` from code that chooses its own, such as transformers' ``Trainer``. Auto hides none.

    Call it before torch looks for GPUs. Raises ``ModelError`` if there is no such device, or if models cannot train on it.
    """
    kind, _, number = device.partition(":")
    if kind not in ("auto", "cpu", "cuda"):
        raise ModelError(f"Models are trained on cpu or cuda, not on {device!r}.")
    if kind == "cpu":
        os.environ[VISIBLE] = ""
    elif number:
        shown = [name for name in os.environ.get(VISIBLE, "").split(",") if name]
        if not number.isdigit() or (shown and int(number) >= len(shown)):
            raise ModelError(f"There is no GPU {device!r}; {VISIBLE} shows {', '.join(shown) or 'all'}.")
        os.environ[VISIBLE] = shown[int(number)] if shown else number
    usable_device(kind)


def multiplies_bf16(device: torch.device | None = None) -> bool:
    """Whether ``device``, by default the one that trains here, multiplies bfloat16 in hardware."""
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        return bool(torch.cuda.get_device_capability(device)[0] >= 8)  # Ampere was the first to do so
    in_hardware = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return device.type == "cpu" and bool(in_hardware)


def steps_fused(device: torch.device) -> bool:
    """Whether torch has a fused Adam step for ``device``."""
    return device.type in ("cpu", "cuda", "mps")
