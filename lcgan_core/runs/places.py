"""Where the files are that a run names: absolute from its start on, and found again after the run was moved with them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from ..plugins.discovery import constraint_class, located
from ..support.files import read_json
from .config import RunConfig, Wish, load_config
from .folder import CONFIG, ENVIRONMENT


def made_absolute(config: RunConfig) -> RunConfig:
    """The same configuration with absolute paths, so that it means the same from any working directory.

    Raises ``ConstraintError`` if there is no such constraint.
    """
    return config.model_copy(
        update={
            "model": located(config.model),
            "constraints": tuple(map(_wish_made_absolute, config.constraints)),
            "critics": tuple(map(_absolute, config.critics)),
        }
    )


def _wish_made_absolute(wish: Wish) -> Wish:
    fields = constraint_class(wish.constraint).model_fields
    options = {
        name: str(_absolute(value)) if name in fields and _is_path(fields[name].annotation, value) else value
        for name, value in wish.options.items()
    }
    return wish.model_copy(update={"constraint": _with_source(wish.constraint, _absolute), "options": options})


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(Path(path).expanduser()))


def _is_path(annotation: Any, value: Any) -> bool:
    """Whether an option's value is a path: by the option's type, or because it is a model's folder or a file that is there."""
    types = set(get_args(annotation)) if get_origin(annotation) in (Union, UnionType) else {annotation}
    if Path in types:
        return value is not None
    if str not in types or not isinstance(value, str) or "\0" in value:
        return False
    try:
        path = Path(value).expanduser()
        return (os.sep in value and path.exists()) or (path / "config.json").is_file()
    except (OSError, RuntimeError):  # a name that the system refuses, or the home of nobody
        return False


def config_of(folder: Path) -> RunConfig:
    """The configuration of the run in ``folder``, wherever it was when the run was made. Raises ``RunError`` without one."""
    config = load_config(folder / CONFIG)
    if not (folder / ENVIRONMENT).is_file():
        return config
    environment = read_json(folder / ENVIRONMENT)
    was = environment.get("folder") if isinstance(environment, dict) else None
    return found_again(config, Path(was), folder.absolute()) if isinstance(was, str) else config


def found_again(config: RunConfig, was: Path, now: Path) -> RunConfig:
    """The configuration of a run whose folder was at ``was`` and is ``now``: files that are gone are sought where they lay
    relative to the folder. What is not there either keeps its name, so that whoever needs it says what is missing."""
    if was == now:
        return config

    def moved(path: str) -> str:
        if not Path(path).is_absolute() or Path(path).exists():
            return path
        there = Path(os.path.normpath(now / os.path.relpath(path, was)))
        return str(there) if there.exists() else path

    wishes = (
        wish.model_copy(
            update={
                "constraint": _with_source(wish.constraint, moved),
                "options": {name: moved(value) if isinstance(value, str) else value for name, value in wish.options.items()},
            }
        )
        for wish in config.constraints
    )
    kind, colon, source = config.model.partition(":")
    return config.model_copy(
        update={
            "model": f"{kind}:{moved(source)}" if colon else moved(config.model),
            "constraints": tuple(wishes),
            "critics": tuple(Path(moved(str(path))) for path in config.critics),
        }
    )


def _with_source(constraint: str, moved: Callable[[str], str | Path]) -> str:
    """The same constraint; ``moved`` says where its file is, if it comes from one."""
    source, colon, name = constraint.rpartition(":")
    return f"{moved(source)}{colon}{name}" if source.endswith(".py") else constraint
