"""Feedback on drawings as Jaques et al. 2018 had it, from a person whose taste is a hidden rule.

    python benchmarks/drawings.py runs/ratings

The rule rates drawings as ``lcgan studio`` asks for them, once where each question is the least certain one, once at random.
A run learns from each file of ratings, and the rule, which training never saw, counts how many of its samples it would like,
beside noise and drawings near real ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import torch
from lcgan_strokes_plugin.latent_model import SketchRnnModel
from lcgan_strokes_plugin.rules import StrokeCount, WidthToHeight

from lcgan_core import RunConfig, Wish, load_run, run
from lcgan_core.constraint import SATISFIED
from lcgan_core.engine.aggregate_posterior import AggregatePosterior
from lcgan_core.errors import LcganError
from lcgan_core.figures import Share
from lcgan_core.support.files import write_json
from lcgan_core.tools.questions import QuestionSession


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", default="kanji", show_default=True, help="A Sketch-RNN that ships, or a folder.")
@click.option("--min-ratio", default=1.0, show_default=True, help="The rule: width as a multiple of height at least,")
@click.option("--max-strokes", default=10, show_default=True, help="and at most so many strokes.")
@click.option("-n", "count", default=70, show_default=True, help="Ratings.")
@click.option("--samples", default=1000, show_default=True)
@click.option("--seed", default=0, show_default=True)
def ratings(folder: Path, model: str, min_ratio: float, max_strokes: int, count: int, samples: int, seed: int) -> None:
    """Rate drawings by a hidden rule, train on the ratings, and print how many samples satisfy it."""
    loaded, generator = SketchRnnModel.load(model), torch.Generator().manual_seed(seed)
    wishes = WidthToHeight(min_ratio=min_ratio), StrokeCount(min_strokes=1, max_strokes=max_strokes)

    def liked(found: list[Any]) -> list[float]:
        return [float(min(values)) for values in zip(*(wish(found) for wish in wishes), strict=True)]

    def share(found: list[Any]) -> Share:
        return Share.of(sum(value >= SATISFIED for value in liked(found)), len(found))

    told: dict[str, Any] = {
        "noise": share(loaded.decode(torch.randn(samples, loaded.latent_dim, generator=generator))),
        "near real drawings": share(loaded.decode(AggregatePosterior.of(loaded).draw(samples, generator))),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for how in ("active", "random"):
        file = folder / f"{how}.csv"
        session = QuestionSession(file, loaded, seed, active=how == "active")
        while len(session.answers) < count:
            session.answer(liked([session.question()])[0])
        wanted = sum(value >= SATISFIED for _, value in session.answers)
        config = RunConfig(
            model=f"{loaded.name}:{model}", constraints=(Wish(constraint="labels", options={"file": str(file)}),), seed=seed
        )
        told[f"{how} ratings, wanted"] = wanted
        try:
            run(config, folder / how)
            told[f"after {how} ratings"] = share(load_run(folder / how).sample(samples, seed=seed + 1))
        except LcganError as error:  # too few wanted ones, at random
            told[f"after {how} ratings"] = str(error)
    for name, value in told.items():
        click.echo(f"{name}: {value}")
    shown = {name: value.model_dump() if isinstance(value, Share) else value for name, value in told.items()}
    write_json(folder / "ratings.json", shown)


if __name__ == "__main__":
    ratings()
