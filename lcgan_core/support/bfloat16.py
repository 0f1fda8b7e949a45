"""Whether this machine computes in bfloat16 faster than in float32."""

from __future__ import annotations

import torch


def cpu_multiplies_bf16() -> bool:
    """Whether this machine's processor multiplies bfloat16 in hardware."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def bf16_is_fast() -> bool:
    """Whether what trains here, a GPU or else the processor, multiplies bfloat16 in hardware."""
    return bool(torch.cuda.is_bf16_supported()) if torch.cuda.is_available() else cpu_multiplies_bf16()
