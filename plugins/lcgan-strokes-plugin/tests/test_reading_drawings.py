"""Reading drawings: SVG, QuickDraw and stroke-3, and what is none of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from lcgan_strokes_plugin.drawing import SIDE, lines_of, moves_of, simplified
from lcgan_strokes_plugin.reading import read_drawings
from lcgan_strokes_plugin.sample_kind import Drawings
from strokes_drawn import DOT, HOOK, SQUARE, WIDE, ladders, svg

from lcgan_core import LcganError, SampleError, Strokes
from lcgan_core.cli import lcgan


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(lcgan, [str(argument) for argument in arguments], prog_name="lcgan")


def points_of(path: Path) -> list[Any]:
    return [line.round(4).tolist() for line in lines_of(Drawings().parse(str(path)))]


def test_shapes_and_transforms_of_an_svg_are_read(tmp_path: Path) -> None:
    def read(*elements: str, **more: str) -> list[Any]:
        (tmp_path / "a.svg").write_text(svg(*elements, **more), encoding="utf-8")
        return points_of(tmp_path / "a.svg")

    assert read('<path d="M1 2L3,4 5-6l1 1H0v2z"/>') == [[[1, 2], [3, 4], [5, -6], [6, -5], [0, -5], [0, -3], [1, 2]]]
    assert read('<path d="m1 1 2 0m0 1.5.5.5"/>') == [[[1, 1], [3, 1]], [[3, 2.5], [3.5, 3]]]
    assert read('<path d="M1 1h1zl0 1"/>') == [[[1, 1], [2, 1], [1, 1]], [[1, 1], [1, 2]]]
    assert read('<line x1="1" y1="2" x2="3px" y2="4"/>', '<polygon points="0,0 1,0 1,1"/>') == [
        [[1, 2], [3, 4]],
        [[0, 0], [1, 0], [1, 1], [0, 0]],
    ]
    assert read('<rect x="1" y="1" width="2" height="3"/>')[0] == [[1, 1], [3, 1], [3, 4], [1, 4], [1, 1]]
    moved = '<g transform="translate(10 20) scale(2)"><path transform="rotate(90)" d="M0 0h1"/></g>'
    assert read(moved) == [[[10, 20], [10, 22]]]
    assert read('<path transform="rotate(180, 1, 1) matrix(1 0 0 1 0 0) skewX(0)" d="M0 0h1"/>') == [[[2, 2], [1, 2]]]
    (curve,) = read('<path d="M0 0C0 4 4 4 4 0S8-4 8 0"/>')
    assert curve[0] == [0, 0]
    assert [2, 3] in curve
    assert [6, -3] in curve
    assert curve[-1] == [8, 0]
    (parabola,) = read('<path d="M0 0q2 4 4 0t4 0"/>')
    assert [2, 2] in parabola
    assert [6, -2] in parabola
    for circle in ('<circle cx="5" cy="5" r="2"/>', '<path d="M7 5a2 2 0 11-4 0A2 2 0 1 1 7 5"/>'):
        (line,) = read(circle)
        assert np.linalg.norm(np.array(line) - 5, axis=1) == pytest.approx(2, abs=1e-3), circle
    (ellipse,) = read('<path d="M0 0A4 2 90 0 0 0 8"/>')
    assert min(x for x, _ in ellipse) == pytest.approx(-2, abs=1e-3)
    hidden = '<path stroke="none" d="M0 0h24v24H0z"/><g display="none"><path d="M0 0h5"/></g><defs><path d="M0 0h6"/></defs>'
    assert read(hidden, '<path style="stroke:red; fill:none" d="M0 0h1"/>') == [[[0, 0], [1, 0]]]
    doctype = '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C" "http://localhost:9/" [<!ATTLIST g k CDATA #IMPLIED>]>'
    assert read('<path d="M0 0h1"/>', head=doctype) == [[[0, 0], [1, 0]]], "the DTD of KanjiVG is not fetched"


def test_what_is_no_harmless_drawing_is_one_clear_line(tmp_path: Path) -> None:
    path = '<path d="M0 0h1"/>'
    files = {
        svg("<script>alert(1)</script>", path): "It has <script>, which is never followed",
        svg(path, attributes='onload="alert(1)"'): "It has a script (onload), which is never run",
        svg('<image href="http://localhost:9/a.png"/>', path): "It has <image>, which is never followed",
        svg('<a xmlns:xlink="x" xlink:href="http://localhost:9/">' + path + "</a>"): "It refers to 'http://localhost:9/'",
        svg(path, head='<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'): "It defines an entity (x)",
        svg(path, head='<?xml-stylesheet href="http://localhost:9/a.css"?>'): "It has an instruction (xml-stylesheet)",
        svg("<text>no lines</text>"): "It has no lines: no path, polyline",
        "<html/>": "It is <html>, not <svg>",
        "<svg><path": "It is not XML",
        svg('<path d="L1 1"/>'): "does not begin with M",
        svg('<path d="M0 0L1"/>'): "lacks a number at position 6",
        svg('<path d="M0 0h1 x"/>'): "lacks a number at position 7",
        svg('<path d="M0 0z 1"/>'): "has '1' where a command belongs",
        svg('<path transform="wobble(3)" d="M0 0h1"/>'): "transform wobble(3.0), which SVG does not know",
        svg('<path d="M0 0h1e999"/>'): "not finite",
    }
    for content, message in files.items():
        (tmp_path / "a.svg").write_text(content, encoding="utf-8")
        with pytest.raises(SampleError) as raised:
            Drawings().parse(str(tmp_path / "a.svg"))
        assert message in str(raised.value), content
        assert str(raised.value).startswith(str(tmp_path / "a.svg"))
        assert "\n" not in str(raised.value)


def test_files_of_drawings_are_read_back_as_they_were(tmp_path: Path) -> None:
    kind = Drawings()
    odd = [HOOK, DOT, np.random.default_rng(0).normal(0, 30, (40, 3)).astype(np.float32)]
    for drawing in [*ladders(10), *odd]:
        kind.write(drawing, tmp_path / "a.svg")
        assert kind.key(kind.parse(str(tmp_path / "a.svg"))) == kind.key(drawing)
    (tmp_path / "a.json").write_text("[[1, 2, 0], [3, 4, 1]]", encoding="utf-8")
    assert kind.parse(str(tmp_path / "a.json")).tolist() == [[1, 2, 0], [3, 4, 1]]


def test_drawings_are_simplified_and_fill_the_square() -> None:
    angles = np.linspace(0, 2 * np.pi, 200)
    circle = 1000 + 7 * np.stack([np.cos(angles), np.sin(angles)], 1)
    for tolerance, most in ((2, 40), (20, 10)):
        moves = moves_of([circle], tolerance)
        points = moves[:, :2].cumsum(0)
        assert 4 < len(moves) < most
        assert np.linalg.norm(points, axis=1) == pytest.approx(SIDE / 2, abs=2.5)
        assert (moves == moves.round()).all()
    wide = moves_of(lines_of(WIDE), 2.0)[:, :2].cumsum(0)
    assert (wide.max(0) - wide.min(0)).tolist() == pytest.approx([255, 64], abs=1), "the ratio stays"
    assert abs(wide.max(0) + wide.min(0)).max() <= 1, "in the middle"
    assert moves_of(lines_of(DOT), 2.0).tolist() == [[0, 0, 1]]
    tiny = moves_of([np.array([[5.0, 0], [5.001, 0]]), np.array([[0.0, 0], [10, 0]])], 2.0)
    assert tiny[:, 2].tolist() == [1, 0, 1], "a tiny line is a dot"
    assert len(moves_of([], 2.0)) == 0
    corner = np.array([[0.0, 0], [5, 0.1], [10, 0], [10, 10]])
    assert simplified(corner, 1.0).tolist() == [[0, 0], [10, 0], [10, 10]]
    again = moves_of(lines_of(moves_of([circle], 2)), 2)
    assert Strokes().closeness([again], [moves_of([circle], 2)])[0] > 0.97


def test_every_format_gives_the_same_drawings(tmp_path: Path) -> None:
    drawings = ladders(5)
    Drawings().save(drawings[:3], tmp_path / "folder")
    Drawings().save(drawings[3:], tmp_path / "folder" / "more")
    rows = [{"word": "ladder", "drawing": [line.T.tolist() for line in lines_of(one)]} for one in drawings]
    (tmp_path / "a.ndjson").write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    array = np.empty(5, object)
    array[:] = [one.astype(np.int16) for one in drawings]
    np.savez_compressed(tmp_path / "quickdraw.npz", train=array, test=array[:1])
    np.savez(tmp_path / "alike.npz", anything=np.stack(drawings[::5]))
    wanted = [moves_of(lines_of(one), 2.0).tolist() for one in drawings]
    for name in ("folder", "a.ndjson", "quickdraw.npz"):
        read = read_drawings(tmp_path / name, "train", 2.0, 100)
        assert [one.tolist() for one in read.drawings] == wanted, name
        assert read.too_long == 0
    assert read_drawings(tmp_path / "alike.npz", "train", 2.0, 100).drawings[0].tolist() == wanted[0]
    short = read_drawings(tmp_path / "folder", "train", 2.0, 5)
    assert (len(short.drawings), short.too_long) == (2, 3), "they have 2, 4, 6, 8 and 10 movements"


class Boom:
    """What a pickle that runs code holds."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def test_what_cannot_be_read_is_one_clear_line(call: Callable[..., Result]) -> None:
    good = '{"drawing": [[[0, 9], [0, 9]]]}'
    rows = {
        "word": '{"word": "cat"}',
        "cut": good[:-5],
        "lists": '{"drawing": [[0, 1]]}',
        "lengths": '{"drawing": [[[0, 9], [0]]]}',
        "empty": '{"drawing": []}',
        "infinite": '{"drawing": [[[0, 1e999], [0, 1]]]}',
        "number": "7",
    }
    for name, row in rows.items():
        Path(f"{name}.ndjson").write_text(f"{good}\n{row}\n", encoding="utf-8")
    Path("none.ndjson").write_text("\n", encoding="utf-8")
    Path("few.ndjson").write_text(f"{good}\n" * 9, encoding="utf-8")
    Path("bytes.ndjson").write_bytes(b"\xff\xfe\x00")
    Path("broken.npz").write_bytes(b"PK\3\4 not really")
    array = np.empty(2, object)
    array[:] = [Boom(), 1]
    np.savez("code.npz", train=array)
    array[:] = [SQUARE, SQUARE[:, :2]]
    np.savez("pairs.npz", train=array)
    np.savez("names.npz", x=SQUARE, y=SQUARE)
    for name in ("empty-folder", "one-bad"):
        Path(name).mkdir()
    Path("one-bad/a.svg").write_text(svg("<script/>"), encoding="utf-8")
    Drawings().save(ladders(50), Path("ladders"))
    messages = {
        "nowhere": "No drawings at nowhere. Give a folder of SVG files, an .ndjson file of QuickDraw",
        "empty-folder": "empty-folder contains no drawings: no file that ends in .svg",
        "one-bad": "one-bad/a.svg: It has <script>",
        "word.ndjson": "word.ndjson, line 2 is not a drawing: it has no 'drawing'. Expected: {\"drawing\": [[[x, ...], [y",
        "cut.ndjson": "cut.ndjson, line 2 is not a drawing",
        "lists.ndjson": "lists.ndjson, line 2 is not a drawing",
        "lengths.ndjson": "lengths.ndjson, line 2 is not a drawing",
        "empty.ndjson": "empty.ndjson, line 2 is not a drawing: no x and y for each point of each stroke",
        "infinite.ndjson": "infinite.ndjson, line 2 is not a drawing",
        "number.ndjson": "number.ndjson, line 2 is not a drawing",
        "none.ndjson": "none.ndjson contains no drawings",
        "few.ndjson": "few.ndjson has only 9 drawings of at most 200 movements; with fewer than 40, give held-out drawings by",
        "bytes.ndjson": "bytes.ndjson cannot be read",
        "broken.npz": "broken.npz cannot be read",
        "code.npz": "which is no array and might be code",
        "pairs.npz": "pairs.npz, train, drawing 2: ndarray is not a drawing",
        "names.npz": "names.npz has no array 'train'; it has x, y. Choose with --column",
    }
    for source, message in messages.items():
        ran = call("pretrain", source, "--kind", "sketch-rnn", "--out", "model")
        assert ran.exit_code == 1, source
        assert isinstance(ran.exception, SystemExit), source
        (line,) = (line for line in ran.stderr.splitlines() if line.startswith("Error: "))
        assert message in line, source
        assert not Path("model").exists(), source
    assert not Path("ran").exists(), "nothing in a pickle is run"
    ran = call("pretrain", "ladders", "--kind", "sketch-rnn", "--out", "model", "--set", "max_movements=1")
    assert "max_movements" in ran.stderr
    with pytest.raises(LcganError, match=r"All 50 drawings of ladders have more than 1 movements, the shortest 2\. Allow more"):
        read_drawings(Path("ladders"), "train", 2.0, 1)
