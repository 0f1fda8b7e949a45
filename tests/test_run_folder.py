"""What a run folder is trusted with: it goes on as it began, it is read as it was written, and it says so where it is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Lcgan, LinearModel, killed_after_a_round

import lcgan_core.runs.pipeline
from lcgan_core import ModelError, RunConfig, RunError, Wish, load_run, run
from lcgan_core.engine.networks import GanConfig
from lcgan_core.plugins.rewards import Reward
from lcgan_core.runs.config import differences
from lcgan_core.runs.folder import check_run_files
from lcgan_core.support.files import UNFINISHED, read_lines, read_tensors, write_lines, write_tensors
from lcgan_core.support.manifest import MANIFEST, write_manifest

pytestmark = pytest.mark.usefixtures("linear_plugin")

GAN = GanConfig(
    width=8, rounds=2, iterations=2, pretraining_batches=2, critic_batches=2, posterior_labels=600, max_posterior_labels=600
)
CONFIG = RunConfig(model="linear:4", constraints=(Wish(constraint="half-space"),), samples=50, gan=GAN)


@pytest.fixture
def cut(run_lcgan: Lcgan) -> Path:
    """A run that ended after its first round."""
    with killed_after_a_round():
        run(CONFIG, Path("cut"))
    return Path("cut")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", 1),
        ("samples", 60),
        ("gan.rounds", 3),
        ("gan.actor_labels", 0),
        ("constraints.0.weight", 2.0),
        ("constraints.0.options.bound", 1.5),
    ],
)
def test_a_run_whose_config_was_edited_does_not_go_on(cut: Path, run_lcgan: Lcgan, field: str, value: Any) -> None:
    content = json.loads((cut / "config.json").read_text(encoding="utf-8"))
    *way, last = field.split(".")
    place = content
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    (cut / "config.json").write_text(json.dumps(content), encoding="utf-8")
    ran = run_lcgan("run", "--resume", "cut")
    assert ran.exit_code == 1
    assert f"{field} was " in ran.stderr
    assert f", is {value!r}. Undo the edits" in ran.stderr
    assert not (cut / "result.json").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda cut: (cut / "metrics.jsonl").write_text("", encoding="utf-8"),
        lambda cut: (cut / "metrics.jsonl").unlink(),
        lambda cut: flip(cut / "checkpoint.safetensors", -5),
        lambda cut: flip(cut / "checkpoint.safetensors", 300),
    ],
    ids=["metrics empty", "metrics gone", "a weight", "the header"],
)
def test_a_damaged_unfinished_run_does_not_go_on(cut: Path, run_lcgan: Lcgan, damage: Callable[[Path], object]) -> None:
    damage(cut)
    ran = run_lcgan("run", "--resume", "cut")
    assert ran.exit_code == 1
    assert ran.stderr.splitlines()[-1].startswith("Error: cut/")
    assert "Traceback" not in ran.output
    assert not (cut / "result.json").exists()


def test_what_differs_is_told_by_field() -> None:
    before = {"seed": 1, "gan": {"width": 8}, "constraints": [{"options": {"a": 1}}], "old": 1}
    now = {"seed": 2, "gan": {"width": 8}, "constraints": [{"options": {"a": 1, "b": 2}}]}
    told = ["seed was 1, is 2", "constraints.0.options.b was None, is 2", "old was 1, is None"]
    assert differences(before, now) == told
    assert differences({"constraints": [1]}, {"constraints": [1, 2]}) == ["constraints was [1], is [1, 2]"]
    assert not differences(before, before)


@pytest.mark.parametrize("left", [(), (f".config.json.a1{UNFINISHED}",), (f"critics/.short.safetensors.b2{UNFINISHED}",)])
def test_a_run_that_died_before_its_first_write_starts_again_in_its_folder(run_lcgan: Lcgan, left: tuple[str, ...]) -> None:
    Path("cut").mkdir()
    for name in left:
        (Path("cut") / name).parent.mkdir(exist_ok=True)
        (Path("cut") / name).write_text('{"mod', encoding="utf-8")
    if any("/" in name for name in left):
        shutil.rmtree("cut/critics")
    ran = run_lcgan("run", "--resume", "cut")
    assert ran.exit_code == 1
    assert "stopped before it wrote anything. Start it again with --out cut" in ran.stderr
    run(CONFIG, Path("cut"))
    assert not list(Path("cut").rglob(f"*{UNFINISHED}"))
    assert (Path("cut") / "result.json").is_file()


def test_a_resumed_run_keeps_no_half_written_file(cut: Path, run_lcgan: Lcgan) -> None:
    (cut / "critics").mkdir()
    for name in ("checkpoint.safetensors", "metrics.jsonl", "critics/half-space.safetensors"):
        path = cut / name
        (path.parent / f".{path.name}.x1{UNFINISHED}").write_text("hal", encoding="utf-8")
    assert run_lcgan("run", "--resume", "cut").exit_code == 0
    assert not list(cut.rglob(f"*{UNFINISHED}"))
    assert not [name for name in json.loads((cut / MANIFEST).read_text(encoding="utf-8")) if UNFINISHED in name]


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


@pytest.fixture
def finished(run_lcgan: Lcgan) -> Path:
    run(CONFIG, Path("done"))
    return Path("done")


def test_every_file_of_a_run_is_in_its_manifest(finished: Path) -> None:
    listed = json.loads((finished / MANIFEST).read_text(encoding="utf-8"))
    there = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    assert set(listed) == there - {MANIFEST, "README.md"}, "people may edit the card"
    check_run_files(finished, "*")
    for name in ("report.html", "samples.jsonl", "critics/realism.safetensors"):
        flip(finished / name, 40)
        with pytest.raises(RunError, match="is not as lcgan run wrote it"):
            check_run_files(finished, name)


@pytest.mark.parametrize(
    "name", ["actor.safetensors", "critics/half-space.safetensors", "critics/realism.safetensors", "config.json", "result.json"]
)
@pytest.mark.parametrize("command", [("sample",), ("edit", "0,0,0,0"), ("bench",)], ids=lambda command: command[0])
def test_a_flipped_bit_is_one_clear_line(finished: Path, run_lcgan: Lcgan, name: str, command: tuple[str, ...]) -> None:
    content = bytearray((finished / name).read_bytes())
    digit = next(place for place in range(len(content) - 1, 0, -1) if name.endswith("rs") or 48 <= content[place] <= 55)
    flip(finished / name, digit)
    ran = run_lcgan(command[0], "done", *command[1:])
    assert ran.exit_code == 1
    assert ran.stdout == ""
    assert f"Error: done/{name}" in ran.stderr.splitlines()[-1]


def test_weights_that_are_not_finite_are_refused(finished: Path, run_lcgan: Lcgan) -> None:
    tensors, metadata = read_tensors(finished / "actor.safetensors")
    write_tensors(
        finished / "actor.safetensors", {name: torch.full_like(t, torch.nan) for name, t in tensors.items()}, metadata
    )
    result = (finished / "result.json").read_bytes()
    write_manifest(finished, {"result.json": result})
    ran = run_lcgan("sample", "done")
    assert ran.exit_code == 1
    assert "actor.safetensors holds weights that are not finite" in ran.stderr


def test_the_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    tensors = {"b": torch.ones(2, 3), "a": torch.zeros((), dtype=torch.bfloat16), "c": torch.arange(3)}
    written = set()
    for number in range(10):
        metadata = {"model": "linear", "gan": {"width": 8}, **{f"more {place}": [place, 0.1] for place in range(5)}}
        write_tensors(tmp_path / f"{number}.safetensors", tensors, dict(list(metadata.items())[:: -1 if number % 2 else 1]))
        written.add((tmp_path / f"{number}.safetensors").read_bytes())
        found, about = read_tensors(tmp_path / f"{number}.safetensors")
        assert about == metadata
        assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert len(written) == 1


FUNCTION = "def high(samples):\n    return [sample[0] > {} for sample in samples]\n"


@pytest.fixture
def of_function(run_lcgan: Lcgan) -> Path:
    """A run on a function of a file."""
    Path("mine.py").write_text(FUNCTION.format(1), encoding="utf-8")
    run(CONFIG.model_copy(update={"constraints": (Wish(constraint="mine.py:high"),)}), Path("done"))
    return Path("mine.py")


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text(FUNCTION.format(2), encoding="utf-8"),
        Path.unlink,
        lambda path: path.write_text("def low(samples):\n    return []\n", encoding="utf-8"),
        lambda path: path.write_text("import nothing_of_the_kind\n", encoding="utf-8"),
    ],
    ids=["edited", "gone", "renamed", "broken"],
)
def test_a_constraint_that_changed_since_is_told_and_not_asked(
    of_function: Path, run_lcgan: Lcgan, change: Callable[[Path], object]
) -> None:
    before = run_lcgan("sample", "done")
    assert before.stderr == ""
    change(of_function)
    after = run_lcgan("sample", "done")
    assert after.exit_code == 0, "the actor asks no constraint"
    assert after.stdout == before.stdout
    assert after.stderr.startswith("done was trained for mine.py:high")
    for command in (
        ("sample", "done", "--sampler", "rejection"),
        ("edit", "done", "0,0,0,0"),
        ("interpolate", "done", "0,0,0,0", "1,1,1,1"),
    ):
        ran = run_lcgan(*command)
        assert ran.exit_code == 1
        assert ran.stdout == ""
        assert "Error: done was trained for mine.py:high" in ran.stderr
    assert len(load_run(Path("done")).unusable) == 1


def test_a_constraint_whose_data_may_grow_is_asked_as_it_is_now(
    of_function: Path, run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_function.write_text(FUNCTION.format(2), encoding="utf-8")
    monkeypatch.setattr(Reward, "may_grow", True)
    assert not load_run(Path("done")).unusable
    ran = run_lcgan("sample", "done", "--sampler", "rejection")
    assert (ran.exit_code, ran.stderr) == (0, "")


class Failing(LinearModel):
    """Fails at one of the things that a run asks of a model after its training."""

    failing = "quality"

    def quality(self, samples: Any) -> dict[str, float]:
        if self.failing == "quality":
            raise OSError(2, "No such file", "model.safetensors")
        return {"size": "large"} if self.failing == "a word" else {}  # type: ignore[dict-item]

    def memory(self, samples: Any) -> Any:
        if self.failing == "memory":
            raise ValueError("the hashes are damaged")
        return {"remembered": 0.5} if self.failing == "no figure" else {}


@pytest.mark.parametrize("failing", ["quality", "a word", "memory", "no figure"])
def test_a_model_that_cannot_evaluate_fails_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    monkeypatch.setattr(Failing, "failing", failing)
    monkeypatch.setattr(lcgan_core.runs.pipeline, "load_latent_model", lambda *_: Failing(4))
    monkeypatch.setattr(lcgan_core.runs.pipeline, "train", lambda *_: pytest.fail("it trained"))
    with pytest.raises(ModelError, match="The model linear could not tell the"):
        run(CONFIG, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a" * 300, "é" * 100, "./" + "b" * 200 + ".py:f"])
def test_a_name_that_no_file_can_have_is_refused_before_the_training(name: str) -> None:
    wish = {"constraint": name} if name.endswith(":f") else {"constraint": "half-space", "alias": name}
    with pytest.raises(ValueError, match="is too long for a file; give the constraint a short alias"):
        RunConfig(constraints=(Wish(**wish),))


def test_a_sample_may_have_any_sign_that_ends_a_line_somewhere(tmp_path: Path) -> None:
    rows = [{"text": f"one{sign}two"} for sign in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"]
    write_lines(tmp_path / "samples.jsonl", rows)
    assert read_lines(tmp_path / "samples.jsonl") == rows
    assert read_lines(tmp_path / "samples.jsonl", 2) == rows[:2]
