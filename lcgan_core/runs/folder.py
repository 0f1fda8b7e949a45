"""The files of a run folder.

config.json           the RunConfig, its paths relative to the folder; ``lcgan run --config`` repeats the run
environment.json      versions, machine, fingerprints of the model and the constraints
metrics.jsonl         one line per round
checkpoint.safetensors  the state after the last round, for ``--resume``; deleted when the run is finished
actor.safetensors     the best actor
critics/*.safetensors the critic of each constraint with its labels, and the realism critic
samples.jsonl         samples before and after the actor, with the constraints' values
samples/              those samples, if each is a file; rows give paths relative to the run folder
report.html, README.md  the results, for people
manifest.json         the hash of every file of a finished run but README.md, which people may edit
result.json           the results; written last, so a folder without it is not a finished run
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import RunError
from ..support.manifest import check_files

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
    """A constraint's name, made safe for a file name; never empty, which would name the folder above."""
    return re.sub(r"[^\w-]+", "-", Path(name).name).strip("-") or "constraint"


def check_run_files(folder: Path, *names: str) -> None:
    """Raises ``RunError`` if one of the files of a finished run, given by names or patterns, is not as the run wrote it."""
    advice = f"Restore the right one, or run again: lcgan run --config {folder / CONFIG} --out OTHER"
    check_files(folder, names, RunError, "lcgan run", advice)
