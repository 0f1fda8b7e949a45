"""What one must know of a Sketch-RNN before constraining it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from lcgan_core import Beside, Measured
from lcgan_core.figures import Record

from .latent_model import SketchRnnModel
from .recipe import SketchRnnRecipe
from .training import padded

if TYPE_CHECKING:
    from .drawing import Moves

MOST = 2000
"""Maximum number of held-out drawings, and of samples of each kind, that figures are of."""
BATCH = 256


class OfDrawings(Record):
    """Figures of a set of drawings."""

    frechet: float
    """Fréchet distance to training drawings, in where their ink is."""
    near_copies: Beside
    """Share that is nearer to a training drawing than all but 5 % of held-out drawings are."""
    strokes: float
    """Mean number of strokes."""
    movements: float
    """Mean number of movements."""


class MeasuredDrawings(Measured):
    """What ``measured.json`` holds."""

    drawings: int
    """Held-out drawings that the figures are of; as many were sampled."""
    trained_on: int
    """Drawings to train on."""
    too_long: int
    """Drawings that were left out because they have too many movements."""
    max_movements: int
    overlap: float
    """How much of the ink of a reconstruction from a posterior mean coincides with the drawing's, from 0 to 1."""
    same_strokes: float
    """Share of reconstructions with as many strokes as the drawing."""
    nll: float
    """-log p(x|z) of a movement in nats, for z ~ q(z|x)."""
    kl: float
    """Of a drawing, in nats."""
    active_units: int
    latent_dim: int
    sets: dict[str, OfDrawings]
    """Of held-out drawings (``real``), and of what was decoded: their posterior means, draws of z ~ q(z|x), and noise."""

    def summary(self) -> str:
        return (
            f"overlap of reconstructions {self.overlap:.3f}, {self.same_strokes:.1%} with as many strokes; "
            f"{self.nll:.2f} nats a movement; KL {self.kl:.1f} nats; {self.active_units} of {self.latent_dim} units active "
            f"({self.drawings:,} held-out drawings)"
        )

    def table(self) -> list[Sequence[str]]:
        rows = [
            (
                name,
                f"{found.frechet:.2f}",
                f"{found.near_copies.share:.1%}",
                f"{found.strokes:.1f}",
                f"{found.movements:.1f}",
            )
            for name, found in self.sets.items()
        ]
        return [("drawings", "Fréchet distance", "near a training drawing", "strokes", "movements"), *rows]

    def remarks(self) -> list[str]:
        if not self.too_long:
            return []
        return [f"{self.too_long:,} drawings have more than {self.max_movements} movements, and were left out."]


def measure(model: SketchRnnModel, held_out: Sequence[Moves], trained_on: int, too_long: int, seed: int) -> MeasuredDrawings:
    """Figures of at most ``MOST`` ``held_out`` drawings, and of as many decoded ones."""
    real: list[Any] = list(held_out[:MOST])
    generator = torch.Generator().manual_seed(seed)
    posterior = model.encode(real)
    drawn = posterior.draw(generator)
    reconstructed = model.decode(posterior.mean)
    decoded = {
        "real": real,
        "reconstruction": reconstructed,
        "posterior": model.decode(drawn),
        "prior": model.decode(torch.randn(len(real), model.latent_dim, generator=generator)),
    }
    same = [int(one[:, 2].sum()) == int(other[:, 2].sum()) for one, other in zip(real, reconstructed, strict=True)]
    overlaps = model.sample_kind.closeness(real, reconstructed)
    return MeasuredDrawings(
        drawings=len(real),
        trained_on=trained_on,
        too_long=too_long,
        max_movements=model.network.config.max_movements,
        overlap=sum(overlaps) / len(overlaps),
        same_strokes=sum(same) / len(same),
        nll=_nll(model, real, drawn),
        kl=posterior.kl,
        active_units=posterior.active_units,
        latent_dim=model.latent_dim,
        sets={name: _of(model, drawings) for name, drawings in decoded.items()},
    )


@torch.no_grad()
def _nll(model: SketchRnnModel, drawings: Sequence[Any], z: torch.Tensor) -> float:
    """-log p(x|z) of a movement in nats."""
    total = 0.0
    for at in range(0, len(drawings), BATCH):
        batch = padded([torch.from_numpy(moves) for moves in drawings[at : at + BATCH]])
        total += float(model.network.negative_log_likelihood(batch["moves"], batch["lengths"], z[at : at + BATCH]).sum())
    return total / sum(map(len, drawings))


def _of(model: SketchRnnModel, drawings: Sequence[Any]) -> OfDrawings:
    assert model.reference is not None
    return OfDrawings(
        frechet=model.reference.frechet(drawings),
        near_copies=model.reference.near_copies(drawings),
        strokes=sum(float(moves[:, 2].sum()) for moves in drawings) / len(drawings),
        movements=sum(map(len, drawings)) / len(drawings),
    )


def model_card(recipe: SketchRnnRecipe, model: SketchRnnModel, measured: MeasuredDrawings) -> str:
    """The README of a model folder."""
    weights = sum(parameter.numel() for parameter in model.network.parameters())
    header, *rows = [f"| {' | '.join(row)} |" for row in measured.table()]
    table = "\n".join([header, "|---|---|---|---|---|", *rows])
    return f"""# A Sketch-RNN for lcgan

A recurrent variational autoencoder of drawings ({weights:,} parameters, {measured.latent_dim} latent dimensions) after Ha & Eck
2017, made by `lcgan pretrain --kind sketch-rnn`. Beside it: the posteriors of {len(model.real_posteriors().mean):,} training
drawings, and a coarse description of all {measured.trained_on:,} of them (`reference.safetensors`), which tells copies.

## Data

{recipe.about or "Not described (`--set about=...`)."}

{measured.too_long:,} drawings were left out because they have more than {measured.max_movements} movements.

## Measured on {measured.drawings:,} held-out drawings

Reconstructions from posterior means: their ink overlaps that of the drawing by {measured.overlap:.3f} (from 0 to 1), and
{measured.same_strokes:.1%} have as many strokes. {measured.nll:.2f} nats a movement. KL {measured.kl:.1f} nats,
{measured.active_units} of {measured.latent_dim} units active.

{table}

*real*: the held-out drawings themselves; *reconstruction* decodes posterior means, *posterior* draws of z ~ q(z|x), *prior*
z ~ N(0, I). The Fréchet distance is to training drawings, in principal components of where their ink is. *Near a training
drawing*: nearer than all but 5 % of held-out drawings, in the same components.

{recipe.card_section()}"""
