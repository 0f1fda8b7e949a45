"""Measures what the documentation shows, and keeps it as JSON under ``benchmarks/results``.

    python benchmarks/measure.py            everything, in order
    python benchmarks/measure.py length     only what is named
    python benchmarks/tables.py             then: tables and picture from the results

A run that is finished in ``runs/`` is not trained again. What a person must do, reading samples blind, is written into
``results/readings.json`` by hand.
"""

from __future__ import annotations

import datetime
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
PAIRS = 10
"""Pairs of samples to keep, as many as ``lcgan run`` prints."""

COMMANDS = {
    "length": "lcgan run --constraint length",
    "positive": "lcgan run --constraint sentiment",
    "negative": "lcgan run --constraint sentiment --set sentiment.target=negative --out runs/negative",
    "combined": "lcgan run --constraint sentiment --constraint length",
    "function": "lcgan run --constraint examples/excited.py:excited",
    "keyword": "lcgan run --constraint keyword --set keyword.words=friendly",
    "readability": "lcgan run --constraint readability",
    "syllables": "lcgan run --constraint syllables",
    "seven-syllables": "lcgan run --constraint syllables --set syllables.min_syllables=7 --out runs/seven-syllables",
    "rhyme": "lcgan run --constraint rhyme --set rhyme.to=late",
    "bench": "lcgan bench runs/length -n 400 --seeds 8",
    "check": "lcgan check reviews",
}
FOLDERS = {
    "length": Path("runs/length"),
    "positive": Path("runs/sentiment"),
    "negative": Path("runs/negative"),
    "combined": Path("runs/sentiment+length"),
    "function": Path("runs/excited-py-excited"),
    "keyword": Path("runs/keyword"),
    "readability": Path("runs/readability"),
    "syllables": Path("runs/syllables"),
    "seven-syllables": Path("runs/seven-syllables"),
    "rhyme": Path("runs/rhyme"),
}
"""Where the runs are."""


def printed(command: str) -> dict[str, Any]:
    """What a command prints with ``--json``."""
    arguments = [sys.executable, "-m", "lcgan_core", *shlex.split(command)[1:], "--json"]
    ran = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def measured(name: str) -> dict[str, Any]:
    """The record of one command: what it is, when it ran, and what it printed."""
    command, folder = COMMANDS[name], FOLDERS.get(name)
    finished = folder and (folder / "result.json").is_file()
    result = json.loads((folder / "result.json").read_text(encoding="utf-8")) if folder and finished else printed(command)
    record = {"command": command, "date": datetime.date.today().isoformat(), "result": result}
    if folder:
        rows = (folder / "samples.jsonl").read_text(encoding="utf-8").split("\n")[:PAIRS]
        record["pairs"] = [{part: json.loads(row)[part] for part in ("before", "after")} for row in rows]
    return record


def main() -> None:
    names = sys.argv[1:] or list(COMMANDS)
    if unknown := [name for name in names if name not in COMMANDS]:
        sys.exit(f"Nothing to measure is called {unknown[0]}. There are: {', '.join(COMMANDS)}.")
    RESULTS.mkdir(exist_ok=True)
    for name in names:
        print(f"{name}: {COMMANDS[name]}", flush=True)
        text = json.dumps(measured(name), indent=2, ensure_ascii=False)
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
