"""What texts mean, in numbers: sentence embeddings of a text encoder of transformers, reduced to what varies most."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModel

from ....errors import ModelError
from ....support.device import multiplies_bf16, usable_device
from ....support.pretrained import load_pretrained

MEANING_SIZE = 32
BATCH = 256
LONGEST = 128
"""Tokens of a text that are read; a VAE of short texts sees fewer."""


@torch.inference_mode()
def meanings(source: str, texts: list[str]) -> Tensor:
    """``[texts, MEANING_SIZE]``: the first principal components of the texts' embeddings by the encoder at ``source``.

    An embedding is the mean of the last hidden states, of length 1 (Reimers & Gurevych 2019). The components keep their
    proportions; their mean variance is 1. Raises ``ModelError`` where there is no such encoder.
    """
    try:
        encoder, tokenizer = load_pretrained(AutoModel, "text encoder", source, usable_device("auto"))
    except ModelError as error:
        raise ModelError(f"meaning_model: {error} --set meaning_model=FOLDER") from error
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    limit = min(LONGEST, getattr(encoder.config, "max_position_embeddings", LONGEST))
    embedded = torch.empty(len(texts), encoder.config.hidden_size)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for batch in (order[start : start + BATCH] for start in range(0, len(order), BATCH)):
        tokens = tokenizer([texts[i] for i in batch], padding=True, truncation=True, max_length=limit, return_tensors="pt")
        with torch.autocast(encoder.device.type, torch.bfloat16, enabled=multiplies_bf16()):
            states = encoder(**tokens.to(encoder.device)).last_hidden_state.float()
        kept = tokens["attention_mask"][..., None]
        embedded[batch] = F.normalize((states * kept).sum(1) / kept.sum(1), dim=-1).cpu()
    return principal(embedded, MEANING_SIZE)


def principal(rows: Tensor, size: int) -> Tensor:
    """``[n, size]``: ``rows`` ``[n, width]`` along their first principal components, whose mean variance is then 1."""
    centred = rows - rows.mean(0)
    directions = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :size]
    components = F.pad(centred @ directions, (0, max(0, size - rows.shape[1])))
    return components / components.square().mean().sqrt().clamp(min=1e-12)
