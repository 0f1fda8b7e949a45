"""What to do with a finished run: sample, edit, interpolate."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import SampleError
from .common import AS_JSON, DEVICE, SEED, arriving_lines, echo, lcgan, note, note_misread, what_is_left

if TYPE_CHECKING:
    from ..runs.finished import FinishedRun
    from ..sample_kinds import SampleKind
    from ..tools.editing import Edit

EDITED_AT_ONCE = 64
"""Samples in a batch of edits. Arbitrary."""


def with_out(takes_tables: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds ``--out`` to a command: a new folder for its samples, which it claims for as long as it runs, or a new table."""

    def with_option(command: Callable[..., None]) -> Callable[..., None]:
        @click.option(
            "--out",
            type=click.Path(path_type=Path),
            help="New folder for the samples: one text per line, PNG for images, SVG for drawings."
            + (" Or a new table: FILE.csv, FILE.jsonl or FILE.parquet." if takes_tables else ""),
        )
        @wraps(command)
        def holding(out: Path | None, **given: Any) -> None:
            from ..support.table_file import is_table, require_writer

            if out and out.suffix.lower() == ".txt":
                raise click.UsageError(f"--out {out} would be a folder. For lines in a file, write > {out} instead.")
            table = out is not None and is_table(out)
            if out and table:
                if not takes_tables:
                    raise click.UsageError(f"--out {out} is the name of a table. Give a folder.")
                if out.exists():
                    raise click.UsageError(f"--out {out} already exists. Give another file.")
                require_writer(out)
            with new_folder(None if table else out):
                command(out=out, **given)

        return holding

    return with_option


@lcgan.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1, 10**6), help="Number of samples.")
@click.option("--seed", default=1, show_default=True, type=SEED, help="The same seed gives the same samples.")
@click.option(
    "--sampler",
    default="actor",
    show_default=True,
    metavar="NAME",
    help="How to draw: actor, start, rejection, class-prior, mixture, offset, gradient or ode.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    help="Of decoding: 0 gives the likeliest sample of each latent, more gives variety.",
)
@click.option(
    "--keep",
    type=click.FloatRange(0.01, 1),
    help="Share of the decoded samples to keep: what satisfies and is most natural. Half of texts by default.",
)
@with_out(takes_tables=True)
@click.option("--csv", "as_csv", is_flag=True, help="Print a table in CSV instead of lines.")
@DEVICE
@AS_JSON
def sample(
    run_folder: Path,
    count: int,
    seed: int,
    sampler: str,
    temperature: float | None,
    keep: float | None,
    out: Path | None,
    as_csv: bool,
    device: str,
    as_json: bool,
) -> None:
    """Print samples of a finished run, one per line; with --out, write them to files.

    If the samples are files and --out is a table, they are written into a folder beside it, and the table has their names.
    Standard error shows how much of them the model remembers from its training data.
    """
    from ..latent_model import memory_of
    from ..runs.finished import load_run
    from ..support.table_file import as_csv as csv_of
    from ..support.wording import memory_line

    known_sampler(sampler)
    if as_csv and as_json:
        raise click.UsageError("Give one of --csv and --json.")
    finished = load_run(run_folder, device)
    kind = finished.model.sample_kind
    if as_csv and kind.in_files and not out:
        raise click.UsageError("--csv needs --out here: each sample is a file, and the table names it.")
    drawn: list[Any] = []
    for some in finished.batches(count, seed, sampler, temperature=temperature, keep=keep):
        drawn += some
        if not (out or as_json or as_csv):  # at once: a reader may want no more
            echo("\n".join(shown(kind, some, None, as_json)))
    for reason in finished.unusable:  # now: a sampler that asks one of them ends with that very error
        note(reason)
    samples = shown(kind, drawn, out, as_json or as_csv) if out or as_json or as_csv else []
    memory = memory_of(finished.model, drawn)
    if as_json:
        told = {name: figure.model_dump(mode="json") for name, figure in memory.items()}
        echo(json.dumps({"run": str(run_folder), "seed": seed, "samples": samples, "memory": told}))
        return
    if as_csv:
        echo(csv_of([{kind.column: sample} for sample in samples]), nl=False)
    elif out:
        echo("\n".join(samples))
    if memory:
        note(memory_line(memory))


@lcgan.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("samples", metavar="[SAMPLE]...", nargs=-1)
@click.option(
    "--strength",
    default=0.9,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Minimum value to accept. Of the edits that reach it, the one that keeps most of the sample and reads best is taken; "
    "if none does, the one with the highest value.",
)
@click.option("--candidates", "most", default=0, show_default=True, type=click.IntRange(0, 1000), help="Other edits to show.")
@click.option(
    "--path",
    "steps",
    type=click.IntRange(2, 100),
    help="Write the way from each sample to its edit as well, in so many steps beside each other; needs --out.",
)
@with_out()
@DEVICE
@AS_JSON
def edit(
    run_folder: Path,
    samples: tuple[str, ...],
    strength: float,
    most: int,
    steps: int | None,
    out: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Change your own samples just enough to satisfy: those given, or the lines of standard input.

    A SAMPLE is a text, or a file name if the model makes images or other files. With --out, edits are written in the order of
    the samples, the candidates of each to a folder of the same number, and with --path, the way there to a file such as
    0001-path.png. A blank line stays one; among files, it has none and no number. With --json, each line is one object: before,
    after, status (edited, kept, missed, unknown or blank), value, closeness, candidates.
    """
    from ..runs.finished import load_run
    from ..sample_kinds import FileKind
    from ..tools.editing import way_to

    finished = load_run(run_folder, device)
    finished.model.require_encoder("Editing")  # before standard input is read
    misread, not_blank = Counter[str](), 0
    kind = finished.model.sample_kind
    if steps and not (out and isinstance(kind, FileKind)):
        raise click.UsageError("--path is for samples that are files, and needs --out. For texts, see lcgan interpolate.")
    batches = (samples[at : at + EDITED_AT_ONCE] for at in range(0, len(samples), EDITED_AT_ONCE))
    edits: Iterable[tuple[str, Edit | None]] = edited(
        finished, batches if samples else arriving_lines(EDITED_AT_ONCE), strength, misread
    )
    written: Iterator[str] | None = None
    if out:
        edits = list(edits)
        kept = [found.after if found else "" for _, found in edits if found or not kind.in_files]
        written = iter(shown(kind, kept, out, as_json))
    for number, (given, found) in enumerate(edits, start=1):
        if found is None:
            if written and not kind.in_files:
                next(written)
            blank = {"before": "", "after": "", "status": "blank", "value": None, "closeness": None}
            echo(json.dumps({**blank, "candidates": []}) if as_json else "")
            continue
        not_blank += 1
        place = not_blank if kind.in_files else number
        after = next(written) if written else shown(kind, [found.after], None, as_json)[0]
        if steps and out and isinstance(kind, FileKind):
            kind.write(kind.strip(way_to(finished, found, steps)), out / f"{place:04}-path{kind.suffixes[0]}")
        candidates = shown(kind, found.candidates[:most], out / f"{place:04}" if out else None, as_json) if most else []
        if as_json:
            row = {"before": given, "after": after, "status": found.status, "value": found.value, "closeness": found.closeness}
            echo(json.dumps({**row, "candidates": candidates}))
            continue
        echo("\n    ".join([after, *candidates]))
        if found.status == "unknown":
            note(f"not edited, the model can represent it only as shown: {given}")
        elif found.status == "missed":
            note(f"no candidate satisfied: {given}")
    note_misread(misread, not_blank)


def edited(
    finished: FinishedRun, batches: Iterable[Sequence[str]], strength: float, misread: Counter[str]
) -> Iterator[tuple[str, Edit | None]]:
    """Each line with its edit, so that a long input shows its first edits early; None for a blank line.

    Adds to ``misread`` how many of those to be changed the model does not take as they are.
    """
    from ..tools.editing import edit

    kind = finished.model.sample_kind
    for batch in batches:
        lines, parsed, wrong = [line.strip() for line in batch], [], None
        for number, line in enumerate(lines):
            try:
                parsed += [kind.parse(line)] if line else []
            except SampleError as error:  # said after the lines before it
                lines, wrong = lines[:number], error
                break
        edits = edit(finished, parsed, strength)
        misread.update(finished.model.misread([one.before for one in edits if one.status != "kept"]))
        each = iter(edits)
        yield from ((line, next(each) if line else None) for line in lines)
        if wrong:
            raise wrong


@lcgan.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("first")
@click.argument("last")
@click.option(
    "--steps", default=7, show_default=True, type=click.IntRange(2, 10**5), help="Samples to print, both ends included."
)
@with_out()
@DEVICE
def interpolate(run_folder: Path, first: str, last: str, steps: int, out: Path | None, device: str) -> None:
    """Print the path from one sample to another through the latent space, with the value of each step.

    FIRST and LAST are texts, or the names of files.
    """
    from ..runs.finished import load_run
    from ..tools.editing import interpolate as way

    finished = load_run(run_folder, device)
    kind = finished.model.sample_kind
    start, end = kind.parse(first), kind.parse(last)
    note_misread(finished.model.misread([start, end]), 2)
    found = way(finished, start, end, steps)
    told = shown(kind, [sample for sample, _ in found], out, exact=False)
    for line, (_, value) in zip(told, found, strict=True):
        echo(f"{value:.2f}  {line}")


def shown(kind: SampleKind[Any], samples: Sequence[Any], out: Path | None, exact: bool) -> list[str]:
    """What represents each sample in the output: its text, its file in ``out``, or a line about it.

    Writes the samples to ``out`` if it is given, a new folder or a table.
    """
    from ..support.table_file import is_table, write_table

    table = out if out and is_table(out) else None
    beside = table.with_suffix("") if table and kind.in_files else None
    folder = beside if table else out
    with new_folder(beside):
        files = kind.save(samples, folder) if folder else []
    if table:
        cells = [f"{file.parent.name}/{file.name}" for file in files] or [kind.keep(sample, Path()) for sample in samples]
        write_table(table, [{kind.column: cell} for cell in cells])
    if kind.in_files:
        return [str(file) for file in files] or list(map(kind.line, samples))
    return [kind.keep(sample, Path()) if exact else kind.line(sample) for sample in samples]


@contextmanager
def new_folder(out: Path | None) -> Iterator[None]:
    """Claims the folder ``out``, if given. Refuses one that is not empty, because new files would mix with what it holds."""
    if out is None:
        yield
        return
    from ..support.claim import claimed

    with claimed(out):
        if any(out.iterdir()):
            raise click.UsageError(f"--out {out} already exists. Give another folder.")
        with what_is_left(lambda: f"Samples written so far are in {out}." if any(out.iterdir()) else ""):
            yield


def known_sampler(name: str) -> str:
    from ..engine.samplers import SAMPLERS

    if name not in SAMPLERS:
        raise click.UsageError(f"No sampler {name!r}. There are: {', '.join(SAMPLERS)}.")
    return name
