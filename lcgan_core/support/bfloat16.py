"""Whether this machine computes faster in bfloat16 than in float32."""

from __future__ import annotations

import torch


def cpu_multiplies_bf16() -> bool:
    """Whether this machine's processor multiplies bfloat16 in hardware."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def bf16_is_fast() -> bool:
    """Whether the device that trains here, a GPU if there is one, multiplies bfloat16 in hardware."""
    return bool(torch.cuda.is_bf16_supported()) if torch.cuda.is_available() else cpu_multiplies_bf16()
