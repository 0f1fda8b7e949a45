"""What 70 answers through ``lcgan label`` are worth: questions whose answer is least certain, compared with random ones.

    python benchmarks/active_labels.py valid.csv.gz --judge-from train.csv.gz --target positive

A script presses the keys of the real ``lcgan label --from`` on a terminal, following the gold labels of the file. A run learns
from the answers, and a judge that training never saw counts how many of its samples have the target label.
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import termios
import time
from pathlib import Path
from statistics import fmean

import click
from unseen_judge import read_rows, unseen_judge

from lcgan_core import load_run

LOCAL_MODES = 3
"""Index in ``termios.tcgetattr`` of the flag that makes a terminal pass on whole lines, not keys."""
LCGAN = (sys.executable, "-m", "lcgan_core")
QUESTION = re.compile(r"\d+/\d+  (.*?)  $", re.DOTALL)
"""The last line that ``lcgan label`` shows before it waits for a key."""


def press(arguments: list[str], wanted: dict[str, bool]) -> None:
    """Answers every question of ``lcgan label`` from ``wanted``."""
    terminal, other = pty.openpty()
    with subprocess.Popen([*LCGAN, "label", *arguments], stdin=other, stdout=other, stderr=other) as process:
        os.close(other)
        shown = ""
        while True:
            try:
                shown += os.read(terminal, 65536).decode()
            except OSError:  # the other end was closed
                break
            if question := QUESTION.search(shown):
                while termios.tcgetattr(terminal)[LOCAL_MODES] & termios.ICANON:
                    time.sleep(0.001)  # a key pressed before the program waits for one is lost
                os.write(terminal, b"y" if wanted[question[1]] else b"n")
                shown = ""
    os.close(terminal)
    if process.returncode:
        raise click.ClickException(shown)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--judge-from", required=True, type=click.Path(path_type=Path), help="Labelled texts to train the judge on.")
@click.option("--target", default="positive", show_default=True, help="The label you want.")
@click.option("-n", "count", default=70, show_default=True, help="Number of answers.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--model", default="reviews", show_default=True)
@click.option("--set", "settings", multiple=True, metavar="NAME.OPTION=VALUE", help="As for lcgan run.")
@click.option("--out", default=Path("runs/active"), show_default=True, type=click.Path(path_type=Path))
def main(
    file: Path, judge_from: Path, target: str, count: int, seeds: int, model: str, settings: tuple[str, ...], out: Path
) -> None:
    """Labels the texts of FILE (columns text and label), trains, and judges; finished runs in OUT are not repeated."""
    wanted = {row["text"]: row["label"] == target for row in read_rows(file)}
    judge = unseen_judge(judge_from, target)
    out.mkdir(parents=True, exist_ok=True)
    given = [argument for setting in settings for argument in ("--set", setting)]
    found: dict[str, list[float]] = {"active": [], "by-chance": []}
    for seed in range(seeds):
        for way, judged in found.items():
            labels, run = out / f"{way}-{seed}.csv", out / f"{way}-{seed}"
            asking = ["--from", str(file), "--model", model, "-n", str(count), "--seed", str(seed)]
            press([str(labels), *asking, *(["--by-chance"] if way == "by-chance" else [])], wanted)
            if not (run / "result.json").is_file():
                wish = ["--constraint", "labels", "--set", f"labels.file={labels}", "--model", model, "--seed", str(seed)]
                subprocess.run([*LCGAN, "run", *wish, *given, "--out", str(run), "--json"], check=True, capture_output=True)
            samples = load_run(run).sample(1000, keep=1.0)
            judged.append(sum(judge(samples)) / len(samples))
            print(f"{way:9}  seed {seed}  {judged[-1]:.1%}", flush=True)
    for way, judged in found.items():
        print(f"{way:9}  mean {fmean(judged):.1%}  ({min(judged):.1%} - {max(judged):.1%}, {seeds} seeds)")
    (out / "active.json").write_text(json.dumps({"labels": count, "judged": found}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
