"""Corpora of every kind, and pretraining from corpus to model folder."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest
import torch
from conftest import TINY_RECIPE, Lcgan, sentences
from datasets import Dataset
from safetensors.torch import load_file
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

import lcgan_core.models.text_vae.pretraining.pretrain as pretraining
import lcgan_core.models.text_vae.pretraining.writer as writer
from lcgan_core import CorpusError
from lcgan_core.cli.tables import field_rows
from lcgan_core.errors import TrainingError
from lcgan_core.models.text_vae.batches import LanguageModelBatches, Rows
from lcgan_core.models.text_vae.latent_model import TextVaeModel, encode_texts
from lcgan_core.models.text_vae.pretraining.meaning import MEANING_SIZE, meanings
from lcgan_core.models.text_vae.pretraining.recipe import PretrainConfig
from lcgan_core.models.text_vae.pretraining.tokenizer import train_tokenizer
from lcgan_core.models.text_vae.pretraining.training import BatchesOfOneLength, fit
from lcgan_core.recipe import recipe_in
from lcgan_core.sample_kinds.corpus import load_corpus
from lcgan_core.support.trainer import last_whole_checkpoint

TEXTS = ["good food", 'a "quoted" , text', "007", "null", "naïve 😀"]


def write(folder: Path, kind: str) -> Path:
    path = folder / f"corpus.{kind}"
    rows = Dataset.from_dict({"text": TEXTS, "label": ["a"] * len(TEXTS)})
    if kind == "txt":
        path.write_text("\n".join([*TEXTS[:2], "", "   ", *TEXTS[2:]]), encoding="utf-8")
    elif kind.lower() in ("csv", "tsv"):
        rows.to_csv(path, sep="\t" if kind.lower() == "tsv" else ",")
    elif kind == "csv.gz":
        rows.to_csv(folder / "plain.csv")
        path.write_bytes(gzip.compress((folder / "plain.csv").read_bytes()))
    elif kind == "jsonl":
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS), encoding="utf-8")
    else:
        rows.to_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["txt", "csv", "CSV", "tsv", "Tsv", "csv.gz", "jsonl", "parquet"])
def test_every_kind_of_corpus_gives_its_texts_in_order(tmp_path: Path, kind: str) -> None:
    assert load_corpus(write(tmp_path, kind)) == TEXTS


def test_a_corpus_that_cannot_be_read(tmp_path: Path) -> None:
    cases = {
        "gone.txt": (None, "No corpus at"),
        "empty.txt": (b"", "contains no text"),
        "empty.csv": (b"", "contains no text"),
        "blank.txt": (b"\n  \n\n", "contains no text"),
        "header.csv": (b"text,label\n", "contains no text"),
        "latin.txt": ("naïve".encode("latin-1"), "is not UTF-8 text"),
        "latin.csv": ("text\nnaïve\n".encode("latin-1"), "is not UTF-8 text"),
        "other.csv": (b"review,label\ngood,1\n", "has no column 'text'; it has review, label. Choose with --column"),
        "broken.jsonl": (b'{"text": "a"}\n{"text": \n', "cannot be read"),
        "broken.parquet": (b"PAR1 not really", "cannot be read"),
        "corpus.docx": (b"PK", "not in '.docx'"),
    }
    for name, (content, message) in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(CorpusError, match=message) as error:
            load_corpus(tmp_path / name)
        assert name in str(error.value)


def test_another_column(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("review,label\ngood,1\n", encoding="utf-8")
    assert load_corpus(tmp_path / "c.csv", "review") == ["good"]


def test_a_model_folder_is_whole_and_measured(tiny_model: Path) -> None:
    assert sorted(path.name for path in tiny_model.iterdir()) == [
        "README.md",
        "config.json",
        "latents.safetensors",
        "manifest.json",
        "measured.json",
        "memory.safetensors",
        "model.safetensors",
        "pretrain.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "words.safetensors",
    ]
    measured = json.loads((tiny_model / "measured.json").read_text(encoding="utf-8"))
    assert 10 < measured["bleu"] <= 100
    assert 0 < measured["exact"] <= 1
    assert measured["kl"] > 1
    assert 1 <= measured["active_units"] <= measured["latent_dim"] == 8
    assert set(measured["naturalness"]) == {"real", "reconstruction", "posterior", "prior"}
    assert measured["naturalness"]["real"] == pytest.approx(0.5, abs=0.1)
    latents = load_file(tiny_model / "latents.safetensors")
    assert latents["mean"].shape == latents["std"].shape
    assert (latents["std"] > 0).all()
    card = (tiny_model / "README.md").read_text(encoding="utf-8")
    assert f"BLEU {measured['bleu']:.1f}" in card
    assert set(measured["memory"]) == set(measured["naturalness"])
    made_up = measured["memory"]["prior"]["made_up_words"]
    assert f"{made_up['share']:.1%} (real: {made_up['expected']:.1%})" in card
    assert measured["memory"]["real"]["made_up_words"]["share"] == pytest.approx(made_up["expected"], abs=0.01)
    recipe = recipe_in(tiny_model, {"text-vae": PretrainConfig})
    assert isinstance(recipe, PretrainConfig)
    assert recipe.latent_size == 8
    assert card.endswith(recipe.card_section())
    assert f"\n{recipe.command('OUT')}\n" in card
    assert "\n| encoder | not set |\n" in card
    assert "\n| latent_size | 8 |\n" in card


def test_latents_are_those_of_the_corpus(tiny_model: Path) -> None:
    model = TextVaeModel.load(str(tiny_model))
    decoded = set(model.decode(model.real_posteriors().mean))
    assert len(decoded & set(sentences())) > 10


def die(*_: object) -> None:
    raise KeyboardInterrupt


def test_pretraining_resumes_where_it_was_killed(run_lcgan: Lcgan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Path("corpus.txt")
    corpus.write_text("\n".join(sentences()), encoding="utf-8")

    short = [*TINY_RECIPE, "--set", "epochs=1"]
    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "load_corpus", die)
        cut = run_lcgan("pretrain", corpus, "--out", "model", *short)
    assert cut.stderr.endswith("Interrupted.\n"), "there is nothing to resume"
    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "log_likelihoods", die)
        cut = run_lcgan("pretrain", corpus, "--out", "model", *short)
    assert cut.exit_code == 1
    assert "Interrupted. Resume with: lcgan pretrain --resume model" in cut.stderr
    assert "Finish it with lcgan pretrain --resume " in run_lcgan("run", "--model", "model", "-c", "length").stderr
    weights = Path("model/model.safetensors").read_bytes()

    refused = run_lcgan("pretrain", corpus, "--out", "model", *short)
    assert refused.exit_code == 1
    assert "model is not empty" in refused.stderr

    monkeypatch.chdir(tmp_path)
    resumed = run_lcgan("pretrain", "--resume", "work/model", "--json")
    assert resumed.exit_code == 0, resumed.output
    assert json.loads(resumed.stdout)["latent_dim"] == 8
    assert Path("work/model/model.safetensors").read_bytes() == weights
    assert not Path("work/model/checkpoints").exists()


def test_a_recipe_finds_its_files_from_anywhere_and_tells_how_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here/language-model", "here/texts", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    typed = {
        "corpus": Path("datasets:texts:plain#train[:9]"),
        "valid": Path("valid.txt"),
        "about": "texts",
        "decoder": "language-model",
        "encoder": "someone/bert",
        "meaning_model": str(tmp_path / "elsewhere"),
    }
    monkeypatch.chdir(tmp_path / "here")
    recipe = PretrainConfig(**typed)
    recipe.save(Path("models/mine"))
    assert recipe_in(Path("models/mine"), {"text-vae": PretrainConfig}) == recipe
    not_here = PretrainConfig(corpus=Path("datasets:someone/texts#train"), decoder="reviews")
    not_here.save(Path("reviews"))

    monkeypatch.chdir(tmp_path / "elsewhere")
    assert recipe_in(Path("../here/reviews"), {"text-vae": PretrainConfig}) == not_here
    found = recipe_in(Path("../here/models/mine"), {"text-vae": PretrainConfig})
    moved = {
        "corpus": Path("datasets:../here/texts:plain#train[:9]"),
        "valid": Path("../here/valid.txt"),
        "decoder": "../here/language-model",
    }
    assert found == recipe.model_copy(update=moved)


def small_language_model(texts: list[str]) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    torch.manual_seed(0)
    tokenizer = train_tokenizer(texts, vocab_size=300, max_tokens=16)
    special = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes, **special)), tokenizer


def test_a_language_model_writes_more_texts_of_the_kind_and_none_that_the_corpus_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LEARNING_RATE", 1e-2)
    monkeypatch.setattr(writer, "EPOCHS", 6)
    texts = sentences()
    model, tokenizer = small_language_model(texts)
    stages: list[str] = []
    options = {"batch_size": 16, "seed": 0, "on_progress": lambda what, share: stages.append(what)}
    written = writer.write(model, tokenizer, texts, 600, tmp_path, **options)
    assert 20 < len(written) <= 768, "three rounds of 256"
    assert len(set(written)) == len(written)
    assert not set(written) & set(texts)
    assert {"writer", "written texts"} == set(stages)
    words = {word for text in texts for word in text.split()}
    known = [word in words for text in written for word in text.split()]
    assert sum(known) / len(known) > 0.9, "it has learned the words of the corpus"

    stages.clear()
    untrained = small_language_model(texts)[0]
    assert writer.write(untrained, tokenizer, texts, 600, tmp_path, **options) == written
    assert not stages, "nothing is made twice"
    (tmp_path / "000001.json").unlink()
    assert writer.write(untrained, tokenizer, texts, 600, tmp_path, **options) == written
    assert set(stages) == {"written texts"}, "it is not trained again, and one round is written as it was"


def test_rows_count_texts_of_the_corpus_as_often_as_asked_and_others_once() -> None:
    tokenizer = train_tokenizer(sentences(), vocab_size=300, max_tokens=16)
    texts = [*sentences()[:10], *sentences()[20:25]]
    rows = Rows(tokenizer, texts, epochs=2.5, repeated=10, meanings=torch.ones(10, 3))
    assert len(rows) == 30
    assert rows.order.bincount().tolist() == [3] * 5 + [2] * 5 + [1] * 5
    batch = rows.__getitems__([0, 29, 7])
    assert batch["lengths"].tolist() == [len(tokenizer(texts[i])["input_ids"]) for i in (0, 14, 7)]
    for ids, length, i in zip(batch["input_ids"].tolist(), batch["lengths"].tolist(), (0, 14, 7), strict=True):
        assert ids[:length] == tokenizer(texts[i])["input_ids"]
    assert batch["meanings"].isnan().all(1).tolist() == [False, True, False]


@pytest.mark.parametrize("state", [None, b"", b'{"global_step": 20, "log_hi'])
def test_a_checkpoint_that_was_cut_short_is_passed_over(tmp_path: Path, state: bytes | None) -> None:
    assert last_whole_checkpoint(tmp_path / "not begun") is None
    for step in (9, 10, 20):
        (tmp_path / f"checkpoint-{step}").mkdir()
    (tmp_path / "checkpoint-9" / "trainer_state.json").write_text('{"global_step": 9}', encoding="utf-8")
    (tmp_path / "checkpoint-10" / "trainer_state.json").write_text('{"global_step": 10}', encoding="utf-8")
    if state is not None:
        (tmp_path / "checkpoint-20" / "trainer_state.json").write_bytes(state)
    assert last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


@pytest.mark.parametrize(
    ("value", "after", "kept", "message"),
    [
        (math.nan, 4, None, "the loss of step 5 of 8 is nan. The last checkpoint before it is none"),
        (math.inf, 1, None, "the loss of step 2 of 8 is nan. The last checkpoint before it is none"),
        (1e30, 7, "checkpoint-6", "the loss of step 8 of 8 is (inf|nan). The last checkpoint before it is .*checkpoint-6"),
        (-math.inf, 8, "checkpoint-8", "the weights after its last step are not finite. The last .* is .*checkpoint-8"),
    ],
)
def test_a_training_that_diverges_stops_with_its_step_and_names_the_last_checkpoint(
    tmp_path: Path, value: float, after: int, kept: str | None, message: str
) -> None:
    tokenizer = train_tokenizer(sentences(), vocab_size=300, max_tokens=16)
    rows = Rows(tokenizer, sentences()[:32], epochs=1)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_embd=8, n_layer=1, n_head=1, n_positions=20))

    def lose_it(share: float) -> None:
        if share == after / 8:
            model.transformer.wte.weight.data.fill_(value)
            if kept:
                (tmp_path / kept).mkdir()
                (tmp_path / kept / "trainer_state.json").write_text("{}", encoding="utf-8")

    options = {"batch_size": 4, "learning_rate": 1e-3, "seed": 0, "on_progress": lose_it}
    with pytest.raises(TrainingError, match=f"{message}. .* than 0.001"):
        fit(model, rows, LanguageModelBatches(tokenizer), tmp_path, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pretrain",), "Give CORPUS and --out DIR, or --resume DIR"),
        (("pretrain", "none.txt", "--out", "m"), "No corpus at none.txt"),
        (("pretrain", "few.txt", "--out", "m"), "few.txt has 2 texts, of which 2 differ"),
        (("pretrain", "few.txt", "--out", "m", "--set", "kl_wait=1"), "kl_wait: no such option; there are "),
        (("pretrain", "few.txt", "--out", "m", "--set", "epochs=0"), "epochs: Input should be greater than 0"),
        (("pretrain", "few.txt", "--out", "m", "--set", "epochs"), "expected OPTION=VALUE"),
        (("pretrain", "--resume", "nowhere"), "Nothing to resume in nowhere"),
        (
            ("pretrain", "few.txt", "--resume", "m", "--kind", "x", "--valid", "few.txt", "--column", "c", "--set", "a=1"),
            "by the recipe in m: leave out CORPUS, --kind, --valid, --column, --set,",
        ),
        (("pretrain", "--resume", "m", "--out", "m"), "by the recipe in m: leave out --out,"),
    ],
)
def test_bad_input(run_lcgan: Lcgan, arguments: tuple[str, ...], message: str) -> None:
    Path("few.txt").write_text("one\ntwo\n", encoding="utf-8")
    ran = run_lcgan(*arguments)
    assert ran.exit_code in (1, 2)
    assert message in ran.stderr
    assert not Path("m").exists()


def test_one_process_of_several_is_refused(run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    ran = run_lcgan("pretrain", "few.txt", "--out", "m")
    assert ran.exit_code == 2
    assert "WORLD_SIZE is 2, but lcgan pretrain runs in one process" in ran.stderr
    assert not Path("m").exists()
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert "No corpus at few.txt" in run_lcgan("pretrain", "few.txt", "--out", "m").stderr


def test_the_recipe_is_listed_with_its_defaults(run_lcgan: Lcgan) -> None:
    listed = run_lcgan("pretrain", "--recipe").stdout
    for name, field in PretrainConfig.model_fields.items():
        assert name in listed
        assert field.description
    epochs, valid = ({row["option"]: row for row in field_rows(PretrainConfig)}[name] for name in ("epochs", "valid"))
    assert (epochs["type"], epochs["default"]) == ("float > 0 <= 10000", "not set")
    assert "\n" not in epochs["meaning"], "a table wraps by its own width"
    assert valid["type"] == "Path"


def test_what_is_asked_of_z_beside_the_text_can_be_told_from_it(tiny_model: Path) -> None:
    model = TextVaeModel(tiny_model)
    texts = sentences()[:300]
    z = model.encode(texts).mean
    tokens = [len(row) for row in model.tokenizer(texts)["input_ids"]]
    told = model.vae.to_length(z).argmax(1).tolist()
    assert sum(a == b for a, b in zip(told, tokens, strict=True)) / 300 > 0.7


def test_what_texts_mean_is_read_from_z(tiny_model: Path, run_lcgan: Lcgan) -> None:
    corpus = sentences()[:400]
    Path("corpus.txt").write_text("\n".join(corpus), encoding="utf-8")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    tokenizer = TextVaeModel(tiny_model).tokenizer
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=24, **sizes)).save_pretrained("encoder")
    tokenizer.save_pretrained("encoder")
    line = ("pretrain", "corpus.txt", *TINY_RECIPE, "--set", "latents=100")
    ran = run_lcgan(*line, "--out", "model", "--set", "meaning_model=encoder", "--set", "meaning_weight=2")
    assert ran.exit_code == 0, ran.output
    model = TextVaeModel(Path("model"))
    trained_on = [text for i, text in enumerate(corpus) if i % 20]
    meant = meanings("encoder", trained_on)
    found = model.vae.to_meaning(encode_texts(model.vae, model.tokenizer, trained_on, refining_steps=0).mean)
    assert model.vae.config.meaning_size == meant.shape[1] == MEANING_SIZE
    assert (found - meant).square().mean() < 0.5 * meant.square().mean()
    assert torch.equal(model.features(trained_on), found), "labels are learned from what the model can read"
    assert "`encoder`: what a text means lies along directions" in Path("model/README.md").read_text(encoding="utf-8")

    missing = run_lcgan(*line, "--out", "other", "--set", "meaning_model=./nowhere")
    assert missing.exit_code == 1
    assert "meaning_model: there is no folder ./nowhere. Choose another: --set meaning_model=FOLDER" in missing.stderr


def test_batches_hold_texts_of_one_length_and_come_by_chance() -> None:
    lengths = torch.randint(3, 40, (6430,), generator=torch.Generator().manual_seed(0))
    order = [*BatchesOfOneLength(lengths, 64, seed=1)]
    assert sorted(order) == list(range(6430))
    assert order == [*BatchesOfOneLength(lengths, 64, seed=1)], "a training that goes on takes the same batches"
    assert order != [*BatchesOfOneLength(lengths, 64, seed=2)]
    *whole, last = lengths[order].split(64)
    assert len(last) == 6430 % 64
    assert max(int(batch.max() - batch.min()) for batch in whole) < 10
    means = torch.stack([batch.float().mean() for batch in whole])
    following = torch.corrcoef(torch.stack([means[:-1], means[1:]]))[0, 1]
    assert abs(float(following)) < 0.3, "one batch tells nothing of the next"
