"""Runs and models on the hub: pushed to and fetched from a stand-in of it, by huggingface_hub itself, in other processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import QUICKEST, Lcgan
from hub_stand_in import READER, TOKEN, Repository, StandIn, hub
from huggingface_hub import ModelCard

from lcgan_core import RunConfig, Wish, run

CODE = """
from pathlib import Path
Path("wit" + "ness").write_text("executed")
def high(samples):
    return [sample[0] > 1 for sample in samples]
"""


@pytest.fixture
def server() -> Iterator[StandIn]:
    with hub() as found:
        yield found


Process = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def lcgan(server: StandIn, tmp_path: Path, run_lcgan: Lcgan) -> Process:
    """The command line as a process that knows the stand-in alone; huggingface_hub reads its settings when it is imported.

    With ``-c`` as the first argument, Python as such a process.
    """

    def call(*arguments: str | Path, token: str | None = TOKEN, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {"HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0"}
        environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "NO_PROXY": "127.0.0.1", **settings}
        environment |= {"HF_TOKEN": token} if token else {}
        command = [sys.executable, *(() if arguments[0] == "-c" else ("-m", "lcgan_core")), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    return call


@pytest.fixture
def finished(linear_plugin: None, run_lcgan: Lcgan) -> Path:
    run(RunConfig(model="linear:4", constraints=(Wish(constraint="half-space"),), samples=50, gan=QUICKEST), Path("run"))
    return Path("run")


def test_a_run_is_pushed_and_sampled_from_anywhere(finished: Path, lcgan: Process, server: StandIn) -> None:
    pushed = lcgan("push", finished, "me/high", "--private", "--license", "apache-2.0")
    assert (pushed.returncode, pushed.stdout) == (0, f"{server.address}/me/high\n"), pushed.stderr
    repository = server.repositories["me/high"]
    assert repository.private
    sha, files = repository.commits[-1]
    here = {str(path.relative_to(finished)): path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    assert {name: content for name, content in files.items() if name != "README.md"} == {
        name: content for name, content in here.items() if name != "README.md"
    }
    card = ModelCard(files["README.md"].decode())
    assert card.data.library_name == "lcgan"
    assert card.data.license == "apache-2.0"
    assert {"lcgan", "lc-gan"} <= set(card.data.tags)
    (figure, *_) = card.data.eval_results
    share = json.loads(files["result.json"])["all"]["actor"]["value"]
    assert (figure.metric_name, figure.metric_value) == ("satisfied: half-space", share)
    assert "lcgan sample hub:me/high -n 20" in card.text

    local = lcgan("sample", finished, "-n", "3")
    assert local.returncode == 0, local.stderr
    assert lcgan("sample", "hub:me/high", "-n", "3").stdout == local.stdout
    assert lcgan("sample", f"hub:me/high@{sha}", "-n", "3").stdout == local.stdout
    asked = len(server.asked)
    offline = lcgan("sample", "hub:me/high", "-n", "3", HF_HUB_OFFLINE="1")
    assert offline.stdout == local.stdout
    assert len(server.asked) == asked
    settings = [
        part for name, value in QUICKEST.model_dump(exclude_unset=True).items() for part in ("--set", f"gan.{name}={value}")
    ]
    again = ("run", "--model", "linear:4", "-c", "half-space", "--critics", "hub:me/high", "--samples", "50", "--json")
    reused = lcgan(*again, *settings)
    assert json.loads(reused.stdout)["reused"] == ["half-space"], reused.stderr
    assert json.loads(Path("runs/half-space/config.json").read_text(encoding="utf-8"))["critics"] == ["hub:me/high"]

    repository.commit({"actor.safetensors": files["actor.safetensors"][:-1] + b"?"})
    edited = lcgan("sample", "hub:me/high")
    assert edited.returncode == 1
    assert "actor.safetensors is not as lcgan run wrote it" in edited.stderr


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        ("hub:me/none", {}, "{} has no such repository, or it is private. Check the name."),
        ("hub:me/private", {"token": None}, "has no such repository, or it is private."),
        ("hub:me/gated", {"token": None}, "access to it must be granted. Ask for it on {}/me/gated. Log in with hf auth login"),
        ("hub:me/gated@v9", {}, "it has no revision 'v9'. Give a branch, a tag or a commit, or leave out @v9."),
        ("hub:me/gated", {"HF_HUB_OFFLINE": "1"}, "it is not in the cache, and HF_HUB_OFFLINE is set. Unset it."),
        ("hub:me/gated", {"HF_ENDPOINT": "http://127.0.0.1:9"}, "http://127.0.0.1:9 could not be reached. Connect"),
        ("hub:a/b/c", {}, "'a/b/c' is not the name of a repository. Write hub:USER/NAME or hub:USER/NAME@REVISION."),
    ],
)
def test_what_cannot_be_fetched_is_one_line(
    lcgan: Process, server: StandIn, source: str, settings: dict[str, str], message: str
) -> None:
    server.repositories |= {"me/private": Repository(True), "me/gated": Repository(False)}
    server.repositories["me/gated"].gated = True
    server.repositories["me/gated"].commit({"config.json": b"{}"})
    program = "from lcgan_core import RunError; from lcgan_core.support.hub import fetched; fetched({!r}, RunError)"
    ran = lcgan("-c", program.format(source), **settings)
    assert ran.returncode == 1
    said = ran.stderr.splitlines()[-1]
    assert said.startswith(f"lcgan_core.errors.RunError: {source} cannot be fetched: ")
    assert message.format(server.address) in said


def test_the_command_line_says_it_without_a_traceback(lcgan: Process) -> None:
    for command in (("sample", "hub:me/none"), ("check", "hub:me/none")):
        ran = lcgan(*command)
        assert ran.returncode == 1
        assert ran.stderr.splitlines()[-1].startswith("Error: hub:me/none cannot be fetched: ")
        assert "Traceback" not in ran.stderr


def test_what_cannot_be_pushed_is_one_line(finished: Path, lcgan: Process, server: StandIn) -> None:
    for name, settings, message in (
        ("me/high", {"token": None}, "does not know who you are. Log in with hf auth login, or set HF_TOKEN."),
        ("me/high", {"token": READER}, "your token may not write there."),
        ("me/high", {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set. Unset it."),
        ("a b", {}, "'a b' is not the name of a repository. Write USER/NAME."),
    ):
        ran = lcgan("push", finished, name, **settings)
        assert ran.returncode == 1
        assert message in ran.stderr.splitlines()[-1]
    assert not server.repositories
    (finished / "samples.jsonl").write_text("", encoding="utf-8")
    assert "samples.jsonl is not as lcgan run wrote it" in lcgan("push", finished, "me/high").stderr
    (finished / "result.json").unlink()
    assert "is not finished" in lcgan("push", finished, "me/high").stderr


def test_code_that_a_fetched_run_names_is_not_executed(
    linear_plugin: None, lcgan: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCGAN_CACHE", str(tmp_path / "theirs"))
    Path("theirs.py").write_text(CODE, encoding="utf-8")
    wishes = (Wish(constraint="theirs.py:high"),)
    run(RunConfig(model="linear:4", constraints=wishes, samples=50, gan=QUICKEST), Path("run"))
    monkeypatch.setenv("LCGAN_CACHE", str(tmp_path / "mine"))
    assert lcgan("push", "run", "me/high").returncode == 0
    Path("witness").unlink()
    assert lcgan("sample", "hub:me/high").returncode == 0, "the actor asks no constraint"
    asked = lcgan("sample", "hub:me/high", "--sampler", "rejection")
    assert asked.returncode == 1
    assert "theirs.py brings code of its own" in asked.stderr
    assert not Path("witness").exists()


def test_a_model_is_pushed_and_used_by_its_name(tiny_model: Path, lcgan: Process, server: StandIn) -> None:
    assert lcgan("push", tiny_model, "me/tiny").returncode == 0
    files = server.repositories["me/tiny"].commits[-1][1]
    assert {
        "config.json",
        "model.safetensors",
        "memory.safetensors",
        "words.safetensors",
        "measured.json",
        "manifest.json",
    } <= set(files)
    card = ModelCard(files["README.md"].decode())
    assert {"text-vae", "text"} <= set(card.data.tags)
    assert {"bleu", "kl"} <= {figure.metric_name for figure in card.data.eval_results}
    assert "lcgan run --model hub:me/tiny" in card.text
    names = (str(tiny_model), "hub:me/tiny", "text-vae:hub:me/tiny@main")
    program = "from lcgan_core.plugins.discovery import load_latent_model as m; print(len({m(n).fingerprint for n in %r}))"
    ran = lcgan("-c", program % (names,))
    assert ran.stdout == "1\n", ran.stderr

    server.repositories["me/tiny"].commit({"model.safetensors": b"something else"})
    damaged = lcgan("run", "--model", "hub:me/tiny", "-c", "length")
    assert damaged.returncode == 1
    assert "model.safetensors is not as lcgan pretrain wrote it" in damaged.stderr
