"""Loads transformers models from a local folder: with all their weights, and without output on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging


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
    """The frozen model in ``folder``, in float32; raises ``ValueError`` if its weights do not match its architecture."""
    with quiet():
        model, report = kind.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, output_loading_info=True, **options
        )
    wrong = {what: sorted(map(str, names)) for what, names in report.items() if names}
    if wrong:
        raise ValueError(f"the weights do not fit the architecture: {wrong}")
    return model.requires_grad_(False).eval()
