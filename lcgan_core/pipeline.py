"""A run from its configuration to its result: label, train, evaluate, write."""

from __future__ import annotations

import json
import platform
import re
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from . import run_folder as files
from .aggregate_posterior import AggregatePosterior
from .constraint import Constraint
from .errors import RunError
from .evaluation import Evaluation, evaluate_actor
from .gan import State, generator_of, train
from .labelling import Labeller, Pool
from .latent_model import LatentModel
from .networks import Actor, GanConfig, Networks
from .plugins import load_latent_model, make_constraint

ConfigT = TypeVar("ConfigT", bound=BaseModel)

OnProgress = Callable[[str, float], None]
"""Called with what is going on and the share of it that is done."""


class Wish(BaseModel):
    """One constraint, its options and its weight."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    constraint: str
    """An installed constraint, or ``file.py:function``."""
    options: dict[str, Any] = {}
    """The constraint's own options."""
    weight: float = Field(1.0, gt=0)
    """Weight in the actor's loss."""


class RunConfig(BaseModel):
    """All that decides the outcome of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str = "reviews"
    """The latent model: one that ships with lcgan, a folder of ``lcgan pretrain``, or ``KIND:SOURCE`` of a plugin's kind."""
    constraints: tuple[Wish, ...] = Field(min_length=1)
    """What the samples should satisfy: all of them."""
    seed: int = Field(0, ge=0)
    """The same seed gives the same result."""
    samples: int = Field(1000, ge=10)
    """Samples of each kind in the evaluation."""
    gan: GanConfig = GanConfig()
    """Training."""

    @model_validator(mode="after")
    def _each_once(self) -> RunConfig:
        names = [wish.constraint for wish in self.constraints]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the constraint {twice[0]!r} is given twice")
        return self


def run(config: RunConfig, folder: Path, on_progress: OnProgress = lambda what, share: None) -> dict[str, Any]:
    """Trains an LC-GAN as ``config`` says and writes the run folder; returns what ``result.json`` holds.

    Raises ``RunError`` where ``folder`` holds something already, ``ConstraintError`` and ``ModelError`` before anything is
    written, ``TrainingError`` where there is nothing to learn from.
    """
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        raise RunError(f"{folder} exists already. Give another --out, or go on with an unfinished run by --resume {folder}.")
    return _run(config, folder, None, on_progress)


def resume(folder: Path, on_progress: OnProgress = lambda what, share: None) -> dict[str, Any]:
    """Goes on with an interrupted run from its last round; the result is that of an uninterrupted run.

    Raises ``RunError`` where there is nothing to go on with or the run is finished.
    """
    if (folder / files.RESULT).is_file():
        raise RunError(f"The run in {folder} is finished. See {folder / files.RESULT}, or start another with --config.")
    config = load_config(folder / files.CONFIG)
    checkpoint = folder / files.CHECKPOINT
    return _run(config, folder, checkpoint if checkpoint.is_file() else None, on_progress)


def load_config(path: Path) -> RunConfig:
    """A RunConfig from a JSON or TOML file; raises ``RunError`` that names every wrong field."""
    if path.suffix == ".toml":
        import tomllib

        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read: {error}.") from error
    else:
        content = files.read_json(path)
    return validated(RunConfig, content, str(path))


def validated(kind: type[ConfigT], content: Any, where: str) -> ConfigT:
    """``content`` as a configuration; raises ``RunError`` that names every wrong field in one line."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, problem['loc'])) or 'all of it'}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        )
        raise RunError(f"{where}: {'; '.join(problems)}.") from error


def _run(config: RunConfig, folder: Path, checkpoint: Path | None, on_progress: OnProgress) -> dict[str, Any]:
    started = time.perf_counter()
    constraints = [make_constraint(wish.constraint, wish.options) for wish in config.constraints]
    on_progress("model", 0.0)
    model = load_latent_model(config.model)
    labeller = Labeller(model, constraints)
    identity = {"model": model.fingerprint, "constraints": [constraint.fingerprint for constraint in constraints]}
    state = _load_checkpoint(checkpoint, config, model, identity) if checkpoint else None
    files.write_json(folder / files.CONFIG, config.model_dump(mode="json"))
    files.write_json(folder / files.ENVIRONMENT, _environment(identity))
    metrics = _metrics_so_far(folder, state.round if state else 0)

    def on_round(state: State, figures: dict[str, Any]) -> None:
        metrics.append(figures)
        files.write_lines(folder / files.METRICS, metrics)
        _save_checkpoint(folder / files.CHECKPOINT, state, identity)

    weights = [wish.weight for wish in config.constraints]
    state = train(model, labeller, weights, config.gan, config.seed, state, on_round, on_progress)
    trained, label_seconds = time.perf_counter(), labeller.seconds

    actor = Actor(model.latent_dim, config.gan)
    actor.load_state_dict(state.best_actor)
    on_progress("evaluation", 0.0)
    q = AggregatePosterior(model.real_posteriors())
    names = [wish.constraint for wish in config.constraints]
    evaluation = evaluate_actor(actor, labeller, q, names, config.samples, generator_of(config.seed, "evaluation"))
    _write_weights(folder, config, constraints, state, identity)
    files.write_lines(folder / files.SAMPLES, _sample_rows(model, names, evaluation))
    finished = time.perf_counter()
    result = {
        "run": str(folder),
        "seed": config.seed,
        **evaluation.summary,
        "best_round": state.best_round,
        "stopped": state.stopped,
        "labels": len(state.pool.z),
        "seconds": {
            "label": round(label_seconds, 2),
            "train": round(trained - started - label_seconds, 2),
            "evaluate": round(finished - trained, 2),
            "total": round(finished - started, 2),
        },
    }
    (folder / files.CHECKPOINT).unlink(missing_ok=True)
    files.write_json(folder / files.RESULT, result)
    return result


def _environment(identity: dict[str, Any]) -> dict[str, Any]:
    packages = ("lcgan-core", "torch", "transformers", "pydantic", "pluggy", "click")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "packages": {package: version(package) for package in packages},
        "fingerprints": identity,
    }


def _metrics_so_far(folder: Path, rounds: int) -> list[dict[str, Any]]:
    if not rounds:
        return []
    lines = (folder / files.METRICS).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:rounds]]


def _save_checkpoint(path: Path, state: State, identity: dict[str, Any]) -> None:
    tensors = {f"networks/{name}": tensor for name, tensor in state.networks.tensors().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in state.best_actor.items()}
    tensors |= {"pool/z": state.pool.z, "pool/values": state.pool.values}
    progress = {
        "round": state.round,
        "base_rates": state.base_rates,
        "best_round": state.best_round,
        "best_score": state.best_score,
        "stopped": state.stopped,
    }
    files.write_tensors(path, tensors, {"identity": identity, "progress": progress})


def _load_checkpoint(path: Path, config: RunConfig, model: LatentModel[Any], identity: dict[str, Any]) -> State:
    tensors, metadata = files.read_tensors(path)
    if metadata.get("identity") != identity:
        raise RunError(f"{path} belongs to another model or to other constraints than {path.parent / files.CONFIG} asks for.")

    def part(name: str) -> dict[str, torch.Tensor]:
        return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}

    networks = Networks.new(model.latent_dim, len(config.constraints), config.gan, config.seed)
    networks.load_tensors(part("networks"))
    return State(networks, Pool(**part("pool")), best_actor=part("best"), **metadata["progress"])


def _write_weights(
    folder: Path, config: RunConfig, constraints: list[Constraint], state: State, identity: dict[str, Any]
) -> None:
    gan = config.gan.model_dump(mode="json")
    files.write_tensors(folder / files.ACTOR, state.best_actor, {**identity, "gan": gan})
    critics = zip(config.constraints, constraints, state.base_rates, state.networks.attributes, strict=True)
    for wish, constraint, base_rate, critic in critics:
        files.write_tensors(
            folder / files.CRITICS / f"{slug(wish.constraint)}.safetensors",
            critic.state_dict(),
            {"model": identity["model"], "constraint": constraint.fingerprint, "base_rate": base_rate, "gan": gan},
        )
    files.write_tensors(
        folder / files.CRITICS / "realism.safetensors", state.networks.realism.state_dict(), {**identity, "gan": gan}
    )


def _sample_rows(model: LatentModel[Any], names: list[str], evaluation: Evaluation) -> list[dict[str, Any]]:
    before, after = evaluation.prior, evaluation.actor
    return [
        {
            "before": model.show(before.samples[row]),
            "after": model.show(after.samples[row]),
            "values_before": dict(zip(names, before.values[row].tolist(), strict=True)),
            "values_after": dict(zip(names, after.values[row].tolist(), strict=True)),
        }
        for row in range(len(after.samples))
    ]


def slug(name: str) -> str:
    """A constraint's name as part of a file name."""
    return re.sub(r"[^\w-]+", "-", Path(name).name).strip("-")
