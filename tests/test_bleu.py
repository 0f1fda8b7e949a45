"""BLEU, against the package that papers report it by."""

from __future__ import annotations

import random

import pytest
from sacrebleu.metrics.bleu import BLEU

from lcgan_core.sample_kinds.bleu import bleu

WORDS = ["the", "soup", "was", "cold", "and", "very", "good", "here", "."]


def texts(count: int, most: int, chance: random.Random) -> list[str]:
    return [" ".join(chance.choices(WORDS, k=chance.randint(0, most))) for _ in range(count)]


@pytest.mark.parametrize("effective_order", [False, True])
@pytest.mark.parametrize("references", [1, 3])
@pytest.mark.parametrize("most", [3, 12])
def test_corpora_score_as_by_sacrebleu(most: int, references: int, effective_order: bool) -> None:
    chance = random.Random(most + references)
    theirs = BLEU(tokenize="none", force=True, effective_order=effective_order)
    for count in (1, 1, 1, 1, 5, 40):
        found, wanted = texts(count, most, chance), [texts(count, most, chance) for _ in range(references)]
        score = bleu(found, list(zip(*wanted, strict=True)), effective_order=effective_order)
        assert 100 * score == pytest.approx(theirs.corpus_score(found, wanted).score)


def test_the_same_text_scores_one() -> None:
    assert bleu(["the food was very good ."], [["the food was very good ."]]) == pytest.approx(1)


def test_a_word_repeated_matches_as_often_as_the_reference_has_it() -> None:
    assert bleu(["soup soup soup soup"], [["soup"]], effective_order=True) < 0.3


@pytest.mark.parametrize("found", ["", "nothing in common"])
def test_no_word_shared_scores_zero(found: str) -> None:
    assert bleu([found], [["the soup was cold"]], effective_order=True) == 0


def test_a_short_text_scores_zero_without_the_effective_order() -> None:
    assert bleu(["good soup"], [["good soup"]]) == 0
    assert bleu(["good soup"], [["good soup"]], effective_order=True) == pytest.approx(1)
