"""The recipe of an image VAE: every choice of ``lcgan pretrain --kind image-vae``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from lcgan_core import Recipe

if TYPE_CHECKING:
    from .measuring import MeasuredPictures


class ImageVaeRecipe(Recipe):
    """The recipe of an image VAE."""

    name: ClassVar[str] = "image-vae"
    first_wish: ClassVar[str] = "ink"
    sources: ClassVar[Mapping[str, Collection[str]]] = {"classifier": ()}

    corpus: Path
    """Pictures to train on: an IDX file, also with .gz behind it, a folder of PNG or JPEG, an .npz file, or a data set:
    ``datasets:NAME``, ``datasets:NAME:CONFIG`` or ``datasets:NAME#SPLIT``."""
    valid: Path | None = None
    """Held-out pictures to measure on; by default every twentieth picture of the corpus is held out."""
    column: str = "image"
    """The column of a data set, or the array of an .npz file, that holds the pictures."""
    about: str = ""
    """What the pictures are and where they are from, for the model card."""
    size: int | None = Field(None, ge=28, le=64)
    """Side in pixels to which all pictures are scaled and cropped; by default they stay as they are."""
    mode: Literal["L", "RGB"] | None = None
    """L makes all pictures grey, RGB all of them coloured; by default they are grey if all of them are."""
    sigma_x: float = Field(0.1, gt=0, le=100)
    """Standard deviation of each pixel, in [0, 1], around what z decodes to: less gives sharper pictures and a prior that fits
    worse (Engel et al. 2017)."""
    latent_size: int = Field(32, ge=1, le=65536)
    """Dimensions of z."""
    filters: int = Field(32, ge=1, le=4096)
    """Filters of the first convolution; the others have twice as many."""
    hidden_size: int = Field(128, ge=1, le=65536)
    """Units of the layer between convolutions and z."""
    epochs: float = Field(10, gt=0, le=10_000)
    """Passes over the pictures."""
    learning_rate: float = Field(2e-3, gt=0, le=1)
    """Peak learning rate; it falls to 0 linearly."""
    batch_size: int = Field(128, ge=1, le=65536)
    """Pictures in a batch."""
    latents: int = Field(5000, ge=10, le=10_000_000)
    """Maximum number of training pictures whose posteriors go into the folder."""
    classifier: str | None = None
    """An image classifier of transformers, a folder or a name on the hub: its logits are the features for the Fréchet distance.
    By default the features are those of the classifier of digits that ships."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of all randomness."""

    def pretrain(self, out: Path, *, resume: bool, on_progress: Callable[[str, float], None]) -> MeasuredPictures:
        from lcgan_core.support.extras import needed

        needed("accelerate", "lcgan pretrain", "pretrain")
        from .pretraining import pretrain

        return pretrain(self, out, resume=resume, on_progress=on_progress)
