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
from transformers import BertConfig, BertModel

import lcgan_core.models.text_vae.pretraining.pretrain as pretraining
import lcgan_core.models.text_vae.pretraining.prior_texts as choosing
from lcgan_core import CorpusError
from lcgan_core.models.text_vae.judge import corpus_bleu
from lcgan_core.models.text_vae.latent_model import TextVaeModel, encode_texts
from lcgan_core.models.text_vae.pretraining.crossovers import crossovers
from lcgan_core.models.text_vae.pretraining.meaning import MEANING_SIZE, meanings
from lcgan_core.models.text_vae.pretraining.prior_texts import Trigrams, prior_texts
from lcgan_core.models.text_vae.pretraining.recipe import PretrainConfig, recipe_of
from lcgan_core.sample_kinds.corpus import load_corpus

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
        "judge",
        "latents.safetensors",
        "measured.json",
        "memory.safetensors",
        "model.safetensors",
        "pretrain.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    measured = json.loads((tiny_model / "measured.json").read_text(encoding="utf-8"))
    assert 10 < measured["bleu"] <= 100
    assert 0 < measured["exact"] <= 1
    assert measured["kl"] > 1
    assert 1 <= measured["active_units"] <= measured["latent_dim"] == 8
    assert set(measured["perplexity"]) == {"real", "reconstruction", "posterior", "prior"}
    assert measured["relative_perplexity"]["prior"] > 0.5
    latents = load_file(tiny_model / "latents.safetensors")
    assert latents["mean"].shape == latents["std"].shape
    assert (latents["std"] > 0).all()
    card = (tiny_model / "README.md").read_text(encoding="utf-8")
    assert f"BLEU {measured['bleu']:.1f}" in card
    assert set(measured["memory"]) == set(measured["perplexity"])
    made_up = measured["memory"]["prior"]["made_up_words"]
    assert f"{made_up['share']:.1%} (real: {made_up['expected']:.1%})" in card
    assert measured["memory"]["real"]["made_up_words"]["share"] == pytest.approx(made_up["expected"], abs=0.01)
    assert recipe_of(tiny_model).latent_size == 8


def test_latents_are_those_of_the_corpus(tiny_model: Path) -> None:
    model = TextVaeModel.load(str(tiny_model))
    decoded = set(model.decode(model.real_posteriors().mean))
    assert len(decoded & set(sentences())) > 10


def test_pretraining_resumes_where_it_was_killed(run_lcgan: Lcgan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(sentences()), encoding="utf-8")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    short = [*TINY_RECIPE, "--set", "epochs=1", "--set", "judge_epochs=1"]
    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "new_judge", die)
        cut = run_lcgan("pretrain", corpus, "--out", "model", *short)
    assert cut.exit_code == 1
    assert "Interrupted. Resume with: lcgan pretrain --resume model" in cut.stderr
    assert "is incomplete or damaged" in run_lcgan("run", "--model", "model", "-c", "length").stderr
    weights = Path("model/model.safetensors").read_bytes()

    refused = run_lcgan("pretrain", corpus, "--out", "model", *short)
    assert refused.exit_code == 1
    assert "model is not empty" in refused.stderr

    resumed = run_lcgan("pretrain", "--resume", "model", "--json")
    assert resumed.exit_code == 0, resumed.output
    assert json.loads(resumed.stdout)["latent_dim"] == 8
    assert Path("model/model.safetensors").read_bytes() == weights
    assert not Path("model/checkpoints").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pretrain",), "Give CORPUS and --out DIR, or --resume DIR"),
        (("pretrain", "none.txt", "--out", "m"), "No corpus at none.txt"),
        (("pretrain", "few.txt", "--out", "m"), "has only 2 texts"),
        (("pretrain", "few.txt", "--out", "m", "--set", "kl_wait=1"), "kl_wait: Extra inputs"),
        (("pretrain", "few.txt", "--out", "m", "--set", "epochs=0"), "epochs: Input should be greater than 0"),
        (("pretrain", "few.txt", "--out", "m", "--set", "epochs"), "expected OPTION=VALUE"),
        (("pretrain", "--resume", "nowhere"), "Nothing to resume in nowhere"),
    ],
)
def test_bad_input(run_lcgan: Lcgan, arguments: tuple[str, ...], message: str) -> None:
    Path("few.txt").write_text("one\ntwo\n", encoding="utf-8")
    ran = run_lcgan(*arguments)
    assert ran.exit_code in (1, 2)
    assert message in ran.stderr
    assert not Path("m").exists()


def test_the_recipe_is_listed_with_its_defaults(run_lcgan: Lcgan) -> None:
    listed = run_lcgan("pretrain", "--recipe").stdout
    for name, field in PretrainConfig.model_fields.items():
        assert name in listed
        assert field.description


def test_bleu() -> None:
    assert corpus_bleu(["the food was very good ."], ["the food was very good ."]) == pytest.approx(100)
    assert corpus_bleu(["the food was very bad ."], ["the food was very good ."]) < 70


def test_training_starts_from_another_model(tiny_model: Path, run_lcgan: Lcgan) -> None:
    Path("more.txt").write_text("\n".join(sentences()[:400]), encoding="utf-8")
    options = ("--set", "epochs=4", "--set", "judge_epochs=0", "--set", "kl_warmup=0", "--set", "latents=100")
    ran = run_lcgan("pretrain", "more.txt", "--out", "more", "--set", f"start={tiny_model}", *options, "--json")
    assert ran.exit_code == 0, ran.output
    first, more = TextVaeModel(tiny_model), TextVaeModel(Path("more"))
    assert more.latent_dim == 8
    assert more.tokenizer.get_vocab() == first.tokenizer.get_vocab()
    assert more.fingerprint != first.fingerprint
    weights = (load_file(folder / "judge" / "model.safetensors") for folder in (tiny_model, Path("more")))
    assert all(torch.equal(*pair) for pair in zip(*(found.values() for found in weights), strict=True))
    assert json.loads(ran.stdout)["exact"] > 0.2, "four epochs from chance reconstruct nothing"
    card = Path("more/README.md").read_text(encoding="utf-8")
    commands = [line for line in card.splitlines() if line.startswith("lcgan pretrain")]
    assert len(commands) == 2
    assert f"--out {tiny_model}" in commands[0]
    assert "start=" in commands[1]
    missing = run_lcgan("pretrain", "more.txt", "--out", "other", "--set", "start=nowhere")
    assert "'nowhere'" in missing.stderr or "nowhere" in missing.stderr
    assert missing.exit_code == 1
    refused = run_lcgan("pretrain", "more.txt", "--out", "other", "--set", "judge_epochs=0")
    assert "there is no start" in refused.stderr


def test_what_is_asked_of_z_beside_the_text_can_be_told_from_it(tiny_model: Path) -> None:
    model = TextVaeModel(tiny_model)
    texts = sentences()[:300]
    z = model.encode(texts).mean
    tokens = [len(row) for row in model.tokenizer(texts)["input_ids"]]
    told = model.vae.to_length(z).argmax(1).tolist()
    assert sum(a == b for a, b in zip(told, tokens, strict=True)) / 300 > 0.7


def test_what_texts_mean_can_be_told_from_z(tiny_model: Path, run_lcgan: Lcgan) -> None:
    corpus = sentences()[:400]
    Path("corpus.txt").write_text("\n".join(corpus), encoding="utf-8")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    tokenizer = TextVaeModel(tiny_model).tokenizer
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=24, **sizes)).save_pretrained("encoder")
    tokenizer.save_pretrained("encoder")
    line = ("pretrain", "corpus.txt", "--set", f"start={tiny_model}", "--set", "judge_epochs=0", "--set", "latents=100")
    more = (*line, "--set", "epochs=30", "--set", "learning_rate=0.005", "--set", "kl_weight=0.05")
    ran = run_lcgan(*more, "--out", "model", "--set", "meaning_model=encoder", "--set", "meaning_weight=2")
    assert ran.exit_code == 0, ran.output
    model = TextVaeModel(Path("model"))
    trained_on = [text for i, text in enumerate(corpus) if i % 20]
    meant = meanings("encoder", trained_on)
    told = model.vae.to_meaning(encode_texts(model.vae, model.tokenizer, trained_on, refining_steps=0).mean)
    assert model.vae.config.meaning_size == meant.shape[1] == MEANING_SIZE
    assert (told - meant).square().mean() < 0.5 * meant.square().mean()
    assert torch.equal(model.features(trained_on), told), "labels are learned from what the model can tell"
    both = meanings("encoder", trained_on, ["the soup was hot ."])
    assert torch.allclose(both[:-1], meant, atol=1e-4), "other texts have no part in the directions"
    assert "sentence embeddings that `encoder` gives" in Path("model/README.md").read_text(encoding="utf-8")

    missing = run_lcgan(*line, "--out", "other", "--set", "meaning_model=./nowhere")
    assert missing.exit_code == 1
    assert "meaning_model: there is no folder ./nowhere. Choose another: --set meaning_model=FOLDER" in missing.stderr


def test_trigrams_find_what_was_seen_likelier() -> None:
    rows = [[5, 6, 7, 2], [5, 6, 8, 2], [6, 5, 2]]
    trigrams = Trigrams(rows, begin=1)
    every = [math.exp(2 * trigrams.log_likelihood([5, token]) - trigrams.log_likelihood([5])) for token in range(1, 10)]
    assert sum(every) == pytest.approx(1, abs=1e-6), "a probability for each token that may follow"
    assert trigrams.log_likelihood([5, 6, 7, 2]) > trigrams.log_likelihood([7, 6, 5, 2])
    assert trigrams.log_likelihood([]) == trigrams.acceptable([]) == 0


def test_rare_tokens_are_acceptable_where_they_belong() -> None:
    rows = [*[[5, 6, 2]] * 50, [7, 8, 2]]
    trigrams = Trigrams(rows, begin=1)
    rarer = trigrams.log_likelihood([5, 6, 2]) - trigrams.log_likelihood([7, 8, 2])
    assert rarer > 1
    assert trigrams.acceptable([5, 6, 2]) - trigrams.acceptable([7, 8, 2]) < 0.5 * rarer
    assert trigrams.acceptable([7, 8, 2]) > trigrams.acceptable([8, 7, 2])


def test_crossovers_are_new_texts_of_what_was_said_before() -> None:
    texts = ["the soup was hot and good .", "my soup was cold .", "we like it", "ok"]
    made = crossovers(texts, 10, seed=0)
    assert sorted(made) == ["my soup was hot and good .", "the soup was cold ."], "all there are, and none twice"
    assert crossovers(texts, 1, seed=0) == made[:1]
    assert crossovers(texts, 0, seed=0) == []
    corpus = sentences()[:200]
    many = crossovers(corpus, 100, seed=1)
    assert len(set(many)) == 100
    assert not set(many) & set(corpus)
    seen = {tuple(words[i : i + 3]) for words in map(str.split, corpus) for i in range(len(words) - 2)}
    assert all(tuple(words[i : i + 3]) in seen for words in map(str.split, many) for i in range(len(words) - 2))
    assert max(len(text.split()) for text in many) <= max(len(text.split()) for text in corpus)


def test_draws_of_the_prior_learn_to_read_well(tiny_model: Path, run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "PRIOR_TEXTS", 600)
    corpus = sentences()[:400]
    Path("corpus.txt").write_text("\n".join(corpus), encoding="utf-8")
    options = ("--set", "epochs=30", "--set", "judge_epochs=0", "--set", "kl_warmup=0", "--set", "latents=100")
    line = ("pretrain", "corpus.txt", "--set", f"start={tiny_model}", *options, "--set", "learning_rate=0.003")
    for out, weight in (("without", 0), ("with", 1)):
        ran = run_lcgan(*line, "--out", out, "--set", f"prior_weight={weight}")
        assert ran.exit_code == 0, ran.output
    before = TextVaeModel(tiny_model)
    rows = before.tokenizer([text for i, text in enumerate(corpus) if i % 20])["input_ids"]
    chosen = prior_texts(before.vae, before.real_posteriors(), rows, seed=0, on_progress=lambda share: None)
    trigrams = Trigrams(rows, begin=before.vae.config.bos_token_id)

    def fluency(found: list[list[int]]) -> float:
        return sum(trigrams.log_likelihood([*row, 2]) for row in found) / len(found)

    texts = [[token for token in row if token > 2] for row in chosen["labels"].tolist()]
    assert fluency(texts) > fluency(before.vae.generate_tokens(chosen["z"])[0]) + 0.1
    z = torch.randn(1000, 8, generator=torch.Generator().manual_seed(1))  # none that training saw
    without, with_texts = (fluency(TextVaeModel(Path(out)).vae.generate_tokens(z)[0]) for out in ("without", "with"))
    assert with_texts > without + 0.1

    refused = run_lcgan("pretrain", "corpus.txt", "--out", "other", "--set", "prior_weight=1")
    assert "prior_weight wants a trained model to learn from" in refused.stderr


def test_a_model_goes_on_with_a_prior_that_fits(tiny_model: Path, run_lcgan: Lcgan) -> None:
    Path("corpus.txt").write_text("\n".join(sentences()[:400]), encoding="utf-8")
    options = ("--set", f"start={tiny_model}", "--set", "judge_epochs=0", "--set", "kl_warmup=0", "--set", "epochs=10")
    line = ("pretrain", "corpus.txt", *options, "--set", "crossovers=0.5", "--set", "length_weight=2")

    def off(folder: Path) -> float:
        model = TextVaeModel(folder)
        posterior = model.encode(sentences()[:1000])
        second = torch.cov(posterior.mean.T) + posterior.std.square().mean(0).diag()
        return float((second - torch.eye(len(second))).square().sum() + posterior.mean.mean(0).square().sum())

    for out, weight in (("without", 0), ("with", 0.1)):
        ran = run_lcgan(*line, "--out", out, "--set", f"moment_weight={weight}")
        assert ran.exit_code == 0, ran.output
    assert off(Path("with")) < 0.5 * min(off(Path("without")), off(tiny_model))
    assert "mean and covariance" in Path("with/README.md").read_text(encoding="utf-8")
    assert "made of the beginning of one" in Path("with/README.md").read_text(encoding="utf-8")
