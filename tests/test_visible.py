"""Text that looks like markup or steers a terminal is shown as it is, wherever people read it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from rich.table import Table

from lcgan_core.cli import common, lcgan, tables
from lcgan_core.cli.studio_page import PARTS
from lcgan_core.errors import RunError
from lcgan_core.sample_kinds import Text
from lcgan_core.support.plot import Plot
from lcgan_core.tools.studio import Outcome
from lcgan_core.visible import CONTROLS, visible

MARKUP = [
    "[verse] la la [/verse]",
    "[/]",
    "[bold green]now[/bold green]",
    "[link=file:///etc]here[/link]",
    "\\[blue]",
    ":heart: and :thumbs_up:",
    "{task.total} %(name)s ${HOME}",
    "a $x$ costs $5",
    "<b>bold</b> &amp; <!-- no -->",
]
HOSTILE = {
    "\x1b[2J\x1b[1;31mgone": "\\x1b[2J\\x1b[1;31mgone",
    "\x1b]8;;http://x\x1b\\here": "\\x1b]8;;http://x\\x1b\\here",
    "\x9b5mblink\x84": "\\x9b5mblink\\x84",
    "over\bwritten\x7f\0": "over\\x08written\\x7f\\x00",
    "user\u202eexe.txt\u2066": "user\\u202eexe.txt\\u2066",
    "half \ud83d": "half \\ud83d",
}


def printed(monkeypatch: pytest.MonkeyPatch, show: Callable[[], None]) -> str:
    out = io.StringIO()
    monkeypatch.setattr(common, "_results", [out])
    show()
    return out.getvalue()


@pytest.mark.parametrize("text", [*MARKUP, *HOSTILE])
def test_tables_show_it_as_it_is(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def show() -> None:
        table = Table(text, title=text, title_justify="left")
        table.add_row(text)
        tables.console().print(table)
        tables.console().print(text)

    assert printed(monkeypatch, show).count(HOSTILE.get(text, text)) == 4


@pytest.mark.parametrize("text", [*MARKUP, *HOSTILE])
def test_lines_results_and_remarks(text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = HOSTILE.get(text, text)
    assert Text().line(f"{text}\r\nend") == f"{told} end"
    assert printed(monkeypatch, lambda: common.echo(text)) == f"{told}\n"
    common.note(text)
    with common.progress() as on_progress:
        on_progress(text, 0.5)
    assert re.sub(r"\s+", " ", capsys.readouterr().err).count(told) >= 2


@pytest.mark.parametrize("text", [*MARKUP, *HOSTILE])
def test_pages(text: str) -> None:
    escaped = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert Text().html(f"{text}\nend") == f"{escaped}<br>end"
    assert Text().html_change("", text) == " ".join(f"<mark>{word}</mark>" for word in escaped.split())
    assert Text().html_change(text, text) == escaped
    assert f"<p>{escaped}</p>" in PARTS.outcome(Outcome(failure=text))


@pytest.mark.parametrize("name", ["runs/a$b$", "$\\frac{$", "[red]$x_1$"])
def test_names_on_plots_are_no_formulas(name: str) -> None:
    assert f">{name}</text>" in Plot([], name).svg()


def test_what_has_a_meaning_stays() -> None:
    for text in ("👩\u200d👧 family", "می\u200cخواهم", "shy\u00adhyphen", "a\tb\nc", "שלום \u200f"):
        assert visible(text) == text
    assert not CONTROLS.search("".join(map(visible, map(chr, range(0x10000)))))


def test_errors_and_constraints_of_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    from lcgan_core.plugins import discovery

    for text in (*MARKUP, *HOSTILE):

        def fail(name: str, told: str = text) -> None:
            raise RunError(told)

        monkeypatch.setattr(discovery, "constraint_class", fail)
        ran = CliRunner().invoke(lcgan, ["constraints", "any"])
        assert ran.exit_code == 1
        assert ran.stderr == f"Error: {HOSTILE.get(text, text)}\n"
