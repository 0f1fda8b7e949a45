"""Sends the figures of a training to a tracker of experiments: TensorBoard, Trackio or Weights & Biases.

TensorBoard writes into the folder that is trained into. The others have a project ``lcgan``, and a run with the folder's name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import RunError
from .extras import needed

TRACKERS = ("tensorboard", "trackio", "wandb")
PROJECT = "lcgan"

_followed: tuple[str, Path] | None = None


def require_tracker(name: str) -> None:
    """Raises ``RunError`` if there is no such tracker, or if it is not installed."""
    if name not in TRACKERS:
        raise RunError(f"No tracker {name!r}. There are: {', '.join(TRACKERS)}.")
    needed("accelerate", f"Tracking with {name}", "track")
    try:
        import_module(name)
    except ImportError as error:
        raise RunError(f"Tracking with {name} needs {error.name}: pip install {error.name}.") from error


@contextmanager
def tracking(
    name: str | None, folder: Path, settings: Mapping[str, Any]
) -> Iterator[Callable[[Mapping[str, Any], int | None], None]]:
    """Takes figures and the step that they belong to; without a ``name``, they go nowhere."""
    if name is None:
        yield lambda figures, step: None
        return
    from accelerate import PartialState, tracking

    PartialState()  # the trackers ask it which process they are in
    tracker: tracking.GeneralTracker
    if name == "tensorboard":
        tracker = tracking.TensorBoardTracker(name, logging_dir=folder)
    elif name == "trackio":
        tracker = tracking.TrackioTracker(PROJECT, name=folder.name)
    else:
        tracker = tracking.WandBTracker(PROJECT, name=folder.name)
    tracker.start()
    try:
        tracker.store_init_configuration(_flat(settings))
        yield lambda figures, step: tracker.log(
            {key: value for key, value in _flat(figures).items() if not isinstance(value, str)}, step=step
        )
    finally:
        tracker.finish()


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers in nested mappings, named such as ``gan/rounds``; what else there is, as text."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{name}/{inner}": one for inner, one in _flat(value).items()}
        else:
            found[name] = value if isinstance(value, (int, float)) else str(value)
    return found


@contextmanager
def following(name: str | None, folder: Path) -> Iterator[None]:
    """Lets every ``fit`` within the context report to the tracker ``name``; ``folder`` is that of the model that is trained."""
    global _followed
    before, _followed = _followed, (name, folder) if name else None
    try:
        yield
    finally:
        _followed = before


def trainer_arguments(title: str) -> dict[str, Any]:
    """Those of transformers' ``TrainingArguments`` that let a training, called ``title``, report to the tracker."""
    if not _followed:
        return {"report_to": "none"}
    name, folder = _followed
    if name == "tensorboard":
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / name / title)
    os.environ.setdefault("WANDB_PROJECT", PROJECT)
    return {"report_to": name, "project": PROJECT, "run_name": f"{folder.name} {title}"}
