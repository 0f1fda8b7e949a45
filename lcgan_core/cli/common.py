"""Shared by the commands: their group, options, values and progress."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader, TextIOWrapper
from typing import Any, TextIO, cast

import click
from pydantic import BaseModel, ValidationError

from ..errors import ConstraintError, LcganError, SampleError
from ..sources import place_of
from ..support.files import read_json_text
from ..support.foreign_code import allowing, asking
from ..support.threads import use_threads
from ..visible import visible

SEED = click.IntRange(0, 2**32 - 1)
"""The seeds that every library takes."""

DEVICE = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Where to compute: cpu, cuda, cuda:1, mps; auto uses a GPU if there is one.",
)
TRACKER = click.option(
    "--tracker",
    metavar="NAME",
    help="Send the figures of the training to a tracker: tensorboard, trackio or wandb.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")


DEBUG = "lcgan.debug"

LONGEST = 2000
"""Maximum length of an error message, which may quote what a user gave. Arbitrary."""
MOST_LINE_BYTES = 2**20
"""Maximum length of a line of standard input. Arbitrary: far beyond the text of any model."""


def _keep_debug(ctx: click.Context, option: click.Parameter, debug: bool) -> None:
    ctx.meta[DEBUG] = debug or ctx.meta.get(DEBUG, False)  # it may stand before the command and after it


_debug = click.option("--debug", is_flag=True, expose_value=False, callback=_keep_debug, help="Show the traceback of an error.")


class Command(click.Command):
    """A command whose standard output carries only its result, whatever the code that it calls prints."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _debug(self)

    def invoke(self, ctx: click.Context) -> Any:
        with only_results_on_stdout():
            return super().invoke(ctx)


class Commands(click.Group):
    """Turns lcgan's own errors, errors of files and disks, and ``sys.exit()`` in code that a command calls into one line and
    exit status 1."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # the terminal may lack letters that a sample has
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.ClickException("Interrupted.") from None
        except (LcganError, OSError, SystemExit) as error:
            if isinstance(error, BrokenPipeError):  # click ends silently, as after ``| head``
                raise
            if ctx.meta.get(DEBUG):
                note("".join(traceback.format_exception(error)), nl=False)
            raise click.ClickException(visible(_one_line(error))) from error


def _one_line(error: LcganError | OSError | SystemExit) -> str:
    if isinstance(error, OSError):
        return of_file(error)
    if isinstance(error, SystemExit):
        return f"sys.exit({error.code!r}) was called{place_of(error)} before the command was done. Remove that call."
    return _shortened(str(error))


def _shortened(text: str) -> str:
    """The text as one line, without its middle if that is too long: its end says what to do."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} [...] {line[-LONGEST // 2 :]}"


def of_file(error: OSError) -> str:
    """A system error as one line."""
    if error.strerror is None:
        return _shortened(str(error))
    return _shortened(f"{f'{error.filename}: ' if error.filename else ''}{error.strerror}.")


@contextlib.contextmanager
def what_is_left(hint: Callable[[], str]) -> Iterator[None]:
    """If the system or the user ends the block, adds ``hint`` to the message: what was made so far."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.ClickException(f"Interrupted. {hint()}".strip()) from None
    except ConstraintError as error:
        raise ConstraintError(f"{error} {hint()}".strip()) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"{of_file(error)} {hint()}".strip()) from error


@contextlib.contextmanager
def only_results_on_stdout() -> Iterator[None]:
    """Sends everything that constraints, models and libraries print to stderr; only ``echo`` and ``results`` reach stdout.

    If stdout is that of the process, this also covers its subprocesses and libraries written in C.
    """
    real: TextIO = sys.stdout
    with contextlib.ExitStack() as after:
        file = real
        if real is sys.__stdout__:
            with contextlib.suppress(OSError, ValueError, AttributeError):  # no such streams: closed, or replaced by others
                file = after.enter_context(_process_stdout_apart(real))
        _results.append(file)
        after.callback(_results.pop)
        after.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


@contextlib.contextmanager
def _process_stdout_apart(real: TextIO) -> Iterator[TextIO]:
    real.flush()
    number, errors = real.fileno(), sys.stderr.fileno()
    kept = os.dup(number)
    file = open(  # noqa: SIM115 - closed below
        os.dup(number), "w", encoding=real.encoding, errors=real.errors, newline="\n" if os.name == "posix" else None
    )
    os.dup2(errors, number)
    try:
        yield file
    finally:
        os.dup2(kept, number)
        os.close(kept)
        with contextlib.suppress(OSError):  # ``echo`` flushes, and has already raised any error worth reporting
            file.close()


_results: list[TextIO] = []
"""The real standard output, while ``sys.stdout`` is redirected; the same for all threads."""


def results() -> TextIO:
    """The standard output, for the result of the command."""
    return _results[-1] if _results else sys.stdout


def echo(text: str, nl: bool = True) -> None:
    """Writes a part of the result to the standard output, with control characters escaped."""
    click.echo(visible(text), file=results(), nl=nl)


def note(text: str, nl: bool = True) -> None:
    """Writes a remark to the standard error, with control characters escaped."""
    click.echo(visible(text), err=True, nl=nl)


def note_misread(misread: Mapping[str, int], given: int) -> None:
    """Says how many of a user's samples a model does not take as they are."""
    from ..support.wording import misread_lines

    for line in misread_lines(misread, given):
        note(f"{line}.")


@click.group(cls=Commands)
@click.version_option(package_name="lcgan-core", message="%(version)s")
@click.option(
    "--allow-code",
    "code",
    multiple=True,
    metavar="SOURCE",
    help="Execute the code that this model or run contains. Repeat for several.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    help="Threads to compute with; by default, OMP_NUM_THREADS or one for each usable core.",
)
@_debug
@click.pass_context
def lcgan(ctx: click.Context, code: tuple[str, ...], threads: int | None) -> None:
    """Make a frozen generative model produce the samples you want.

    \b
    lcgan run --constraint length         train until samples are short
    lcgan sample runs/length -n 20        more of them
    """
    use_threads(threads)
    ctx.with_resource(allowing(*code))
    ctx.with_resource(asking(asked_on_terminal))


def asked_on_terminal(question: str) -> bool:
    """The user's answer; no, if there is no terminal to ask on."""
    return sys.stdin.isatty() and sys.stderr.isatty() and click.confirm(question, err=True)


def parse_value(text: str) -> Any:
    """The value of ``text`` if it is valid JSON, otherwise ``text`` itself."""
    try:
        return read_json_text(text)
    except ValueError:
        return text


def read_options(kind: type[BaseModel], given: Mapping[str, str]) -> dict[str, Any]:
    """The options of a constraint or a configuration from ``OPTION=VALUE``.

    A value is JSON where the option takes that, otherwise text: ``words=2024`` is a word, ``max_words=6`` a number.
    """
    found = {name: parse_value(text) for name, text in given.items()}
    refused, lists = _refused(kind, found)
    for name in (refused & given.keys()) - lists:
        if name not in _refused(kind, as_text := found | {name: given[name]})[0]:
            found = as_text
    return found


def _refused(kind: type[BaseModel], options: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The options that ``kind`` refuses, and those among them that take a list but not what is in this one."""
    try:
        kind(**options)
    except ValidationError as error:
        problems = [problem for problem in error.errors() if problem["loc"]]
        lists = [p for p in problems if p["type"] in ("too_short", "too_long") or any(isinstance(at, int) for at in p["loc"])]
        return {str(problem["loc"][0]) for problem in problems}, {str(problem["loc"][0]) for problem in lists}
    return set(), set()


def input_lines() -> Iterator[str]:
    """All lines of standard input; raises ``SampleError`` as ``arriving_lines`` does."""
    for lines in arriving_lines(1000):
        yield from lines


def arriving_lines(most: int) -> Iterator[list[str]]:
    """The lines of standard input, without their ends, in lists of those that have arrived: at least one, at most ``most``.

    Only a newline ends a line, and a byte order mark is no part of the first. Raises ``SampleError`` at the first line that is
    not UTF-8 or is too long, after the lines before it.
    """
    number, rest, ended = 0, b"", False
    while not ended:
        arrived = cast(BufferedReader, sys.stdin.buffer).read1(MOST_LINE_BYTES)
        *lines, rest = (rest + arrived).split(b"\n")
        ended = not arrived
        if rest and (ended or len(rest) > MOST_LINE_BYTES):
            lines.append(rest)
        ready: list[str] = []
        try:
            for line in lines:
                number += 1
                ready.append(_decoded(line, number))
                if len(ready) == most:
                    yield ready
                    ready = []
        except SampleError:
            if ready:
                yield ready
            raise
        if ready:
            yield ready


def _decoded(line: bytes, number: int) -> str:
    if len(line) > MOST_LINE_BYTES:
        raise SampleError(f"Line {number} of standard input is longer than {MOST_LINE_BYTES:,} bytes. Split it.")
    if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SampleError("Standard input is UTF-16. Convert it to UTF-8.")
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        wrong = line[error.start]
        raise SampleError(f"Line {number} of standard input is not UTF-8: byte 0x{wrong:02x}. Convert it.") from error
    return text.removesuffix("\r")


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """A progress line on stderr for each stage, so that stdout carries only the result."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<12}", markup=False), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)  # names may contain brackets and colons
    with Progress(*columns, console=console) as bars:
        tasks = {"starting": bars.add_task("starting", total=None)}

        def on_progress(what: str, share: float) -> None:
            what = visible(what)
            if what not in tasks:
                last = list(tasks.values())[-1]
                bars.update(last, total=1.0, completed=1.0)
                tasks[what] = bars.add_task(what, total=1.0)
                if not console.is_terminal:
                    console.print(what)
            bars.update(tasks[what], completed=share)

        yield on_progress
        bars.update(list(tasks.values())[-1], total=1.0, completed=1.0)
