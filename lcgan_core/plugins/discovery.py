"""Finding constraints, latent models, recipes and kinds of sample: core's own, plugins', and bare functions."""

from __future__ import annotations

import inspect
import os
import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points, version
from pathlib import Path
from typing import Any

import pluggy
from pydantic import ValidationError

from .. import hookspecs
from ..constraint import Constraint
from ..errors import ConstraintError, LcganError, ModelError, PluginError, SampleError
from ..latent_model import LatentModel
from ..options import nearest, no_such_option
from ..recipe import DEFAULT_KIND, Recipe
from ..sample_kinds import SampleKind
from ..sources import place_of, told
from ..support.hub import fetched, is_on_hub
from . import builtin
from .rewards import names_a_reward, reward_class

GROUP = "lcgan"
CORE = "lcgan-core"
SWITCH = "LCGAN_PLUGINS"
"""Environment variable: ``none``, or a comma-separated list of the distributions to load, or of those not to load with a minus
before each."""

REGISTERED: dict[str, type[Any]] = {
    "register_constraints": Constraint,
    "register_latent_models": LatentModel,
    "register_recipes": Recipe,
    "register_sample_kinds": SampleKind,
}
"""The base class of everything that each hook's ``register`` accepts."""


@dataclass
class Plugin:
    """One entry point. It has its own manager, so that a broken plugin does not affect the others."""

    distribution: str
    version: str
    module: str
    manager: pluggy.PluginManager | None = None
    """None if the plugin is broken or off."""
    problem: str | None = None
    """Why it is broken, in one line."""
    trace: str = ""
    """The traceback of that problem."""

    @property
    def status(self) -> str:
        return "broken" if self.problem else "ok" if self.manager else "off"

    def broke(self, error: BaseException) -> None:
        self.manager = None
        self.problem = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        self.trace = "".join(traceback.format_exception(error))


@cache
def plugins() -> list[Plugin]:
    """Core itself and every installed plugin. The entry points are scanned once per process."""
    found = [Plugin(CORE, version(CORE), builtin.__name__, _manager_of(builtin))]
    points = entry_points(group=GROUP)
    wanted = switched_on({point.dist.name for point in points if point.dist})
    for point in points:
        plugin = Plugin(point.dist.name if point.dist else point.name, point.dist.version if point.dist else "", point.value)
        found.append(plugin)
        if plugin.distribution in wanted or not point.dist:
            try:
                plugin.manager = _load(point)
            except (Exception, SystemExit) as error:
                plugin.broke(error)
    return found


def switched_on(distributions: set[str]) -> set[str]:
    """The ``distributions`` that ``LCGAN_PLUGINS`` leaves on. Raises ``PluginError`` if it names one that is not installed."""
    setting = os.environ.get(SWITCH)
    if setting is None:
        return distributions
    names = [name.strip() for name in setting.split(",") if name.strip() not in ("", "none")]
    unknown = {name.removeprefix("-") for name in names} - distributions
    if unknown:
        raise PluginError(
            f"{SWITCH}={setting} names {', '.join(sorted(unknown))}, but no such plugin is installed. "
            f"There are: {', '.join(sorted(distributions)) or 'none'}."
        )
    off = {name.removeprefix("-") for name in names if name.startswith("-")}
    on = {name for name in names if not name.startswith("-")}
    return (on or (distributions if off else set())) - off


def _load(point: EntryPoint) -> pluggy.PluginManager:
    if point.dist:
        _require_fitting_core(point.dist)
    if not point.pattern.fullmatch(point.value):
        raise PluginError(f'its entry point is {point.value!r}, which names no module. Write {point.name} = "MODULE"')
    loaded = point.load()
    if inspect.isclass(loaded):
        raise PluginError(
            f"its entry point {point.value!r} names a class. Name the module, and register constraints in a function marked "
            "with @hookimpl"
        )
    return _manager_of(loaded)


def _require_fitting_core(distribution: Distribution) -> None:
    """Raises ``PluginError`` if the distribution requires another version of core."""
    ours = [line for line in distribution.requires or [] if re.match(r"lcgan[-_.]core\b", line, re.IGNORECASE)]
    if ours:
        from packaging.requirements import Requirement

        for requirement in map(Requirement, ours):
            fits = requirement.specifier.contains(version(CORE), prereleases=True)
            if not fits and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                raise PluginError(f"needs {CORE}{requirement.specifier}, this is {version(CORE)}; pip install -U {CORE}")


def _manager_of(plugin: object) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("lcgan")
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise PluginError(f"implements none of lcgan's hooks; mark one of {', '.join(REGISTERED)} with @hookimpl")
    return manager


@cache
def constraint_classes() -> dict[str, type[Constraint]]:
    """Every constraint class by its name, or by ``distribution:name`` if plugins share a name; core's names stay bare."""
    return _by_name("register_constraints")


@cache
def latent_model_classes() -> dict[str, type[LatentModel[Any]]]:
    """Every latent model class, named in the same way. Kept apart from the constraints because these classes import torch."""
    return _by_name("register_latent_models")


@cache
def recipe_classes() -> dict[str, type[Recipe]]:
    """Every recipe class, named in the same way."""
    return _by_name("register_recipes")


@cache
def sample_kind_classes() -> dict[str, type[SampleKind[Any]]]:
    """Every kind of sample, named in the same way."""
    return _by_name("register_sample_kinds")


def registered(plugin: Plugin, hook: str) -> dict[str, Any]:
    """What a plugin registers through ``hook``, by bare name. A plugin whose hook fails is marked as broken."""
    if plugin.manager is None:
        return {}
    kinds: list[Any] = []
    found: dict[str, Any] = {}
    try:
        getattr(plugin.manager.hook, hook)(register=kinds.append)
        for kind in kinds:
            if not (isinstance(kind, type) and issubclass(kind, REGISTERED[hook])):
                raise PluginError(f"{hook} registers {kind!r}, which is not a subclass of {REGISTERED[hook].__name__}")
            name = str(kind.name)  # type: ignore[attr-defined]
            if name in found:
                raise PluginError(f"{hook} registers {name!r} twice")
            found[name] = kind
    except (Exception, SystemExit) as error:
        plugin.broke(error)
        return {}
    return found


def _by_name(hook: str) -> dict[str, Any]:
    brought = [(plugin, name, kind) for plugin in plugins() for name, kind in registered(plugin, hook).items()]
    names = [name for _, name, _ in brought]
    return {
        name if names.count(name) == 1 or plugin.distribution == CORE else f"{plugin.distribution}:{name}": kind
        for plugin, name, kind in brought
    }


def forget_plugins() -> None:
    """Makes the next use scan again, for a process in which a plugin was installed after the first scan."""
    for cached in (plugins, constraint_classes, latent_model_classes, recipe_classes, sample_kind_classes):
        cached.cache_clear()


def constraint_class(name: str) -> type[Constraint]:
    """The class behind ``--constraint NAME``; ``./file.py:function`` and ``package.module:function`` wrap that function.

    ``distribution:name`` also works if the bare name is unique. Raises ``ConstraintError`` if nothing of that name is
    installed, suggesting the nearest installed name, or if the named plugin is broken.
    """
    path, _, last = name.rpartition(":")
    if path.endswith(".py"):
        return reward_class(name)
    kinds = constraint_classes()
    if name in kinds:
        return kinds[name]
    for plugin in plugins():
        if path == plugin.distribution and last in (mine := registered(plugin, "register_constraints")):
            return mine[last]  # type: ignore[no-any-return]
        if path == plugin.distribution and plugin.problem:
            raise ConstraintError(f"No constraint {name!r}: the plugin {path} is broken: {plugin.problem}.")
    if names_a_reward(name):
        return reward_class(name)
    sharing = [full for full in kinds if full.endswith(f":{name}")]
    if sharing:
        raise ConstraintError(f"Several plugins provide a constraint {name!r}. Choose one: {' or '.join(sharing)}.")
    raise ConstraintError(_unknown("constraint", name, kinds) + _not_loaded())


def make_constraint(name: str, options: dict[str, Any]) -> Constraint:
    """The constraint ``name`` with its options set. Raises a ``ConstraintError`` that lists every wrong option."""
    kind = constraint_class(name)
    try:
        return kind(**options)
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            option = ".".join(map(str, problem["loc"]))
            if problem["type"] == "extra_forbidden":
                problems.append(f"{name}.{option}: {no_such_option(kind, problem['loc'], name)}")
            elif problem["type"] == "missing":
                problems.append(f"{name}.{option}: needs a value; give it with --set {name}.{option}=VALUE")
            else:
                message = problem["msg"].removeprefix("Value error, ")
                given = repr(problem["input"])
                given = given if len(given) <= 80 else given[:77] + "..."
                problems.append(f"{name}{'.' + option if option else ''}: {message}, not {given}")
        raise ConstraintError("; ".join(problems) + f". See: lcgan constraints {name}") from error


def load_latent_model(model: str, device: str = "auto") -> LatentModel[Any]:
    """The model behind ``--model``: ``KIND:SOURCE``, or a bare source of the built-in kind, the text VAE. A source may be
    ``hub:USER/NAME`` or ``hub:USER/NAME@REVISION``.

    The model computes on ``device``: a torch device, or ``auto`` for a GPU if there is one and the model can use it. Raises
    ``ModelError`` if the kind is not installed, if it finds no model at the source, if there is no such device, or if the model
    cannot compute on it.
    """
    from ..support.device import usable_device

    place = usable_device(device)
    found = _loaded(model)
    found.move_to(place)
    if device != "auto" and torch_type(found.device) != torch_type(place):
        raise ModelError(f"The model {found.name} computes on {found.device}, not on {place}. Leave out --device.")
    return found


def torch_type(device: str) -> str:
    """The type of a torch device: ``cuda`` for ``cuda:1``."""
    return device.partition(":")[0]


def _loaded(model: str) -> LatentModel[Any]:
    kind, _, source = (DEFAULT_KIND, "", model) if is_on_hub(model) else model.partition(":")
    kinds = latent_model_classes()
    if source and kind in kinds:
        try:
            return kinds[kind].load(str(fetched(source, ModelError)) if is_on_hub(source) else source)
        except LcganError:
            raise
        except Exception as error:  # whatever a plugin's reader raises
            raise ModelError(
                f"The model {model} cannot be loaded{place_of(error)}: {told(error)}. Give another source, or fix the plugin."
            ) from error
    if source and not Path(model).exists():
        raise ModelError(_unknown("kind of latent model", kind, kinds) + _not_loaded())
    return kinds[DEFAULT_KIND].load(model)


def source_of(model: str) -> tuple[str, str]:
    """A model's name in two: ``KIND:``, empty for the built-in kind, and what may be a path; empty if the model ships."""
    from ..models.text_vae.latent_model import EMBEDDED

    kind, colon, source = model.partition(":")
    if colon and kind in latent_model_classes():
        return f"{kind}:", source
    ships = Path(model).name == model and (EMBEDDED / model / "config.json").is_file()
    return "", "" if ships else model


def latent_model_class(model: str) -> type[LatentModel[Any]]:
    """The class of the model behind ``--model``, which is not loaded."""
    prefix, _ = source_of(model)
    return latent_model_classes()[prefix.removesuffix(":") or DEFAULT_KIND]


def sample_kind(name: str) -> SampleKind[Any]:
    """The kind of sample called ``name``, with its default options. Raises ``SampleError`` if none is installed."""
    kinds = sample_kind_classes()
    if name not in kinds:
        raise SampleError(_unknown("kind of sample", name, kinds) + _not_loaded())
    return kinds[name]()


def recipe_class(kind: str) -> type[Recipe]:
    """The recipe of the latent models of this kind. Raises ``ModelError`` if no such kind is installed."""
    kinds = recipe_classes()
    if kind not in kinds:
        raise ModelError(_unknown("kind of latent model to train", kind, kinds) + _not_loaded())
    return kinds[kind]


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"No {what} {name!r}{nearest(name, known)}. There are: {', '.join(sorted(known)) or 'none'}."


def _not_loaded() -> str:
    broken = "".join(
        f" The plugin {plugin.distribution} is broken: {plugin.problem}." for plugin in plugins() if plugin.problem
    )
    off = [plugin.distribution for plugin in plugins() if plugin.status == "off"]
    return broken + (f" Switched off by {SWITCH}: {', '.join(off)}." if off else "")
