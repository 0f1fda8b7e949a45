"""What temperature and ``keep`` do to the samples of runs, and to noise.

    python benchmarks/sampling.py runs/length runs/sentiment runs/negative --real valid.csv.gz --judge-from train.csv.gz

Writes ``results/sampling.json``. Distinct-2 is of 500 samples; *of rejection* compares it with that of samples that rejection
draws in the same way, for noise with real text. Equal samples count as duplicates.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click
from unseen_judge import read_rows, unseen_judge

from lcgan_core import load_run
from lcgan_core.latent_model import quality_of
from lcgan_core.models.text_vae.diversity import distinct
from lcgan_core.runs.evaluation import share_of
from lcgan_core.runs.finished import FinishedRun
from lcgan_core.support.files import write_json

RESULT = Path(__file__).with_name("results") / "sampling.json"
SAMPLINGS = ({"temperature": 0.0, "keep": 1.0}, {"temperature": 0.0, "keep": 0.5}, {"temperature": 0.7, "keep": 0.25})
COMPARED = 500


def measured(
    finished: FinishedRun, sampler: str, sampling: dict[str, float], beside: float, n: int
) -> tuple[dict[str, Any], list[str]]:
    """The figures of n samples, and the samples; ``beside`` is the distinct-2 that theirs is divided by."""
    model = finished.model
    samples = finished.sample(n, seed=4, sampler=sampler, **sampling)
    varied, remembered = distinct(samples[:COMPARED], 2), model.memory(samples)["remembered"]
    return {
        "setting": ", ".join(f"{option} {value:g}" for option, value in sampling.items()),
        "naturalness": quality_of(model, samples)["naturalness"],
        "distinct_2": varied,
        "of_rejection": varied / beside,
        "duplicates": 1 - model.sample_kind.unique(samples),
        "remembered": remembered.share,
        "expected": remembered.expected,
    }, samples


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--real", required=True, type=click.Path(path_type=Path), help="Held-out texts.")
@click.option("--judge-from", required=True, type=click.Path(path_type=Path), help="Labelled texts for the unseen judge.")
@click.option("-n", "count", default=1000, show_default=True)
def main(runs: tuple[Path, ...], real: Path, judge_from: Path, count: int) -> None:
    """Samples each of RUNS in three ways, and the noise of the first."""
    held_out = distinct([found["text"] for found in read_rows(real)][:COMPARED], 2)
    unsteered = load_run(runs[0])
    unsteered.steering.labeller.constraints = {}
    noise = [measured(unsteered, "start", sampling, held_out, count)[0] for sampling in SAMPLINGS]
    rows = []
    for place in runs:
        finished = load_run(place)
        (name,) = finished.steering.labeller.constraints
        target = finished.config.constraints[0].options.get("target", "positive")
        judge = unseen_judge(judge_from, target) if name == "sentiment" else None
        for sampling in SAMPLINGS:
            rejected = distinct(finished.sample(COMPARED, seed=4, sampler="rejection", **sampling), 2)
            found, samples = measured(finished, "actor", sampling, rejected, count)
            found["run"], found["setting"] = place.name, f"{place.name}: {found['setting']}"
            found["satisfied"] = share_of(finished.steering.labeller.values(samples)[:, 0]).value
            found["judged"] = sum(judge(samples)) / len(samples) if judge else None
            rows.append(found)
            print(found, flush=True)
    command = f"python benchmarks/sampling.py {' '.join(map(str, runs))} --real {real.name} --judge-from {judge_from.name}"
    write_json(RESULT, {"command": command, "date": datetime.date.today().isoformat(), "rows": rows, "noise": noise})


if __name__ == "__main__":
    main()
