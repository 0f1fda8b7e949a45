"""A latent of 4 x 64 x 64, as autoencoders of diffusion models have it: memory, and networks that a model brings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import Lcgan
from torch import Tensor, nn

from lcgan_core import LatentModel, hookimpl, load_run
from lcgan_core.engine.networks import GanConfig, Networks
from lcgan_core.engine.samplers import SAMPLERS

PLUGIN = "from test_large_latents import Convolved, Patches, register_latent_models\n"
BOUND = 2 * 2**20
"""Kilobytes."""
FEW = ("rounds=1", "iterations=2", "pretraining_batches=2", "batch_size=8", "max_drift=50", "min_unique=0.05")
"""What takes time; how much memory is taken does not depend on it."""


class Patches(LatentModel[str]):
    """A latent of 4 x 64 x 64 as a line of 16 words: whether the average of each patch of its first channel is high or low."""

    name = "patches"
    latent_dim = 4 * 64 * 64
    fingerprint = "patches"

    @classmethod
    def load(cls, source: str) -> Patches:
        return cls()

    def decode(self, z: Tensor) -> list[str]:
        averages = nn.functional.avg_pool2d(z.reshape(-1, 4, 64, 64), 16)[:, 0].flatten(1)
        return [" ".join("high" if value > 0 else "low" for value in row) for row in averages.tolist()]


class Convolutions(nn.Module):
    """Of the shape of the latent, each place by its neighbours."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(4, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, outputs, 3, padding=1))

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z.reshape(-1, 4, 64, 64)).flatten(1)


class Convolved(Patches):
    """The same with networks of its own, which have some hundred weights where a flat one has millions."""

    name = "convolved"
    fingerprint = "convolved"

    def actor_net(self, width: int, depth: int) -> nn.Module:
        return Convolutions(width, 2 * 4)

    def critic_net(self, width: int, depth: int) -> nn.Module:
        return nn.Sequential(Convolutions(width, 1), nn.AvgPool1d(64 * 64))


@hookimpl
def register_latent_models(register: Callable[[type[LatentModel[str]]], None]) -> None:
    register(Patches)
    register(Convolved)


WISH = """
def high(texts):
    return [float(text.startswith("high")) for text in texts]
"""


@pytest.fixture
def large(install: Callable[..., None], run_lcgan: Lcgan) -> Lcgan:
    install("large-plugin", PLUGIN)
    Path("wish.py").write_text(WISH, encoding="utf-8")
    return run_lcgan


def asked(model: str, *settings: str) -> list[str]:
    options = [argument for setting in (*FEW, *settings) for argument in ("--set", f"gan.{setting}")]
    return ["run", "--model", f"{model}:any", "-c", "wish.py:high", "--samples", "100", "--out", model, *options, "--json"]


# getrusage would report the peak of the process that started this one where that is higher.
MEASURED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
sys.path.insert(0, {site!r})
from lcgan_core.cli import lcgan
lcgan({arguments!r}, standalone_mode=False)
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.usefixtures("large")
def test_a_run_with_the_flat_networks_takes_less_than_2_gb() -> None:
    site = str(Path("../site-packages").resolve())
    script = MEASURED.format(tests=str(Path(__file__).parent), site=site, arguments=asked("patches"))
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    result, kilobytes = ran.stdout.splitlines()
    assert int(kilobytes) < BOUND
    assert 1000 < json.loads(result)["labels"] < GanConfig().posterior_labels


def test_a_model_brings_networks_of_its_own(large: Lcgan) -> None:
    ran = large(*asked("convolved", "width=8", "label_megabytes=64"))
    assert ran.exit_code == 0, (ran.output, ran.exception)
    assert Path("convolved/actor.safetensors").stat().st_size < 100_000, "a flat one takes 50 MB"
    finished = load_run(Path("convolved"))
    assert isinstance(finished.steering.actor.net, Convolutions)
    assert finished.sample(4) == load_run(Path("convolved")).sample(4)
    reused = large(*asked("convolved", "width=8", "label_megabytes=64"), "--critics", "convolved", "--out", "again")
    assert json.loads(reused.stdout)["reused"] == ["wish.py:high"]
    z = torch.randn(3, Convolved.latent_dim)
    target, gate = finished.steering.actor.move(z)
    assert target.shape == gate.shape == z.shape
    assert all(critic(z).shape == (3,) for critic, _ in finished.steering.critics.values())


def test_every_sampler_draws_a_large_z(large: Lcgan) -> None:
    ran = large(*asked("convolved", "width=4", "label_megabytes=64"))
    assert ran.exit_code == 0, (ran.output, ran.exception)
    finished = load_run(Path("convolved"))
    for name in set(SAMPLERS) - {"gradient", "start-gradient", "ode"}:  # these take no more than their networks do, and time
        held = [text.startswith("high") for text in finished.sample(60, 1, name)]
        assert len(held) == 60
        assert sum(held) / 60 > {"class-prior": 0.65, "offset": 0.65, "mixture": 0.65, "rejection": 0.99}.get(name, 0.2), name


def test_networks_are_the_same_by_the_same_seed() -> None:
    config = GanConfig(width=4)
    first, again, other = (Networks.new(Convolved(), ["high"], config, seed).tensors() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["weights/actor/net.layers.0.weight"], other["weights/actor/net.layers.0.weight"])


def test_labels_are_fewer_where_they_would_not_fit() -> None:
    config = GanConfig()
    assert config.within_memory(64, 3) is config
    large, two = config.within_memory(16_384, 1), config.within_memory(16_384, 2)
    most = large.max_posterior_labels + large.start_labels + large.rounds * large.actor_labels
    assert most * 16_384 * 4 == pytest.approx(config.label_megabytes * 2**20, rel=0.01)
    assert large.posterior_labels == pytest.approx(2 * two.posterior_labels, abs=2)
    assert large.model_dump(exclude={"posterior_labels", "max_posterior_labels", "start_labels", "actor_labels"}) == (
        config.model_dump(exclude={"posterior_labels", "max_posterior_labels", "start_labels", "actor_labels"})
    )
    assert GanConfig(actor_labels=0).within_memory(16_384, 1).actor_labels == 0
