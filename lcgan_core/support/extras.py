"""Optional libraries, which extras of lcgan-core install."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import RunError


def needed(module: str, what: str, extra: str) -> Any:
    """Imports the module that ``what`` needs; raises a ``RunError`` that says how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise RunError(f"{what} needs {error.name}: pip install 'lcgan-core[{extra}]'.") from error
