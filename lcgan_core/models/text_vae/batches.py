"""Rows of token ids, and their batches for the text VAE and for a language model."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

IGNORED = -100
"""The label that transformers' losses skip."""
AT_ONCE = 50_000
"""Texts that the tokenizer is given at once: what it answers is large."""

Batch = dict[str, Tensor]


def pad(rows: list[Tensor], value: int) -> Tensor:
    return pad_sequence(rows, batch_first=True, padding_value=value)


class Rows(Dataset[Batch]):
    """The token ids of texts in one matrix, padded on the right: a batch is one indexing.

    ``meanings`` ``[texts, meaning_size]`` may be known of the first texts only. The first ``repeated`` texts count ``epochs``
    times, a fraction of them once more or less often; the others once.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        texts: list[str],
        *,
        epochs: float,
        repeated: int | None = None,
        meanings: Tensor | None = None,
    ) -> None:
        self.ids = torch.full((len(texts), tokenizer.model_max_length), tokenizer.pad_token_id, dtype=torch.int32)
        self.lengths = torch.zeros(len(texts), dtype=torch.int32)
        self.cut = 0
        """Number of texts that are longer than the tokenizer allows."""
        fast = tokenizer.backend_tokenizer
        fast.enable_truncation(tokenizer.model_max_length)
        fast.encode_special_tokens = tokenizer.split_special_tokens
        for start in range(0, len(texts), AT_ONCE):
            encoded = fast.encode_batch_fast(texts[start : start + AT_ONCE])
            self.cut += sum(bool(each.overflowing) for each in encoded)
            found = [each.ids for each in encoded]
            lengths = torch.tensor([len(row) for row in found], dtype=torch.int32)
            places = torch.arange(self.ids.shape[1]) < lengths[:, None]
            self.ids[start : start + len(found)].masked_scatter_(places, torch.tensor([*chain(*found)], dtype=torch.int32))
            self.lengths[start : start + len(found)] = lengths
        self.meanings = meanings
        repeated = len(texts) if repeated is None else repeated
        self.order = torch.cat([torch.arange(round(epochs * repeated)) % repeated, torch.arange(repeated, len(texts))])

    def __len__(self) -> int:
        return len(self.order)

    def __getitems__(self, places: list[int]) -> Batch:
        """``input_ids`` ``[batch, time]``, ``lengths`` and, where some are known, ``meanings``, NaN of the others."""
        texts = self.order[places]
        lengths = self.lengths[texts].long()
        batch = {"input_ids": self.ids[texts, : int(lengths.max())].long(), "lengths": lengths}
        if self.meanings is not None:
            known = texts < len(self.meanings)
            batch["meanings"] = self.meanings[texts.where(known, 0)].float().masked_fill(~known[:, None], torch.nan)
        return batch


class LanguageModelBatches:
    """Makes causal language model batches of rows; ``<s>`` goes first, padding is not scored."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.bos_id: int = tokenizer.bos_token_id

    def __call__(self, rows: Batch) -> Batch:
        ids = F.pad(rows["input_ids"], (1, 0), value=self.bos_id)
        real = torch.arange(ids.shape[1]) <= rows["lengths"][:, None]
        return {"input_ids": ids, "attention_mask": real.long(), "labels": ids.masked_fill(~real, IGNORED)}


def vae_batch(rows: Batch) -> Batch:
    """A batch of rows for the VAE, whose encoder reads all that the decoder is to write."""
    ids = rows["input_ids"]
    return {**rows, "labels": ids.masked_fill(torch.arange(ids.shape[1]) >= rows["lengths"][:, None], IGNORED)}


def deleted(batch: Batch, noise: float, pad_id: int) -> Batch:
    """The ``batch`` with each token that the encoder reads dropped with probability ``noise``, but the last of a text."""
    ids, lengths = batch["input_ids"], batch["lengths"][:, None]
    time = torch.arange(ids.shape[1], device=ids.device)
    kept = (torch.rand(ids.shape, device=ids.device) >= noise) | (time == lengths - 1)  # </s> stays: no row is empty
    kept &= time < lengths
    seen = kept.sum(1)
    first = (~kept).byte().argsort(dim=1, stable=True)[:, : int(seen.max())]
    read = ids.gather(1, first).masked_fill(time[: first.shape[1]] >= seen[:, None], pad_id)
    return {**batch, "input_ids": read, "lengths": seen}
