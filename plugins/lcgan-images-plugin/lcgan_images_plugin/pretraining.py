"""``lcgan pretrain --kind image-vae``: from pictures to a model folder that lcgan can constrain.

The folder gets, stage by stage: the VAE, the posteriors of real pictures, what real pictures look like to a classifier and how
far they are from the training pictures, the hashes of these files, and the model card with ``measured.json``.
``--resume`` does no finished stage again.
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
from lcgan_core.support.card import model_head
from lcgan_core.support.files import whole, write_json, write_text
from lcgan_core.support.manifest import write_manifest
from lcgan_core.support.trainer import fit

from .latent_model import LATENTS, WEIGHTS, ImageVaeModel, encode_pixels, load_vae
from .measuring import MeasuredPictures, measure, model_card
from .modeling import ImageVae, ImageVaeConfig
from .reading import read_pictures
from .recipe import ImageVaeRecipe
from .reference import REFERENCE, Reference
from .training import Pictures

if TYPE_CHECKING:
    from .reading import Pixels

CHECKPOINTS = "checkpoints"
MEASURED = "measured.json"
FEWEST = 40
"""Pictures of which some can be held out."""


def pretrain(recipe: ImageVaeRecipe, out: Path, *, resume: bool, on_progress: Callable[[str, float], None]) -> MeasuredPictures:
    """Trains an image VAE into ``out``; returns what ``measured.json`` holds."""
    if not resume and out.exists() and any(out.iterdir()):
        raise ModelError(f"{out} is not empty. Give another --out, or go on with an unfinished model by --resume {out}.")
    on_progress("pictures", 0.0)
    pixels, held_out = _pictures(recipe)
    recipe.save(out)
    torch.manual_seed(recipe.seed)

    if not (out / WEIGHTS).is_file():
        _, height, width, channels = pixels.shape
        sizes = recipe.model_dump(include={"latent_size", "filters", "hidden_size", "sigma_x"})
        vae = ImageVae(ImageVaeConfig(height=height, width=width, channels=channels, **sizes))
        fit(
            vae,
            Pictures(pixels),
            out / CHECKPOINTS,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            learning_rate=recipe.learning_rate,
            seed=recipe.seed,
            on_progress=lambda share: on_progress("VAE", share),
        )
        vae.config.save_pretrained(out)
        with whole(out / WEIGHTS) as unfinished:
            save_file({name: value.half() for name, value in vae.state_dict().items()}, unfinished)

    if not (out / LATENTS).is_file():
        on_progress("latents", 0.0)
        chosen = np.random.default_rng(recipe.seed).permutation(len(pixels))[: recipe.latents]
        posterior = encode_pixels(load_vae(out), pixels[chosen])
        with whole(out / LATENTS) as unfinished:
            save_file({"mean": posterior.mean.half(), "std": posterior.std.half()}, unfinished)

    if not (out / REFERENCE).is_file():
        on_progress("reference", 0.0)
        Reference.of(pixels, held_out, recipe.classifier, recipe.seed).save(out / REFERENCE)

    on_progress("measurement", 0.0)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    write_manifest(out)
    model = ImageVaeModel(out)
    measured = measure(model, held_out, seed=recipe.seed)
    head = model_head(recipe.name, model.sample_kind.name, recipe.corpus, measured)
    write_text(out / "README.md", head + model_card(recipe, model, measured))
    write_json(out / MEASURED, measured.model_dump(mode="json"))
    return measured


def _pictures(recipe: ImageVaeRecipe) -> tuple[Pixels, Pixels]:
    """Training pictures and held-out ones."""
    pixels = read_pictures(recipe.corpus, recipe.column, recipe.size, recipe.mode)
    if recipe.valid:
        held_out = read_pictures(recipe.valid, recipe.column, recipe.size, recipe.mode)
        if held_out.shape[1:] != pixels.shape[1:]:
            raise CorpusError(
                f"{recipe.valid} has pictures of the shape {held_out.shape[1:]}, {recipe.corpus} of {pixels.shape[1:]}. "
                "Make them alike: --set size=28 --set mode=L"
            )
        return pixels, held_out
    if len(pixels) < FEWEST:
        raise CorpusError(
            f"{recipe.corpus} has only {len(pixels)} pictures; with fewer than {FEWEST}, give held-out pictures by --valid."
        )
    chosen = np.arange(len(pixels)) % 20 != 0
    return pixels[chosen], pixels[~chosen]
