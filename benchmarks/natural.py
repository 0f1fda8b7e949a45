"""A blind reading of samples: how many could a person have written, to a reader who does not know where each is from?

    python benchmarks/natural.py mix reading real=held-out.txt prior=prior.txt length=short.txt -n 100
    python benchmarks/natural.py tiles reading real=held-out prior=prior -n 60
    python benchmarks/natural.py score reading

``mix`` shuffles n lines of each file into ``reading/blind.txt``, numbered, for someone who did not make them; which is which
is in ``reading/key.json``. ``tiles`` does the same with the pictures of folders: the reader sees ``reading/sheet-1.png`` and so
on, numbered from left to right and row by row; ``blind.txt`` then holds the names of the files. The reader writes
``reading/scores.csv``: one line ``number,1`` (a person could have written it) or ``number,0`` for each. ``score`` prints the
share of 1 for each kind with its 95 % interval, and writes all of it to ``reading/verdicts.csv``. Always mix in real samples:
their share says how strict the reader was.
"""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import click
from PIL import Image, ImageDraw, ImageFont

from lcgan_core.figures import Share

ON_A_SHEET, IN_A_ROW = 60, 10
TILE = 92
"""Side of a tile in pixels."""


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
    lines = {
        kind: [line.strip() for line in Path(file).read_text(encoding="utf-8").splitlines() if line.strip()]
        for kind, file in (given.split("=", 1) for given in files)
    }
    shuffled(folder, lines, count, seed)
    click.echo(f"{folder / 'blind.txt'} is ready")


@reading.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("folders", nargs=-1, required=True, metavar="KIND=FOLDER...")
@click.option("-n", "count", default=60, show_default=True, help="Pictures of each folder.")
@click.option("--seed", default=0, show_default=True)
def tiles(folder: Path, folders: tuple[str, ...], count: int, seed: int) -> None:
    """Shuffle pictures of each folder into the sheets of FOLDER."""
    found = {kind: list(map(str, sorted(Path(at).glob("*.png")))) for kind, at in (given.split("=", 1) for given in folders)}
    order = shuffled(folder, found, count, seed)
    for number, at in enumerate(range(0, len(order), ON_A_SHEET), start=1):
        sheet(order[at : at + ON_A_SHEET], at + 1).save(folder / f"sheet-{number}.png")
    click.echo(f"{folder / 'sheet-1.png'} and the others are ready")


def shuffled(folder: Path, found: dict[str, list[str]], count: int, seed: int) -> list[str]:
    """``count`` entries of each kind in chance order, after writing them and the key to the folder."""
    chance = random.Random(seed)
    rows = [(kind, entry) for kind, entries in found.items() for entry in chance.sample(entries, min(count, len(entries)))]
    chance.shuffle(rows)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "key.json").write_text(json.dumps([kind for kind, _ in rows]), encoding="utf-8")
    (folder / "blind.txt").write_text("".join(f"{i}\t{entry}\n" for i, (_, entry) in enumerate(rows, 1)), encoding="utf-8")
    return [entry for _, entry in rows]


def sheet(files: list[str], first: int) -> Image.Image:
    """The pictures in rows of ``IN_A_ROW``, each below its number, counted from ``first``."""
    font = ImageFont.load_default(size=14)
    page = Image.new("L", (IN_A_ROW * TILE, -(-len(files) // IN_A_ROW) * (TILE + 20)), 90)
    pen = ImageDraw.Draw(page)
    for place, file in enumerate(files):
        left, top = place % IN_A_ROW * TILE, place // IN_A_ROW * (TILE + 20)
        pen.text((left + 4, top + 2), str(first + place), 255, font)
        with Image.open(file) as picture:
            page.paste(picture.convert("L").resize((TILE - 8, TILE - 8), Image.Resampling.NEAREST), (left + 4, top + 20))
    return page


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
