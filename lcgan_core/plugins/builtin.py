"""What core itself brings: constraints, a latent model with its recipe, and kinds of sample, through every plugin's hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..constraint import Constraint
from ..constraints.classifier import Classifier
from ..constraints.from_labels import Labels
from ..constraints.rules import Keyword, Length
from ..hookspecs import hookimpl
from ..sample_kinds import Images, SampleKind, Strokes, Text

if TYPE_CHECKING:
    from ..latent_model import LatentModel
    from ..recipe import Recipe


@hookimpl
def register_constraints(register: Callable[[type[Constraint]], None]) -> None:
    register(Length)
    register(Keyword)
    register(Classifier)
    register(Labels)


@hookimpl
def register_latent_models(register: Callable[[type[LatentModel[Any]]], None]) -> None:
    from ..models.text_vae.latent_model import TextVaeModel

    register(TextVaeModel)


@hookimpl
def register_recipes(register: Callable[[type[Recipe]], None]) -> None:
    from ..models.text_vae.pretraining.recipe import PretrainConfig

    register(PretrainConfig)


@hookimpl
def register_sample_kinds(register: Callable[[type[SampleKind[Any]]], None]) -> None:
    register(Text)
    register(Images)
    register(Strokes)
