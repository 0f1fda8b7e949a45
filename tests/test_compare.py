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
    told = result["all"]["actor"]
    result["all"]["actor"] = {"value": told["interval"][0], "interval": [part - 0.01 for part in told["interval"]]}


def less_natural(result: dict[str, Any]) -> None:
    result["quality"]["naturalness"]["actor"] *= 0.9


def more_natural(result: dict[str, Any]) -> None:
    result["quality"]["naturalness"]["actor"] *= 1.2


def less_varied(result: dict[str, Any]) -> None:
    result["quality"]["distinct-2"]["actor"] *= 0.9


def more_remembered(result: dict[str, Any]) -> None:
    result["memory"]["actor"]["remembered"]["share"] *= 2


def unmeasured(result: dict[str, Any]) -> None:
    del result["quality"]["naturalness"]


@pytest.mark.parametrize(
    ("change", "figure", "now"),
    [
        (fewer_satisfy, "satisfied", "0.9 now"),
        (less_natural, "naturalness / reference", "now"),
        (less_varied, "distinct-2 / reference", "now"),
        (more_remembered, "remembered", "now"),
        (unmeasured, "naturalness / reference", "not measured now"),
    ],
)
def test_what_got_worse_is_told(change: Callable[[dict[str, Any]], None], figure: str, now: str) -> None:
    [told] = compare.worse(LENGTH, changed(change))
    assert told.startswith(f"{figure}: {dict(compare.figures(LENGTH))[figure].value:.3g} before, ")
    assert told.endswith(now)


@pytest.mark.parametrize("change", [a_few_less_satisfy, more_natural])
def test_what_got_better_or_only_varies_is_not_told(change: Callable[[dict[str, Any]], None]) -> None:
    assert compare.worse(LENGTH, changed(change)) == []


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
