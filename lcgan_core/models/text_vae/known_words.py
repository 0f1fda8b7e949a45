"""The words that a text VAE may write: those of its corpus, as a tree of their tokens. It says which token makes up a word.

A decoder that writes words in pieces can put together pieces that belong to no word ("unpromptatory"). What begins or goes on
as no known word does is made less likely, and not impossible: a text of the user's may hold a new word.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import dropwhile
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file, save_file
from tokenizers import decoders
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ...sample_kinds.words import is_spaced
from ...support.files import whole
from .memory import WORD_OR_SIGN, is_plain

WORDS = "words.safetensors"

MADE_UP_COST = 5.0
"""Nats that a token costs which makes a word that is not known. A language model that learned 30,000 example sentences has such
words in 20 % of the texts from noise without a cost, and gives back 39 % of held-out texts word for word; with 5, 6 and 34 %.
Of the model that ships, it changed none of 3,000 texts."""

NO_WORD, BEGINS, GOES_ON, UNCLEAR = range(4)
"""What a token is to a word: a sign or a special token; letters behind a space; letters; or what may stand in one or may not,
such as a digit, part of a character, or letters of a script without spaces."""

ANYWHERE = -1
"""The place in the tree of a word that is not in it."""


@dataclass(frozen=True)
class KnownWords:
    """A tree: node 0 is where no word has begun, and edge i leads to node i + 1. A *place* is a node, or ``ANYWHERE``."""

    edges: Tensor
    """``[edges]`` ascending: the node where each starts, times the size of the vocabulary, plus its token."""
    ends: Tensor
    """``[edges + 1]``: at which nodes a word may end."""
    kinds: Tensor
    """``[vocab_size]``: ``NO_WORD``, ``BEGINS``, ``GOES_ON`` or ``UNCLEAR``."""

    @classmethod
    def of(cls, texts: Iterable[str], tokenizer: PreTrainedTokenizerFast) -> Self:
        """The words of ``texts``, also with a capital or without, with a space before and without."""
        words = {word for text in texts for word in WORD_OR_SIGN.findall(text) if word[0].isalpha() and is_spaced(word)}
        written = sorted({form for word in words for form in (word, word.lower(), word.capitalize())})
        kinds = kinds_of(tokenizer)
        signs = {*(kinds == NO_WORD).nonzero()[:, 0].tolist()}
        behind_a_sign = [f"-{space}{word}" for space in ("", " ") for word in written]  # at its start, a text may get a space
        rows: list[list[int]] = tokenizer(behind_a_sign, add_special_tokens=False)["input_ids"] if written else []
        rows = [list(dropwhile(signs.__contains__, row)) for row in rows]
        paths = {tuple(row[:end]) for row in rows for end in range(1, len(row) + 1)}
        in_order = [(), *sorted(paths, key=lambda path: (len(path), path))]
        node = {path: i for i, path in enumerate(in_order)}
        whole_words = {(), *map(tuple, rows)}
        return cls(
            edges=torch.tensor([node[path[:-1]] * len(tokenizer) + path[-1] for path in in_order[1:]], dtype=torch.long),
            ends=torch.tensor([path in whole_words for path in in_order]),
            kinds=kinds,
        )

    def save(self, path: Path) -> None:
        with whole(path) as unfinished:
            save_file({"edges": self.edges, "ends": self.ends, "kinds": self.kinds}, unfinished)

    @classmethod
    def load(cls, path: Path) -> Self:
        """What ``save`` wrote."""
        return cls(**load_file(path))

    def to(self, device: torch.device) -> Self:
        return type(self)(self.edges.to(device), self.ends.to(device), self.kinds.to(device))

    def makes_up(self, places: Tensor, tokens: Tensor) -> Tensor:
        """Whether each of ``tokens`` ``[batch]``, written at ``places`` ``[batch]``, makes a word that is not known."""
        return self._without_the_tree[self._case(places), tokens] & ((places <= 0) | (self._child(places, tokens) == ANYWHERE))

    def made_up(self, places: Tensor) -> Tensor:
        """Which tokens would, at each of ``places`` ``[batch]``: ``[batch, vocab_size]``."""
        found = self._without_the_tree[self._case(places)]
        (rows,) = (places > 0).nonzero(as_tuple=True)
        first, end = (torch.searchsorted(self.edges, (places[rows] + i) * len(self.kinds)) for i in (0, 1))
        counts = end - first
        edges = torch.arange(int(counts.sum()), device=places.device) + (end - counts.cumsum(0)).repeat_interleave(counts)
        found[rows.repeat_interleave(counts), self.edges[edges] % len(self.kinds)] = False
        return found

    def after(self, places: Tensor, tokens: Tensor) -> Tensor:
        """The place behind each of ``tokens`` ``[batch]``, written at ``places`` ``[batch]``."""
        kinds = self.kinds[tokens]
        child = self._child(torch.where(kinds == BEGINS, 0, places), tokens)
        return torch.where(kinds == NO_WORD, 0, child)

    def _child(self, places: Tensor, tokens: Tensor) -> Tensor:
        """The node that the edge for each token leads to; ``ANYWHERE`` where there is none."""
        if not len(self.edges):  # of a script without spaces, no word is known
            return torch.full_like(tokens, ANYWHERE)
        sought = places * len(self.kinds) + tokens
        edge = torch.searchsorted(self.edges, sought).clamp(max=len(self.edges) - 1)
        return torch.where(self.edges[edge] == sought, edge + 1, ANYWHERE)

    def _case(self, places: Tensor) -> Tensor:
        """Which row of ``_without_the_tree`` holds at each place."""
        return torch.where(places > 0, 2 + self.ends[places.clamp(min=0)], places + 1)

    @cached_property
    def _without_the_tree(self) -> Tensor:
        """What makes up words if no node but 0 has children, ``[4, vocab_size]``: in a word that is not known, where no word
        has begun, within a word, and where one may end."""
        starts = torch.zeros(len(self.kinds), dtype=torch.bool, device=self.kinds.device)
        starts[self.edges[self.edges < len(self.kinds)]] = True
        letters = (self.kinds == BEGINS) | (self.kinds == GOES_ON)
        new_word = (self.kinds == BEGINS) & ~starts
        no_longer = (self.kinds == GOES_ON) | (self.kinds == UNCLEAR) | new_word
        return torch.stack([new_word, letters & ~starts, torch.ones_like(starts), no_longer])


def kinds_of(tokenizer: PreTrainedTokenizerFast) -> Tensor:
    """What each token of the byte-level ``tokenizer`` is to a word."""
    to_text = decoders.ByteLevel()
    special = set(tokenizer.all_special_ids)
    found = []
    for token, piece in enumerate(tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))):
        text = to_text.decode([piece])
        letters = text.removeprefix(" ")
        if token in special:
            found.append(NO_WORD)
        elif is_plain(letters) and is_spaced(letters):
            found.append(BEGINS if text != letters else GOES_ON)
        else:
            found.append(UNCLEAR if any(map(str.isalnum, letters)) or "\ufffd" in text else NO_WORD)
    return torch.tensor(found, dtype=torch.uint8)
