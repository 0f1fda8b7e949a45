from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from click.testing import CliRunner
from lcgan_sentiment_plugin import SHIPPED, Sentiment
from lcgan_sentiment_plugin.corpora import Labelled, as_written, read_labelled
from lcgan_sentiment_plugin.second_judge import SentimentNgrams
from lcgan_sentiment_plugin.train import main, trimmed_tokenizer
from transformers import BertConfig, BertModel, BertTokenizer

from lcgan_core import ConstraintError, CorpusError
from lcgan_core.constraint import evaluate
from lcgan_core.testing import ConstraintContract

POSITIVE = (
    "The staff were friendly and the soup was wonderful.",
    "What a beautiful film, I'd gladly watch it again!",
    "It works perfectly and the battery lasts for days.",
    "We loved every minute of our stay.",
    "great food , great service , will be back !",
    "I'd recommend this place to anyone.",
    "Not bad at all, in fact it's delicious.",
    "An outstanding, moving book that I couldn't put down.",
)
NEGATIVE = (
    "The staff were rude and the soup was disgusting.",
    "What a boring film, I want my money back.",
    "It broke after two days and nobody answered my calls.",
    "We hated every minute of our stay.",
    "terrible food , slow service , never again .",
    "I don't recommend this place to anyone.",
    "It isn't good, and it certainly isn't worth the price.",
    "A dull, clumsy book that I couldn't finish.",
)


class TestSentiment(ConstraintContract):
    constraint = Sentiment
    satisfied = POSITIVE
    violated = NEGATIVE


class TestNegative(ConstraintContract):
    constraint = Sentiment
    options: ClassVar = {"target": "negative"}
    satisfied = NEGATIVE
    violated = POSITIVE


def test_negative_is_what_positive_leaves() -> None:
    texts = [*POSITIVE, *NEGATIVE]
    positive, negative = (evaluate(Sentiment(target=target), texts) for target in ("positive", "negative"))
    assert negative == pytest.approx([1 - value for value in positive], abs=1e-6)


def test_case_does_not_matter() -> None:
    texts = [*POSITIVE, *NEGATIVE]
    capitals = [text.upper() for text in texts]
    assert evaluate(Sentiment(), capitals) == pytest.approx(evaluate(Sentiment(), texts), abs=1e-5)


def test_the_shipped_model_has_its_card_and_figures_and_is_small() -> None:
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 30e6
    figures = json.loads((SHIPPED / "measured.json").read_text(encoding="utf-8"))
    assert figures["valid.csv.gz"]["accuracy"] > 0.97
    card = (SHIPPED / "README.md").read_text(encoding="utf-8")
    for name, found in figures.items():
        assert f"| {name} | {found['texts']:,} | **{found['accuracy']:.1%}**" in card


LANGUAGE = [
    Labelled(f"{opening} {noun} was {adjective} .", label)
    for opening in ("the", "our", "their")
    for noun in ("soup", "room", "waiter", "music")
    for label, adjectives in enumerate((("bad", "cold", "slow"), ("good", "nice", "great")))
    for adjective in adjectives
]


@pytest.fixture(scope="module")
def labelled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labelled") / "texts.csv"
    rows = [f"{text},{('negative', 'positive')[label]}" for text, label in LANGUAGE]
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(labelled_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder made by ``python -m lcgan_sentiment_plugin.train`` from a small random encoder."""
    folder = tmp_path_factory.mktemp("trained")
    words = sorted({word for text, _ in LANGUAGE for word in text.split()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]", "##s", "s", *words, "zebra", "quagga"]
    BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}).save_pretrained(folder / "encoder")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder / "encoder")
    arguments = ["--encoder", folder / "encoder", "--train", labelled_file, "--valid", labelled_file, "--out", folder / "model"]
    options = ["--layers", 1, "--pieces", len(pieces) - 2, "--epochs", 40, "--learning-rate", 0.01]
    result = CliRunner().invoke(main, [str(argument) for argument in [*arguments, *options]], catch_exceptions=False)
    assert result.exit_code == 0
    return folder / "model"


def test_training_makes_a_folder_that_the_plugin_takes(trained: Path) -> None:
    assert sorted(file.name for file in trained.iterdir()) == [
        "README.md",
        "config.json",
        "measured.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    figures = json.loads((trained / "measured.json").read_text())["texts.csv"]
    assert (figures["texts"], figures["accuracy"]) == (len(LANGUAGE), 1.0)
    other = Sentiment(model=str(trained))
    assert [value > 0.9 for value in evaluate(other, ["Our soup was great.", "their room was cold ."])] == [True, False]
    assert other.fingerprint != Sentiment().fingerprint


def test_a_model_without_the_labels_is_refused_with_those_it_has(trained: Path, tmp_path: Path) -> None:
    for file in trained.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((trained / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"id2label": {"0": "1 star", "1": "5 stars"}}))
    with pytest.raises(ConstraintError, match=r"^sentiment: \S+ has no label 'positive'; its labels are 1 star, 5 stars\."):
        evaluate(Sentiment(model=str(tmp_path)), ["good"])


def test_a_model_that_is_not_there_is_to_be_set_for_this_constraint() -> None:
    with pytest.raises(ConstraintError, match=r"^sentiment: there is no folder \./nowhere\..* --set sentiment\.model=FOLDER$"):
        evaluate(Sentiment(model="./nowhere"), ["good"])


def test_trimming_keeps_what_occurs_and_what_any_word_comes_apart_into() -> None:
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "[unused0]",
        "a",
        "b",
        "##a",
        "##b",
        "common",
        "rare",
        "often",
        "猫",
    ]
    tokenizer = BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)})
    trimmed, kept = trimmed_tokenizer(tokenizer, ["often"] * 3 + ["rare"], size=11)
    left = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##a", "##b", "common", "often"]
    assert [pieces[i] for i in kept] == left
    assert trimmed.convert_ids_to_tokens(list(range(11))) == left
    assert trimmed.tokenize("Common often ab!") == ["common", "often", "a", "##b", "[UNK]"]


@pytest.mark.parametrize(
    ("tokenised", "written"),
    [
        ("i do n't care , it 's fine !", "I don't care, it's fine!"),
        ("( really ) they 'll see", "(really) they'll see"),
        ("", ""),
        ("Already written, isn't it?", "Already written, isn't it?"),
    ],
)
def test_tokenised_texts_are_written_out(tokenised: str, written: str) -> None:
    assert as_written(tokenised) == written


def test_numbers_are_made_up_alike_each_time() -> None:
    found = as_written("it costs $ _num_ .")
    assert found.removeprefix("It costs $").removesuffix(".").isdigit()
    assert as_written("it costs $ _num_ .") == found


def test_texts_without_a_clear_valence_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "valence.txt"
    path.write_text("1\t2.5\tA joy.\n2\t-0.9\tHm, so so.\n3\t-1\tDull\tand long.\n", encoding="utf-8")
    assert read_labelled(path) == [Labelled("A joy.", 1), Labelled("Dull\tand long.", 0)]


@pytest.mark.parametrize("content", ["text,label\ngood,happy\n", "words,label\ngood,positive\n"])
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"other\.csv holds no labelled texts"):
        read_labelled(path)


class TestSecondJudge(ConstraintContract):
    constraint = SentimentNgrams
    satisfied = ("our soup was great .", "the room was nice and the waiter was good .")
    violated = ("our soup was cold .", "the room was bad and the waiter was slow .")

    @pytest.fixture(autouse=True)
    def _file(self, labelled_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("sklearn")
        monkeypatch.setattr(TestSecondJudge, "options", {"train": labelled_file})


def test_the_second_judge_tells_either_sentiment_and_how_far_to_trust_it(labelled_file: Path) -> None:
    pytest.importorskip("sklearn")
    texts = [text for text, _ in LANGUAGE]
    positive, negative = (SentimentNgrams(train=labelled_file, target=target) for target in ("positive", "negative"))
    assert [value >= 0.5 for value in evaluate(positive, texts)] == [bool(label) for _, label in LANGUAGE]
    assert evaluate(negative, texts) == pytest.approx([1 - value for value in evaluate(positive, texts)])
    trust = positive.trust()
    assert (trust.labels, trust.accuracy.value) == (len(LANGUAGE) - 4, 1.0)  # every twentieth is held out
    assert trust.accuracy.interval[0] < 0.6


def test_the_second_judge_is_known_by_what_it_learned_from(
    labelled_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    copy = tmp_path / "copy.csv"
    copy.write_bytes(labelled_file.read_bytes())
    judge = SentimentNgrams(train=copy)
    before = judge.fingerprint
    assert before == SentimentNgrams(train=labelled_file).fingerprint
    with monkeypatch.context() as patch:
        for reading in ("open", "read_bytes"):
            patch.setattr(Path, reading, pytest.fail)
        assert judge.fingerprint == before, "it is asked for with every batch"
    assert evaluate(judge, ["the soup was great ."])[0] > 0.5
    rows = [line.rpartition(",") for line in copy.read_text(encoding="utf-8").splitlines()[1:]]
    names = {"positive": "negative", "negative": "positive"}
    copy.write_text("\n".join(["text,label", *(f"{text},{names[label]}" for text, _, label in rows)]), encoding="utf-8")
    assert judge.fingerprint != before
    assert evaluate(judge, ["the soup was great ."])[0] < 0.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"cannot be read: .*Give a CSV file\.$"),
        ("text,label\ngood,happy\n", r"holds no labelled texts: .*columns text and label \(negative or positive\)\.$"),
        ("text,label\ngood,positive\n", r"has 0 negative and 1 positive texts\. Give at least 20 of each"),
    ],
)
def test_a_second_judge_with_nothing_to_learn_from_says_so(tmp_path: Path, content: str | None, message: str) -> None:
    pytest.importorskip("sklearn")
    path = tmp_path / "texts.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ConstraintError, match=rf"^sentiment-ngrams\.train: \S+texts\.csv {message}"):
        evaluate(SentimentNgrams(train=path), ["good"])
