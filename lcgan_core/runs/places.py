"""Where the files are that a configuration names.

In a file of configuration, a path is relative to the folder of that file; in memory, it is absolute. The file of a run names
relatively what lies below the working directory, as the run does: it can move with that, and tells nobody where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from ..errors import ConstraintError
from ..plugins.discovery import constraint_class, source_of
from ..support.hub import is_on_hub
from .brought_code import named_code
from .config import RunConfig, Wish, load_config


def config_of(file: Path) -> RunConfig:
    """The configuration in ``file``, with absolute paths; executes no code that it names.

    Raises ``RunError`` if it cannot be read.
    """
    found, folder = load_config(file), file.parent
    options = {wish.name: _paths_without_code(wish, folder) for wish in found.constraints}
    return _with_paths(found, folder, options, partial(_absolute, folder))


def made_absolute(config: RunConfig) -> RunConfig:
    """The same configuration with absolute paths; relative ones are taken from the working directory.

    Raises ``ConstraintError`` if there is no such constraint.
    """
    here = Path()
    return _with_paths(config, here, _paths(config, here), partial(_absolute, here))


def made_relative(config: RunConfig, folder: Path) -> RunConfig:
    """A configuration with absolute paths as the run in ``folder`` keeps it: relative to ``folder`` if both lie below the
    working directory."""
    project, folder = Path.cwd(), Path(os.path.abspath(folder))

    def kept(path: str) -> str:
        together = Path(path).is_relative_to(project) and folder.is_relative_to(project)
        return os.path.relpath(path, folder) if together else path

    return _with_paths(config, folder, _paths(config, folder), kept)


def _absolute(folder: Path, path: str) -> str:
    return os.path.abspath(folder / Path(path).expanduser())


def _with_paths(
    config: RunConfig, folder: Path, options: Mapping[str, Collection[str]], changed: Callable[[str], str]
) -> RunConfig:
    """The configuration with each path ``changed``; ``options`` are those options of each constraint that are paths."""
    prefix, source = source_of(config.model)
    return config.model_copy(
        update={
            "model": prefix + changed(source) if source and (folder / source).exists() else config.model,
            "constraints": tuple(_wish_with_paths(wish, options[wish.name], changed) for wish in config.constraints),
            "critics": tuple(run if is_on_hub(run) else Path(changed(str(run))) for run in config.critics),
        }
    )


def _wish_with_paths(wish: Wish, paths: Collection[str], changed: Callable[[str], str]) -> Wish:
    source, colon, name = wish.constraint.rpartition(":")
    constraint = f"{changed(source)}{colon}{name}" if source.endswith(".py") else wish.constraint
    options = {name: changed(str(value)) if name in paths else value for name, value in wish.options.items()}
    return wish.model_copy(update={"constraint": constraint, "options": options})


def _paths(config: RunConfig, folder: Path) -> dict[str, set[str]]:
    """Those options of each constraint that are paths, seen from ``folder``."""
    kinds = {wish.name: constraint_class(wish.constraint) for wish in config.constraints}
    return {wish.name: _paths_of(wish, kinds[wish.name].model_fields, folder) for wish in config.constraints}


def _paths_without_code(wish: Wish, folder: Path) -> set[str]:
    """The same for one constraint that may be code from elsewhere, or gone: then only what is there is a path."""
    fields: Mapping[str, FieldInfo] = {}
    if not named_code(wish.constraint):
        with suppress(ConstraintError):
            fields = constraint_class(wish.constraint).model_fields
    return _paths_of(wish, fields, folder)


def _paths_of(wish: Wish, fields: Mapping[str, FieldInfo], folder: Path) -> set[str]:
    types = {name: fields[name].annotation if name in fields else str for name in wish.options}
    return {name for name, value in wish.options.items() if _is_path(types[name], value, folder)}


def _is_path(annotation: Any, value: Any, folder: Path) -> bool:
    """Whether an option's value is a path: by the option's type, or because it is a model's folder or a file that is there."""
    types = set(get_args(annotation)) if get_origin(annotation) in (Union, UnionType) else {annotation}
    if Path in types:
        return value is not None
    if str not in types or not isinstance(value, str) or "\0" in value:
        return False
    try:
        path = folder / Path(value).expanduser()
        return (os.sep in value and path.exists()) or (path / "config.json").is_file()
    except (OSError, RuntimeError):  # a name that the system refuses, or the home of nobody
        return False
