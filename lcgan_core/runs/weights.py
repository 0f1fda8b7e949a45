"""The weights of a run on disk: the actor, the critics with the labels they learned from, and the checkpoint after a round."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from ..constraint import Constraint
from ..engine.gan import State, TaughtCritic
from ..engine.labelling import Pool
from ..engine.networks import NATURALNESS, REALISM, Actor, Critic, GanConfig, Networks
from ..errors import RunError
from ..latent_model import LatentModel
from ..support import files
from ..support.wording import versions_line
from . import folder as run_folder
from .config import RunConfig, differences, load_config
from .folder import check_run_files
from .result import read_result

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def save_weights(
    folder: Path,
    gan: GanConfig,
    constraints: Mapping[str, Constraint],
    state: State,
    model: LatentModel[Any],
    versions: Versions,
) -> None:
    """Writes the actor and critics of a trained ``state``. Each file holds the fingerprints of its model and constraints.

    A critic that learned from several ``versions`` of its constraint has the fingerprints of all, so that no run takes it for
    that of one of them.
    """
    common = {"model": model.fingerprint, "gan": gan.model_dump(mode="json")}
    asked = {name: constraint.fingerprint for name, constraint in constraints.items()}
    files.write_tensors(folder / run_folder.ACTOR, state.best_actor, {**common, "constraints": asked})
    for name, critic, pool in state.learners():
        tensors = {f"critic/{key}": value for key, value in critic.state_dict().items()}
        tensors |= {f"pool/{key}": getattr(pool, key) for key in ("z", "values", "real")}
        files.write_tensors(
            run_folder.critic_file(folder, name), tensors, {**common, "constraint": "+".join(versions.get(name, [name]))}
        )
    realism = {f"critic/{key}": value for key, value in state.networks.realism.state_dict().items()}
    files.write_tensors(run_folder.critic_file(folder, REALISM), realism, {**common, "constraints": asked})


def load_actor(path: Path, model: LatentModel[Any]) -> Actor:
    """The actor that a run saved; raises ``RunError`` if the file is damaged or belongs to another model."""
    tensors, metadata = _weights_for(path, model)
    return _filled(path, Actor.of(model, GanConfig(**metadata["gan"])), tensors)


def constraints_of(path: Path) -> dict[str, str]:
    """The fingerprints of the constraints that the actor in ``path`` was trained for, by their names in its run."""
    _, metadata = files.read_tensors(path)
    found: dict[str, str] = metadata.get("constraints", {})
    return found


def load_critic(path: Path, model: LatentModel[Any]) -> Critic:
    """A critic that a run saved; raises ``RunError`` if the file is damaged or belongs to another model."""
    tensors, metadata = _weights_for(path, model)
    return _filled(path, Critic.of(model, GanConfig(**metadata["gan"])), part(tensors, "critic"))


def load_labels(path: Path, model: LatentModel[Any]) -> Pool:
    """The labels that the critic in ``path`` learned from; raises ``RunError`` if the file is damaged."""
    tensors, _ = files.read_tensors(path)
    return _pool(part(tensors, "pool"), model, reused=len(tensors["pool/z"]))


def load_taught(runs: list[Path], fingerprint: str, gan: GanConfig, model: LatentModel[Any]) -> TaughtCritic | None:
    """The first critic saved by ``runs`` for ``model`` and the constraint with this ``fingerprint``, with its labels, if any.

    Raises ``RunError`` if a run is unfinished or damaged, or if the critic's size differs from that in ``gan``.
    """
    for run in runs:
        read_result(run)
        check_run_files(run, run_folder.RESULT, f"{run_folder.CRITICS}/*")
        for path in sorted((run / run_folder.CRITICS).glob("*.safetensors")):
            _, metadata = files.read_tensors(path)
            if metadata.get("model") != model.fingerprint or metadata.get("constraint") != fingerprint:
                continue
            made = GanConfig(**metadata["gan"])
            if (made.width, made.depth) != (gan.width, gan.depth):
                raise RunError(
                    f"{path} has {made.depth} layers of {made.width} units, but this run has {gan.depth} of {gan.width}. "
                    f"Use it with --set gan.width={made.width} --set gan.depth={made.depth}."
                )
            return TaughtCritic(load_critic(path, model), load_labels(path, model))
    return None


Versions = dict[str, dict[str, int]]
"""For each constraint, the number of its labels by the fingerprint of the version that gave them."""


def versions_of(state: State, constraints: Mapping[str, str], earlier: Versions) -> Versions:
    """Who gave the labels of ``state``: the ``constraints``, given by their fingerprints, but for those of ``earlier`` ones."""
    found: Versions = {}
    for name, now in constraints.items():
        before = {version: labels for version, labels in earlier.get(name, {}).items() if version != now}
        found[name] = {**before, now: len(state.pools[name].z) - sum(before.values())}
    return found


def save_checkpoint(path: Path, state: State, config: RunConfig, identity: dict[str, Any], earlier: Versions) -> None:
    """Writes the state of a run whose ``config`` is as its file has it."""
    tensors = {f"networks/{name}": tensor for name, tensor in state.networks.tensors().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in state.best_actor.items()}
    for name, _, pool in state.learners():
        tensors |= {f"pool/{name}/{key}": getattr(pool, key) for key in ("z", "values", "real")}
    progress = {
        "round": state.round,
        "best_round": state.best_round,
        "best_score": state.best_score,
        "stopped": state.stopped,
    }
    about = {name: {"reused": pool.reused, "unjudged": pool.unjudged} for name, _, pool in state.learners()}
    versions = versions_of(state, identity["constraints"], earlier)
    labelled = {"identity": identity, "versions": {name: list(found.items()) for name, found in versions.items()}}
    files.write_tensors(
        path, tensors, {"config": config.model_dump(mode="json"), **labelled, "progress": progress, "pools": about}
    )


def load_checkpoint(path: Path, model: LatentModel[Any], identity: dict[str, Any], keep_labels: bool) -> tuple[State, Versions]:
    """The state that ``save_checkpoint`` wrote, and who gave its labels.

    Raises ``RunError`` if config.json or the model is another one now and, unless ``keep_labels``, if a constraint has changed.
    """
    tensors, metadata = files.read_tensors(path)
    asked = path.parent / run_folder.CONFIG
    config = load_config(asked)
    if edited := differences(metadata["config"], config.model_dump(mode="json")):
        raise RunError(
            f"{asked} was edited since {path} was written: {'; '.join(edited)}. Undo the edits to resume, or start a new run: "
            f"lcgan run --config {asked} --out OTHER"
        )
    if metadata["identity"]["model"] != identity["model"]:
        raise RunError(f"{path} belongs to another model than {asked}. Start a new run.")
    versions: Versions = {name: dict(pairs) for name, pairs in metadata["versions"].items()}  # in their order
    changed = [name for name, now in identity["constraints"].items() if metadata["identity"]["constraints"].get(name) != now]
    if changed and not keep_labels:
        told = "; ".join(
            f"{versions_line(name, versions[name])}, and it is {identity['constraints'][name]} now" for name in changed
        )
        raise RunError(
            f"{' and '.join(changed)} changed since the run was interrupted: {told}. To keep these labels and go on with the "
            f"version of now: lcgan run --resume {path.parent} --keep-labels. To label everything by it: "
            f"lcgan run --config {asked} --out OTHER"
        )
    pools = {name: _pool(part(tensors, f"pool/{name}"), model, **about) for name, about in metadata["pools"].items()}
    naturalness = pools.pop(NATURALNESS, None)
    networks = Networks.new(model, pools, config.gan, config.seed)
    networks.load_tensors(part(tensors, "networks"))
    state = State(networks, pools, naturalness, best_actor=part(tensors, "best"), **metadata["progress"])
    return state, versions


def part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``name/``, with that prefix removed."""
    return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}


def _pool(tensors: dict[str, Tensor], model: LatentModel[Any], reused: int, unjudged: int = 0) -> Pool:
    z, values, real = (tensors[key].to(model.device) for key in ("z", "values", "real"))
    return Pool(z, values, real, reused, unjudged)


def _weights_for(path: Path, model: LatentModel[Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors, metadata = files.read_tensors(path)
    if "model" not in metadata or "gan" not in metadata:
        raise RunError(f"{path} was not written by lcgan run.")
    if metadata["model"] != model.fingerprint:
        raise RunError(
            f"{path} was trained on the model {metadata['model']}, not on this one ({model.fingerprint}): "
            "an actor or critic works only with its own model. Train again on this one with lcgan run."
        )
    return tensors, metadata


def _filled(path: Path, network: NetworkT, tensors: dict[str, Tensor]) -> NetworkT:
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise RunError(f"{path} does not hold the weights that its metadata describes: {error}") from error
    if not all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values()):
        raise RunError(f"{path} holds weights that are not finite. Run again with lcgan run.")
    return network.eval()
