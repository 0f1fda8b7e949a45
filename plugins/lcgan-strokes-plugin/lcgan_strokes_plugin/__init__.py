"""Drawings for lcgan: the model ``sketch-rnn``; the constraints ``stroke-count``, ``drawing-symmetry``, ``width-to-height``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lcgan_core import Constraint, hookimpl

from .rules import DrawingSymmetry, StrokeCount, WidthToHeight

if TYPE_CHECKING:
    from lcgan_core import LatentModel, Recipe


@hookimpl
def register_constraints(register: Callable[[type[Constraint]], None]) -> None:
    for kind in (StrokeCount, DrawingSymmetry, WidthToHeight):
        register(kind)


@hookimpl
def register_latent_models(register: Callable[[type[LatentModel[Any]]], None]) -> None:
    from .latent_model import SketchRnnModel

    register(SketchRnnModel)


@hookimpl
def register_recipes(register: Callable[[type[Recipe]], None]) -> None:
    from .recipe import SketchRnnRecipe

    register(SketchRnnRecipe)
