"""The benchmarks: keys are pressed, runs are trained, judged and edited, on a little language."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conftest import QUICK_GAN, sentences

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def script(folder: Path, name: str, *arguments: str | Path) -> str:
    ran = subprocess.run(
        [sys.executable, BENCHMARKS / name, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_questions_are_answered_from_gold_labels_and_edits_judged(tiny_model: Path, tmp_path: Path) -> None:
    gold = {text: "positive" if text.split()[1] in ("food", "waiter", "soup") else "negative" for text in sentences()}
    rows = "".join(f"{text},{label}\n" for text, label in gold.items())
    (tmp_path / "gold.csv").write_text("text,label\n" + rows, encoding="utf-8")
    loose = ("--set", "gan.max_drift=1000", "--set", "gan.min_unique=0")
    asked = ("--judge-from", "gold.csv", "-n", "30", "--seeds", "1", "--model", tiny_model, "--out", "active")
    shown = script(tmp_path, "active_labels.py", "gold.csv", *asked, *QUICK_GAN, *loose)
    judged = json.loads((tmp_path / "active" / "active.json").read_text(encoding="utf-8"))["judged"]
    assert all(0.5 < share <= 1 for (share,) in judged.values())
    assert "by-chance  mean" in shown
    for way in ("active", "by-chance"):
        answers = (tmp_path / "active" / f"{way}-0.csv").read_text(encoding="utf-8").splitlines()[1:]
        assert len(answers) == 30
        assert all((gold[text] == "positive") == (value == "1") for text, value in (row.split(",") for row in answers))

    edited = ("--only", "label=negative", "--judge-from", "gold.csv", "--strengths", "0,0.9", "-n", "60", "--out", "edits")
    script(tmp_path, "edit_curve.py", "active/active-0", "gold.csv", *edited)
    little, much = json.loads((tmp_path / "edits.json").read_text(encoding="utf-8"))["rows"]
    assert little["bleu"] > much["bleu"]
    assert little["satisfied"] <= much["satisfied"]
    assert much["judged"] > 0.5
    assert (tmp_path / "edits.svg").is_file()
