"""What a text VAE starts from: another one, layers of a language model, or chance."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import Lcgan, sentences
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5Model,
)

from lcgan_core.errors import ModelError
from lcgan_core.models.text_vae.latent_model import TextVaeModel, encode_texts
from lcgan_core.models.text_vae.naturalness import log_likelihoods
from lcgan_core.models.text_vae.pretraining import pretrain as pretraining
from lcgan_core.models.text_vae.pretraining.recipe import PretrainConfig
from lcgan_core.models.text_vae.pretraining.start import start, with_decoder_at_hand
from lcgan_core.models.text_vae.pretraining.training import fit


def test_a_vae_starts_from_the_first_layers_and_the_last_of_a_language_model(causal: Path) -> None:
    theirs = LlamaForCausalLM.from_pretrained(causal)
    config = PretrainConfig(corpus=Path("any"), decoder=str(causal), decoder_layers=2, encoder_layers=1, written=1)
    started = start(config, sentences()[:20])
    vae, tokenizer, whole = started.vae, started.tokenizer, started.language_model
    assert len(vae.decoder.layers) == 2
    assert not started.decoder_writes, "a part of a language model must learn to write again"
    assert len(vae.encoder.layers) == 1
    for network in (vae.decoder, vae.encoder):
        assert torch.equal(network.layers[0].mlp.up_proj.weight, theirs.model.layers[0].mlp.up_proj.weight)
    assert torch.equal(vae.decoder.layers[1].mlp.up_proj.weight, theirs.model.layers[2].mlp.up_proj.weight)
    all_of_it = start(config.model_copy(update={"written": 0, "decoder_layers": None}), sentences()[:20])
    assert len(all_of_it.vae.decoder.layers) == theirs.config.num_hidden_layers
    assert all_of_it.decoder_writes
    assert all_of_it.language_model is None, "it would only take memory"
    word = tokenizer.vocab["Ġwas"]
    there = PreTrainedTokenizerFast.from_pretrained(causal).vocab["Ġwas"]
    assert torch.equal(vae.embedding.weight[word], theirs.get_input_embeddings().weight[there])
    assert whole is not None
    assert whole.config.num_hidden_layers == theirs.config.num_hidden_layers
    assert torch.equal(whole.get_output_embeddings().weight[word], theirs.get_output_embeddings().weight[there])
    assert len(tokenizer) < theirs.config.vocab_size


def test_other_architectures_serve_too_and_what_does_not_is_an_error(causal: Path, run_lcgan: Lcgan) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(causal)
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=2, n_head=2)).save_pretrained("gpt2")
    tokenizer.save_pretrained("gpt2")
    Path("corpus.txt").write_text("\n".join(sentences()[:100]), encoding="utf-8")
    line = (
        "pretrain",
        "corpus.txt",
        "--out",
        "model",
        "--set",
        "epochs=1",
        "--set",
        "decoder_layers=2",
    )
    ran = run_lcgan(*line, "--set", "decoder=gpt2", "--set", "written=100")
    assert ran.exit_code == 0, ran.output
    assert TextVaeModel(Path("model")).encode(["the food was good ."]).mean.isfinite().all()
    assert "begun from `gpt2`" in Path("model/README.md").read_text(encoding="utf-8")

    missing = run_lcgan(*line[:3], "other", "--set", "decoder=./nowhere")
    assert missing.exit_code == 1
    assert "decoder: there is no folder ./nowhere. Choose another: --set decoder=FOLDER" in missing.stderr
    deep = run_lcgan(*line[:3], "deep", "--set", f"decoder={causal}", "--set", "decoder_layers=4")
    assert "has 3 layers, and decoder_layers=4 asks for more" in deep.stderr


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """A text encoder with a WordPiece tokenizer of small letters, as BERT has it."""
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    pieces.train_from_iterator(sentences(), trainers.WordPieceTrainer(vocab_size=300, special_tokens=special))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=True))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, **names)
    sizes = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


def test_a_text_encoder_reads_the_tokens_of_the_vae(bert: Path) -> None:
    theirs, its_tokenizer = BertModel.from_pretrained(bert), PreTrainedTokenizerFast.from_pretrained(bert)
    config = PretrainConfig(corpus=Path("any"), decoder="chance", encoder=str(bert), latent_size=8)
    started = start(config, [text.replace("the", "The") for text in sentences()])
    vae, tokenizer = started.vae.eval(), started.tokenizer
    known, here = theirs.get_input_embeddings().weight, vae.encoder.get_input_embeddings().weight
    for mine, pieces in (("Ġwas", ["was"]), ("s", ["##s"]), ("ĠThe", ["the"]), ("</s>", ["[SEP]"])):
        rows = known[its_tokenizer.convert_tokens_to_ids(pieces)]
        assert torch.equal(here[tokenizer.vocab[mine]], rows.mean(0)), mine
    assert torch.equal(vae.encoder.encoder.layer[2].output.dense.weight, theirs.encoder.layer[2].output.dense.weight)
    assert vae.to_posterior.in_features == 2 * 24
    alone = encode_texts(vae, tokenizer, ["the food was good ."], refining_steps=0).mean
    beside = encode_texts(
        vae, tokenizer, ["the food was good .", "the food was good , and then it was cold ."], refining_steps=0
    )
    assert torch.allclose(alone[0], beside.mean[0], atol=1e-5), "padding is not read"
    first = start(config.model_copy(update={"encoder_layers": 1}), sentences()[:50]).vae
    assert len(first.encoder.encoder.layer) == 1


@pytest.mark.parametrize("decoder", ["causal", "chance"])
def test_a_vae_with_a_text_encoder_is_trained_and_loaded(
    causal: Path, bert: Path, monkeypatch: pytest.MonkeyPatch, run_lcgan: Lcgan, decoder: str
) -> None:
    known: list[int] = []
    monkeypatch.setattr(
        pretraining, "fit", lambda *args, **options: known.append(len(options["known"])) or fit(*args, **options)
    )
    Path("corpus.txt").write_text("\n".join(sentences()[:200]), encoding="utf-8")
    recipe = {"decoder": str(causal) if decoder == "causal" else decoder, "encoder": str(bert), "latent_size": 8, "epochs": 2}
    ran = run_lcgan("pretrain", "corpus.txt", "--out", "model", *(f"--set={key}={value}" for key, value in recipe.items()))
    assert ran.exit_code == 0, ran.output
    assert all(known), "the encoder has learned before"
    assert len(known) == (2 if decoder == "causal" else 1)
    model = TextVaeModel(Path("model"))
    assert isinstance(model.vae.encoder, BertModel)
    assert model.encode(["the food was good ."]).mean.isfinite().all()
    assert "(3 layers read," in Path("model/README.md").read_text(encoding="utf-8")


def test_an_encoder_that_does_not_serve_is_an_error(causal: Path, bert: Path, run_lcgan: Lcgan) -> None:
    Path("corpus.txt").write_text("\n".join(sentences()[:100]), encoding="utf-8")
    both_halves = T5Config(vocab_size=300, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5Model(both_halves).save_pretrained("t5")
    PreTrainedTokenizerFast.from_pretrained(bert).save_pretrained("t5")
    for settings, message in (
        (
            ["decoder=chance", "encoder=./nowhere"],
            "encoder: there is no folder ./nowhere. Choose another: --set encoder=FOLDER",
        ),
        (["decoder=chance", f"encoder={causal}"], "reads from left to right only"),
        (["decoder=chance", "encoder=t5"], "encoder: t5 is no encoder of texts: "),
        (["decoder=chance", f"encoder={bert}", "encoder_layers=4"], "has 3 layers, and encoder_layers=4 asks for more"),
        ([f"encoder={bert}"], "encoder: the text VAE reviews has an encoder of its own"),
    ):
        ran = run_lcgan("pretrain", "corpus.txt", "--out", "model", *(f"--set={setting}" for setting in settings))
        assert ran.exit_code == 1
        assert message in ran.stderr
        shutil.rmtree("model", ignore_errors=True)


def test_a_vae_goes_on_from_another_with_the_tokens_of_its_own_corpus(tiny_model: Path) -> None:
    trained = TextVaeModel(tiny_model)
    sizes = {"decoder_layers": 2, "encoder_layers": 1, "latent_size": 8}
    config = PretrainConfig(corpus=Path("any"), decoder=str(tiny_model), vocab_size=300, **sizes)
    texts = [text.replace("the", "The") for text in sentences()]
    started = start(config, texts)
    vae, tokenizer = started.vae, started.tokenizer
    assert started.language_model is None
    word, capital = tokenizer.vocab["Ġwas"], tokenizer.vocab["ĠThe"]
    for there, here in (("Ġwas", word), ("Ġthe", capital)):
        known = trained.tokenizer.vocab[there]
        assert torch.equal(vae.embedding.weight[here], trained.vae.embedding.weight[known]), "it knows no capitals"
        assert vae.bag_bias[here] == trained.vae.bag_bias[known]
    nothing = start(config.model_copy(update={"decoder": "chance"}), texts).vae
    taught, untaught = (log_likelihoods(each.eval(), tokenizer, texts[:300]).mean() for each in (vae, nothing))
    assert taught > 0.8 * untaught, "in nats; most tokens are new to it"


def test_a_vae_that_starts_from_the_model_that_ships_knows_its_english() -> None:
    texts = ["We waited for an hour, and the soup was cold.", "A friendly little place with good coffee."] * 20
    unlike = [" ".join(reversed(text.split())) for text in texts]
    started = start(PretrainConfig(corpus=Path("any"), decoder="reviews", vocab_size=600), texts)
    real, garbled = (log_likelihoods(started.vae.eval(), started.tokenizer, some).mean() for some in (texts, unlike))
    assert real > garbled + 10, "in nats a text, before any training"


def test_by_default_a_vae_starts_from_a_language_model_of_the_hub(causal: Path, tmp_path: Path) -> None:
    cached = tmp_path / "hub" / "models--HuggingFaceTB--SmolLM2-135M"
    shutil.copytree(causal, cached / "snapshots" / ("1" * 40))
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("1" * 40)
    (tmp_path / "corpus.txt").write_text("\n".join(sentences()[:100]), encoding="utf-8")
    line = [sys.executable, "-m", "lcgan_core", "pretrain", "corpus.txt", "--out", "model", "--set", "epochs=1"]
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(line, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "the training starts from" not in ran.stderr
    made = TextVaeModel(tmp_path / "model")
    assert len(made.vae.decoder.layers) == 3
    assert made.vae.config.output_from_z, "all of the language model, which writes without z"
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "begun from `HuggingFaceTB/SmolLM2-135M`" in card


def test_where_the_hub_cannot_be_reached_a_vae_starts_from_the_model_that_ships(caplog: pytest.LogCaptureFixture) -> None:
    config = PretrainConfig(corpus=Path("any"))
    assert with_decoder_at_hand(config).decoder == "reviews"
    assert "name it with --set decoder=FOLDER. For now, the training starts from reviews" in caplog.text
    named = PretrainConfig(corpus=Path("any"), decoder=config.decoder)
    assert with_decoder_at_hand(named) == named, "what is asked for is not replaced"
    with pytest.raises(ModelError, match="could not be loaded from the hub"):
        start(named, sentences()[:20])


def test_what_a_vae_cannot_go_on_from_is_an_error(tiny_model: Path, run_lcgan: Lcgan) -> None:
    Path("corpus.txt").write_text("\n".join(sentences()[:100]), encoding="utf-8")
    broken = Path("broken")
    shutil.copytree(tiny_model, broken)
    (broken / "model.safetensors").write_bytes(b"no weights")
    for settings, message in (
        (["decoder=reviews", "latent_size=32"], "the text VAE reviews has latent_size=64, and the recipe asks for 32"),
        ([f"decoder={tiny_model}", "decoder_layers=2", "encoder_layers=1"], "Take what it has (--set latent_size=8)"),
        (["decoder=broken"], "decoder: broken is no whole text VAE: "),
        (["decoder=chance", "written=9"], "written: chance is no language model, and writes no texts"),
    ):
        line = [argument for setting in settings for argument in ("--set", setting)]
        ran = run_lcgan("pretrain", "corpus.txt", "--out", f"model-{settings[-1]}", *line)
        assert ran.exit_code == 1
        assert message in ran.stderr


def test_longest_texts_follow_the_corpus() -> None:
    def longest(texts: list[str], **recipe: int) -> int:
        config = PretrainConfig(corpus=Path("any"), decoder="chance", width=8, **recipe)
        found: int = start(config, texts).tokenizer.model_max_length
        return found

    short = sentences()[:200]
    assert longest(short) < longest([text + " " + text for text in short]) <= 128
    assert longest([" ".join(short)]) == 128
    assert longest(short, max_tokens=6) == 6
