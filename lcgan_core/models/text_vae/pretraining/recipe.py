"""The recipe of a text VAE: every choice of ``lcgan pretrain``."""

from __future__ import annotations

import shlex
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ....errors import ModelError
from ....support.files import read_json

RECIPE = "pretrain.json"


class PretrainConfig(BaseModel):
    """The recipe of a text VAE."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    corpus: Path
    """Texts to train on: .txt, .csv, .jsonl, .json or .parquet, also with .gz behind it."""
    valid: Path | None = None
    """Held-out texts to measure on; by default every twentieth text of the corpus is held out."""
    start: Path | None = None
    """A model folder to start from: its tokenizer, sizes and weights, in place of the sizes below and chance."""
    about: str = ""
    """What the corpus is and where it is from, for the model card."""
    repeated: float | None = Field(None, ge=0, le=1)
    """Share of real texts that stand elsewhere in the corpus, counted before its duplicates were removed. Of a corpus that has
    them still it is measured; of one without, only this tells how much a model may remember."""
    column: str = "text"
    """The column that holds the text."""
    vocab_size: int = Field(5000, ge=300)
    """Most tokens of the BPE vocabulary."""
    max_tokens: int = Field(32, ge=4)
    """Longest text in tokens; longer ones are cut."""
    embedding_size: int = Field(192, ge=1)
    """Size of the token embeddings."""
    encoder_size: int = Field(320, ge=1)
    """Units of the encoder, each direction."""
    decoder_size: int = Field(512, ge=1)
    """Units of the decoder."""
    latent_size: int = Field(64, ge=1)
    """Dimensions of z."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Dropout on embeddings and decoder states."""
    kl_weight: float = Field(0.06, ge=0)
    """Weight of the KL term: less reconstructs better, more makes prior samples better."""
    kl_warmup: float = Field(0.4, ge=0, le=1)
    """Share of the training over which that weight rises from 0."""
    bag_weight: float = Field(0.25, ge=0)
    """Weight of telling linearly from z which tokens a text has; more lays words out along directions of z."""
    length_weight: float = Field(0.25, ge=0)
    """Weight of telling linearly from z how many tokens a text has; more makes lengths easier to constrain."""
    meaning_model: str | None = None
    """A text encoder of transformers, a folder or a name on the hub: its sentence embeddings are to be told linearly from z."""
    meaning_weight: float = Field(1.0, ge=0)
    """Weight of telling them; more makes wishes about what a text means easier, and few labels go further."""
    prior_weight: float = Field(0.0, ge=0)
    """Weight of decoding draws of N(0, I) to what the model to start from has nearby that reads well, as n-grams of the corpus
    find; more makes samples, of the prior and of an actor, more fluent."""
    moment_weight: float = Field(0.0, ge=0)
    """Weight of the distance of q(z)'s mean and covariance from those of N(0, I), to which a model to start from is brought
    first; more makes the prior fit what is encoded."""
    crossovers: float = Field(0.0, ge=0)
    """Texts made of the beginning of one and the end of another, as a share of the corpus, to train on beside it; more
    reconstructs texts better that were never seen."""
    deletion_noise: float = Field(0.12, ge=0, lt=1)
    """Probability of each token to be hidden from the encoder; more makes prior samples better."""
    final_deletion_noise: float = Field(0.02, ge=0, lt=1)
    """What that probability falls to, linearly, from the end of the KL warm-up to that of the training."""
    epochs: float = Field(8, gt=0)
    """Passes over the corpus for the VAE."""
    learning_rate: float = Field(2e-3, gt=0)
    """Peak learning rate of the VAE; it falls to 0 linearly."""
    batch_size: int = Field(64, ge=1)
    """Texts a batch, for the VAE and the judge."""
    judge_epochs: float = Field(3, ge=0)
    """Passes over the corpus for the judge; 0 keeps the judge of the model to start from."""
    judge_size: int = Field(160, ge=4, multiple_of=4)
    """Units of the judge."""
    latents: int = Field(20000, ge=100)
    """Most real texts whose posteriors go into the folder."""
    seed: int = Field(0, ge=0)
    """Seed of all randomness."""

    def command(self, out: str) -> str:
        """The ``lcgan pretrain`` line that follows this recipe."""
        changed = self.model_dump(mode="json", exclude_defaults=True, exclude={"corpus", "valid", "column"})
        parts = ["lcgan pretrain", str(self.corpus), f"--out {out}"]
        parts += [f"--valid {self.valid}"] if self.valid else []
        parts += [f"--column {shlex.quote(self.column)}"] if self.column != "text" else []
        parts += [f"--set {shlex.quote(f'{name}={value}')}" for name, value in changed.items()]
        return " ".join(parts)

    def commands(self, out: str) -> list[str]:
        """All ``lcgan pretrain`` lines that lead here, those of the models to start from first."""
        before = recipe_of(self.start).commands(str(self.start)) if self.start and (self.start / RECIPE).is_file() else []
        return [*before, self.command(out)]


def recipe_of(folder: Path) -> PretrainConfig:
    """The recipe that a model folder was begun with; raises ``ModelError`` where there is none to go on with."""
    if not (folder / RECIPE).is_file():
        raise ModelError(f"Nothing to resume in {folder}: it has no {RECIPE}. Start with lcgan pretrain CORPUS --out {folder}.")
    try:
        return PretrainConfig.model_validate(read_json(folder / RECIPE))
    except ValidationError as error:
        raise ModelError(f"{folder / RECIPE} is not a recipe: {error}. Start again with lcgan pretrain.") from error
