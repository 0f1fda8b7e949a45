"""``lcgan new-plugin``: a distribution with a working constraint or latent model, for users to change into their own."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Literal

from ..errors import PluginError
from .discovery import CORE, constraint_classes, latent_model_classes

TEMPLATES = Path(__file__).with_name("template")

Kind = Literal["constraint", "model"]

TAKEN: dict[Kind, set[str]] = {
    "constraint": {"callable", "constraint", "false", "field", "gan", "none", "sequence", "true"},
    "model": {"class-var", "false", "latent-model", "model-error", "none", "path", "posterior", "safetensor-error", "self"}
    | {"sequence", "tensor", "true"},
}
"""Names that mean something else in the plugin's module or on the command line."""

FILES: dict[Kind, dict[str, str]] = {
    "constraint": {"module.py": "{module}.py"},
    "model": {file: f"{{module}}/{file}" for file in ("__init__.py", "model.py", "train.py")},
}
"""Where the files go that only plugins of this kind have."""


def short_name(name: str, kind: Kind = "constraint") -> str:
    """``my-wish`` for ``my-wish`` or ``lcgan-my-wish-plugin``. Raises ``PluginError`` if no plugin can have that name."""
    short = name.removeprefix("lcgan-").removesuffix("-plugin")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", short):
        raise PluginError(f"No plugin can be called {name!r}. Use lower-case words joined by dashes, such as my-wish.")
    from ..engine.networks import RESERVED

    if short in TAKEN[kind] or (kind == "constraint" and short in RESERVED):
        raise PluginError(f"No plugin can be called {name!r}: {short} already means something else. Choose another name.")
    if kind == "constraint" and short in constraint_classes():
        raise PluginError(f"A constraint {short!r} is already installed (see: lcgan constraints {short}). Choose another name.")
    if kind == "model" and short in latent_model_classes():
        raise PluginError(f"A latent model {short!r} is already installed (see: lcgan plugins). Choose another name.")
    return short


def write_plugin(name: str, parent: Path, kind: Kind = "constraint") -> Path:
    """Writes ``parent/lcgan-NAME-plugin``, complete with README and tests, and returns that folder.

    ``name`` is a result of ``short_name``. Raises ``PluginError`` if the folder exists or cannot be written.
    """
    snake = name.replace("-", "_")
    names = {
        "name": name,
        "snake": snake,
        "distribution": f"lcgan-{name}-plugin",
        "module": f"lcgan_{snake}_plugin",
        "class_name": "".join(map(str.capitalize, name.split("-"))),
        "core": version(CORE),
        "next_core": _next_incompatible(version(CORE)),
    }
    folder = parent / names["distribution"]
    files = {"pyproject.toml": "pyproject.toml", "README.md": "README.md", "tests.py": "tests/test_{snake}.py"} | FILES[kind]
    try:
        folder.mkdir(parents=True)
        for template, place in files.items():
            text = (TEMPLATES / kind / f"{template}.tmpl").read_text(encoding="utf-8")
            file = folder / place.format(**names)
            file.parent.mkdir(exist_ok=True)
            file.write_text(Template(text).substitute(names), encoding="utf-8")
    except FileExistsError as error:
        raise PluginError(f"{error.filename} already exists. Remove it, or choose another name or --out.") from error
    except OSError as error:
        raise PluginError(f"{folder} cannot be written: {error.strerror}. Choose another --out.") from error
    return folder


def _next_incompatible(core: str) -> str:
    """The version from which a plugin tested with version ``core`` may no longer work: below 1.0, any minor version."""
    major, minor = map(int, core.split(".")[:2])
    return str(major + 1) if major else f"0.{minor + 1}"
