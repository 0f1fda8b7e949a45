"""Training a Sketch-RNN with transformers' ``Trainer``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset, Sampler

from lcgan_core.support.trainer import FiniteTrainer
from lcgan_core.support.trainer import fit as train

from .modeling import SketchRnn

if TYPE_CHECKING:
    from .drawing import Moves
    from .recipe import SketchRnnRecipe

SORTED = 16
"""Batches among which drawings are sorted by length: padding is computed for nothing. Arbitrary."""


class PaddedDrawings(Dataset[dict[str, Tensor]]):
    """Drawings, a padded batch at once."""

    def __init__(self, drawings: Sequence[Moves]) -> None:
        self.drawings = [torch.from_numpy(moves) for moves in drawings]

    def __len__(self) -> int:
        return len(self.drawings)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return self.__getitems__([row])

    def __getitems__(self, rows: list[int]) -> dict[str, Tensor]:
        return padded([self.drawings[row] for row in rows])


def padded(drawings: Sequence[Tensor]) -> dict[str, Tensor]:
    """The arguments of ``SketchRnn.forward``."""
    return {
        "moves": pad_sequence(list(drawings), batch_first=True),
        "lengths": torch.tensor([len(moves) for moves in drawings]),
    }


class SimilarLengths(Sampler[int]):
    """All rows in random order, but each batch with rows of similar length."""

    def __init__(self, lengths: Sequence[int], batch_size: int) -> None:
        self.lengths, self.batch_size = torch.tensor(lengths), batch_size

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        batches: list[Tensor] = []
        for part in torch.randperm(len(self.lengths)).split(SORTED * self.batch_size):
            batches += part[self.lengths[part].argsort()].split(self.batch_size)
        whole = [batch for batch in batches if len(batch) == self.batch_size]
        rest = [batch for batch in batches if len(batch) < self.batch_size]
        for number in torch.randperm(len(whole)).tolist():
            yield from whole[number].tolist()
        for batch in rest:
            yield from batch.tolist()


class _Trainer(FiniteTrainer):
    def _get_train_sampler(self, train_dataset: Any = None) -> SimilarLengths:
        drawings = self.train_dataset
        assert isinstance(drawings, PaddedDrawings)
        return SimilarLengths([len(moves) for moves in drawings.drawings], self.args.train_batch_size)


def fit(
    model: SketchRnn,
    drawings: Sequence[Moves],
    checkpoints: Path,
    recipe: SketchRnnRecipe,
    on_progress: Callable[[float], None],
) -> None:
    """Trains ``model`` in place; goes on from the last of the ``checkpoints`` if there are any."""
    train(
        model,
        PaddedDrawings(drawings),
        checkpoints,
        **recipe.model_dump(include={"epochs", "batch_size", "learning_rate", "seed"}),
        on_progress=on_progress,
        trainer_class=_Trainer,
        arguments={"logging_steps": 50},
    )
