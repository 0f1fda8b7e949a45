"""A run from its configuration to its result: label, train, evaluate, write."""

from __future__ import annotations

import logging
import math
import platform
import time
from collections.abc import Callable
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..constraint import Constraint, bound
from ..engine.aggregate_posterior import AggregatePosterior
from ..engine.gan import State, TaughtCritic, generator_of, train
from ..engine.labelling import Labeller
from ..engine.networks import NATURALNESS
from ..engine.samplers import ActorSampler, Steering
from ..errors import RunError
from ..latent_model import LatentModel, memory_of, quality_of
from ..plugins.discovery import load_latent_model, make_constraint
from ..sample_kinds import SampleKind
from ..support import files
from ..support.claim import claimed
from ..support.hub import fetched
from ..support.manifest import write_manifest
from ..support.progress_bar import progress_bars
from ..support.tracking import require_tracker, tracking
from . import folder as run_folder
from .brought_code import remember_own, require_yes
from .config import RunConfig, load_config
from .evaluation import Evaluation, evaluate_sampler
from .places import config_of, made_absolute, made_relative
from .report import CARD, Latents, write_report
from .report.rows import MOST_FILES, rows_of
from .result import Result, Seconds
from .weights import load_checkpoint, load_taught, save_checkpoint, save_weights, versions_of

REHEARSED = 10
"""Samples to evaluate before the training. As few as a run may be asked to evaluate at its end."""

OnProgress = Callable[[str, float], None]
"""Called with the current step and the share of that step that is done."""


def run(
    config: RunConfig,
    folder: Path,
    on_progress: OnProgress = lambda what, share: None,
    device: str = "auto",
    tracker: str | None = None,
    progress: bool = False,
) -> Result:
    """Trains an LC-GAN according to ``config`` and writes the run folder; returns the content of ``result.json``.

    ``device`` is torch's name for a device, or ``auto`` for a GPU if there is one. The same seed gives the same result on one
    kind of device; random numbers are the same on all devices, but rounding is not. ``tracker``, which gets the figures of each
    round, is tensorboard, trackio or wandb. ``progress`` shows a bar for each stage, in a notebook too; ``on_progress`` is then
    not called.

    Raises ``RunError`` if ``folder`` is not empty or the tracker is not installed, ``ConstraintError`` or ``ModelError`` before
    anything is written, and ``TrainingError`` if there is nothing to learn from.

    Code that ``config`` names is taken for the user's own from now on; a configuration from elsewhere is for ``require_yes``.
    """
    if tracker:
        require_tracker(tracker)
    config = made_absolute(config)
    remember_own(config.constraints)
    with claimed(folder), progress_bars() if progress else nullcontext(on_progress) as on_progress:
        if any(folder.iterdir()):
            raise RunError(
                f"{folder} already exists. Give another --out, or continue an unfinished run with --resume {folder}."
            )
        return _run(config, folder, None, on_progress, device, tracker)


def resume(
    folder: Path,
    on_progress: OnProgress = lambda what, share: None,
    device: str = "auto",
    keep_labels: bool = False,
    tracker: str | None = None,
    progress: bool = False,
) -> Result:
    """Resumes an interrupted run after its last round; the result is the same as without the interruption.

    If a constraint was changed since, ``keep_labels`` goes on with it and with the labels of its earlier version; the result
    counts both. Otherwise that raises ``RunError``.

    Raises ``RunError`` if there is no run to resume, if the run is finished, or if its config.json was edited since or names
    code that the user has neither run here nor allowed.
    """
    if tracker:
        require_tracker(tracker)
    if not folder.is_dir():
        raise RunError(f"No run folder at {folder}. lcgan run creates one.")
    with claimed(folder), progress_bars() if progress else nullcontext(on_progress) as on_progress:
        if (folder / run_folder.RESULT).is_file():
            raise RunError(
                f"The run in {folder} is finished. See {folder / run_folder.RESULT}, or start another with --config."
            )
        if not any(folder.iterdir()):
            raise RunError(f"The run in {folder} stopped before it wrote anything. Start it again with --out {folder}.")
        config = config_of(folder / run_folder.CONFIG)
        require_yes(config.constraints, folder / run_folder.CONFIG)
        checkpoint = folder / run_folder.CHECKPOINT
        return _run(config, folder, checkpoint if checkpoint.is_file() else None, on_progress, device, tracker, keep_labels)


def _run(
    config: RunConfig,
    folder: Path,
    checkpoint: Path | None,
    on_progress: OnProgress,
    device: str,
    tracker: str | None,
    keep_labels: bool = False,
) -> Result:
    started = time.perf_counter()
    constraints = {wish.name: make_constraint(wish.constraint, wish.options) for wish in config.constraints}
    on_progress("model", 0.0)
    model = load_latent_model(config.model, device)
    config = config.suited(model.gan)
    constraints = {name: bound(constraint, model) for name, constraint in constraints.items()}
    warn_of_chance(constraints)
    labeller = Labeller(model, constraints)
    identity: dict[str, Any] = {
        "model": model.fingerprint,
        "constraints": {name: constraint.fingerprint for name, constraint in constraints.items()},
    }
    state, earlier = load_checkpoint(checkpoint, model, identity, keep_labels) if checkpoint else (None, {})
    taught = {} if checkpoint else _taught(config, constraints, model)
    rehearse_evaluation(model, config.seed)
    if not (folder / run_folder.CONFIG).is_file():  # a run that goes on has one
        files.write_json(folder / run_folder.CONFIG, made_relative(config, folder).model_dump(mode="json"))
    kept = load_config(folder / run_folder.CONFIG)
    files.write_json(folder / run_folder.ENVIRONMENT, _environment(identity, model.device))
    metrics = _metrics_so_far(folder, state.round if state else 0)

    def on_round(state: State, figures: dict[str, Any]) -> None:
        metrics.append(figures)
        files.write_lines(folder / run_folder.METRICS, metrics)
        save_checkpoint(folder / run_folder.CHECKPOINT, state, kept, identity, earlier)
        track(figures, figures["round"])

    weights = {wish.name: wish.weight for wish in config.constraints}
    with tracking(tracker, folder, kept.model_dump(mode="json")) as track:
        state = train(labeller, weights, config.gan, config.seed, taught, state, on_round, on_progress)
        trained, label_seconds = time.perf_counter(), labeller.seconds

        steering = Steering.trained(labeller, weights, config.gan, state)
        on_progress("evaluation", 0.0)
        evaluation = evaluate_sampler(ActorSampler(steering), config.samples, generator_of(config.seed, "evaluation"))
        achieved = {name: row.actor.value for name, row in evaluation.summary.rows.items()}
        track({"result": achieved | {"unique": evaluation.summary.unique, "drift": evaluation.summary.drift}}, state.best_round)
    versions = versions_of(state, identity["constraints"], earlier)
    save_weights(folder, config.gan, constraints, state, model, versions)
    samples = _sample_rows(folder, model.sample_kind, list(constraints), evaluation)
    files.write_lines(folder / run_folder.SAMPLES, samples)
    finished = time.perf_counter()
    result = Result(
        **dict(evaluation.summary),
        run=str(folder),
        seed=config.seed,
        best_round=state.best_round,
        stopped=state.stopped,
        labels=state.labels,
        unjudged=state.unjudged,
        versions={name: labels for name, labels in versions.items() if len(labels) > 1},
        reused=tuple(name for name in constraints if state.pools[name].reused),
        seconds=Seconds(
            label=round(label_seconds, 2),
            train=round(trained - started - label_seconds, 2),
            evaluate=round(finished - trained, 2),
            total=round(finished - started, 2),
        ),
    )
    write_report(folder, kept, result, metrics, rows_of(model, evaluation), samples, _latents(steering, evaluation))
    written = result.model_dump(mode="json")
    write_manifest(folder, {run_folder.RESULT: files.json_bytes(written)}, leave_out={run_folder.CHECKPOINT, CARD})
    files.write_json(folder / run_folder.RESULT, written)
    (folder / run_folder.CHECKPOINT).unlink(missing_ok=True)  # no longer needed
    return result


def warn_of_chance(constraints: dict[str, Constraint]) -> None:
    """Logs which learned constraints predict held-out labels no better than chance: a run would teach chance."""
    for name, constraint in constraints.items():
        trust = constraint.trust()
        if trust and trust.no_better_than_chance:
            logging.getLogger(__name__).warning(
                f"{name} may have learned nothing: it predicts {trust.accuracy} of its held-out labels correctly, and by "
                f"chance it would be {trust.chance:.1%}. Label more samples, or check the labels."
            )


@torch.no_grad()
def rehearse_evaluation(model: LatentModel[Any], seed: int) -> None:
    """Evaluates a few samples, so that a model that fails at it does so before the training; raises ``ModelError`` then."""
    samples = model.decode(AggregatePosterior.of(model).draw(REHEARSED, generator_of(seed, "rehearsal")))
    quality_of(model, samples)
    memory_of(model, samples)


@torch.no_grad()
def _latents(steering: Steering, evaluation: Evaluation) -> Latents:
    before, after, _ = evaluation
    _, gate = steering.actor.move(before.z)
    n, q = len(before.z), steering.q
    real = q.posteriors.mean[:n] if q.knows_real else q.draw(n, generator_of(0, "report"))
    return Latents(*(part.cpu() for part in (real, before.z, after.z, gate.mean(0))))


def _taught(config: RunConfig, constraints: dict[str, Constraint], model: LatentModel[Any]) -> dict[str, TaughtCritic]:
    """The critics to reuse from the earlier runs in ``config.critics``, by their name in this run."""
    runs = [fetched(run, RunError) for run in config.critics]
    asked = {name: constraint.fingerprint for name, constraint in constraints.items()}
    if config.gan.naturalness_weight:
        asked[NATURALNESS] = NATURALNESS
    found = {name: load_taught(runs, fingerprint, config.gan, model) for name, fingerprint in asked.items()}
    taught = {name: critic for name, critic in found.items() if critic is not None}
    if runs and not taught.keys() - {NATURALNESS}:
        raise RunError(
            f"None of {', '.join(map(str, runs))} has a critic for {', '.join(wish.name for wish in config.constraints)} with "
            f"these options on the model {config.model}. Give runs with the same constraints and options, or omit --critics."
        )
    return taught


def _environment(identity: dict[str, Any], device: str) -> dict[str, Any]:
    packages = ("lcgan-core", "torch", "transformers", "pydantic", "pluggy", "click")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "device": device,
        "packages": {package: version(package) for package in packages},
        "fingerprints": identity,
    }


def _metrics_so_far(folder: Path, rounds: int) -> list[dict[str, Any]]:
    found = files.read_lines(folder / run_folder.METRICS, rounds) if rounds else []
    if len(found) != rounds:
        raise RunError(
            f"{folder / run_folder.METRICS} tells of {len(found)} rounds, and the checkpoint is of round {rounds}: lines were "
            f"lost. Run again in another folder: lcgan run --config {folder / run_folder.CONFIG} --out OTHER"
        )
    return found


def _sample_rows(folder: Path, kind: SampleKind[Any], names: list[str], evaluation: Evaluation) -> list[dict[str, Any]]:
    """Samples before and after the actor, with their values: all of them, or the first ``MOST_FILES`` if each is a file."""
    before, after, _ = evaluation
    return [
        {
            "before": kind.keep(before.samples[row], folder),
            "after": kind.keep(after.samples[row], folder),
            "values_before": _values(names, before.values[row]),
            "values_after": _values(names, after.values[row]),
        }
        for row in range(len(after.samples))[: MOST_FILES if kind.in_files else None]
    ]


def _values(names: list[str], values: Tensor) -> dict[str, float | None]:
    """The value of each constraint for one sample; None if it could not judge it."""
    return {name: None if math.isnan(value) else value for name, value in zip(names, values.tolist(), strict=True)}
