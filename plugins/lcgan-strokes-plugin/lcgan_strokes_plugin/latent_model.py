"""A Sketch-RNN as a latent model: a model folder, loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from lcgan_core import Beside, LatentModel, ModelError, Posterior, SampleError, chance_of
from lcgan_core.support.manifest import check_files

from .describing import described, ranked
from .drawing import lines_of, moves_of
from .modeling import SketchRnn, SketchRnnConfig
from .reference import FRECHET, REFERENCE, Reference
from .sample_kind import Drawings

if TYPE_CHECKING:
    from .drawing import Moves

SHIPPED = Path(__file__).parent / "models"
"""Model folders that ship with the plugin, each reached by its bare name."""
WEIGHTS = "model.safetensors"
LATENTS = "latents.safetensors"
BATCH = 512
LATENT_SHARE = 0.3
"""How much latents vary among features, beside descriptions. Arbitrary."""


def load_network(folder: Path) -> SketchRnn:
    """The frozen network in ``folder``; raises whatever the readers of these formats raise."""
    network = SketchRnn(SketchRnnConfig.from_pretrained(folder, local_files_only=True))
    network.load_state_dict({name: value.float() for name, value in load_file(folder / WEIGHTS).items()})
    network.requires_grad_(False).train(False)
    return network


@torch.no_grad()
def encode_drawings(network: SketchRnn, drawings: Sequence[Moves]) -> Posterior:
    """q(z|x) of each drawing that is simplified and scaled already. An empty one counts as a dot."""
    moves = [torch.from_numpy(one if len(one) else DOT) for one in drawings]
    means = torch.empty(len(moves), network.config.latent_size, device=network.device)
    stds = torch.empty_like(means)
    order = sorted(range(len(moves)), key=lambda row: len(moves[row]))  # similar lengths need little padding
    for at in range(0, len(order), BATCH):
        rows = order[at : at + BATCH]
        padded = pad_sequence([moves[row] for row in rows], batch_first=True).to(network.device)
        lengths = torch.tensor([len(moves[row]) for row in rows], device=network.device)
        means[rows], log_std = network.encode(padded, lengths)
        stds[rows] = log_std.exp()
    return Posterior(means, stds)


DOT = moves_of(lines_of(torch.zeros(1, 3).numpy()), 1.0)


class SketchRnnModel(LatentModel[Any]):
    """A folder that ``lcgan pretrain --kind sketch-rnn`` wrote, or the model that ships: ``kanji``."""

    name: ClassVar[str] = "sketch-rnn"
    sample_kind = Drawings()
    greater_is_better: ClassVar[Mapping[str, bool]] = {FRECHET: False}
    gan: ClassVar[Mapping[str, Any]] = {
        "realism_weight": 1.0,
        "distance_weight": 3e-4,
        "keep_weight": 5e-3,
        "max_drift": 100.0,
        "rounds": 8,
        "iterations": 150,
        "posterior_labels": 6000,
        "start_labels": 5000,
        "actor_labels": 1000,
        "batch_size": 256,
        "critic_batches": 2,
        "pretraining_batches": 1000,
        "proposals": 8.0,
        "critic_learning_rate": 5e-4,
        "actor_learning_rate": 5e-4,
    }
    """A wish such as few strokes is far from most drawings, so the actor must be free to move. Tuned on ``kanji`` with the
    constraint ``stroke-count``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        advice = f"Finish it with lcgan pretrain --resume {folder}, train it again, or give another --model."
        check_files(folder, ("config.json", WEIGHTS, LATENTS, f"{REFERENCE}*"), ModelError, "lcgan pretrain", advice)
        try:
            self.network = load_network(folder)
            latents = load_file(folder / LATENTS)
            self._real_posteriors = Posterior(latents["mean"].float(), latents["std"].float())
            self._quantiles = latents["described"]
            content = (folder / WEIGHTS).read_bytes() + repr(self.network.config.sampling_temperature).encode()
            self.fingerprint = hashlib.sha256(content).hexdigest()[:16]
        except Exception as error:  # the readers of these formats raise whatever damaged bytes lead them to
            raise self._damaged(error) from error
        self.latent_dim = self.network.config.latent_size

    def _damaged(self, error: Exception) -> ModelError:
        return ModelError(
            f"The model folder {self.folder} is incomplete or damaged: {type(error).__name__}: {error}. "
            "Train it again with lcgan pretrain --kind sketch-rnn, or give another --model."
        )

    @classmethod
    def load(cls, source: str) -> Self:
        folder = SHIPPED / source if (SHIPPED / source / "config.json").is_file() else Path(source)
        if not (folder / "config.json").is_file():
            shipped = ", ".join(sorted(path.parent.name for path in SHIPPED.glob("*/config.json")))
            raise ModelError(
                f"No Sketch-RNN called {source!r}: it is neither one that ships ({shipped}) nor a folder with a config.json. "
                "Train one with lcgan pretrain DRAWINGS --kind sketch-rnn --out DIR."
            )
        return cls(folder)

    def move_to(self, device: str) -> None:
        self.device = device
        nn.Module.to(self.network, device)

    def decode(self, z: Tensor) -> list[Any]:
        """The drawing of each z: float32 ``[movements, 3]``, in whole steps of a square of 256 x 256."""
        return self.draw(z, self.network.config.sampling_temperature)

    @torch.no_grad()
    def draw(self, z: Tensor, temperature: float) -> list[Any]:
        found: list[Any] = []
        for part in z.float().split(BATCH):
            if len(part):
                generators = [chance_of(row) for row in part] if temperature else None
                found += [moves.numpy() for moves in self.network.draw(part, temperature, generators)]
        return found

    def encode(self, samples: Sequence[Any]) -> Posterior:
        """q(z|x) of each drawing of any size; raises ``SampleError`` for one that has too many movements when simplified."""
        return encode_drawings(self.network, [self.simplified(sample) for sample in samples])

    def simplified(self, sample: Any) -> Moves:
        """A drawing as the network has it; raises ``SampleError`` if it is too long."""
        config = self.network.config
        moves = moves_of(lines_of(self.sample_kind.array(sample)), config.tolerance)
        if len(moves) > config.max_movements:
            raise SampleError(
                f"The {self.sample_kind.line(sample)} has {len(moves)} movements when it is simplified, more than the "
                f"{config.max_movements} that this model knows. Give a simpler one."
            )
        return moves

    def features(self, samples: Sequence[Any]) -> Tensor:
        """``described`` of each drawing, in ranks among training drawings, and the mean of its posterior, which varies less: a
        few dozen labels teach a few numbers."""
        found = ranked(described(samples), self._quantiles)
        return torch.cat([found, LATENT_SHARE * self.encode(samples).mean.cpu()], 1)

    def real_posteriors(self) -> Posterior:
        return self._real_posteriors

    @cached_property
    def reference(self) -> Reference | None:
        """What real drawings are like; None in a folder that was given away without it."""
        if not (self.folder / REFERENCE).is_file():
            return None
        try:
            return Reference.load(self.folder / REFERENCE)
        except Exception as error:
            raise self._damaged(error) from error

    def quality(self, samples: Sequence[Any]) -> dict[str, float]:
        """The Fréchet distance to real drawings in where their ink is."""
        return {FRECHET: self.reference.frechet(samples)} if self.reference and len(samples) > 1 else {}

    def memory(self, samples: Sequence[Any]) -> dict[str, Beside]:
        """``near_copies``, as ``Reference.near_copies`` has them."""
        return {"near_copies": self.reference.near_copies(samples)} if self.reference else {}
