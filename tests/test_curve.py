from __future__ import annotations

import csv
import json
import random
from pathlib import Path

from conftest import QUICK_GAN, Lcgan, sentences


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
    assert sum(judged[60]) > 0.4, "from noise, and hardly trained"
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
    assert "expected numbers with commas" in run_lcgan(*command, "--sizes", "20;60").stderr
