"""How natural texts and their edits are to the decoder as a language model: the one that wrote them tells best.

It says nothing about samples beside real text: what is decoded greedily is plainer, and so likelier, than what people write.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ...support.device import multiplies_bf16
from .batches import IGNORED, pad
from .modeling import TextVae

SCORED_AT_ONCE = 64
"""Texts in a batch whose every token is scored."""


def log_likelihoods(vae: TextVae, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Tensor:
    """The log-likelihood in nats of each text, ``[n]``, without any z; the end counts as a token.

    The sum, not the mean: every token is one more chance to go wrong. On 1,900 samples that blind readers judged, its area
    under the curve is 0.88 for their verdicts, 0.82 to 0.88 within one reading; the mean has 0.70, the worst four tokens 0.83.
    """
    return torch.tensor([-float(text.surprisal.sum()) for text in scored(vae, tokenizer, texts)])


def added_surprisal(vae: TextVae, tokenizer: PreTrainedTokenizerFast, before: Sequence[str], after: Sequence[str]) -> Tensor:
    """What each change adds in nats, ``[n]``: the surprisal of new tokens, and what kept ones have more of than before.

    A strange word of the source costs nothing as long as it stands in place. On 613 edits that blind readers judged, this and
    the naturalness together have an area under the curve of 0.81 for their verdicts, the naturalness alone 0.77.
    """
    different = list(dict.fromkeys([*before, *after]))
    known = dict(zip(different, scored(vae, tokenizer, different), strict=True))
    return torch.tensor([_added(known[one], known[other]) for one, other in zip(before, after, strict=True)])


class Scored(NamedTuple):
    """The tokens of a text."""

    ids: list[int]
    surprisal: Tensor
    """Of each token in nats, ``[tokens]``, on the CPU."""


@torch.inference_mode()
def scored(vae: TextVae, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[Scored]:
    """Each text as the decoder, a language model without any z, reads it."""
    ids = tokenizer(list(texts), truncation=True)["input_ids"] if texts else []
    found: dict[int, Scored] = {}
    by_length = torch.tensor([len(row) for row in ids], dtype=torch.long).argsort(stable=True)
    for places in by_length.split(SCORED_AT_ONCE) if ids else ():  # texts of like length together: little padding
        rows = [torch.tensor(ids[place]) for place in places.tolist()]
        with torch.autocast(vae.device.type, torch.bfloat16, enabled=multiplies_bf16(vae.device)):
            losses = vae.language_model_losses(pad(rows, IGNORED).to(vae.device)).cpu()
        found |= {
            place: Scored(ids[place], mine[: len(ids[place])]) for place, mine in zip(places.tolist(), losses, strict=True)
        }
    return [found[place] for place in range(len(ids))]


def _added(before: Scored, after: Scored) -> float:
    added = after.surprisal.clone()
    for start, new_start, count in SequenceMatcher(None, before.ids, after.ids, autojunk=False).get_matching_blocks():
        added[new_start : new_start + count] -= before.surprisal[start : start + count]
    return float(added.clamp(min=0).sum())
