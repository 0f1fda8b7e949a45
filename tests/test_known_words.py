"""The words that a text VAE may write: which token makes up a word, and that decoding avoids it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import sentences
from transformers import PreTrainedTokenizerFast

from lcgan_core.models.text_vae import modeling
from lcgan_core.models.text_vae.known_words import KnownWords
from lcgan_core.models.text_vae.latent_model import TextVaeModel
from lcgan_core.models.text_vae.memory import WORD_OR_SIGN
from lcgan_core.models.text_vae.pretraining.tokenizer import train_tokenizer

CORPUS = (
    "The waiter's soup was unpromising .",
    "we don't like half-baked bread, prices or promises",
    "ein größeres Café",
    "他们的汤很好",
    "an mp3 player",
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer([*CORPUS, *sentences()], vocab_size=330, max_tokens=64)


@pytest.fixture(scope="module")
def words(tokenizer: PreTrainedTokenizerFast) -> KnownWords:
    return KnownWords.of(CORPUS, tokenizer)


def made_up(text: str, words: KnownWords, tokenizer: PreTrainedTokenizerFast) -> int:
    """How many tokens of a text make up a word, its end included."""
    place, count = torch.zeros(1, dtype=torch.long), 0
    for token in map(torch.tensor, [[one] for one in tokenizer(text)["input_ids"]]):
        makes_up = words.makes_up(place, token)
        assert words.made_up(place)[0, token] == makes_up
        count += int(makes_up)
        place = words.after(place, token)
    return count


@pytest.mark.parametrize(
    "text",
    [
        *CORPUS,
        "",
        "bread !",
        "Bread, soup: the half Promises (we don't) the waiter's.",
        "soup-soup or the half-bread",
        "12 soup",
        "the 3rd soup",
        "汤 soup 很好吃",
        "soup 😀 bread",
        "café",
    ],
)
def test_known_words_cost_nothing_however_they_are_written(
    text: str, words: KnownWords, tokenizer: PreTrainedTokenizerFast
) -> None:
    assert made_up(text, words, tokenizer) == 0


@pytest.mark.parametrize(
    "text",
    [
        "unpromisingly",
        "the soups was",
        "Unprom .",
        "we like brea",
        "half-bakery",
        "größerem",
        "soup2",
        "prices or promis-es",
        "zzz",
    ],
)
def test_a_word_that_no_text_has_costs_once(text: str, words: KnownWords, tokenizer: PreTrainedTokenizerFast) -> None:
    assert made_up(text, words, tokenizer) >= 1
    assert made_up(f"soup {text} soup", words, tokenizer) == made_up(text, words, tokenizer)


def test_a_corpus_of_a_script_without_spaces_has_no_words_to_know(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    KnownWords.of(["他们的汤很好", "123"], tokenizer).save(tmp_path / "words")
    none = KnownWords.load(tmp_path / "words")
    assert made_up("他们的汤很好 12", none, tokenizer) == 0
    assert made_up("soup", none, tokenizer) == 1


def test_they_are_saved_and_loaded(words: KnownWords, tmp_path: Path) -> None:
    words.save(tmp_path / "words")
    loaded = KnownWords.load(tmp_path / "words")
    places = torch.arange(-1, len(words.ends))
    assert torch.equal(loaded.made_up(places), words.made_up(places))
    assert words.made_up(places).any(1).all()


def test_decoding_writes_known_words_and_those_of_the_text_that_it_stays_near(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TextVaeModel(tiny_model)
    known = {word for text in sentences() for word in WORD_OR_SIGN.findall(text)}
    generator = torch.Generator().manual_seed(0)
    z = 2 * torch.randn(300, model.latent_dim, generator=generator)  # far from what it learned

    def strange(texts: list[str]) -> set[str]:
        pieces = {piece for text in texts for piece in text.casefold().split() if piece.isascii() and piece.isalpha()}
        return pieces - known

    monkeypatch.setattr(modeling, "MADE_UP_COST", 0.0)
    assert strange(model.decode(z)) | strange(model.draw(z, 1.0)), "or nothing is shown here"
    monkeypatch.setattr(modeling, "MADE_UP_COST", 1e4)
    assert not strange(model.decode(z)) | strange(model.draw(z, 1.0))
    kept = model.decode_near(z[:20], ["the gulyas was good ."] * 20, torch.full((20,), 60.0))
    assert strange(kept) == {"gulyas"}
