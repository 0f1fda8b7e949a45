from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest
import torch
from conftest import QUICK_GAN, QUICKEST, Lcgan, LinearModel, sentences

from lcgan_core import RunConfig, Wish
from lcgan_core.constraints.from_labels import Labels
from lcgan_core.engine.networks import GanConfig
from lcgan_core.models.text_vae.latent_model import TextVaeModel
from lcgan_core.tools.curve import check_it_fits, subset


def test_a_curve_of_labels_and_its_continuation(tiny_model: Path, run_lcgan: Lcgan) -> None:
    texts = random.Random(0).sample(sorted(set(sentences())), 300)
    with Path("mine.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "value"), *((text, "bad" if "bad" in text else "other") for text in texts)])
    settings = ("--set", "keyword.words=bad", *QUICK_GAN, "--set", "gan.min_unique=0", "--set", "gan.max_drift=50")
    command = ("curve", "mine.csv", "--target", "bad", "--judge", "keyword", *settings, "--model", tiny_model)
    ran = run_lcgan(*command, "--sizes", "20,60", "--seeds", "2", "--samples", "100", "--json")
    assert ran.exit_code == 0, ran.output
    rows = json.loads(ran.stdout)["rows"]
    assert [(row["labels"], row["seed"]) for row in rows] == [(20, 0), (20, 1), (60, 0), (60, 1)]
    judged = {size: [row["judged"]["value"] for row in rows if row["labels"] == size] for size in (20, 60)}
    noise = TextVaeModel(tiny_model).decode(torch.randn(1000, 8, generator=torch.Generator().manual_seed(1)))
    by_chance = sum("bad" in text for text in noise) / 1000
    assert sum(judged[20] + judged[60]) / 4 > 1.2 * by_chance, "hardly trained, by few labels on a tiny model"
    for row in rows:
        low, high = row["judged"]["interval"]
        assert low <= row["judged"]["value"] <= high
    assert all(row["trust"]["labels"] == row["labels"] for row in rows)
    with Path("runs/curve/labels-60-seed-1.csv").open(encoding="utf-8") as file:
        chosen = list(csv.DictReader(file))
    assert len(chosen) == 60
    assert sum(float(row["value"]) for row in chosen) == 30
    assert all(("bad" in row["text"]) == (float(row["value"]) == 1) for row in chosen)
    assert "</svg>" in Path("runs/curve/curve.svg").read_text(encoding="utf-8")

    before = {path: path.stat().st_mtime_ns for path in Path("runs/curve").glob("*/result.json")}
    shown = run_lcgan(*command, "--sizes", "20,60", "--seeds", "2", "--samples", "100")
    assert "20 labels" in shown.stdout
    assert {path: path.stat().st_mtime_ns for path in Path("runs/curve").glob("*/result.json")} == before

    interrupted = Path("runs/curve/labels-20-seed-0/result.json")
    interrupted.unlink()
    again = run_lcgan(*command, "--sizes", "20,60", "--seeds", "2", "--samples", "100", "--json")
    assert json.loads(again.stdout)["rows"] == rows, again.output
    assert interrupted.is_file()

    assert "500 labels need 250 of each" in run_lcgan(*command, "--sizes", "500").stderr
    assert "expected numbers separated by commas" in run_lcgan(*command, "--sizes", "20;60").stderr


def label(file: str, wanted: str) -> None:
    with Path(file).open("w", encoding="utf-8", newline="") as content:
        rows = ((text, int(wanted in text)) for text in sentences()[:200])
        csv.writer(content).writerows([("text", "value"), *rows])


def begin(folder: Path, config: RunConfig) -> None:
    """What a killed curve leaves of its first run."""
    part = subset(Labels(file=Path("mine.csv")), 20, 0, folder)
    file = (folder / "labels-20-seed-0.csv").absolute()
    (folder / "labels-20-seed-0").mkdir(parents=True)
    file.write_bytes(part)
    wish = Wish(constraint="labels", options={"file": str(file)})
    config = config.model_copy(update={"constraints": (wish,)})
    (folder / "labels-20-seed-0/config.json").write_text(config.model_dump_json(), encoding="utf-8")
    check_it_fits(folder / "labels-20-seed-0", config, file, part, Labels(file=Path("mine.csv")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("other.csv",), "is of other labels than other.csv gives"),
        (("mine.csv", "--set", "gan.rounds=3"), "gan.rounds was 4, is 3"),
        (("mine.csv", "--model", "elsewhere"), "model was 'reviews', is 'elsewhere'"),
        (("mine.csv", "--samples", "50"), "samples was 1000, is 50"),
        (("edited.csv",), "is of other labels than edited.csv gives"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_curve_goes_on_only_as_it_began(run_lcgan: Lcgan, change: tuple[str, ...], message: str) -> None:
    label("mine.csv", "bad")
    label("other.csv", "good")
    flipped = Path("mine.csv").read_text(encoding="utf-8").replace(",1", ",2", 50).replace(",0", ",1", 50).replace(",2", ",0")
    Path("edited.csv").write_text(flipped, encoding="utf-8")
    config = RunConfig(constraints=(Wish(constraint="labels"),), samples=1000, gan=GanConfig(rounds=4))
    begin(Path("runs/curve"), config)
    before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    settings = () if "gan.rounds=3" in change else ("--set", "gan.rounds=4")
    ran = run_lcgan(
        "curve", *change, *settings, "--judge", "keyword", "--set", "keyword.words=bad", "--sizes", "20", "--seeds", "1"
    )
    assert ran.exit_code == 1
    assert message in ran.stderr
    assert "Give" in ran.stderr.splitlines()[-1] or "give another --out" in ran.stderr
    assert {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("linear_plugin")
@pytest.mark.parametrize("out", ["curve", "sub/../curve"])
def test_a_curve_goes_on_with_the_settings_of_its_model_and_wherever_it_is(
    run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    monkeypatch.setattr(LinearModel, "gan", QUICKEST.model_dump(exclude_unset=True))
    rows = "".join(f'"{place / 9},{place % 7}",{int(place > 29)}\n' for place in range(60))
    Path("mine.csv").write_text("text,value\n" + rows, encoding="utf-8")
    Path("sub").mkdir()
    command = ("curve", "mine.csv", "--judge", "half-space", "--model", "linear:2", "--samples", "10", "--out", out, "--json")
    first = run_lcgan(*command, "--sizes", "20", "--seeds", "1")
    assert first.exit_code == 0, first.output
    again = run_lcgan(*command, "--sizes", "20", "--seeds", "2")
    assert again.exit_code == 0, again.output
    assert [row["seed"] for row in json.loads(again.stdout)["rows"]] == [0, 1]
    other = run_lcgan(*command, "--sizes", "20", "--seeds", "1", "--set", "gan.rounds=2")
    assert "gan.rounds was 1, is 2" in other.stderr


def test_a_size_too_small_to_learn_from_is_refused_at_once(run_lcgan: Lcgan) -> None:
    label("mine.csv", "bad")
    ran = run_lcgan("curve", "mine.csv", "--judge", "keyword", "--set", "keyword.words=bad", "--sizes", "70,19")
    assert ran.exit_code == 1
    assert "19 labels are too few to learn from: 10 of each kind are needed" in ran.stderr
    assert not Path("runs").exists()
