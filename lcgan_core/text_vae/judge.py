"""Fluency and diversity of texts, by means that no training step of a run sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from sacrebleu.metrics.bleu import BLEU
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from .batches import IGNORED, JudgeBatches
from .loading import load_whole


class Judge:
    """A causal language model of the same corpus and tokens as the VAE, but of another architecture."""

    def __init__(self, folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        self.model = load_whole(AutoModelForCausalLM, folder)
        self.tokenizer = tokenizer
        self.batches = JudgeBatches(tokenizer)

    @torch.inference_mode()
    def perplexity(self, texts: Sequence[str], batch_size: int = 256) -> float:
        """exp of the mean negative log-likelihood a token, the end of each text included. Lower is more fluent."""
        ids = sorted(self.tokenizer(list(texts), truncation=True)["input_ids"], key=len)
        loss, tokens = 0.0, 0
        for start in range(0, len(ids), batch_size):
            batch = self.batches([{"input_ids": row} for row in ids[start : start + batch_size]])
            labels = batch.pop("labels")[:, 1:]
            logits = self.model(**batch).logits[:, :-1]
            scored = labels != IGNORED
            loss += float(F.cross_entropy(logits[scored], labels[scored], reduction="sum"))
            tokens += int(scored.sum())
        return math.exp(loss / tokens)


def distinct(texts: Sequence[str], n: int) -> float:
    """Distinct n-grams as a share of all n-grams (Li et al. 2016). Higher is more diverse; falls as the set grows."""
    grams = [gram for text in texts for gram in zip(*(text.split()[i:] for i in range(n)), strict=False)]
    return len(set(grams)) / max(1, len(grams))


def corpus_bleu(found: Sequence[str], wanted: Sequence[str]) -> float:
    """BLEU in percent (Papineni et al. 2002, by sacrebleu); texts are taken as tokenised already."""
    return float(BLEU(tokenize="none", force=True).corpus_score(list(found), [list(wanted)]).score)


def sentence_bleu(found: str, wanted: list[str]) -> float:
    """BLEU in percent of one text, up to as many words in a row as it has."""
    return float(BLEU(tokenize="none", force=True, effective_order=True).sentence_score(found, wanted).score)


def self_bleu(texts: Sequence[str], most: int = 200) -> float:
    """Mean BLEU in percent of each of the first ``most`` texts against the others (Zhu et al. 2018). Lower is more diverse."""
    texts = list(texts[:most])
    return sum(sentence_bleu(text, texts[:i] + texts[i + 1 :]) for i, text in enumerate(texts)) / max(1, len(texts))
