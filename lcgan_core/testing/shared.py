"""What both contracts require: a name that options can take, a light import, and support for any text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache

ODD_TEXTS = (
    "",
    "   ",
    "\n",
    "two\nlines",
    "... !? ,",
    "_num_ 3.14 1,000",
    "👍🏽 ❤️",
    "Привет, мир",
    "今日は世界",
    "مرحبا بالعالم",
    "word " * 2000,
    "a" * 10_000,
)
"""Texts that a model may decode to on a bad day, or that a user may type."""

HEAVY = ("torch", "transformers", "datasets")
"""Modules that take seconds to import."""


def assert_name_is_usable(kind: type, options: str) -> None:
    name = getattr(kind, "name", None)
    assert isinstance(name, str), f"{kind.__qualname__} has no name. Give it one: name = 'my-wish'"
    assert re.fullmatch(r"[^\s:=,./]+", name), (
        f"{kind.__qualname__} has the name {name!r}, which {options} cannot take. Leave out spaces and the signs : = , . /"
    )


def assert_import_is_light(module: str, what: str) -> None:
    """Imports ``module``, which defines ``what``, in a fresh interpreter."""
    found = _imported(module, os.pathsep.join(sys.path))
    assert found.returncode == 0, (
        f"{module} cannot be imported in a fresh interpreter: {found.stderr.strip().rpartition(chr(10))[2]}. "
        f"Define {what} in a module that is installed."
    )
    heavy = sorted(found.stdout.split())
    assert not heavy, (
        f"Importing {module} imports {', '.join(heavy)}, and so would every `lcgan constraints`. "
        "Import heavy modules in the function that needs them."
    )


@cache
def _imported(module: str, path: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that imported ``module`` and printed which heavy ones came along; many contracts ask of one."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*(set({HEAVY}) & set(sys.modules)))"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
