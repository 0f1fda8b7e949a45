"""``lcgan push``: publish a run or a model."""

from __future__ import annotations

from pathlib import Path

import click

from .common import echo, lcgan


@lcgan.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("name", metavar="USER/NAME")
@click.option("--private", is_flag=True, help="If the repository is new, show it to nobody else.")
@click.option(
    "--license", metavar="NAME", help="The licence, as the hub calls it, such as apache-2.0; it goes into the model card."
)
def push(folder: Path, name: str, private: bool, license: str | None) -> None:
    """Publish a finished run or a model folder on the Hugging Face hub.

    \b
    lcgan push runs/length USER/NAME      then anywhere:
    lcgan sample hub:USER/NAME -n 20
    """
    from ..runs.publishing import save_to_hub

    echo(save_to_hub(folder, name, private, license))
