"""What to do with finished runs: sample, edit, interpolate, bench."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from .common import AS_JSON, lcgan, progress


@lcgan.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(min=1), help="How many.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="The same seed gives the same samples.")
@click.option(
    "--sampler",
    default="actor",
    show_default=True,
    metavar="NAME",
    help="How to draw: actor, rejection, class-prior, mixture, offset, gradient or ode.",
)
@AS_JSON
def sample(run_folder: Path, count: int, seed: int, sampler: str, as_json: bool) -> None:
    """Print samples of a finished run, one a line."""
    from ..sampling import load_run

    known_sampler(sampler)
    finished = load_run(run_folder)
    samples = [finished.model.show(found) for found in finished.sample(count, seed, sampler)]
    click.echo(json.dumps({"run": str(run_folder), "seed": seed, "samples": samples}) if as_json else "\n".join(samples))


@lcgan.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option(
    "--strength",
    default=0.9,
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

    from ..editing import edit as edited
    from ..sampling import load_run

    finished = load_run(run_folder)
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
    from ..editing import interpolate as way
    from ..sampling import load_run

    for found, value in way(load_run(run_folder), first, last, steps):
        click.echo(f"{value:.2f}  {found}")


@lcgan.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--sampler", "samplers", multiple=True, metavar="NAME", help="One to compare; all of them by default.")
@click.option("-n", "count", default=1000, show_default=True, type=click.IntRange(min=50), help="Samples for each seed.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(min=1), help="How many seeds.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for bench.json and bench.svg; runs/bench by default.")
@AS_JSON
def bench(runs: tuple[Path, ...], samplers: tuple[str, ...], count: int, seeds: int, out: Path | None, as_json: bool) -> None:
    """Compare all ways to draw satisfying samples, on the models and critics of finished runs."""
    with progress() as on_progress:
        from ..bench import BENCH, FIGURE, draw_figure
        from ..bench import bench as compare
        from ..run_folder import next_folder, write_json

        rows = compare(runs, [known_sampler(name) for name in samplers] or None, count, range(1, seeds + 1), on_progress)
        folder = out or next_folder(Path("runs"), "bench")
        write_json(folder / BENCH, {"samples": count, "seeds": seeds, "rows": rows})
        draw_figure(rows, folder / FIGURE)
    if as_json:
        click.echo(json.dumps(rows))
        return
    from ..tables import print_bench

    print_bench(rows)
    click.echo(f"{folder / BENCH}   {folder / FIGURE}")


def known_sampler(name: str) -> str:
    from ..samplers import SAMPLERS

    if name not in SAMPLERS:
        raise click.UsageError(f"No sampler {name!r}. There are: {', '.join(SAMPLERS)}.")
    return name


@lcgan.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--judge", required=True, metavar="NAME", help="A constraint that knows the right answer, such as sentiment.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME.OPTION=VALUE", help="An option of the judge, or of the training."
)
@click.option("--target", help="The class to have, where the file's values are class names.")
@click.option("--sizes", default="20,70,200,1000", show_default=True, help="Numbers of labels to try.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(min=1), help="How many draws of each number.")
@click.option("--model", default="reviews", show_default=True, help="As for lcgan run.")
@click.option("--samples", default=1000, show_default=True, type=click.IntRange(min=10), help="Samples to judge of each run.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/curve"), show_default=True, help="Folder.")
@AS_JSON
def curve(
    file: Path,
    judge: str,
    settings: tuple[str, ...],
    target: str | None,
    sizes: str,
    seeds: int,
    model: str,
    samples: int,
    out: Path,
    as_json: bool,
) -> None:
    """Show how many labels are enough: runs on parts of FILE (columns text and value), judged by a constraint.

    The same --out goes on where an interrupted curve stopped.
    """
    from .running import parse_settings

    with progress() as on_progress:
        from ..curve import CURVE, FIGURE, by_size, draw_figure
        from ..curve import curve as runs
        from ..labels import Labels
        from ..pipeline import RunConfig, validated
        from ..plugins import make_constraint
        from ..run_folder import write_json

        (wish,), gan = parse_settings((judge,), settings, ())
        asked = {"model": model, "constraints": [wish], "samples": samples, "gan": gan}
        config = validated(RunConfig, asked, "Wrong settings")
        numbers = [int(size) for size in sizes.split(",") if size.strip().isdigit()]
        if len(numbers) != len(sizes.split(",")):
            raise click.UsageError(f"--sizes {sizes}: expected numbers with commas between, such as 20,70,200.")
        labels = Labels(file=file, target=target)
        rows = runs(labels, make_constraint(judge, wish["options"]), config, numbers, range(seeds), out, on_progress)
        write_json(out / CURVE, {"judge": wish, "rows": rows})
        draw_figure(rows, out / FIGURE)
    if as_json:
        click.echo(json.dumps(rows))
        return
    for point in by_size(rows):
        spread = f"({point['least']:.1%} - {point['most']:.1%}, {point['seeds']} seeds)"
        click.echo(f"{point['labels']:>6} labels  {point['mean']:.1%}  {spread}")
    click.echo(f"{out / CURVE}   {out / FIGURE}")
