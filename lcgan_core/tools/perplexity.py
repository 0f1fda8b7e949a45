"""Perplexity of texts by a causal language model of the user's choice, which no training of lcgan has seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM

from ..errors import ModelError
from ..support.device import usable_device
from ..support.pretrained import load_pretrained

MOST_TOKENS = 1024
"""A longer text is cut, if not earlier by what the model takes."""
BATCH = 32
"""Texts that the model reads at once."""


class LanguageModel:
    """A causal language model and its tokenizer. Raises ``ModelError`` where no token can begin a text."""

    def __init__(self, model: Any, tokenizer: Any, source: str) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.begins: int | None = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        if self.begins is None:
            raise ModelError(f"{source} has no token that a text begins with. Choose another:")
        positions = getattr(model.config, "max_position_embeddings", MOST_TOKENS + 1)
        self.most_tokens = min(MOST_TOKENS, tokenizer.model_max_length, positions - 1)

    def perplexity(self, texts: Sequence[str]) -> float:
        """exp of the mean negative log-likelihood a token. Lower is more fluent; infinite where no text has any token.

        The end of a text does not count: to a model of whole documents the end of a sentence is no end.
        """
        rows = self.tokenizer(list(texts), truncation=True, max_length=self.most_tokens, add_special_tokens=False)["input_ids"]
        rows = sorted((torch.tensor([self.begins, *row]) for row in rows if row), key=len)
        losses = [self._losses(rows[at : at + BATCH]) for at in range(0, len(rows), BATCH)]
        return float(torch.cat(losses).mean().exp()) if losses else math.inf

    @torch.inference_mode()
    def _losses(self, rows: list[Tensor]) -> Tensor:
        """The negative log-likelihood of each token but the first of each row, in nats."""
        lengths = torch.tensor([len(row) for row in rows])
        ids = pad_sequence(rows, batch_first=True, padding_value=self.begins)  # type: ignore[arg-type]  # checked above
        real = torch.arange(ids.shape[1]) < lengths[:, None]
        device = self.model.device
        logits = self.model(input_ids=ids.to(device), attention_mask=real.long().to(device)).logits[:, :-1].cpu()
        scored = real[:, 1:]
        return F.cross_entropy(logits[scored].float(), ids[:, 1:][scored], reduction="none").double()


def load_language_model(source: str) -> LanguageModel:
    """Any causal language model of transformers, from a folder or by its name on the hub.

    Raises ``ModelError`` where it is not there or tells no likelihood of texts from left to right.
    """
    model, tokenizer = load_pretrained(AutoModelForCausalLM, "causal language model", source, usable_device("auto"))
    found = LanguageModel(model, tokenizer, source)
    begun = torch.tensor([[found.begins, other] for other in (0, 1)], device=model.device)
    first, second = model(input_ids=begun).logits[:, 0].float()
    if not torch.allclose(first, second, rtol=0.02, atol=0.02):
        raise ModelError(f"{source} is no causal language model: it sees the token that it is to tell. Choose another:")
    return found
