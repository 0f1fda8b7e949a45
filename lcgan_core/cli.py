"""The command line. Heavy modules are imported by the commands that need them."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from .errors import LcganError

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")


class Commands(click.Group):
    """Turns lcgan's own errors into one line and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LcganError as error:
            raise click.ClickException(" ".join(str(error).split())) from error


@click.group(cls=Commands)
@click.version_option(package_name="lcgan-core", message="%(version)s")
def lcgan() -> None:
    """Make the samples of a frozen generative model be what you want.

    \b
    lcgan run --constraint length         train until samples are short
    lcgan sample runs/length -n 20        more of them
    """


@lcgan.command()
@click.option(
    "--constraint",
    "-c",
    "names",
    multiple=True,
    metavar="NAME",
    help="An installed constraint, or ./file.py:function; ALIAS=NAME calls it otherwise. Give several to ask for all.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME.OPTION=VALUE",
    help="An option of a constraint, or of the training: gan.rounds=8.",
)
@click.option(
    "--weight",
    "weights",
    multiple=True,
    metavar="NAME=WEIGHT",
    help="Weight of a constraint beside others; 1 by default.",
)
@click.option(
    "--model",
    default="reviews",
    show_default=True,
    help="A model that ships with lcgan, a folder of lcgan pretrain, or KIND:SOURCE.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="The same seed gives the same result.")
@click.option(
    "--samples",
    default=1000,
    show_default=True,
    type=click.IntRange(min=10),
    help="Samples of each kind in the evaluation.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="A config.json of another run, or a TOML file like it, instead of the options above.",
)
@click.option(
    "--critics",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="A finished run whose critics and labels are used for the constraints that it had.",
)
@click.option("--resume", "resumed", type=click.Path(path_type=Path), help="Go on with this interrupted run.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; runs/CONSTRAINTS by default.")
@AS_JSON
@click.pass_context
def run(
    ctx: click.Context,
    names: tuple[str, ...],
    settings: tuple[str, ...],
    weights: tuple[str, ...],
    model: str,
    seed: int,
    samples: int,
    config_file: Path | None,
    critics: tuple[Path, ...],
    resumed: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Train an LC-GAN until the samples of a frozen model satisfy constraints, and measure how well they do."""
    if sum(map(bool, (names, config_file, resumed))) != 1:
        raise click.UsageError("Give one of --constraint, --config and --resume. See: lcgan constraints")
    refuse_with_file(
        ctx, ("settings", "weights", "model", "seed", "samples", "critics", *(("out",) if resumed else ())), not names
    )
    with progress() as on_progress:
        from .pipeline import RunConfig, load_config, resume, validated
        from .pipeline import run as start
        from .run_folder import CONFIG, SAMPLES, next_folder, slug

        if resumed:
            folder = resumed
        else:
            if config_file:
                config = load_config(config_file)
            else:
                wishes, gan = parse_settings(names, settings, weights)
                asked = {
                    "model": model,
                    "constraints": wishes,
                    "seed": seed,
                    "samples": samples,
                    "critics": critics,
                    "gan": gan,
                }
                config = validated(RunConfig, asked, "Wrong settings")
            folder = out or next_folder(Path("runs"), "+".join(slug(wish.name) for wish in config.constraints))
        try:
            result = resume(folder, on_progress) if resumed else start(config, folder, on_progress)
        except KeyboardInterrupt:
            hint = f" Go on with: lcgan run --resume {folder}" if (folder / CONFIG).is_file() else ""
            raise click.ClickException(f"Interrupted.{hint}") from None
    if as_json:
        click.echo(json.dumps(result))
        return
    from .tables import print_result

    pairs = [json.loads(line) for line in (folder / SAMPLES).read_text(encoding="utf-8").splitlines()[:10]]
    print_result(result, pairs)


def refuse_with_file(ctx: click.Context, options: tuple[str, ...], has_file: bool) -> None:
    """A file that decides a run leaves no room for options that would decide otherwise."""
    given = [name for name in options if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE]
    if has_file and given:
        raise click.UsageError(f"--config and --resume bring their own {', '.join(given)}; edit the file instead.")


def parse_settings(
    names: tuple[str, ...], settings: tuple[str, ...], weights: tuple[str, ...]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Constraints with options and weights, and the training's options, from what the command line gave."""
    wishes: dict[str, dict[str, Any]] = {}
    for given in names:
        alias, _, constraint = given.rpartition("=")
        name = alias or constraint
        if name in wishes:
            raise click.UsageError(f"{name} is given twice. Call one of them otherwise: --constraint ALIAS={constraint}")
        wishes[name] = {"constraint": constraint, "options": {}, **({"alias": alias} if alias else {})}
    gan: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        owner, dot, option = key.rpartition(".")
        if not equals or not dot or (owner not in wishes and owner != "gan"):
            raise click.UsageError(
                f"--set {setting}: expected NAME.OPTION=VALUE, where NAME is one of {', '.join([*wishes, 'gan'])}."
            )
        (gan if owner == "gan" else wishes[owner]["options"])[option] = parse_value(value)
    for weight in weights:
        name, equals, value = weight.rpartition("=")
        if name not in wishes:
            raise click.UsageError(f"--weight {weight}: expected NAME=WEIGHT, where NAME is one of {', '.join(wishes)}.")
        wishes[name]["weight"] = parse_value(value)
    return list(wishes.values()), gan


def parse_value(text: str) -> Any:
    """JSON where it is JSON, a string where not."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """A progress line on stderr for each stage, so that stdout carries only the result."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console) as bars:
        tasks = {"starting": bars.add_task("starting", total=None)}

        def on_progress(what: str, share: float) -> None:
            if what not in tasks:
                last = list(tasks.values())[-1]
                bars.update(last, total=1.0, completed=1.0)
                tasks[what] = bars.add_task(what, total=1.0)
                if not console.is_terminal:
                    console.print(what)
            bars.update(tasks[what], completed=share)

        yield on_progress
        bars.update(list(tasks.values())[-1], total=1.0, completed=1.0)


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
    from .sampling import load_run

    known_sampler(sampler)
    finished = load_run(run_folder)
    samples = [finished.model.show(found) for found in finished.sample(count, seed, sampler)]
    click.echo(json.dumps({"run": str(run_folder), "seed": seed, "samples": samples}) if as_json else "\n".join(samples))


@lcgan.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option(
    "--strength",
    default=0.7,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="What counts: 0 is to keep the text, 1 is to satisfy.",
)
@click.option("--candidates", "shown", default=0, show_default=True, type=click.IntRange(min=0), help="Other edits to show.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="The same seed gives the same edits.")
@AS_JSON
def edit(run_folder: Path, texts: tuple[str, ...], strength: float, shown: int, seed: int, as_json: bool) -> None:
    """Move your own texts just far enough to satisfy: those given, or the lines of the standard input.

    With --json, one object a line: before, after, status (edited, kept, missed or unknown), value, closeness, candidates.
    """
    from dataclasses import asdict
    from itertools import islice

    from .editing import edit as edited
    from .sampling import load_run

    finished = load_run(run_folder)
    lines = (line.strip() for line in texts or sys.stdin if line.strip())
    while some := list(islice(lines, 64)):
        for found in edited(finished, some, strength, seed):
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
    from .editing import interpolate as way
    from .sampling import load_run

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
        from .bench import BENCH, FIGURE, draw_figure
        from .bench import bench as compare
        from .run_folder import next_folder, write_json

        rows = compare(runs, [known_sampler(name) for name in samplers] or None, count, range(1, seeds + 1), on_progress)
        folder = out or next_folder(Path("runs"), "bench")
        write_json(folder / BENCH, {"samples": count, "seeds": seeds, "rows": rows})
        draw_figure(rows, folder / FIGURE)
    if as_json:
        click.echo(json.dumps(rows))
        return
    from .tables import print_bench

    print_bench(rows)
    click.echo(f"{folder / BENCH}   {folder / FIGURE}")


def known_sampler(name: str) -> str:
    from .samplers import SAMPLERS

    if name not in SAMPLERS:
        raise click.UsageError(f"No sampler {name!r}. There are: {', '.join(SAMPLERS)}.")
    return name


@lcgan.command()
@click.argument("model", default="reviews")
@click.option("--texts", type=click.Path(path_type=Path), help="Held-out texts, as for lcgan pretrain.")
@click.option("--column", default="text", show_default=True, help="The column that holds the text.")
@click.option("-n", "count", default=1000, show_default=True, type=click.IntRange(min=50), help="Samples of each kind.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="The same seed gives the same figures.")
@AS_JSON
def check(model: str, texts: Path | None, column: str, count: int, seed: int, as_json: bool) -> None:
    """Tell whether a model can be constrained at all, and what realism alone would repair."""
    with progress() as on_progress:
        from .check import check as examine
        from .plugins import load_latent_model
        from .text_vae.corpus import load_corpus

        held_out = load_corpus(texts, column)[:count] if texts else []
        figures = examine(load_latent_model(model), held_out, count, seed, on_progress)
    if as_json:
        click.echo(json.dumps(figures))
        return
    from .tables import print_check

    print_check(model, figures)


@lcgan.command()
@click.argument("name", required=False)
@AS_JSON
def constraints(name: str | None, as_json: bool) -> None:
    """List the installed constraints, or the options of one."""
    from .plugins import constraint_class, constraint_classes
    from .tables import field_rows, print_constraint, print_constraints

    if name is None:
        kinds = constraint_classes()
        if as_json:
            click.echo(json.dumps({name: field_rows(kind) for name, kind in kinds.items()}))
        else:
            print_constraints(kinds)
        return
    kind = constraint_class(name)
    if as_json:
        click.echo(json.dumps({"name": name, "doc": kind.__doc__, "options": field_rows(kind)}))
    else:
        print_constraint(name, kind)


@lcgan.command()
@click.option("--verbose", "-v", is_flag=True, help="With modules, and tracebacks of what is broken.")
@AS_JSON
def plugins(verbose: bool, as_json: bool) -> None:
    """List the installed plugins, what they bring, and what is wrong with them.

    LCGAN_PLUGINS=none switches all of them off; names separated by commas load only those, and names with a minus before
    them all but those.
    """
    from .plugin_listing import as_text, found_rows, kept_rows

    rows = kept_rows()
    click.echo(as_text(found_rows() if rows is None else rows, as_json, verbose), nl=False)


@lcgan.command("try")
@click.argument("name")
@click.argument("texts", nargs=-1)
@click.option("--set", "settings", multiple=True, metavar="[NAME.]OPTION=VALUE", help="An option of the constraint.")
@AS_JSON
def try_constraint(name: str, texts: tuple[str, ...], settings: tuple[str, ...], as_json: bool) -> None:
    """Score texts by a constraint, with no model.

    TEXTS are scored, or the lines of stdin where there are none. NAME is an installed constraint, or ./file.py:function.
    """
    from .constraint import evaluate
    from .plugins import make_constraint

    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise click.UsageError(f"--set {setting}: expected OPTION=VALUE. See: lcgan constraints {name}")
        options[key.removeprefix(f"{name}.")] = parse_value(value)
    constraint = make_constraint(name, options)
    samples = list(texts) or sys.stdin.buffer.read().decode("utf-8", "replace").splitlines()
    if not samples:
        raise click.UsageError("No texts. Give them as arguments, or on stdin one a line.")
    scores = [{"value": score, "text": text} for score, text in zip(evaluate(constraint, samples), samples, strict=True)]
    if as_json:
        click.echo(json.dumps({"constraint": name, "scores": scores}))
    else:
        click.echo("\n".join(f"{row['value']:.3f}  {' '.join(str(row['text']).splitlines())}" for row in scores))


@lcgan.command("new-plugin")
@click.argument("name")
@click.option("--out", default=".", show_default=True, type=click.Path(path_type=Path), help="Where to put lcgan-NAME-plugin.")
def new_plugin(name: str, out: Path) -> None:
    """Write a plugin to start from.

    It brings a constraint NAME that works and is tested: a whole distribution, to be changed into your own.
    """
    from shlex import quote

    from .new_plugin import short_name, write_plugin

    name = short_name(name)
    folder = write_plugin(name, out)
    click.echo(
        f"{folder} holds a plugin that works; make it your own. Next:\n\n"
        f"pip install -e {quote(f'{folder}[test]')}\n"
        f'lcgan try {name} "the soup was hot" "i liked the soup"\n'
        f"pytest {quote(str(folder))}\n"
        f"lcgan run --constraint {name}"
    )


@lcgan.command()
@click.argument("corpus", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Model folder to write.")
@click.option(
    "--valid",
    type=click.Path(path_type=Path),
    help="Held-out texts to measure on; by default every twentieth of the corpus.",
)
@click.option("--column", help="The column that holds the text; text by default.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="OPTION=VALUE",
    help="A part of the recipe: kl_weight=0.3. --recipe lists them.",
)
@click.option("--recipe", is_flag=True, help="Print every part of the recipe with its meaning and default, and stop.")
@click.option("--resume", "resumed", type=click.Path(path_type=Path), help="Go on with this unfinished model folder.")
@AS_JSON
def pretrain(
    corpus: Path | None,
    out: Path | None,
    valid: Path | None,
    column: str | None,
    settings: tuple[str, ...],
    recipe: bool,
    resumed: Path | None,
    as_json: bool,
) -> None:
    """Train a text VAE on a corpus, and measure what there is to constrain."""
    if recipe:
        from .tables import print_fields
        from .text_vae.recipe import PretrainConfig

        print_fields(PretrainConfig)
        return
    if bool(resumed) == bool(corpus and out):
        raise click.UsageError("Give CORPUS and --out DIR, or --resume DIR.")
    with progress() as on_progress:
        from .pipeline import validated
        from .text_vae.pretrain import pretrain as start
        from .text_vae.recipe import PretrainConfig, recipe_of

        if resumed:
            config, folder = recipe_of(resumed), resumed
        else:
            assert corpus is not None
            assert out is not None
            folder = out
            fields: dict[str, Any] = {"corpus": corpus, "valid": valid}
            if column:
                fields["column"] = column
            for setting in settings:
                key, equals, value = setting.partition("=")
                if not equals:
                    raise click.UsageError(f"--set {setting}: expected OPTION=VALUE. See: lcgan pretrain --recipe")
                fields[key] = parse_value(value)
            config = validated(PretrainConfig, fields, "Wrong recipe (see lcgan pretrain --recipe)")
        try:
            measured = start(config, folder, resume=bool(resumed), on_progress=on_progress)
        except KeyboardInterrupt:
            raise click.ClickException(f"Interrupted. Go on with: lcgan pretrain --resume {folder}") from None
    if as_json:
        click.echo(json.dumps(measured))
        return
    from .tables import print_measured

    print_measured(folder, measured)
