"""Standard input: one line in, one line out, split alike by every command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from lcgan_core import SampleError
from lcgan_core.cli import lcgan
from lcgan_core.cli.common import MOST_LINE_BYTES, arriving_lines
from lcgan_core.runs import finished
from lcgan_core.sample_kinds import Text
from lcgan_core.tools import editing

INPUTS = {
    "other ends of lines": "one\u2029two\x1cthree\x0bfour\n five\x85 six \n".encode(),
    "blank lines": b"\na\n\n \n\nb\n\n",
    "Windows": b"a\r\n\r\nb\r\n",
    "no end": b"a\nb",
    "a mark": "\ufeffä\nb\n".encode(),
    "a mark alone": "\ufeff\na\n".encode(),
    "a carriage return inside": b"a\rb\nc\n",
    "control tokens": b"a</s> <pad>\n<s>\n",
}


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose edits shout."""

    def shout(finished: Any, samples: Sequence[str], strength: float) -> list[editing.Edit]:
        assert all(samples)
        return [editing.Edit(text, text.upper(), "edited", 1.0, 0.5, []) for text in samples]

    model = SimpleNamespace(sample_kind=Text(), require_encoder=lambda what: None, misread=lambda samples: {})
    monkeypatch.setattr(finished, "load_run", lambda folder, device: SimpleNamespace(model=model))
    monkeypatch.setattr(editing, "edit", shout)


def lines_of(content: bytes) -> list[str]:
    """The lines as ``wc -l`` counts them, and one more if the last has no end."""
    lines = content.decode("utf-8-sig").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


@pytest.mark.parametrize("content", INPUTS.values(), ids=INPUTS)
@pytest.mark.usefixtures("stub")
def test_edit_answers_each_line_with_one(content: bytes, tmp_path: Path) -> None:
    plain = CliRunner().invoke(lcgan, ["edit", "RUN"], input=content, catch_exceptions=False)
    found = plain.stdout_bytes.decode().split("\n")
    expected = [" ".join(line.strip().upper().splitlines()) for line in lines_of(content)]
    assert found == [*expected, ""]
    rows = CliRunner().invoke(lcgan, ["edit", "RUN", "--json"], input=content, catch_exceptions=False).stdout
    told = [json.loads(row) for row in rows.splitlines()]
    assert [row["before"] for row in told] == [line.strip() for line in lines_of(content)]
    assert [row["status"] for row in told] == ["edited" if line.strip() else "blank" for line in lines_of(content)]
    CliRunner().invoke(lcgan, ["edit", "RUN", "--out", str(tmp_path / "out")], input=content, catch_exceptions=False)
    (file,) = (tmp_path / "out").iterdir()
    assert len(file.read_text(encoding="utf-8").rstrip("\n").split("\n")) == len(expected)


@pytest.mark.parametrize("content", INPUTS.values(), ids=INPUTS)
def test_try_scores_the_same_lines(content: bytes) -> None:
    ran = CliRunner().invoke(lcgan, ["try", "length", "--json"], input=content, catch_exceptions=False)
    assert [row["text"] for row in json.loads(ran.stdout)["scores"]] == lines_of(content)
    plain = CliRunner().invoke(lcgan, ["try", "length"], input=content, catch_exceptions=False)
    assert len(plain.stdout_bytes.decode().split("\n")) == len(lines_of(content)) + 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n" * 70 + b"caf\xe9\nb\n", "Line 71 of standard input is not UTF-8: byte 0xe9"),
        (b"a\nhalf \xe6\x97\n", "Line 2 of standard input is not UTF-8: byte 0xe6"),
        ("a\nb\n".encode("utf-16"), "Standard input is UTF-16"),
        (b"a\n" * 3 + b"x" * (MOST_LINE_BYTES + 1), "Line 4 of standard input is longer than 1,048,576 bytes"),
        (b"a\n" * 64 + b"\xff\xfe\n", "Line 65 of standard input is not UTF-8: byte 0xff"),
    ],
)
@pytest.mark.usefixtures("stub")
def test_what_is_not_utf8_is_told_by_its_line_after_the_lines_before_it(content: bytes, message: str) -> None:
    for arguments in (["edit", "RUN"], ["try", "length"]):
        ran = CliRunner().invoke(lcgan, arguments, input=content)
        assert ran.exit_code == 1
        assert message in ran.stderr
        if arguments[0] == "edit":
            assert ran.stdout == ("" if "UTF-16" in message else "A\n" * content.count(b"a\n"))


@pytest.mark.parametrize(
    ("lines", "before"), [(["a", "b", "wrong", "c"], 2), (["wrong"], 0), (["a", "", "wrong"], 2), (["a"] * 70 + ["wrong"], 70)]
)
@pytest.mark.usefixtures("stub")
def test_a_line_that_is_no_sample_is_told_after_the_lines_before_it(
    monkeypatch: pytest.MonkeyPatch, lines: list[str], before: int
) -> None:
    def parse(self: Text, given: str, folder: Path = Path()) -> str:
        if given == "wrong":
            raise SampleError("No sample: 'wrong'")
        return given

    monkeypatch.setattr(Text, "parse", parse)
    ran = CliRunner().invoke(lcgan, ["edit", "RUN"], input="".join(f"{line}\n" for line in lines))
    assert ran.exit_code == 1
    assert ran.stdout == "".join(f"{line.upper()}\n" for line in lines[:before])
    assert "Error: No sample: 'wrong'" in ran.stderr


def test_what_has_arrived_is_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        """Gives what was written at once, and then the next."""

        written = iter((b"\xef\xbb\xbfone\n", b"tw", b"o\nthree\nfo", b"ur\nfive\nsix\nseven\n", b"end", b""))

        def read1(self, size: int) -> bytes:
            return next(self.written)

    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=Pipe()))
    assert list(arriving_lines(3)) == [["one"], ["two", "three"], ["four", "five", "six"], ["seven"], ["end"]]
