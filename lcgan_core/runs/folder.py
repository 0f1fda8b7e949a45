"""What a run leaves on disk, and how it is read back.

config.json           the RunConfig; ``lcgan run --config`` runs it again
environment.json      versions, machine, fingerprints of model and constraints
metrics.jsonl         a line for each round
checkpoint.safetensors  where an interrupted run goes on; gone when the run is finished
actor.safetensors     the best actor
critics/*.safetensors one critic for each constraint with its labels, and realism
samples.jsonl         latents' samples before and after the actor, with the constraints' values
samples/              the files of those samples, where they are not text; a row names them by their path from the run folder
report.html, README.md  what came of it, for people
result.json           written last: a folder without it is not a finished run
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..support.files import read_json

CONFIG = "config.json"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"
CHECKPOINT = "checkpoint.safetensors"
ACTOR = "actor.safetensors"
CRITICS = "critics"
SAMPLES = "samples.jsonl"
RESULT = "result.json"


def critic_file(folder: Path, name: str) -> Path:
    return folder / CRITICS / f"{slug(name)}.safetensors"


def slug(name: str) -> str:
    """A constraint's name as part of a file name."""
    return re.sub(r"[^\w-]+", "-", Path(name).name).strip("-")


def next_folder(parent: Path, name: str) -> Path:
    """``parent/name``, or ``parent/name-2`` and so on: the first that does not exist."""
    folder, number = parent / name, 2
    while folder.exists():
        folder, number = parent / f"{name}-{number}", number + 1
    return folder


def read_result(folder: Path) -> dict[str, Any]:
    """The result of a finished run; raises ``RunError`` where the run was not finished."""
    if not folder.is_dir():
        raise RunError(f"No run folder at {folder}. lcgan run makes one.")
    if not (folder / RESULT).is_file():
        if (folder / CONFIG).is_file():
            raise RunError(f"The run in {folder} was not finished. Go on with: lcgan run --resume {folder}")
        raise RunError(f"{folder} is not a run folder: it has no {CONFIG}. lcgan run makes one.")
    result: dict[str, Any] = read_json(folder / RESULT)
    return result
