"""``lcgan pretrain``: from a corpus to a model folder that lcgan can constrain.

The folder gets, stage by stage: tokenizer, VAE, judge, the latents of real texts, the memory of training texts, and
``measured.json`` with the model card of what one must know before constraining it. A finished stage is not done again by
``resume``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from datasets import Dataset, concatenate_datasets
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ....errors import CorpusError, ModelError
from ....latent_model import Posterior
from ....sample_kinds.corpus import load_corpus
from ....support.files import whole, write_json
from ....support.loading import load_whole
from ..batches import JudgeBatches, VaeBatches
from ..latent_model import LATENTS, TextVaeModel, encode_texts
from ..memory import MEMORY, TextMemory
from ..modeling import TextVae, TextVaeConfig
from .crossovers import crossovers
from .meaning import MEANING_SIZE, meanings
from .measure import Measured, measure, model_card
from .prior_texts import prior_texts
from .recipe import RECIPE, PretrainConfig
from .tokenizer import train_tokenizer
from .training import VaeTrainer, fit, new_judge
from .whitening import whiten

CHECKPOINTS = "checkpoints"
MEASURED = "measured.json"


def pretrain(
    config: PretrainConfig,
    out: Path,
    *,
    resume: bool = False,
    on_progress: Callable[[str, float], None] = lambda what, share: None,
) -> Measured:
    """Trains a text VAE and its judge into ``out``; returns what ``measured.json`` holds.

    Raises ``CorpusError`` where there is nothing to train on, ``ModelError`` where ``out`` holds another model.
    """
    if not config.judge_epochs and not config.start:
        raise ModelError("judge_epochs=0 keeps the judge of the model to start from, and there is no start: leave it out.")
    if config.prior_weight and not config.start:
        raise ModelError("prior_weight wants a trained model to learn from, and there is no start: leave it out, or give both.")
    if not resume and out.exists() and any(out.iterdir()):
        raise ModelError(f"{out} is not empty. Give another --out, or go on with an unfinished model by --resume {out}.")
    train_texts, valid_texts = _texts(config)
    write_json(out / RECIPE, config.model_dump(mode="json"))
    torch.manual_seed(config.seed)

    if not (out / "tokenizer.json").is_file():
        on_progress("tokenizer", 0.0)
        begun = TextVaeModel(config.start).tokenizer if config.start else None
        _save(begun or train_tokenizer(train_texts, config.vocab_size, config.max_tokens), out)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out, local_files_only=True)
    rows = _rows(tokenizer, train_texts)

    if not (out / "model.safetensors").is_file():
        vae = _fit_vae(config, tokenizer, train_texts, rows, out / CHECKPOINTS, on_progress)
        _save(vae.half(), out)

    if not (out / "judge" / "model.safetensors").is_file():
        judge = TextVaeModel(config.start).judge.model if config.start else new_judge(tokenizer, config.judge_size)
        if config.judge_epochs:
            judge = fit(
                judge.requires_grad_(True),
                rows,
                JudgeBatches(tokenizer),
                out / CHECKPOINTS / "judge",
                epochs=config.judge_epochs,
                batch_size=config.batch_size,
                learning_rate=3e-3,
                seed=config.seed,
                on_progress=lambda share: on_progress("judge", share),
            )
        _save(judge.half(), out / "judge")

    if not (out / LATENTS).is_file():
        on_progress("latents", 0.0)
        chosen = torch.randperm(len(train_texts), generator=torch.Generator().manual_seed(config.seed))
        texts = [train_texts[i] for i in chosen[: config.latents].tolist()]
        posterior = encode_texts(load_whole(TextVae, out), tokenizer, texts)
        with whole(out / LATENTS) as unfinished:
            save_file({"mean": posterior.mean.half(), "std": posterior.std.half()}, unfinished)

    if not (out / MEMORY).is_file():
        on_progress("memory", 0.0)
        TextMemory.of(train_texts, valid_texts, config.repeated).save(out / MEMORY)

    on_progress("measurement", 0.0)
    model = TextVaeModel(out)
    measured = measure(model, valid_texts, seed=config.seed)
    (out / "README.md").write_text(model_card(config, model, measured), encoding="utf-8")
    write_json(out / MEASURED, measured.model_dump(mode="json"))
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    return measured


def _fit_vae(
    config: PretrainConfig,
    tokenizer: PreTrainedTokenizerFast,
    texts: list[str],
    rows: Dataset,
    checkpoints: Path,
    on_progress: Callable[[str, float], None],
) -> PreTrainedModel:
    """Trains the VAE on ``rows``, the token ids of ``texts``, and on what the recipe makes beside them."""
    drawn = None
    if config.start:
        before = TextVaeModel(config.start)
        vae, posteriors = before.vae, before.real_posteriors()
        if config.moment_weight:
            posteriors = whiten(vae, posteriors)
        if config.prior_weight:
            drawn = _prior_texts(vae, posteriors, rows, config, checkpoints, on_progress)
    else:
        vae = _new_vae(config, tokenizer)
    made_up = crossovers(texts, round(config.crossovers * len(texts)), config.seed)
    all_rows = concatenate_datasets([rows, _rows(tokenizer, made_up)]) if made_up else rows
    if config.meaning_model:
        meant = _meanings(config.meaning_model, texts, made_up, checkpoints, on_progress)
        all_rows = all_rows.add_column("meaning", meant.tolist())
        if not vae.to_meaning:
            vae.config.meaning_size = MEANING_SIZE
            vae.to_meaning = nn.Linear(vae.config.latent_size, MEANING_SIZE)
    return fit(
        vae.requires_grad_(True),
        all_rows,
        VaeBatches(tokenizer.pad_token_id, config.deletion_noise, drawn),
        checkpoints / "vae",
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        seed=config.seed,
        on_progress=lambda share: on_progress("VAE", share),
        trainer_class=VaeTrainer,
        kl_weight=config.kl_weight,
        kl_warmup=config.kl_warmup,
        bag_weight=config.bag_weight,
        length_weight=config.length_weight,
        meaning_weight=config.meaning_weight,
        prior_weight=config.prior_weight,
        moment_weight=config.moment_weight,
        final_deletion_noise=config.final_deletion_noise,
    )


def _new_vae(config: PretrainConfig, tokenizer: PreTrainedTokenizerFast) -> TextVae:
    sizes = config.model_dump(
        include={"embedding_size", "encoder_size", "decoder_size", "latent_size", "max_tokens", "dropout"}
    )
    return TextVae(
        TextVaeConfig(
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            **sizes,
        )
    )


def _texts(config: PretrainConfig) -> tuple[list[str], list[str]]:
    texts = load_corpus(config.corpus, config.column)
    if config.valid:
        return texts, load_corpus(config.valid, config.column)
    if len(texts) < 40:
        raise CorpusError(f"{config.corpus} has only {len(texts)} texts; with fewer than 40, give held-out texts by --valid.")
    return [text for i, text in enumerate(texts) if i % 20], texts[::20]


def _rows(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> Dataset:
    ids = tokenizer(texts, truncation=True)["input_ids"]
    return Dataset.from_dict({"input_ids": ids, "length": [len(row) for row in ids]})


def _meanings(
    source: str, texts: list[str], made_up: list[str], checkpoints: Path, on_progress: Callable[[str, float], None]
) -> Tensor:
    """What ``texts`` mean, and behind them what the texts mean that were made up of those."""

    def compute() -> dict[str, Tensor]:
        on_progress("meanings", 0.0)
        return {"meanings": meanings(source, texts, made_up)}

    return _computed_once(checkpoints / "meanings.safetensors", compute)["meanings"]


def _prior_texts(
    vae: TextVae,
    posteriors: Posterior,
    rows: Dataset,
    config: PretrainConfig,
    checkpoints: Path,
    on_progress: Callable[[str, float], None],
) -> dict[str, Tensor]:
    """What draws of the prior are to decode to, by the model to start from."""

    def compute() -> dict[str, Tensor]:
        return prior_texts(vae, posteriors, rows["input_ids"], config.seed, lambda share: on_progress("prior texts", share))

    return _computed_once(checkpoints / "prior_texts.safetensors", compute)


def _computed_once(kept: Path, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """What ``compute`` returns, ``kept`` for when a training was interrupted and goes on."""
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        tensors = compute()
        with whole(kept) as unfinished:
            save_file(tensors, unfinished)
    return load_file(kept)


def _save(part: PreTrainedModel | PreTrainedTokenizerFast, folder: Path) -> None:
    """Saves beside ``folder`` first and moves the weights last, so that a killed save is not taken for a finished stage."""
    beside = folder / ".saving"
    shutil.rmtree(beside, ignore_errors=True)
    part.save_pretrained(beside)
    for file in sorted(beside.iterdir(), key=lambda file: file.name in ("model.safetensors", "tokenizer.json")):
        file.replace(folder / file.name)
    beside.rmdir()
