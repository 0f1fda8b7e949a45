"""The recipe of a text VAE: every choice of ``lcgan pretrain``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ....recipe import Recipe
from ....support.extras import needed

if TYPE_CHECKING:
    from .measure import Measured

SHIPPED = "reviews"
"""The ``decoder`` of a VAE that starts from the model that ships, for want of a better one."""
CHANCE = "chance"
"""The ``decoder`` of a VAE that starts from none."""


class PretrainConfig(Recipe):
    """The recipe of a text VAE."""

    name: ClassVar[str] = "text-vae"
    first_wish: ClassVar[str] = "length"
    sources: ClassVar[Mapping[str, Collection[str]]] = {"decoder": (SHIPPED, CHANCE), "encoder": (), "meaning_model": ()}

    corpus: Path
    """Texts to train on: .txt, .csv, .jsonl, .json or .parquet, also with .gz behind it; or a data set: ``datasets:NAME``,
    ``datasets:NAME:CONFIG`` or ``datasets:NAME#SPLIT``."""
    valid: Path | None = None
    """Held-out texts to measure on; by default every twentieth text of the corpus is held out."""
    about: str = ""
    """What the corpus is and where it is from, for the model card."""
    repeated: float | None = Field(None, ge=0, le=1)
    """Share of real texts that stand elsewhere in the corpus, counted before its duplicates were removed. Of a corpus that has
    them still it is measured; of one without, only this tells how much a model may remember."""
    column: str = "text"
    """The column that holds the text."""
    decoder: str = "HuggingFaceTB/SmolLM2-135M"
    """What the VAE starts from: a causal language model of transformers (a name on the hub, a folder or a .gguf file), of which
    it takes layers and tokens; a text VAE (``reviews`` or a folder); or ``chance``. Where none is named and the hub cannot be
    reached, ``reviews``."""
    written: int = Field(0, ge=0, le=100_000_000)
    """Texts to train on as well, which the whole of a language model to start from writes once it knows the corpus: the more,
    the better do samples of the prior read."""
    decoder_layers: int | None = Field(None, ge=1, le=100)
    """Layers of the decoder; by default all of what it starts from, and 4 from chance. With fewer, it takes a language model's
    first layers and its last, is faster and writes worse."""
    encoder: str | None = None
    """A text encoder of transformers that reads for a decoder from a language model or from chance: a folder or a name on the
    hub. By default the VAE reads with layers of what the decoder starts from."""
    encoder_layers: int | None = Field(None, ge=1, le=100)
    """Layers of the encoder; by default 2, and all of an ``encoder`` that is named."""
    width: int = Field(256, ge=8, le=8192, multiple_of=8)
    """Size of the hidden states of a VAE that starts from chance."""
    vocab_size: int = Field(8000, ge=300, le=1_000_000)
    """Maximum size of a new BPE vocabulary. A VAE that starts from a language model keeps the tokens that its corpus needs."""
    max_tokens: int | None = Field(None, ge=4, le=512)
    """Longest text in tokens; longer ones are cut. By default 999 of 1,000 texts of the corpus fit, up to 128 tokens."""
    latent_size: int = Field(64, ge=1, le=65536)
    """Dimensions of z."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Dropout on embeddings and decoder states."""
    kl_weight: float | None = Field(None, ge=0, le=100)
    """Weight of the KL term: less reconstructs better, more makes samples of the prior more natural. By default 0.5, and
    0.15 where the decoder is a whole language model, which otherwise learns to do without z."""
    bag_weight: float = Field(0.1, ge=0, le=100)
    """Weight of reading from z, by a linear layer, which tokens a text has; more lays words out along directions of z."""
    length_weight: float = Field(1.0, ge=0, le=100)
    """Weight of reading from z likewise how many tokens a text has; more makes lengths easier to constrain."""
    meaning_model: str | None = None
    """A text encoder of transformers, a folder or a name on the hub: a linear layer learns to read its embeddings from z."""
    meaning_weight: float = Field(0.5, ge=0, le=100)
    """Weight of that; more makes wishes about what a text means easier, and few labels go further."""
    deletion_noise: float = Field(0.06, ge=0, lt=1)
    """Probability of each token to be hidden from the encoder at first; falls to 0 in the first four fifths of the training."""
    epochs: float | None = Field(None, gt=0, le=10_000)
    """Passes over the corpus for the VAE; by default as many as make 256,000 texts, and no fewer than 3; of a decoder that is a
    whole language model 45,000, and no fewer than 1. Written texts are seen once."""
    learning_rate: float = Field(6e-4, gt=0, le=1)
    """Peak learning rate of the VAE; it falls to 0 linearly."""
    batch_size: int = Field(64, ge=1, le=65536)
    """Texts per batch."""
    latents: int | None = Field(None, ge=100, le=10_000_000)
    """Most real texts whose posteriors go into the folder; by default 10,000, and 2,000 where the decoder is a whole language
    model, which reads three a second on a core."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of all randomness."""

    def pretrain(self, out: Path, *, resume: bool, on_progress: Callable[[str, float], None]) -> Measured:
        for module in ("datasets", "accelerate", "peft"):
            needed(module, "lcgan pretrain", "pretrain")
        from .pretrain import pretrain

        return pretrain(self, out, resume=resume, on_progress=on_progress)
