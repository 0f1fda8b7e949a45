"""The judge of fluency, and the figures of a set of texts."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertLMHeadModel, GPT2Config, GPT2LMHeadModel, GPT2Model, PreTrainedTokenizerFast

from lcgan_core import ModelError
from lcgan_core.models.text_vae.batches import IGNORED, JudgeBatches
from lcgan_core.models.text_vae.judge import Judge, chosen_judge, distinct, self_bleu
from lcgan_core.models.text_vae.latent_model import TextVaeModel


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> TextVaeModel:
    return TextVaeModel.load(str(tiny_model))


def test_perplexity_is_of_the_judges_own_likelihood(model: TextVaeModel) -> None:
    texts = ["the food was good .", "the soup was cold and the room was nice ."]
    loss = tokens = 0.0
    for text in texts:
        ids = torch.tensor([[model.tokenizer.bos_token_id, *model.tokenizer(text)["input_ids"]]])
        with torch.no_grad():
            loss += float(model.judge.model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
        tokens += ids.shape[1] - 1
    assert model.judge.perplexity(texts) == pytest.approx(torch.tensor(loss / tokens).exp().item(), rel=1e-3)
    shuffled = ["food good the . was", "was the soup room cold . and nice the was"]
    assert model.judge.perplexity(shuffled) > 2 * model.judge.perplexity(texts)
    assert isinstance(model.judge, Judge)


@pytest.fixture
def causal(model: TextVaeModel, tmp_path: Path) -> Path:
    """A folder that anyone may have saved: a causal language model and its tokenizer."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        GPT2LMHeadModel(GPT2Config(**model.judge.model.config.to_dict() | {"n_embd": 32})).save_pretrained(tmp_path / "causal")
    model.tokenizer.save_pretrained(tmp_path / "causal")
    return tmp_path / "causal"


def test_any_causal_language_model_tells_perplexity_but_of_no_end(causal: Path, model: TextVaeModel) -> None:
    texts = ["the food was good .", "", "the soup was cold and the room was nice ."]
    judge = chosen_judge(str(causal))
    theirs = GPT2LMHeadModel.from_pretrained(causal).eval()
    loss = tokens = 0.0
    for text in (texts[0], texts[2]):
        ids = torch.tensor([[model.tokenizer.bos_token_id, *model.tokenizer(text, add_special_tokens=False)["input_ids"]]])
        with torch.no_grad():
            loss += float(theirs(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
        tokens += ids.shape[1] - 1
    assert judge.perplexity(texts) == pytest.approx(torch.tensor(loss / tokens).exp().item(), rel=1e-4)
    assert judge.perplexity(texts) != pytest.approx(model.judge.perplexity(texts), rel=0.1)
    assert judge.perplexity([texts[0] * 20]) > 1  # cut to what it takes
    assert judge.perplexity([""]) == math.inf


def test_a_tokenizer_without_a_beginning_begins_with_the_end(causal: Path, model: TextVaeModel) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(causal)
    tokenizer.bos_token = tokenizer.pad_token = None
    tokenizer.save_pretrained(causal)
    assert chosen_judge(str(causal)).batches.bos_id == model.tokenizer.eos_token_id
    tokenizer.eos_token = None
    tokenizer.save_pretrained(causal)
    with pytest.raises(ModelError, match=r"causal has no token that a text begins with\. Choose another:$"):
        chosen_judge(str(causal))


def test_a_model_that_looks_ahead_tells_no_perplexity(causal: Path, model: TextVaeModel) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertLMHeadModel(BertConfig(vocab_size=len(model.tokenizer), initializer_range=0.5, **sizes)).save_pretrained(causal)
    with pytest.raises(ModelError, match=r"is no causal language model: it sees the token that it is to tell\."):
        chosen_judge(str(causal))
    GPT2Model(GPT2Config(**model.judge.model.config.to_dict() | {"tie_word_embeddings": False})).save_pretrained(causal)
    with pytest.raises(ModelError, match=r"is not a trained causal language model: its weights lack lm_head\.weight\."):
        chosen_judge(str(causal))


def test_judge_batches_start_with_bos_and_score_no_padding(model: TextVaeModel) -> None:
    bos, pad = model.tokenizer.bos_token_id, model.tokenizer.pad_token_id
    rows = {"input_ids": torch.tensor([[7, 8, 2], [9, 2, pad]]), "lengths": torch.tensor([3, 2])}
    batch = JudgeBatches(model.tokenizer)(rows)
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert batch["input_ids"].tolist() == [[bos, 7, 8, 2], [bos, 9, 2, pad]]
    assert batch["labels"].tolist() == [[bos, 7, 8, 2], [bos, 9, 2, IGNORED]]


def test_distinct_counts_word_pairs() -> None:
    assert distinct(["a b c", "a b d"], 2) == 3 / 4
    assert distinct(["a", ""], 2) == 0.0
    assert distinct(["a b a"], 1) == 2 / 3


def test_texts_that_are_alike_have_a_high_self_bleu() -> None:
    assert self_bleu(["the food was good here ."] * 3) == pytest.approx(100)
    assert self_bleu(["the food was good .", "my car broke down again today", "why would anyone go ?"]) < 20
