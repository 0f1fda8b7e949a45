"""``lcgan new-plugin``: a distribution with one constraint that works, to be changed into what its author wants."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from string import Template

from ..errors import PluginError
from .discovery import CORE, constraint_classes

TEMPLATE = Path(__file__).with_name("template")

TAKEN = {"callable", "constraint", "false", "field", "gan", "none", "sequence", "true"}
"""Names that mean something else in the plugin's module or on the command line."""


def short_name(name: str) -> str:
    """``my-wish`` of ``my-wish`` or ``lcgan-my-wish-plugin``; raises ``PluginError`` where no plugin can be called so."""
    short = name.removeprefix("lcgan-").removesuffix("-plugin")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", short):
        raise PluginError(f"No plugin can be called {name!r}. Use lower-case words joined by dashes, such as my-wish.")
    if short in TAKEN:
        raise PluginError(f"No plugin can be called {name!r}: {short} means something else already. Choose another name.")
    if short in constraint_classes():
        raise PluginError(f"A constraint {short!r} is installed already (see: lcgan constraints {short}). Choose another name.")
    return short


def write_plugin(name: str, parent: Path) -> Path:
    """Writes ``parent/lcgan-NAME-plugin``, complete with README and tests, and returns that folder.

    ``name`` is one of ``short_name``. Raises ``PluginError`` where the folder exists or cannot be written.
    """
    snake = name.replace("-", "_")
    names = {
        "name": name,
        "snake": snake,
        "distribution": f"lcgan-{name}-plugin",
        "module": f"lcgan_{snake}_plugin",
        "class_name": "".join(map(str.capitalize, name.split("-"))),
        "core": version(CORE),
    }
    folder = parent / names["distribution"]
    files = {
        "pyproject.toml": folder / "pyproject.toml",
        "README.md": folder / "README.md",
        "module.py": folder / f"{names['module']}.py",
        "tests.py": folder / "tests" / f"test_{snake}.py",
    }
    try:
        folder.mkdir(parents=True)
        (folder / "tests").mkdir()
        for template, file in files.items():
            text = (TEMPLATE / f"{template}.tmpl").read_text(encoding="utf-8")
            file.write_text(Template(text).substitute(names), encoding="utf-8")
    except FileExistsError as error:
        raise PluginError(f"{error.filename} exists already. Remove it, or choose another name or --out.") from error
    except OSError as error:
        raise PluginError(f"{folder} cannot be written: {error.strerror}. Choose another --out.") from error
    return folder
