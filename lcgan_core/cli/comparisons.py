"""Comparisons over many runs: bench, curve."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from ..errors import ModelError
from .common import AS_JSON, DEVICE, echo, lcgan, progress, what_is_left
from .finished_runs import known_sampler
from .run import parse_settings

if TYPE_CHECKING:
    from ..constraint import Constraint
    from ..tools.perplexity import LanguageModel


@lcgan.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--sampler", "samplers", multiple=True, metavar="NAME", help="A sampler to compare; repeat for several, all by default."
)
@click.option(
    "--judge",
    "judges",
    multiple=True,
    metavar="NAME",
    help="A constraint that no run was trained on, as an independent judge; ALIAS=NAME renames it. Repeat for a column each.",
)
@click.option("--set", "settings", multiple=True, metavar="NAME.OPTION=VALUE", help="An option of a judge.")
@click.option(
    "--fluency",
    metavar="MODEL",
    help="A transformers causal language model, as a folder or a name on the hub, to measure perplexity "
    "beside the model's own figures.",
)
@click.option("-n", "count", default=1000, show_default=True, type=click.IntRange(50, 10**6), help="Samples per seed.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1, 1000), help="Number of seeds.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for bench.json and bench.svg; runs/bench by default.")
@DEVICE
@AS_JSON
def bench(
    runs: tuple[Path, ...],
    samplers: tuple[str, ...],
    judges: tuple[str, ...],
    settings: tuple[str, ...],
    fluency: str | None,
    count: int,
    seeds: int,
    out: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Compare all ways to draw satisfying samples, with the models and critics of finished runs."""
    with progress() as on_progress, ExitStack() as claim:
        from ..runs.config import Wish
        from ..support.claim import claimed, next_claimed
        from ..support.files import write_json, write_text
        from ..tools.bench import BENCH, FIGURE, Bench, plot
        from ..tools.bench import bench as compare

        wishes, gan = parse_settings(judges, settings, ())
        if gan:
            raise click.UsageError("--set gan: bench trains nothing; set options of a --judge.")
        chosen = [known_sampler(name) for name in samplers] or None
        perplexity = fluency_model(fluency) if fluency else None
        folder = claim.enter_context(claimed(out) if out else next_claimed(Path("runs"), "bench"))
        compared = compare(runs, chosen, count, range(1, seeds + 1), made_judges(wishes), perplexity, on_progress, device)
        found = Bench(
            samples=count,
            seeds=seeds,
            judges=tuple(Wish(**wish) for wish in wishes),
            fluency=fluency,
            rows=tuple(compared.rows),
            unmeasured=tuple(compared.unmeasured),
        )
        write_json(folder / BENCH, found.model_dump(mode="json"))
        write_text(folder / FIGURE, plot(found.rows))
    if as_json:
        echo(json.dumps(found.model_dump(mode="json")))
        return
    from .tables import print_bench

    print_bench(found)
    if fluency:
        echo(f"perplexity by {fluency}, per token of that model; comparable only within this bench")
    echo(f"{folder / BENCH}   {folder / FIGURE}")


def fluency_model(source: str) -> LanguageModel:
    """The causal language model at ``source``. Raises a ``ModelError`` that says how to give another."""
    from ..tools.perplexity import load_language_model

    try:
        return load_language_model(source)
    except ModelError as error:
        raise ModelError(f"--fluency: {error} --fluency FOLDER") from error


def made_judges(wishes: list[dict[str, Any]]) -> dict[str, Constraint]:
    """The constraints that ``parse_settings`` read, by their names."""
    from ..plugins.discovery import make_constraint

    return {wish.get("alias", wish["constraint"]): make_constraint(wish["constraint"], wish["options"]) for wish in wishes}


@lcgan.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--judge", required=True, metavar="NAME", help="A constraint that knows the right answer, such as sentiment.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME.OPTION=VALUE", help="An option of the judge, or of the training."
)
@click.option("--target", help="The class you want, if the file's values are class names.")
@click.option("--encoding", help="Encoding of FILE, such as cp1252, if it is neither UTF-8 nor marked UTF-16.")
@click.option("--sizes", default="20,70,200,1000", show_default=True, help="Numbers of labels to try.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1, 1000), help="Number of draws per size.")
@click.option("--model", default="reviews", show_default=True, help="As for lcgan run.")
@click.option("--samples", default=1000, show_default=True, type=click.IntRange(10, 10**6), help="Samples to judge per run.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/curve"), show_default=True, help="Folder for the results."
)
@AS_JSON
def curve(
    file: Path,
    judge: str,
    settings: tuple[str, ...],
    target: str | None,
    encoding: str | None,
    sizes: str,
    seeds: int,
    model: str,
    samples: int,
    out: Path,
    as_json: bool,
) -> None:
    """Show how many labels are enough: train on parts of FILE (columns text and value), judge by a constraint.

    To continue an interrupted curve, give the same --out.
    """
    with progress() as on_progress:
        from ..constraints.from_labels import Labels
        from ..runs.config import RunConfig, Wish, validated
        from ..support.claim import claimed
        from ..support.files import write_json, write_text
        from ..tools.curve import CURVE, FIGURE, Curve, by_size, plot
        from ..tools.curve import curve as runs

        (wish,), gan = parse_settings((judge,), settings, ())
        asked = {"model": model, "constraints": [wish], "samples": samples, "gan": gan}
        config = validated(RunConfig, asked, "Wrong settings")
        numbers = [int(size) for size in sizes.split(",") if size.strip().isdigit()]
        if len(numbers) != len(sizes.split(",")):
            raise click.UsageError(f"--sizes {sizes}: expected numbers separated by commas, such as 20,70,200.")
        labels = Labels(file=file, target=target, encoding=encoding)
        (judging,) = made_judges([wish]).values()
        begun = f"To continue in {out}, repeat the command."
        with claimed(out), what_is_left(lambda: begun if list(out.glob("labels-*")) else ""):
            rows = runs(labels, judging, config, numbers, range(seeds), out, on_progress)
            found = Curve(judge=Wish(**wish), rows=tuple(rows))
            write_json(out / CURVE, found.model_dump(mode="json"))
            write_text(out / FIGURE, plot(rows))
    if as_json:
        echo(json.dumps(found.model_dump(mode="json")))
        return
    for size, judged in by_size(rows):
        spread = f"({min(judged):.1%} - {max(judged):.1%}, {len(judged)} seeds)"
        echo(f"{size:>6} labels  {fmean(judged):.1%}  {spread}")
    echo(f"{out / CURVE}   {out / FIGURE}")
