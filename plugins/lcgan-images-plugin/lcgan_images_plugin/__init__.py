"""Pictures for lcgan: the model ``image-vae``; the constraints ``digit``, ``ink``, ``symmetry``, ``image-classifier``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lcgan_core import Constraint, hookimpl

from .classifier import ImageClassifier
from .digits import Digit
from .rules import Ink, Symmetry
from .second_judge import DigitNeighbours

if TYPE_CHECKING:
    from lcgan_core import LatentModel, Recipe


@hookimpl
def register_constraints(register: Callable[[type[Constraint]], None]) -> None:
    for kind in (Digit, DigitNeighbours, Ink, Symmetry, ImageClassifier):
        register(kind)


@hookimpl
def register_latent_models(register: Callable[[type[LatentModel[Any]]], None]) -> None:
    from .latent_model import ImageVaeModel

    register(ImageVaeModel)


@hookimpl
def register_recipes(register: Callable[[type[Recipe]], None]) -> None:
    from .recipe import ImageVaeRecipe

    register(ImageVaeRecipe)
