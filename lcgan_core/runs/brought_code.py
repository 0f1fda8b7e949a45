"""Code that the configuration of a run names: the user's own is executed, that of others only after a yes.

A constraint may be a function of a Python file. What a user has run here, from the command line or from Python, is their own; a
run that came from elsewhere can name any file at all, one that came with it or one of this machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from ..errors import RunError
from ..plugins.discovery import constraint_classes, plugins
from ..support.cache_folder import cache_folder
from ..support.foreign_code import refusal, yes_to
from .config import Wish

OWN = "own-code"
"""Folder in the cache with a file for each Python file and module that the user has run here."""


def require_yes(wishes: Iterable[Wish], config: Path) -> None:
    """Raises ``RunError`` if ``config`` names code that is not the user's own, unless they say yes to it."""
    for wish in wishes:
        source = named_code(wish.constraint)
        if source and not _mark(source).is_file() and not yes_to(source, f"{config} names code that was never run here"):
            raise RunError(refusal(source, f"named in {config}"))


def remember_own(wishes: Iterable[Wish]) -> None:
    """Remembers the code that these constraints name as the user's own; where that cannot be kept, they are asked again."""
    for wish in wishes:
        if source := named_code(wish.constraint):
            with suppress(OSError):
                _mark(source).parent.mkdir(parents=True, exist_ok=True)
                _mark(source).write_text(f"{_identity(source)}\n", encoding="utf-8")


def named_code(constraint: str) -> str | None:
    """The Python file or module in ``./file.py:function`` or ``package.module:function``; None for what a plugin brings."""
    source, colon, _ = constraint.rpartition(":")
    if source.endswith(".py"):
        return source
    installed = not colon or constraint in constraint_classes() or source in {plugin.distribution for plugin in plugins()}
    return None if installed else source


def _mark(source: str) -> Path:
    return cache_folder() / OWN / hashlib.sha256(_identity(source).encode(errors="surrogatepass")).hexdigest()


def _identity(source: str) -> str:
    """The file's path, or the module's name with the place of its package: another one of that name is another's."""
    if source.endswith(".py"):
        return str(Path(source).expanduser().resolve())
    try:
        spec = find_spec(source.partition(".")[0])  # of the package alone, which executes nothing
    except (ImportError, ValueError):
        spec = None
    return f"{source} in {spec.origin if spec else None}"
