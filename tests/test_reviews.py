"""The model that ships: what the issue asked of it, measured again where the held-out data is at hand."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from lcgan_core.constraints.from_labels import logistic_regression, probability
from lcgan_core.models.text_vae.known_words import WORDS
from lcgan_core.models.text_vae.latent_model import EMBEDDED, TextVaeModel
from lcgan_core.models.text_vae.memory import MEMORY
from lcgan_core.models.text_vae.pretraining.measure import Measured, measure
from lcgan_core.sample_kinds.corpus import load_corpus

FOLDER = EMBEDDED / "reviews"
HELD_OUT = Path(__file__).parent.parent.parent / "shared" / "data" / "yelp" / "valid.csv.gz"


def test_it_fits_into_the_wheel_and_its_matrices_take_eight_or_sixteen_bits() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 45e6
    for weights in {*FOLDER.rglob("*.safetensors")} - {FOLDER / MEMORY, FOLDER / WORDS}:
        with safe_open(weights, framework="pt") as file:
            tensors = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118
            assert {tensor.dtype.itemsize for tensor in tensors if tensor.numel() > 20_000} <= {1, 2}, weights


def test_it_brings_latents_of_real_texts_but_not_the_texts() -> None:
    posteriors = TextVaeModel.load("reviews").real_posteriors()
    assert len(posteriors.mean) >= 10_000
    assert posteriors.mean.isfinite().all()
    assert (posteriors.std > 0).all()
    assert not [path for path in FOLDER.rglob("*") if path.suffix in (".txt", ".csv", ".gz", ".jsonl", ".parquet")]


def test_it_knows_how_much_of_real_text_comes_again() -> None:
    assert (FOLDER / MEMORY).stat().st_size < 7e6
    told = TextVaeModel.load("reviews").memory(["great food and great service !", "zzyzx the quondam ate of we twice twice"])
    assert told["remembered"].share == 0.5
    assert told["made_up_words"].share == 0.5
    assert 0 < (told["made_up_words"].expected or 0) < 0.01 < (told["remembered"].expected or 0) < 0.5


def test_its_measured_figures_reach_what_was_asked() -> None:
    measured = Measured.model_validate_json((FOLDER / "measured.json").read_text(encoding="utf-8"))
    assert measured.bleu >= 30
    assert measured.exact >= 0.2
    prior = measured.memory.prior
    assert prior["remembered"].share < (prior["remembered"].expected or 0)
    assert prior["made_up_words"].share <= 0.01
    assert measured.distinct_2.prior >= 0.7 * measured.distinct_2.real


@pytest.mark.skipif(not HELD_OUT.is_file(), reason="the held-out reviews are not here")
def test_its_measured_figures_are_what_it_measures() -> None:
    claimed = Measured.model_validate_json((FOLDER / "measured.json").read_text(encoding="utf-8"))
    found = measure(TextVaeModel.load("reviews"), load_corpus(HELD_OUT), seed=0, samples=claimed.texts)
    assert found.bleu == pytest.approx(claimed.bleu, abs=0.5)
    assert found.naturalness.prior == pytest.approx(claimed.naturalness.prior, abs=0.01)
    assert found.distinct_2.reconstruction == pytest.approx(claimed.distinct_2.reconstruction, abs=0.005)


@pytest.mark.skipif(not HELD_OUT.is_file(), reason="the held-out reviews are not here")
def test_seventy_labels_tell_what_a_text_means() -> None:
    with gzip.open(HELD_OUT, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    model, right = TextVaeModel.load("reviews"), 0.0
    features = model.features([row["text"] for row in rows])
    positive = torch.tensor([float(row["label"] == "positive") for row in rows])
    for seed in range(5):
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
        weights = logistic_regression(features[order[:70]], positive[order[:70]])
        told = probability(features[order[70:]], weights) >= 0.5
        right += float((told == (positive[order[70:]] == 1)).float().mean()) / 5
    assert right >= 0.87
