"""What nobody can mean is refused by its bounds, in one line, before memory or time is spent on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Lcgan

from lcgan_core import CorpusError, RunError
from lcgan_core.runs.config import load_config
from lcgan_core.sample_kinds.corpus import depth, load_corpus
from lcgan_core.support.files import DEEPEST, read_json, read_json_text

ONE = {"constraints": [{"constraint": "length"}]}


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("depth=1000000", "gan.depth"),
        ("batch_size=99999999999999999999", "gan.batch_size"),
        ("rounds=1e15", "gan.rounds"),
        ("proposals=NaN", "gan.proposals"),
        ("proposals=1e400", "gan.proposals"),
        ("actor_learning_rate=Infinity", "gan.actor_learning_rate"),
        ("max_posterior_labels=1e13", "gan.max_posterior_labels"),
        ("label_megabytes=1e12", "gan.label_megabytes"),
    ],
)
def test_absurd_settings_of_the_training(run_lcgan: Lcgan, setting: str, told: str) -> None:
    ran = run_lcgan("run", "-c", "length", "--set", f"gan.{setting}")
    assert ran.exit_code == 1
    assert f"Wrong settings: {told}: " in ran.stderr
    assert not Path("runs").exists()


def test_settings_that_are_absurd_together(run_lcgan: Lcgan) -> None:
    ran = run_lcgan("run", "-c", "length", "--set", "gan.width=16384", "--set", "gan.depth=64")
    assert ran.exit_code == 1
    assert "64 layers of 16384 units are more than 134,217,728 weights; choose fewer" in ran.stderr


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 2**32}, "seed: Input should be less than"),
        ({"samples": 10**15}, "samples: Input should be less than"),
        (
            {"constraints": [{"constraint": f"c{number}"} for number in range(100_000)]},
            "Tuple should have at most 64",
        ),
        ({"gan": {"depth": 100_000}}, "gan.depth: Input should be less than or equal to 64"),
        ({"constraints": [{"constraint": "length", "options": dict.fromkeys(map(str, range(10**5)))}]}, "at most 100 items"),
        ({"critics": [f"runs/{number}" for number in range(100_000)]}, "critics: Tuple should have at most 64"),
        ({f"x{number}": 1 for number in range(50_000)}, r"x9: no such option; there are model, .*; and 49990 more\.$"),
        ({"constraints": [{"constraint": "length", "alias": "a" * 10**6}]}, "is too long for a file"),
        ({"gan": {"round": 3}}, r"gan\.round: no such option; gan has width, .* \(did you mean 'rounds'\?\)"),
        (
            {"constraints": [{"constraint": "length", "weigth": 2}]},
            r"constraints\.0\.weigth: no such option; constraints\.0 has .*, alias \(did you mean 'weight'\?\)",
        ),
        ({"constraints": [{"constraint": "a\0b.py:f"}]}, "constraints.0.constraint: String should match pattern"),
        ({"model": "linear:\0"}, "model: String should match pattern"),
        ({"constraints": [{"constraint": "length", "weight": 1e999}]}, "constraints.0.weight: Input should be a finite number"),
    ],
)
def test_absurd_configurations(tmp_path: Path, change: dict[str, object], told: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(ONE | change), encoding="utf-8")
    with pytest.raises(RunError, match=told):
        load_config(tmp_path / "config.json")


@pytest.mark.parametrize("levels", [DEEPEST + 2, 900, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_deep_nesting_is_refused_wherever_it_is_read(tmp_path: Path, run_lcgan: Lcgan, opening: str, levels: int) -> None:
    closing = "".join({"[": "]", "{": "}"}.get(sign, "") for sign in reversed(opening))
    deep = opening * levels + "1" + closing * levels
    (tmp_path / "config.json").write_text(f'{{"constraints": [{{"constraint": "length", "options": {{"a": {deep}}}}}]}}')
    for read in (read_json, load_config):
        with pytest.raises(RunError, match="nested more than 50 times"):
            read(tmp_path / "config.json")
    (tmp_path / "c.jsonl").write_text(f'{{"text": "good"}}\n{{"text": "bad", "more": {deep}}}\n')
    with pytest.raises(CorpusError, match=r"c\.jsonl line 2 has values nested more than 50 times"):
        load_corpus(tmp_path / "c.jsonl")
    if levels < 1000:  # longer ones no system takes for an argument
        ran = run_lcgan("run", "-c", "length", "--set", f"length.most={deep}")
        assert ran.exit_code == 1
        assert "Traceback" not in ran.output


def test_200_000_constraints_in_toml(tmp_path: Path) -> None:
    tables = "".join(f'[[constraints]]\nconstraint = "length"\nalias = "a{number}"\n' for number in range(200_000))
    (tmp_path / "config.toml").write_text(tables)
    with pytest.raises(RunError, match="Tuple should have at most 64"):
        load_config(tmp_path / "config.toml")


def test_a_million_keywords(run_lcgan: Lcgan) -> None:
    words = json.dumps(["soup"] * 10**6)
    Path("c.json").write_text(f'{{"constraints": [{{"constraint": "keyword", "options": {{"words": {words}}}}}]}}')
    ran = run_lcgan("run", "--config", "c.json")
    assert ran.exit_code == 1
    assert "keyword.words: Tuple should have at most 1000 items" in ran.stderr
    assert len(ran.stderr) < 3000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_hidden_layers", 100_000),
        ("vocab_size", 10**12),
        ("hidden_size", 10**9),
        ("intermediate_size", -(10**9)),
        ("num_attention_heads", 10**6),
        ("max_position_embeddings", 10**15),
    ],
)
def test_models_of_sizes_that_no_model_has(tmp_path: Path, run_lcgan: Lcgan, key: str, value: int) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text(json.dumps({"model_type": "bert", key: value}))
    ran = run_lcgan("try", "classifier", "good", "--set", f"model={tmp_path / 'm'}", "--set", "label=x")
    assert ran.exit_code == 1
    assert f"config.json says {key}: {value}. No model has more than" in ran.stderr


def test_deep_toml_is_refused(tmp_path: Path) -> None:
    for levels in (DEEPEST + 2, 300, 20_000):
        (tmp_path / "config.toml").write_text(f"constraints = {'[' * levels}{']' * levels}\n")
        with pytest.raises(RunError, match=r"config\.toml cannot be read: "):
            load_config(tmp_path / "config.toml")


def test_what_people_write_is_within_bounds() -> None:
    assert read_json_text("[" * DEEPEST + "]" * DEEPEST)
    assert depth(b'{"text": "' + b"[{" * 500 + b'"}') == 1
    assert depth(b'{"text": "\\"' + b"[" * 500 + b'"}') == 1
    assert depth(b"[" + b"[1]," * 400 + b"1]") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", "RUN", "--seed", 2**64),
        ("run", "-c", "length", "--seed", 10**30),
        ("sample", "RUN", "-n", 10**12),
        ("label", "mine.csv", "-n", 10**12),
        ("interpolate", "RUN", "a", "b", "--steps", 10**12),
        ("run", "-c", "length", "--samples", 10**12),
    ],
)
def test_absurd_numbers_on_the_command_line(run_lcgan: Lcgan, arguments: tuple[str | int, ...]) -> None:
    ran = run_lcgan(*map(str, arguments))
    assert ran.exit_code == 2
    assert "is not in the range" in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "-c", "x" * 90_000),
        ("run", "-c", "length", "--model", "x" * 90_000),
        ("sample", "x" * 90_000),
        ("try", "length", "a", "--set", f"{'x' * 90_000}=1"),
    ],
)
def test_errors_quote_no_more_than_a_screen(run_lcgan: Lcgan, arguments: tuple[str, ...]) -> None:
    ran = run_lcgan(*arguments)
    assert ran.exit_code in (1, 2)
    assert "Error: " in ran.stderr
    assert len(ran.stderr) < 3000
