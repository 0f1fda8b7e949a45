"""More texts like those of the corpus, by the whole language model that the VAE starts from, once it knows the corpus.

n texts tell apart no more than log n nats of z. Of a VAE that uses twice as many, most of N(0, I) lies between its texts, where
nobody taught the decoder what to write. Written texts fill that space: each is seen once, and none of them is in the corpus.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ....support.device import multiplies_bf16, usable_device
from ....support.files import read_json, write_json
from ..batches import LanguageModelBatches, Rows
from .training import fit

EPOCHS = 2
"""Passes over the corpus: with more, a model of this size begins to know it by heart."""
LEARNING_RATE = 3e-4
TEMPERATURE = 0.85
"""Of sampling. A blind reader found 42 % of SmolLM2's texts natural at 1 and 87 % at 0.8; lower is less varied."""
AT_ONCE = {"cuda": 16_384}
"""Texts that are written at once; elsewhere 256."""


def write(
    language_model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    texts: list[str],
    count: int,
    folder: Path,
    *,
    batch_size: int,
    seed: int,
    on_progress: Callable[[str, float], None],
) -> list[str]:
    """What is new of about ``count`` texts that ``language_model`` writes after a training on ``texts``.

    Everything is kept in ``folder`` as it is made, and made only if it is not there.
    """
    place = usable_device("auto")
    at_once = AT_ONCE.get(place, 256)
    rounds = [folder / f"{number:06}.json" for number in range(-(-count // at_once))]
    missing = [file for file in rounds if not file.is_file()]
    if missing and not (folder / "config.json").is_file():
        fit(
            language_model.requires_grad_(True).train(),
            Rows(tokenizer, texts, epochs=EPOCHS),
            LanguageModelBatches(tokenizer),
            folder / "checkpoints",
            batch_size=batch_size,
            learning_rate=LEARNING_RATE,
            seed=seed,
            on_progress=lambda share: on_progress("writer", share),
        )
        language_model.save_pretrained(folder)
    elif missing:
        language_model = type(language_model).from_pretrained(folder, local_files_only=True)
    language_model.to(device=place, dtype=torch.bfloat16 if multiplies_bf16() else torch.float32).eval()  # type: ignore[call-arg]
    for number, file in enumerate(rounds):
        if file in missing:
            on_progress("written texts", number / len(rounds))
            torch.manual_seed(seed + number)
            write_json(file, drawn(language_model, tokenizer, at_once))
    known = set(texts)
    return [text for text in dict.fromkeys(text for file in rounds for text in read_json(file)) if text not in known]


@torch.inference_mode()
def drawn(language_model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, count: int) -> list[str]:
    """At most ``count`` texts, sampled from a trained model; those that do not end within the longest are left out."""
    begun = torch.full((count, 1), tokenizer.bos_token_id, device=language_model.device)
    ids = language_model.generate(  # type: ignore[operator]
        input_ids=begun,
        attention_mask=torch.ones_like(begun),
        do_sample=True,
        temperature=TEMPERATURE,
        top_k=0,
        max_new_tokens=tokenizer.model_max_length,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )[:, 1:]
    ended = ids[(ids == tokenizer.eos_token_id).any(1)].tolist()
    texts: list[str] = tokenizer.backend_tokenizer.decode_batch(ended, skip_special_tokens=True)
    return [text for text in texts if text.strip()]
