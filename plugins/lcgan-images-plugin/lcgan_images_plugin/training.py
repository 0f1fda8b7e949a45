"""Training on pictures with transformers' ``Trainer``: image VAEs, and the classifier of digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedModel, PrinterCallback, TrainingArguments

from lcgan_core.support.device import multiplies_bf16
from lcgan_core.support.trainer import FiniteTrainer, Progress, last_whole_checkpoint

if TYPE_CHECKING:
    from .reading import Pixels


class Pictures(Dataset[dict[str, Tensor]]):
    """Pictures, and further columns such as labels; a batch is cut out of the arrays at once."""

    def __init__(self, pixels: Pixels, **columns: Any) -> None:
        self.pixels = torch.from_numpy(pixels.copy())
        self.columns = {name: torch.as_tensor(values) for name, values in columns.items()}

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return self.__getitems__([row])

    def __getitems__(self, rows: list[int]) -> dict[str, Tensor]:
        return {"pixels": as_input(self.pixels[rows]), **{name: values[rows] for name, values in self.columns.items()}}


def _as_it_is(batch: Any) -> dict[str, Tensor]:
    """What ``__getitems__`` returns is a batch already."""
    whole: dict[str, Tensor] = batch
    return whole


def as_input(pixels: Tensor) -> Tensor:
    """uint8 ``[n, height, width, channels]`` as float32 ``[n, channels, height, width]`` in [0, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 255


def fit(
    model: PreTrainedModel,
    pictures: Pictures,
    checkpoints: Path,
    *,
    epochs: float,
    batch_size: int,
    learning_rate: float,
    seed: int,
    on_progress: Callable[[float], None],
) -> None:
    """Trains ``model`` in place; goes on from the last of the ``checkpoints`` if there are any."""
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=epochs,
        per_device_train_batch_size=batch_size,
        learning_rate=learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=0.02,
        max_grad_norm=1.0,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        bf16=multiplies_bf16(),
        use_cpu=not torch.cuda.is_available(),  # or Trainer refuses bf16
        seed=seed,
        logging_steps=100,
        save_steps=250,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
    )
    trainer = FiniteTrainer(
        model=model,
        args=arguments,
        train_dataset=pictures,
        data_collator=_as_it_is,
        callbacks=[Progress(on_progress)],
    )
    trainer.remove_callback(PrinterCallback)
    last = last_whole_checkpoint(checkpoints)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    model.requires_grad_(False).train(False)
