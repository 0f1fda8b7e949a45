"""How natural texts are to the decoder as a language model: the one that wrote them, so it tells best among candidates.

It says nothing about samples beside real text: what is decoded greedily is plainer, and so likelier, than what people write.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ...support.device import multiplies_bf16
from .batches import IGNORED, pad
from .modeling import TextVae

SCORED_AT_ONCE = 64
"""Texts in a batch whose every token is scored. While they are refined, 256 of 31 tokens take 3.8 GB if there are 24,000 to
choose from; 64 take 1.5 GB, and less time."""


@torch.inference_mode()
def log_likelihoods(
    vae: TextVae, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], batch_size: int = SCORED_AT_ONCE
) -> Tensor:
    """The log-likelihood in nats of each text, ``[n]``, without any z; the end counts as a token.

    The sum, not the mean: every token is one more chance to go wrong. On 1,900 samples that blind readers judged, its area
    under the curve is 0.88 for their verdicts, 0.82 to 0.88 within one reading; the mean has 0.70, the worst four tokens 0.83.
    """
    ids = tokenizer(list(texts), truncation=True)["input_ids"] if texts else []
    found = torch.empty(len(ids), device=vae.device)
    by_length = torch.tensor([len(row) for row in ids], dtype=torch.long).argsort(stable=True)
    for places in by_length.split(batch_size) if ids else ():
        rows = [torch.tensor(ids[place]) for place in places.tolist()]
        with torch.autocast(vae.device.type, torch.bfloat16, enabled=multiplies_bf16(vae.device)):
            losses = vae.language_model_losses(pad(rows, IGNORED).to(vae.device))
        found[places] = -losses.sum(1)  # padding loses nothing
    return found
