"""How many edits satisfy and how much of the text they keep, by strength.

    python benchmarks/edit_curve.py runs/positive valid.csv.gz --only label=negative --judge-from train.csv.gz --target positive

Texts that already satisfy the run's constraints come back unchanged: they are counted (kept) and left out of the other
figures. Texts that the model cannot represent count as they come back. Every strength is timed with an empty cache of values.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import torch
from unseen_judge import Judge, read_rows, unseen_judge

from lcgan_core import edit, load_run
from lcgan_core.constraint import SATISFIED
from lcgan_core.runs.finished import FinishedRun
from lcgan_core.sample_kinds.bleu import bleu
from lcgan_core.support.files import write_json, write_text
from lcgan_core.support.plot import Marks, Plot

BATCH = 64
"""Texts edited at once, as ``lcgan edit`` does."""
STATUSES = ("kept", "edited", "missed", "unknown")


def measure(finished: FinishedRun, texts: Sequence[str], strength: float, judge: Judge | None) -> dict[str, Any]:
    """Shares of the texts that did not satisfy before, BLEU in percent against those texts, and texts per second."""
    with tempfile.TemporaryDirectory() as empty:
        os.environ["LCGAN_CACHE"] = empty
        started = time.perf_counter()
        edits = [found for i in range(0, len(texts), BATCH) for found in edit(finished, texts[i : i + BATCH], strength)]
        seconds = time.perf_counter() - started
    changed = [found for found in edits if found.status != "kept"]
    before, after = [found.before for found in changed], [found.after for found in changed]
    statuses = Counter(found.status for found in edits)
    return {
        "strength": strength,
        "satisfied": sum(found.value >= SATISFIED for found in changed) / len(changed),
        "judged": sum(judge(after)) / len(changed) if judge else None,
        "bleu": 100 * bleu(after, [[text] for text in before]),
        "sentence_bleu": 100 * sum(found.closeness for found in changed) / len(changed),
        **{status: statuses[status] / len(edits) for status in STATUSES},
        "texts_per_second": len(texts) / seconds,
    }


def plot(rows: Sequence[dict[str, Any]]) -> str:
    """Satisfaction against BLEU, with a point for each strength, as SVG text."""
    bleu, strengths = [row["bleu"] for row in rows], [f"{row['strength']:g}" for row in rows]
    marks = [Marks("line", bleu, [row["satisfied"] for row in rows], "by the run's own constraints", labels=strengths)]
    if rows[0]["judged"] is not None:
        marks.append(Marks("line", bleu, [row["judged"] for row in rows], "by a judge that training never saw"))
    return Plot(marks, "", "BLEU against the source", "satisfied", size=(480, 380)).svg()


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--column", default="text", show_default=True)
@click.option("--only", metavar="COLUMN=VALUE", help="Edit only rows with this value.")
@click.option("--judge-from", type=click.Path(path_type=Path), help="Labelled texts to train the unseen judge on.")
@click.option("--target", default="positive", show_default=True, help="The label that the unseen judge looks for.")
@click.option("--strengths", default="0,0.5,0.7,0.9,0.97,0.99,1", show_default=True)
@click.option("-n", "count", default=500, show_default=True, help="Number of texts, drawn at random.")
@click.option("--out", default=Path("runs/edit-curve"), show_default=True, type=click.Path(path_type=Path))
def main(
    run: Path,
    file: Path,
    column: str,
    only: str | None,
    judge_from: Path | None,
    target: str,
    strengths: str,
    count: int,
    out: Path,
) -> None:
    """Edits texts of the CSV file FILE with RUN, prints and plots the results, and writes OUT.json and OUT.svg."""
    rows = read_rows(file)
    if only:
        name, _, value = only.partition("=")
        rows = [row for row in rows if row[name] == value]
    texts = random.Random(0).sample([row[column] for row in rows], min(count, len(rows)))
    judge = unseen_judge(judge_from, target) if judge_from else None
    finished = load_run(run)
    edit(finished, texts[:BATCH])  # to load and to warm up
    print(f"{len(texts)} texts, {torch.get_num_threads()} threads")
    print("strength  satisfied  judged   BLEU  sentence BLEU   kept  missed  unknown  texts/s")
    points = []
    for strength in map(float, strengths.split(",")):
        point = measure(finished, texts, strength, judge)
        points.append(point)
        judged = f"{point['judged']:7.1%}" if judge else "      -"
        print(
            f"{strength:8g}  {point['satisfied']:9.1%} {judged}  {point['bleu']:5.1f}  {point['sentence_bleu']:13.1f}  "
            f"{point['kept']:5.1%}  {point['missed']:6.1%}  {point['unknown']:7.1%}  {point['texts_per_second']:7.1f}"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out.with_suffix(".json"), {"run": str(run), "texts": len(texts), "rows": points})
    write_text(out.with_suffix(".svg"), plot(points))


if __name__ == "__main__":
    main()
