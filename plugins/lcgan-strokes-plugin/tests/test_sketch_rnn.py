"""Training a Sketch-RNN in seconds, its network, and the model that ships."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from lcgan_strokes_plugin.describing import DESCRIPTIONS, quantiles_of, ranked
from lcgan_strokes_plugin.drawing import SIDE, lines_of, moves_of
from lcgan_strokes_plugin.latent_model import SHIPPED, SketchRnnModel, encode_drawings
from lcgan_strokes_plugin.modeling import (
    DOWN,
    ENDED,
    STROKES_SPREAD,
    TEN,
    Mixture,
    SketchRnn,
    SketchRnnConfig,
    counted,
    log_density,
    varied,
)
from lcgan_strokes_plugin.recipe import SketchRnnRecipe
from lcgan_strokes_plugin.reference import Reference
from lcgan_strokes_plugin.sample_kind import Drawings
from lcgan_strokes_plugin.training import SimilarLengths, padded
from strokes_drawn import CROSS, DOT, NOTHING, SQUARE, WIDE, drawn, ladders

from lcgan_core import LcganError, SampleError
from lcgan_core.cli import lcgan
from lcgan_core.engine.whitening import whiten
from lcgan_core.plugins.discovery import recipe_class
from lcgan_core.support.manifest import write_manifest
from lcgan_core.testing import LatentModelContract

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


def test_drawing_goes_by_what_training_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(max_movements=9).train(False).requires_grad_(False)
    seen: list[Mixture] = []
    told = net.mixture

    def watched(outputs: torch.Tensor) -> Mixture:
        seen.append(told(outputs))
        return seen[-1]

    monkeypatch.setattr(net, "mixture", watched)
    z = torch.randn(1, 4, generator=torch.Generator().manual_seed(3))
    for seed in range(100):
        seen.clear()
        (moves,) = net.draw(z, 1.0, [torch.Generator().manual_seed(seed)])
        if moves[:-2, 2].any():  # a stroke ends before the drawing does
            break
    else:
        pytest.fail("no drawing of two strokes")
    each, seen[:] = list(seen), []
    net.negative_log_likelihood(moves[None], torch.tensor([len(moves)]), z)
    for name in ("mean", "log_weight", "log_pen"):
        steps = torch.cat([getattr(mixture, name) for mixture in each])
        assert torch.allclose(steps, getattr(seen[0], name)[0], atol=1e-5), name


def test_z_learns_the_number_of_strokes() -> None:
    net = network(latent_size=2).train(False)
    batch = padded([torch.from_numpy(moves_of(lines_of(one), 2.0)) for one in (SQUARE, CROSS, DOT)])
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(400):
        optimizer.zero_grad()
        net(**batch)["loss"].backward()
        optimizer.step()
    told = TEN * net.to_strokes(net.encode(**batch)[0])[:, 0]
    assert torch.allclose(told, batch["moves"][..., 2].sum(1), atol=STROKES_SPREAD)


def test_a_whitened_latent_is_decoded_as_before() -> None:
    net = network(latent_size=2).train(False).requires_grad_(False)
    drawings = [moves_of(lines_of(one), 2.0) for one in (*ladders(), SQUARE, CROSS, DOT)]
    net.posterior.weight[:2] *= 20  # far from N(0, I)
    before = encode_drawings(net, drawings)
    drawn_before, strokes_before = net.draw(before.mean), net.to_strokes(before.mean)
    whiten(before, net.posterior, net.readers())
    after = encode_drawings(net, drawings)
    covariance = torch.cov(after.mean.T) + after.std.square().mean(0).diag()
    assert torch.allclose(covariance, torch.eye(2), atol=0.2)
    assert not torch.allclose(after.mean, before.mean, atol=0.2)
    assert torch.allclose(net.to_strokes(after.mean), strokes_before, atol=1e-3)
    same = [one.tolist() == other.tolist() for one, other in zip(net.draw(after.mean), drawn_before, strict=True)]
    assert np.mean(same) > 0.9


def test_ranks_are_spread_evenly_and_have_ends() -> None:
    known = torch.randn(1000, len(DESCRIPTIONS), generator=torch.Generator().manual_seed(0)).exp()  # far from evenly spread
    known[:, 1] = 5.0  # what is the same in all drawings
    ranks = ranked(known, quantiles_of(known))
    assert torch.allclose(ranks[:, 0].std(), torch.tensor(1.0), atol=0.01)
    assert torch.allclose(ranks.mean(0), torch.zeros(len(DESCRIPTIONS)), atol=0.01)
    assert (ranks[known[:, 0].argsort(), 0].diff() >= 0).all()
    assert ranks[:, 1].abs().max() < 1e-6
    far = ranked(torch.tensor([[-1e9] * len(DESCRIPTIONS), [1e9] * len(DESCRIPTIONS)]), quantiles_of(known))
    assert torch.allclose(far, torch.tensor([[-1.0], [1.0]]) * 3**0.5)


def test_a_drawing_ends_where_z_says_and_movements_agree() -> None:
    net = network().requires_grad_(False)
    mixture = net.mixture(torch.randn(3, 3 * 9, generator=torch.Generator().manual_seed(0)))
    found = counted(mixture, torch.tensor([2.0, 5.0, 30.0]), torch.full((3,), 5.0))
    assert torch.allclose(found.log_pen.exp().sum(-1), torch.ones(3, 3))
    assert torch.equal(found.log_pen[..., DOWN], mixture.log_pen[..., DOWN]), "whether a stroke ends is left to the movements"
    more_likely = (found.log_pen[..., ENDED] - mixture.log_pen[..., ENDED]).amax(1)
    assert more_likely[0] < -1, "far too early"
    assert more_likely[2] > 0, "far too late"


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
    source = str(SHIPPED / "kanji")
    samples = (SQUARE, CROSS)
    odd_samples = (NOTHING, DOT)

    def take_for_whole(self, changed: Path) -> None:
        write_manifest(changed)


def test_the_shipped_model_is_small_and_draws_what_it_read() -> None:
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) < 8e6
    measured = json.loads((SHIPPED / "kanji" / "measured.json").read_text(encoding="utf-8"))
    assert measured["too_long"] == 0
    assert measured["overlap"] > 0.8
    assert measured["sets"]["reconstruction"]["strokes"] == pytest.approx(measured["sets"]["real"]["strokes"], rel=0.1)
    for file in (SHIPPED / "kanji" / "README.md", SHIPPED.parents[1] / "LICENSE-KanjiVG"):
        assert "Ulrich Apel" in file.read_text(encoding="utf-8")
    model = SketchRnnModel.load("kanji")
    known = model.decode(model.real_posteriors().mean[:50])
    again = model.decode(model.encode(known).mean)
    assert np.mean(model.sample_kind.closeness(known, again)) > 0.75
    with pytest.raises(LcganError, match=r"neither one that ships \(kanji\) nor a folder"):
        SketchRnnModel.load("kanij")


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
