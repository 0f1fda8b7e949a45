"""The text VAE: its tokens, its networks, and a model folder as a latent model."""

from __future__ import annotations

import json
import math
import shutil
import struct
from pathlib import Path

import pytest
import torch
from conftest import sentences
from safetensors.torch import load_file
from transformers import BertConfig, BertLMHeadModel, GPT2Config, GPT2LMHeadModel, GPT2Model, PreTrainedTokenizerFast

from lcgan_core import ModelError
from lcgan_core.models.text_vae.batches import IGNORED, JudgeBatches, VaeBatches
from lcgan_core.models.text_vae.judge import Judge, chosen_judge, distinct, self_bleu
from lcgan_core.models.text_vae.latent_model import REFINING_RATE, REFINING_STEPS, TextVaeModel, encode_texts
from lcgan_core.models.text_vae.mixing import mixed_texts
from lcgan_core.models.text_vae.modeling import TextVae, TextVaeConfig
from lcgan_core.models.text_vae.pretraining.tokenizer import train_tokenizer
from lcgan_core.models.text_vae.pretraining.whitening import whiten

ODD_TEXTS = ["", "plain words", "it 's _num_ , ok ?", "naïve 😀 日本", "a  double  space", "UPPER lower"]


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> TextVaeModel:
    return TextVaeModel.load(str(tiny_model))


def test_the_tokenizer_gives_every_text_back() -> None:
    tokenizer = train_tokenizer(sentences(), vocab_size=400, max_tokens=64)
    ids = tokenizer(ODD_TEXTS)["input_ids"]
    assert all(row[-1] == tokenizer.eos_token_id for row in ids)
    assert tokenizer.batch_decode(ids, skip_special_tokens=True) == ODD_TEXTS


def test_the_tokenizer_cuts_but_keeps_the_end() -> None:
    tokenizer = train_tokenizer(sentences(), vocab_size=300, max_tokens=6)
    (ids,) = tokenizer([" ".join(sentences()[:3])], truncation=True)["input_ids"]
    assert len(ids) == 6
    assert ids[-1] == tokenizer.eos_token_id


def test_encode_keeps_the_order_whatever_the_lengths(model: TextVaeModel) -> None:
    texts = [*sentences()[:80], *ODD_TEXTS]
    together = encode_texts(model.vae, model.tokenizer, texts, batch_size=16)
    for i, text in enumerate(texts):
        alone = model.encode([text])
        assert torch.allclose(together.mean[i], alone.mean[0], atol=1e-4), text
        assert torch.allclose(together.std[i], alone.std[0], atol=1e-4), text
    backwards = model.encode(texts[::-1])
    assert torch.allclose(backwards.mean.flip(0), together.mean, atol=1e-4)


def test_refined_means_decode_to_more_of_the_texts_and_stay_near(model: TextVaeModel) -> None:
    texts = sentences()[-100:]
    encoded = encode_texts(model.vae, model.tokenizer, texts, refining_steps=0)
    found = model.encode(texts)
    before, after = (sum(model.sample_kind.closeness(texts, model.decode(z))) for z in (encoded.mean, found.mean))
    assert after > before
    assert torch.equal(found.std, encoded.std)
    assert (found.mean - encoded.mean).abs().max() <= 1.01 * REFINING_STEPS * REFINING_RATE
    with torch.inference_mode():
        assert torch.allclose(model.encode(texts).mean, found.mean)


def test_encode_of_nothing_is_nothing(model: TextVaeModel) -> None:
    assert model.encode([]).mean.shape == (0, 8)
    assert model.decode(torch.empty(0, 8)) == []


def test_encoding_generates_nothing_and_features_need_no_decoder(model: TextVaeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the decoder ran")

    monkeypatch.setattr(model.vae, "generate_tokens", refuse)
    assert model.encode(["the food was good ."]).mean.shape == (1, 8)
    hook = model.vae.decoder.register_forward_pre_hook(refuse)
    assert model.features(["the food was good ."]).shape == (1, 8)
    hook.remove()


def test_the_tiny_model_reconstructs(model: TextVaeModel) -> None:
    texts = sentences()[:60]
    exact = sum(a == b for a, b in zip(model.decode(model.encode(texts).mean), texts, strict=True))
    assert exact > 8  # an untrained model gets none


def test_decoding_depends_on_the_latent_alone(model: TextVaeModel) -> None:
    z = torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
    together = model.decode(z)
    assert model.decode(z.flip(0))[::-1] == together
    assert [text for row in z for text in model.decode(row[None])] == together
    assert model.decode(z, batch_size=7) == together


def test_generation_is_greedy_decoding_of_the_trained_network(model: TextVaeModel) -> None:
    vae, z = model.vae, torch.randn(12, 8, generator=torch.Generator().manual_seed(1))
    for row, fast in zip(z, vae.generate_tokens(z)[0], strict=True):
        tokens = [vae.config.bos_token_id]
        state = torch.tanh(vae.to_first_state(row[None]))[None]
        while len(tokens) <= vae.config.max_tokens:
            step = torch.cat([vae.embedding(torch.tensor([[tokens[-1]]])), row[None, None]], -1)
            output, state = vae.decoder(step, state)
            hidden = vae.to_embedding(torch.cat([output[:, 0], row[None]], -1))
            token = int((hidden @ vae.embedding.weight.T + vae.token_bias).argmax())
            if token == vae.config.eos_token_id:
                break
            tokens.append(token)
        assert fast == tokens[1:]


def test_generation_always_ends() -> None:
    torch.manual_seed(0)
    vae = TextVae(TextVaeConfig(vocab_size=50, latent_size=4, decoder_size=8, encoder_size=8, embedding_size=8, max_tokens=9))
    with torch.no_grad():
        vae.token_bias[vae.config.eos_token_id] = -1e9
    assert [len(row) for row in vae.eval().generate_tokens(torch.randn(5, 4))[0]] == [9] * 5


def test_the_loss_is_the_evidence_lower_bound() -> None:
    torch.manual_seed(0)
    sizes = {"latent_size": 4, "decoder_size": 8, "encoder_size": 8, "embedding_size": 8}
    vae = TextVae(TextVaeConfig(vocab_size=50, **sizes)).eval()
    ids, lengths = torch.tensor([[5, 6, 2], [7, 2, 0]]), torch.tensor([3, 2])
    labels = torch.tensor([[5, 6, 2], [7, 2, IGNORED]])
    mean, log_std = vae.encode(ids, lengths)
    posterior = torch.distributions.Normal(mean, log_std.exp())
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    torch.manual_seed(1)
    output = vae(ids, lengths, labels, kl_weight=0.5)
    assert float(output.kl.detach()) == pytest.approx(float(kl.detach()), rel=1e-4)
    assert torch.allclose(output.loss, output.reconstruction + 0.5 * output.kl)
    assert 4 < float(output.reconstruction.detach()) < 25  # 2.5 tokens of about log 50 nats

    torch.manual_seed(1)
    padded = vae(torch.nn.functional.pad(ids, (0, 3)), lengths, torch.nn.functional.pad(labels, (0, 3), value=IGNORED), 0.5)
    assert torch.allclose(padded.loss, output.loss)


def test_deletion_noise_hides_tokens_from_the_encoder_only() -> None:
    torch.manual_seed(0)
    rows = [{"input_ids": [*range(10, 200), 2]}]
    batch = VaeBatches(pad_id=0, deletion_noise=0.25)(rows)
    assert batch["labels"].tolist() == [rows[0]["input_ids"]]
    kept = batch["input_ids"][0].tolist()
    assert kept[-1] == 2
    assert 120 < len(kept) < 165
    assert kept == [*sorted(kept[:-1]), 2]
    assert VaeBatches(0, 0.0)(rows)["input_ids"].tolist() == [rows[0]["input_ids"]]


def test_half_precision_weights_come_back_as_float32_within_rounding(tiny_model: Path, tmp_path: Path) -> None:
    assert {tensor.dtype for tensor in load_file(tiny_model / "model.safetensors").values()} == {torch.float16}
    vae = TextVae.from_pretrained(tiny_model, dtype=torch.float32)
    vae.half().save_pretrained(tmp_path)
    again = TextVae.from_pretrained(tmp_path, dtype=torch.float32)
    assert {parameter.dtype for parameter in again.parameters()} == {torch.float32}
    for name, value in vae.float().state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    exact = {name: torch.randn(200, 8) for name in ("mean", "std")}
    assert all(torch.allclose(value.half().float(), value, rtol=1e-3, atol=1e-6) for value in exact.values())


def test_special_tokens_survive_saving(tiny_model: Path) -> None:
    config = TextVaeConfig.from_pretrained(tiny_model)
    tokenizer = TextVaeModel.load(str(tiny_model)).tokenizer
    assert (config.pad_token_id, config.bos_token_id, config.eos_token_id) == (
        tokenizer.pad_token_id,
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
    )
    assert config.max_tokens == tokenizer.model_max_length == 20


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
    assert chosen_judge(str(causal)).batches.bos.tolist() == [model.tokenizer.eos_token_id]
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
    batch = JudgeBatches(model.tokenizer)([{"input_ids": [7, 8, 2]}, {"input_ids": [9, 2]}])
    bos, pad = model.tokenizer.bos_token_id, model.tokenizer.pad_token_id
    assert batch["input_ids"].tolist() == [[bos, 7, 8, 2], [bos, 9, 2, pad]]
    assert batch["labels"].tolist() == [[bos, 7, 8, 2], [bos, 9, 2, IGNORED]]


def test_distinct_counts_word_pairs() -> None:
    assert distinct(["a b c", "a b d"], 2) == 3 / 4
    assert distinct(["a", ""], 2) == 0.0
    assert distinct(["a b a"], 1) == 2 / 3


def test_texts_that_are_alike_have_a_high_self_bleu() -> None:
    assert self_bleu(["the food was good here ."] * 3) == pytest.approx(100)
    assert self_bleu(["the food was good .", "my car broke down again today", "why would anyone go ?"]) < 20


def test_fingerprints_follow_the_weights(tiny_model: Path, tmp_path: Path) -> None:
    before = TextVaeModel.load(str(tiny_model)).fingerprint
    copy = tmp_path / "copy"
    shutil.copytree(tiny_model, copy)
    assert TextVaeModel.load(str(copy)).fingerprint == before
    vae = TextVae.from_pretrained(copy, dtype=torch.float32)
    with torch.no_grad():
        vae.token_bias[3] += 0.5
    vae.half().save_pretrained(copy)
    assert TextVaeModel.load(str(copy)).fingerprint != before


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json", "latents.safetensors"])
@pytest.mark.parametrize("damage", ["half", "empty", "foreign"])
def test_a_damaged_model_folder_is_told(tiny_model: Path, tmp_path: Path, name: str, damage: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_model, copy)
    file = copy / name
    content = file.read_bytes()
    header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    foreign = struct.pack("<Q", len(header)) + header + b"\0\0\0\0" if name.endswith("safetensors") else b'{"a": 1}'
    file.write_bytes({"half": content[: len(content) // 2], "empty": b"", "foreign": foreign}[damage])
    with pytest.raises(ModelError, match="is incomplete or damaged") as error:
        TextVaeModel.load(str(copy))
    assert str(copy) in str(error.value)


def test_no_such_model() -> None:
    with pytest.raises(ModelError, match=r"No text VAE called 'revues'.*lcgan pretrain"):
        TextVaeModel.load("revues")


def test_mixtures_take_some_of_the_changed_passages() -> None:
    mixed = mixed_texts("the food was cold and i hated it .", "the soup was cold and i loved it !")
    assert len(mixed) == 2**3 - 2
    assert "the food was cold and i loved it ." in mixed
    assert "the soup was cold and i hated it !" in mixed
    assert mixed_texts("good food .", "bad food .") == []
    assert mixed_texts("", "bad food .") == []
    assert "we ate here again ." in mixed_texts("last night we ate here again .", "we ate there .")
    assert len(mixed_texts("a b c d e f g h i j k l", "x b x d x f x h x j x l")) == 2**4 - 2


def test_no_mixture_is_less_fluent_than_both(tiny_model: Path) -> None:
    model = TextVaeModel(tiny_model)
    before, after = sentences()[:60], sentences()[60:120]
    found = model.mixtures(before, after)
    assert sum(map(len, found)) > 20
    for first, second, mixed in zip(before, after, found, strict=True):
        bound = max(model.judge.perplexity([text]) for text in (first, second))
        assert all(model.judge.perplexity([text]) <= bound * 1.001 for text in mixed)
        assert set(mixed) <= set(mixed_texts(first, second))
    assert sum(map(len, found)) < sum(len(mixed_texts(*pair)) for pair in zip(before, after, strict=True))
    assert model.mixtures([], []) == []


def test_a_whitened_model_says_the_same_in_other_coordinates(tiny_model: Path) -> None:
    model = TextVaeModel(tiny_model)
    texts = sentences()[:300]
    real = model.real_posteriors()
    before = encode_texts(model.vae, model.tokenizer, texts, refining_steps=0)
    said, length = model.decode(before.mean), model.vae.to_length(before.mean)
    bag = model.vae.to_bag(before.mean)
    whitened = whiten(model.vae, real)
    after = encode_texts(model.vae, model.tokenizer, texts, refining_steps=0)
    covariance = torch.cov(whitened.mean.T) + whitened.std.square().mean(0).diag()
    off = (torch.cov(real.mean.T) + real.std.square().mean(0).diag() - torch.eye(8)).square().sum()
    assert (covariance - torch.eye(8)).square().sum() < 0.5 * off, "all but what posteriors cannot say on their diagonals"
    assert whitened.mean.mean(0).abs().max() < 1e-3
    assert not torch.allclose(before.mean, after.mean, atol=0.1)
    assert sum(a == b for a, b in zip(model.decode(after.mean), said, strict=True)) > 295
    assert torch.allclose(model.vae.to_length(after.mean), length, atol=0.05)
    assert torch.allclose(model.vae.to_bag(after.mean), bag, atol=0.05)
    assert (after.std.log().mean(0) - whitened.std.log().mean(0)).abs().max() < 0.1


def test_moments_are_off_by_what_they_are_off_by() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(3000, 16, 3, generator=generator)
    vae = TextVae(TextVaeConfig(vocab_size=20, embedding_size=4, encoder_size=4, decoder_size=4, latent_size=3))
    for scale, shift, off in ((1.0, 0.0, 0.0), (2.0, 0.0, 3 * 3**2), (1.0, torch.tensor([1.0, 0.0, 0.0]), 1 + 1)):
        found = [vae.off_moments(scale * batch + shift) for batch in z]
        assert float(found[-1]) == pytest.approx(off, rel=0.3, abs=0.1)
    batch = (z[0] + torch.tensor([1.0, 0.0, 0.0])).requires_grad_()
    (slope,) = torch.autograd.grad(vae.off_moments(batch), batch)
    assert (slope[:, 0] * batch[:, 0]).sum() > 0, "less of it where there is too much"
    assert slope[:, 0].abs().sum() > 5 * slope[:, 1].abs().sum()
