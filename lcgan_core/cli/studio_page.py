"""The page of ``lcgan studio``; needs ``lcgan-core[studio]``."""

from __future__ import annotations

import asyncio
import html
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import gradio as gr
import uvicorn
from fastapi import FastAPI

from ..errors import LcganError, RunError
from ..sample_kinds import FileKind, SampleKind
from ..tools.studio import Asked, Questions, Rows, Studio
from .studio_guard import MOST_FILE_BYTES, Guard, guard

# System fonts: the page loads nothing from the network.
FONTS = [gr.themes.Font("system-ui"), gr.themes.Font("sans-serif")]
THEME = gr.themes.Default(primary_hue="teal", font=FONTS, font_mono=FONTS)
CSS = """
#edited, .question {font-size: 1.4rem; min-height: 2.5rem}
.many {display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); max-width: 36rem}
.many .place {padding: .4rem; border: 2px solid transparent; border-radius: .5rem}
.many .current {border-color: var(--color-accent)}
.many .question img, .many .question svg {width: auto; max-width: 100%; height: 8rem; margin: auto}
.sides {display: grid; grid-template-columns: 1fr 1fr; gap: 1.5rem}
.sides figcaption {font-weight: 600}
.sides figure > div {display: grid; grid-template-columns: repeat(auto-fill, minmax(3.5rem, 1fr)); gap: .4rem}
.sides img, .sides svg {width: 100%; height: auto; margin: 0 !important}
.prose .rows, .prose .rows tr, .prose .rows th, .prose .rows td {border-style: none !important; border-collapse: collapse}
.prose .rows th, .prose .rows td {padding: .3rem .8rem; border-bottom: 1px solid var(--border-color-primary) !important}
"""
# One event at a time, across all tabs and browsers: there is only one label session and one model.
ORDERED: dict[str, Any] = {"concurrency_id": "studio", "concurrency_limit": 1, "api_visibility": "private"}
QUIET = ORDERED | {"show_progress": "hidden"}

KEYS = """
() => {
    let current = 0;
    const press = id => document.getElementById(id)?.click();
    const places = () => [...document.querySelectorAll('#questions .place')].filter(place => place.offsetParent);
    const choose = number => {
        const shown = places();
        current = (number + shown.length) % shown.length;
        shown.forEach((place, at) => place.classList.toggle('current', at === current));
    };
    document.addEventListener('keydown', event => {
        const many = places().length;
        if (!many || event.ctrlKey || event.altKey || event.metaKey || event.target.matches('input, textarea')) return;
        const reply = {y: 'wanted', n: 'unwanted', s: 'skip'}[event.key];
        const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
        if (event.key === 'u') press('undo');
        else if (step) choose(current + step);
        else if (event.key >= 1 && event.key <= many) choose(event.key - 1);
        else if (reply) { press(`${reply}-${current}`); choose(current + 1); }
    });
    const first = setInterval(() => { if (places().length) { choose(0); clearInterval(first); } }, 100);
}
"""
"""Answers by keys: about the current place, which is marked, and then the next one."""

Given = ParamSpec("Given")
Told = TypeVar("Told")


def page(studio: Studio, questions: Questions | None, kind: SampleKind[Any]) -> gr.Blocks:
    """The page for samples of one kind, with a tab for labels if there is a session for them."""
    blocks = gr.Blocks(title="lcgan studio", analytics_enabled=False)
    with blocks:
        with gr.Tab("Label" if questions else "Run"):
            train = _label(blocks, questions) if questions else None
            outcome = gr.Markdown(elem_id="outcome", min_height=90)
            pairs = gr.HTML(elem_id="pairs")
        with gr.Tab("Generate"):
            _generate(studio)
        with gr.Tab("Edit"):
            _edit(studio, kind)

        async def wait(progress: gr.Progress = gr.Progress()) -> tuple[str, str]:  # noqa: B008 - how gradio asks for it
            while training := studio.training:
                what, share = training
                progress(share, desc=what)
                await asyncio.sleep(0.2)  # not a thread, which Ctrl-C would have to wait for
            told, rows = shown(studio.outcome)()
            return told, (sides if kind.in_files else table)(("before", "after"), rows)

        # Runs alongside the other events, so that labelling can continue.
        waiting: dict[str, Any] = {"concurrency_limit": None, "show_progress_on": outcome, "api_visibility": "private"}
        blocks.load(wait, outputs=[outcome, pairs], **waiting)
        if train and questions:
            begun = train.click(shown(partial(studio.train, questions.config, questions.out)), **QUIET)
            begun.success(wait, outputs=[outcome, pairs], **waiting)
    return blocks


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
    gr.Markdown("Is this what you want?")
    places: list[list[Any]] = []
    """For each question, the elements of what ``Questions.asked`` returns."""
    replies: list[tuple[gr.Button, list[Any], Callable[[str], Asked]]] = []
    many = len(questions.places) > 1
    with gr.Row(elem_id="questions", elem_classes="many" if many else None):
        for place in questions.places:
            with gr.Column(elem_classes="place", min_width=0):
                asked = [gr.HTML(elem_id=f"question-{place}", elem_classes="question"), gr.State()]
                with gr.Row():
                    yes = gr.Button("Yes", variant="primary", size="sm", min_width=0, elem_id=f"wanted-{place}")
                    no = gr.Button("No", variant="primary", size="sm", min_width=0, elem_id=f"unwanted-{place}")
                    skip = gr.Button("Skip", size="sm", min_width=0, elem_id=f"skip-{place}")
                places.append(asked)
                replies += [
                    (yes, asked, partial(questions.answer, place, value=1.0)),
                    (no, asked, partial(questions.answer, place, value=0.0)),
                    (skip, asked, partial(questions.skip, place)),
                ]
    keys = "Keys: y, n, s for skip, u for undo" + ("; 1 and so on, or the arrows, choose" if many else "")
    gr.Markdown(keys, elem_id="keys")
    labels = gr.Markdown(elem_id="labels")
    with gr.Row():
        undo = gr.Button("Undo", elem_id="undo")
        train = gr.Button("Train", variant="primary", elem_id="train")

    for button, asked, reply in replies:
        button.click(shown(reply), asked[1], asked, **QUIET).success(shown(questions.told), None, labels, **QUIET)

    def everything() -> list[str]:
        return [part for place in questions.places for part in questions.asked(place)] + [questions.told()]

    def undone() -> list[str]:
        return [part for asked in questions.undo() for part in asked] + [questions.told()]

    everywhere = [part for asked in places for part in asked] + [labels]
    blocks.load(shown(everything), outputs=everywhere, **QUIET)
    undo.click(shown(undone), None, everywhere, trigger_mode="multiple", **QUIET)
    return train


def _generate(studio: Studio) -> None:
    with gr.Row():
        count = gr.Slider(1, 50, 10, step=1, label="How many", elem_id="count")
        strength = gr.Slider(
            0,
            1,
            1,
            step=0.05,
            label="Strength",
            info="0 keeps what the actor starts from, 1 applies its full move",
            elem_id="reach",
        )
    seed = gr.State(0)
    more = gr.Button("Generate", variant="primary", elem_id="generate")
    samples = gr.HTML(elem_id="samples")
    asked = [count, strength, seed]

    def generate(count: int, strength: float, seed: int) -> str:
        return table(("start", "sample", "satisfied"), studio.generate(count, strength, seed))

    # Each press draws new starts; the slider moves the same starts.
    more.click(lambda seed: seed + 1, seed, seed, **QUIET).then(shown(generate), asked, samples, **ORDERED)
    strength.release(shown(generate), asked, samples, **ORDERED)


def _edit(studio: Studio, kind: SampleKind[Any]) -> None:
    given: gr.Textbox | gr.File
    if isinstance(kind, FileKind):
        given = gr.File(label="Your file", file_types=list(kind.suffixes), elem_id="given")
    else:
        given = gr.Textbox(label=f"Your {kind.name}", elem_id="given")
    strength = gr.Slider(
        0,
        1,
        0.9,
        step=0.01,
        label="Strength",
        info="Minimum value to accept; of the edits that reach it, the closest is taken",
        elem_id="strength",
    )
    button = gr.Button("Edit", variant="primary", elem_id="edit")
    after = gr.HTML(elem_id="edited")
    told = gr.Markdown(elem_id="told")
    others = gr.HTML(elem_id="others")

    def edit(given: str | None, strength: float) -> tuple[str, str, str]:
        edited, told, candidates = studio.edit(given, strength)
        return edited, told, table(("other candidates",), candidates)

    begun = [button.click, given.upload if isinstance(given, gr.File) else given.submit]
    gr.on(begun, shown(edit), [given, strength], [after, told, others], **ORDERED)


def table(headers: Sequence[str], rows: Rows) -> str:
    """The rows as an HTML table; an empty string if there are none."""
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    first = "".join(f"<th>{header}</th>" for header in headers)
    return f'<table class="rows">{"".join(f"<tr>{line}</tr>" for line in (first, *lines))}</table>' if rows else ""


def sides(headers: Sequence[str], rows: Rows) -> str:
    """The columns as grids of pictures, side by side; an empty string if there are no rows."""
    grids = [
        f"<figure><figcaption>{header}</figcaption><div>{''.join(f'<div>{cell}</div>' for cell in column)}</div></figure>"
        for header, column in zip(headers, zip(*rows, strict=True), strict=False)
    ]
    return f'<div class="sides">{"".join(grids)}</div>' if rows else ""


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
        css=CSS,
        js=KEYS,
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
