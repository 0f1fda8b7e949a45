"""Perplexity by a language model of the user's choice."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertLMHeadModel, GPT2Config, GPT2LMHeadModel, GPT2Model, PreTrainedTokenizerFast

from lcgan_core import ModelError
from lcgan_core.models.text_vae.latent_model import TextVaeModel
from lcgan_core.tools.perplexity import load_language_model


@pytest.fixture
def tokenizer(tiny_model: Path) -> PreTrainedTokenizerFast:
    return TextVaeModel.load(str(tiny_model)).tokenizer


@pytest.fixture
def sizes(tokenizer: PreTrainedTokenizerFast) -> GPT2Config:
    return GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=24)


@pytest.fixture
def causal(sizes: GPT2Config, tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Path:
    """A folder that anyone may have saved: a causal language model and its tokenizer."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        GPT2LMHeadModel(sizes).save_pretrained(tmp_path / "causal")
    tokenizer.save_pretrained(tmp_path / "causal")
    return tmp_path / "causal"


def test_perplexity_is_of_all_tokens_but_of_no_end(causal: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    texts = ["the food was good .", "", "the soup was cold and the room was nice ."]
    language_model = load_language_model(str(causal))
    theirs = GPT2LMHeadModel.from_pretrained(causal).eval()
    loss = tokens = 0.0
    for text in (texts[0], texts[2]):
        ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]])
        with torch.no_grad():
            loss += float(theirs(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
        tokens += ids.shape[1] - 1
    assert language_model.perplexity(texts) == pytest.approx(torch.tensor(loss / tokens).exp().item(), rel=1e-4)
    assert language_model.perplexity([texts[0] * 20]) > 1  # cut to what it takes
    assert language_model.perplexity([""]) == math.inf


def test_a_tokenizer_without_a_beginning_begins_with_the_end(causal: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    other = PreTrainedTokenizerFast.from_pretrained(causal)
    other.bos_token = other.pad_token = None
    other.save_pretrained(causal)
    assert load_language_model(str(causal)).begins == tokenizer.eos_token_id
    other.eos_token = None
    other.save_pretrained(causal)
    with pytest.raises(ModelError, match=r"causal has no token that a text begins with\. Choose another:$"):
        load_language_model(str(causal))


def test_a_model_that_looks_ahead_tells_no_perplexity(
    causal: Path, sizes: GPT2Config, tokenizer: PreTrainedTokenizerFast
) -> None:
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertLMHeadModel(BertConfig(vocab_size=len(tokenizer), initializer_range=0.5, **small)).save_pretrained(causal)
    with pytest.raises(ModelError, match=r"is no causal language model: it sees the token that it is to tell\."):
        load_language_model(str(causal))
    GPT2Model(GPT2Config(**sizes.to_dict() | {"tie_word_embeddings": False})).save_pretrained(causal)
    with pytest.raises(ModelError, match=r"is not a trained causal language model: its weights lack lm_head\.weight\."):
        load_language_model(str(causal))
