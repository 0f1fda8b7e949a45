"""Code that models and runs of others bring along: it is executed only if the user said yes to it by name."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ALLOWED = "LCGAN_ALLOW_CODE"
"""Environment variable: the models and Python files whose code may be executed, separated as in PATH. ``lcgan --allow-code``
adds to it, so that worker processes know too."""


def allows(source: str | Path) -> bool:
    """Whether the user said yes to code from ``source``: a model's folder or name on the hub, or a Python file."""
    there = Path(source).exists()
    given = [name for name in os.environ.get(ALLOWED, "").split(os.pathsep) if name]
    return any(name == str(source) or (there and Path(name).resolve() == Path(source).resolve()) for name in given)


@contextmanager
def allowing(*sources: str) -> Iterator[None]:
    """Says yes to code from ``sources`` until the context ends."""
    before = os.environ.get(ALLOWED)
    os.environ[ALLOWED] = os.pathsep.join(filter(None, [*sources, before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ[ALLOWED]
        else:
            os.environ[ALLOWED] = before


def nobody_asked(question: str) -> bool:
    """The answer where there is no user to ask."""
    return False


_ask: Callable[[str], bool] = nobody_asked


@contextmanager
def asking(ask: Callable[[str], bool]) -> Iterator[None]:
    """Lets ``yes_to`` ask the user by ``ask`` until the context ends."""
    global _ask
    before, _ask = _ask, ask
    try:
        yield
    finally:
        _ask = before


def yes_to(source: str | Path, why: str) -> bool:
    """Whether the user said yes to code from ``source``, or says so now; asked once."""
    if allows(source):
        return True
    if not _ask(f"{why}: {source}. It could do anything on this machine. Execute it?"):
        return False
    os.environ[ALLOWED] = os.pathsep.join([str(source), *filter(None, [os.environ.get(ALLOWED)])])
    return True


def refusal(source: str | Path, what: str) -> str:
    """Says that ``what`` from ``source`` is not executed, and how to allow it."""
    return (
        f"{source} brings code of its own ({what}), which could do anything on this machine; it was not executed. "
        f"If you have read it and trust it: lcgan --allow-code {shlex.quote(str(source))} COMMAND, or {ALLOWED}."
    )
