from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2ForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from lcgan_core import Classifier, ConstraintError
from lcgan_core.constraint import evaluate
from lcgan_core.constraints.classifier import _batches, _load
from lcgan_core.plugins.discovery import make_constraint
from lcgan_core.testing import ConstraintContract

WORDS = ("[PAD]", "[UNK]", "good", "bad", "food", "the", "was", "and", "!")
TEXTS = ["good food !", "the food was bad and the food was bad and bad !", "", "good", "what the zebra was", "bad " * 60]


def save_tokenizer(folder: Path, **options: Any) -> None:
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", **options).save_pretrained(folder)


def bert_config(**options: Any) -> BertConfig:
    return BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
        initializer_range=0.5,
        **options,
    )


def save_model(model: PreTrainedModel, folder: Path, **tokenizer_options: Any) -> str:
    model.save_pretrained(folder)
    save_tokenizer(folder, **(tokenizer_options or {"pad_token": "[PAD]"}))
    return str(folder)


@pytest.fixture
def bert(tmp_path: Path) -> Callable[..., str]:
    """Saves a random classifier with the labels given, and returns its folder."""

    def make(labels: tuple[str, ...] = ("Negative", "Positive"), **options: Any) -> str:
        torch.manual_seed(0)
        config = bert_config(id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)}, **options)
        model = BertForSequenceClassification(config).eval()
        single_words = torch.arange(len(WORDS))[:, None]
        model.classifier.bias.data -= model(single_words).logits.mean(0).detach()  # so that words get different labels
        return save_model(model, tmp_path / "-".join(labels))

    return make


def direct_logits(folder: str, text: str) -> torch.Tensor:
    """What transformers itself says of one text, alone, cut to what the model takes."""
    ids = [WORDS.index(word) if word in WORDS else 1 for word in text.split()][:38] or [0]
    return BertForSequenceClassification.from_pretrained(folder).eval()(torch.tensor([ids])).logits[0].detach()


def test_values_are_the_models_probabilities_in_order_whatever_the_batch(bert: Callable[..., str]) -> None:
    folder = bert()
    expected = [float(direct_logits(folder, text).softmax(0)[1]) if text else 0.0 for text in TEXTS]
    assert max(expected) - min(expected) > 0.1
    for tokens_per_batch in (1, 30, 4096):
        classifier = Classifier(model=folder, label="positive", tokens_per_batch=tokens_per_batch)
        assert evaluate(classifier, TEXTS) == pytest.approx(expected, abs=1e-5)
        assert evaluate(classifier, TEXTS[::-1]) == pytest.approx(expected[::-1], abs=1e-5)
    negative = evaluate(Classifier(model=folder, label="NEGATIVE"), TEXTS)
    assert negative == pytest.approx(
        [1 - value if text else 0.0 for value, text in zip(expected, TEXTS, strict=True)], abs=1e-5
    )


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u2003\u00a0"])
def test_a_text_without_words_has_no_label(bert: Callable[..., str], text: str) -> None:
    for labels in (("a", "b"), ("c",), ("d", "e", "f")):
        folder = bert(labels)
        assert [evaluate(Classifier(model=folder, label=label), [text, "good"])[0] for label in labels] == [0.0] * len(labels)


@pytest.mark.parametrize(
    ("labels", "options"), [(("food", "service"), {"problem_type": "multi_label_classification"}), (("LABEL_0",), {})]
)
def test_labels_that_exclude_no_other_are_judged_each_alone(
    bert: Callable[..., str], labels: tuple[str, ...], options: dict[str, Any]
) -> None:
    folder = bert(labels, **options)
    for column, label in enumerate(labels):
        expected = [float(direct_logits(folder, text).sigmoid()[column]) if text else 0.0 for text in TEXTS]
        assert evaluate(Classifier(model=folder, label=label), TEXTS) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("labels", [("LABEL_0",), ("helpful",), ("helpful", "kind")])
def test_a_regression_head_is_taken_at_its_word(bert: Callable[..., str], labels: tuple[str, ...]) -> None:
    folder = bert(labels, problem_type="regression")
    model = BertForSequenceClassification.from_pretrained(folder)
    for label in labels:
        for output, expected in ((0.1, 0.1), (0.7, 0.7), (-0.2, 0.0), (1.2, 1.0)):
            model.classifier.weight.data[:] = 0
            model.classifier.bias.data[:] = output
            model.save_pretrained(folder)
            _load.cache_clear()
            found = evaluate(Classifier(model=folder, label=label), TEXTS)
            assert found == pytest.approx([expected if text else 0.0 for text in TEXTS], abs=1e-6)
    model.classifier.bias.data[:] = 4.0  # stars
    model.save_pretrained(folder)
    _load.cache_clear()
    with pytest.raises(ConstraintError, match=r"predicts numbers \(problem_type: regression\), 4 for 'good food !'"):
        evaluate(Classifier(model=folder, label=labels[0]), TEXTS)


def test_labels_that_differ_by_case_alone_are_told_apart(bert: Callable[..., str]) -> None:
    folder = bert(("a", "A"))
    small, large = (evaluate(Classifier(model=folder, label=label), ["good food"])[0] for label in ("a", "A"))
    assert small + large == pytest.approx(1)
    assert small != large


@pytest.mark.parametrize("text", ["[PAD] good", "good[PAD]", "[PAD] [PAD]", "[UNK]"])
def test_what_looks_like_a_control_token_is_text(bert: Callable[..., str], text: str) -> None:
    folder = bert()
    spelled = " ".join(text.replace("[", " x ").replace("]", " x ").replace("PAD", "x").replace("UNK", "x").split())
    assert evaluate(Classifier(model=folder, label="positive"), [text]) == pytest.approx(
        evaluate(Classifier(model=folder, label="positive"), [spelled]), abs=1e-6
    )


def test_a_causal_classifier_without_padding_scores_in_batches(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(WORDS), n_embd=16, n_layer=1, n_head=2, bos_token_id=8, eos_token_id=8)
    folder = save_model(GPT2ForSequenceClassification(config), tmp_path / "gpt", eos_token="!")
    texts = ["good food", "", "the food was bad and the food was bad", "bad"]
    classifier = Classifier(model=folder, label="LABEL_1")
    assert evaluate(classifier, texts) == pytest.approx([evaluate(classifier, [text])[0] for text in texts], abs=1e-5)


def test_dtype_is_what_it_computes_in(bert: Callable[..., str]) -> None:
    folder = bert()
    exact, same, coarse = (
        evaluate(Classifier(model=folder, label="Positive", dtype=dtype), TEXTS) for dtype in ("float32", "auto", "bfloat16")
    )
    assert exact == same != coarse
    assert coarse == pytest.approx(exact, abs=0.05)


def test_batches_go_from_long_to_short_and_keep_within_the_tokens_when_padded() -> None:
    assert list(_batches([3, 9, 1, 5, 20], 10)) == [[4], [1], [3, 0], [2]]


def test_an_unknown_label_lists_those_there_are(bert: Callable[..., str]) -> None:
    with pytest.raises(ConstraintError, match=r"^classifier: \S+ has no label 'happy'; its labels are Negative, Positive\. "):
        evaluate(Classifier(model=bert(), label="happy"), ["good"])


def without_head(folder: Path) -> None:
    save_model(BertModel(bert_config()), folder)


def without_tokenizer(folder: Path) -> None:
    BertForSequenceClassification(bert_config()).save_pretrained(folder)


def with_cut_weights(folder: Path) -> None:
    save_model(BertForSequenceClassification(bert_config()), folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def with_other_sizes(folder: Path) -> None:
    save_model(BertForSequenceClassification(bert_config()), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 32}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, r"does not contain a transformers model: .*model_type.* Choose another:"),
        (without_head, r"is not a trained classifier: its weights lack .*classifier\.weight.*Choose a trained one:"),
        (without_tokenizer, r"has no tokenizer\. Save it there"),
        (with_cut_weights, r"is not a classifier: .*Repair it, or choose another:"),
        (with_other_sizes, r"is not a classifier: .*Repair it, or choose another:"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], make: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "model"
    make(folder)
    capfd.readouterr()
    with pytest.raises(ConstraintError, match=rf"^classifier: {folder} {message}.* --set classifier\.model=FOLDER$") as raised:
        evaluate(Classifier(model=str(folder), label="LABEL_1"), ["good"])
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_named_before_anything_is_loaded(device: str) -> None:
    expected = rf"^classifier\.device: torch cannot compute on '{device}' here: .+ --set classifier\.device=auto$"
    with pytest.raises(ConstraintError, match=expected) as raised:
        evaluate(Classifier(model="./nowhere", label="good", device=device), ["good"])
    assert "\n" not in str(raised.value)


def test_a_model_that_is_not_there_says_how_to_get_it() -> None:
    classifier = make_constraint("classifier", {"model": "someone/a-classifier", "label": "good"})
    expected = (
        r"^classifier: someone/a-classifier is not a folder here, and could not be loaded from the hub: .* HF_HUB_OFFLINE is "
        r"set: unset it\. Or, .*: hf download someone/a-classifier --local-dir FOLDER, and then --set classifier\.model=FOLDER$"
    )
    for ask in (lambda: evaluate(classifier, ["good"]), lambda: classifier.fingerprint):
        with pytest.raises(ConstraintError, match=expected):
            ask()
    with pytest.raises(ConstraintError, match=r"^classifier: there is no folder \./models/mine\. Choose another: --set"):
        evaluate(Classifier(model="./models/mine", label="good"), ["good"])


def test_the_fingerprint_follows_weights_and_label_not_place_or_machine(bert: Callable[..., str], tmp_path: Path) -> None:
    folder = bert()
    classifier = Classifier(model=folder, label="Positive")
    shutil.copytree(folder, tmp_path / "copy")
    same = Classifier(model=str(tmp_path / "copy"), label="Positive", device="cuda", tokens_per_batch=7)
    assert same.fingerprint == classifier.fingerprint
    assert Classifier(model=folder, label="Negative").fingerprint != classifier.fingerprint
    before = classifier.fingerprint
    other = BertForSequenceClassification.from_pretrained(folder)
    other.classifier.weight.data += 1e-3
    other.save_pretrained(folder)
    assert classifier.fingerprint != before


def test_a_pickled_copy_judges_alike_and_the_model_is_loaded_once(bert: Callable[..., str]) -> None:
    classifier = Classifier(model=bert(), label="Positive")
    _load.cache_clear()
    values = evaluate(classifier, TEXTS)
    copy = pickle.loads(pickle.dumps(classifier))
    assert copy == classifier
    assert evaluate(copy, TEXTS) == values
    assert _load.cache_info().misses == 1


def test_a_hub_name_is_looked_up_once_and_not_for_every_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def downloaded(source: str, name: str) -> str:
        asked.append(source)
        return str(tmp_path / "a-commit" / name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", downloaded)
    monkeypatch.setattr("lcgan_core.support.pretrained.check_it_is_there", asked.append)
    classifier = Classifier(model="someone/looked-up", label="positive")
    assert classifier.fingerprint == classifier.fingerprint
    assert asked == ["someone/looked-up"] * 2, "by transformers and by the hub, once each"


def test_a_hub_name_works_offline_from_the_cache_and_is_identified_by_its_commit(
    bert: Callable[..., str], tmp_path: Path
) -> None:
    commits = ("1" * 40, "2" * 40)
    cached = tmp_path / "hub" / "models--someone--a-classifier"
    for commit in commits:
        shutil.copytree(bert(), cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    program = (
        "import sys; from lcgan_core import Classifier; c = Classifier(model='someone/a-classifier', label='Positive');"
        "assert not {'torch', 'transformers'} & set(sys.modules); print(c.fingerprint, "
    )
    found = []
    for commit, judged in zip(commits, ("c(['good food !'])[0])", ")"), strict=True):
        (cached / "refs" / "main").write_text(commit)
        environment = {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        ran = subprocess.run([sys.executable, "-c", program + judged], capture_output=True, text=True, env=environment)
        assert (ran.returncode, ran.stderr) == (0, "")
        found.append(ran.stdout.split())
    assert found[0][0] != found[1][0]
    expected = evaluate(Classifier(model=bert(), label="Positive"), ["good food !"])
    assert float(found[0][1]) == pytest.approx(expected[0], abs=1e-6)


class TestContract(ConstraintContract):
    constraint = Classifier
    meaningless_options = ("device", "tokens_per_batch")

    @pytest.fixture(autouse=True)
    def _model(self, bert: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
        folder = bert()
        monkeypatch.setattr(TestContract, "options", {"model": folder, "label": "Positive"})
        by_value = sorted(WORDS, key=lambda word: evaluate(Classifier(**self.options), [word])[0])
        monkeypatch.setattr(TestContract, "satisfied", by_value[-1:])
        monkeypatch.setattr(TestContract, "violated", by_value[:1])
