"""New results of benchmarks against the last ones: what got worse is told, and what only varied is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_docs import script

ROOT = Path(__file__).parent.parent
compare = script(ROOT / "benchmarks" / "compare.py")
LENGTH = json.loads((ROOT / "benchmarks" / "results" / "length.json").read_text(encoding="utf-8"))


def changed(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The results of the run ``length`` with one change."""
    record = copy.deepcopy(LENGTH)
    change(record["result"])
    return record


def fewer_satisfy(result: dict[str, Any]) -> None:
    result["all"]["actor"] = {"value": 0.9, "interval": [0.88, 0.92]}


def a_few_less_satisfy(result: dict[str, Any]) -> None:
    result["all"]["actor"] = {"value": 0.965, "interval": [0.951, 0.975]}


def less_fluent(result: dict[str, Any]) -> None:
    result["quality"]["perplexity"]["actor"] *= 1.1


def more_fluent(result: dict[str, Any]) -> None:
    result["quality"]["perplexity"]["actor"] *= 0.8


def less_varied(result: dict[str, Any]) -> None:
    result["quality"]["distinct-2"]["actor"] *= 0.9


def more_remembered(result: dict[str, Any]) -> None:
    result["memory"]["actor"]["remembered"]["share"] *= 2


def unmeasured(result: dict[str, Any]) -> None:
    del result["quality"]["perplexity"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (fewer_satisfy, ["satisfied: 0.975 before, 0.9 now"]),
        (a_few_less_satisfy, []),
        (less_fluent, ["perplexity / reference: 1.19 before, 1.31 now"]),
        (more_fluent, []),
        (less_varied, ["distinct-2 / reference: 1.09 before, 0.985 now"]),
        (more_remembered, ["remembered: 0.104 before, 0.208 now"]),
        (unmeasured, ["perplexity / reference: 1.19 before, not measured now"]),
    ],
)
def test_what_got_worse_is_told(change: Callable[[dict[str, Any]], None], told: list[str]) -> None:
    assert compare.worse(LENGTH, changed(change)) == told


def test_every_committed_result_has_figures_to_compare() -> None:
    for path in (ROOT / "benchmarks" / "results").glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        assert dict(compare.figures(record)), path.name
        assert compare.worse(record, record) == []


def test_samplers_are_compared_one_by_one() -> None:
    row = {"run": "runs/length", "sampler": "actor", "satisfied": {"value": 0.9, "interval": [0.88, 0.92]}}
    row |= {"quality": {"perplexity": 40.0}, "greater_is_better": {"perplexity": False}}
    lost = row | {"satisfied": {"value": 0.5, "interval": [0.45, 0.55]}}
    before, now = (
        {"result": {"rows": rows}} for rows in ([row, row | {"sampler": "prior"}], [row, lost | {"sampler": "prior"}])
    )
    assert compare.worse(before, now) == ["runs/length, prior: satisfied: 0.9 before, 0.5 now"]
