"""The number of threads: what the process may use, what the environment says, what the user says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Lcgan

from lcgan_core.support import threads
from lcgan_core.support.threads import ASLEEP, COUNTS, FEW_PLANS, usable_cores

SHOWS = """
import os, sys
from lcgan_core.cli import lcgan
lcgan([*sys.argv[1:], "constraints", "length", "--json"], standalone_mode=False)
import torch
print(torch.get_num_threads(), os.environ["RAYON_NUM_THREADS"], os.environ["OMP_WAIT_POLICY"], end=" ")
print(os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"])
"""


def shown(*arguments: str, core: int | None = None, **environment: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name not in (*COUNTS, *ASLEEP, *FEW_PLANS)}

    def bind() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})

    ran = subprocess.run(
        [sys.executable, "-c", SHOWS, *arguments],
        env=kept | environment,
        preexec_fn=bind,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.splitlines()[-1].split()


def test_there_is_one_for_each_core_that_the_process_may_use() -> None:
    cores = os.sched_getaffinity(0)
    assert shown() == [str(usable_cores()), str(usable_cores()), "passive", "32"]
    assert shown(core=min(cores)) == ["1", "1", "passive", "32"]


def test_the_environment_says_how_many() -> None:
    assert shown(OMP_NUM_THREADS="1") == ["1", "1", "passive", "32"]
    assert shown(OMP_NUM_THREADS="1", RAYON_NUM_THREADS="2", OMP_WAIT_POLICY="active") == ["1", "2", "active", "32"]
    assert shown(OMP_NUM_THREADS="1", ONEDNN_PRIMITIVE_CACHE_CAPACITY="8") == ["1", "1", "passive", "8"]


def test_the_user_says_how_many() -> None:
    assert shown("--threads", "1") == ["1", "1", "passive", "32"]
    assert shown("--threads", "1", OMP_NUM_THREADS="2") == ["1", "1", "passive", "32"]


@pytest.mark.parametrize("count", ["0", "-1", "1e3", "100000", "all"])
def test_numbers_that_cannot_be_meant(run_lcgan: Lcgan, count: str) -> None:
    ran = run_lcgan("--threads", count, "constraints")
    assert ran.exit_code == 2
    assert "--threads" in ran.stderr


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("100000 100000", 1), ("50000 100000", 1), ("max 100000", 64), ("800000 100000", 8), ("6400000 100000", 64), ("", 64)],
)
def test_a_container_may_use_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(threads, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)))
    assert usable_cores() == expected
