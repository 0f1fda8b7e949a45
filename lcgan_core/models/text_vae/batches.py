"""Padding rows of token ids into batches, for the text VAE and for its judge."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerFast

IGNORED = -100
"""The label that transformers' losses skip."""

Batch = dict[str, Tensor]


def pad(rows: list[Tensor], value: int) -> Tensor:
    return pad_sequence(rows, batch_first=True, padding_value=value)


class JudgeBatches:
    """Pads rows of token ids into causal language model batches; ``<s>`` goes first, padding is not scored."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.pad_id: int = tokenizer.pad_token_id
        self.bos = torch.tensor([tokenizer.bos_token_id])

    def __call__(self, rows: list[dict[str, list[int]]]) -> Batch:
        ids = [torch.cat([self.bos, torch.tensor(row["input_ids"])]) for row in rows]
        return {
            "input_ids": pad(ids, self.pad_id),
            "attention_mask": pad([torch.ones_like(row) for row in ids], 0),
            "labels": pad(ids, IGNORED),
        }


class VaeBatches:
    """Pads rows of token ids into VAE batches; each encoder token is dropped with probability ``deletion_noise``.

    What the texts mean goes along where the rows say it, and with ``prior_texts`` a quarter as many of those.
    """

    def __init__(self, pad_id: int, deletion_noise: float, prior_texts: Batch | None = None) -> None:
        self.pad_id = pad_id
        self.deletion_noise = deletion_noise
        self.prior_texts = prior_texts

    def __call__(self, rows: list[dict[str, Any]]) -> Batch:
        clean = [torch.tensor(row["input_ids"]) for row in rows]
        seen = [self._corrupt(row) for row in clean]
        batch = {
            "input_ids": pad(seen, self.pad_id),
            "lengths": torch.tensor([len(row) for row in seen]),
            "labels": pad(clean, IGNORED),
        }
        if "meaning" in rows[0]:
            batch["meanings"] = torch.tensor([row["meaning"] for row in rows])
        if self.prior_texts:
            z, labels = self.prior_texts["z"], self.prior_texts["labels"]
            drawn = torch.randint(len(z), (max(1, len(rows) // 4),))
            longest = int((labels[drawn] != IGNORED).sum(1).max())
            batch |= {"prior_z": z[drawn], "prior_labels": labels[drawn, :longest]}
        return batch

    def _corrupt(self, row: Tensor) -> Tensor:
        kept = torch.rand(len(row)) >= self.deletion_noise
        kept[-1] = True  # </s> stays, so that no row is empty
        return row[kept]
