"""The recipe of a Sketch-RNN: every choice of ``lcgan pretrain --kind sketch-rnn``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from lcgan_core import Recipe

if TYPE_CHECKING:
    from .measuring import MeasuredDrawings


class SketchRnnRecipe(Recipe):
    """The recipe of a Sketch-RNN."""

    name: ClassVar[str] = "sketch-rnn"
    first_wish: ClassVar[str] = "stroke-count"

    corpus: Path
    """Drawings to train on: a folder of SVG, an .ndjson file of QuickDraw, or an .npz file of stroke-3."""
    valid: Path | None = None
    """Held-out drawings to measure on; by default every twentieth drawing of the corpus is held out."""
    column: str = "train"
    """The array of an .npz file that holds the drawings."""
    about: str = ""
    """What the drawings are and where they are from, for the model card."""
    tolerance: float = Field(2.0, gt=0, le=64)
    """How far a simplified line may be off, in steps of which the longer side of a drawing has 255. 2 is what QuickDraw's
    simplified drawings have."""
    max_movements: int = Field(200, ge=2, le=2000)
    """Maximum number of movements in a drawing; longer ones are left out, and counted."""
    latent_size: int = Field(64, ge=1, le=65536)
    """Dimensions of z."""
    encoder_size: int = Field(256, ge=1, le=65536)
    """Units of the encoder in each direction."""
    decoder_size: int = Field(512, ge=1, le=65536)
    """Units of the decoder."""
    components: int = Field(20, ge=1, le=1000)
    """Components of the mixture that each movement is drawn from (20 in Ha & Eck 2017)."""
    least_spread: float = Field(2.5, gt=0, le=64)
    """Least standard deviation of a movement, in the steps of ``tolerance``: more makes z say less, and noise decode better."""
    jitter: float = Field(3.0, ge=0, le=64)
    """Standard deviation of the noise on the points that the decoder has seen in training, in the same steps."""
    free_nats: float = Field(50.0, ge=0, le=10_000)
    """How much z may say of a drawing for free: more makes reconstructions better, and noise decode worse."""
    kl_weight: float = Field(1.0, ge=0, le=100)
    """Weight of the KL divergence beyond that; 1 is the evidence lower bound."""
    epochs: float = Field(30, gt=0, le=10_000)
    """Passes over the drawings."""
    learning_rate: float = Field(2e-3, gt=0, le=1)
    """Peak learning rate; it falls to 0 linearly."""
    batch_size: int = Field(64, ge=1, le=65536)
    """Drawings in a batch."""
    latents: int = Field(5000, ge=10, le=10_000_000)
    """Maximum number of training drawings whose posteriors go into the folder."""
    sampling_temperature: float = Field(0.0, ge=0, le=2)
    """Randomness of decoding, by a seed that is computed from z; at 0 each movement is the mean of the likeliest component."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of all randomness."""

    def pretrain(self, out: Path, *, resume: bool, on_progress: Callable[[str, float], None]) -> MeasuredDrawings:
        from lcgan_core.support.extras import needed

        needed("accelerate", "lcgan pretrain", "pretrain")
        from .pretraining import pretrain

        return pretrain(self, out, resume=resume, on_progress=on_progress)
