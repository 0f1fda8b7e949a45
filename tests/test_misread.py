"""What a text model does not take as a user gives it: counted, and said once where it was given."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner
from conftest import TINY_RECIPE, Lcgan, sentences

import lcgan_core.models.text_vae.pretraining.pretrain as pretraining
from lcgan_core.cli import lcgan
from lcgan_core.constraints.from_labels import Labels
from lcgan_core.errors import TrainingError
from lcgan_core.models.text_vae.batches import AT_ONCE, Rows
from lcgan_core.models.text_vae.latent_model import TextVaeModel, knows_capitals
from lcgan_core.models.text_vae.pretraining.tokenizer import train_tokenizer
from lcgan_core.runs import finished
from lcgan_core.sample_kinds import Text
from lcgan_core.tools import editing

LONG = ["so " * 500, "noodle" * 300, "麺" * 400, "\N{HOT BEVERAGE}" * 200]
CAPITALS = ["Good food .", "it is McCoy 's place", "ÉCLAIRS", "THE SOUP WAS COLD"]
PLAIN = ["the soup was cold .", "", "2 for 1", "naïve café", "ß 日本 😀"]


@pytest.fixture(scope="module")
def model() -> TextVaeModel:
    return TextVaeModel.load("reviews")


@pytest.mark.parametrize("text", PLAIN)
def test_nothing_is_said_of_what_is_read_whole(model: TextVaeModel, text: str) -> None:
    assert model.misread([text]) == {}


@pytest.mark.parametrize("text", LONG)
def test_what_is_cut_is_counted(model: TextVaeModel, text: str) -> None:
    ((what, count),) = model.misread([text, *PLAIN, text]).items()
    assert count == 2
    assert f"longer than {model.tokenizer.model_max_length - 1} tokens" in what


@pytest.mark.parametrize("text", CAPITALS)
def test_capitals_are_told_to_a_model_that_never_saw_any(model: TextVaeModel, text: str) -> None:
    ((what, count),) = model.misread([*PLAIN, text]).items()
    assert count == 1
    assert "capital letters" in what


def test_a_text_that_just_fits_is_not_cut(tiny_model: Path) -> None:
    tiny = TextVaeModel(tiny_model)
    words = ["good"] * 40
    fitting = next(n for n in range(40, 0, -1) if not tiny.misread([" ".join(words[:n])]))
    for n, tokens in ((fitting, 20), (fitting + 1, 21)):
        assert len(tiny.tokenizer(" ".join(words[:n]))["input_ids"]) == tokens


@pytest.mark.parametrize(
    ("texts", "known"),
    [
        (sentences(), False),
        ([text.capitalize() for text in sentences()], True),
        ([*sentences(), *["I asked"] * 50], True),
        (["2 for 1", "naïve"] * 20, False),
    ],
)
def test_a_tokenizer_tells_whether_its_texts_had_capitals(texts: list[str], known: bool) -> None:
    assert knows_capitals(train_tokenizer(texts, vocab_size=400, max_tokens=16)) == known


Stubbed = Callable[..., Any]


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch) -> Stubbed:
    """``lcgan edit`` of lines by a run whose model cuts what has more than four letters, and keeps what begins with k."""

    def edit(finished: Any, samples: Sequence[str], strength: float) -> list[editing.Edit]:
        return [editing.Edit(text, text, "kept" if text[0] == "k" else "edited", 1.0, 1.0, []) for text in samples]

    def misread(samples: Sequence[str]) -> dict[str, int]:
        return {"too long": count} if (count := sum(len(text) > 4 for text in samples)) else {}

    model = SimpleNamespace(sample_kind=Text(), require_encoder=lambda what: None, misread=misread)
    monkeypatch.setattr(finished, "load_run", lambda folder, device: SimpleNamespace(model=model))
    monkeypatch.setattr(editing, "edit", edit)

    def run(*arguments: str, lines: Sequence[str] = ()) -> list[str]:
        given = "".join(f"{line}\n" for line in lines)
        return CliRunner().invoke(lcgan, ["edit", "RUN", *arguments], input=given, catch_exceptions=False).stderr.splitlines()

    return run


def test_edit_says_once_what_was_cut_in_all_of_its_input(edited: Stubbed) -> None:
    assert edited("short", "fine") == ["1 of 2 samples: too long."]
    assert edited(lines=["lengthy", "", "ok"] * 100) == ["100 of 200 samples: too long."]
    assert edited(lines=["ok", "", "two"]) == []
    assert edited("kept as it is", "--json") == []
    assert edited("other", "--json") == ["1 of 1 samples: too long."]


def labelled(path: Path, texts: Sequence[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "value"), *((text, number % 2) for number, text in enumerate(texts))])
    return path


@pytest.mark.parametrize(
    ("odd", "lines"),
    [
        ([], []),
        (["so " * 90, "very " * 80], ["2 of 42 samples: longer than"]),
        (["Good .", "BAD ."], ["2 of 42 samples: capital letters"]),
        (["So " * 90, "bad ."], ["1 of 42 samples: longer than", "1 of 42 samples: capital letters"]),
    ],
)
def test_labels_say_what_is_not_read(
    model: TextVaeModel, tmp_path: Path, caplog: pytest.LogCaptureFixture, odd: list[str], lines: list[str]
) -> None:
    Labels(file=labelled(tmp_path / "mine.csv", [*dict.fromkeys(sentences()[:60]), *odd][-40 - len(odd) :])).bind(model)
    assert len(caplog.messages) == len(lines)
    for line, message in zip(lines, caplog.messages, strict=True):
        assert message.startswith(f"{tmp_path}/mine.csv: {line}")


@pytest.mark.parametrize(("texts", "told"), [(LONG, 4), (["fine ."], 0), ([*CAPITALS, "fine ."], 4)])
def test_label_says_what_is_not_read_of_texts_to_ask_about(
    run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch, texts: list[str], told: int
) -> None:
    monkeypatch.setattr(click, "getchar", lambda: "q")
    Path("own.txt").write_text("\n".join(texts), encoding="utf-8")
    ran = run_lcgan("label", "mine.csv", "--from", "own.txt")
    assert ran.exit_code == 0, ran.output
    assert ran.stderr.count(f"{told} of {len(texts)} samples: ") == bool(told)


@pytest.mark.parametrize(
    ("texts", "different"),
    [
        (["The one and only ."] * 1000, 1),
        ([f"text {number % 39} ." for number in range(500)], 39),
        ([text for word in ("good", "bad") for text in (word, word.upper(), f" {word} ", word.title())] * 50, 2),
        (["a", "b"], 2),
    ],
)
@pytest.mark.parametrize("held_out", [(), ("--valid", "valid.txt")])
def test_a_few_texts_again_and_again_are_no_corpus(
    run_lcgan: Lcgan, texts: list[str], different: int, held_out: tuple[str, ...]
) -> None:
    Path("corpus.txt").write_text("\n".join(texts), encoding="utf-8")
    Path("valid.txt").write_text("\n".join(sentences()[:50]), encoding="utf-8")
    ran = run_lcgan("pretrain", "corpus.txt", "--out", "model", *held_out)
    assert ran.exit_code == 1
    assert f"{len(texts):,} texts, of which {different} differ by more than case and spaces" in ran.stderr
    assert "at least 40 different texts" in ran.stderr
    assert not Path("model").exists()


@pytest.mark.parametrize(("texts", "cut"), [(sentences()[:60], 0), ([*sentences()[:60], *LONG], 4), (["so " * 90] * 3, 3)])
def test_rows_count_the_texts_that_are_cut(texts: list[str], cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcgan_core.models.text_vae.batches.AT_ONCE", 50)
    assert AT_ONCE > 50
    tokenizer = train_tokenizer(sentences(), vocab_size=400, max_tokens=16)
    assert Rows(tokenizer, texts, epochs=1).cut == cut


def test_pretraining_says_how_much_of_the_corpus_is_cut(
    run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def die(*_: object, **__: object) -> None:
        raise TrainingError("enough")

    long = [" ".join(sentences()[start : start + 9]) for start in range(1, 5)]
    Path("corpus.txt").write_text("\n".join([*sentences()[:101], *long]), encoding="utf-8")
    monkeypatch.setattr(pretraining, "fit", die)
    ran = run_lcgan("pretrain", "corpus.txt", "--out", "model", *TINY_RECIPE)
    assert ran.exit_code == 1, ran.output
    (line,) = [message for message in caplog.messages if "cut off" in message]
    assert line.startswith("corpus.txt: 4 of 99 texts are longer than 19 tokens")
    assert line.endswith("--set max_tokens=NUMBER")
