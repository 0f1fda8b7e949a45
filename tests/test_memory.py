"""What a text VAE remembers: texts told again by their hashes, alone and one word off, and what to expect of real texts."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import sentences

from lcgan_core import ModelError
from lcgan_core.figures import Beside
from lcgan_core.models.text_vae.latent_model import TextVaeModel
from lcgan_core.models.text_vae.memory import FIGURES, REST_BITS, TextMemory, TrainingTexts, normal
from lcgan_core.support.manifest import write_manifest

CORPUS = ("the soup was hot .", "Great food!", "i'd go again")


def found(texts: list[str], corpus: tuple[str, ...] = CORPUS) -> list[tuple[bool, ...]]:
    rows = TrainingTexts.of(map(normal, corpus)).found(list(map(normal, texts)))
    return [tuple(bool(held) for held in row) for row in rows]


@pytest.mark.parametrize(
    ("text", "remembered", "within_one_word", "made_up_words"),
    [
        ("the soup was hot .", True, True, False),
        ("great food !", True, True, False),
        (" GREAT   food !", True, True, False),
        ("the soup was great .", False, True, False),
        ("the soup was tepid .", False, True, True),
        ("the soup was hot", False, True, False),
        ("soup was hot .", False, True, False),
        ("the soup was again hot .", False, True, False),
        ("great food ! !", False, True, False),
        ("soup the was hot .", False, False, False),
        ("the soup hot was .", False, False, False),
        ("the food was great .", False, False, False),
        ("i'd never go again", False, True, True),
        ("we had 12 soups", False, False, True),
        ("food 12 , food !", False, False, False),
        ("", False, False, False),
    ],
)
def test_a_text_is_told_whatever_its_spaces_and_capitals(
    text: str, remembered: bool, within_one_word: bool, made_up_words: bool
) -> None:
    assert found([text]) == [(remembered, within_one_word, made_up_words)]
    assert found(["the soup was hot .", text])[1] == found([text])[0], "whatever stands beside it"


def test_every_text_that_is_one_word_off_is_found_and_others_hardly_ever() -> None:
    chance = random.Random(0)
    words = [f"{first}{second}" for first in "bdfgklmnprst" for second in ("a", "e", "i", "o", "u", "ang", "ing", "old")]

    def drawn() -> list[str]:
        return [chance.choice(words) for _ in range(10)]

    corpus = [drawn() for _ in range(3000)]
    training = TrainingTexts.of(map(" ".join, corpus))
    off = []
    for row in corpus:
        i, word = chance.randrange(10), chance.choice(words)
        off.append([*row[:i], *chance.choice([[], [word], [word, row[i]]]), *row[i + 1 :]])
    assert training.found(list(map(" ".join, off)))[:, 1].all()
    others = training.found([" ".join(drawn()) for _ in range(5000)])
    assert not others[:, 0].any()
    assert others[:, 1].mean() < 0.002, "0.03 to 0.06 %"
    assert training.bits == REST_BITS + 14, "2^14 is the power of two below 30,000"


def test_a_file_holds_all_of_it_in_little_room(tmp_path: Path) -> None:
    corpus = sorted(set(sentences()))
    memory = TextMemory.of(corpus[::2], corpus[1::2])
    memory.save(tmp_path / "memory")
    again = TextMemory.load(tmp_path / "memory")
    assert again.training.bits == memory.training.bits
    for name in ("whole", "gapped", "words"):
        assert np.array_equal(getattr(again.training, name), getattr(memory.training, name)), name
    asked = [*corpus[:100], "the soup was .", "no such thing"]
    assert again.figures(asked) == memory.figures(asked)
    words = sum(len(text.split()) for text in corpus[::2])
    assert (tmp_path / "memory").stat().st_size < 8 * len(corpus[::2]) + 3 * words + 1500
    assert corpus[0].encode() not in (tmp_path / "memory").read_bytes()


def test_what_to_expect_is_that_of_real_texts_of_the_same_lengths() -> None:
    corpus = ["so good", "so good", "the soup was cold today", "we waited for an hour"]
    memory = TextMemory.of(corpus, ["so good", "so bad", "the soup was warm today", "our waiter forgot the menu"])
    short, long = memory.figures(["no way", "so what"]), memory.figures(["it took far too long"])
    assert short["remembered"] == Beside(share=0.0, expected=0.5)
    assert short["within_one_word"] == Beside(share=0.5, expected=1.0)
    assert short["made_up_words"] == Beside(share=1.0, expected=0.5)
    assert long["remembered"] == Beside(share=0.0, expected=0.0)
    assert long["within_one_word"] == Beside(share=0.0, expected=0.5)
    assert memory.figures(["a b c"])["within_one_word"].expected == pytest.approx(1 - 0.5 / 3), "between those lengths"
    assert tuple(short) == FIGURES


def test_a_corpus_without_its_duplicates_cannot_tell_how_often_real_texts_come_again() -> None:
    corpus, held_out = ["so good", "we waited for an hour"], ["so bad", "nice", "we waited for a table", "it took us days"]
    assert TextMemory.of(corpus, held_out).figures(["so bad"])["remembered"].expected is None
    told = TextMemory.of(corpus, held_out, repeated=0.1)
    expected = [told.figures([text])["remembered"].expected for text in held_out]
    assert sum(filter(None, expected)) / len(held_out) == pytest.approx(0.1), "in all as often as was counted"
    assert expected[0] == pytest.approx(0.4), "where texts are within one word of others"
    assert expected[2] == 0
    again = TextMemory.of([*corpus, "so good"], held_out)
    assert again.figures(["so bad"])["remembered"].expected == 0, "one that has its duplicates tells it"


def test_a_model_tells_what_its_samples_repeat(tiny_model: Path, tmp_path: Path) -> None:
    model = TextVaeModel(tiny_model)
    texts = sorted(set(sentences()))[:50]
    told = model.memory([*texts, "completely unheard of"])
    assert told["remembered"].share > 0.9
    assert 0 < (told["remembered"].expected or 0) < 0.5, "some texts of the corpus stand in it twice"
    assert told["made_up_words"].share == pytest.approx(1 / 51)
    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / "memory.safetensors").write_bytes(b"no memory")
    write_manifest(tmp_path / "model")
    with pytest.raises(ModelError, match="is incomplete or damaged"):
        TextVaeModel(tmp_path / "model").memory(texts)
    (tmp_path / "model" / "memory.safetensors").unlink()
    assert TextVaeModel(tmp_path / "model").memory(texts) == {}
