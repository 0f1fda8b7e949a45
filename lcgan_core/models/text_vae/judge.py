"""Fluency and diversity of texts, by means that no training step of a run sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModelForCausalLM

from ...errors import ModelError
from ...sample_kinds.bleu import bleu
from ...support.device import usable_device
from ...support.pretrained import load_pretrained
from .batches import IGNORED, JudgeBatches, pad

MOST_TOKENS = 1024
"""A longer text is cut, if not earlier by what the model takes."""


class Judge:
    """A causal language model and its tokenizer, which have a token for the beginning of a text and one for padding.

    ``ends``: whether the tokenizer puts an end to each text that counts too, as it does for models of single sentences; to a
    model of whole documents the end of a sentence is no end.
    """

    def __init__(self, model: Any, tokenizer: Any, *, ends: bool = True, batch_size: int = 256) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.batches = JudgeBatches(tokenizer)
        self.ends = ends
        self.batch_size = batch_size
        positions = getattr(model.config, "max_position_embeddings", MOST_TOKENS + 1)
        self.most_tokens = min(MOST_TOKENS, tokenizer.model_max_length, positions - 1)

    def perplexity(self, texts: Sequence[str]) -> float:
        """exp of the mean negative log-likelihood a token. Lower is more fluent; infinite where no text has any token."""
        loss, tokens = self.likelihoods(texts)
        return math.exp(float(loss.sum() / tokens.sum())) if tokens.sum() else math.inf

    @torch.inference_mode()
    def likelihoods(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """The negative log-likelihood of each text in nats, and how many tokens it has; both ``[n]``."""
        ids = self.tokenizer(list(texts), truncation=True, max_length=self.most_tokens, add_special_tokens=self.ends)
        rows: list[list[int]] = ids["input_ids"]
        order = sorted((i for i, row in enumerate(rows) if row), key=lambda i: len(rows[i]))
        loss = torch.zeros(len(rows), dtype=torch.float64)
        for start in range(0, len(order), self.batch_size):
            some = order[start : start + self.batch_size]
            ids = pad([torch.tensor(rows[i]) for i in some], self.tokenizer.pad_token_id)
            batch = self.batches({"input_ids": ids, "lengths": torch.tensor([len(rows[i]) for i in some])})
            labels = batch.pop("labels")[:, 1:]
            logits = self.model(**{name: part.to(self.model.device) for name, part in batch.items()}).logits[:, :-1].cpu()
            scored = labels != IGNORED
            each = torch.zeros(labels.shape, dtype=torch.float64)
            each[scored] = F.cross_entropy(logits[scored].float(), labels[scored], reduction="none").double()
            loss[some] = each.sum(1)
        return loss, torch.tensor([len(row) for row in rows])


def chosen_judge(source: str) -> Judge:
    """The judge that any causal language model of transformers makes, from a folder or by its name on the hub.

    Raises ``ModelError`` where it is not there or tells no likelihood of texts from left to right.
    """
    model, tokenizer = load_pretrained(AutoModelForCausalLM, "causal language model", source, usable_device("auto"))
    tokenizer.bos_token = tokenizer.bos_token or tokenizer.eos_token
    if tokenizer.bos_token is None:
        raise ModelError(f"{source} has no token that a text begins with. Choose another:")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.bos_token
    begun = torch.tensor([[tokenizer.bos_token_id, other] for other in (0, 1)], device=model.device)
    first, second = model(input_ids=begun).logits[:, 0].float()
    if not torch.allclose(first, second, rtol=0.02, atol=0.02):
        raise ModelError(f"{source} is no causal language model: it sees the token that it is to tell. Choose another:")
    return Judge(model, tokenizer, ends=False, batch_size=32)


def distinct(texts: Sequence[str], n: int) -> float:
    """Distinct n-grams as a share of all n-grams (Li et al. 2016). Higher is more diverse; falls as the set grows."""
    grams = [gram for text in texts for gram in zip(*(text.split()[i:] for i in range(n)), strict=False)]
    return len(set(grams)) / max(1, len(grams))


def corpus_bleu(found: Sequence[str], wanted: Sequence[str]) -> float:
    """BLEU in percent (Papineni et al. 2002); texts are taken as tokenised already."""
    return 100 * bleu(found, [[text] for text in wanted])


def sentence_bleu(found: str, wanted: list[str]) -> float:
    """BLEU in percent of one text, up to as many words in a row as it has."""
    return 100 * bleu([found], [wanted], effective_order=True)


def self_bleu(texts: Sequence[str], most: int = 200) -> float:
    """Mean BLEU in percent of each of the first ``most`` texts against the others (Zhu et al. 2018). Lower is more diverse."""
    texts = list(texts[:most])
    return sum(sentence_bleu(text, texts[:i] + texts[i + 1 :]) for i, text in enumerate(texts)) / max(1, len(texts))
