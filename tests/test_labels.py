"""A wish given as labelled texts, on a little language where the right answer is known."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import QUICK_GAN, Lcgan, sentences

from lcgan_core import ConstraintError
from lcgan_core.constraints.from_labels import Labels
from lcgan_core.plugins.discovery import load_latent_model
from lcgan_core.runs.pipeline import warn_of_chance


def write(path: Path, rows: list[tuple[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "value"), *rows])
    return path


def shuffled() -> tuple[list[str], list[str]]:
    """The 42 short sentences and the long ones, those of two halves."""
    mixed = random.Random(0).sample(list(dict.fromkeys(sentences())), len(set(sentences())))
    return [text for text in mixed if " and " not in text], [text for text in mixed if " and " in text]


def labelled(n: int = 70) -> list[tuple[str, object]]:
    """Wanted are the short ones; half of the rows are."""
    short, long = shuffled()
    return [row for pair in zip(short, long, strict=False) for row in ((pair[0], 1), (pair[1], 0))][:n]


def test_what_labels_teach_holds_for_other_texts_and_says_how_far_to_trust_it(tiny_model: Path, tmp_path: Path) -> None:
    learned = Labels(file=write(tmp_path / "mine.csv", labelled())).bind(load_latent_model(str(tiny_model)))
    short, long = shuffled()
    assert sum(value >= 0.5 for value in learned(short[35:])) >= 6
    wrong = sum(value >= 0.5 for value in learned(long[35:335])) / 300
    assert wrong < 0.1
    trust = learned.trust()
    assert trust is not None
    assert trust.labels == 70
    assert trust.accuracy.interval[0] < trust.accuracy.value <= trust.accuracy.interval[1]
    assert trust.accuracy.value == pytest.approx(1 - wrong, abs=0.1)


def test_labels_by_chance_are_not_trusted(tiny_model: Path, tmp_path: Path) -> None:
    rows = [(text, random.Random(text).choice((0, 1))) for text in shuffled()[1][:200]]
    trust = Labels(file=write(tmp_path / "mine.csv", rows)).bind(load_latent_model(str(tiny_model))).trust()
    assert trust is not None
    assert trust.accuracy.interval[0] < 0.56


def test_the_order_of_the_file_does_not_matter_but_its_content_does(tiny_model: Path, tmp_path: Path) -> None:
    model, rows = load_latent_model(str(tiny_model)), labelled()
    by_value = Labels(file=write(tmp_path / "sorted.csv", sorted(rows, key=lambda row: str(row[1])))).bind(model)
    assert (trust := by_value.trust()) is not None
    assert trust.accuracy.value > 0.85
    plain = Labels(file=write(tmp_path / "mine.csv", rows))
    assert plain.fingerprint == plain.bind(model).fingerprint
    assert plain.fingerprint != Labels(file=write(tmp_path / "fewer.csv", rows[:-1])).fingerprint


def test_two_classes_by_name(tiny_model: Path, tmp_path: Path) -> None:
    rows = [(text, "short" if value else "long") for text, value in labelled()]
    file = write(tmp_path / "mine.csv", rows)
    model = load_latent_model(str(tiny_model))
    long, short = (Labels(file=file, target=target).bind(model) for target in ("long", "short"))
    text = ["the food was good and the room was cold ."]
    assert long(text)[0] > 0.5 > short(text)[0]


@pytest.mark.parametrize(
    ("content", "target", "message"),
    [
        (None, None, "cannot be read"),
        ("", None, "needs a first line 'text,value'"),
        ("texts,value\na,1\n", None, "needs a first line 'text,value'"),
        ("text,value\na,1\nb,2\n", None, "line 3: '2' is no number in .0, 1."),
        ("text,value\na,good\nb,bad\n", None, "line 2: 'good' is no number.*labels.target=NAME"),
        ("text,value\na,good\nb,bad\n", "god", "has the values bad, good, not two with 'god'"),
        ("text,value\n" + "a,1\n" * 30 + "b,0\n" * 4, None, "30 samples that satisfy and 4 that do not. Label at least 10"),
    ],
)
def test_a_file_that_does_not_serve(tmp_path: Path, content: str | None, target: str | None, message: str) -> None:
    file = tmp_path / "mine.csv"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(ConstraintError, match=message):
        assert Labels(file=file, target=target).rows


def test_a_run_on_seventy_labels(tiny_model: Path, run_lcgan: Lcgan) -> None:
    write(Path("mine.csv"), labelled())
    options = ("--constraint", "labels", "--set", "labels.file=mine.csv", "--set", "gan.min_unique=0", "--samples", "200")
    ran = run_lcgan("run", "--model", tiny_model, *options, *QUICK_GAN, "--set", "gan.max_drift=50", "--set", "gan.rounds=3")
    assert ran.exit_code == 0, ran.output
    assert "labels was learned from 70 labels; it predicted" in " ".join(ran.stdout.split())
    samples = [json.loads(line) for line in Path("runs/labels/samples.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sum(" and " not in row["after"] for row in samples) / len(samples) > 0.9
    result = json.loads(Path("runs/labels/result.json").read_text(encoding="utf-8"))
    assert result["constraints"]["labels"]["posterior"]["value"] < 0.6, "of real samples"
    assert run_lcgan("sample", "runs/labels").exit_code == 0
    missing = run_lcgan("run", "--model", tiny_model, "--constraint", "labels", "--set", "labels.file=none.csv")
    assert "none.csv cannot be read" in missing.stderr


def test_copies_stay_in_one_fold_and_count_once(tiny_model: Path, tmp_path: Path) -> None:
    model = load_latent_model(str(tiny_model))
    rows = [(text, random.Random(text).choice((0, 1))) for text in shuffled()[1][:60]]
    once = Labels(file=write(tmp_path / "once.csv", list(rows))).bind(model)
    copies = {
        "the same": [(text, value) for text, value in rows for _ in range(4)],
        "capitals": [*rows, *((text.upper(), value) for text, value in rows)],
        "spaces": [*rows, *((f"  {text.replace(' ', '  ')} ", value) for text, value in rows)],
        "some": [*rows, *((text.title(), value) for text, value in rows[:20])],
    }
    for name, more in copies.items():
        learned = Labels(file=write(tmp_path / f"{name}.csv", list(more))).bind(model)
        assert learned.trust() == once.trust(), name
        assert learned(shuffled()[0]) == once(shuffled()[0]), name


@pytest.mark.parametrize("copy", [lambda text: text, str.upper, lambda text: f" {text}", lambda text: text.replace(" ", "\t")])
def test_rows_that_contradict_each_other_are_told_by_line_and_left_out(
    tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, copy: Callable[[str], str]
) -> None:
    model, rows = load_latent_model(str(tiny_model)), labelled(40)
    doubtful = [*rows, (copy(str(rows[0][0])), 0), (copy(str(rows[7][0])), 0.9)]
    learned = Labels(file=write(tmp_path / "mine.csv", doubtful)).bind(model)
    assert "line 2 (1) and line 42 (0); line 9 (0) and line 43 (0.9)." in caplog.text
    without = Labels(file=write(tmp_path / "without.csv", [*rows[1:7], *rows[8:]])).bind(model)
    assert learned(shuffled()[0]) == without(shuffled()[0])
    assert (trust := learned.trust()) is not None
    assert trust.labels == 38


@pytest.mark.parametrize(("texts", "copies"), [(1, 400), (9, 40), (9, 2)])
def test_few_texts_many_times_are_few(tiny_model: Path, tmp_path: Path, texts: int, copies: int) -> None:
    short, long = shuffled()
    rows: list[tuple[str, object]] = [(text, 1) for text in short[:texts]] * copies + [(text, 0) for text in long[:30]]
    labels = Labels(file=write(tmp_path / "mine.csv", rows))
    with pytest.raises(ConstraintError, match=f"has {texts} (different )?samples that satisfy and 30 that do not"):
        labels.bind(load_latent_model(str(tiny_model)))


def test_no_better_than_chance_is_said(tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = load_latent_model(str(tiny_model))
    texts = shuffled()[1]
    for name, wanted in (("half", 0.5), ("few", 0.2), ("most", 0.8)):
        rows: list[tuple[str, object]] = [(text, int(random.Random(text).random() < wanted)) for text in texts[:100]]
        warn_of_chance({name: Labels(file=write(tmp_path / f"{name}.csv", rows)).bind(model)})
        assert f"{name} may have learned nothing" in caplog.text
    caplog.clear()
    warn_of_chance({"good": Labels(file=write(tmp_path / "good.csv", labelled())).bind(model)})
    assert not caplog.text
