"""A text encoder of transformers as the encoder of a VAE: it reads the VAE's tokens by what its own tokenizer makes of them."""

from __future__ import annotations

from typing import cast

import torch
from tokenizers import decoders
from torch import nn
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ....errors import ModelError
from ....support.pretrained import first_line, load_pretrained


@torch.no_grad()
def load_encoder(source: str, tokenizer: PreTrainedTokenizerFast, layers: int | None) -> PreTrainedModel:
    """The text encoder at ``source`` with its first ``layers``, or all, and embeddings for the tokens of ``tokenizer``.

    Raises ``ModelError`` where there is none, or where it does not read in both directions.
    """
    try:
        encoder, its_tokenizer = load_pretrained(AutoModel, "text encoder", source, "cpu")
        check_it_reads(source, encoder, tokenizer.model_max_length)
    except ModelError as error:
        raise ModelError(f"encoder: {error} --set encoder=FOLDER") from error
    most = encoder.config.num_hidden_layers
    if layers and layers > most:
        raise ModelError(
            f"encoder: {source} has {most} layers, and encoder_layers={layers} asks for more. Leave it out to take all, or "
            "choose fewer."
        )
    if layers:
        encoder.config.num_hidden_layers = layers
    known = encoder.get_input_embeddings().weight
    parts = in_its_tokens(its_tokenizer, tokenizer)
    embeddings = torch.stack([known[ids].mean(0) if ids else known.mean(0) for ids in parts])
    encoder.set_input_embeddings(nn.Embedding.from_pretrained(embeddings))
    encoder.config.vocab_size = len(embeddings)
    return encoder  # type: ignore[no-any-return]  # transformers' auto classes are not typed


def check_it_reads(source: str, encoder: PreTrainedModel, longest: int) -> None:
    """Raises ``ModelError`` unless ``longest`` tokens fit, and the first state depends on the last embedding."""
    room = getattr(encoder.config, "max_position_embeddings", longest)
    if room < longest:
        raise ModelError(
            f"{source} reads at most {room} tokens, and a text may have {longest}. Set max_tokens, or choose another:"
        )
    given = torch.zeros(2, 3, cast(nn.Embedding, encoder.get_input_embeddings()).embedding_dim)
    given[1, -1, 0] = 1
    try:
        first, other = encoder(inputs_embeds=given, attention_mask=torch.ones(2, 3).long()).last_hidden_state[:, 0]
    except Exception as error:  # whatever architectures that are no encoders raise
        raise ModelError(f"{source} is no encoder of texts: {first_line(error)} Choose one, such as a BERT:") from error
    if torch.equal(first, other):
        raise ModelError(
            f"{source} reads from left to right only, and an encoder reads the whole text. Choose one, such as a BERT:"
        )


def in_its_tokens(known: PreTrainedTokenizerBase, tokenizer: PreTrainedTokenizerFast) -> list[list[int]]:
    """For each token of the byte-level ``tokenizer``, the ids of the tokens that ``known`` has for its text; none of a special
    token that ``known`` lacks."""
    ends = known.sep_token_id if known.eos_token_id is None else known.eos_token_id
    special = {
        tokenizer.pad_token_id: known.pad_token_id,
        tokenizer.bos_token_id: known.cls_token_id,
        tokenizer.eos_token_id: ends,
    }
    ids = list(range(len(tokenizer)))
    to_text = decoders.ByteLevel()
    texts = [to_text.decode([token]) for token in tokenizer.convert_ids_to_tokens(ids)]
    found: list[list[int]] = known(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"]
    mark = getattr(known.backend_tokenizer.model, "continuing_subword_prefix", None) or "\0"  # WordPiece: "##ing"
    inside_words = {token.removeprefix(mark): id for token, id in known.get_vocab().items() if token.startswith(mark)}
    for place, text in enumerate(texts):
        if place in special:
            found[place] = [] if special[place] is None else [special[place]]
        elif (inside := inside_words.get(text, inside_words.get(text.lower()))) is not None:
            found[place] = [inside]
    return found
