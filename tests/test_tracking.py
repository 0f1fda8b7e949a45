"""The figures of a training in a tracker: what TensorBoard reads back, and what is said where there is no such tracker."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import QUICKEST, Lcgan
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import PretrainedConfig, PreTrainedModel

from lcgan_core import RunConfig, RunError, Wish, run
from lcgan_core.support.files import read_lines
from lcgan_core.support.tracking import following
from lcgan_core.support.trainer import fit

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard", "ignore::DeprecationWarning:google")

CONFIG = RunConfig(
    model="linear:4",
    constraints=(Wish(constraint="half-space"),),
    samples=50,
    gan=QUICKEST.model_copy(update={"rounds": 3}),
)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder)).Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_each_round_and_the_result_go_to_tensorboard(linear_plugin: None, run_lcgan: Lcgan) -> None:
    plain = run(CONFIG, Path("plain"))
    result = run(CONFIG, Path("runs/tracked"), tracker="tensorboard")
    assert result.all == plain.all, "a tracker changes nothing"
    found = scalars(Path("runs/tracked/tensorboard"))
    rounds = read_lines(Path("runs/tracked/metrics.jsonl"))
    assert [step for step, _ in found["actor_loss"]] == [0, 1, 2]
    for name in ("actor_loss", "satisfied", "drift"):
        assert [value for _, value in found[name]] == pytest.approx([row[name] for row in rounds])
    assert found["result/half-space"] == [(result.best_round, pytest.approx(result.all.actor.value))]
    assert list(Path("runs/tracked/tensorboard").glob("*/hparams.yml"))
    assert not Path("plain/tensorboard").exists()


@pytest.mark.parametrize(
    ("command", "left"),
    [
        (("run", "--model", "linear:4", "-c", "half-space", "--out", "new"), ["c.txt"]),
        (("run", "--resume", "new"), ["c.txt"]),
        (("pretrain", "c.txt", "--out", "new"), ["c.txt"]),
    ],
)
def test_a_tracker_that_is_not_there_is_one_line_before_any_training(
    linear_plugin: None, run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], left: list[str]
) -> None:
    Path("c.txt").write_text("good food .\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "wandb", None)
    for name, message in {
        "nobody": "No tracker 'nobody'. There are: tensorboard, trackio, wandb.",
        "wandb": "Tracking with wandb needs wandb: pip install wandb.",
    }.items():
        ran = run_lcgan(*command, "--tracker", name)
        assert ran.exit_code == 1
        assert ran.stderr.splitlines()[-1] == f"Error: {message}"
    assert [path.name for path in Path().iterdir()] == left
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(RunError, match=r"needs accelerate: pip install 'lcgan-core\[track\]'\.$"):
        run(CONFIG, Path("new"), tracker="tensorboard")


class Slope(PreTrainedModel):
    """y = w x, for which the best w is 1."""

    config_class = PretrainedConfig

    def __init__(self) -> None:
        super().__init__(PretrainedConfig())
        self.w = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor, **_: Any) -> dict[str, torch.Tensor]:
        return {"loss": ((self.w - 1) * x).square().mean()}


def test_the_losses_of_a_trainer_go_to_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "")  # which is set, and put back after the test
    monkeypatch.setenv("WANDB_PROJECT", "")
    options: dict[str, Any] = {"epochs": 2, "batch_size": 4, "learning_rate": 0.1, "seed": 0}

    def collate(rows: list[float]) -> dict[str, torch.Tensor]:
        return {"x": torch.tensor(rows)}

    def train(folder: Path) -> None:
        data: Any = [1.0] * 20
        fit(
            Slope(), data, folder / "checkpoints", on_progress=print, collate=collate, arguments={"logging_steps": 1}, **options
        )

    with following("tensorboard", tmp_path / "model"):
        train(tmp_path / "model")
    losses = scalars(tmp_path / "model" / "tensorboard" / "Slope")["train/loss"]
    assert [step for step, _ in losses] == list(range(1, 11))
    assert losses[0][1] == pytest.approx(1)
    assert losses[-1][1] < 0.5
    train(tmp_path / "quiet")
    assert not list((tmp_path / "quiet").rglob("*tfevents*"))
