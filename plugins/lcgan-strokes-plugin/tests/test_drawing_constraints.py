"""The constraints on drawings, their descriptions, and the reference that tells copies."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from lcgan_strokes_plugin.describing import DESCRIPTIONS, described
from lcgan_strokes_plugin.reference import Reference
from lcgan_strokes_plugin.rules import DrawingSymmetry, StrokeCount, WidthToHeight
from strokes_drawn import CROSS, DOT, HOOK, NOTHING, SQUARE, WIDE, drawn

from lcgan_core import LcganError
from lcgan_core.plugins.discovery import make_constraint
from lcgan_core.testing import ConstraintContract


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


def test_drawings_are_described_whatever_their_size() -> None:
    assert described([]).shape == (0, len(DESCRIPTIONS))
    told = described([WIDE, 7 * WIDE, HOOK, DOT, NOTHING])
    assert told.isfinite().all()
    assert told[0] == pytest.approx(told[1], abs=1e-5)
    named = dict(zip(DESCRIPTIONS, told[0].tolist(), strict=True))
    assert named["log of strokes"] == pytest.approx(np.log(2))
    assert named["log of width to height"] == pytest.approx(np.log(4))
    assert (named["share of lines that are level"], named["share of lines that are upright"]) == (1, 0)


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
