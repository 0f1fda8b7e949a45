from __future__ import annotations

import math
import subprocess
import sys
from typing import ClassVar

import pytest
from lcgan_readability_plugin import FORMULAS, Counts, Readability, count

from lcgan_core import ConstraintError
from lcgan_core.constraint import evaluate
from lcgan_core.plugins.discovery import make_constraint
from lcgan_core.testing import ConstraintContract

EASY = "the food was good and we ate it all ."
HARD = "unfortunately our reservation was cancelled without any explanation ."


class TestReadability(ConstraintContract):
    constraint = Readability
    satisfied = (EASY, "I like it. You like it.")
    violated = (HARD, "", "!")


class TestHardToRead(ConstraintContract):
    constraint = Readability
    options: ClassVar = {"min_grade": 8, "max_grade": None, "formula": "coleman-liau"}
    satisfied = (HARD,)
    violated = (EASY, "")


class TestBetweenTwoGrades(ConstraintContract):
    constraint = Readability
    options: ClassVar = {"min_grade": 4, "max_grade": 6}
    satisfied = ("the waiter was friendly and always smiling .",)
    violated = (EASY, HARD)


@pytest.mark.parametrize(
    ("formula", "grade"),
    [
        ("flesch-kincaid", 0.39 * 6 + 11.8 * 6 / 6 - 15.59),
        ("gunning-fog", 0.4 * 6),
        ("coleman-liau", 0.0588 * (100 * 17 / 6) - 0.296 * (100 / 6) - 15.8),
        ("automated", 4.71 * 17 / 6 + 0.5 * 6 - 21.43),
    ],
)
def test_grades_are_those_of_the_formulas(formula: str, grade: float) -> None:
    counts = count("The cat sat on the mat.")
    assert counts == Counts(sentences=1, words=6, letters=17, syllables=6, long_words=0)
    assert FORMULAS[formula](counts) == pytest.approx(grade)
    (at_edge,) = Readability(max_grade=grade, formula=formula)(["The cat sat on the mat."])
    (one_inside,) = Readability(max_grade=grade + 1, formula=formula)(["The cat sat on the mat."])
    assert at_edge == pytest.approx(0.5)
    assert one_inside == pytest.approx(1 / (1 + math.exp(-1)))


def test_long_words_have_three_syllables_and_more() -> None:
    counts = count("Delicious restaurants")
    assert counts == Counts(sentences=1, words=2, letters=20, syllables=6, long_words=2)
    assert FORMULAS["gunning-fog"](counts) == pytest.approx(0.4 * (2 + 100))


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("it 's good , is n't it ?", "It's good, isn't it?"),
        ("we 'll see ; they 've left !", "we’ll see; they’ve left!"),
        ("`` good '' he said .", '"good" he said.'),
        ("it cost _num_ dollars .", "it cost ten dollars."),
        ("great ... wow ! !", "great... wow!!"),
        ("see yelp.com at 9:30 .", "see yelp com at 9 30"),
        ("a wi-fi hotel", "a wi fi hotel."),
    ],
)
def test_tokens_are_read_as_the_text_that_they_were(tokens: str, text: str) -> None:
    assert count(tokens) == count(text)


def test_sentences_are_counted_where_they_have_words() -> None:
    for text, sentences in (("it is good . i like it !", 2), ("... ! good ... ?", 1), ("no end", 1)):
        counted = count(text)
        assert counted
        assert counted.sentences == sentences
    assert count(" ?! . ") is None


def test_values_follow_the_grade() -> None:
    longer = ["we ate .", "we ate the good food .", "we ate the good food at the end of the day .", HARD]
    values = evaluate(Readability(), longer)
    assert values == sorted(values, reverse=True)
    assert evaluate(Readability(min_grade=2, max_grade=None), longer) == pytest.approx([1 - value for value in values])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_grade": 8}, r"min_grade \(8.0\) is not below max_grade \(2.0\); null sets no limit"),
        ({"min_grade": 2}, "is not below max_grade"),
        ({"max_grade": None}, "min_grade and max_grade are both null: give one"),
        ({"formula": "smog"}, "readability.formula: .*'flesch-kincaid'"),
        ({"max_grade": "nan"}, "readability.max_grade: .*finite"),
    ],
)
def test_a_wrong_option_is_told(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        make_constraint("readability", options)


def test_nothing_is_asked_of_a_network() -> None:
    code = (
        "import socket\n"
        "def refused(*_, **__): raise AssertionError('asked the network')\n"
        "socket.socket.connect = socket.getaddrinfo = refused\n"
        "from lcgan_readability_plugin import Readability\n"
        "print(Readability()(['it is good .']))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
