"""``lcgan pretrain``: from a corpus to a model folder that lcgan can constrain.

The folder gets, stage by stage: tokenizer and known words, VAE (before it, where asked for, more texts to train it on), the
latents of real texts, the memory of training texts, the manifest of all these, and ``measured.json`` with the model card of
what one must know before constraining it. ``resume`` repeats no stage that is finished.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from ....engine.whitening import whiten
from ....errors import CorpusError, ModelError
from ....sample_kinds import Text
from ....sample_kinds.corpus import load_corpus
from ....support.card import model_head
from ....support.files import whole, write_json
from ....support.heap import give_back_memory
from ....support.manifest import write_manifest
from ....support.trainer import last_whole_checkpoint
from ....support.wording import misread_lines
from ..batches import Rows, vae_batch
from ..known_words import WORDS, KnownWords
from ..latent_model import LATENTS, WEIGHTS, TextVaeModel, encode_texts, load_vae
from ..memory import MEMORY, TextMemory
from ..naturalness import log_likelihoods
from ..quantized import save_quantized
from .meaning import meanings
from .measure import Measured, measure, model_card
from .recipe import PretrainConfig
from .start import Start, start, with_decoder_at_hand
from .training import EncoderTrainer, VaeTrainer, WriterTrainer, adapted, fit, known_to, merged
from .writer import write

CHECKPOINTS = "checkpoints"
MEASURED = "measured.json"

TEXTS_SEEN = 256_000
"""By a training whose recipe sets no number of epochs; a large corpus is seen ``FEWEST_EPOCHS`` times."""
FEWEST_EPOCHS = 3
KL_WEIGHT = 0.5
LATENTS_KEPT = 10_000

WRITERS_TEXTS_SEEN = 45_000
"""The same of a decoder that is a whole language model: 45 minutes on two cores, with its encoder. A large
corpus is seen once."""
WRITERS_KL_WEIGHT = 0.15
"""It writes well without z, and would learn to do without."""
WRITERS_LATENTS_KEPT = 2000
READINGS = 6
"""Times as often as such a decoder sees it, the encoder reads the corpus alone before: a third of the time that the decoder
takes. At a constant weight of the KL term, the words of 600 held-out example sentences took 55 nats a text after 60,000
texts, and 41 after 180,000."""

FEWEST_TEXTS = 40
"""Different ones that a corpus must have. Arbitrary: of so many, two are held out, and the rest are learned by heart."""

WHITENED_BY = 10_000
"""Texts whose posteriors say how q(z) lies."""
HELD_OUT_BY = 2000
"""Held-out texts that say how likely real text is."""


def pretrain(
    config: PretrainConfig,
    out: Path,
    *,
    resume: bool = False,
    on_progress: Callable[[str, float], None] = lambda what, share: None,
) -> Measured:
    """Trains a text VAE into ``out``; returns what ``measured.json`` holds.

    Raises ``CorpusError`` if there is nothing to train on, ``ModelError`` if ``out`` holds another model or the ``decoder`` to
    start from does not serve.
    """
    if not resume and out.exists() and any(out.iterdir()):
        raise ModelError(f"{out} is not empty. Give another --out, or go on with an unfinished model by --resume {out}.")
    train_texts, valid_texts = _texts(config)
    config = with_decoder_at_hand(config)
    config.save(out)
    torch.manual_seed(config.seed)

    if not (out / WEIGHTS).is_file():
        _train(config, out, train_texts, on_progress)
        give_back_memory()

    if not (out / LATENTS).is_file():
        on_progress("latents", 0.0)
        _save_latents(config, out, train_texts, valid_texts[:HELD_OUT_BY])

    if not (out / MEMORY).is_file():
        on_progress("memory", 0.0)
        TextMemory.of(train_texts, valid_texts, config.repeated).save(out / MEMORY)

    on_progress("measurement", 0.0)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    write_manifest(out)
    model = TextVaeModel(out)
    if config.valid:
        for line in misread_lines(model.misread(valid_texts), len(valid_texts)):
            logging.getLogger(__name__).warning(f"{config.valid}: {line}")
    measured = measure(model, valid_texts, seed=config.seed)
    head = model_head(config.name, model.sample_kind.name, config.corpus, measured)
    (out / "README.md").write_text(head + model_card(config, model, measured), encoding="utf-8")
    write_json(out / MEASURED, measured.model_dump(mode="json"))
    return measured


def _train(config: PretrainConfig, out: Path, texts: list[str], on_progress: Callable[[str, float], None]) -> None:
    """Saves a tokenizer, the words that it may write, and a VAE, trained on ``texts``, into ``out``."""
    on_progress(f"start from {config.decoder}", 0.0)
    started = start(config, texts)
    give_back_memory()  # what a language model was loaded with
    vae, tokenizer = started.vae, started.tokenizer
    _save(tokenizer, out)
    KnownWords.of(texts, tokenizer).save(out / WORDS)
    written: list[str] = []
    if config.written and (writer := started.language_model):
        taught = config.model_dump(include={"batch_size", "seed"})
        folder = out / CHECKPOINTS / "writer"
        written = write(writer, tokenizer, texts, config.written, folder, **taught, on_progress=on_progress)
        del writer  # several times the size of the VAE
        started.language_model = None
    _fit_vae(config, started, texts, written, out / CHECKPOINTS, on_progress)
    chosen = _chosen(texts, WHITENED_BY, config.seed)
    whiten(encode_texts(vae, tokenizer, chosen, refining_steps=0), vae.to_posterior, vae.readers())
    vae.config.save_pretrained(out)
    save_quantized(vae, out / WEIGHTS)


def _save_latents(config: PretrainConfig, out: Path, texts: list[str], held_out: list[str]) -> None:
    """Saves the posteriors of some of ``texts`` into ``out``, and how likely ``held_out`` texts are."""
    vae, tokenizer = load_vae(out)
    most = config.latents or (WRITERS_LATENTS_KEPT if vae.config.output_from_z else LATENTS_KEPT)
    posterior = encode_texts(vae, tokenizer, _chosen(texts, most, config.seed))
    likely = log_likelihoods(vae, tokenizer, held_out).sort().values
    with whole(out / LATENTS) as unfinished:
        save_file({"mean": posterior.mean.half(), "std": posterior.std.half(), "log_likelihoods": likely}, unfinished)


def _fit_vae(
    config: PretrainConfig,
    started: Start,
    texts: list[str],
    written: list[str],
    checkpoints: Path,
    on_progress: Callable[[str, float], None],
) -> None:
    """Trains the VAE on ``texts`` and on those ``written``, in place."""
    vae, tokenizer = started.vae, started.tokenizer
    meant = _meanings(config.meaning_model, texts, checkpoints, on_progress) if config.meaning_model else None
    usual = max(1, WRITERS_TEXTS_SEEN / len(texts)) if started.decoder_writes else max(FEWEST_EPOCHS, TEXTS_SEEN / len(texts))
    epochs = config.epochs or usual
    rows = Rows(tokenizer, [*texts, *written], epochs=epochs, repeated=len(texts), meanings=meant)
    if rows.cut:
        logging.getLogger(__name__).warning(
            f"{config.corpus}: {rows.cut:,} of {len(rows.ids):,} texts are longer than {tokenizer.model_max_length - 1} "
            "tokens, and the rest of each is cut off. To read more: --set max_tokens=NUMBER"
        )
    options = config.model_dump(include={"batch_size", "learning_rate", "seed", "deletion_noise"})
    kl_weight = WRITERS_KL_WEIGHT if started.decoder_writes else KL_WEIGHT
    kl_weight = kl_weight if config.kl_weight is None else config.kl_weight
    known = [*vae.encoder.parameters()] if config.encoder else []
    if started.decoder_writes and not last_whole_checkpoint(checkpoints / "vae"):
        vae.decoder.requires_grad_(False)
        fit(
            vae,
            Rows(tokenizer, texts, epochs=READINGS * epochs, meanings=meant),
            vae_batch,
            checkpoints / "encoder",
            **options,
            on_progress=lambda share: on_progress("encoder", share),
            trainer_class=EncoderTrainer,
            kl_weight=kl_weight,
            weights=config.model_dump(include={"length_weight", "meaning_weight"}),
            known=known,
        )
        vae.begin_as_a_writer()
    vae.requires_grad_(True).train()
    if started.decoder_writes:
        torch.manual_seed(config.seed)  # the same adapters where a training goes on
        vae.decoder = adapted(vae.decoder)
        known = known_to(vae)
    fit(
        vae,
        rows,
        vae_batch,
        checkpoints / "vae",
        **options,
        on_progress=lambda share: on_progress("VAE", share),
        known=known,
        trainer_class=WriterTrainer if started.decoder_writes else VaeTrainer,
        kl_weight=kl_weight,
        weights=config.model_dump(include={"bag_weight", "length_weight", "meaning_weight"}),
    )
    if started.decoder_writes:
        vae.decoder = merged(vae.decoder)
    vae.cpu()


def _texts(config: PretrainConfig) -> tuple[list[str], list[str]]:
    texts = load_corpus(config.corpus, config.column)
    if (different := len(set(map(Text().alike, texts)))) < FEWEST_TEXTS:
        raise CorpusError(
            f"{config.corpus} has {len(texts):,} texts, of which {different:,} differ by more than case and spaces. "
            f"A model needs at least {FEWEST_TEXTS} different texts, better a million."
        )
    if config.valid:
        return texts, load_corpus(config.valid, config.column)
    return [text for i, text in enumerate(texts) if i % 20], texts[::20]


def _chosen(texts: list[str], most: int, seed: int) -> list[str]:
    """At most so many of the ``texts``, by chance."""
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(seed))
    return [texts[i] for i in order[:most].tolist()]


def _meanings(source: str, texts: list[str], checkpoints: Path, on_progress: Callable[[str, float], None]) -> torch.Tensor:
    """What ``texts`` mean, kept for when a training was interrupted and goes on."""
    kept = checkpoints / "meanings.safetensors"
    if not kept.is_file():
        on_progress("meanings", 0.0)
        with whole(kept) as unfinished:
            save_file({"meanings": meanings(source, texts)}, unfinished)
    return load_file(kept)["meanings"]


def _save(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Saves beside ``folder`` first, so that a killed save leaves no half-written file."""
    beside = folder / ".saving"
    shutil.rmtree(beside, ignore_errors=True)
    tokenizer.save_pretrained(beside)
    for file in beside.iterdir():
        file.replace(folder / file.name)
    beside.rmdir()
