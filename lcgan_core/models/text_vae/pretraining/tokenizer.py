"""The byte-level BPE tokenizer of a text VAE: trained, or what a corpus needs of a pretrained one."""

from __future__ import annotations

import json
from collections.abc import Iterable

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ....errors import ModelError

PAD, BOS, EOS = "<pad>", "<s>", "</s>"

# A word keeps its apostrophes and underscores ("did", "n't", "_num_"), so one token can hold it.
WORDS = Regex(r" ?[\w']+| ?[^\w\s']+|\s+")


def train_tokenizer(texts: Iterable[str], vocab_size: int, max_tokens: int) -> PreTrainedTokenizerFast:
    """A BPE tokenizer of at most ``vocab_size`` tokens that gives every text back as it was, and ends each with ``</s>``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Prepend(" ")  # the first word is the same token as anywhere else
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(WORDS, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[PAD, BOS, EOS],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return _finished(tokenizer, max_tokens)


def narrowed_tokenizer(
    pretrained: PreTrainedTokenizerFast, texts: list[str], max_tokens: int
) -> tuple[PreTrainedTokenizerFast, Tensor]:
    """Of a ``pretrained`` byte-level BPE tokenizer the tokens that ``texts`` need, and every byte; and the ids they had there.

    The ids are ``[tokens]``, -1 where there was no such token. The texts are split as the pretrained tokenizer splits them: a
    token that they need stays with all those it is merged of. Raises ``ModelError`` if it is no byte-level BPE tokenizer.
    """
    parts = json.loads(pretrained.backend_tokenizer.to_str())
    bpe, alphabet = parts["model"], set(pre_tokenizers.ByteLevel.alphabet())
    if bpe["type"] != "BPE" or len(alphabet - set(bpe["vocab"])) > 32:
        raise ModelError("its tokenizer is no byte-level BPE (GPT-2, SmolLM2 and Llama 3 have one). Choose another decoder:")
    known: dict[str, int] = bpe["vocab"]
    merges: list[tuple[str, ...]] = [tuple(pair if isinstance(pair, list) else pair.split(" ")) for pair in bpe["merges"]]
    halves = {"".join(pair): pair for pair in reversed(merges)}
    begun = pretrained([" " + text for text in texts], add_special_tokens=False)["input_ids"]
    unchecked = [str(pretrained.convert_ids_to_tokens(token)) for token in sorted({token for row in begun for token in row})]
    needed = set(alphabet)
    while unchecked:
        token = unchecked.pop()
        if token not in needed:
            unchecked += halves.get(token, ())
        needed.add(token)
    ordered = sorted(needed, key=lambda token: (known.get(token, len(known)), token))
    narrow = Tokenizer(
        models.BPE(
            vocab={token: place for place, token in enumerate([PAD, BOS, EOS, *ordered])},
            merges=[(left, right) for left, right in merges if needed >= {left, right, left + right}],
        )
    )
    narrow.normalizer = normalizers.Prepend(" ")
    narrow.pre_tokenizer = pretrained.backend_tokenizer.pre_tokenizer
    narrow.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    narrow.add_special_tokens([PAD, BOS, EOS])
    special = [pretrained.pad_token_id, pretrained.bos_token_id, pretrained.eos_token_id]
    ids = [-1 if token is None else token for token in special] + [known.get(token, -1) for token in ordered]
    return _finished(narrow, max_tokens), torch.tensor(ids)


def _finished(tokenizer: Tokenizer, max_tokens: int) -> PreTrainedTokenizerFast:
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {EOS}", special_tokens=[(EOS, tokenizer.token_to_id(EOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        model_max_length=max_tokens,
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,  # what looks like </s> in a text is text
    )
