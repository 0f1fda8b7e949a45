"""Writes what the documentation shows of measurements, from the JSON files under ``benchmarks/results``:

    python benchmarks/tables.py

``docs/measured.md``, the table in ``README.md`` between its two marks, and ``docs/session.svg``, the picture of a session. A
test fails if one of them is not what the results give.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from lcgan_core.cli.tables import WIDTH_WITHOUT_TERMINAL, print_result
from lcgan_core.runs.result import Result

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
AS_SAMPLED = {
    "length": "length: temperature 0, keep 0.5",
    "positive": "sentiment: temperature 0, keep 0.5",
    "negative": "negative: temperature 0, keep 0.5",
}
"""The runs in the README, and what ``lcgan sample`` makes of each; the first one makes the picture."""
RUNS = (*AS_SAMPLED, "combined", "function", "keyword", "readability", "syllables", "seven-syllables", "rhyme")
"""Results of ``lcgan run``, in the order of the table."""
MARKS = "<!-- from benchmarks/results, by benchmarks/tables.py -->\n", "<!-- end -->\n"


def written() -> dict[Path, str]:
    """The content of each file."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    return {
        ROOT / "docs" / "measured.md": page(),
        ROOT / "docs" / "session.svg": picture(),
        readme: "".join([before, MARKS[0], headline(), MARKS[1], after]),
    }


def kept(name: str) -> Any:
    """The result with this name; None if there is none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}%"


def row(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """The figures of one run that tables show."""
    result = record["result"]
    quality, remembered = result["quality"], result["memory"]["actor"]["remembered"]
    low, high = result["all"]["actor"]["interval"]
    return {
        "name": name,
        "command": record["command"],
        "date": record["date"],
        "note": record.get("note"),
        "noise": result["all"]["prior"]["value"],
        "actor": result["all"]["actor"]["value"],
        "low": low,
        "high": high,
        "naturalness": quality["naturalness"]["actor"] / quality["naturalness"]["reference"],
        "distinct": quality["distinct-2"]["actor"] / quality["distinct-2"]["reference"],
        "duplicates": 1 - result["unique"],
        "remembered": remembered["share"],
        "expected": remembered["expected"],
    }


def rows(names: Iterable[str]) -> list[dict[str, Any]]:
    return [row(name, record) for name in names if (record := kept(name))]


def as_sampled(run: str) -> dict[str, Any]:
    """The figures of the samples of a run that ``lcgan sample`` prints."""
    found: dict[str, Any] = next(row for row in kept("sampling")["rows"] if row["setting"] == AS_SAMPLED[run])
    return found


def read_as_natural(run: str) -> str:
    """The share of a run's samples that a reader took for a person's; empty if nobody read them."""
    return next((percent(row["natural"], 0) for row in kept("readings")["rows"] if row.get("run") == run), "")


def headline() -> str:
    """The README's table."""
    lines = ["| `lcgan run` | noise | actor (95 %) | natural¹ | remembered² |", "|---|---|---|---|---|"]
    for found in rows(AS_SAMPLED):
        asked = re.sub(r" --out \S+", "", found["command"].removeprefix("lcgan run "))
        satisfied = f"**{percent(found['actor'])}** ({percent(found['low'])} – {percent(found['high'])})"
        sampled = as_sampled(found["name"])
        figures = f"{read_as_natural(found['name'])} | {percent(sampled['remembered'])} ({percent(sampled['expected'])})"
        lines.append(f"| `{asked}` | {percent(found['noise'])} | {satisfied} | {figures} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """``docs/measured.md``."""
    environment = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    model = json.loads((ROOT / "lcgan_core/models/reviews/measured.json").read_text(encoding="utf-8"))
    package = ROOT / "plugins/lcgan-sentiment-plugin/lcgan_sentiment_plugin"
    held_out, other = json.loads((package / "model/measured.json").read_text(encoding="utf-8")).values()
    first = kept(RUNS[0])
    if compared := kept("bench"):
        found = compared["result"]["rows"]
        compared |= {"rows": found, "figures": list(dict.fromkeys(name for one in found for name in one["quality"]))}
    return (
        environment.get_template("measured.md.jinja")
        .render(
            percent=percent,
            runs=rows(RUNS),
            pairs=first if first and first.get("pairs") else None,
            readings=kept("readings"),
            sampling=kept("sampling"),
            bench=compared,
            settings=kept("settings"),
            own=kept("own"),
            model=model,
            memory_names=list(dict.fromkeys(name for figures in model.get("memory", {}).values() for name in figures)),
            sentiment={"held_out": held_out["accuracy"], "other": other["accuracy"]},
        )
        .rstrip()
        + "\n"
    )


WIDTH = WIDTH_WITHOUT_TERMINAL
"""Columns of the picture: the tables are as wide."""
THEME = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [(72, 79, 88), (255, 123, 114), (86, 211, 100), *[(201, 209, 217)] * 5],
)
"""Of a dark terminal: background, text, and the eight colours, of which the picture uses the third."""


def picture() -> str:
    """``docs/session.svg``: two commands, and the part of what the first one printed that fits a picture."""
    record = kept(RUNS[0])
    printed = io.StringIO()
    with redirect_stdout(printed):
        print_result(Result.model_validate(record["result"]), record["pairs"])
    text = printed.getvalue()
    satisfied, pairs = (
        text[text.index(start) : text.index(end)].rstrip("\n").splitlines()
        for start, end in (("satisfied,", "quality of"), ("the same latents,", record["result"]["run"] + "   more"))
    )
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False, markup=False)
    console.print(f"$ {record['command']}", style="bold green")
    for line in (*satisfied, *pairs):
        title = line.startswith(("satisfied", "the same"))
        console.print(line, style="italic" if title else "", no_wrap=True, crop=False)
    svg = console.export_svg(title="lcgan", theme=THEME, unique_id="session")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # nothing is loaded from elsewhere


def main() -> None:
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
