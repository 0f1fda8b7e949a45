"""What the commands share: their group, options, values and progress."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from typing import Any

import click

from ..errors import LcganError
from ..support.foreign_code import allowing

DEVICE = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Where to compute: cpu, cuda, cuda:1, mps; auto uses a GPU if there is one.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")


class Commands(click.Group):
    """Turns lcgan's own errors, and those of files and disks, into one line and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # the terminal may lack letters that a sample has
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except LcganError as error:
            raise click.ClickException(" ".join(str(error).split())) from error
        except OSError as error:
            if isinstance(error, BrokenPipeError):  # click ends silently, as after ``| head``
                raise
            raise click.ClickException(of_file(error)) from error


def of_file(error: OSError) -> str:
    """An error of the system as one line."""
    if error.strerror is None:
        return " ".join(str(error).split())
    return f"{f'{error.filename}: ' if error.filename else ''}{error.strerror}."


@contextlib.contextmanager
def what_is_left(hint: Callable[[], str]) -> Iterator[None]:
    """If the system or the user ends the block, adds ``hint`` to the message: what was made so far."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.ClickException(f"Interrupted. {hint()}".strip()) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"{of_file(error)} {hint()}".strip()) from error


@click.group(cls=Commands)
@click.version_option(package_name="lcgan-core", message="%(version)s")
@click.option(
    "--allow-code",
    "code",
    multiple=True,
    metavar="SOURCE",
    help="Execute the code that this model or run contains. Repeat for several.",
)
@click.pass_context
def lcgan(ctx: click.Context, code: tuple[str, ...]) -> None:
    """Make a frozen generative model produce the samples you want.

    \b
    lcgan run --constraint length         train until samples are short
    lcgan sample runs/length -n 20        more of them
    """
    if code:
        ctx.with_resource(allowing(*code))


def parse_value(text: str) -> Any:
    """The value of ``text`` if it is valid JSON, otherwise ``text`` itself."""
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
