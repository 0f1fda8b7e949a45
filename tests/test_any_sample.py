"""Every command on models whose samples are NumPy images, PIL images and drawings."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import QUICK_GAN, QUICKEST, Lcgan
from PIL import Image
from toy_models import SIDE, ArrayModel, Lighter, PilModel, StrokesModel, Wide

import lcgan_core.tools.check
from lcgan_core import Images, RunConfig, Wish, load_run, run
from lcgan_core.cli import lcgan
from lcgan_core.engine.networks import GanConfig
from lcgan_core.plugins.discovery import load_latent_model, make_constraint
from lcgan_core.testing import ConstraintContract, LatentModelContract
from lcgan_core.tools.curve import subset
from lcgan_core.tools.questions import QuestionSession

MODELS = [("arrays", "lighter", ".png"), ("pils", "lighter", ".png"), ("sides", "wide", ".svg")]
QUICK = [*QUICK_GAN, "--set", "gan.distance_weight=0.03", "--set", "gan.max_drift=10", "--samples", "120"]


@pytest.fixture(autouse=True)
def toys(install: Callable[..., None]) -> None:
    install("toy-plugin", "from toy_models import *\n")


def told(*arguments: str | Path, keys: str | None = None) -> str:
    ran = CliRunner().invoke(lcgan, [str(argument) for argument in arguments], input=keys)
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return ran.stdout


@pytest.mark.parametrize(("model", "constraint", "suffix"), MODELS)
def test_run_sample_edit_label_bench_and_check(
    model: str, constraint: str, suffix: str, run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = json.loads(told("run", "--model", f"{model}:1", "--constraint", constraint, *QUICK, "--out", "run", "--json"))
    assert result["all"]["prior"]["value"] < 0.6 < result["all"]["actor"]["value"]
    assert result["unique"] > 0.9, "images of this size are alike in print"
    rows = [json.loads(line) for line in Path("run/samples.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 100
    assert all(Path("run", row[when]).suffix == suffix for row in rows for when in ("before", "after"))
    assert all(Path("run", row[when]).is_file() for row in rows for when in ("before", "after"))
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png' if suffix == ".png" else '<path d="m') == 2 * len(rows)

    finished = load_run(Path("run"))
    kind = finished.model.sample_kind
    keys = list(map(kind.key, finished.sample(12)))
    drawn = told("sample", "run", "-n", "12", "--out", "drawn").splitlines()
    assert drawn == [f"drawn/{number:04}{suffix}" for number in range(1, 13)]
    assert [kind.key(sample) for sample in kind.load(Path("drawn"))] == keys
    assert told("sample", "run", "-n", "2").splitlines() == list(map(kind.line, finished.sample(2)))
    assert "already exists" in run_lcgan("sample", "run", "--out", "drawn").stderr
    scored = told("try", constraint, *drawn).splitlines()
    assert [line[-len(name) :] for line, name in zip(scored, drawn, strict=True)] == drawn
    assert sum(line.startswith("1.000") for line in scored) > 6

    files = list(map(str, kind.save(finished.model.decode(finished.steering.q.posteriors.mean[:30]), Path("mine"))))
    ran = told("edit", "run", *files, "--json", "--out", "edited", "--candidates", "1", "--strength", "0.9")
    edits = [json.loads(line) for line in ran.splitlines()]
    assert [row["before"] for row in edits] == files
    assert [row["after"] for row in edits] == [f"edited/{number:04}{suffix}" for number in range(1, 31)]
    changed = [row for row in edits if row["status"] == "edited"]
    assert len(changed) > 5
    assert all(0 < row["closeness"] < 1 for row in changed)
    assert all(value == 1 for value in make_constraint(constraint, {})([kind.parse(row["after"]) for row in changed]))
    assert all(Path(one).is_file() for row in edits for one in row["candidates"])
    told("edit", "run", *files[:2], "--path", "4", "--out", "ways")
    assert sorted(path.name for path in Path("ways").iterdir() if "path" in path.name) == [
        f"000{number}-path{suffix}" for number in (1, 2)
    ]
    assert "needs --out" in run_lcgan("edit", "run", files[0], "--path", "4").stderr
    assert len(told("interpolate", "run", files[0], files[1], "--steps", "3", "--out", "way").splitlines()) == 3
    missing = run_lcgan("edit", "run", "none" + suffix)
    assert f"No file none{suffix}" in missing.stderr

    (benched,) = json.loads(told("bench", "run", "--sampler", "actor", "-n", "60", "--seeds", "1", "--json"))["rows"]
    assert benched["unique"] > 0.9
    assert 0 < benched["kept"] < 1
    quick = partial(GanConfig, rounds=1, iterations=20, width=16, actor_averaging=0.8)
    monkeypatch.setattr(lcgan_core.tools.check, "GanConfig", quick)
    checked = json.loads(told("check", f"{model}:1", "-n", "60", "--held-out", "drawn", "--json"))
    assert checked["reconstruction"] > 0.9
    assert min(checked["unique"][kind] for kind in ("reconstruction", "posterior", "prior", "repaired")) > 0.9


@pytest.mark.parametrize(("model", "constraint", "suffix"), MODELS)
def test_labels_are_files_beside_the_label_file(
    model: str, constraint: str, suffix: str, run_lcgan: Lcgan, tmp_path: Path
) -> None:
    frozen = load_latent_model(f"{model}:1")
    kind, wish = frozen.sample_kind, make_constraint(constraint, {})
    file = Path("labels/mine.csv")
    session = QuestionSession(file, frozen)
    for _ in range(60):
        session.answer(float(wish([session.question()])[0]))
    undone = kind.key(session.undo())
    assert kind.key(session.question()) == undone
    resumed = QuestionSession(file, frozen)
    assert [(kind.key(sample), value) for sample, value in resumed.answers] == [
        (kind.key(sample), value) for sample, value in session.answers
    ]
    with file.open(encoding="utf-8", newline="") as content:
        rows = list(csv.DictReader(content))
    assert len({row["file"] for row in rows}) == len(rows) == 59, "none is asked about twice"
    assert all(Path("labels", row["file"]).suffix == suffix for row in rows)

    learned = make_constraint("labels", {"file": str(file)}).bind(frozen)
    assert learned.trust().accuracy.value > 0.7
    fingerprint = make_constraint("labels", {"file": str(file)}).fingerprint
    assert fingerprint == learned.fingerprint
    some = tmp_path / "else" / "some.csv"
    some.parent.mkdir()
    some.write_bytes(subset(make_constraint("labels", {"file": str(file)}), 20, 0, some.parent))  # type: ignore[arg-type]
    assert make_constraint("labels", {"file": str(some)}).bind(frozen).trust().labels == 20

    kind.save(frozen.decode(frozen.real_posteriors().mean[:5]), Path("own"))
    told("label", "own.csv", "--model", f"{model}:1", "--from", "own", "--by-chance", keys="ynsyq")
    told("label", "own.csv", "--model", f"{model}:1", "--from", "own", "--by-chance", keys="yyyy")
    with Path("own.csv").open(encoding="utf-8", newline="") as content:
        labelled = [row["file"] for row in csv.DictReader(content)]
    assert len(labelled) == 5
    assert {kind.key(kind.parse(name)) for name in labelled} == {kind.key(sample) for sample in kind.load(Path("own"))}

    first = rows[0]["file"]
    Path("labels", first).write_bytes(Path("labels", rows[1]["file"]).read_bytes())
    assert make_constraint("labels", {"file": str(file)}).fingerprint != fingerprint, "it follows the files' content"
    Path("labels", first).unlink()
    refused = run_lcgan("run", "--model", f"{model}:1", "--constraint", "labels", "--set", f"labels.file={file}")
    assert first in refused.stderr
    Path("texts.csv").write_text("text,value\n" + "a,1\nb,0\n" * 10, encoding="utf-8")
    refused = run_lcgan("run", "--model", f"{model}:1", "--constraint", "labels", "--set", "labels.file=texts.csv")
    assert f"in the column 'text'; the model {model} makes {kind.name}, whose labels have the columns 'file'" in refused.stderr


def test_a_constraint_of_another_kind_is_refused_before_anything_is_decoded(
    run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(self: Any, z: Any) -> list[Any]:
        raise AssertionError("decoded")

    monkeypatch.setattr(ArrayModel, "decode", decode)
    refused = run_lcgan("run", "--model", "arrays:1", "--constraint", "lighter", "--constraint", "length")
    assert "length judges text; the model arrays makes images" in refused.stderr
    assert not Path("runs").exists()
    assert "--kind text: lighter judges images" in run_lcgan("try", "lighter", "--kind", "text", "a").stderr


def test_labelling_ends_when_every_sample_that_there_is_has_an_answer(tmp_path: Path) -> None:
    ran = CliRunner().invoke(lcgan, ["label", str(tmp_path / "mine.csv"), "--model", "collapsed:1"], input="y" * 20)
    assert ran.exit_code == 0, ran.output
    assert "Every sample that collapsed:1 makes has an answer" in ran.stderr
    assert "mine.csv: 8 labels, 8 wanted" in ran.stdout


def test_a_blank_line_shifts_no_number_of_an_edit(run_lcgan: Lcgan) -> None:
    wish = Wish(constraint="lighter")
    run(RunConfig(model="arrays:1", constraints=(wish,), samples=50, gan=QUICKEST), Path("run"))
    first, second = Images().save([np.full((SIDE, SIDE), grey, np.uint8) for grey in (90, 130)], Path("mine"))
    asked = ["edit", "run", "--out", "edited", "--candidates", "1", "--path", "2"]
    ran = CliRunner().invoke(lcgan, asked, input=f"\n{first}\n\n{second}\n")
    assert ran.stdout.split("\n")[0] == ""
    assert {path.name[:4] for path in Path("edited").iterdir()} == {"0001", "0002"}
    assert len(list(Path("edited").iterdir())) == 6, "for each, the edit, the way there, and a folder of candidates"


def test_samples_of_a_collapsed_model_are_not_taken_for_different(run_lcgan: Lcgan) -> None:
    ran = run_lcgan("run", "--model", "collapsed:1", "--constraint", "lighter", *QUICK)
    assert ran.exit_code == 1
    assert "of the actor's samples were distinct" in ran.stderr


def test_a_bare_function_judges_any_kind(run_lcgan: Lcgan) -> None:
    Path("mine.py").write_text("def dark(samples):\n    return [float(s.mean() < 128) for s in samples]\n", encoding="utf-8")
    Images().save([np.full((4, 4), 60, np.uint8)], Path("drawn"))
    assert told("try", "./mine.py:dark", "--kind", "images", "drawn/0001.png") == "1.000  drawn/0001.png\n"
    refused = run_lcgan("try", "./mine.py:dark", "--kind", "image", "drawn/0001.png")
    assert "No kind of sample 'image' (did you mean 'images'?)" in refused.stderr


def test_the_listing_names_the_kinds_of_sample() -> None:
    assert "samples: images" in told("plugins")


LEFT, RIGHT = (ArrayModel(1).shape(np.array([side, 0, 0])) for side in (1.0, -1.0))


class TestLighter(ConstraintContract):
    constraint = Lighter
    satisfied = (LEFT, Image.fromarray(LEFT))
    violated = (RIGHT, torch.from_numpy(RIGHT))


class TestWide(ConstraintContract):
    constraint = Wide
    satisfied = ([(30, 0, 1)],)
    violated = ([(10, 0, 1)], [])


class TestArrayModel(LatentModelContract):
    model = ArrayModel
    source, other_source = "1", "1.1"


class TestPilModel(LatentModelContract):
    model = PilModel
    source, other_source = "1", "1.1"


class TestStrokesModel(LatentModelContract):
    model = StrokesModel
    source, other_source = "1", "1.1"
