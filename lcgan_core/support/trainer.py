"""What every training with transformers' ``Trainer`` needs: progress, a stop when it diverges, a checkpoint to go on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainerCallback, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME

from ..errors import TrainingError
from .device import multiplies_bf16
from .files import read_json_text
from .heap import give_back_memory
from .pretrained import quiet
from .tracking import trainer_arguments


class Progress(TrainerCallback):
    """Reports the share of steps done."""

    def __init__(self, on_progress: Callable[[float], None]) -> None:
        self.on_progress = on_progress

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        self.on_progress(state.global_step / state.max_steps)


class FiniteTrainer(Trainer):
    """Stops at the first loss that is not a finite number, instead of training weights that are none; saves without a word."""

    def train(self, *args: Any, **kwargs: Any) -> Any:
        with quiet():
            done = super().train(*args, **kwargs)
        weights = self.model.parameters() if self.model else ()
        if not all(bool(one.isfinite().all()) for one in weights):  # no loss tells of the last step
            raise self._diverged("the weights after its last step are not finite")
        return done

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        loss = super().training_step(*args, **kwargs)
        if not loss.isfinite():
            step = f"step {self.state.global_step + 1} of {self.state.max_steps}"
            raise self._diverged(f"the loss of {step} is {loss.item()}")
        return loss

    def _diverged(self, how: str) -> TrainingError:
        kept = last_whole_checkpoint(Path(str(self.args.output_dir)))
        return TrainingError(
            f"The training diverged: {how}. The last checkpoint before it is {kept or 'none'}. Start again in another --out "
            f"with a lower learning_rate than {self.args.learning_rate:g}."
        )


def as_it_is(batch: Any) -> Any:
    """For a dataset whose ``__getitems__`` returns a batch."""
    return batch


def fit(
    model: PreTrainedModel,
    dataset: Dataset[Any],
    checkpoints: Path,
    *,
    epochs: float,
    batch_size: int,
    learning_rate: float,
    seed: int,
    on_progress: Callable[[float], None],
    collate: Callable[[Any], Any] = as_it_is,
    trainer_class: type[FiniteTrainer] = FiniteTrainer,
    arguments: Mapping[str, Any] | None = None,
    **trainer_options: Any,
) -> None:
    """Trains ``model`` in place and freezes it; goes on from the last of the ``checkpoints`` if there are any.

    ``arguments`` are further ones of ``TrainingArguments``. Raises ``TrainingError`` if the loss is no finite number any more.
    """
    trainer = trainer_class(
        model=model,
        args=TrainingArguments(
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
            save_total_limit=2,
            disable_tqdm=True,
            **{"logging_steps": 100, "save_steps": 250, **trainer_arguments(type(model).__name__), **(arguments or {})},
        ),
        train_dataset=dataset,
        data_collator=collate,
        callbacks=[Progress(on_progress)],
        **trainer_options,
    )
    trainer.remove_callback(PrinterCallback)
    last = last_whole_checkpoint(checkpoints)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    model.requires_grad_(False).train(False)
    del trainer
    give_back_memory()


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint below ``folder`` that was written to its end, or None.

    ``Trainer`` writes its state last: where that is missing or cut short, the process was killed or the disk was full.
    """
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    for path in found:
        with suppress(OSError, ValueError):
            read_json_text((path / TRAINER_STATE_NAME).read_bytes())
            return path
    return None
