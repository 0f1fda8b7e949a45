"""Constraints on pictures: digits by a network and by neighbours, ink, symmetry, and any classifier of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from lcgan_images_plugin.classifier import ImageClassifier
from lcgan_images_plugin.digits import Digit
from lcgan_images_plugin.reference import Reference
from lcgan_images_plugin.rules import Ink, Symmetry
from lcgan_images_plugin.second_judge import DigitNeighbours
from PIL import Image
from toy_pictures import ONE, ZERO, bars, drawn, idx

from lcgan_core import LcganError
from lcgan_core.constraint import evaluate
from lcgan_core.plugins.discovery import make_constraint
from lcgan_core.testing import ConstraintContract


class TestOne(ConstraintContract):
    constraint = Digit
    options: ClassVar = {"digits": 1}
    satisfied = (ONE, Image.fromarray(ONE), drawn("line", (28, 10, 28, 46), 56), drawn("line", (15, 4, 12, 23)))
    violated = (ZERO, drawn("ring", (9, 6, 19, 21)))
    odd_samples = (np.zeros((28, 28), np.uint8), np.full((9, 90, 3), 200, np.uint8))


class TestZeroOrEight(ConstraintContract):
    constraint = Digit
    options: ClassVar = {"digits": "8, 0"}
    satisfied = (ZERO,)
    violated = (ONE,)


def test_digits_are_digits() -> None:
    assert make_constraint("digit", {"digits": "5,3,5"}) == Digit(digits=(3, 5))
    for wrong in ("10", "", "three", -1):
        with pytest.raises(LcganError, match=r"digit\.digits"):
            make_constraint("digit", {"digits": wrong})


@pytest.fixture
def options_of_neighbours(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    request.cls.options = {"data": str(labelled(tmp_path_factory.mktemp("data"))), "digits": "1"}


def labelled(folder: Path) -> Path:
    """MNIST's four files with zeros and ones in chance places."""
    for part, n in (("train", 60), ("t10k", 20)):
        chance = np.random.default_rng(n)
        shifts = [tuple(chance.integers(-2, 3, 2)) for _ in range(n)]
        pictures = [np.roll((ZERO, ONE)[i % 2], shift, (0, 1)) for i, shift in enumerate(shifts)]
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(np.stack(pictures)))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(n, dtype=np.uint8) % 2))
    return folder


@pytest.mark.usefixtures("options_of_neighbours")
class TestDigitNeighbours(ConstraintContract):
    constraint = DigitNeighbours
    satisfied = (ONE, drawn("line", (28, 10, 28, 46), 56))
    violated = (ZERO,)
    odd_samples = (np.zeros((9, 90, 3), np.uint8),)
    meaningless_options = ("data",)


def test_neighbours_are_trusted_by_held_out_pictures(tmp_path: Path) -> None:
    judge = make_constraint("digit-neighbours", {"data": str(labelled(tmp_path)), "digits": "0"})
    trust = judge.trust()
    assert trust is not None
    assert (trust.labels, trust.accuracy.value) == (60, 1)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"cut")
    with pytest.raises(LcganError, match=r"digit-neighbours\.data: .* is not an IDX file of labels"):
        judge.trust()
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(LcganError, match="cannot be read: No such file"):
        judge.trust()


def test_the_pictures_of_neighbours_are_not_read_for_every_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = make_constraint("digit-neighbours", {"data": str(labelled(tmp_path)), "digits": "0"})
    before = judge.fingerprint
    with monkeypatch.context() as patch:
        for reading in ("open", "read_bytes"):
            patch.setattr(Path, reading, pytest.fail)
        assert judge.fingerprint == before
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"other")
    assert judge.fingerprint != before


class TestLittleInk(ConstraintContract):
    constraint = Ink
    satisfied = (255 - ONE, np.full((30, 30, 3), 0.9))
    violated = (ONE, np.zeros((30, 30), np.uint8))
    odd_samples = (np.full((1, 1), 128, np.uint8),)


class TestLightInk(ConstraintContract):
    constraint = Ink
    options: ClassVar = {"colour": "light", "min_share": 0.05, "max_share": 0.1}
    satisfied = (ONE,)
    violated = (255 - ONE, np.zeros((28, 28), np.uint8))
    odd_samples = (ZERO,)


def test_ranges_are_in_order() -> None:
    with pytest.raises(LcganError, match=r"min_share .* is larger than max_share"):
        make_constraint("ink", {"min_share": 0.5, "max_share": 0.1})


class TestSymmetry(ConstraintContract):
    constraint = Symmetry
    satisfied = (ZERO, ONE)
    violated = (drawn("line", (3, 20, 14, 4)), bars(1)[0] * np.arange(28, dtype=np.uint8))
    odd_samples = (np.zeros((1, 1), np.uint8), np.zeros((9, 90, 3), np.uint8))


class TestHorizontalSymmetry(ConstraintContract):
    constraint = Symmetry
    options: ClassVar = {"axis": "horizontal"}
    satisfied = (ZERO,)
    violated = (drawn("line", (3, 20, 14, 4)),)


@pytest.fixture(scope="session")
def vision(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that anyone may have saved: an image classifier that tells light pictures from dark ones."""
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    sizes: dict[str, Any] = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    labels: dict[str, Any] = {"id2label": {0: "dark", 1: "light"}, "label2id": {"dark": 0, "light": 1}}
    folder = tmp_path_factory.mktemp("vision")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ViTForImageClassification(ViTConfig(image_size=32, patch_size=8, **sizes, **labels))
        light, dark = torch.ones(1, 3, 32, 32), -torch.ones(1, 3, 32, 32)
        adam = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(60):
            model(torch.cat([dark, light]), labels=torch.tensor([0, 1])).loss.backward()
            adam.step()
            adam.zero_grad()
    model.save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture
def options_of_vision(request: pytest.FixtureRequest, vision: Path) -> None:
    request.cls.options = {"model": str(vision), "label": "Light"}


@pytest.mark.usefixtures("options_of_vision")
class TestImageClassifier(ConstraintContract):
    constraint = ImageClassifier
    satisfied = (np.full((28, 28), 255, np.uint8), np.full((64, 50, 3), 1.0))
    violated = (np.zeros((28, 28), np.uint8), Image.new("RGB", (32, 32)))
    odd_samples = (np.zeros((1, 1), np.uint8), ONE)
    meaningless_options = ("model", "device", "pictures_per_batch")


def test_a_classifier_that_does_not_serve_is_told(vision: Path) -> None:
    with pytest.raises(LcganError, match="has no label 'grey'; its labels are dark, light"):
        evaluate(make_constraint("image-classifier", {"model": str(vision), "label": "grey"}), [ONE])
    with pytest.raises(LcganError, match=r"there is no folder \./none\. .*--set image-classifier\.model=FOLDER"):
        evaluate(make_constraint("image-classifier", {"model": "./none", "label": "x"}), [ONE])


def test_a_classifier_gives_the_features_of_the_report(vision: Path) -> None:
    pixels = bars(60)[..., None]
    reference = Reference.of(pixels[:50], pixels[50:], str(vision), 0)
    assert reference.feature_mean.shape == (2,)
    assert reference.frechet(np.full((20, 28, 28, 1), 255, np.uint8)) > reference.held_out
