"""Options on the command line: read as the option wants them, a word as a word and a number as a number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import BaseModel, ConfigDict, ValidationError

from lcgan_core import Classifier
from lcgan_core.cli import lcgan
from lcgan_core.cli.common import read_options
from lcgan_core.cli.run import parse_settings
from lcgan_core.constraints.from_labels import Labels
from lcgan_core.constraints.rules import Keyword, Length
from lcgan_core.engine.networks import GanConfig
from lcgan_core.models.text_vae.pretraining.recipe import PretrainConfig
from lcgan_core.plugins.discovery import make_constraint
from lcgan_core.runs.config import RunConfig, Wish


class Many(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = ""
    texts: tuple[str, ...] = ()
    maybe: str | None = None
    count: int = 0
    share: float = 0.0
    either: float | str = 0.0
    on: bool = False
    table: dict[str, Any] = {}
    place: Path = Path()


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (Many, {"text": "007"}, {"text": "007"}),
        (Many, {"text": "1.50"}, {"text": "1.50"}),
        (Many, {"text": "1e3"}, {"text": "1e3"}),
        (Many, {"text": "null"}, {"text": "null"}),
        (Many, {"text": "[verse]"}, {"text": "[verse]"}),
        (Many, {"text": '["a"]'}, {"text": '["a"]'}),
        (Many, {"text": '{"a": 1}'}, {"text": '{"a": 1}'}),
        (Many, {"text": '"quoted"'}, {"text": "quoted"}),
        (Many, {"text": "NaN", "maybe": "false"}, {"text": "NaN", "maybe": "false"}),
        (Many, {"texts": '["a", "2024"]'}, {"texts": ["a", "2024"]}),
        (Many, {"maybe": "null"}, {"maybe": None}),
        (Many, {"count": "3", "share": "0.5", "on": "true"}, {"count": 3, "share": 0.5, "on": True}),
        (Many, {"either": "2"}, {"either": 2}),
        (Many, {"table": '{"a": [1]}'}, {"table": {"a": [1]}}),
        (Many, {"place": "2024"}, {"place": "2024"}),
        (Many, {"text": "12", "count": "many"}, {"text": "12", "count": "many"}),
        (Many, {"count": "12.5", "text": "12"}, {"count": 12.5, "text": "12"}),
        (Many, {"unknown": "12"}, {"unknown": 12}),
        (Keyword, {"words": "1984"}, {"words": "1984"}),
        (Keyword, {"words": '["1984", "true"]'}, {"words": ["1984", "true"]}),
        (Keyword, {"words": "true,false", "match": "all"}, {"words": "true,false", "match": "all"}),
        (Classifier, {"model": "2", "label": "5"}, {"model": "2", "label": "5"}),
        (Labels, {"target": "false", "file": "12"}, {"target": "false", "file": "12"}),
        (Length, {"max_words": "7"}, {"max_words": 7}),
    ],
)
def test_a_value_is_what_its_option_takes(kind: type[BaseModel], given: dict[str, str], expected: dict[str, Any]) -> None:
    found = read_options(kind, given)
    assert found == expected
    assert [type(value) for value in found.values()] == [type(value) for value in expected.values()]


def test_settings_of_a_run() -> None:
    names = ("a=keyword", "keyword", "labels", "length")
    settings = ("a.words=2024,true", "keyword.words=99", "labels.target=true", "length.max_words=5", "gan.rounds=3")
    wishes, gan = parse_settings(names, settings, ())
    assert gan == {"rounds": 3}
    wishes[2]["options"]["file"] = "mine.csv"
    made = [make_constraint(wish["constraint"], wish["options"]) for wish in wishes]
    assert isinstance(made[0], Keyword)
    assert isinstance(made[1], Keyword)
    assert made[0].words == ("2024", "true")
    assert made[1].words == ("99",)
    assert isinstance(made[2], Labels)
    assert made[2].target == "true"


@pytest.mark.parametrize(
    ("words", "text", "value"), [("1984", "the year 1984 was", 1.0), ("true", "True story", 1.0), ("1e3", "about 1000", 0.0)]
)
def test_words_that_look_like_values_are_tried(words: str, text: str, value: float) -> None:
    ran = CliRunner().invoke(lcgan, ["try", "keyword", "--set", f"words={words}", text])
    assert ran.exit_code == 0, ran.output
    assert ran.stdout == f"{value:.3f}  {text}\n"


@pytest.mark.parametrize(
    "setting", ["max_words=null", "max_words=1.5", "max_words=[1]", "max_words=six", "max_words=true", "min_characters=false"]
)
def test_what_an_option_does_not_take_is_refused_as_it_was_given(setting: str) -> None:
    ran = CliRunner().invoke(lcgan, ["try", "length", "--set", setting, "a"])
    assert ran.exit_code == 1
    assert f"length.{setting.partition('=')[0]}" in ran.stderr


@pytest.mark.parametrize("words", ['["soup", 2]', "[true]", '["a", ["b"]]', "[]", "[null]"])
def test_a_list_with_something_else_in_it_is_no_text(words: str) -> None:
    ran = CliRunner().invoke(lcgan, ["try", "keyword", "--set", f"words={words}", "a"])
    assert ran.exit_code == 1
    assert "keyword.words" in ran.stderr


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Length, {"max_words": True}),
        (Length, {"min_characters": False}),
        (Classifier, {"model": "a", "label": "b", "tokens_per_batch": True}),
        (GanConfig, {"rounds": True}),
        (GanConfig, {"actor_averaging": False}),
        (Wish, {"constraint": "length", "weight": True}),
        (RunConfig, {"constraints": [{"constraint": "length"}], "seed": True}),
        (PretrainConfig, {"corpus": "a", "epochs": True}),
    ],
)
def test_true_and_false_are_no_numbers(kind: type[BaseModel], given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="it is a number, not true or false"):
        kind(**given)
