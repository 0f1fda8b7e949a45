"""Latent models: pretrain, check."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from .common import AS_JSON, DEVICE, SEED, TRACKER, echo, lcgan, note_misread, progress, read_options, what_is_left


@lcgan.command()
@click.argument("corpus", required=False, type=click.Path(path_type=Path))
@click.option("--kind", help="Kind of latent model to train; text-vae by default.")
@click.option("--out", type=click.Path(path_type=Path), help="Model folder to write.")
@click.option(
    "--valid",
    type=click.Path(path_type=Path),
    help="Held-out data to measure on; by default a part of the corpus.",
)
@click.option("--column", help="Column of a table that holds the samples; text or image by default.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="OPTION=VALUE",
    help="A setting of the recipe, such as kl_weight=0.3; --recipe lists them.",
)
@click.option("--recipe", is_flag=True, help="Print every setting of the recipe with its meaning and default, and exit.")
@click.option(
    "--resume", "resumed", type=click.Path(path_type=Path), help="Continue the training of this unfinished model folder."
)
@TRACKER
@DEVICE
@AS_JSON
def pretrain(
    corpus: Path | None,
    kind: str | None,
    out: Path | None,
    valid: Path | None,
    column: str | None,
    settings: tuple[str, ...],
    recipe: bool,
    resumed: Path | None,
    tracker: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Train a model on a corpus, and measure how well it can be constrained."""
    if recipe:
        from ..plugins.discovery import recipe_class
        from ..recipe import DEFAULT_KIND
        from .tables import print_fields

        print_fields(recipe_class(kind or DEFAULT_KIND))
        return
    if resumed:
        given = {"CORPUS": corpus, "--kind": kind, "--out": out, "--valid": valid, "--column": column, "--set": settings}
        refuse_beside_resume(resumed, [name for name, value in given.items() if value])
    elif not (corpus and out):
        raise click.UsageError("Give CORPUS and --out DIR, or --resume DIR.")
    refuse_several_processes()
    with progress() as on_progress:
        from ..support.device import use_only

        use_only(device)  # before transformers looks for GPUs
        from ..plugins.discovery import recipe_class, recipe_classes
        from ..recipe import DEFAULT_KIND, RECIPE, recipe_in
        from ..runs.config import validated
        from ..support.claim import claimed
        from ..support.tracking import following, require_tracker

        if tracker:
            require_tracker(tracker)
        if resumed:
            config, folder = recipe_in(resumed, recipe_classes()), resumed
        else:
            assert corpus is not None
            assert out is not None
            folder, listing = out, "lcgan pretrain --recipe" + (f" --kind {kind}" if kind else "")
            chosen = recipe_class(kind or DEFAULT_KIND)
            fields: dict[str, Any] = {"corpus": corpus, "valid": valid}
            if column:
                fields["column"] = column
            options: dict[str, str] = {}
            for setting in settings:
                key, equals, value = setting.partition("=")
                if not equals:
                    raise click.UsageError(f"--set {setting}: expected OPTION=VALUE. See: {listing}")
                options[key] = value
            config = validated(chosen, fields | read_options(chosen, options), f"Wrong recipe (see {listing})")
        with (
            claimed(folder),
            following(tracker, folder),
            what_is_left(lambda: f"Resume with: lcgan pretrain --resume {folder}" if (folder / RECIPE).is_file() else ""),
        ):
            measured = config.pretrain(folder, resume=bool(resumed), on_progress=on_progress)
    if as_json:
        echo(json.dumps(measured.model_dump(mode="json")))
        return
    from .tables import print_measured

    print_measured(str(folder) if config.name == DEFAULT_KIND else f"{config.name}:{folder}", measured, config.first_wish)


def refuse_beside_resume(folder: Path, given: list[str]) -> None:
    """Refuses what could contradict the recipe that the model in ``folder`` was begun with."""
    if given:
        raise click.UsageError(
            f"--resume goes on by the recipe in {folder}: leave out {', '.join(given)}, or leave out --resume."
        )


def refuse_several_processes() -> None:
    """Refuses to be one of several processes that torchrun or accelerate started: all of them would write one folder."""
    if (processes := os.environ.get("WORLD_SIZE") or "1") != "1":
        raise click.UsageError(
            f"WORLD_SIZE is {processes}, but lcgan pretrain runs in one process, which trains on all GPUs that it sees. Start "
            "it without torchrun or accelerate launch."
        )


@lcgan.command()
@click.argument("model", default="reviews")
@click.option(
    "--held-out",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Real samples that the model did not learn from: a file of texts, or a folder of images.",
)
@click.option("--column", default="text", show_default=True, help="Column that holds the texts, in CSV, JSONL and Parquet.")
@click.option("-n", "count", default=1000, show_default=True, type=click.IntRange(50, 10**6), help="Samples of each kind.")
@click.option("--seed", default=0, show_default=True, type=SEED, help="The same seed gives the same figures.")
@DEVICE
@AS_JSON
def check(model: str, held_out: Path | None, column: str, count: int, seed: int, device: str, as_json: bool) -> None:
    """Report whether a model can be constrained at all, and what realism alone would repair."""
    with progress() as on_progress:
        from ..support.extras import needed

        needed("sklearn", "lcgan check", "bench")
        from ..plugins.discovery import load_latent_model
        from ..tools.check import check as examine

        examined = load_latent_model(model, device)
        samples = examined.sample_kind.load(held_out, column)[:count] if held_out else []
        note_misread(examined.misread(samples), len(samples))
        found = examine(examined, samples, count, seed, on_progress)
    if as_json:
        echo(json.dumps(found.model_dump(mode="json")))
        return
    from .tables import print_check

    print_check(model, found)
