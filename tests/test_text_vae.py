"""The text VAE: its tokens, its networks, and a model folder as a latent model."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest
import torch
from conftest import sentences
from safetensors.torch import load_file
from tokenizers import normalizers
from transformers import PreTrainedTokenizerFast

from lcgan_core import ModelError, Posterior
from lcgan_core.engine.whitening import whiten
from lcgan_core.models.text_vae.batches import IGNORED, LanguageModelBatches, Rows, deleted, vae_batch
from lcgan_core.models.text_vae.latent_model import (
    REFINING_RATE,
    REFINING_STEPS,
    WEIGHTS,
    TextVaeModel,
    encode_texts,
    load_vae,
)
from lcgan_core.models.text_vae.memory import MEMORY
from lcgan_core.models.text_vae.mixing import mixed_texts
from lcgan_core.models.text_vae.modeling import TextVae, TextVaeConfig
from lcgan_core.models.text_vae.naturalness import log_likelihoods
from lcgan_core.models.text_vae.pretraining.tokenizer import narrowed_tokenizer, train_tokenizer
from lcgan_core.models.text_vae.quantized import load_quantized, save_quantized
from lcgan_core.support.manifest import write_manifest

ODD_TEXTS = ["", "plain words", "it 's _num_ , ok ?", "naïve 😀 日本", "a  double  space", "UPPER lower"]
LIKE_TOKENS = ["an </s> inside", "<pad> first", "<s> and </s>"]


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> TextVaeModel:
    return TextVaeModel.load(str(tiny_model))


def test_the_tokenizer_gives_every_text_back() -> None:
    tokenizer = train_tokenizer(sentences(), vocab_size=400, max_tokens=64)
    ids = tokenizer(ODD_TEXTS + LIKE_TOKENS)["input_ids"]
    assert all(row[-1] == tokenizer.eos_token_id for row in ids)
    assert tokenizer.batch_decode(ids, skip_special_tokens=True) == ODD_TEXTS + LIKE_TOKENS


def test_what_looks_like_a_control_token_is_text(model: TextVaeModel, tmp_path: Path) -> None:
    model.tokenizer.save_pretrained(tmp_path)
    rows = Rows(PreTrainedTokenizerFast.from_pretrained(tmp_path), LIKE_TOKENS, epochs=1)
    special = {model.tokenizer.pad_token_id, model.tokenizer.bos_token_id, model.tokenizer.eos_token_id}
    for tokenizer in (model.tokenizer, TextVaeModel.load("reviews").tokenizer):
        for ids in tokenizer(LIKE_TOKENS)["input_ids"]:
            assert not special & set(ids[:-1])
    for ids, length in zip(rows.ids.tolist(), rows.lengths.tolist(), strict=True):
        assert not special & set(ids[: length - 1])


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


def tiny_vae(**sizes: int) -> TextVae:
    transformer = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": 50,
    }
    vae = TextVae(TextVaeConfig(transformer, **{"encoder_layers": 1, "latent_size": 4} | sizes))
    vae.fit_to_embeddings()
    return vae.requires_grad_(False).eval()


def test_generation_is_greedy_decoding_of_the_trained_network(model: TextVaeModel) -> None:
    vae, z = model.vae, torch.randn(12, 8, generator=torch.Generator().manual_seed(1))
    for row, fast in zip(z, vae.generate_tokens(z), strict=True):
        tokens: list[int] = []
        while len(tokens) < vae.config.max_tokens:
            ways = torch.tensor([[*tokens, token] for token in range(vae.embedding.num_embeddings)])
            each = vae.losses(row.expand(len(ways), -1), ways)[0].reshape(ways.shape)
            token = int(each[:, -1].argmin())
            if token == vae.config.eos_token_id:
                break
            tokens.append(token)
        assert fast == tokens


def test_tokens_are_drawn_as_often_as_the_network_says(model: TextVaeModel) -> None:
    z = 0.5 * torch.randn(1, model.latent_dim, generator=torch.Generator().manual_seed(4))
    evenly = (torch.arange(2000) + 0.5) / 2000
    chance = evenly[:, None].expand(-1, model.vae.config.max_tokens)
    prefix, *_ = model.vae._what_z_gives(z)
    with torch.no_grad():
        logits = model.vae.decoder(inputs_embeds=prefix).last_hidden_state[:, -1] @ model.vae.embedding.weight.T
    for temperature in (0.5, 1.0, 2.0):
        drawn = model.vae.generate_tokens(z.expand(2000, -1), temperature=temperature, chance=chance)
        first = torch.tensor([row[0] if row else model.tokenizer.eos_token_id for row in drawn])
        found = torch.bincount(first, minlength=logits.shape[1]) / 2000
        assert torch.allclose(found, (logits[0].float() / temperature).softmax(-1), atol=0.01), temperature


def test_draws_vary_with_the_temperature_and_hardly_leave_the_likeliest_when_it_is_low(model: TextVaeModel) -> None:
    z = torch.randn(40, model.latent_dim, generator=torch.Generator().manual_seed(5))
    likeliest = model.decode(z)
    assert model.draw(z, 0.0) == likeliest
    assert model.draw(z[:0], 0.7) == []
    changed = [
        sum(a != b for a, b in zip(model.draw(z, temperature), likeliest, strict=True)) for temperature in (0.01, 0.7, 2.0)
    ]
    assert changed[0] <= 1 < changed[1] < changed[2]


def test_generation_always_ends() -> None:
    torch.manual_seed(0)
    vae = tiny_vae(max_tokens=9)
    vae.embedding.weight[vae.config.eos_token_id] = -vae.embedding.weight.sum(0)
    vae.decoder.norm.weight.zero_()  # every token is as likely as any other, and the first of them is no end
    assert [len(row) for row in vae.generate_tokens(torch.randn(5, 4))] == [9] * 5


def test_the_loss_is_the_evidence_lower_bound() -> None:
    torch.manual_seed(0)
    vae = tiny_vae()
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
    reading = vae(ids, lengths, labels, kl_weight=0.5, bag_weight=1.0, decodes=False)
    assert torch.allclose(reading.loss, 0.5 * output.kl + output.bag), "what reads alone is trained without the decoder"

    torch.manual_seed(1)
    padded = vae(torch.nn.functional.pad(ids, (0, 3)), lengths, torch.nn.functional.pad(labels, (0, 3), value=IGNORED), 0.5)
    assert torch.allclose(padded.loss, output.loss, atol=1e-4)


def test_without_z_the_decoder_is_a_language_model() -> None:
    torch.manual_seed(0)
    vae = tiny_vae()
    labels = torch.tensor([[5, 6, 2], [7, 2, IGNORED]])
    found = vae.language_model_losses(labels)
    assert found.shape == labels.shape
    assert found[1, 2] == 0
    hidden = torch.ones(2, dtype=torch.bool)
    for z in torch.randn(3, 2, 4):
        assert torch.allclose(vae.losses(z, labels, hidden)[0].sum(), found.sum()), "whatever z says"
        assert not torch.allclose(vae.reconstruction_loss(z, labels), found.sum(), atol=1e-3)
    first = [vae.language_model_losses(torch.tensor([[token]])).item() for token in range(50)]
    assert torch.tensor(first).neg().exp().sum() == pytest.approx(1, abs=1e-4), "a probability for each token"


def test_the_encoder_reads_both_ways_and_the_decoder_one() -> None:
    torch.manual_seed(0)
    vae, z = tiny_vae(), torch.zeros(1, 4)
    first, other = torch.tensor([[5, 6, 7, 2]]), torch.tensor([[5, 6, 8, 2]])
    states = [vae.encoder(inputs_embeds=vae.embedding(ids), use_cache=False).last_hidden_state for ids in (first, other)]
    assert torch.allclose(states[0][:, :2], states[1][:, :2], atol=1e-6), "the transformer itself is causal"
    assert not torch.allclose(vae.encode(first, torch.tensor([4]))[0], vae.encode(first[:, [1, 0, 2, 3]], torch.tensor([4]))[0])
    each = [vae.losses(z, ids)[0] for ids in (first, other)]
    assert torch.allclose(each[0][:2], each[1][:2], atol=1e-6)
    assert not torch.allclose(each[0][3], each[1][3], atol=1e-6)


def test_deletion_noise_hides_tokens_from_the_encoder_only() -> None:
    torch.manual_seed(0)
    long, short = [*range(10, 200), 2], [*range(10, 60), 2]
    padded = [long, short + [0] * (len(long) - len(short))]
    rows = {"input_ids": torch.tensor(padded), "lengths": torch.tensor([len(long), len(short)])}
    whole = vae_batch(rows)
    batch = deleted(whole, 0.25, pad_id=0)
    assert batch["labels"].tolist() == [long, short + [IGNORED] * (len(long) - len(short))]
    for ids, length, most in zip(batch["input_ids"].tolist(), batch["lengths"].tolist(), (190, 50), strict=True):
        kept = ids[:length]
        assert kept[-1] == 2
        assert 0.6 * most < length < 0.9 * most
        assert kept == [*sorted(kept[:-1]), 2]
        assert not any(ids[length:])
    for each in (whole, deleted(whole, 0.0, pad_id=0)):
        assert each["input_ids"].tolist() == padded
        assert each["lengths"].tolist() == [len(long), len(short)]


def test_weights_of_eight_bits_come_back_within_rounding(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(100, 80), torch.nn.LayerNorm(80))
    with torch.no_grad():
        layers[0].weight[3] *= 1000
        layers[0].weight[4] = 0
    save_quantized(layers, tmp_path / "weights")
    assert {value.dtype for value in load_file(tmp_path / "weights").values()} == {torch.int8, torch.float32, torch.float16}
    again = load_quantized(lambda: torch.nn.Sequential(torch.nn.Linear(100, 80), torch.nn.LayerNorm(80)), tmp_path / "weights")
    off = (again[0].weight - layers[0].weight).abs()
    assert (off <= layers[0].weight.abs().amax(1, keepdim=True) / 127 / 2 + 1e-6).all()
    assert torch.allclose(again[0].bias, layers[0].bias, atol=1e-3)
    with pytest.raises(ValueError, match="do not fit the architecture"):
        load_quantized(lambda: torch.nn.Linear(10**7, 10**7), tmp_path / "weights")


def test_special_tokens_survive_saving(tiny_model: Path) -> None:
    config = TextVaeConfig.from_pretrained(tiny_model)
    tokenizer = TextVaeModel.load(str(tiny_model)).tokenizer
    assert (config.pad_token_id, config.bos_token_id, config.eos_token_id) == (
        tokenizer.pad_token_id,
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
    )
    assert config.max_tokens == tokenizer.model_max_length == 20


def test_fingerprints_follow_the_weights(tiny_model: Path, tmp_path: Path) -> None:
    before = TextVaeModel.load(str(tiny_model)).fingerprint
    copy = tmp_path / "copy"
    shutil.copytree(tiny_model, copy)
    assert TextVaeModel.load(str(copy)).fingerprint == before
    vae, _ = load_vae(copy)
    vae.bag_bias[3] += 0.5
    save_quantized(vae, copy / WEIGHTS)
    write_manifest(copy)
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
    with pytest.raises(ModelError, match=f"{name} is not as lcgan pretrain wrote it"):
        TextVaeModel.load(str(copy))
    write_manifest(copy)  # as whoever made a folder with such a file would have done
    with pytest.raises(ModelError, match="is incomplete or damaged") as error:
        TextVaeModel.load(str(copy))
    assert str(copy) in str(error.value)


def test_one_flipped_bit_in_what_is_read_later_is_told(tiny_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_model, copy)
    content = bytearray((copy / MEMORY).read_bytes())
    content[-1] ^= 1
    (copy / MEMORY).write_bytes(content)
    model = TextVaeModel.load(str(copy))
    with pytest.raises(ModelError, match=f"{MEMORY} is not as lcgan pretrain wrote it"):
        model.memory(["good food ."])


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


def test_a_model_mixes_each_pair(tiny_model: Path) -> None:
    model = TextVaeModel(tiny_model)
    assert model.mixtures(["good food .", "good food here ."], ["bad food .", "bad soup here !"]) == [
        [],
        mixed_texts("good food here .", "bad soup here !"),
    ]
    assert model.mixtures([], []) == []


def test_a_change_adds_the_surprisal_of_what_is_new(tiny_model: Path) -> None:
    model = TextVaeModel(tiny_model)
    text = "the soup was cold ."
    added = model.added_surprisal([text, text, text, ""], [text, "the bread was cold .", "the soup soup was cold .", text])
    assert added[0] == 0
    assert 0 < added[1] < added[2], "a word that fits adds less than one that does not"
    likely = log_likelihoods(model.vae, model.tokenizer, ["", text])
    end_of_nothing = -float(likely[0])  # its only token is kept, and may take from what the end of the text adds
    assert -float(likely[1]) - end_of_nothing <= float(added[3]) <= -float(likely[1]) + 1e-3
    assert len(model.added_surprisal([], [])) == 0


def test_a_whitened_model_says_the_same_in_other_coordinates(tiny_model: Path) -> None:
    model = TextVaeModel(tiny_model)
    texts, vae = sentences()[:300], model.vae
    with torch.no_grad():  # a latent space that is far from N(0, I)
        vae.to_posterior.weight[:4] *= 3
        vae.to_posterior.bias[:4] += 1
    before = encode_texts(vae, model.tokenizer, texts, refining_steps=0)
    said, length, bag = model.decode(before.mean), vae.to_length(before.mean), vae.to_bag(before.mean)
    whiten(before, vae.to_posterior, vae.readers())
    after = encode_texts(vae, model.tokenizer, texts, refining_steps=0)

    def off(posterior: Posterior) -> float:
        covariance = torch.cov(posterior.mean.T) + posterior.std.square().mean(0).diag()
        return float((covariance - torch.eye(8)).square().sum())

    assert off(after) < 0.1 * off(before)
    assert after.mean.mean(0).abs().max() < 1e-3
    assert sum(a == b for a, b in zip(model.decode(after.mean), said, strict=True)) > 295
    assert torch.allclose(vae.to_length(after.mean), length, atol=0.05)
    assert torch.allclose(vae.to_bag(after.mean), bag, atol=0.05)


def test_a_narrowed_tokenizer_splits_the_corpus_as_the_whole_one_does() -> None:
    whole = train_tokenizer([*sentences(), "of 17 reviews some were written in haste"], vocab_size=420, max_tokens=64)
    whole.backend_tokenizer.normalizer = normalizers.NFC()  # as others have it: no space goes before a text
    texts = sentences()[:7]
    narrow, ids = narrowed_tokenizer(whole, texts, max_tokens=12)
    assert len(narrow) == len(ids) < len(whole)
    assert narrow.model_max_length == 12
    for text in texts:
        there = whole(" " + text, add_special_tokens=False)["input_ids"]
        assert [int(ids[token]) for token in narrow(text)["input_ids"][:-1]] == there
    assert narrow.batch_decode(narrow(ODD_TEXTS)["input_ids"], skip_special_tokens=True) == ODD_TEXTS


def test_batches_for_a_language_model_start_with_bos_and_score_no_padding(tiny_model: Path) -> None:
    tokenizer = TextVaeModel(tiny_model).tokenizer
    bos, padding = tokenizer.bos_token_id, tokenizer.pad_token_id
    rows = {"input_ids": torch.tensor([[7, 8, 2], [9, 2, padding]]), "lengths": torch.tensor([3, 2])}
    batch = LanguageModelBatches(tokenizer)(rows)
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert batch["input_ids"].tolist() == [[bos, 7, 8, 2], [bos, 9, 2, padding]]
    assert batch["labels"].tolist() == [[bos, 7, 8, 2], [bos, 9, 2, IGNORED]]
