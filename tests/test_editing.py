"""Edits of a user's own samples: on the linear model, where closeness is all or nothing, and on a little text VAE."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from conftest import QUICK_GAN, HalfSpace, Lcgan, LinearModel, Points, sentences

import lcgan_core.tools.editing as editing
from lcgan_core import LatentModel, RunConfig, RunError, Wish, load_run
from lcgan_core.cli import lcgan
from lcgan_core.engine.aggregate_posterior import AggregatePosterior
from lcgan_core.engine.labelling import Labeller
from lcgan_core.engine.networks import Actor, GanConfig
from lcgan_core.engine.samplers import Steering
from lcgan_core.plugins.discovery import load_latent_model
from lcgan_core.runs.finished import FinishedRun
from lcgan_core.tools.editing import NATURALNESS_WEIGHT, SURPRISAL_WEIGHT, Edit, edit, interpolate


class NearPoints(Points):
    """Closeness falls with the distance."""

    def closeness(self, before: Sequence[tuple[float, ...]], after: Sequence[tuple[float, ...]]) -> list[float]:
        return [1 / (1 + float((torch.tensor(a) - torch.tensor(b)).norm())) for a, b in zip(before, after, strict=True)]


class Near(LinearModel):
    """The encoder forgets what is far out."""

    sample_kind = NearPoints()

    def decode(self, z: torch.Tensor) -> list[tuple[float, ...]]:
        return [tuple(row) for row in (2 * z).clamp(-40, 40).tolist()]


class Shift(Actor):
    """Adds 4 to the first coordinate."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z + 4 * torch.eye(z.shape[1])[0]


@pytest.fixture
def finished() -> FinishedRun:
    model, config = Near(3), GanConfig()
    q = AggregatePosterior.of(model)
    steering = Steering(Labeller(model, {"half-space": HalfSpace()}), q, Shift(3, config), {}, config)
    return FinishedRun(RunConfig(constraints=(Wish(constraint="half-space"),)), model, steering)


def test_a_sample_moves_just_far_enough(finished: FinishedRun) -> None:
    (found,) = edit(finished, [(-0.5, 0.0, 0.0)])
    assert found.status == "edited"
    assert found.value == 1.0
    assert found.after[0] > 2
    assert found.after[0] < 5, "the smallest of the moves is enough"
    assert found.closeness == pytest.approx(NearPoints().closeness([found.before], [found.after])[0])
    assert found.candidates
    assert found.after not in found.candidates


def test_strength_trades_closeness_for_the_wish(finished: FinishedRun) -> None:
    far = (-5.0, 0.0, 0.0)
    close, wished = (edit(finished, [far], strength)[0] for strength in (0.0, 1.0))
    assert close.status == "missed"
    assert wished.status == "edited"
    assert close.closeness > wished.closeness
    assert close.value < wished.value
    with pytest.raises(RunError, match=r"strength 1.5 is not in .0, 1."):
        edit(finished, [far], 1.5)


def test_what_satisfies_stays_and_what_is_not_known_is_said_to(finished: FinishedRun) -> None:
    kept, unknown, missed = edit(finished, [(7.0, 1.0, 1.0), (0.0, 900.0, 0.0), (-39.0, 0.0, 0.0)])
    assert (kept.status, kept.after) == ("kept", (7.0, 1.0, 1.0))
    assert (unknown.status, unknown.after) == ("unknown", (0.0, 40.0, 0.0))
    assert missed.status == "missed"
    assert edit(finished, []) == []


class Fussy(Near):
    """Finds natural what lies beyond 6, and nothing nearer."""

    def naturalness(self, samples: Sequence[tuple[float, ...]]) -> torch.Tensor:
        return torch.tensor([0.8 * float(abs(sample[0]) > 6) for sample in samples])


def test_an_edit_is_as_natural_as_its_closeness_allows(finished: FinishedRun) -> None:
    (close,) = edit(finished, [(-0.5, 0.0, 0.0)])
    (natural,) = edit(dataclasses.replace(finished, model=Fussy(3)), [(-0.5, 0.0, 0.0)])
    assert close.after[0] < 6 < natural.after[0]
    assert natural.status == "edited"
    assert natural.closeness <= close.closeness
    (kept_near,) = edit(dataclasses.replace(finished, model=Fussy(3)), [(-0.5, 0.0, 0.0)], strength=0.0)
    assert kept_near.closeness + 0.7 < 1, "naturalness is worth less than all of the closeness"


def test_edits_are_the_same_whatever_stands_beside_them(finished: FinishedRun) -> None:
    samples = [(-0.5, 0.0, 0.0), (0.5, 1.0, 0.0)]
    assert edit(finished, samples) == edit(finished, samples)
    assert edit(finished, samples)[0].status == edit(finished, samples[:1])[0].status


def test_the_way_between_two_samples(finished: FinishedRun) -> None:
    way = interpolate(finished, (0.0, 0.0, 0.0), (6.0, 2.0, 0.0), 4)
    assert [sample for sample, _ in way] == [
        pytest.approx(sample) for sample in [(0, 0, 0), (2, 2 / 3, 0), (4, 4 / 3, 0), (6, 2, 0)]
    ]
    assert [value for _, value in way] == [0, 0, 1, 1]


@pytest.fixture(scope="module")
def run_folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the little language that wants the word cold."""
    folder = tmp_path_factory.mktemp("edit") / "run"
    options = ("--constraint", "keyword", "--set", "keyword.words=cold", "--out", str(folder), "--samples", "50")
    arguments = [
        "run",
        "--model",
        str(tiny_model),
        *options,
        *QUICK_GAN,
        "--set",
        "gan.rounds=5",
        "--set",
        "gan.distance_weight=0.03",
        "--set",
        "gan.max_drift=50",
        "--set",
        "gan.min_unique=0",
    ]
    ran = CliRunner().invoke(lcgan, arguments, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return folder


def test_texts_are_edited_from_the_command_line(run_folder: Path, run_lcgan: Lcgan) -> None:
    texts = [text for text in sentences() if " and " in text and "cold" not in text][:40]
    ran = run_lcgan("edit", run_folder, *texts, "the soup was cold .", "--json", "--candidates", "2", "--strength", "0.9")
    assert ran.exit_code == 0, ran.output
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [row["before"] for row in found] == [*texts, "the soup was cold ."]
    assert found[-1]["status"] == "kept"
    assert found[-1]["after"] == "the soup was cold ."
    edited = [row for row in found if row["status"] == "edited"]
    assert len(edited) >= 10
    assert all("cold" in row["after"].split() for row in edited)
    assert sum(row["closeness"] for row in edited) / len(edited) > 0.3
    assert all(len(row["candidates"]) <= 2 for row in found)


def merit(model: LatentModel[str], found: Edit) -> float:
    natural, surprisal = model.naturalness([found.after]), model.added_surprisal([found.before], [found.after])
    assert natural is not None
    assert surprisal is not None
    return found.closeness + NATURALNESS_WEIGHT * float(natural) - SURPRISAL_WEIGHT * float(surprisal)


def test_changes_that_the_wish_does_not_need_are_left_out(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, texts = load_run(run_folder), [text for text in sentences() if "cold" not in text][:60]
    finer = edit(run, texts)
    monkeypatch.setattr(editing, "MIXED", 0)
    coarse = edit(run, texts)
    pairs = [(a, b) for a, b in zip(finer, coarse, strict=True) if a.status == b.status == "edited"]
    merits = [merit(run.model, a) - merit(run.model, b) for a, b in pairs]
    assert len(merits) > 20
    assert min(merits) > -1e-6, "mixtures are further candidates"
    assert sum(more > 0 for more in merits) >= 3
    assert all(found.value >= 0.9 for found in finer if found.status == "edited")
    assert all(len(set(found.candidates) | {found.after}) == 1 + len(found.candidates) for found in finer if found.candidates)


def test_texts_come_from_the_standard_input_too(run_folder: Path) -> None:
    ran = CliRunner().invoke(lcgan, ["edit", str(run_folder)], input="the soup was cold .\n\nqqq zzz xxx vvv www\n")
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.splitlines()[:2] == ["the soup was cold .", ""]
    assert len(ran.stdout.splitlines()) == 3
    assert "the model can represent it only as shown: qqq zzz" in ran.stderr


def test_the_way_on_the_command_line(run_folder: Path, run_lcgan: Lcgan) -> None:
    ran = run_lcgan("interpolate", run_folder, "the soup was cold .", "the bread was great .", "--steps", "5")
    assert ran.exit_code == 0, ran.output
    assert len(ran.stdout.splitlines()) == 5
    first, *_, last = ran.stdout.splitlines()
    assert first.partition("  ")[2].startswith("the soup was")
    assert last == "0.00  the bread was great ."
    assert len(load_run(run_folder).sample(3)) == 3


def test_decoding_near_a_text_keeps_more_of_it_the_stronger_the_pull(tiny_model: Path) -> None:
    model = load_latent_model(str(tiny_model))
    texts = sentences()[:100]
    z = model.encode(texts[::-1]).mean
    near = [model.decode_near(z, texts, torch.full((100,), pull)) for pull in (0.0, 2.0, 8.0)]
    kept = [sum(model.sample_kind.closeness(texts, found)) for found in near]
    assert kept[0] < kept[1] < kept[2]
    assert model.decode_near(z, texts, torch.zeros(100)) == model.decode(z)
    assert model.decode_near(z[:0], [], torch.zeros(0)) == []
