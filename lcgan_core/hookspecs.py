"""The hooks through which constraints, latent models, their recipes and kinds of sample are registered, core's own included."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from .constraint import Constraint
    from .latent_model import LatentModel
    from .recipe import Recipe
    from .sample_kinds import SampleKind

hookspec = pluggy.HookspecMarker("lcgan")
hookimpl = pluggy.HookimplMarker("lcgan")


@hookspec
def register_constraints(register: Callable[[type[Constraint]], None]) -> None:
    """Call ``register`` with each constraint class that the plugin provides."""


@hookspec
def register_latent_models(register: Callable[[type[LatentModel[Any]]], None]) -> None:
    """Call ``register`` with each latent model class that the plugin provides."""


@hookspec
def register_recipes(register: Callable[[type[Recipe]], None]) -> None:
    """Call ``register`` with the recipe class of each latent model that ``lcgan pretrain`` can train."""


@hookspec
def register_sample_kinds(register: Callable[[type[SampleKind[Any]]], None]) -> None:
    """Call ``register`` with each ``SampleKind`` class that the plugin provides; its constructor must need no arguments."""
