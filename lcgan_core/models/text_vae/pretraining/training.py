"""Training the two networks of a model folder with transformers' ``Trainer``: the text VAE and its fluency judge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

from ....support.bfloat16 import bf16_is_fast
from ..batches import Batch, VaeBatches


def new_judge(tokenizer: PreTrainedTokenizerFast, width: int) -> GPT2LMHeadModel:
    """A small causal transformer: of another architecture than the VAE, so that it is fooled by other things."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=tokenizer.model_max_length + 1,
            n_embd=width,
            n_layer=4,
            n_head=4,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    )


class Progress(TrainerCallback):
    """Reports the share of steps done."""

    def __init__(self, on_progress: Callable[[float], None]) -> None:
        self.on_progress = on_progress

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        self.on_progress(state.global_step / state.max_steps)


def fit(
    model: PreTrainedModel,
    dataset: Dataset,
    collate: Callable[[Any], Batch],
    checkpoints: Path,
    *,
    epochs: float,
    batch_size: int,
    learning_rate: float,
    seed: int,
    on_progress: Callable[[float], None],
    trainer_class: type[Trainer] = Trainer,
    **trainer_options: Any,
) -> PreTrainedModel:
    """Trains ``model`` on rows of token ids; goes on from the last of the ``checkpoints`` where there are any."""
    torch.set_flush_denormal(True)  # softmax gradients are full of denormal numbers, which are ten times slower
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=epochs,
        per_device_train_batch_size=batch_size,
        learning_rate=learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=0.02,
        weight_decay=0.01,
        adam_beta2=0.98,
        max_grad_norm=1.0,
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        bf16=bf16_is_fast(),
        use_cpu=not torch.cuda.is_available(),  # or Trainer refuses bf16
        seed=seed,
        logging_steps=100,
        save_steps=500,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
    )
    trainer = trainer_class(
        model=model,
        args=arguments,
        train_dataset=dataset,
        data_collator=collate,
        callbacks=[Progress(on_progress)],
        **trainer_options,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None)
    return model


class VaeTrainer(Trainer):
    """In the first ``kl_warmup`` of the steps the weight of the KL term rises linearly from 0 to ``kl_weight``; after that the
    deletion noise of the batches falls linearly to ``final_deletion_noise``."""

    def __init__(
        self,
        *,
        data_collator: VaeBatches,
        kl_weight: float,
        kl_warmup: float,
        bag_weight: float,
        length_weight: float,
        meaning_weight: float,
        prior_weight: float,
        moment_weight: float,
        final_deletion_noise: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_collator=data_collator, **kwargs)
        self.batches = data_collator
        self.kl_weight = kl_weight
        self.kl_warmup = kl_warmup
        self.weights = {
            "bag_weight": bag_weight,
            "length_weight": length_weight,
            "meaning_weight": meaning_weight,
            "prior_weight": prior_weight,
            "moment_weight": moment_weight,
        }
        self.final_deletion_noise = final_deletion_noise
        self.first_deletion_noise = self.batches.deletion_noise
        self.parts = dict.fromkeys(("reconstruction", "kl", "bag", "length", "meaning", "prior", "moments"), 0.0)
        self.batches_logged = 0

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        done = self.state.global_step / self.state.max_steps
        risen = min(1.0, done / self.kl_warmup) if self.kl_warmup else 1.0
        fallen = max(0.0, (done - self.kl_warmup) / (1 - self.kl_warmup)) if self.kl_warmup < 1 else 0.0
        noise = self.first_deletion_noise + fallen * (self.final_deletion_noise - self.first_deletion_noise)
        self.batches.deletion_noise = noise
        inputs["lengths"] = inputs["lengths"].cpu()  # packing wants them there
        output = model(**inputs, kl_weight=self.kl_weight * risen, **self.weights)
        for name in self.parts:
            self.parts[name] += 0.0 if output.get(name) is None else output[name].item()
        self.batches_logged += 1
        return (output.loss, output) if return_outputs else output.loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if self.batches_logged and "loss" in logs:
            logs |= {name: total / self.batches_logged for name, total in self.parts.items()}
            self.parts, self.batches_logged = dict.fromkeys(self.parts, 0.0), 0
        super().log(logs, *args, **kwargs)
