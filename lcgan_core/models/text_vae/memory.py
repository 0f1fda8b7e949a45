"""What a text VAE may remember: its training texts as hashes, and how much of other texts stands in them.

A text is compared as the row of its words and signs in small letters, whatever the spaces: "Good food!" is "good food !".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from ...figures import Beside
from ...support.files import whole

MEMORY = "memory.safetensors"

FIGURES = ("remembered", "within_one_word", "made_up_words")
"""What is told of texts; the order of the columns of ``Shares``."""

WORD_OR_SIGN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")

GAP = ""
"""Stands where a word is left out; no word is empty."""

REST_BITS = 16
"""Bits of a gapped text's hash beyond those that number such texts. Each halves the mistakes and costs a bit a word of corpus;
with 16, mistakes are few beside the shares of real texts."""

Hashes = NDArray[np.uint64]
"""Ascending, none twice."""
Shares = NDArray[np.float64]
"""``[texts or lengths, FIGURES]``"""


@dataclass(frozen=True)
class TrainingTexts:
    """Hashes that tell whether a text is one of the training texts, or one word away from one.

    Whole texts and words are known by 64 bits: nothing is mistaken for one of them. Texts with a gap are known by the first
    b + 16 bits, where 2^b is the power of two below their number: another is mistaken for one of them with a probability of
    2^-16 to 2^-15, whatever the size of the corpus. For a text of n words, 2 n + 1 of them are asked about: of texts with ten
    words, 0.03 to 0.06 % count as within one word by mistake.
    """

    whole: Hashes
    """Of the texts."""
    gapped: Hashes
    """Of the texts with a gap in place of a word, each word of each text in turn; their first ``bits`` bits."""
    bits: int
    words: Hashes
    """Of the words, without those that hold a digit."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> TrainingTexts:
        """The hashes of ``texts``, each of which is ``normal``."""
        lines = dict.fromkeys(texts)
        gapped = np.unique(hashed(line for text in lines for line in with_a_gap(text.split())))
        bits = REST_BITS + max(len(gapped).bit_length() - 1, 0)
        return cls(
            whole=np.unique(hashed(lines)),
            gapped=np.unique(gapped >> np.uint64(64 - bits)),
            bits=bits,
            words=np.unique(hashed({word for text in lines for word in text.split() if is_plain(word)})),
        )

    def found(self, texts: Sequence[str]) -> Shares:
        """Whether each of ``FIGURES`` holds of each text, 0 or 1; the texts are ``normal``."""
        rows = [text.split() for text in texts]
        remembered = any_of(self.whole, [[text] for text in texts])
        one_less = any_of(self.whole, [list(without_one(row)) for row in rows])
        gapped = any_of(self.gapped, [[*with_a_gap(row), *with_one_more(row)] for row in rows], 64 - self.bits)
        made_up = any_of(self.words, [[word for word in row if is_plain(word)] for row in rows], known=False)
        return np.stack([remembered, remembered | one_less | gapped, made_up], 1).astype(np.float64)


@dataclass(frozen=True)
class TextMemory:
    """The training texts, and what share of real texts that training never saw stands in them."""

    training: TrainingTexts
    lengths: NDArray[np.int64]
    """In words, those that real texts have, ascending."""
    real: Shares
    """The shares of real texts of each length; not a number where that is not known."""

    @classmethod
    def of(cls, texts: Sequence[str], held_out: Sequence[str], repeated: float | None = None) -> TextMemory:
        """The memory of training ``texts``; what to expect of real texts is measured on ``held_out`` ones, by length.

        A corpus without its duplicates hides how often real texts stand elsewhere: no held-out text is a training text.
        ``repeated`` is that share, counted before they were removed. It is spread over the lengths like the share that is
        within one word of a training text, which can still be seen. Without it, what to expect is not known, rather than 0.
        """
        training = TrainingTexts.of(map(normal, texts))
        real_texts = [normal(text) for text in held_out]
        counted, found = words_in(real_texts), training.found(real_texts)
        lengths = np.unique(counted)
        real = np.stack([found[counted == length].mean(0) for length in lengths])
        if repeated is not None:
            near = found[:, 1].mean()
            real[:, 0] = np.minimum(real[:, 1] * repeated / near, 1) if near else repeated
        elif len({*texts, *held_out}) == len(texts) + len(held_out):  # none twice
            real[:, 0] = np.nan
        return cls(training, lengths, real)

    def figures(self, texts: Sequence[str]) -> dict[str, Beside]:
        """Shares of the texts, beside what to expect of as many real texts of their lengths.

        ``remembered``: training texts; ``within_one_word``: those too, and texts that become one when a word or sign is
        replaced, put in or left out; ``made_up_words``: texts with a word that no training text has.
        """
        lines = [normal(text) for text in texts]
        shares = self.training.found(lines).mean(0)
        expected = [np.interp(words_in(lines), self.lengths, column).mean() for column in self.real.T]
        return {
            name: Beside(share=float(share), expected=None if np.isnan(real) else float(real))
            for name, share, real in zip(FIGURES, shares, expected, strict=True)
        }

    def save(self, path: Path) -> None:
        """Writes a file of 8 bytes a text, less than 3 a word in each, and 8 a word of the vocabulary."""
        training = self.training
        firsts = (training.gapped >> np.uint64(REST_BITS)).astype(np.int64)
        tensors: dict[str, NDArray[Any]] = {
            "whole": training.whole,
            "gapped_counts": np.bincount(firsts, minlength=2 ** (training.bits - REST_BITS)).astype(np.uint8),
            "gapped_rests": training.gapped.astype(np.uint16),
            "words": training.words,
            "lengths": self.lengths,
            "real": self.real,
        }
        with whole(path) as unfinished:
            save_file(tensors, unfinished)

    @classmethod
    def load(cls, path: Path) -> TextMemory:
        """What ``save`` wrote."""
        tensors = load_file(path)
        counts = tensors["gapped_counts"]
        firsts = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
        gapped = (firsts << np.uint64(REST_BITS)) | tensors["gapped_rests"]
        training = TrainingTexts(tensors["whole"], gapped, REST_BITS + len(counts).bit_length() - 1, tensors["words"])
        return cls(training, tensors["lengths"], tensors["real"])


def normal(text: str) -> str:
    """The words and signs of a text in small letters, a space between them."""
    return " ".join(WORD_OR_SIGN.findall(text.casefold()))


def words_in(texts: Sequence[str]) -> NDArray[np.int64]:
    """How many words and signs each text has, ``[texts]``; the texts are ``normal``."""
    return np.array([len(text.split()) for text in texts], np.int64)


def is_plain(word: str) -> bool:
    """Whether it is of letters alone, apostrophes aside: numbers need not have been seen."""
    return word.replace("'", "").replace("’", "").isalpha()


def without_one(row: list[str]) -> Iterator[str]:
    """The text without each of its words in turn."""
    return (" ".join(row[:i] + row[i + 1 :]) for i in range(len(row)))


def with_a_gap(row: list[str]) -> Iterator[str]:
    """The text with a gap in place of each of its words in turn."""
    return (" ".join([*row[:i], GAP, *row[i + 1 :]]) for i in range(len(row)))


def with_one_more(row: list[str]) -> Iterator[str]:
    """The text with a gap before, between and after its words in turn."""
    return (" ".join([*row[:i], GAP, *row[i:]]) for i in range(len(row) + 1))


def hashed(lines: Iterable[str]) -> Hashes:
    """64 bits of BLAKE2b of each line, in their order."""
    digests = (hashlib.blake2b(line.encode("utf-8", "replace"), digest_size=8).digest() for line in lines)
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def any_of(sought: Hashes, lines: Sequence[list[str]], shift: int = 0, known: bool = True) -> NDArray[np.bool_]:
    """For each list of lines, whether the hash of any is ``known`` among ``sought``, or not known: ``[lists]``.

    ``shift``: bits by which those were cut.
    """
    asked = hashed(line for some in lines for line in some) >> np.uint64(shift)
    owners = np.repeat(np.arange(len(lines)), [len(some) for some in lines])
    places = np.searchsorted(sought, asked).clip(max=max(len(sought) - 1, 0))
    held = sought[places] == asked if len(sought) else np.zeros(len(asked), np.bool_)
    return np.bincount(owners[held == known], minlength=len(lines)) > 0
