"""``lcgan run``: train, measure, write."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import AS_JSON, DEVICE, SEED, TRACKER, echo, lcgan, parse_value, progress, read_options, what_is_left

if TYPE_CHECKING:
    from ..runs.config import RunConfig

SETTINGS = ("settings", "weights", "model", "seed", "samples", "critics")
"""The parameters of ``run`` whose values a file of configuration holds."""


@lcgan.command()
@click.option(
    "--constraint",
    "-c",
    "names",
    multiple=True,
    metavar="NAME",
    help="An installed constraint, or ./file.py:function; ALIAS=NAME renames it. Repeat to ask for several at once.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME.OPTION=VALUE",
    help="An option of a constraint, or of the training, such as gan.rounds=8.",
)
@click.option(
    "--weight",
    "weights",
    multiple=True,
    metavar="NAME=WEIGHT",
    help="Weight of a constraint relative to the others; 1 by default.",
)
@click.option(
    "--model",
    default="reviews",
    show_default=True,
    help="A model that ships with lcgan, a folder written by lcgan pretrain, hub:USER/NAME, or KIND:SOURCE.",
)
@click.option("--seed", default=0, show_default=True, type=SEED, help="The same seed gives the same result.")
@click.option(
    "--samples",
    default=1000,
    show_default=True,
    type=click.IntRange(10, 10**6),
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
    help="A finished run whose critics and labels are reused for the constraints that it shares with this one.",
)
@click.option("--resume", "resumed", type=click.Path(path_type=Path), help="Continue this interrupted run.")
@click.option(
    "--keep-labels",
    is_flag=True,
    help="With --resume, if a constraint was changed since: keep the labels that it gave before.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; runs/CONSTRAINTS by default.")
@TRACKER
@DEVICE
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
    keep_labels: bool,
    out: Path | None,
    tracker: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Train an LC-GAN until the samples of a frozen model satisfy constraints, and measure how well they do."""
    if sum(map(bool, (names, config_file, resumed))) != 1:
        raise click.UsageError("Give one of --constraint, --config and --resume. See: lcgan constraints")
    if resumed and out:
        raise click.UsageError(f"--resume continues {resumed} in that folder. Leave out --out.")
    if kept := "" if names else settings_given(ctx):
        instead = f"edit {config_file}" if config_file else f"start another run with --config {resumed}/config.json"
        raise click.UsageError(f"{kept}: {config_file or resumed} has its own settings. Leave that out, or {instead}.")
    if keep_labels and not resumed:
        raise click.UsageError("--keep-labels is for --resume: a new run has no labels to keep.")
    found = allowed_config(config_file) if config_file else None
    if resumed and (resumed / "config.json").is_file():
        allowed_config(resumed / "config.json")
    with progress() as on_progress, ExitStack() as claim:
        from ..runs.config import RunConfig, validated
        from ..runs.folder import CONFIG, SAMPLES, slug
        from ..runs.pipeline import resume
        from ..runs.pipeline import run as start
        from ..support.claim import claimed, next_claimed
        from ..support.files import read_lines

        if resumed:
            folder = resumed
        else:
            if found:
                config = found
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
            name = "+".join(slug(wish.name) for wish in config.constraints)
            folder = claim.enter_context(claimed(out) if out else next_claimed(Path("runs"), name))
        with what_is_left(lambda: f"Resume with: lcgan run --resume {folder}" if (folder / CONFIG).is_file() else ""):
            if resumed:
                result = resume(folder, on_progress, device, keep_labels, tracker)
            else:
                result = start(config, folder, on_progress, device, tracker)
    if as_json:
        echo(json.dumps(result.model_dump(mode="json")))
        return
    from .tables import print_result

    print_result(result, read_lines(folder / SAMPLES, 10))


def allowed_config(file: Path) -> RunConfig:
    """The configuration in a file, whose code the user allows: asked before there is a progress line to disturb."""
    from ..runs.brought_code import require_yes
    from ..runs.places import config_of

    config = config_of(file)
    require_yes(config.constraints, file)
    return config


def settings_given(ctx: click.Context) -> str:
    """The options on the command line that could contradict the file of ``--config`` or ``--resume``."""
    settings = [option for option in ctx.command.params if option.name in SETTINGS]
    given = [
        option for option in settings if ctx.get_parameter_source(str(option.name)) == click.core.ParameterSource.COMMANDLINE
    ]
    return ", ".join(option.opts[0] for option in given)


def parse_settings(
    names: tuple[str, ...], settings: tuple[str, ...], weights: tuple[str, ...]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Constraints with options and weights, and the training's options, from the command-line arguments."""
    from ..plugins.discovery import constraint_class

    wishes: dict[str, dict[str, Any]] = {}
    for given in names:
        alias, _, constraint = given.rpartition("=")
        name = alias or constraint
        if name in wishes:
            raise click.UsageError(f"{name} is given twice. Rename one of them: --constraint ALIAS={constraint}")
        wishes[name] = {"constraint": constraint, "options": {}, **({"alias": alias} if alias else {})}
    gan: dict[str, Any] = {}
    options: dict[str, dict[str, str]] = {name: {} for name in wishes}
    for setting in settings:
        key, equals, value = setting.partition("=")
        owner, dot, option = key.rpartition(".")
        if not equals or not dot or (owner not in wishes and owner != "gan"):
            raise click.UsageError(
                f"--set {setting}: expected NAME.OPTION=VALUE, where NAME is one of {', '.join([*wishes, 'gan'])}."
            )
        if owner == "gan":
            gan[option] = parse_value(value)
        else:
            options[owner][option] = value
    for name, given_here in options.items():
        if given_here:
            wishes[name]["options"] = read_options(constraint_class(wishes[name]["constraint"]), given_here)
    for weight in weights:
        name, equals, value = weight.rpartition("=")
        if name not in wishes:
            raise click.UsageError(f"--weight {weight}: expected NAME=WEIGHT, where NAME is one of {', '.join(wishes)}.")
        wishes[name]["weight"] = parse_value(value)
    return list(wishes.values()), gan
