"""What one must know of a text VAE before constraining it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import torch

from ....figures import Beside, Record
from ....recipe import Measured as MeasuredOfAny
from ....sample_kinds.bleu import bleu
from ....support.wording import beside, memory_line
from ..diversity import distinct
from ..latent_model import REFINING_STEPS, TextVaeModel, encode_texts
from .meaning import MEANING_SIZE
from .recipe import CHANCE, PretrainConfig
from .writer import EPOCHS, TEMPERATURE

FigureT = TypeVar("FigureT")

REPEATED = (
    "How many of those are remembered was counted before the corpus lost its duplicates, and spread over\n"
    "the lengths like what is within one word."
)


class OfTexts(Record, Generic[FigureT]):
    """Figures of held-out texts, and of what was decoded: their posterior means, draws of z ~ q(z|x), and noise."""

    real: FigureT
    reconstruction: FigureT
    posterior: FigureT
    prior: FigureT


class Row(NamedTuple):
    """What the language model and the words tell of one of the sets of texts."""

    name: str
    naturalness: float
    distinct_2: float


class Measured(MeasuredOfAny):
    """What ``measured.json`` holds."""

    texts: int
    """Held-out texts that all figures are of."""
    bleu: float
    """Of reconstructions, in percent."""
    encoder_bleu: float
    """Of reconstructions from what the encoder says, before it is refined."""
    exact: float
    """Share of texts that are reconstructed to the letter."""
    kl: float
    """In nats."""
    active_units: int
    latent_dim: int
    naturalness: OfTexts[float]
    """Mean over the texts, as the model judges it; about a half for real text."""
    distinct_2: OfTexts[float]
    """Share of distinct pairs of words."""
    memory: OfTexts[dict[str, Beside]]
    """How much is remembered or made up."""

    @property
    def rows(self) -> list[Row]:
        """The figures of each set of texts."""
        sets = zip(self.naturalness, self.distinct_2, strict=True)
        return [Row(name, naturalness, distinct) for (name, naturalness), (_, distinct) in sets]

    def summary(self) -> str:
        return (
            f"reconstruction BLEU {self.bleu:.1f} (by the encoder alone {self.encoder_bleu:.1f}), {self.exact:.1%} exact; "
            f"KL {self.kl:.1f} nats; {self.active_units} of {self.latent_dim} units active ({self.texts} held-out texts)"
        )

    def table(self) -> list[Sequence[str]]:
        rows = [(row.name, f"{row.naturalness:.2f}", f"{row.distinct_2:.3f}") for row in self.rows]
        return [("texts", "naturalness", "distinct-2"), *rows]

    def remarks(self) -> list[str]:
        return [f"samples of the prior: {memory_line(self.memory.prior)}"]


def measure(model: TextVaeModel, texts: list[str], seed: int, samples: int = 1000) -> Measured:
    """Figures of at most ``samples`` held-out ``texts``, and of as many decoded ones."""
    texts = texts[:samples]
    generator = torch.Generator().manual_seed(seed)
    posterior = model.encode(texts)
    reconstructed = model.decode(posterior.mean)
    encoded = encode_texts(model.vae, model.tokenizer, texts, refining_steps=0)
    drawn = model.decode(posterior.draw(generator))
    prior = model.decode(torch.randn(len(texts), model.latent_dim, generator=generator))
    wanted = [[text] for text in texts]
    sets = {"real": texts, "reconstruction": reconstructed, "posterior": drawn, "prior": prior}
    return Measured(
        texts=len(texts),
        bleu=100 * bleu(reconstructed, wanted),
        encoder_bleu=100 * bleu(model.decode(encoded.mean), wanted),
        exact=sum(a == b for a, b in zip(reconstructed, texts, strict=True)) / len(texts),
        kl=posterior.kl,
        active_units=posterior.active_units,
        latent_dim=model.latent_dim,
        naturalness=OfTexts(**{name: float(model.naturalness(members).mean()) for name, members in sets.items()}),
        distinct_2=OfTexts(**{name: distinct(members, 2) for name, members in sets.items()}),
        memory=OfTexts(**{name: model.memory(members) for name, members in sets.items()}),
    )


def model_card(recipe: PretrainConfig, model: TextVaeModel, measured: Measured) -> str:
    """The README of a model folder."""
    vae = sum(parameter.numel() for parameter in model.vae.parameters())
    reading, layers = (half.config.num_hidden_layers for half in (model.vae.encoder, model.vae.decoder))
    rows = "\n".join(f"| {row.name} | {row.naturalness:.2f} | {row.distinct_2:.3f} |" for row in measured.rows)
    remembered = "\n".join(
        f"| {name} | {' | '.join(beside(figure) for figure in figures.values())} |" for name, figures in measured.memory
    )
    told = (
        f"\nA linear layer reads from z the first {MEANING_SIZE} principal components of the sentence embeddings of\n"
        f"`{recipe.meaning_model}`: what a text means lies along directions, and few labels go far.\n"
        if recipe.meaning_model
        else ""
    )
    begun = f", begun from `{recipe.decoder}`" if recipe.decoder != CHANCE else ""
    written = (
        f"\nIt was trained on {recipe.written:,} more texts, less those that are in the corpus or came twice: the whole of\n"
        f"`{recipe.decoder}` wrote them after {EPOCHS} passes over the corpus, sampled at temperature {TEMPERATURE}.\n"
        if recipe.written
        else ""
    )
    return f"""# A text VAE for lcgan

A variational autoencoder of two transformers ({reading} layers read, {layers} write from z;
{vae:,} parameters, {measured.latent_dim} latent dimensions){begun}, made by `lcgan pretrain`.
Beside it: the posteriors of {len(model.real_posteriors().mean):,} training texts without the texts, hashes of all
training texts, and their words: a word that none of them has is less likely to be written.
{told}{written}
## Data

{recipe.about or "Not described (`--set about=...`)."}

## Measured on {measured.texts:,} held-out texts

Reconstruction from posterior means: BLEU {measured.bleu:.1f}, {measured.exact:.1%} exact. From what the encoder
says, before {REFINING_STEPS} steps up the likelihood of the text refine it: BLEU {measured.encoder_bleu:.1f}.
KL {measured.kl:.1f} nats, {measured.active_units} of {measured.latent_dim} units active.

| texts | naturalness | distinct-2 |
|---|---|---|
{rows}

*reconstruction* decodes posterior means, *posterior* draws of z ~ q(z|x), *prior* z ~ N(0, I). *naturalness* is by the decoder
as a language model: it tells which of its own samples read better, and prefers them all to real text, which is less plain.

| texts | remembered | within one word | made-up words |
|---|---|---|---|
{remembered}

*remembered*: training texts, but for capitals and spaces; *within one word*: those too, and texts that become one when a
word or sign is replaced, put in or left out; *made-up words*: texts with a word that no training text has. Real: of held-out
texts of the same lengths.{" " + REPEATED if recipe.repeated is not None else ""}

{recipe.card_section()}"""
