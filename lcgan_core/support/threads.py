"""How many threads compute: one for each core that this process may use, or as many as the user says.

A thread that waits for others sleeps. By default, those of OpenMP wait busily, and take the cores from each other as soon as
two processes compute at once: two runs on two cores then take many times as long as one after the other.

A process also keeps a plan for every shape of a multiplication that it comes across, and texts come in many.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
"""Environment variables with the number of threads of torch and of the tokenizers."""
ASLEEP = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
"""Environment variables that let waiting threads sleep."""
FEW_PLANS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "32"}
"""The environment variable with the number of plans to keep. By default it is 1,024; a run on texts then takes
1.8 GB in place of 1.2, and no less time."""
QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""What a container may use: microseconds of computing, or ``max``, and the period in which it may."""


def use_threads(count: int | None) -> None:
    """Lets this process and those it starts compute with ``count`` threads; None leaves that to the environment, or else takes
    one for each usable core. Torch reads the environment once, when it is imported: call this before."""
    for name, value in (ASLEEP | FEW_PLANS).items():
        os.environ.setdefault(name, value)
    for name in COUNTS:
        if count is None:
            os.environ.setdefault(name, os.environ.get(COUNTS[0], str(usable_cores())))
        else:
            os.environ[name] = str(count)
    if count is not None and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def usable_cores() -> int:
    """The number of cores that the system leaves to this process, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no container, or one without a limit
        allowed, period = QUOTA.read_text(encoding="ascii").split()
        cores = min(cores, int(allowed) // int(period))
    return max(1, cores)
