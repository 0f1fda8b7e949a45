"""Reading drawings, training a Sketch-RNN in seconds, the model that ships, and the constraints."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from lcgan_strokes_plugin.describing import DESCRIPTIONS, described
from lcgan_strokes_plugin.drawing import SIDE, lines_of, moves_of, simplified
from lcgan_strokes_plugin.latent_model import SHIPPED, SketchRnnModel
from lcgan_strokes_plugin.modeling import SketchRnn, SketchRnnConfig, log_density, varied
from lcgan_strokes_plugin.reading import read_drawings
from lcgan_strokes_plugin.recipe import SketchRnnRecipe
from lcgan_strokes_plugin.reference import Reference
from lcgan_strokes_plugin.rules import DrawingSymmetry, StrokeCount, WidthToHeight
from lcgan_strokes_plugin.sample_kind import Drawings
from lcgan_strokes_plugin.training import SimilarLengths, padded

from lcgan_core import LcganError, SampleError, Strokes
from lcgan_core.cli import lcgan
from lcgan_core.plugins.discovery import make_constraint, recipe_class
from lcgan_core.support.manifest import write_manifest
from lcgan_core.testing import ConstraintContract, LatentModelContract

SETTINGS = (
    "encoder_size=8",
    "decoder_size=16",
    "latent_size=4",
    "components=2",
    "epochs=2",
    "batch_size=20",
    "latents=50",
    "max_movements=30",
)
TINY = [argument for setting in SETTINGS for argument in ("--set", setting)]


def drawn(*lines: Sequence[tuple[float, float]]) -> Any:
    """A drawing of lines through the given points, not scaled."""
    points = np.array([point for line in lines for point in line], np.float32)
    moves = np.zeros((len(points), 3), np.float32)
    moves[:, :2] = np.diff(points, axis=0, prepend=np.float32(0))
    moves[np.cumsum([len(line) for line in lines]) - 1, 2] = 1
    return moves


SQUARE = drawn([(0, 0), (9, 0), (9, 9), (0, 9), (0, 0)])
CROSS = drawn([(0, 5), (10, 5)], [(5, 0), (5, 10)])
WIDE = drawn([(0, 0), (20, 0)], [(0, 5), (20, 5)])
HOOK = drawn([(0, 0), (0, 10), (4, 10)])
DOT = drawn([(3, 3)])
NOTHING = np.zeros((0, 3), np.float32)


def ladders(n: int = 60) -> list[Any]:
    """Drawings of one to five lines of chance lengths."""
    chance = np.random.default_rng(0)
    return [
        drawn(*([(0.0, 10.0 * row), (float(chance.integers(20, 60)), 10.0 * row)] for row in range(1 + number % 5)))
        for number in range(n)
    ]


def svg(*elements: str, head: str = "", attributes: str = "") -> str:
    inside = "".join(elements)
    return f'{head}<svg xmlns="http://www.w3.org/2000/svg" stroke="black" fill="none" {attributes}>{inside}</svg>'


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(lcgan, [str(argument) for argument in arguments], prog_name="lcgan")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder made by ``lcgan pretrain`` in seconds."""
    folder = tmp_path_factory.mktemp("drawings")
    Drawings().save(ladders(), folder / "ladders")
    long = drawn(*([(0, row), (9, row)] for row in range(20)))
    Drawings().write(long, folder / "ladders" / "long.svg")
    line = ["pretrain", str(folder / "ladders"), "--kind", "sketch-rnn", "--out", str(folder / "model"), *TINY]
    ran = CliRunner().invoke(lcgan, line, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    (folder / "shown.txt").write_text(ran.stdout, encoding="utf-8")
    return folder / "model"


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
        "few.ndjson": "few.ndjson has only 9 drawings of at most 30 movements; with fewer than 40, give held-out drawings by",
        "bytes.ndjson": "bytes.ndjson cannot be read",
        "broken.npz": "broken.npz cannot be read",
        "code.npz": "which is no array and might be code",
        "pairs.npz": "pairs.npz, train, drawing 2: ndarray is not a drawing",
        "names.npz": "names.npz has no array 'train'; it has x, y. Choose with --column",
    }
    for source, message in messages.items():
        ran = call("pretrain", source, "--kind", "sketch-rnn", "--out", "model", *TINY)
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


def test_a_model_folder_is_whole_and_measured(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == [
        "README.md",
        "config.json",
        "latents.safetensors",
        "manifest.json",
        "measured.json",
        "model.safetensors",
        "pretrain.json",
        "reference.safetensors",
    ]
    measured = json.loads((trained / "measured.json").read_text(encoding="utf-8"))
    assert (measured["drawings"], measured["trained_on"], measured["too_long"]) == (3, 57, 1)
    assert 0 <= measured["overlap"] <= 1
    assert measured["kl"] > 0
    assert set(measured["sets"]) == {"real", "reconstruction", "posterior", "prior"}
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert f"{measured['overlap']:.3f}" in card
    assert "1 drawings were left out because they have more than 30 movements" in card
    assert "--kind sketch-rnn --set max_movements=30" in card
    shown = (trained.parent / "shown.txt").read_text(encoding="utf-8")
    assert f"sketch-rnn:{trained}" in shown.replace("\n", "")
    assert "1 drawings have more than 30 movements, and were left out." in shown
    assert len(SketchRnnModel(trained).real_posteriors().mean) == 50


def test_training_resumes_where_it_was_killed(
    trained: Path, call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("pretrain", trained.parent / "ladders", "--kind", "sketch-rnn", *TINY, "--out", "model")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Reference, "of", die)
        killed = call(*line)
    assert killed.exit_code == 1
    assert "Resume with: lcgan pretrain --resume model" in killed.stderr
    weights = Path("model/model.safetensors").read_bytes()
    refused = call(*line)
    assert "model is not empty. Give another --out, or go on with an unfinished model by --resume model" in refused.stderr
    ran = call("pretrain", "--resume", "model", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["latent_dim"] == 4
    assert Path("model/model.safetensors").read_bytes() == weights == (trained / "model.safetensors").read_bytes()
    assert not Path("model/checkpoints").exists()


def test_the_recipe_is_listed(call: Callable[..., Result]) -> None:
    assert recipe_class("sketch-rnn") is SketchRnnRecipe
    listed = call("pretrain", "--recipe", "--kind", "sketch-rnn").stdout
    assert all(name in listed for name in SketchRnnRecipe.model_fields)


def network(**sizes: Any) -> SketchRnn:
    torch.manual_seed(0)
    small = {"encoder_size": 8, "decoder_size": 16, "latent_size": 4, "components": 3, "max_movements": 12}
    return SketchRnn(SketchRnnConfig(**(small | sizes)))


def test_the_density_of_a_movement_integrates_to_one() -> None:
    side = torch.linspace(-6, 6, 241)
    moved = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    outputs = torch.randn(1, 3 * 9, generator=torch.Generator().manual_seed(0))
    mixture = network().mixture(outputs.expand(len(moved), -1))
    total = sum(
        float(log_density(mixture, moved, torch.full((len(moved),), state)).exp().sum()) * float(side[1] - side[0]) ** 2
        for state in range(3)
    )
    assert total == pytest.approx(1, abs=0.01)


def test_padding_changes_nothing() -> None:
    net = network().train(False)
    moves = [torch.from_numpy(moves_of(lines_of(one), 2.0)) for one in (SQUARE, CROSS, DOT)]
    batch = padded(moves)
    z = torch.randn(3, 4)
    together = net.negative_log_likelihood(batch["moves"], batch["lengths"], z)
    mean, _ = net.encode(batch["moves"], batch["lengths"])
    for row, one in enumerate(moves):
        alone = padded([one])
        assert torch.allclose(net.negative_log_likelihood(alone["moves"], alone["lengths"], z[[row]]), together[row], atol=1e-4)
        assert torch.allclose(net.encode(alone["moves"], alone["lengths"])[0][0], mean[row], atol=1e-5)


def test_a_standardised_latent_is_decoded_as_before() -> None:
    net = network().train(False).requires_grad_(False)
    batch = padded([torch.from_numpy(moves_of(lines_of(one), 2.0)) for one in (SQUARE, CROSS, DOT)])
    mean, log_std = net.encode(**batch)
    drawn_before = net.draw(mean)
    shift, scale = torch.tensor([0.5, -1.0, 0.0, 2.0]), torch.tensor([0.5, 2.0, 1.0, 0.3])
    net.standardise(shift, scale)
    now, log_std_now = net.encode(**batch)
    assert torch.allclose(now, (mean - shift) / scale, atol=1e-5)
    assert torch.allclose(log_std_now.exp(), log_std.exp() / scale, atol=1e-5)
    assert [one.tolist() for one in net.draw(now)] == [one.tolist() for one in drawn_before]


def test_varied_drawings_fill_the_square_again() -> None:
    batch = padded([torch.from_numpy(moves_of(lines_of(one), 2.0)) for one in (SQUARE, WIDE, DOT)])
    torch.manual_seed(0)
    turned = varied(**batch)
    assert (turned[..., 2] == batch["moves"][..., 2]).all()
    for row, length in enumerate(batch["lengths"].tolist()):
        points = turned[row, :length, :2].cumsum(0)
        extent = float((points.amax(0) - points.amin(0)).max())
        assert extent == pytest.approx(0 if length == 1 else SIDE, abs=0.1)
    assert not torch.allclose(turned[0], batch["moves"][0])


def test_batches_have_similar_lengths_and_every_row_once() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 330).tolist()
    torch.manual_seed(0)
    rows = list(SimilarLengths(lengths, 10))
    assert sorted(rows) == list(range(330))
    spans = [np.ptp([lengths[row] for row in rows[at : at + 10]]) for at in range(0, 320, 10)]
    assert np.mean(spans) < 20
    assert rows != list(SimilarLengths(lengths, 10))


def test_temperature_adds_chance_that_depends_on_z_alone(trained: Path) -> None:
    model = SketchRnnModel(trained)
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    plain, hot = model.decode(z), model.draw(z, 1.0)
    assert [model.sample_kind.key(one) for one in plain] == [model.sample_kind.key(one) for one in model.draw(z, 0.0)]
    assert [one.tolist() for one in model.draw(z.flip(0), 1.0)[::-1]] == [one.tolist() for one in hot]
    assert [one.tolist() for one in hot] != [one.tolist() for one in plain]
    assert all(len(one) <= 30 and one[-1, 2] == 1 for one in (*plain, *hot))


@pytest.fixture
def source_of_trained(request: pytest.FixtureRequest, trained: Path) -> None:
    request.cls.source = str(trained)


@pytest.mark.usefixtures("source_of_trained")
class TestTrainedModel(LatentModelContract):
    model = SketchRnnModel
    odd_samples = (NOTHING, DOT, 1e6 * SQUARE, torch.tensor([[1.0, 2.0, 0.0]]), [[0, 0, 1], [1, 1, 1]])

    def take_for_whole(self, changed: Path) -> None:
        write_manifest(changed)


class TestShippedModel(LatentModelContract):
    model = SketchRnnModel
    source = "kanji"
    samples = (SQUARE, CROSS)
    odd_samples = (NOTHING, DOT)

    def take_for_whole(self, changed: Path) -> None:
        write_manifest(changed)


def test_the_shipped_model_is_small_and_draws_what_it_read() -> None:
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) < 8e6
    measured = json.loads((SHIPPED / "kanji" / "measured.json").read_text(encoding="utf-8"))
    assert measured["too_long"] == 0
    assert measured["sets"]["reconstruction"]["strokes"] == pytest.approx(measured["sets"]["real"]["strokes"], rel=0.1)
    for file in (SHIPPED / "kanji" / "README.md", SHIPPED.parents[1] / "LICENSE-KanjiVG"):
        assert "Ulrich Apel" in file.read_text(encoding="utf-8")
    model = SketchRnnModel.load("kanji")
    field = drawn([(0, 0), (0, 10)], [(0, 0), (10, 0), (10, 10)], [(5, 0), (5, 10)], [(0, 5), (10, 5)], [(0, 10), (10, 10)])
    assert min(model.sample_kind.closeness([field], model.decode(model.encode([field]).mean))) > 0.8
    with pytest.raises(LcganError, match=r"neither one that ships \(kanji\) nor a folder"):
        SketchRnnModel.load("kanij")


def test_drawings_are_described_whatever_their_size() -> None:
    assert described([]).shape == (0, len(DESCRIPTIONS))
    told = described([WIDE, 7 * WIDE, HOOK, DOT, NOTHING])
    assert told.isfinite().all()
    assert told[0] == pytest.approx(told[1], abs=1e-5)
    named = dict(zip(DESCRIPTIONS, told[0].tolist(), strict=True))
    assert named["log of strokes"] == pytest.approx(np.log(2))
    assert named["log of width to height"] == pytest.approx(np.log(4))
    assert (named["share of lines that are level"], named["share of lines that are upright"]) == (1, 0)


def test_a_drawing_that_is_too_long_is_not_cut(trained: Path) -> None:
    long = drawn(*([(0, row), (9, row)] for row in range(20)))
    with pytest.raises(SampleError, match=r"has 40 movements when it is simplified, more than the 30 that this model knows"):
        SketchRnnModel(trained).encode([long])


def test_a_damaged_folder_is_told(trained: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(trained, tmp_path / "copy"))
    (copy / "model.safetensors").write_bytes((trained / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(LcganError, match=r"model\.safetensors is not as lcgan pretrain wrote it"):
        SketchRnnModel(copy)
    write_manifest(copy)
    with pytest.raises(LcganError, match="is incomplete or damaged: SafetensorError"):
        SketchRnnModel(copy)


def test_copies_of_training_drawings_are_told_from_new_ones(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    drawings = [drawn(*chance.uniform(0, 100, (4, 3, 2)).tolist()) for _ in range(200)]
    reference = Reference.of(drawings[:150], drawings[150:])
    assert reference.near_copies(drawings[:100]).share == 1
    assert reference.near_copies(drawings[150:]).share == pytest.approx(0.05, abs=0.03)
    reference.save(tmp_path / "r.safetensors")
    again = Reference.load(tmp_path / "r.safetensors")
    assert again.frechet(drawings[150:]) == pytest.approx(reference.frechet(drawings[150:]))
    assert again.frechet([SQUARE] * 9) > again.frechet(drawings[150:])
    assert again.distances([NOTHING, DOT]).isfinite().all()


class TestFewStrokes(ConstraintContract):
    constraint = StrokeCount
    options: ClassVar = {"min_strokes": 2, "max_strokes": 3}
    satisfied = (CROSS, WIDE, torch.from_numpy(CROSS))
    violated = (SQUARE, DOT)
    odd_samples = (NOTHING,)


class TestSymmetric(ConstraintContract):
    constraint = DrawingSymmetry
    satisfied = (SQUARE, CROSS, WIDE, DOT)
    violated = (HOOK,)
    odd_samples = (NOTHING,)


class TestSymmetricUpsideDown(ConstraintContract):
    constraint = DrawingSymmetry
    options: ClassVar = {"axis": "horizontal"}
    satisfied = (SQUARE, drawn([(5, 0), (0, 5), (5, 10)]))
    violated = (HOOK, drawn([(0, 0), (10, 0), (5, 10), (5, 20)]))


class TestWide(ConstraintContract):
    constraint = WidthToHeight
    satisfied = (WIDE, drawn([(0, 0), (5, 0)]))
    violated = (SQUARE, HOOK, DOT)
    odd_samples = (NOTHING,)


class TestTallButNotTooTall(ConstraintContract):
    constraint = WidthToHeight
    options: ClassVar = {"min_ratio": 0.3, "max_ratio": 0.5}
    satisfied = (HOOK,)
    violated = (WIDE, SQUARE, drawn([(0, 0), (0, 5)]))


def test_ranges_are_in_order() -> None:
    for name, options in (
        ("stroke-count", {"min_strokes": 7, "max_strokes": 2}),
        ("width-to-height", {"min_ratio": 2, "max_ratio": 1}),
    ):
        with pytest.raises(LcganError, match=r"min_\w+ .* is larger than max_"):
            make_constraint(name, options)
