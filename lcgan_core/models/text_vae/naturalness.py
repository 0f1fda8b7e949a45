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

WORST = 4
"""Tokens that decide: a garbled text is likely but for a few places. Area under the curve of the worst four for the verdicts of
a blind reader: 0.82 on 740 samples of this model and of one like it, 0.65 to 0.88 within one kind of samples; a language model
of 135 million parameters, taught the same corpus, has 0.83."""


SCORED_AT_ONCE = 64
"""Texts in a batch whose every token is scored. While they are refined, 256 of 31 tokens take 3.8 GB if there are 24,000 to
choose from; 64 take 1.5 GB, and less time."""


@torch.inference_mode()
def worst_tokens(
    vae: TextVae, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], batch_size: int = SCORED_AT_ONCE
) -> Tensor:
    """The mean log-likelihood in nats of the ``WORST`` least likely tokens of each text, ``[n]``; the end counts as a token."""
    ids = tokenizer(list(texts), truncation=True)["input_ids"] if texts else []
    found = torch.empty(len(ids), device=vae.device)
    by_length = torch.tensor([len(row) for row in ids], dtype=torch.long).argsort(stable=True)
    for places in by_length.split(batch_size) if ids else ():
        rows = [torch.tensor(ids[place]) for place in places.tolist()]
        with torch.autocast(vae.device.type, torch.bfloat16, enabled=multiplies_bf16(vae.device)):
            losses = vae.language_model_losses(pad(rows, IGNORED).to(vae.device))
        counted = torch.tensor([min(WORST, len(row)) for row in rows], device=vae.device)
        worst = losses.topk(min(WORST, losses.shape[1])).values  # padding has none to lose
        found[places] = -worst.sum(1) / counted
    return found
