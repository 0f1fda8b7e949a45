"""The networks of a text VAE before its training: from another text VAE, from layers of a language model, or from chance."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, normalizers
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from ....errors import ModelError
from ....support.pretrained import check_it_is_there, load_pretrained, quiet
from ..latent_model import folder_of, is_text_vae, knows_capitals, load_vae
from ..modeling import PREFIX, TextVae, TextVaeConfig
from .encoder import load_encoder
from .meaning import MEANING_SIZE
from .recipe import CHANCE, SHIPPED, PretrainConfig
from .tokenizer import narrowed_tokenizer, train_tokenizer

LONGEST = 128
"""Tokens that a text of the corpus may have where the recipe sets no bound."""
FITTING = 0.999
"""Share of the texts of the corpus that fit then."""
LAYERS_FROM_CHANCE = 4
"""Of the decoder, where the recipe sets no number."""
ENCODER_LAYERS = 2
"""Where the recipe sets no number, and names no encoder."""


@dataclass
class Start:
    """What a training begins with."""

    vae: TextVae
    tokenizer: PreTrainedTokenizerFast
    language_model: PreTrainedModel | None = None
    """That which the VAE starts from, where it is to write more texts."""
    decoder_writes: bool = False
    """Whether the decoder is a whole language model, which writes well without z."""


def with_decoder_at_hand(config: PretrainConfig) -> PretrainConfig:
    """The recipe; if it names no decoder, and the usual one cannot be had, with the model that ships."""
    if "decoder" in config.model_fields_set:
        return config
    try:
        with quiet():
            check_it_is_there(config.decoder)
    except ModelError as error:
        logging.getLogger(__name__).warning(
            f"{error} name it with --set decoder=FOLDER. For now, the training starts from {SHIPPED}, the model that "
            "ships, whose samples read worse."
        )
        return config.model_copy(update={"decoder": SHIPPED})
    return config


def start(config: PretrainConfig, texts: list[str]) -> Start:
    """The untrained VAE and its tokenizer for ``texts``. Raises ``ModelError`` if the decoder to start from does not serve."""
    folder = folder_of(config.decoder)
    goes_on = is_text_vae(folder)
    if not goes_on and config.decoder != CHANCE:
        return from_language_model(config, texts)
    if config.written:
        raise ModelError(f"written: {config.decoder} is no language model, and writes no texts. Name one: --set decoder=FOLDER")
    tokenizer = train_tokenizer(texts, config.vocab_size, LONGEST)
    set_longest(tokenizer, texts, config.max_tokens)
    return Start(from_text_vae(config, folder, tokenizer) if goes_on else from_chance(config, tokenizer), tokenizer)


def from_chance(config: PretrainConfig, tokenizer: PreTrainedTokenizerFast) -> TextVae:
    """A VAE that knows nothing."""
    architecture = LlamaConfig(
        hidden_size=config.width,
        intermediate_size=config.width * 8 // 3,
        num_hidden_layers=config.decoder_layers or LAYERS_FROM_CHANCE,
        num_attention_heads=max(1, config.width // 64),
        max_position_embeddings=tokenizer.model_max_length + PREFIX,
    )
    vae = untrained(config, tokenizer, architecture.to_diff_dict())
    nn.init.normal_(vae.embedding.weight, std=config.width**-0.5)  # they are the weights of the output too
    vae.fit_to_embeddings()
    return vae


@torch.no_grad()
def from_text_vae(config: PretrainConfig, folder: Path, tokenizer: PreTrainedTokenizerFast) -> TextVae:
    """A VAE that writes with the tokens of ``tokenizer`` what the one in ``folder`` writes with its own."""
    if config.encoder:
        raise ModelError(
            f"encoder: the text VAE {config.decoder} has an encoder of its own. Leave the encoder out, or start from a "
            "language model: --set decoder=FOLDER"
        )
    try:
        trained, its_tokenizer = load_vae(folder)
    except Exception as error:  # the readers of these formats raise whatever damaged bytes lead them to
        raise ModelError(f"decoder: {folder} is no whole text VAE: {error}. Choose another: --set decoder=FOLDER") from error
    has = {
        "decoder_layers": trained.decoder.config.num_hidden_layers,
        "encoder_layers": trained.config.encoder_layers,
        "latent_size": trained.config.latent_size,
    }
    for name, size in has.items():
        if (asked := getattr(config, name)) not in (size, None):
            raise ModelError(
                f"decoder: the text VAE {config.decoder} has {name}={size}, and the recipe asks for {asked}. Take what it has "
                f"(--set {name}={size}), or start from chance (--set decoder={CHANCE})."
            )
    room = max(trained.decoder.config.max_position_embeddings, tokenizer.model_max_length + PREFIX)
    architecture = trained.config.transformer | {"max_position_embeddings": room}
    vae = untrained(config, tokenizer, architecture, output_from_z=trained.config.output_from_z)
    kept = trained.state_dict()
    for name in ("to_length.weight", "to_length.bias"):
        short = min(len(kept[name]), len(vae.state_dict()[name]))
        kept[name] = torch.cat([kept[name][:short], vae.state_dict()[name][short:]])
    parts = in_tokens_of(its_tokenizer, tokenizer)
    for name in ("decoder.embed_tokens.weight", "bag_bias"):
        kept[name] = torch.stack([kept[name][ids].mean(0) for ids in parts])
    vae.load_state_dict({name: kept.get(name, value) for name, value in vae.state_dict().items()})
    return vae


def in_tokens_of(known: PreTrainedTokenizerFast, tokenizer: PreTrainedTokenizerFast) -> list[list[int]]:
    """For each token of ``tokenizer``, the ids of the tokens that ``known`` has for it; both are byte-level.

    A tokenizer that knows no capitals reads the token in small letters.
    """
    its_ids, capitals, to_text = known.get_vocab(), knows_capitals(known), decoders.ByteLevel()
    bare = Tokenizer.from_str(known.backend_tokenizer.to_str())
    bare.normalizer = normalizers.Sequence([])  # a token is no text: no space goes before it
    found: list[list[int]] = [[] for _ in range(len(tokenizer))]
    for token, place in tokenizer.get_vocab().items():
        text = to_text.decode([token]) if capitals else to_text.decode([token]).lower()
        found[place] = [its_ids[token]] if token in its_ids else bare.encode(text, add_special_tokens=False).ids
    return found


def from_language_model(config: PretrainConfig, texts: list[str]) -> Start:
    """A VAE of a causal language model's layers and tokens."""
    try:
        pretrained, theirs = load_pretrained(AutoModelForCausalLM, "causal language model", config.decoder, "cpu")
        tokenizer, ids = narrowed_tokenizer(theirs, texts, LONGEST)
    except ModelError as error:
        raise ModelError(f"decoder: {error} --set decoder=FOLDER") from error
    set_longest(tokenizer, texts, config.max_tokens)
    most = pretrained.config.num_hidden_layers
    if (layers := config.decoder_layers or most) > most:
        raise ModelError(
            f"decoder: {config.decoder} has {most} layers, and decoder_layers={layers} asks for more. Leave it out to take "
            "all, or choose fewer."
        )
    keep_tokens(pretrained, ids)
    architecture_of_all = _plain(pretrained.config)
    architecture = architecture_of_all | {"num_hidden_layers": layers}
    vae = untrained(config, tokenizer, architecture, output_from_z=layers == most)
    if not config.encoder:
        copy_layers(pretrained.base_model, vae.encoder)
    copy_layers(pretrained.base_model, vae.decoder, last=most - 1)
    vae.fit_to_embeddings()
    started = Start(vae, tokenizer, decoder_writes=layers == most)
    if not config.written:
        return started
    whole = AutoModelForCausalLM.from_config(AutoConfig.for_model(**architecture_of_all))  # not quantised: it can be trained
    whole.load_state_dict(pretrained.state_dict())
    started.language_model = whole
    return started


def set_longest(tokenizer: PreTrainedTokenizerFast, texts: list[str], wanted: int | None) -> None:
    """Bounds texts to ``wanted`` tokens, or to as many as nearly all ``texts`` have."""
    if wanted is None:
        lengths = torch.tensor([len(row) for row in tokenizer(texts)["input_ids"]], dtype=torch.float)
        wanted = min(LONGEST, max(4, int(lengths.quantile(FITTING).ceil()) if len(lengths) < 2**24 else LONGEST))
    tokenizer.model_max_length = wanted


@torch.no_grad()
def keep_tokens(model: PreTrainedModel, ids: Tensor) -> None:
    """Leaves the language model the tokens ``ids`` ``[tokens]`` alone, in this order; -1 is one that it did not have."""
    halves: tuple[Any, Any] = (model.get_input_embeddings, model.get_output_embeddings)
    before: list[Tensor] = [half().weight.detach().float().clone() for half in halves]
    model.resize_token_embeddings(len(ids), mean_resizing=False)
    for half, weights in zip(halves, before, strict=True):
        new = torch.randn(len(ids), weights.shape[1]) * weights.std()
        half().weight.copy_(torch.where(ids[:, None] >= 0, weights[ids.clamp(min=0)], new))


@torch.no_grad()
def copy_layers(pretrained: nn.Module, network: PreTrainedModel, last: int | None = None) -> None:
    """Gives the ``network`` the parameters of the same names; its last layer gets those of layer ``last``, if that is named.

    The last layer of a language model turns states into the next token. After 150 batches of example sentences as a language
    model, the first three layers of SmolLM2 and its last one leave 52.6 nats a text, and its first four 57.6.
    """
    theirs, top = pretrained.state_dict(), network.config.num_hidden_layers - 1
    for name, value in network.state_dict().items():
        source = re.sub(rf"\.{top}\.", f".{last}.", name, count=1) if last is not None else name
        if source in theirs and theirs[source].shape == value.shape:
            value.copy_(theirs[source])


def _plain(config: PreTrainedConfig) -> dict[str, Any]:
    """An architecture without what tells how and from where it was loaded."""
    found: dict[str, Any] = config.to_diff_dict()
    for name in ("_name_or_path", "_model_name_or_path", "quantization_config", "dtype", "architectures"):
        found.pop(name, None)
    return found


def untrained(
    config: PretrainConfig, tokenizer: PreTrainedTokenizerFast, transformer: dict[str, Any], *, output_from_z: bool = False
) -> TextVae:
    """A VAE whose decoder is such a ``transformer`` and knows nothing, and whose encoder is the one of the recipe, if any."""
    encoder = load_encoder(config.encoder, tokenizer, config.encoder_layers) if config.encoder else None
    special = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    sizes = TextVaeConfig(
        transformer=transformer | {"vocab_size": len(tokenizer), **special},
        encoder_transformer=_plain(encoder.config) if encoder else None,
        encoder_layers=config.encoder_layers or ENCODER_LAYERS,
        latent_size=config.latent_size,
        max_tokens=tokenizer.model_max_length,
        dropout=config.dropout,
        meaning_size=MEANING_SIZE if config.meaning_model else 0,
        output_from_z=output_from_z,
        **special,
    )
    vae = TextVae(sizes)
    if encoder:
        copy_layers(encoder, vae.encoder)
    return vae
