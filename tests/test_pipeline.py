"""Runs on the linear model: what they leave on disk, how they resume, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import QUICK_GAN, QUICKEST, Killed, Lcgan, LinearModel, killed_after_a_round

import lcgan_core.runs.pipeline
from lcgan_core import RunConfig, RunError, Wish, load_run, run
from lcgan_core.engine.networks import GanConfig
from lcgan_core.runs.pipeline import resume
from lcgan_core.runs.weights import load_actor, load_critic
from lcgan_core.support.files import read_tensors, write_tensors

pytestmark = pytest.mark.usefixtures("linear_plugin")

RUN = ("run", "--model", "linear:4", "--constraint", "half-space", *QUICK_GAN, "--samples", "200")


def without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in ("seconds", "run")}


def test_a_run_leaves_a_whole_folder_and_prints_its_result(run_lcgan: Lcgan) -> None:
    ran = run_lcgan(*RUN, "--json", "--seed", "4")
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    folder = Path("runs/half-space")
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "README.md",
        "actor.safetensors",
        "config.json",
        "critics/half-space.safetensors",
        "critics/realism.safetensors",
        "environment.json",
        "manifest.json",
        "metrics.jsonl",
        "report.html",
        "result.json",
        "samples.jsonl",
    ]
    assert json.loads((folder / "result.json").read_text(encoding="utf-8")) == result
    assert result["run"] == str(folder)
    assert result["seed"] == 4
    figures = result["constraints"]["half-space"]
    assert figures["prior"]["value"] < 0.3
    assert figures["actor"]["value"] > 0.9
    assert figures["actor"]["interval"][0] < figures["actor"]["value"] <= figures["actor"]["interval"][1]
    assert set(result["seconds"]) == {"label", "train", "evaluate", "total"}
    assert result["unique"] == 1.0
    assert len((folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    rows = [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 200
    held = [row["values_after"]["half-space"] for row in rows]
    assert sum(held) / len(held) == figures["actor"]["value"]
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    assert environment["fingerprints"]["model"] == "linear-4"
    assert environment["packages"]["torch"] == torch.__version__


def test_the_table_shows_before_and_after(run_lcgan: Lcgan) -> None:
    ran = run_lcgan(*RUN)
    assert ran.exit_code == 0, ran.output
    assert "half-space" in ran.stdout
    assert "decode(z')" in ran.stdout
    assert "round 2" in ran.stderr
    assert "round" not in ran.stdout.partition("satisfied")[0]


def test_a_configuration_runs_again_as_it_is(run_lcgan: Lcgan) -> None:
    first = json.loads(run_lcgan(*RUN, "--json", "--seed", "4").stdout)
    again = json.loads(run_lcgan("run", "--config", "runs/half-space/config.json", "--json").stdout)
    assert again["run"] == "runs/half-space-2"
    assert without_seconds(first) == without_seconds(again)


def test_toml_is_a_configuration_too(run_lcgan: Lcgan) -> None:
    Path("mine.toml").write_text(
        'model = "linear:4"\nseed = 4\nsamples = 200\nconstraints = [{constraint = "half-space", options = {bound = 1.0}}]\n'
        "[gan]\nwidth = 16\nrounds = 1\niterations = 3\nposterior_labels = 600\n",
        encoding="utf-8",
    )
    ran = run_lcgan("run", "--config", "mine.toml", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(Path("runs/half-space/config.json").read_text(encoding="utf-8"))["gan"]["width"] == 16


def test_the_models_settings_hold_unless_the_user_has_others() -> None:
    asked = RunConfig(constraints=(Wish(constraint="length"),), gan=GanConfig(max_drift=3.0))
    suited = asked.suited({"max_drift": 100.0, "rounds": 2})
    assert (suited.gan.max_drift, suited.gan.rounds, suited.gan.width) == (3.0, 2, 256)
    assert RunConfig.model_validate(suited.model_dump(mode="json")).suited({"width": 8}) == suited, "a resumed run is as it was"
    with pytest.raises(RunError, match=r"The settings of reviews: rounds: .* greater than or equal to 1"):
        asked.suited({"rounds": 0})


def test_an_interrupted_run_resumes_and_ends_like_an_uninterrupted_one(run_lcgan: Lcgan) -> None:
    whole = json.loads(run_lcgan(*RUN, "--json").stdout)
    config = RunConfig.model_validate_json(Path("runs/half-space/config.json").read_text(encoding="utf-8"))
    with killed_after_a_round():
        run(config, Path("cut"))
    assert not Path("cut/result.json").exists()
    refused = run_lcgan("sample", "cut")
    assert refused.exit_code == 1
    assert "is not finished. Resume it with: lcgan run --resume cut" in refused.stderr

    resumed = run_lcgan("run", "--resume", "cut", "--json")
    assert resumed.exit_code == 0, resumed.output
    assert without_seconds(json.loads(resumed.stdout)) == without_seconds(whole)
    for name in ("metrics.jsonl", "samples.jsonl"):
        assert Path("cut", name).read_bytes() == Path("runs/half-space", name).read_bytes()
    for name in ("actor.safetensors", "critics/half-space.safetensors", "critics/realism.safetensors"):
        (tensors, metadata), (expected, same) = read_tensors(Path("cut", name)), read_tensors(Path("runs/half-space", name))
        assert metadata == same
        assert all(torch.equal(tensors[key], expected[key]) for key in expected)
    assert not Path("cut/checkpoint.safetensors").exists()


def test_a_run_that_died_before_its_first_round_starts_over(run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise Killed

    config = RunConfig(
        model="linear:4",
        constraints=(Wish(constraint="half-space"),),
        samples=50,
        gan=GanConfig(width=16, rounds=1, iterations=2, posterior_labels=600, max_posterior_labels=600),
    )
    with monkeypatch.context() as patch:
        patch.setattr(lcgan_core.runs.pipeline, "train", die)
        with pytest.raises(Killed):
            run(config, Path("cut"))
    assert resume(Path("cut")).constraints["half-space"].prior.value < 0.5


def test_several_constraints_with_options_and_weights(run_lcgan: Lcgan) -> None:
    Path("mine.py").write_text("def low(samples):\n    return [s[1] < 0 for s in samples]\n", encoding="utf-8")
    ran = run_lcgan(
        *RUN, "--constraint", "./mine.py:low", "--set", "half-space.bound=1.5", "--weight", "./mine.py:low=2", "--json"
    )
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    assert set(result["constraints"]) == {"half-space", "mine.py:low"}
    assert result["all"]["actor"]["value"] > 0.7
    assert result["all"]["actor"]["value"] <= min(row["actor"]["value"] for row in result["constraints"].values())
    config = json.loads((Path(result["run"]) / "config.json").read_text(encoding="utf-8"))
    assert config["constraints"][0]["options"] == {"bound": 1.5}
    assert config["constraints"][1]["weight"] == 2
    assert {path.name for path in Path(result["run"], "critics").iterdir()} == {
        "half-space.safetensors",
        "mine-py-low.safetensors",
        "realism.safetensors",
    }


def test_a_constraint_twice_by_an_alias(run_lcgan: Lcgan) -> None:
    options = ("--constraint", "high=half-space", "--set", "high.bound=2.5", "--weight", "high=2")
    ran = run_lcgan(*RUN, *options, "--json")
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    assert result["run"] == "runs/half-space+high"
    assert result["constraints"]["high"]["posterior"]["value"] < result["constraints"]["half-space"]["posterior"]["value"]
    assert result["all"] == result["constraints"]["high"]
    assert Path(result["run"], "critics/high.safetensors").is_file()
    assert len(load_run(Path(result["run"])).sample(5)) == 5


def test_critics_are_saved_with_their_labels_and_used_again(run_lcgan: Lcgan) -> None:
    Path("mine.py").write_text("def low(samples):\n    return [s[1] < 0 for s in samples]\n", encoding="utf-8")
    low = tuple("mine.py:low" if part == "half-space" else part for part in RUN)
    for command in (RUN, low):
        assert json.loads(run_lcgan(*command, "--json").stdout)["labels"] >= 800
    reused = ("--critics", "runs/half-space", "--critics", "runs/mine-py-low")
    unlabelled = ("--set", "gan.actor_labels=0", "--set", "gan.rounds=4")
    ran = run_lcgan(*RUN, "--constraint", "mine.py:low", *reused, *unlabelled, "--out", "both", "--json")
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    assert result["labels"] == 0
    assert result["reused"] == ["half-space", "mine.py:low"]
    assert result["all"]["actor"]["value"] > 0.8
    for name in ("half-space", "mine-py-low"):
        (critic, about), (before, same) = (
            read_tensors(Path(run, "critics", f"{name}.safetensors")) for run in ("both", f"runs/{name}")
        )
        assert about["constraint"] == same["constraint"]
        assert len(critic["pool/real"]) == 600
        assert all(torch.equal(critic[key], before[key]) for key in before)
        assert len(before["pool/z"]) == len(before["pool/values"]) >= 800

    for arguments, message in (
        ((*RUN, "--set", "half-space.bound=1.5", *reused), "has a critic for half-space with these options"),
        ((*RUN, "--set", "gan.width=16", *reused), "Use it with --set gan.width=32 --set gan.depth=3"),
        ((*RUN, "--critics", "nowhere"), "nowhere. lcgan run creates one"),
    ):
        ran = run_lcgan(*arguments)
        assert ran.exit_code == 1
        assert message in ran.stderr


def test_a_run_without_naturalness_takes_no_critic_of_it(run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LinearModel, "naturalness", lambda self, samples: torch.rand(len(samples)))
    critics = {}
    for out, weight, earlier in (("first", 0.1, ()), ("without", 0.0, (Path("first"),))):
        gan = QUICKEST.model_copy(update={"naturalness_weight": weight})
        wishes = (Wish(constraint="half-space"),)
        run(RunConfig(model="linear:4", constraints=wishes, gan=gan, samples=10, critics=earlier), Path(out))
        critics[out] = Path(out, "critics/naturalness.safetensors").exists()
    assert critics == {"first": True, "without": False}


def test_samples_of_a_run(run_lcgan: Lcgan) -> None:
    folder = json.loads(run_lcgan(*RUN, "--json").stdout)["run"]
    ran = run_lcgan("sample", folder, "-n", "50", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["memory"] == {}, "this model cannot tell"
    samples = json.loads(ran.stdout)["samples"]
    assert len(samples) == 50
    assert run_lcgan("sample", folder, "-n", "50").stdout.splitlines() == samples
    assert run_lcgan("sample", folder, "-n", "50", "--seed", "9").stdout.splitlines() != samples
    assert sum(found[0] > 2 for found in load_run(Path(folder)).sample(200)) / 200 > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run",), "Give one of --constraint, --config and --resume"),
        (("run", "-c", "nope", "--model", "linear:4"), "No constraint 'nope'"),
        (("run", "-c", "half-spac", "--model", "linear:4"), "did you mean 'half-space'"),
        (("run", "-c", "half-space", "--model", "linear:4", "--set", "bound=3"), "expected NAME.OPTION=VALUE"),
        (("run", "-c", "half-space", "--model", "linear:4", "--set", "half-space.bond=3"), "did you mean 'bound'"),
        (
            ("run", "-c", "half-space", "--model", "linear:4", "--set", "half-space.bound=x"),
            "half-space.bound: Input should be",
        ),
        (("run", "-c", "half-space", "--model", "linear:4", "--set", "gan.rounds=0"), "gan.rounds: Input should be greater"),
        (
            ("run", "-c", "half-space", "--model", "linear:4", "--set", "gan.round=2"),
            "gan.round: no such option; gan has width, ",
        ),
        (("run", "-c", "half-space", "--model", "linear:4", "--weight", "other=2"), "expected NAME=WEIGHT"),
        (("run", "-c", "half-space", "--model", "linear:4", "--weight", "half-space=0"), "weight: Input should be greater"),
        (("run", "-c", "half-space", "-c", "half-space", "--model", "linear:4"), "--constraint ALIAS=half-space"),
        (("run", "-c", "a b=half-space", "--model", "linear:4"), "alias: String should match"),
        (("run", "-c", "-=half-space", "--model", "linear:4"), "alias: String should match"),
        (("run", "-c", "..=half-space", "--model", "linear:4"), "alias: String should match"),
        (("run", "-c", "../up=half-space", "--model", "linear:4"), "alias: String should match"),
        (("run", "-c", " =half-space", "--model", "linear:4"), "alias: String should match"),
        (("run", "-c", "realism=half-space", "--model", "linear:4"), "give the constraint an alias"),
        (("run", "-c", "actor=half-space", "--model", "linear:4"), "'actor' is the name of a network of every run"),
        (("run", "-c", "half-space", "--model", "linear:4", "--set", "half-space.bound=1e9"), "satisfied by 0.00% of"),
        (("run", "-c", "length", "--model", "no/such/folder"), "No text VAE called 'no/such/folder'"),
        (("run", "--config", "none.json"), "none.json cannot be read: No such file or directory. Give"),
        (("run", "--config", "empty.json"), "empty.json cannot be read: Expecting value: line 1 column 1 (char 0). Repair it"),
        (("run", "--config", "empty.toml"), "empty.toml: constraints: Field required"),
        (("run", "--config", "wrong.toml"), "wrong.toml cannot be read: Expected '=' after a key"),
        (("run", "--config", "wrong.json"), "wrong.json: constraints: Field required; sed: no such option; there are model, "),
        (("run", "--config", "wrong.json", "--seed", "3"), "--seed: wrong.json has its own settings. Leave that out, or edit"),
        (("run", "--resume", "cut", "--set", "gan.rounds=2", "--weight", "half-space=2"), "--set, --weight: cut has its own"),
        (
            ("run", "--resume", "cut", "--set", "gan.rounds=2", "--out", "new"),
            "--resume continues cut in that folder. Leave out --out",
        ),
        (("run", "--resume", "nowhere"), "No run folder at nowhere. lcgan run creates one"),
        (("sample", "nowhere"), "nowhere. lcgan run creates one"),
        (("sample", "."), "is not a run folder"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(run_lcgan: Lcgan, arguments: tuple[str, ...], message: str) -> None:
    for name, content in {"empty.json": "", "empty.toml": "", "wrong.toml": "seed 3"}.items():
        Path(name).write_text(content, encoding="utf-8")
    Path("wrong.json").write_text('{"sed": 3}', encoding="utf-8")
    ran = run_lcgan(*arguments)
    assert ran.exit_code in (1, 2)
    assert message in ran.stderr
    assert "Traceback" not in ran.output
    assert len([line for line in ran.stderr.splitlines() if line.startswith("Error")]) == 1
    assert ran.stdout == ""
    assert not list(Path().glob("runs/*/result.json"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return [1.0]", "mine.py:f' returned 1 values for"),
        ("return [float('nan')] * len(samples)", "mine.py:f' returned nan for ("),
        ("return [2] * len(samples)", "mine.py:f' returned 2 for ("),
        ("raise KeyError('colour')", "mine.py line 2 on a batch of"),
        ("exit()", "mine.py line 2 on a batch of"),
        ("raise SystemExit('done')", "SystemExit: done. Fix the constraint"),
        ("import os, sys; sys.exit(os.EX_OK)", "SystemExit: 0. Fix the constraint"),
    ],
)
def test_a_faulty_constraint_stops_the_run_and_is_named(run_lcgan: Lcgan, body: str, message: str) -> None:
    Path("mine.py").write_text(f"def f(samples):\n    {body}\n", encoding="utf-8")
    ran = run_lcgan("run", "-c", "./mine.py:f", "--model", "linear:4")
    assert ran.exit_code == 1
    assert message in ran.stderr
    assert not list(Path().glob("runs/*/result.json"))


def test_a_folder_that_holds_something_is_left_alone(run_lcgan: Lcgan) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work", encoding="utf-8")
    ran = run_lcgan(*RUN, "--out", "mine")
    assert ran.exit_code == 1
    assert "mine already exists" in ran.stderr
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]


def test_a_finished_run_is_not_resumed(run_lcgan: Lcgan) -> None:
    folder = json.loads(run_lcgan(*RUN, "--json").stdout)["run"]
    assert "is finished" in run_lcgan("run", "--resume", folder).stderr


def test_damaged_and_foreign_weights(run_lcgan: Lcgan) -> None:
    folder = Path(json.loads(run_lcgan(*RUN, "--json").stdout)["run"])
    actor = folder / "actor.safetensors"
    with pytest.raises(RunError, match="was trained on the model linear-4, not on this one"):
        load_actor(actor, LinearModel(5))
    with pytest.raises(RunError, match="works only with its own model"):
        load_critic(folder / "critics/half-space.safetensors", LinearModel(5))
    assert load_critic(folder / "critics/half-space.safetensors", LinearModel(4))(torch.zeros(2, 4)).shape == (2,)

    _, metadata = read_tensors(actor)
    write_tensors(folder / "other.safetensors", {"x": torch.zeros(3)}, {"of": "somebody else"})
    with pytest.raises(RunError, match="was not written by lcgan run"):
        load_actor(folder / "other.safetensors", LinearModel(4))
    write_tensors(folder / "other.safetensors", {"x": torch.zeros(3)}, metadata)
    with pytest.raises(RunError, match="does not hold the weights"):
        load_actor(folder / "other.safetensors", LinearModel(4))
    whole = actor.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not weights at all"):
        actor.write_bytes(damaged)
        with pytest.raises(RunError, match="is truncated, damaged or not a weights file"):
            load_actor(actor, LinearModel(4))


def test_a_checkpoint_of_other_constraints_is_refused(run_lcgan: Lcgan) -> None:
    config = RunConfig(
        model="linear:4",
        constraints=(Wish(constraint="half-space"),),
        gan=GanConfig(width=16, rounds=2, iterations=2, posterior_labels=600, max_posterior_labels=600),
    )
    with killed_after_a_round():
        run(config, Path("cut"))
    changed = json.loads(Path("cut/config.json").read_text(encoding="utf-8"))
    changed["constraints"][0]["options"] = {"bound": 0.5}
    Path("cut/config.json").write_text(json.dumps(changed), encoding="utf-8")
    stderr = run_lcgan("run", "--resume", "cut").stderr
    assert "constraints.0.options.bound was None, is 0.5" in stderr
