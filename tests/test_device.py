"""Everything lies where the model does, shown on a device that refuses every silent copy."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import LINEAR_GAN, QUICK_GAN, HalfSpace, Lcgan, LinearModel
from other_device import ELSEWHERE, OtherDevice
from torch import Tensor

from lcgan_core import Constraint, ConstraintError, LatentModel, ModelError, Posterior, hookimpl, load_run
from lcgan_core.engine import labelling
from lcgan_core.engine.gan import train
from lcgan_core.engine.labelling import Labeller
from lcgan_core.engine.networks import GanConfig
from lcgan_core.engine.samplers import SAMPLERS
from lcgan_core.plugins.discovery import load_latent_model
from lcgan_core.runs.folder import ACTOR, METRICS, SAMPLES
from lcgan_core.support.device import VISIBLE, multiplies_bf16, usable_device, use_only
from lcgan_core.tools.editing import edit

GPU = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))

pytestmark = pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")  # one with content


class MovableModel(LinearModel):
    """The linear model, which takes and gives tensors on its own device alone."""

    name = "movable"

    def move_to(self, device: str) -> None:
        self.device = device

    def encode(self, samples: Sequence[tuple[float, ...]]) -> Posterior:
        return Posterior(*(part.to(self.device) for part in super().encode(samples)))

    def decode(self, z: Tensor) -> list[tuple[float, ...]]:
        assert z.device.type == torch.device(self.device).type
        return super().decode(z)

    def naturalness(self, samples: Sequence[tuple[float, ...]]) -> Tensor:
        """On the processor, as models may return it: the more natural, the nearer the first coordinate is to 0."""
        return torch.exp(-torch.tensor([sample[0] / 2 for sample in samples]).square())


@hookimpl
def register_latent_models(register: Callable[[type[LatentModel[Any]]], None]) -> None:
    register(MovableModel)
    register(LinearModel)


@pytest.fixture
def movable_plugin(install: Callable[..., None]) -> None:
    constraints = "from conftest import register_constraints\n"
    install("movable-plugin", f"{constraints}from test_device import register_latent_models\n")


@pytest.fixture
def elsewhere() -> Iterator[None]:
    with OtherDevice():
        yield


@pytest.fixture(params=[ELSEWHERE, GPU])
def away(request: pytest.FixtureRequest) -> Iterator[str]:
    """A device other than the processor."""
    with OtherDevice() if request.param == ELSEWHERE else nullcontext():
        yield request.param


def test_the_other_device_refuses_silent_copies(elsewhere: None) -> None:
    there = torch.ones(2, device=ELSEWHERE)
    with pytest.raises(AssertionError, match=r"aten\.add\.Tensor mixes tensors of both devices"):
        there + torch.ones(2)
    assert (there + torch.ones(2).to(ELSEWHERE)).cpu().tolist() == [2, 2]


SETTINGS = ("rounds=1", "iterations=30", "naturalness_weight=0.01")
FEW = [argument for setting in SETTINGS for argument in ("--set", f"gan.{setting}")]
RUN = ("run", "--model", "movable:4", "-c", "half-space", *QUICK_GAN, *FEW, "--samples", "50")


@pytest.mark.usefixtures("movable_plugin")
def test_every_command_computes_where_it_is_told_to(run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch, away: str) -> None:
    there = ("--device", away)
    ran = run_lcgan(*RUN, *there, "--json")
    assert ran.exit_code == 0, (ran.output, ran.exception)
    result = json.loads(ran.stdout)
    assert result["labels"] == 600 + 200 + 200
    folder = Path(result["run"])
    assert json.loads((folder / "environment.json").read_text())["device"] == away
    finished = load_run(folder, away)
    assert finished.steering.q.mean.device.type == away
    assert next(finished.steering.actor.parameters()).device.type == away
    for name in set(SAMPLERS) - {"ode"}:  # torchdiffeq asks for numbers that this device does not tell it
        ran = run_lcgan("sample", folder, "-n", "3", "--sampler", name, *there)
        assert ran.exit_code == 0, (name, ran.output, ran.exception)
    (found,) = edit(finished, [(0.0, 1.0, 0.0, 1.0)])
    assert found.closeness < 1
    ran = run_lcgan(*RUN, *there, "--critics", folder, "--json")
    assert json.loads(ran.stdout)["reused"] == ["half-space"]
    ran = run_lcgan("bench", folder, "-n", "50", "--seeds", "1", "--sampler", "actor", *there)
    assert ran.exit_code == 0, (ran.output, ran.exception)
    small = partial(GanConfig, width=16, rounds=1, iterations=2, pretraining_batches=2, posterior_labels=50, sought_examples=1)
    monkeypatch.setattr("lcgan_core.tools.check.GanConfig", small)
    ran = run_lcgan("check", "movable:4", "-n", "50", *there)
    assert ran.exit_code == 0, (ran.output, ran.exception)


@pytest.mark.usefixtures("movable_plugin")
def test_a_run_goes_on_and_is_used_on_another_device(run_lcgan: Lcgan, away: str) -> None:
    folder = json.loads(run_lcgan(*RUN, "--device", "cpu", "--json").stdout)["run"]
    z = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    here, there = load_run(Path(folder), "cpu"), load_run(Path(folder), away)
    with torch.no_grad():
        assert torch.allclose(there.steering.actor(z.to(away)).cpu(), here.steering.actor(z), atol=1e-3)
    assert len(there.sample(20)) == 20


def test_random_numbers_are_those_of_the_processor(away: str) -> None:
    config = LINEAR_GAN.model_copy(update={"rounds": 1, "iterations": 1, "pretraining_batches": 0})
    pools = []
    for device in ("cpu", away):
        model = MovableModel(4)
        model.move_to(device)
        pools.append(train(Labeller(model, {"right": HalfSpace()}), {"right": 1.0}, config, seed=0).pools["right"])
    assert torch.equal(pools[0].z[:3000], pools[1].z[:3000].cpu())
    assert torch.equal(pools[0].values[:3000], pools[1].values[:3000].cpu())


@pytest.mark.usefixtures("movable_plugin")
@pytest.mark.parametrize("device", ["cpu", GPU])
def test_one_seed_gives_one_result_on_a_device(run_lcgan: Lcgan, device: str) -> None:
    for out in ("first", "second"):
        ran = run_lcgan(*RUN, "--device", device, "--out", out)
        assert ran.exit_code == 0, (ran.output, ran.exception)
    for file in (ACTOR, SAMPLES, METRICS):
        assert Path("first", file).read_bytes() == Path("second", file).read_bytes(), file


@pytest.mark.usefixtures("movable_plugin")
@pytest.mark.parametrize(
    ("model", "device", "message"),
    [
        ("movable:4", "cuda:99", r"torch cannot compute on 'cuda:99' here: "),
        ("movable:4", "gpu", r"torch cannot compute on 'gpu' here: .* device"),
        ("movable:4", "meta", r"torch cannot compute on 'meta' here: "),
    ],
)
def test_a_device_that_is_not_there_is_one_line(run_lcgan: Lcgan, model: str, device: str, message: str) -> None:
    for command in (
        ("run", "--model", model, "-c", "half-space", "--device", device),
        ("check", model, "--device", device),
    ):
        ran = run_lcgan(*command)
        assert ran.exit_code == 1
        (line,) = [line for line in ran.stderr.splitlines() if line.startswith("Error")]
        assert line.startswith("Error: torch cannot compute on")
    with pytest.raises(ModelError, match=message):
        usable_device(device)


def test_training_sees_the_device_that_it_is_told_alone(run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcgan_core.support.device.usable_device", lambda name: name)
    for shown, device, left in (("4,7", "cuda:1", "7"), ("", "cuda:1", "1"), ("4,7", "cpu", ""), ("4,7", "auto", "4,7")):
        monkeypatch.setenv(VISIBLE, shown)
        use_only(device)
        assert os.environ[VISIBLE] == left
    monkeypatch.setenv(VISIBLE, "4,7")
    for device, message in (
        ("cuda:2", "There is no GPU 'cuda:2'; CUDA_VISIBLE_DEVICES shows 4, 7."),
        ("mps", "Models are trained on cpu or cuda, not on 'mps'."),
    ):
        ran = run_lcgan("pretrain", "corpus.txt", "--out", "model", "--device", device)
        assert f"Error: {message}" in ran.stderr.splitlines()


@pytest.mark.usefixtures("movable_plugin", "elsewhere")
def test_a_model_of_the_processor_alone_says_so() -> None:
    with pytest.raises(ModelError, match=r"The model linear computes on cpu, not on meta\. Leave out --device\."):
        load_latent_model("linear:4", ELSEWHERE)
    assert load_latent_model("linear:4").device == "cpu"


class Slow(Constraint):
    """Points whose first coordinate is positive, which takes a while to see."""

    name = "slow"
    expensive = True

    @property
    def fingerprint(self) -> str:
        return f"slow {time.time_ns()}"  # no value is kept on disk

    def __call__(self, samples: Sequence[tuple[float, ...]]) -> list[float]:
        judging.append(threading.current_thread().name)
        if any(sample[0] > 90 for sample in samples):
            raise ConstraintError("too far")
        if not decoding_goes_on.wait(10):
            raise ConstraintError("nothing was decoded meanwhile")
        return [float(sample[0] > 0) for sample in samples]


judging: list[str] = []
decoding_goes_on = threading.Event()


class Noticing(LinearModel):
    """Notices that it decodes the second batch."""

    batches = 0

    def decode(self, z: Tensor) -> list[tuple[float, ...]]:
        self.batches += 1
        if self.batches == 2:
            decoding_goes_on.set()
        return super().decode(z)


def test_a_slow_constraint_judges_while_the_next_batch_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling, "OVERLAPPING", 10)
    z = torch.randn(35, 4, generator=torch.Generator().manual_seed(0))
    judging.clear()
    decoding_goes_on.clear()
    model = Noticing(4)
    labelled = Labeller(model, {"slow": Slow(), "half-space": HalfSpace()})(z)
    assert labelled.samples == LinearModel(4).decode(z)
    assert torch.equal(labelled.values, torch.stack([z[:, 0] > 0, z[:, 0] > 1], 1).float())
    assert len(judging) == 4
    assert len({*judging, threading.current_thread().name}) == 2

    empty = Labeller(model, {"slow": Slow()})(z[:0])
    assert (empty.samples, empty.values.shape) == ([], (0, 1))
    z[15, 0] = 100
    model.batches = 0
    with pytest.raises(ConstraintError, match="too far"):
        Labeller(model, {"slow": Slow()})(z)
    assert model.batches < 4, "what follows the error is not decoded"


@pytest.mark.parametrize(
    ("device", "capability", "multiplies"),
    [(None, (7, 5), False), (None, (8, 0), True), ("cuda", (9, 0), True), ("cuda", (7, 0), False), ("meta", (9, 0), False)],
)
def test_a_gpu_multiplies_bfloat16_from_ampere_on(
    monkeypatch: pytest.MonkeyPatch, device: str | None, capability: tuple[int, int], multiplies: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert multiplies_bf16(torch.device(device) if device else None) == multiplies


@pytest.mark.parametrize(("avx512", "amx"), [(True, False), (False, True), (False, False)])
def test_a_processor_multiplies_bfloat16_with_either_extension(
    monkeypatch: pytest.MonkeyPatch, avx512: bool, amx: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert multiplies_bf16() == multiplies_bf16(torch.device("cpu")) == (avx512 or amx)
