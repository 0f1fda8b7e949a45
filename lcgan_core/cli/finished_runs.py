"""What to do with a finished run: sample, edit, interpolate."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from .common import AS_JSON, lcgan


@lcgan.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(min=1), help="How many.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="The same seed gives the same samples.")
@click.option(
    "--sampler",
    default="actor",
    show_default=True,
    metavar="NAME",
    help="How to draw: actor, start, rejection, class-prior, mixture, offset, gradient or ode.",
)
@AS_JSON
def sample(run_folder: Path, count: int, seed: int, sampler: str, as_json: bool) -> None:
    """Print samples of a finished run, one a line; on the standard error, how much of them is remembered from training."""
    from ..runs.finished import load_run
    from ..support.wording import memory_line

    known_sampler(sampler)
    finished = load_run(run_folder)
    drawn = finished.sample(count, seed, sampler)
    samples, memory = list(map(finished.model.show, drawn)), finished.model.memory(drawn)
    if as_json:
        click.echo(json.dumps({"run": str(run_folder), "seed": seed, "samples": samples, "memory": memory}))
        return
    click.echo("\n".join(samples))
    if memory:
        click.echo(memory_line(memory), err=True)


@lcgan.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option(
    "--strength",
    default=0.99,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="The value that is enough; the closest text of such a value is taken. 0 is to keep the text, 1 is to satisfy.",
)
@click.option("--candidates", "shown", default=0, show_default=True, type=click.IntRange(min=0), help="Other edits to show.")
@AS_JSON
def edit(run_folder: Path, texts: tuple[str, ...], strength: float, shown: int, as_json: bool) -> None:
    """Move your own texts just far enough to satisfy: those given, or the lines of the standard input.

    With --json, one object a line: before, after, status (edited, kept, missed or unknown), value, closeness, candidates.
    """
    from dataclasses import asdict
    from itertools import islice

    from ..runs.finished import load_run
    from ..tools.editing import edit as edited

    finished = load_run(run_folder)
    finished.model.require_encoder("Editing")  # before anything is read from the standard input
    lines = (line.strip() for line in texts or sys.stdin if line.strip())
    while some := list(islice(lines, 64)):
        for found in edited(finished, some, strength):
            found.candidates = found.candidates[:shown]
            if as_json:
                click.echo(json.dumps(asdict(found)))
                continue
            click.echo(found.after)
            for candidate in found.candidates:
                click.echo(f"    {candidate}")
            if found.status == "unknown":
                click.echo(f"not edited, the model knows it only as shown: {found.before}", err=True)
            elif found.status == "missed":
                click.echo(f"no candidate satisfied: {found.before}", err=True)


@lcgan.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("first")
@click.argument("last")
@click.option("--steps", default=7, show_default=True, type=click.IntRange(min=2), help="Texts on the way, both ends included.")
def interpolate(run_folder: Path, first: str, last: str, steps: int) -> None:
    """Print the way from one text to another through the latent space, each text with its value."""
    from ..runs.finished import load_run
    from ..tools.editing import interpolate as way

    for found, value in way(load_run(run_folder), first, last, steps):
        click.echo(f"{value:.2f}  {found}")


def known_sampler(name: str) -> str:
    from ..engine.samplers import SAMPLERS

    if name not in SAMPLERS:
        raise click.UsageError(f"No sampler {name!r}. There are: {', '.join(SAMPLERS)}.")
    return name
