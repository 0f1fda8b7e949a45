"""Finding constraints and latent models: core's own, installed plugins', and bare functions from a file."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pluggy
from pydantic import ValidationError

from . import builtin, hookspecs
from .constraint import Constraint
from .errors import ConstraintError, ModelError, PluginError

if TYPE_CHECKING:
    from .latent_model import LatentModel

GROUP = "lcgan"


@dataclass
class Plugins:
    """The plugins of this process: a manager each, so that a broken one takes nothing else down, and why some are not in."""

    managers: dict[str, pluggy.PluginManager] = field(default_factory=dict)
    """By the name of the distribution."""
    broken: dict[str, PluginError] = field(default_factory=dict)
    """Reasons, by the name of the distribution."""


@cache
def plugins() -> Plugins:
    """Core itself and every installed plugin; one scan of the entry points a process."""
    found = Plugins({"lcgan-core": _manager_of(builtin)})
    for entry_point in entry_points(group=GROUP):
        owner = entry_point.dist.name if entry_point.dist else entry_point.name
        try:
            found.managers[owner] = _manager_of(entry_point.load())
        except Exception as error:
            found.broken[owner] = PluginError(f"{entry_point.value}: {type(error).__name__}: {error}")
    return found


def _manager_of(plugin: object) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("lcgan")
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    return manager


@cache
def constraint_classes() -> dict[str, type[Constraint]]:
    """Every constraint class by its name, or by ``distribution:name`` where the name is taken already."""
    return _registered("register_constraints")


@cache
def latent_model_classes() -> dict[str, type[LatentModel[Any]]]:
    """Every latent model class, named likewise. Apart from the constraints, because these classes import torch."""
    return _registered("register_latent_models")


def _registered(hook: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for owner, manager in list(plugins().managers.items()):
        kinds: list[Any] = []
        try:
            getattr(manager.hook, hook)(register=kinds.append)
            names = [kind.name for kind in kinds]
        except Exception as error:
            plugins().broken[owner] = PluginError(f"{hook}: {type(error).__name__}: {error}")
            continue
        for name, kind in zip(names, kinds, strict=True):
            found[f"{owner}:{name}" if name in found else name] = kind
    return found


def forget_plugins() -> None:
    """Scans again at next use, for a process in which a plugin was installed meanwhile."""
    for cached in (plugins, constraint_classes, latent_model_classes):
        cached.cache_clear()


def constraint_class(name: str) -> type[Constraint]:
    """The class behind ``--constraint NAME``; ``./file.py:function`` wraps that function.

    Raises ``ConstraintError`` where nothing of that name is installed, with the nearest name that is.
    """
    path, _, function = name.rpartition(":")
    if path.endswith(".py"):
        return function_constraint(Path(path), function, name)
    kinds = constraint_classes()
    if name not in kinds:
        raise ConstraintError(_unknown("constraint", name, kinds) + _broken_plugins())
    return kinds[name]


def make_constraint(name: str, options: dict[str, Any]) -> Constraint:
    """The constraint ``name`` with its options set; raises ``ConstraintError`` that goes through the wrong ones by field."""
    kind = constraint_class(name)
    try:
        return kind(**options)
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            option = ".".join(map(str, problem["loc"]))
            if problem["type"] == "extra_forbidden":
                options_here = ", ".join(kind.model_fields) or "no options"
                problems.append(
                    f"{name}.{option}: no such option; {name} has {options_here}{_nearest(option, kind.model_fields)}"
                )
            elif problem["type"] == "missing":
                problems.append(f"{name}.{option}: needs a value; give it with --set {name}.{option}=VALUE")
            else:
                message = problem["msg"].removeprefix("Value error, ")
                problems.append(f"{name}{'.' + option if option else ''}: {message}, not {problem['input']!r}")
        raise ConstraintError("; ".join(problems) + f". See: lcgan constraints {name}") from error


def load_latent_model(model: str) -> LatentModel[Any]:
    """The model behind ``--model``: ``KIND:SOURCE``, or a bare source of the built-in kind, the text VAE.

    Raises ``ModelError`` where the kind is not installed or has nothing there.
    """
    kind, _, source = model.partition(":")
    kinds = latent_model_classes()
    if source and kind in kinds:
        return kinds[kind].load(source)
    if source and not Path(model).exists():
        raise ModelError(_unknown("kind of latent model", kind, kinds) + _broken_plugins())
    return kinds["text-vae"].load(model)


def function_constraint(path: Path, function_name: str, constraint_name: str) -> type[Constraint]:
    """A constraint class around ``function(samples) -> values`` of a Python file; the file's content is its fingerprint."""
    if not path.is_file():
        raise ConstraintError(f"No file {path} for the constraint {path}:{function_name}.")
    spec = importlib.util.spec_from_file_location(f"lcgan_file_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConstraintError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    functions = {name: value for name, value in vars(module).items() if inspect.isfunction(value)}
    if function_name not in functions:
        raise ConstraintError(_unknown(f"function in {path}", function_name, functions))
    function: Callable[..., Any] = functions[function_name]

    class FunctionConstraint(Constraint):
        __doc__ = function.__doc__
        name: ClassVar[str] = constraint_name

        def __call__(self, samples: Any) -> Any:
            return function(samples)

        @property
        def fingerprint(self) -> str:
            return hashlib.sha256(path.read_bytes() + function_name.encode()).hexdigest()[:16]

    return FunctionConstraint


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"No {what} {name!r}{_nearest(name, known)}. There are: {', '.join(sorted(known)) or 'none'}."


def _broken_plugins() -> str:
    broken = plugins().broken
    return "".join(f" The plugin {name} could not be loaded: {reason}." for name, reason in broken.items())


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
