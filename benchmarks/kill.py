"""Kills ``lcgan run``, ``pretrain``, ``label`` and ``curve`` at random moments, goes on, and compares the results.

    python benchmarks/kill.py --times 40

A toy model and a toy corpus of the tests keep it quick, and so does that each command runs in a fork of this process, which has
imported all that it needs: the moments fall into its work. After each SIGKILL the command that goes on must end with status 0
and leave the same files as one that was never killed, to the byte, times and paths aside, and no unfinished file; ``label``
must have kept every answer that it took, and must take more.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import os
import pty
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.append(str(TESTS))

from conftest import TINY_RECIPE, sentences  # type: ignore[import-not-found]  # noqa: E402 - beside the tests

LABELLING = 10.0
"""Seconds within which ``label`` is killed, which ends at no time by itself."""
SETTINGS = ("width=16", "rounds=3", "iterations=10", "critic_batches=2", "pretraining_batches=20", "posterior_labels=600")
GAN = tuple(part for setting in SETTINGS for part in ("--set", f"gan.{setting}"))
RUN = ("run", "--model", "linear:4", "--constraint", "half-space", *GAN, "--samples", "100")
CURVE = ("curve", "labels.csv", "--model", "linear:4", "--judge", "half-space", "--sizes", "20", "--seeds", "2", *GAN)
LABEL = ("label", "mine.csv", "--model", "linear:2", "-n", "1000")
PRETRAIN = ("pretrain", "corpus.txt", *TINY_RECIPE, "--set", "epochs=4")
KEYS = b"ynyynsunyn"
SAME = ("config.json", "metrics.jsonl", "samples.jsonl", "*.safetensors", "tokenizer.json", "measured.json")


def install(folder: Path) -> None:
    """Makes the tests' linear model a plugin of every process that starts below."""
    hooks = "register_constraints, register_latent_models, register_sample_kinds"
    (folder / "linear_plugin.py").write_text(f"from conftest import {hooks}\n", encoding="utf-8")
    info = folder / "linear_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: linear-plugin\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[lcgan]\nlinear-plugin = linear_plugin\n", encoding="utf-8")
    paths = (folder, TESTS, os.environ.get("PYTHONPATH", ""))
    os.environ |= {"PYTHONPATH": os.pathsep.join(map(str, paths)), "LCGAN_CACHE": str(folder / "cache")}
    os.environ["OMP_NUM_THREADS"] = "1"  # a process that has computed with several cannot be forked


def import_all() -> None:
    """Imports here what the commands would."""
    sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)
    for module in ("runs.pipeline", "runs.finished", "models.text_vae.pretraining.pretrain", "tools.curve", "tools.questions"):
        importlib.import_module(f"lcgan_core.{module}")
    from lcgan_core.plugins.discovery import constraint_classes, latent_model_classes, sample_kind_classes

    for found in (constraint_classes, latent_model_classes, sample_kind_classes):
        found()


class Ended(Exception):
    """The command was done before it was to be killed."""


def invoke(command: Iterable[str], work: Path) -> None:
    """Runs a command in ``work`` and ends this process with its status."""
    from lcgan_core.cli import lcgan

    status = 1
    try:
        os.chdir(work)
        lcgan.main(list(command), prog_name="lcgan")
    except SystemExit as ended:
        status = int(ended.code or 0)
    finally:
        sys.stderr.flush()
        os._exit(status)


def begun(command: Iterable[str], work: Path) -> int:
    """Starts a command in a fork of this process, with its output in a file beside ``work``; returns its process id."""
    child = os.fork()
    if child == 0:
        with work.with_suffix(".log").open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        invoke(command, work)
    return child


def killed(command: Iterable[str], work: Path, after: float | None) -> None:
    """Starts a command and kills it after so many seconds, if they are given; raises ``Ended`` if it has ended before."""
    if after is None:
        return goes_on(command, work)
    child, end = begun(command, work), time.monotonic() + after
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0, work.with_suffix(".log").read_text(encoding="utf-8")
            raise Ended
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def goes_on(command: Iterable[str], work: Path) -> None:
    _, status = os.waitpid(begun(command, work), 0)
    assert status == 0, work.with_suffix(".log").read_text(encoding="utf-8")


def content(folder: Path) -> dict[str, Any]:
    """What must be the same of every finished run in a folder."""
    found: dict[str, Any] = {
        str(path.relative_to(folder)): path.read_bytes() for name in SAME for path in folder.rglob(name) if path.is_file()
    }
    for path in folder.rglob("result.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        found[str(path.relative_to(folder))] = {name: result[name] for name in result if name not in ("run", "seconds")}
    for path in folder.rglob("curve.json"):
        found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def try_run(work: Path, after: float | None) -> dict[str, Any]:
    killed((*RUN, "--out", "out"), work, after)
    out = work / "out"
    if not (out / "result.json").exists():
        goes_on(("run", "--resume", "out") if (out / "config.json").exists() else (*RUN, "--out", "out"), work)
    return content(out)


def try_pretrain(work: Path, after: float | None) -> dict[str, Any]:
    (work / "corpus.txt").write_text("\n".join(sentences()), encoding="utf-8")
    killed((*PRETRAIN, "--out", "out"), work, after)
    out = work / "out"
    if not (out / "measured.json").exists():
        something = out.is_dir() and any(out.iterdir())
        goes_on(("pretrain", "--resume", "out") if something else (*PRETRAIN, "--out", "out"), work)
    assert not (out / "checkpoints").exists(), "checkpoints are left"
    return content(out)


def try_curve(work: Path, after: float | None) -> dict[str, Any]:
    rows = [[round(random.gauss(0, 2), 3) for _ in range(4)] for _ in range(400)]  # seeded alike for each
    with (work / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        values = ((",".join(map(str, row)), int(row[0] > 1)) for row in rows)
        csv.writer(file).writerows([("text", "value"), *values])
    killed((*CURVE, "--out", "out"), work, after)
    goes_on((*CURVE, "--out", "out"), work)
    return {name: value for name, value in content(work / "out").items() if not name.endswith("config.json")}  # paths


def try_label(work: Path, after: float | None) -> dict[str, Any]:
    """Types keys, each after the question to it, until the process is killed; twice, the second time on what was there."""
    file = work / "mine.csv"
    for _ in range(2):
        before = len(read(file))
        taken = typed(work, LABELLING if after is None else after)
        assert len(read(file)) >= before + taken - 1, "an answer was lost"
    return {}


def typed(work: Path, after: float) -> int:
    """How many answers there were to be on the disk when the process was killed; the last one may have been under way."""
    child, terminal = pty.fork()
    if child == 0:
        invoke(LABEL, work)
    answers, end, keys = 0, time.monotonic() + after, iter(KEYS * 100)
    os.set_blocking(terminal, False)
    while time.monotonic() < end:
        try:
            shown = os.read(terminal, 10_000)
        except BlockingIOError:
            time.sleep(0.01)
            continue
        except OSError:
            break
        if b"/1000  " in shown:
            key = next(keys)
            os.write(terminal, bytes([key]))
            answers += {ord("y"): 1, ord("n"): 1, ord("u"): -1}.get(key, 0)
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(terminal)
    return max(answers, 0)


def read(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as rows:
        found = list(csv.DictReader(rows))
    assert all(row["value"] in ("0", "1") and len(row["text"].split(",")) == 2 for row in found), "half a row"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=40, help="how often each is killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", choices=["run", "pretrain", "curve", "label"], help="one of them")
    asked = parser.parse_args()
    moments = random.Random(asked.seed)
    trials: dict[str, Callable[[Path, float | None], dict[str, Any]]]
    trials = {"run": try_run, "pretrain": try_pretrain, "curve": try_curve, "label": try_label}
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        top = Path(place)
        (top / "site").mkdir()
        install(top / "site")
        import_all()
        for name, trial in trials.items():
            if asked.only not in (None, name):
                continue
            work, good = top / name, 0
            work.mkdir()
            random.seed(0)
            started = time.monotonic()
            whole = trial(work, None)
            longest = LABELLING if name == "label" else time.monotonic() - started
            kills = 0
            while kills < asked.times:
                shutil.rmtree(work)
                work.mkdir()
                random.seed(0)
                after = moments.uniform(0, longest)
                try:
                    found = trial(work, after)
                    other = sorted(file for file in {**whole, **found} if found.get(file) != whole.get(file))
                    assert not other, f"another {', '.join(other)}"
                    left = list(work.rglob("*unfinished"))
                    assert not left, f"left behind: {left}"
                    good += 1
                except Ended:
                    continue
                except AssertionError as error:
                    print(f"{name} killed after {after:.2f} s: {error}", flush=True)
                kills += 1
            print(f"{name}: {good} of {kills} kills went on as if nothing had happened", flush=True)
            failed += kills - good
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
