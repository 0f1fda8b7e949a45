"""What a run leaves on disk, and how it is read back.

config.json           the RunConfig; ``lcgan run --config`` runs it again
environment.json      versions, machine, fingerprints of model and constraints
metrics.jsonl         a line for each round
checkpoint.safetensors  where an interrupted run goes on; gone when the run is finished
actor.safetensors     the best actor
critics/*.safetensors one critic for each constraint with its labels, and realism
samples.jsonl         latents' samples before and after the actor, with the constraints' values
samples/              those samples, where each is a file; a row names it by its path from the run folder
report.html, README.md  what came of it, for people
result.json           written last: a folder without it is not a finished run
"""

from __future__ import annotations

import re
from pathlib import Path

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
