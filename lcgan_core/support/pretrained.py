"""Loads transformers models of the user's choice from a folder or the hub; errors say what to do instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import constants
from huggingface_hub import logging as hub_logging
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging

from ..errors import ModelError
from .extras import needed
from .foreign_code import allows, refusal
from .model_sizes import refuse_absurd_sizes


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps transformers' progress bars, warnings and weight reports off stderr, and the hub's word of each new try."""
    had_progress_bar, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    verbosity_of_hub = hub_logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        hub_logging.set_verbosity(verbosity_of_hub)
        logging.set_verbosity(verbosity)
        if had_progress_bar:
            logging.enable_progress_bar()


def load_pretrained(
    kind: Any, called: str, source: str, place: str, dtype: str = "auto", reading: Any = AutoTokenizer
) -> tuple[Any, Any]:
    """The frozen model at ``source``, loaded with the auto class ``kind`` onto the device ``place``, and its tokenizer, or
    whatever else the auto class ``reading`` loads.

    ``source`` is a folder, a name on the hub, or a .gguf file. ``dtype`` is transformers' name for it; auto is float32 on a CPU
    and the saved type elsewhere. Raises a ``ModelError`` that describes the kind of model as ``called``. Its message is
    incomplete: the caller appends the option and a folder.

    A model that needs code of its own is refused, unless ``allows`` says that the user trusts it.
    """
    trusted = allows(source)
    precision = "float32" if dtype == "auto" and place == "cpu" else dtype
    weights: dict[str, str] = {}
    if source.endswith(".gguf"):
        needed("gguf", "A .gguf file", "pretrain")
        source, weights = str(Path(source).parent), {"gguf_file": Path(source).name}
    with quiet():
        check_it_is_there(source, **weights)
        try:
            reader = reading.from_pretrained(source, trust_remote_code=trusted, **weights)
            model, report = kind.from_pretrained(
                source,
                dtype=precision,
                output_loading_info=True,
                trust_remote_code=trusted,
                use_safetensors=True,  # never pickled weights
                **weights,
            )
        except Exception as error:  # of any type: many libraries read these files
            refuse_code(source, error)
            refuse_pickles(source, error)
            raise ModelError(f"{source} is not a {called}: {first_line(error)} Repair it, or choose another:") from error
    if report["missing_keys"]:
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(f"{source} is not a trained {called}: its weights lack {missing}. Choose a trained one:")
    # With a vocabulary of special tokens alone: what transformers creates if there are no files.
    if isinstance(reader, PreTrainedTokenizerBase) and set(reader.get_vocab()) <= set(reader.all_special_tokens):
        raise ModelError(f"{source} has no tokenizer. Save it there (tokenizer.save_pretrained), or choose another model:")
    return model.to(place).requires_grad_(False).eval(), reader


def check_it_is_there(source: str, **weights: str) -> None:
    """Raises ``ModelError`` if neither this machine nor the hub has a model of this name, or if it needs code of its own."""
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=allows(source), **weights)
    except (OSError, ValueError) as error:
        refuse_code(source, error)
        if Path(source).is_dir():
            raise ModelError(f"{source} does not contain a transformers model: {first_line(error)} Choose another:") from error
        if source.startswith((".", "/", "~")) or source.count("/") > 1:
            raise ModelError(f"there is no folder {source}. Choose another:") from error
        offline = "HF_HUB_OFFLINE is set: unset it. Or, " if constants.HF_HUB_OFFLINE else "Connect to the network. Or, "
        raise ModelError(
            f"{source} is not a folder here, and could not be loaded from the hub: {first_line(error)} {offline}"
            f"on a machine with a network: hf download {source} --local-dir FOLDER, and then"
        ) from error
    refuse_absurd_sizes(source, config.to_dict())


def refuse_code(source: str, error: Exception) -> None:
    """Raises ``ModelError`` if ``error`` is transformers' refusal to execute code that the model brings."""
    if "trust_remote_code" in str(error):
        raise ModelError(f"{refusal(source, 'custom code for transformers')} Or choose another:") from error


def refuse_pickles(source: str, error: Exception) -> None:
    """Raises ``ModelError`` if ``error`` says that no weights are saved as safetensors."""
    if isinstance(error, OSError) and "model.safetensors" in str(error):
        raise ModelError(
            f"{source} has no weights in safetensors files, the only ones that lcgan reads. Save them there "
            "(model.save_pretrained), or choose another model:"
        ) from error


def first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
