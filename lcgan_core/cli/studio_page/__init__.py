"""The page of ``lcgan studio``; needs ``lcgan-core[studio]``. Its look is in ``parts.html.jinja`` and ``page.css``."""

from __future__ import annotations

import asyncio
import html
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import gradio as gr
import uvicorn
from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ...constraint import SATISFIED
from ...constraints.from_labels import FEWEST
from ...errors import LcganError, RunError
from ...sample_kinds import FileKind, SampleKind
from ...tools.studio import GOAL, Asked, Questions, Studio
from ...visible import visible
from ..studio_guard import MOST_FILE_BYTES, Guard, guard
from .theme import THEME

HERE = Path(__file__).parent
# One event at a time, across all tabs and browsers: there is only one label session and one model.
ORDERED: dict[str, Any] = {"concurrency_id": "studio", "concurrency_limit": 1, "api_visibility": "private"}
QUIET = ORDERED | {"show_progress": "hidden"}
TO_OUTCOME = "() => document.getElementById('outcome').scrollIntoView({block: 'nearest', behavior: 'smooth'})"


def _parts() -> Any:
    """The macros of ``parts.html.jinja``."""
    templates = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda given: visible(given) if type(given) is str else given,
    )
    known = {"satisfied": SATISFIED, "goal": GOAL, "fewest": FEWEST}
    return templates.get_template("parts.html.jinja", globals=known).module


PARTS = _parts()

Given = ParamSpec("Given")
Told = TypeVar("Told")


def page(studio: Studio, questions: Questions | None, kind: SampleKind[Any]) -> gr.Blocks:
    """The page for samples of one kind, with a tab for labels if there is a session for them."""

    def masthead() -> str:
        return str(PARTS.masthead(facts(studio, questions)))

    def outcome() -> tuple[str, str, str]:
        now = studio.outcome()
        return masthead(), str(PARTS.outcome(now)), str(PARTS.pairs(now, kind.in_files))

    async def wait() -> AsyncIterator[tuple[Any, Any, Any]]:
        while training := studio.training:
            yield gr.skip(), str(PARTS.training(*training)), gr.skip()
            await asyncio.sleep(0.2)  # not a thread, which Ctrl-C would have to wait for
        yield shown(outcome)()

    async def stay() -> AsyncIterator[None]:
        # Where no event is left, Gradio closes the stream to the page, and loses the answer to one that begins just then.
        while True:
            yield
            await asyncio.sleep(10)

    blocks = gr.Blocks(title="lcgan studio", analytics_enabled=False)
    with blocks:
        head = part(masthead(), "masthead")
        with gr.Tab("Label" if questions else "Run"):
            train = _label(blocks, questions) if questions else None
            told, pairs = part(elem_id="outcome"), part(elem_id="pairs")
        with gr.Tab("Generate"):
            _generate(studio, kind)
        with gr.Tab("Edit"):
            _edit(studio, kind)

        # These run alongside the other events, so that labelling can continue.
        alongside: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
        waiting = alongside | {"outputs": [head, told, pairs]}
        blocks.load(stay, **alongside)
        blocks.load(wait, **waiting)
        if train and questions:
            begun = train.click(shown(partial(studio.train, questions.config, questions.out)), **QUIET)
            begun.success(wait, **waiting)
            begun.success(js=TO_OUTCOME)
    return blocks


def part(value: str = "", elem_id: str | None = None, elem_class: str | None = None) -> gr.HTML:
    """A place for a macro of ``PARTS``, or for a sample."""
    return gr.HTML(
        value, elem_id=elem_id, elem_classes=["part", *([elem_class] if elem_class else [])], apply_default_css=False
    )


def facts(studio: Studio, questions: Questions | None) -> list[tuple[str, str]]:
    """What the head of the page tells: the model, the name of the file of answers, and the open run."""
    config = questions.config if questions else studio.finished.config if studio.finished else None
    told = [("Model", config.model)] if config else []
    if questions:
        told.append(("Answers", questions.session.file.name))
    if studio.finished:
        wishes = " and ".join(wish.name for wish in studio.finished.config.constraints)
        told.append(("Run", f"{studio.folder}: {wishes}"))
    return told


def shown(handler: Callable[Given, Told]) -> Callable[Given, Told]:
    """``handler`` for an event of the page, which then shows its errors."""

    @wraps(handler)
    def call(*given: Given.args, **named: Given.kwargs) -> Told:
        try:
            return handler(*given, **named)
        except (LcganError, OSError) as error:
            raise gr.Error(html.escape(str(error)), duration=None, print_exception=False) from error

    return call


def _label(blocks: gr.Blocks, questions: Questions) -> gr.Button:
    """The questions; returns the button that starts training on the answers."""
    places: list[list[Any]] = []
    """For each question, the elements of what ``Questions.asked`` returns."""
    replies: list[tuple[gr.Button, list[Any], Callable[[str], Asked]]] = []
    many = len(questions.places) if len(questions.places) > 1 else 0
    with gr.Row(elem_id="desk"):
        with gr.Column(scale=3, min_width=320):
            part(str(PARTS.question(many, questions.session.file)))
            with gr.Row(elem_id="questions", elem_classes="many" if many else None):
                for place in questions.places:
                    with gr.Column(elem_classes="place", min_width=0):
                        asked = [part(elem_id=f"question-{place}", elem_class="question"), gr.State()]
                        with gr.Row(elem_classes="replies"):
                            yes = gr.Button("Yes", variant="primary", size="md", min_width=0, elem_id=f"wanted-{place}")
                            no = gr.Button("No", size="md", min_width=0, elem_id=f"unwanted-{place}")
                            skip = gr.Button("Skip", size="md", min_width=0, elem_id=f"skip-{place}")
                        places.append(asked)
                        replies += [
                            (yes, asked, partial(questions.answer, place, value=1.0)),
                            (no, asked, partial(questions.answer, place, value=0.0)),
                            (skip, asked, partial(questions.skip, place)),
                        ]
        with gr.Column(scale=1, min_width=260, elem_id="side"):
            labels = part(elem_id="labels")
            train = gr.Button("Train on the answers", elem_id="train")
            undo = gr.Button("Undo", size="md", elem_id="undo")
            part(str(PARTS.keys(many)), "keys")

    def progress() -> list[Any]:
        now = questions.progress()
        return [str(PARTS.progress(now)), gr.update(variant="primary" if now.enough else "secondary")]

    def everything() -> list[Any]:
        return [part for place in questions.places for part in questions.asked(place)] + progress()

    def undone() -> list[Any]:
        return [part for asked in questions.undo() for part in asked] + progress()

    for button, asked, reply in replies:
        button.click(shown(reply), asked[1], asked, **QUIET).success(shown(progress), None, [labels, train], **QUIET)
    everywhere = [part for asked in places for part in asked] + [labels, train]
    blocks.load(shown(everything), outputs=everywhere, **QUIET)
    undo.click(shown(undone), None, everywhere, trigger_mode="multiple", **QUIET)
    return train


def _generate(studio: Studio, kind: SampleKind[Any]) -> None:
    with gr.Row(elem_classes="tools"):
        count = gr.Slider(1, 50, 12, step=1, label="How many", min_width=240, elem_id="count")
        strength = gr.Slider(
            0,
            1,
            1,
            step=0.05,
            label="Strength",
            info="0 keeps what the actor starts from, 1 applies its full move",
            min_width=240,
            elem_id="reach",
        )
        more = gr.Button("Generate", variant="primary", elem_id="generate")
    seed = gr.State(0)
    samples = part(str(PARTS.empty("New samples appear here, beside what the actor made them from.")), "samples")
    asked = [count, strength, seed]

    def generate(count: int, strength: float, seed: int) -> str:
        return str(PARTS.generated(studio.generate(count, strength, seed), kind.in_files))

    # Each press draws new starts; the slider moves the same starts.
    more.click(lambda seed: seed + 1, seed, seed, **QUIET).then(shown(generate), asked, samples, **ORDERED)
    strength.release(shown(generate), asked, samples, **ORDERED)


def _edit(studio: Studio, kind: SampleKind[Any]) -> None:
    given: gr.Textbox | gr.File
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=1, min_width=280):
            if isinstance(kind, FileKind):
                given = gr.File(label="Your file", file_types=list(kind.suffixes), elem_id="given", height=160)
            else:
                given = gr.Textbox(label=f"Your {kind.name}", elem_id="given")
            strength = gr.Slider(
                0,
                1,
                0.9,
                step=0.01,
                label="Strength",
                info="Minimum value to accept. Of the edits that reach it, you get the one that keeps most and reads best.",
                elem_id="strength",
            )
            button = gr.Button("Edit", variant="primary", elem_id="edit")
        with gr.Column(scale=2, min_width=320):
            edited = part(str(PARTS.empty("Your sample and its edit appear here, beside each other.")), "edited")

    def edit(given: str | None, strength: float) -> str:
        return str(PARTS.edited(studio.edit(given, strength), kind.in_files))

    begun = [button.click, given.upload if isinstance(given, gr.File) else given.submit]
    gr.on(begun, shown(edit), [given, strength], edited, **ORDERED)


def listen(host: str, port: int) -> socket.socket:
    """Opens the port, or a free one if it is 0. Raises ``RunError`` if that fails."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise RunError(f"Cannot listen on {host}:{port}: {error.strerror}. Give another --port, or 0 for any.") from error


def application(blocks: gr.Blocks, listening: socket.socket, given_host: str, uploads: bool) -> Guard:
    """The page as an ASGI application, behind its guard; ``uploads`` is whether the page asks for files."""
    host, port = listening.getsockname()[:2]
    app = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        blocks,
        path="/",
        server_name=host,
        server_port=port,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        max_file_size=MOST_FILE_BYTES,
        theme=THEME,
        css_paths=HERE / "page.css",
        js=(HERE / "keys.js").read_text(encoding="utf-8"),
    )
    return guard(app, given_host, host, uploads)


def serve(app: Guard, listening: socket.socket, on_address: Callable[[str], None]) -> None:
    """Serves the page until Ctrl-C, after passing its address to ``on_address``."""
    host, port = listening.getsockname()[:2]
    # An open page keeps its connection, which is cut at the end; that is not an error to report.
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    on_address(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
