"""``lcgan label`` and ``lcgan studio``: collect labels, in the terminal and in the browser."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from .common import SEED, echo, lcgan, note, note_misread
from .run import parse_settings

KEYS = "y wanted   n not   s skip   u undo   q quit"


@lcgan.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", default="reviews", show_default=True, help="As for lcgan run.")
@click.option(
    "-n",
    "count",
    default=70,
    show_default=True,
    type=click.IntRange(1, 10**6),
    help="Stop when the file has this many labels.",
)
@click.option(
    "--from",
    "source",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Ask about your own samples: a file of texts, or a folder of images.",
)
@click.option("--column", default="text", show_default=True, help="Column that holds your texts, in CSV, JSONL and Parquet.")
@click.option("--by-chance", is_flag=True, help="Ask about random samples, not those whose answer is least certain.")
@click.option("--seed", default=0, show_default=True, type=SEED, help="Seed of the questions.")
@click.option("--encoding", help="Encoding of FILE, such as cp1252, if it is neither UTF-8 nor marked UTF-16.")
def label(
    file: Path, model: str, count: int, source: Path | None, column: str, by_chance: bool, seed: int, encoding: str | None
) -> None:
    """Label samples of a model, or samples of your own, with one key each.

    FILE is a CSV file with the columns text and value. For files, such as images, the columns are file and value, and copies of
    the samples are kept in a folder beside FILE. Other columns and rows of FILE stay as they are. Every answer is saved before
    the next question. To continue later, give the same FILE.
    """
    from ..constraint import SATISFIED
    from ..plugins.discovery import load_latent_model
    from ..tools.questions import QuestionSession, only_one

    with only_one(file):
        asked = load_latent_model(model)
        own = asked.sample_kind.load(source, column) if source else None
        if own:
            note_misread(asked.misread(own), len(own))
        session = QuestionSession(file, asked, seed, active=not by_chance, own=own, encoding=encoding)
        note(KEYS)
        while len(session.answers) < count and not session.exhausted:
            question = session.question()
            if question is None:
                note(f"Every sample that {model} makes has an answer. For more, give another --model, or your own by --from.")
                break
            told = session.kind.line(question)
            if session.kind.in_files:  # to be viewed in another program
                told = f"{file.parent / session.keep(question)}  {told}"
            note(f"{len(session.answers) + 1:>4}/{count}  {told}  ", nl=False)
            try:
                key = click.getchar().lower()
            except OSError as error:
                raise click.ClickException(
                    f"lcgan label needs a terminal, and there is none: {error.strerror}. {file} has "
                    f"{len(session.answers)} labels."
                ) from error
            note(key if key.isprintable() else "")
            if key in ("y", "n"):
                session.answer(float(key == "y"))
                if len(session.answers) % 10 == 0 and (trust := session.estimate()):
                    note(f"        held-out answers predicted correctly: {trust.accuracy}")
            elif key == "s":
                session.skip()
            elif key == "u":
                undone = session.undo()
                note("        nothing to undo" if undone is None else "        last answer removed")
            elif key in ("q", "\x03", "\x04", ""):
                break
            else:
                note(KEYS)
        held = sum(value >= SATISFIED for _, value in session.answers)
    echo(f"{file}: {len(session.answers)} labels, {held} wanted")
    reading = f" --set labels.encoding={encoding}" if encoding else ""
    echo(f"next: lcgan run --constraint labels --set labels.file={file}{reading}")


@lcgan.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--run", "run_folder", metavar="RUN", type=click.Path(path_type=Path), help="A finished run to start from.")
@click.option("--model", default="reviews", show_default=True, help="Model whose samples to label, as for lcgan run.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME.OPTION=VALUE", help="An option of the training, such as gan.rounds=8."
)
@click.option("--seed", default=0, show_default=True, type=SEED, help="Seed of questions and training.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the trained run, numbered from the second on; runs/FILE by default.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on. Anyone who can reach it can label and train."
)
@click.option("--port", default=7860, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
def studio(
    file: Path | None,
    run_folder: Path | None,
    model: str,
    settings: tuple[str, ...],
    seed: int,
    out: Path | None,
    host: str,
    port: int,
) -> None:
    """Label samples into FILE, train on them, generate and edit, on a page in the browser.

    FILE has the format of lcgan label, and every answer is saved before the next question. With --run, the page can generate
    and edit from the start, and FILE is optional.
    """
    if not (file or run_folder):
        raise click.UsageError("Give a FILE to label into, or a finished run with --run.")
    from ..support.extras import needed
    from ..tools.questions import QuestionSession, only_one

    page = needed("lcgan_core.cli.studio_page", "lcgan studio", "studio")
    from ..plugins.discovery import load_latent_model
    from ..runs.config import RunConfig, validated
    from ..runs.folder import slug
    from ..tools.studio import Questions, Studio

    opened, questions, models = Studio(), None, []
    with page.listen(host, port) as listening, only_one(file) if file else nullcontext():
        if run_folder:
            models.append(opened.open(run_folder).model)
        if file:
            (wish,), gan = parse_settings(("labels",), settings, ())
            wish["options"]["file"] = str(file)
            asked = {"model": model, "constraints": [wish], "seed": seed, "gan": gan}
            config = validated(RunConfig, asked, "Wrong settings")
            models.append(load_latent_model(model))
            session = QuestionSession(file, models[-1], seed)
            questions = Questions(session, config, out or Path("runs") / slug(file.stem))
        kind, *others = [found.sample_kind for found in models]
        if any(other.name != kind.name for other in others):
            raise click.UsageError(f"The run makes {kind.name}, but --model {model} makes {others[0].name}. Give one of them.")
        try:
            app = page.application(page.page(opened, questions, kind), listening, host, uploads=kind.in_files)
            page.serve(app, listening, echo)
        finally:
            opened.stop()  # torch must not be running when Python exits
