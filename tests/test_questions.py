"""Collecting labels: keys on the terminal, answers that are never lost, and questions that teach."""

from __future__ import annotations

import csv
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from lcgan_core import ConstraintError
from lcgan_core.cli import lcgan
from lcgan_core.plugins.discovery import load_latent_model
from lcgan_core.tools.questions import QuestionSession, only_one


def rows(file: Path) -> list[tuple[str, float]]:
    with file.open(encoding="utf-8", newline="") as content:
        return [(row["text"], float(row["value"])) for row in csv.DictReader(content)]


def press(file: Path, model: Path, keys: str, *options: str) -> Result:
    ran = CliRunner().invoke(lcgan, ["label", str(file), "--model", str(model), *options], input=keys)
    assert ran.exit_code == 0, ran.output
    return ran


def test_one_key_a_sample_and_resuming(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    ran = press(file, tiny_model, "ynsxyq")
    assert [value for _, value in rows(file)] == [1.0, 0.0, 1.0]
    assert "3 labels, 2 wanted" in ran.stdout
    shown = [line for line in ran.stderr.splitlines() if "/70" in line]
    assert len(shown) == 6
    assert all(text in ran.stderr for text, _ in rows(file))
    before = rows(file)
    press(file, tiny_model, "n" * 20, "-n", "5")
    assert rows(file)[:3] == before
    assert [value for _, value in rows(file)[3:]] == [0.0, 0.0]
    assert len({text for text, _ in rows(file)}) == 5, "nothing is asked twice"


def test_undo_takes_the_last_answer_back_and_asks_again(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    press(file, tiny_model, "yyuuunq", "-n", "3")
    once = rows(file)
    press(tmp_path / "other.csv", tiny_model, "n", "-n", "1")
    assert once == rows(tmp_path / "other.csv")


def test_an_answer_is_on_the_disk_before_the_next_question(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, keys = tmp_path / "mine.csv", iter("yny")

    class Killed(BaseException):
        """Stands for the power going off."""

    def press_or_die() -> str:
        key = next(keys, None)
        if key is None:
            raise Killed
        return key

    monkeypatch.setattr(click, "getchar", press_or_die)
    with pytest.raises(Killed):
        lcgan(["label", str(file), "--model", str(tiny_model)], standalone_mode=False)
    assert [value for _, value in rows(file)] == [1.0, 0.0, 1.0]
    monkeypatch.undo()
    press(file, tiny_model, "y", "-n", "4")
    assert len(rows(file)) == 4


def test_an_answer_that_cannot_be_written_is_asked_for_again(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    session = QuestionSession(file, load_latent_model(str(tiny_model)))
    asked = session.question()
    file.mkdir()
    with pytest.raises(ConstraintError, match=r"mine\.csv cannot be read: Is a directory"):
        session.answer(1.0)
    file.rmdir()
    assert session.question() == asked
    session.answer(1.0)
    assert rows(file) == session.answers == [(asked, 1.0)]


def test_texts_of_the_users_own_are_asked_about_each_once(tiny_model: Path, tmp_path: Path) -> None:
    mine, own = tmp_path / "mine.csv", tmp_path / "own.csv"
    texts = [f"the {noun} was {word} ." for noun in ("food", "soup") for word in ("good", "bad", "cold")]
    own.write_text("id,line\n" + "".join(f"{i},{text}\n" for i, text in enumerate([*texts, texts[0]])), encoding="utf-8")
    options = ("--from", str(own), "--column", "line")
    press(mine, tiny_model, "yn", "-n", "2", *options)
    ran = press(mine, tiny_model, "nsyynnnn", *options)
    assert "5 labels" in ran.stdout, "it ends with the texts"
    asked = [text for text, _ in rows(mine)]
    assert len(set(asked)) == 5
    assert set(asked) < set(texts)
    press(mine, tiny_model, "y", *options, "--by-chance", "-n", "6")
    assert {text for text, _ in rows(mine)} == set(texts), "what was skipped is asked about again"


def test_two_at_once_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    with only_one(file):
        ran = CliRunner().invoke(lcgan, ["label", str(file), "--model", str(tiny_model)], input="yyy")
        assert ran.exit_code == 1
        assert "Another process is adding labels to" in ran.stderr
    press(file, tiny_model, "y", "-n", "1")


def test_a_file_that_is_something_else_is_left_alone(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "thesis.csv"
    for content in ("chapter,page\nintroduction,1\n", "text,value\na,good\n"):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(ConstraintError, match=r"is not a label file|line 2: 'good' is no number"):
            QuestionSession(file, load_latent_model(str(tiny_model)))
        assert file.read_text(encoding="utf-8") == content


def test_questions_go_where_the_answer_is_least_sure(tiny_model: Path, tmp_path: Path) -> None:
    model = load_latent_model(str(tiny_model))
    session = QuestionSession(tmp_path / "mine.csv", model)
    unsure: list[float] = []
    others: list[float] = []
    for number in range(100):
        text = session.question()
        if number > 20 and number % 3:
            certainty = session.certainty(model.features([text, *session.candidates]).cpu())
            unsure.append(float(certainty[0]))
            others.append(float(certainty.median()))
        session.answer(float(text.split()[1] in ("food", "waiter", "soup")))
    assert sum(unsure) < 0.7 * sum(others)
    trust = session.estimate()
    assert trust is not None
    assert trust.accuracy.value > 0.6
    assert QuestionSession(tmp_path / "mine.csv", model).answers == session.answers
