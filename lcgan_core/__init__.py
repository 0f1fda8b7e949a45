"""lcgan: make a frozen generative model produce the samples you want, by training an LC-GAN in its latent space."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

    from .constraint import Constraint
    from .constraints.classifier import Classifier, PretrainedClassifier
    from .errors import (
        ConstraintError,
        CorpusError,
        LcganError,
        ModelError,
        PluginError,
        RunError,
        SampleError,
        TrainingError,
    )
    from .figures import Beside, Share, Trust
    from .hookspecs import hookimpl
    from .latent_model import LatentModel, Posterior, chance_of
    from .recipe import Measured, Recipe
    from .runs.config import RunConfig, Wish
    from .runs.finished import load_run
    from .runs.pipeline import run
    from .runs.publishing import save_to_hub
    from .runs.result import Result
    from .sample_kinds import FileKind, Images, SampleKind, Strokes, Text
    from .tools.editing import edit

    __version__: str

_HOME = {
    "Beside": "figures",
    "Classifier": "constraints.classifier",
    "Constraint": "constraint",
    "ConstraintError": "errors",
    "CorpusError": "errors",
    "FileKind": "sample_kinds",
    "Images": "sample_kinds",
    "LatentModel": "latent_model",
    "LcganError": "errors",
    "Measured": "recipe",
    "ModelError": "errors",
    "PluginError": "errors",
    "Posterior": "latent_model",
    "PretrainedClassifier": "constraints.classifier",
    "Recipe": "recipe",
    "Result": "runs.result",
    "RunConfig": "runs.config",
    "RunError": "errors",
    "SampleError": "errors",
    "SampleKind": "sample_kinds",
    "Share": "figures",
    "Strokes": "sample_kinds",
    "Text": "sample_kinds",
    "TrainingError": "errors",
    "Trust": "figures",
    "Wish": "runs.config",
    "chance_of": "latent_model",
    "edit": "tools.editing",
    "hookimpl": "hookspecs",
    "load_run": "runs.finished",
    "run": "runs.pipeline",
    "save_to_hub": "runs.publishing",
}

__all__ = [
    "Beside",
    "Classifier",
    "Constraint",
    "ConstraintError",
    "CorpusError",
    "FileKind",
    "Images",
    "LatentModel",
    "LcganError",
    "Measured",
    "ModelError",
    "PluginError",
    "Posterior",
    "PretrainedClassifier",
    "Recipe",
    "Result",
    "RunConfig",
    "RunError",
    "SampleError",
    "SampleKind",
    "Share",
    "Strokes",
    "Text",
    "TrainingError",
    "Trust",
    "Wish",
    "chance_of",
    "edit",
    "hookimpl",
    "load_run",
    "run",
    "save_to_hub",
]


def __getattr__(name: str) -> Any:
    # Names are imported at first use (PEP 562), so that `lcgan --help` and plugins pay for neither pydantic nor torch.
    if name == "__version__":
        from importlib.metadata import version

        return version("lcgan-core")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
