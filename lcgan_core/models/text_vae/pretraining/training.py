"""Training the text VAE, and the language model that writes for it, with transformers' ``Trainer``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, LoraModel
from torch import Tensor, nn
from torch.utils.data import Sampler
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.trainer_pt_utils import LengthGroupedSampler

from ....support.device import multiplies_bf16
from ....support.trainer import FiniteTrainer
from ....support.trainer import fit as train
from ..batches import Batch, Rows, deleted
from ..modeling import TextVae


class BatchesOfOneLength(Sampler[int]):
    """Rows of about one length follow each other for a batch, and batches follow each other by chance.

    transformers' ``LengthGroupedSampler`` alone goes from long texts to short ones, every fifty batches anew. The training
    follows these waves: after 500 batches of example sentences, their reconstruction took 64 nats in place of 43.
    """

    def __init__(self, lengths: Tensor, batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        order = torch.Generator().manual_seed(self.seed)  # the same where a training goes on
        grouped = [*LengthGroupedSampler(self.batch_size, lengths=self.lengths.tolist(), generator=order)]
        *whole, last = torch.tensor(grouped).split(self.batch_size)
        batches = [whole[i] for i in torch.randperm(len(whole), generator=order).tolist()]
        return iter(torch.cat([*batches, last]).tolist())


KNOWN_RATE = 0.2
"""Share of the learning rate for what has learned before: an encoder, and of an ``adapted`` language model all but adapters."""


class RowsTrainer(FiniteTrainer):
    """Puts texts of about one length into a batch. What is ``known`` already learns more slowly."""

    def __init__(self, *, known: Iterable[nn.Parameter] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.known = {*known}

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = super().create_optimizer(*args, **kwargs)
        for group in [*optimizer.param_groups] if self.known else ():
            slower = {**group, "params": [each for each in group["params"] if each in self.known]}
            group["params"] = [each for each in group["params"] if each not in self.known]
            optimizer.add_param_group(slower | {"lr": group["lr"] * KNOWN_RATE})
        return optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        rows = cast(Rows, self.train_dataset)
        return BatchesOfOneLength(rows.lengths[rows.order], self.args.train_batch_size, self.args.seed)


def fit(
    model: PreTrainedModel,
    rows: Rows,
    collate: Callable[[Any], Batch],
    checkpoints: Path,
    *,
    batch_size: int,
    learning_rate: float,
    seed: int,
    on_progress: Callable[[float], None],
    trainer_class: type[RowsTrainer] = RowsTrainer,
    **trainer_options: Any,
) -> PreTrainedModel:
    """Trains ``model`` on all ``rows``; goes on from the last of the ``checkpoints`` where there are any.

    Raises ``TrainingError`` where the loss is no finite number any more.
    """
    torch.set_flush_denormal(True)  # softmax gradients are full of denormal numbers, which are ten times slower
    train(
        model,
        rows,
        checkpoints,
        epochs=1,  # the rows repeat themselves
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        on_progress=on_progress,
        collate=collate,
        trainer_class=trainer_class,
        arguments={"weight_decay": 0.01, "adam_beta2": 0.98, "save_steps": 500},
        **trainer_options,
    )
    return model


RISE = 0.7
"""Share of the training in which the weight of the KL term rises, with the cube of the time: z is used first and narrowed
after."""
DELETIONS_END = 0.8
"""Share of the training after which the encoder sees all tokens."""
WITHOUT_Z = 0.1
"""Share of the texts that the decoder learns as a language model does."""


ADAPTER_RANK = 32
ADAPTER_SCALE = 2
"""What an adapter's product counts for."""
TOKENS_AT_ONCE = 512
"""Of a batch, which such a model sees on a processor, to spare memory."""


def adapted(language_model: PreTrainedModel) -> LoraModel:
    """The ``language_model``, its matrices frozen, and beside each an adapter that learns (Hu et al. 2021, arXiv 2106.09685).

    It keeps what it knows, and learns to listen to z at the learning rate of what is new. After six minutes of training on
    example sentences, held-out ones took 34.3 nats in place of 35.2, with a KL divergence of 28 in place of 34. Its embeddings
    and norms learn too: else it does not learn where a text ends. What is frozen is kept as it is multiplied, to spare memory.
    """
    config = LoraConfig(
        r=ADAPTER_RANK,
        lora_alpha=ADAPTER_SCALE * ADAPTER_RANK,
        target_modules="all-linear",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in language_model.modules()),  # as GPT-2 keeps its matrices
    )
    found = LoraModel(language_model, config, "default")
    for name, value in found.named_parameters():
        if ".base_layer." not in name:
            value.requires_grad_(True)
        elif multiplies_bf16():
            value.data = value.to(torch.bfloat16)
    return found


def known_to(vae: TextVae) -> list[nn.Parameter]:
    """What of a VAE with an ``adapted`` decoder has learned before its decoder does."""
    rest = [value for name, value in vae.decoder.named_parameters() if "lora_" not in name]
    return [*vae.encoder.parameters(), *vae.to_posterior.parameters(), *rest]


def merged(decoder: LoraModel) -> PreTrainedModel:
    """The language model with what its adapters have learned in its own matrices."""
    return cast(PreTrainedModel, decoder.float().merge_and_unload())


class VaeTrainer(RowsTrainer):
    """Raises the weight of the KL term from 0 to ``kl_weight``, and hides a share of the tokens from the encoder, which falls
    from ``deletion_noise`` to 0."""

    def __init__(
        self,
        *,
        kl_weight: float,
        deletion_noise: float,
        weights: dict[str, float],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kl_weight = kl_weight
        self.deletion_noise = deletion_noise
        self.weights = weights
        self.losses = self._no_losses()
        self.batches_logged = 0.0
        self.share = 1.0  # of a batch, which goes through the model at once

    def kl_weight_now(self, done: float) -> float:
        """The weight of the KL term once the share ``done`` of the training is."""
        return self.kl_weight * min(1.0, done / RISE) ** 3

    @staticmethod
    def _no_losses() -> dict[str, Tensor | float]:
        return dict.fromkeys(("reconstruction", "kl", "bag", "length", "meaning"), 0.0)

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        done = self.state.global_step / self.state.max_steps
        noise = self.deletion_noise * max(0.0, 1 - done / DELETIONS_END)
        output = model(
            **deleted(inputs, noise, cast(TextVae, self.model).config.pad_token_id),
            kl_weight=self.kl_weight_now(done),
            without_z=WITHOUT_Z,
            **self.weights,
        )
        for name in self.losses:  # each is one number, or one of each GPU
            self.losses[name] += 0.0 if output.get(name) is None else self.share * output[name].detach().mean()
        self.batches_logged += self.share
        loss = self.share * output.loss
        return (loss, output) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if self.batches_logged and "loss" in logs:
            logs |= {name: float(total) / self.batches_logged for name, total in self.losses.items()}
            self.losses, self.batches_logged = self._no_losses(), 0.0
        super().log(logs, *args, **kwargs)


class EncoderTrainer(VaeTrainer):
    """Trains the encoder alone, and the layers that read from z which words a text has, how many, and what they mean.

    A batch takes a twentieth of the time that one of a whole language model takes. It matters that the weight of the KL term
    rises: after 2,800 batches of example sentences, a weight that rose to 0.25 left 42.7 nats of a text's words at a KL
    divergence of 36, and a constant weight of 0.1 left 41.2 at 61.
    """

    def __init__(self, *, weights: dict[str, float], **kwargs: Any) -> None:
        super().__init__(weights=weights | {"bag_weight": 1.0, "decodes": False}, **kwargs)  # the words stand for the text


class WriterTrainer(VaeTrainer):
    """Trains an ``adapted`` language model to write what an encoder that has learned before says.

    The encoder hardly moves, and the weight of the KL term is the last that it learned with: else z runs away before the
    decoder has learned to listen, which then learns to do without. After five minutes of training on example sentences,
    held-out ones took 26.4 nats in place of 35.6, with an encoder that had also learned three times as long.
    """

    def training_step(self, model: Any, inputs: Batch, *args: Any, **kwargs: Any) -> Tensor:
        """A batch goes in parts, whose gradients add up."""
        parts = -(-inputs["labels"].numel() // TOKENS_AT_ONCE) if self.args.device.type == "cpu" else 1
        loss = torch.zeros(())
        for part in torch.arange(len(inputs["labels"])).chunk(parts):
            self.share = len(part) / len(inputs["labels"])
            loss = loss + super().training_step(model, {name: value[part] for name, value in inputs.items()}, *args, **kwargs)
        return loss

    def kl_weight_now(self, done: float) -> float:
        return self.kl_weight
