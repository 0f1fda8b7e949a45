"""Models of transformers that someone chose: from a folder or the hub, with their tokenizer, or what to do instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import constants
from transformers import AutoConfig, AutoTokenizer

from ..errors import ModelError
from .loading import quiet


def load_pretrained(kind: Any, called: str, source: str, place: str, dtype: str = "auto") -> tuple[Any, Any]:
    """The frozen model of the auto class ``kind`` at ``source``, on the device ``place``, and its tokenizer.

    ``dtype`` is as transformers calls it; auto is float32 on a CPU, elsewhere what the weights were saved in. Raises
    ``ModelError`` that calls the kind ``called`` and ends where the option and a folder belong.
    """
    precision = "float32" if dtype == "auto" and place == "cpu" else dtype
    with quiet():
        check_it_is_there(source)
        try:
            tokenizer = AutoTokenizer.from_pretrained(source)
            model, report = kind.from_pretrained(source, dtype=precision, output_loading_info=True)
        except Exception as error:  # of any kind: many libraries read these files
            raise ModelError(f"{source} is no {called}: {first_line(error)} Repair it, or choose another:") from error
    if report["missing_keys"]:
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(f"{source} is no trained {called}, its weights lack {missing}. Choose one that was trained as one:")
    if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):  # what transformers makes of no files at all
        raise ModelError(f"{source} has no tokenizer. Save it there (tokenizer.save_pretrained), or choose another model:")
    return model.to(place).requires_grad_(False).eval(), tokenizer


def check_it_is_there(source: str) -> None:
    """Raises ``ModelError`` where neither this machine nor the hub has a model called so."""
    try:
        AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        if Path(source).is_dir():
            raise ModelError(f"{source} holds no model of transformers: {first_line(error)} Choose another:") from error
        if source.startswith((".", "/", "~")) or source.count("/") > 1:
            raise ModelError(f"there is no folder {source}. Choose another:") from error
        offline = "HF_HUB_OFFLINE is set: unset it. Or, " if constants.HF_HUB_OFFLINE else "Connect. Or, "
        raise ModelError(
            f"{source} is no folder here, and it did not come from the hub: {first_line(error)} {offline}"
            f"where there is a network: hf download {source} --local-dir FOLDER, and then"
        ) from error


def first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
