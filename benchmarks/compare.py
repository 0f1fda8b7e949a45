"""Says what got worse since the last committed results, before new ones are committed:

    python benchmarks/measure.py
    python benchmarks/compare.py            the files under benchmarks/results against those of HEAD
    python benchmarks/compare.py v0.1.0     or of any other commit

A share is worse if its interval lies outside the one before, another figure if it lost more than 5%. If one is worse, the exit
status is 1. Times are left out: they say more about the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).with_name("results")
LOSS = 0.05
"""Relative loss above which a figure without an interval is worse. Arbitrary; seeds differ by about half of that."""


class Figure(NamedTuple):
    """A measured value, the interval it may lie in, and which direction is good."""

    value: float
    interval: tuple[float, float]
    greater_is_better: bool

    def is_worse_than(self, before: Figure) -> bool:
        (low, high), (least, most) = self.interval, before.interval
        return high < least if self.greater_is_better else low > most


def figures(record: dict[str, Any]) -> Iterator[tuple[str, Figure]]:
    """What a record measures, by name."""
    result = record.get("result", {})
    if "all" in result:
        yield "satisfied", share(result["all"]["actor"])
        yield "unique", about(result["unique"])
        for name, merit in result["quality"].items():
            if (greater := merit.get("greater_is_better")) is not None:  # otherwise nobody knows
                yield f"{name} / reference", about(merit["actor"] / merit["reference"], greater)
        for name, told in result["memory"].get("actor", {}).items():
            yield name, about(told["share"], False)
    for row in result.get("rows", ()):
        of = f"{row['run']}, {row['sampler']}:"
        yield f"{of} satisfied", share(row["satisfied"])
        for name, value in row["quality"].items():
            if row["greater_is_better"].get(name) is not None:
                yield f"{of} {name}", about(value, row["greater_is_better"][name])
    for training in record.get("trainings", ()):
        for name, figure in figures(training):
            yield f"{training['start']}: {name}", figure
    for row in record.get("rows", ()):  # readings and settings
        name = "natural" if "natural" in row else "satisfied"
        value = row[name] if isinstance(row[name], float) else sum(row[name]) / len(row[name])
        found = Figure(value, tuple(row["interval"]), True) if "interval" in row else about(value)
        yield f"{row.get('samples') or row['setting']}: {name}", found


def share(told: dict[str, Any]) -> Figure:
    low, high = told["interval"]
    return Figure(told["value"], (low, high), True)


def about(value: float, greater_is_better: bool = True) -> Figure:
    """A figure without an interval of its own."""
    half = LOSS / 2 * abs(value)
    return Figure(value, (value - half, value + half), greater_is_better)


def worse(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """A line for each figure that got worse, or that is no longer measured."""
    found, lines = dict(figures(now)), []
    for name, old in figures(before):
        if name not in found:
            lines.append(f"{name}: {old.value:.3g} before, not measured now")
        elif found[name].is_worse_than(old):
            lines.append(f"{name}: {old.value:.3g} before, {found[name].value:.3g} now")
    return lines


def committed(revision: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The results of a commit, by name."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=RESULTS, check=True, stdout=subprocess.PIPE, text=True).stdout

    for file in git("ls-tree", "--name-only", revision, "./").split():
        if file.endswith(".json"):
            yield file.removesuffix(".json"), json.loads(git("show", f"{revision}:./{file}"))


def main() -> None:
    lines = []
    for name, before in committed(sys.argv[1] if len(sys.argv) > 1 else "HEAD"):
        path = RESULTS / f"{name}.json"
        now = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        lines += [f"{name}: {line}" for line in worse(before, now)]
    print("\n".join(lines) if lines else "Nothing got worse.")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
