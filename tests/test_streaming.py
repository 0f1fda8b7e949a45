"""Samples are written as they are drawn, and the same number of them in one batch or in several is the same samples."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from click.testing import CliRunner
from conftest import HalfSpace, LinearModel

from lcgan_core import Constraint, ModelError, chance_of
from lcgan_core.cli import lcgan
from lcgan_core.cli.common import results
from lcgan_core.engine.aggregate_posterior import AggregatePosterior
from lcgan_core.engine.labelling import Labeller
from lcgan_core.engine.networks import Actor, Critic, GanConfig
from lcgan_core.engine.samplers import Steering
from lcgan_core.errors import RunError
from lcgan_core.runs import finished
from lcgan_core.runs.config import RunConfig, Wish
from lcgan_core.sample_kinds import Text


def written() -> list[str]:
    return results().buffer.getvalue().decode().splitlines()  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Iterator[list[str]]]], None]:
    def stub(batches: Callable[[], Iterator[list[str]]]) -> None:
        model = SimpleNamespace(sample_kind=Text(), quality=None, memory=lambda samples: {})
        run = SimpleNamespace(model=model, unusable=[], batches=lambda *asked, **options: batches())
        monkeypatch.setattr(finished, "load_run", lambda folder, device: run)

    return stub


def test_each_batch_is_written_before_the_next_is_drawn(drawing: Callable[..., None]) -> None:
    def batches() -> Iterator[list[str]]:
        for number in range(4):
            assert len(written()) == 2 * number
            yield [f"first of {number}", "two\nlines"]

    drawing(batches)
    ran = CliRunner().invoke(lcgan, ["sample", "RUN", "-n", "8"], catch_exceptions=False)
    assert ran.stdout.splitlines()[::2] == [f"first of {number}" for number in range(4)]


@pytest.mark.parametrize("error", [ModelError("broken"), OSError(28, "No space left on device"), SystemExit(3)])
def test_what_was_drawn_before_an_error_is_not_lost(drawing: Callable[..., None], error: BaseException) -> None:
    def batches() -> Iterator[list[str]]:
        yield ["good"]
        raise error

    drawing(batches)
    ran = CliRunner().invoke(lcgan, ["sample", "RUN", "-n", "8"])
    assert (ran.exit_code, ran.stdout) == (1, "good\n")


@pytest.mark.parametrize("sampler", ["start", "rejection", "gradient"])
def test_a_larger_number_begins_with_the_samples_of_a_smaller_one(monkeypatch: pytest.MonkeyPatch, sampler: str) -> None:
    monkeypatch.setattr(finished, "DRAWN_AT_ONCE", 4)
    run = finished.FinishedRun(RunConfig(constraints=(Wish(constraint="half-space"),)), LinearModel(3), steering())
    most = list(run.batches(10, seed=5, sampler=sampler))
    assert [len(batch) for batch in most] == [4, 4, 2]
    assert run.sample(8, seed=5, sampler=sampler) == [sample for batch in most[:2] for sample in batch]


class Telling(LinearModel):
    """Finds samples natural whose first value is high."""

    def naturalness(self, samples: Sequence[tuple[float, ...]]) -> torch.Tensor:
        return torch.tensor([sample[0] for sample in samples]).sigmoid()


@pytest.mark.parametrize("keep", [0.5, 0.3, 0.9])
def test_the_most_natural_share_of_the_samples_is_kept(monkeypatch: pytest.MonkeyPatch, keep: float) -> None:
    monkeypatch.setattr(finished, "DRAWN_AT_ONCE", 10)
    run = finished.FinishedRun(RunConfig(constraints=(Wish(constraint="half-space"),)), Telling(3), steering())
    run.steering.labeller.constraints = {"half-space": HalfSpace(bound=-9.0)}
    kept = run.sample(10, sampler="start", keep=keep)
    monkeypatch.setattr(finished, "DRAWN_AT_ONCE", 1000)
    decoded = run.sample(math.ceil(10 / keep), sampler="start")
    assert sorted(kept) == sorted(decoded)[-10:]
    assert kept == [sample for sample in decoded if sample in kept]
    assert len(run.sample(25, sampler="start", keep=keep)) == 25


class Drawing(Telling):
    """Adds chance at a temperature, and wants half of its samples kept."""

    keep: ClassVar[float] = 0.5

    def draw(self, z: torch.Tensor, temperature: float) -> list[tuple[float, ...]]:
        return self.decode(z + temperature * torch.stack([torch.rand(3, generator=chance_of(row)) for row in z]))


def test_a_model_says_what_to_keep_and_its_user_may_say_otherwise() -> None:
    run = finished.FinishedRun(RunConfig(constraints=(Wish(constraint="half-space"),)), Drawing(3), steering())
    plain = run.sample(10, temperature=0.0, keep=1.0)
    assert run.sample(10) == run.sample(10, temperature=0.0, keep=0.5) != plain
    assert run.sample(10, keep=1.0) == plain
    hot = run.sample(10, temperature=0.5, keep=1.0)
    assert len({*plain, *hot, *run.sample(10, temperature=1.0, keep=1.0)}) == 30


def best_of(run: finished.FinishedRun, samples: list[tuple[float, ...]], n: int) -> list[tuple[float, ...]]:
    return run.best(samples, run.satisfying(samples), n)


def test_what_satisfies_is_kept_first_then_what_repeats_nothing_then_what_is_natural() -> None:
    run = finished.FinishedRun(RunConfig(constraints=(Wish(constraint="half-space"),)), Telling(3), steering())
    often, once, rarely, violating = (3.0, 0.0, 0.0), (2.0, 0.0, 0.0), (0.1, 0.0, 0.0), (-1.0, 9.0, 9.0)
    drawn = [violating, often, once, often, rarely, often]
    assert best_of(run, drawn, 1) == [often]
    assert best_of(run, drawn, 3) == [often, once, rarely]
    assert best_of(run, drawn, 4).count(often) == 2
    assert best_of(run, drawn, 6) == drawn


@pytest.mark.parametrize(("bound", "decoded", "satisfying"), [(-9.0, 40, 20), (1.0, 80, 20), (9.0, 200, 0)])
def test_more_is_decoded_while_too_few_satisfy(
    monkeypatch: pytest.MonkeyPatch, bound: float, decoded: int, satisfying: int
) -> None:
    run = finished.FinishedRun(RunConfig(constraints=(Wish(constraint="half-space"),)), Telling(3), steering())
    run.steering.labeller.constraints = {"half-space": HalfSpace(bound=bound)}
    counts: list[int] = []
    decode = Telling.decode
    monkeypatch.setattr(Telling, "decode", lambda model, z: counts.append(len(z)) or decode(model, z))
    kept = run.sample(20, sampler="start", keep=0.5)
    assert (sum(counts), len(kept), sum(HalfSpace(bound=bound)(kept))) == (decoded, 20, satisfying)
    counts.clear()
    monkeypatch.setattr(HalfSpace, "__call__", pytest.fail)
    assert len(run.sample(20, sampler="start", keep=1.0)) == sum(counts) == 20, "whether or not they satisfy"


class Costly(HalfSpace):
    """."""

    expensive: ClassVar[bool] = True

    def __call__(self, samples: Sequence[tuple[float, ...]]) -> list[bool]:
        raise AssertionError("asked")


@pytest.mark.parametrize("unasked", [finished.Unusable(reason="gone"), Costly(bound=0.0)])
def test_a_constraint_that_is_gone_or_costs_much_is_not_asked(unasked: Constraint) -> None:
    run = finished.FinishedRun(RunConfig(constraints=(Wish(constraint="half-space"),)), Telling(3), steering())
    run.steering.labeller.constraints = {"half-space": unasked}
    assert best_of(run, [(-1.0, 0.0, 0.0), (-3.0, 0.0, 0.0), (-2.0, 0.0, 0.0)], 2) == [(-1.0, 0.0, 0.0), (-2.0, 0.0, 0.0)]


def test_a_model_that_cannot_tell_what_is_natural_keeps_all() -> None:
    run = finished.FinishedRun(RunConfig(constraints=(Wish(constraint="half-space"),)), LinearModel(3), steering())
    assert len(run.sample(3, keep=1.0)) == 3
    with pytest.raises(RunError, match=r"cannot tell how natural its samples are. Leave --keep out."):
        run.sample(3, keep=0.5)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"keep": 50}, r"50 of the samples to keep is not in \(0, 1\]"),
        ({"sampler": "no-such"}, r"No sampler 'no-such'. There are: "),
        ({"temperature": 1.0}, "decodes each latent to a single sample: leave the temperature out"),
    ],
)
def test_what_cannot_be_drawn_is_said(asked: dict[str, Any], message: str) -> None:
    run = finished.FinishedRun(RunConfig(constraints=(Wish(constraint="half-space"),)), LinearModel(3), steering())
    with pytest.raises((RunError, ModelError), match=message):
        run.sample(3, **asked)


def steering() -> Steering:
    model, config = LinearModel(3), GanConfig(width=8, depth=1)
    labeller = Labeller(model, {"half-space": HalfSpace(bound=0.0)})
    critics = {name: (Critic.of(model, config), 1.0) for name in ("half-space", "realism")}
    return Steering(labeller, AggregatePosterior.of(model), Actor.of(model, config), critics, config)


def test_an_open_pipe_is_answered_at_once() -> None:
    """By a real process that reads and writes line by line."""
    program = (
        "from lcgan_core.cli.common import arriving_lines\nfor lines in arriving_lines(64):\n    print(*lines, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin
        assert process.stdout
        for line in ("one", "two", "three"):
            process.stdin.write(f"{line}\n")
            assert process.stdout.readline() == f"{line}\n"
        process.stdin.close()
