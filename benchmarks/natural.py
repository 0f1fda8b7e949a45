"""A blind reading of samples: how many could a person have written, to a reader who does not know where each is from?

    python benchmarks/natural.py mix reading real=held-out.txt prior=prior.txt length=short.txt -n 100
    python benchmarks/natural.py score reading

``mix`` shuffles n lines of each file into ``reading/blind.txt``, numbered, for someone who did not make them; which is which
is in ``reading/key.json``. The reader writes ``reading/scores.csv``: one line ``number,1`` (a person could have written it) or
``number,0`` for each. ``score`` prints the share of 1 for each kind with its 95 % interval, and writes all of it to
``reading/verdicts.csv``. Always mix in real texts: their share says how strict the reader was.
"""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import click

from lcgan_core.figures import Share


@click.group()
def reading() -> None:
    """Mix samples for a blind reader, and score what the reader says."""


@reading.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, metavar="KIND=FILE...")
@click.option("-n", "count", default=100, show_default=True, help="Lines of each file.")
@click.option("--seed", default=0, show_default=True)
def mix(folder: Path, files: tuple[str, ...], count: int, seed: int) -> None:
    """Shuffle lines of each file into FOLDER/blind.txt."""
    chance, rows = random.Random(seed), []
    for given in files:
        kind, _, file = given.partition("=")
        lines = [line.strip() for line in Path(file).read_text(encoding="utf-8").splitlines() if line.strip()]
        rows += [(kind, line) for line in chance.sample(lines, min(count, len(lines)))]
    chance.shuffle(rows)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "key.json").write_text(json.dumps([kind for kind, _ in rows]), encoding="utf-8")
    (folder / "blind.txt").write_text("".join(f"{i}\t{line}\n" for i, (_, line) in enumerate(rows, 1)), encoding="utf-8")
    click.echo(f"{len(rows)} lines in {folder / 'blind.txt'}")


@reading.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
def score(folder: Path) -> None:
    """Print the share that the reader took for natural, for each kind."""
    key = json.loads((folder / "key.json").read_text(encoding="utf-8"))
    lines = [line.split("\t", 1)[1] for line in (folder / "blind.txt").read_text(encoding="utf-8").splitlines()]
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as file:
        scores = {int(number): int(mark) for number, mark in csv.reader(file)}
    missing = sorted(set(range(1, len(key) + 1)) - set(scores))
    if missing:
        raise click.ClickException(f"scores.csv has no mark for line {', '.join(map(str, missing[:10]))} of blind.txt.")
    with (folder / "verdicts.csv").open("w", encoding="utf-8", newline="") as file:
        verdicts = csv.writer(file)
        verdicts.writerow(["kind", "natural", "text"])
        verdicts.writerows(sorted((kind, scores[i], line) for i, (kind, line) in enumerate(zip(key, lines, strict=True), 1)))
    for kind in dict.fromkeys(sorted(key)):
        marks = [scores[i] for i, other in enumerate(key, 1) if other == kind]
        click.echo(f"{kind}: {Share.of(sum(marks), len(marks))} natural of {len(marks)}")


if __name__ == "__main__":
    reading()
