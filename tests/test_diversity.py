"""How varied a set of texts is."""

from __future__ import annotations

import pytest

from lcgan_core.models.text_vae.diversity import distinct, self_bleu


def test_distinct_counts_word_pairs() -> None:
    assert distinct(["a b c", "a b d"], 2) == 3 / 4
    assert distinct(["a", ""], 2) == 0.0
    assert distinct(["a b a"], 1) == 2 / 3


def test_texts_that_are_alike_have_a_high_self_bleu() -> None:
    assert self_bleu(["the food was good here ."] * 3) == pytest.approx(100)
    assert self_bleu(["the food was good .", "my car broke down again today", "why would anyone go ?"]) < 20
