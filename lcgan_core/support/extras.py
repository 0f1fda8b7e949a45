"""Optional libraries, each brought by an extra of lcgan-core."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import RunError


def needed(module: str, what: str, extra: str) -> Any:
    """The module that ``what`` needs; raises ``RunError`` that says how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise RunError(f"{what} needs {error.name}: pip install 'lcgan-core[{extra}]'.") from error
