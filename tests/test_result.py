"""What a run found: figures that a model names as it likes, and files that are no result."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Lcgan

import lcgan_core.runs.pipeline
from lcgan_core import Beside, RunConfig, RunError, run
from lcgan_core.runs.pipeline import resume
from lcgan_core.runs.result import RESULT, Quality, read_result

HARDLY_TRAINED = [
    argument
    for setting in (
        *("width=16", "rounds=1", "iterations=2", "critic_batches=2", "pretraining_batches=5", "max_drift=1000"),
        *("posterior_labels=600", "max_posterior_labels=600", "start_labels=100", "actor_labels=100"),
    )
    for argument in ("--set", f"gan.{setting}")
]
RUN = ("run", "--constraint", "half-space", *HARDLY_TRAINED, "--samples", "60")

MEASURED = """
from conftest import LinearModel as Linear, register_constraints
from lcgan_core import Beside, hookimpl

class Measured(Linear):
    name = "measured"
    {body}

@hookimpl
def register_latent_models(register):
    register(Measured)
"""
FID = """
    greater_is_better = {"fid": False}
    def quality(self, samples):
        return {"fid": 12345.6 if samples[0][0] > 2 else 0}
"""
"""Nothing but a distance, which is large, and 0 for some sets."""
DRIFT = """
    greater_is_better = {"drift": True}
    def quality(self, samples):
        return {"drift": 777.0, "[bold]<b>": len(samples)}
    def diversity(self, samples):
        return {"unique": 555.0}
"""
"""Names that the engine uses itself, and one that would be read as markup."""
SOMETIMES = """
    def quality(self, samples):
        return {"high": 1.5} if min(sample[0] for sample in samples) > 2 else {}
    def memory(self, samples):
        return {"copied": Beside(share=0.125, expected=None)} if min(sample[0] for sample in samples) > 2 else {}
"""
"""Figures of some sets only."""


def text_of(page: Path) -> str:
    found = re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8").replace("&nbsp;", " "))
    return " ".join(found.replace("&lt;", "<").replace("&gt;", ">").split())


@pytest.mark.parametrize(
    ("body", "names", "shown"),
    [
        (FID, ["fid"], ["fid (lower is better)"]),
        (DRIFT, ["drift", "[bold]<b>"], ["drift (higher is better)", "[bold]<b>"]),
        (SOMETIMES, ["high"], ["high"]),
        ("pass", [], []),
    ],
    ids=["fid", "drift", "sometimes", "none"],
)
def test_whatever_a_model_measures_is_shown_by_its_own_name(
    install: Callable[..., None], run_lcgan: Lcgan, body: str, names: list[str], shown: list[str]
) -> None:
    install("measured-plugin", MEASURED.format(body=body))
    ran = run_lcgan(*RUN, "--model", "measured:4")
    assert ran.exit_code == 0, (ran.output, ran.exception)
    result = read_result(Path("runs/half-space"))
    assert list(result.quality) == names
    assert 0.1 < result.drift < 100
    assert result.unique == 1.0
    page, card = text_of(Path("runs/half-space/report.html")), Path("runs/half-space/README.md").read_text(encoding="utf-8")
    for figure in shown:
        assert figure in ran.stdout
        assert figure in page
        assert f"| {figure} |" in card
    remembered = ["12.5% (real: not known)" in told for told in (ran.stdout, page)]
    assert remembered == [body == SOMETIMES] * 2
    assert (
        (f"{result.compared} samples of each" in page)
        == (f"{result.compared} samples of each" in card)
        == ("quality of" in ran.stdout)
        == bool(names)
    )

    table = run_lcgan("bench", "runs/half-space", "-n", "50", "--seeds", "2", "--sampler", "actor", "--sampler", "start")
    assert table.exit_code == 0, (table.output, table.exception)
    rows = json.loads(Path("runs/bench/bench.json").read_text(encoding="utf-8"))["rows"]
    for row in rows:
        if body != SOMETIMES:
            assert [*row["quality"]] == [*names, *(["unique"] if body == DRIFT else [])]
        assert row["unique"] == 1.0
    header = next(line for line in table.stdout.splitlines() if "sampler" in line)
    assert all(figure in header for figure in rows[0]["quality"])
    assert ("better: fid lower\n" in table.stdout) == (body == FID)


def test_figures_are_those_of_each_set(install: Callable[..., None], run_lcgan: Lcgan) -> None:
    install("measured-plugin", MEASURED.format(body=DRIFT))
    figures = json.loads(run_lcgan(*RUN, "--model", "measured:4", "--json").stdout)["quality"]
    same = {"prior": 777.0, "posterior": 777.0, "reference": 777.0, "actor": 777.0}
    assert figures["drift"] == {"greater_is_better": True, **same}
    assert figures["[bold]<b>"]["greater_is_better"] is None


@pytest.mark.parametrize("told", ["quality", "memory"])
def test_a_model_that_fails_to_tell_something_after_all_is_named_and_the_training_kept(
    install: Callable[..., None], run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    install(
        "measured-plugin",
        MEASURED.format(body=f"def {told}(self, samples):\n        return {{'fid': 'good'}} if len(samples) > 10 else {{}}"),
    )
    ran = run_lcgan(*RUN, "--model", "measured:4")
    assert ran.exit_code == 1
    assert f"Error: The model measured could not tell the {told} of 60 samples:" in ran.stderr
    assert ran.stderr.strip().endswith("continue it with lcgan run --resume.")
    measured = sys.modules["measured_plugin"].Measured
    monkeypatch.setattr(measured, "memory", lambda self, samples: {"copied": Beside(share=0.0, expected=0.1)})
    monkeypatch.setattr(measured, "quality", lambda self, samples: {"fid": 1})
    assert resume(Path("runs/half-space")).quality == {"fid": Quality(prior=1, posterior=1, reference=1, actor=1)}


@pytest.mark.usefixtures("linear_plugin")
def test_the_checkpoint_outlives_all_that_can_fail(run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_lcgan(*RUN, "--model", "linear:4").exit_code == 0
    whole = read_result(Path("runs/half-space"))
    config = RunConfig.model_validate_json(Path("runs/half-space/config.json").read_text(encoding="utf-8"))
    write = lcgan_core.runs.pipeline.files.write_json

    def full_disk(path: Path, content: Any) -> None:
        if path.name == RESULT:
            raise OSError("No space left on device")
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(lcgan_core.runs.pipeline.files, "write_json", full_disk)
        with pytest.raises(OSError, match="No space"):
            run(config, Path("cut"))
    assert Path("cut/checkpoint.safetensors").is_file()
    resumed = resume(Path("cut"))
    assert resumed.model_copy(update={"run": whole.run, "seconds": whole.seconds}) == whole
    assert read_result(Path("cut")) == resumed
    assert not Path("cut/checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"run": "old", "constraints": {}}', "has schema version None, but this lcgan reads version 1"),
        ('{"schema_version": 2}', "has schema version 2, but this lcgan reads version 1"),
        ("[1, 2]", "has schema version None"),
        ('{"schema_version": 1}', "constraints: Field required"),
        ('{"schema_version": 1, "constraints": {}, "seed": 1, "labels": "few"}', "all: Field required"),
        (
            '{"schema_version": 1, "memory": {"actor": {"copied": {"shared": 1}}}}',
            "memory.actor.copied.shared: no such option; memory.actor.copied has share, expected (did you mean 'share'?)",
        ),
        ('{"run": "ru', "is truncated or was edited"),
    ],
)
def test_what_is_no_result_is_said_in_one_line(run_lcgan: Lcgan, content: str, message: str) -> None:
    Path("old").mkdir()
    Path("old/result.json").write_text(content, encoding="utf-8")
    for command in (("sample", "old"), ("bench", "old"), ("run", "-c", "length", "--critics", "old")):
        ran = run_lcgan(*command)
        assert ran.exit_code == 1, ran.output
        assert f"old/result.json{' ' if 'schema' in message or 'truncated' in message else ': '}" in ran.stderr
        assert message in ran.stderr
        assert ("from another version of lcgan" in ran.stderr) == ("truncated" not in message)
        assert len([line for line in ran.stderr.splitlines() if line.startswith("Error")]) == 1
        assert "Traceback" not in ran.output


def test_where_there_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No run folder at"):
        read_result(tmp_path / "nowhere")
    with pytest.raises(RunError, match="is not a run folder"):
        read_result(tmp_path)
    (tmp_path / "config.json").touch()
    with pytest.raises(RunError, match=r"is not finished\. Resume it with: lcgan run --resume"):
        read_result(tmp_path)
