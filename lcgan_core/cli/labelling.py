"""``lcgan label``: collect labels in the terminal."""

from __future__ import annotations

from pathlib import Path

import click

from .common import lcgan

KEYS = "y wanted   n not   s skip   u undo   q quit"


@lcgan.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", default="reviews", show_default=True, help="As for lcgan run.")
@click.option(
    "-n", "count", default=70, show_default=True, type=click.IntRange(min=1), help="Stop at so many labels in the file."
)
@click.option("--by-chance", is_flag=True, help="Ask about any samples, not those whose answer is least sure.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the samples to ask about.")
def label(file: Path, model: str, count: int, by_chance: bool, seed: int) -> None:
    """Label samples with one key each, into FILE (columns text and value).

    Every answer is on the disk before the next question; the same FILE goes on where you stopped.
    """
    from ..constraint import SATISFIED
    from ..label_session import LabelSession, only_one
    from ..plugins import load_latent_model

    with only_one(file):
        session = LabelSession(file, load_latent_model(model), seed, active=not by_chance)
        click.echo(KEYS, err=True)
        while len(session.answers) < count:
            click.echo(f"{len(session.answers) + 1:>4}/{count}  {session.question()}  ", nl=False, err=True)
            key = click.getchar().lower()
            click.echo(key if key.isprintable() else "", err=True)
            if key in ("y", "n"):
                session.answer(float(key == "y"))
                if len(session.answers) % 10 == 0 and (trust := session.estimate()):
                    low, high = trust["interval"]
                    click.echo(
                        f"        held-out answers told right: {trust['accuracy']:.0%} ({low:.0%} - {high:.0%})", err=True
                    )
            elif key == "s":
                session.skip()
            elif key == "u":
                undone = session.undo()
                click.echo("        nothing to undo" if undone is None else "        taken back", err=True)
            elif key in ("q", "\x03", "\x04", ""):
                break
            else:
                click.echo(KEYS, err=True)
        held = sum(value >= SATISFIED for _, value in session.answers)
    click.echo(f"{file}: {len(session.answers)} labels, {held} wanted")
    click.echo(f"next: lcgan run --constraint labels --set labels.file={file}")
