"""None for "cannot tell": where a constraint declares it, the sample is left out of labels and shares, and counted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import QUICK_GAN, HalfSpace, Lcgan, LinearModel

from lcgan_core import Constraint, ConstraintError, TrainingError
from lcgan_core.constraint import SATISFIED, evaluate
from lcgan_core.engine.aggregate_posterior import AggregatePosterior
from lcgan_core.engine.gan import label_first
from lcgan_core.engine.labelling import Labeller, Pool, all_of_them, scores
from lcgan_core.engine.networks import GanConfig
from lcgan_core.plugins.discovery import make_constraint
from lcgan_core.runs.evaluation import share_of
from lcgan_core.sample_kinds import Text

REWARDS = """
from collections.abc import Sequence
from typing import Optional

def declared(samples) -> list[float | None]:
    return [None if sample[1] > 0 else float(sample[0] > 1) for sample in samples]

def optional(samples) -> "Sequence[Optional[bool]]":
    return [None if sample[1] > 0 else sample[0] > 1 for sample in samples]

def undeclared(samples) -> list[float]:
    return declared(samples)

def unannotated(samples):
    return declared(samples)

def never(samples) -> list[float | None]:
    return [None] * len(samples)
"""


class Half(HalfSpace):
    """Judges only samples whose second coordinate is negative."""

    name = "half"
    may_abstain = True

    def __call__(self, samples: Sequence[tuple[float, ...]]) -> list[Any]:
        return [None if sample[1] > 0 else sample[0] > self.bound for sample in samples]


@pytest.fixture
def reward(tmp_path: Path) -> Callable[[str], Constraint]:
    (tmp_path / "abstaining.py").write_text(REWARDS, encoding="utf-8")
    return lambda name: make_constraint(f"{tmp_path / 'abstaining.py'}:{name}", {})


@pytest.mark.parametrize("name", ["declared", "optional"])
def test_a_function_declares_it_by_what_it_returns(reward: Callable[[str], Constraint], name: str) -> None:
    held, unknown, violated = evaluate(reward(name), [(2.0, -1.0), (2.0, 1.0), (0.0, -1.0)])
    assert (held, violated) == (1.0, 0.0)
    assert math.isnan(unknown)


@pytest.mark.parametrize("name", ["undeclared", "unannotated"])
def test_without_declaration_none_is_an_error(reward: Callable[[str], Constraint], name: str) -> None:
    with pytest.raises(ConstraintError, match=r"returned None for \(2\.0, 1\.0\), and does not say that it may"):
        evaluate(reward(name), [(2.0, -1.0), (2.0, 1.0)])


@pytest.mark.parametrize("value", [math.nan, "None", 1.5])
def test_only_none_means_that_it_cannot_tell(value: Any) -> None:
    class Odd(Half):
        def __call__(self, samples: Sequence[Any]) -> list[Any]:
            return [value for _ in samples]

    with pytest.raises(ConstraintError, match="Values are finite numbers"):
        evaluate(Odd(), [(1.0, 1.0)])


def test_what_an_expensive_constraint_could_not_judge_is_asked_again() -> None:
    asked: list[str] = []

    class Slow(Constraint):
        """Abstains on what it sees for the first time."""

        name = "slow"
        expensive = True
        may_abstain = True

        def __call__(self, samples: Sequence[str]) -> list[Any]:
            new = [sample not in asked for sample in samples]
            asked.extend(samples)
            return [None if is_new and sample != "sure" else 1.0 for sample, is_new in zip(samples, new, strict=True)]

    first = scores(Slow(), ["sure", "doubtful", "doubtful"], Text())
    assert first[0] == 1.0
    assert math.isnan(first[1])
    assert scores(Slow(), ["sure", "doubtful", "doubtful"], Text()) == [1.0] * 3
    assert asked == ["sure", "doubtful", "doubtful"]


def test_the_pool_leaves_them_out_and_counts_them() -> None:
    nan = math.nan
    pool = Pool.of(torch.arange(5.0)[:, None], torch.tensor([1, nan, 0, nan, 1]), torch.tensor([7, 8, 9]))
    pool.add(torch.tensor([[5.0], [6.0]]), torch.tensor([nan, 0.0]))
    assert pool.z[:, 0].tolist() == [0, 2, 4, 6]
    assert pool.values.tolist() == [1, 0, 1, 0]
    assert pool.real.tolist() == [7, 9]
    assert pool.unjudged == 3


def test_first_labels_are_sought_among_what_can_be_judged() -> None:
    model, half = LinearModel(2), Half(bound=1.0)
    config = GanConfig(posterior_labels=200, max_posterior_labels=2000, start_labels=100, sought_examples=60)
    pools = label_first(
        Labeller(model, {"half": half, "whole": HalfSpace(bound=1.0)}),
        ["half", "whole"],
        AggregatePosterior.of(model),
        config,
        torch.Generator().manual_seed(0),
        lambda what, share: None,
    )
    found = pools["half"]
    assert int((found.values >= SATISFIED).sum()) >= config.sought_examples
    assert found.unjudged + len(found.values) == len(pools["whole"].values)
    assert pools["whole"].unjudged == 0
    assert (2 * found.z[:, 1] <= 0).all()
    assert torch.equal(found.values, (2 * found.z[:, 0] > 1).float())


def test_of_several_constraints_one_that_is_violated_decides() -> None:
    values = torch.tensor([[1, 0.5], [1, 0.4], [math.nan, 0], [1, math.nan], [math.nan, math.nan]])
    assert torch.equal(all_of_them(values).nan_to_num(9), torch.tensor([1.0, 0, 0, 9, 9]))
    assert all_of_them(torch.empty(2, 0)).tolist() == [1, 1]


def test_shares_are_of_what_could_be_judged() -> None:
    assert share_of(torch.tensor([1.0, math.nan, 0.0, math.nan])).value == 0.5
    with pytest.raises(ConstraintError, match="Not one sample could be judged"):
        share_of(torch.tensor([math.nan, math.nan]))


@pytest.mark.usefixtures("linear_plugin")
def test_a_run_counts_what_could_not_be_judged(tmp_path: Path, run_lcgan: Lcgan) -> None:
    Path("mine.py").write_text(REWARDS, encoding="utf-8")
    base = ("run", "--model", "linear:2", "--samples", "200", *QUICK_GAN, "--set", "gan.max_drift=100")
    ran = run_lcgan(*base, "-c", "mine.py:declared", "--out", "out")
    assert ran.exit_code == 0, ran.output
    result = json.loads(Path("out/result.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    (row,) = result["constraints"].values()
    (unjudged,) = result["unjudged"].values()
    assert 200 < row["unjudged"] < 400  # about half of three times 200
    assert unjudged > 200
    assert f"could not judge {row['unjudged']:,} of the samples measured here, and {unjudged:,} in training" in ran.stdout
    rows = [json.loads(line, parse_constant=pytest.fail) for line in Path("out/samples.jsonl").read_text().splitlines()]
    values = {value for row in rows for value in row["values_before"].values()}
    assert values == {0.0, 1.0, None}
    ran = run_lcgan("edit", "out", "0.5,2.0", "--json")
    assert ran.exit_code == 0, ran.output
    json.loads(ran.stdout, parse_constant=pytest.fail)
    ran = run_lcgan(*base, "-c", "mine.py:never", "--out", "other")
    assert ran.exit_code == 1
    assert "could judge none of" in ran.stderr
    assert not (Path("other") / "result.json").exists()


def test_try_shows_a_question_mark(run_lcgan: Lcgan) -> None:
    Path("t.py").write_text("def f(texts) -> list[float | None]:\n    return [None if '?' in t else 1.0 for t in texts]\n")
    assert run_lcgan("try", "t.py:f", "a", "b?").stdout == "1.000  a\n?      b?\n"
    told = json.loads(run_lcgan("try", "t.py:f", "a", "b?", "--json").stdout)
    assert [row["value"] for row in told["scores"]] == [1.0, None]


def test_the_error_is_of_training(reward: Callable[[str], Constraint]) -> None:
    model = LinearModel(2)
    config = GanConfig(posterior_labels=20, max_posterior_labels=40, start_labels=10)
    with pytest.raises(TrainingError, match="could judge none of 50 decoded samples"):
        label_first(
            Labeller(model, {"never": reward("never")}),
            ["never"],
            AggregatePosterior.of(model),
            config,
            torch.Generator().manual_seed(0),
            lambda what, share: None,
        )
