"""The image VAE as a latent model: a model folder, loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lcgan_core import Beside, Images, LatentModel, ModelError, Posterior
from lcgan_core.support.manifest import check_files

from .modeling import ImageVae, ImageVaeConfig
from .reference import FRECHET, REFERENCE, Reference
from .training import as_input

if TYPE_CHECKING:
    from .reading import Pixels

SHIPPED = Path(__file__).parent / "models"
"""Model folders that ship with the plugin, each reached by its bare name."""
WEIGHTS = "model.safetensors"
LATENTS = "latents.safetensors"
BATCH = 256


def load_vae(folder: Path) -> ImageVae:
    """The frozen VAE in ``folder``; raises whatever the readers of these formats raise."""
    config = ImageVaeConfig.from_pretrained(folder, local_files_only=True)
    vae = ImageVae(config)
    vae.load_state_dict({name: value.float() for name, value in load_file(folder / WEIGHTS).items()})
    vae.requires_grad_(False).train(False)
    return vae


@torch.no_grad()
def encode_pixels(vae: ImageVae, pixels: Pixels) -> Posterior:
    """q(z|x) of uint8 ``[n, height, width, channels]``."""
    parts = [vae.encode(as_input(part).to(vae.device)) for part in torch.from_numpy(pixels.copy()).split(BATCH)]
    if not len(pixels):
        empty = torch.empty(0, vae.config.latent_size, device=vae.device)
        return Posterior(empty, empty)
    mean, log_std = (torch.cat(part) for part in zip(*parts, strict=True))
    return Posterior(mean, log_std.exp())


class ImageVaeModel(LatentModel[Any]):
    """A folder that ``lcgan pretrain --kind image-vae`` wrote, or one of the models that ship: ``mnist``, ``mnist-smooth``."""

    name: ClassVar[str] = "image-vae"
    greater_is_better: ClassVar[Mapping[str, bool]] = {FRECHET: False}

    gan: ClassVar[Mapping[str, Any]] = {
        "realism_weight": 1.0,
        "distance_weight": 3e-4,
        "keep_weight": 5e-3,
        "max_drift": 100.0,
        "rounds": 4,
        "iterations": 150,
        "posterior_labels": 6000,
        "start_labels": 5000,
        "actor_labels": 1000,
        "batch_size": 256,
        "critic_batches": 2,
        "pretraining_batches": 500,
        "critic_learning_rate": 5e-4,
        "actor_learning_rate": 5e-4,
    }
    """Noise is far from real latents of a model that reconstructs sharply. The actor must move it a long way: it starts beyond
    any reasonable drift, and what keeps it near noise is weak, since posteriors this narrow make every distance large. Tuned on
    ``mnist`` with the constraint ``digit``."""
    sample_kind: Images

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        advice = f"Finish it with lcgan pretrain --resume {folder}, train it again, or give another --model."
        check_files(folder, ("config.json", WEIGHTS, LATENTS, f"{REFERENCE}*"), ModelError, "lcgan pretrain", advice)
        try:
            self.vae = load_vae(folder)
            latents = load_file(folder / LATENTS)
            self._real_posteriors = Posterior(latents["mean"].float(), latents["std"].float())
            self.fingerprint = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()[:16]
        except Exception as error:  # the readers of these formats raise whatever damaged bytes lead them to
            raise self._damaged(error) from error
        config = self.vae.config
        self.latent_dim = config.latent_size
        self.sample_kind = Images("L" if config.channels == 1 else "RGB", (config.width, config.height))

    def _damaged(self, error: Exception) -> ModelError:
        return ModelError(
            f"The model folder {self.folder} is incomplete or damaged: {type(error).__name__}: {error}. "
            "Train it again with lcgan pretrain --kind image-vae, or give another --model."
        )

    @classmethod
    def load(cls, source: str) -> Self:
        folder = SHIPPED / source if (SHIPPED / source / "config.json").is_file() else Path(source)
        if not (folder / "config.json").is_file():
            shipped = ", ".join(sorted(path.parent.name for path in SHIPPED.glob("*/config.json")))
            raise ModelError(
                f"No image VAE called {source!r}: it is neither one that ships ({shipped}) nor a folder with a config.json. "
                "Train one with lcgan pretrain PICTURES --kind image-vae --out DIR."
            )
        return cls(folder)

    def move_to(self, device: str) -> None:
        self.device = device
        nn.Module.to(self.vae, device)

    @torch.no_grad()
    def decode(self, z: Tensor) -> list[Any]:
        """The mean of p(x|z) of each z: uint8 arrays ``[height, width]`` (grey) or ``[height, width, 3]``."""
        pixels = [
            (255 * self.vae.decode(part)).round().byte().permute(0, 2, 3, 1).cpu() for part in z.split(BATCH) if len(part)
        ]
        return [image[:, :, 0] if image.shape[2] == 1 else image for part in pixels for image in part.numpy()]

    def encode(self, samples: Sequence[Any]) -> Posterior:
        """q(z|x) of each picture, scaled and cropped if it is of another size."""
        return encode_pixels(self.vae, self.pixels(samples))

    def pixels(self, samples: Sequence[Any]) -> Pixels:
        """Pictures of any size and mode as this model has them: ``[n, height, width, channels]``."""
        from .reading import fitted

        config = self.vae.config
        wanted = [fitted(Images.array(sample), (config.width, config.height), self.sample_kind.mode) for sample in samples]
        return np.stack(wanted) if wanted else np.empty((0, config.height, config.width, config.channels), np.uint8)

    def real_posteriors(self) -> Posterior:
        return self._real_posteriors

    @cached_property
    def reference(self) -> Reference | None:
        """What real pictures are like; None in a folder that was given away without it."""
        if not (self.folder / REFERENCE).is_file():
            return None
        try:
            return Reference.load(self.folder / REFERENCE)
        except ModelError:
            raise
        except Exception as error:
            raise self._damaged(error) from error

    def quality(self, samples: Sequence[Any]) -> dict[str, float]:
        """The Fréchet distance to real pictures in a classifier's features."""
        return {FRECHET: self.reference.frechet(self.pixels(samples))} if self.reference and len(samples) > 1 else {}

    def memory(self, samples: Sequence[Any]) -> dict[str, Beside]:
        """``near_copies``, as ``Reference.near_copies`` has them."""
        return {"near_copies": self.reference.near_copies(self.pixels(samples))} if self.reference else {}
