"""``lcgan pretrain --kind sketch-rnn``: from drawings to a model folder that lcgan can constrain.

As long as KL is free, nothing in training makes the posteriors of all drawings together look like N(0, I). Afterwards z is
therefore whitened, or noise would be far from every drawing.

The folder gets, stage by stage: the network, the posteriors of real drawings, where real drawings have their ink, the hashes of
these files, and the model card with ``measured.json``. ``--resume`` does no finished stage again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import save_file

from lcgan_core import CorpusError, ModelError
from lcgan_core.engine.whitening import whiten
from lcgan_core.support.card import model_head
from lcgan_core.support.files import whole, write_json, write_text
from lcgan_core.support.manifest import write_manifest

from .describing import described, quantiles_of
from .latent_model import LATENTS, WEIGHTS, SketchRnnModel, encode_drawings, load_network
from .measuring import MeasuredDrawings, measure, model_card
from .modeling import SketchRnn, SketchRnnConfig
from .reading import read_drawings
from .recipe import SketchRnnRecipe
from .reference import REFERENCE, Reference
from .training import fit

if TYPE_CHECKING:
    from .drawing import Moves

CHECKPOINTS = "checkpoints"
MEASURED = "measured.json"
FEWEST = 40
"""Drawings of which some can be held out."""


def pretrain(
    recipe: SketchRnnRecipe, out: Path, *, resume: bool, on_progress: Callable[[str, float], None]
) -> MeasuredDrawings:
    """Trains a Sketch-RNN into ``out``; returns what ``measured.json`` holds."""
    if not resume and out.exists() and any(out.iterdir()):
        raise ModelError(f"{out} is not empty. Give another --out, or go on with an unfinished model by --resume {out}.")
    on_progress("drawings", 0.0)
    drawings, held_out, too_long = _drawings(recipe)
    recipe.save(out)
    torch.manual_seed(recipe.seed)

    if not (out / WEIGHTS).is_file():
        network = SketchRnn(SketchRnnConfig(**recipe.model_dump(include=SIZES)))
        fit(network, drawings, out / CHECKPOINTS, recipe, lambda share: on_progress("Sketch-RNN", share))
        whiten(encode_drawings(network, drawings), network.posterior, network.readers())
        network.config.save_pretrained(out)
        with whole(out / WEIGHTS) as unfinished:
            save_file({name: value.half() for name, value in network.state_dict().items()}, unfinished)

    if not (out / LATENTS).is_file():
        on_progress("latents", 0.0)
        chosen = np.random.default_rng(recipe.seed).permutation(len(drawings))[: recipe.latents]
        some = [drawings[row] for row in chosen]
        posterior, descriptions = encode_drawings(load_network(out), some), described(some)
        with whole(out / LATENTS) as unfinished:
            save_file(
                {
                    "mean": posterior.mean.half(),
                    "std": posterior.std.half(),
                    "described": quantiles_of(descriptions),
                },
                unfinished,
            )

    if not (out / REFERENCE).is_file():
        on_progress("reference", 0.0)
        Reference.of(drawings, held_out).save(out / REFERENCE)

    on_progress("measurement", 0.0)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    write_manifest(out)
    model = SketchRnnModel(out)
    measured = measure(model, held_out, len(drawings), too_long, seed=recipe.seed)
    head = model_head(recipe.name, model.sample_kind.name, recipe.corpus, measured)
    write_text(out / "README.md", head + model_card(recipe, model, measured))
    write_json(out / MEASURED, measured.model_dump(mode="json"))
    return measured


SIZES = {
    "max_movements",
    "tolerance",
    "latent_size",
    "encoder_size",
    "decoder_size",
    "components",
    "least_spread",
    "jitter",
    "free_nats",
    "kl_weight",
    "sampling_temperature",
}
"""Choices of the recipe that the network has too."""


def _drawings(recipe: SketchRnnRecipe) -> tuple[list[Moves], list[Moves], int]:
    """Training drawings, held-out ones, and how many were too long."""
    read = read_drawings(recipe.corpus, recipe.column, recipe.tolerance, recipe.max_movements)
    if recipe.valid:
        valid = read_drawings(recipe.valid, recipe.column, recipe.tolerance, recipe.max_movements)
        return read.drawings, valid.drawings, read.too_long + valid.too_long
    if len(read.drawings) < FEWEST:
        raise CorpusError(
            f"{recipe.corpus} has only {len(read.drawings)} drawings of at most {recipe.max_movements} movements; with fewer "
            f"than {FEWEST}, give held-out drawings by --valid."
        )
    chosen = [number for number in range(len(read.drawings)) if number % 20]
    return [read.drawings[number] for number in chosen], read.drawings[::20], read.too_long
