"""Loads transformers models from a local folder: with all their weights, and without output on the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from ..errors import ModelError
from .foreign_code import allows, refusal
from .model_sizes import refuse_absurd_sizes


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps transformers' progress bars, warnings and weight reports off stderr."""
    had_progress_bar, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_progress_bar:
            logging.enable_progress_bar()


def load_whole(kind: Any, folder: Path, **options: Any) -> Any:
    """The frozen model in ``folder``, in float32.

    Raises ``ValueError`` if its weights do not match its architecture, and ``ModelError`` if the folder brings code: a folder
    that lcgan wrote never does.
    """
    trusted = allows(folder)
    if not trusted and (code := remote_code_in(folder)):
        raise ModelError(refusal(folder, code))
    refuse_absurd_sizes(folder, json.loads((folder / "config.json").read_bytes()))
    with quiet():
        model, report = kind.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            output_loading_info=True,
            trust_remote_code=trusted,
            **options,
        )
    wrong = {what: sorted(map(str, names)) for what, names in report.items() if names}
    if wrong:
        raise ValueError(f"the weights do not fit the architecture: {wrong}")
    return model.requires_grad_(False).eval()


def remote_code_in(folder: Path) -> str:
    """The places in a model folder that ask transformers to execute code, joined by commas; empty if there are none."""
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            content = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue  # whoever needs the file says what is wrong with it
        if isinstance(content, dict) and content.get("auto_map"):
            found.append(f"auto_map in {file.name}")
    found += [f"{code.parent.name}/{code.name}" for code in sorted(folder.glob("custom_generate/*.py"))]
    return ", ".join(found)
