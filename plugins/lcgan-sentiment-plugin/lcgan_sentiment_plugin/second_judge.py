"""A second opinion on the samples of a run, by a judge of another kind that no training of lcgan ever saw.

    pip install 'lcgan-sentiment-plugin[train]'
    python -m lcgan_sentiment_plugin.second_judge runs/sentiment --train reviews.csv.gz --valid held-out.csv.gz

The judge is linear in weighted n-grams of words, so it has in common with the plugin's transformer neither weights nor
architecture, and is fooled by other things. Prints the shares with their 95 % intervals as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from lcgan_core.statistics import wilson_interval

from .corpora import FILE, LABELS, Labelled, read_labelled


def trained_judge(texts: Sequence[Labelled]) -> Pipeline:
    """Logistic regression over tf-idf of one to three words or signs."""
    judge = make_pipeline(
        TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 3), min_df=2, sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=1000),
    )
    return judge.fit([text for text, _ in texts], [label for _, label in texts])


def share(hits: Sequence[bool]) -> dict[str, Any]:
    """How many of them are true, with the 95 % interval."""
    return {"texts": len(hits), "share": sum(hits) / len(hits), "interval": wilson_interval(sum(hits), len(hits))}


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--train", "train_file", type=FILE, required=True, help="Labelled texts to learn from.")
@click.option("--valid", "valid_file", type=FILE, required=True, help="Labelled texts to be tested on.")
@click.option("--target", type=click.Choice(LABELS), default="positive", show_default=True, help="The sentiment to count.")
def main(runs: tuple[Path, ...], train_file: Path, valid_file: Path, target: str) -> None:
    """Counts the samples of RUNS, before and after the actor, that the second judge takes for the target."""
    judge = trained_judge(read_labelled(train_file))
    held_out = read_labelled(valid_file)
    found = judge.predict([text for text, _ in held_out])
    report: dict[str, Any] = {"right": share([bool(a == b) for a, (_, b) in zip(found, held_out, strict=True)]), "runs": {}}
    for run in runs:
        with (run / "samples.jsonl").open(encoding="utf-8") as lines:
            samples = [json.loads(line) for line in lines]
        report["runs"][str(run)] = {
            moment: share([LABELS[label] == target for label in judge.predict([sample[moment] for sample in samples])])
            for moment in ("before", "after")
        }
    click.echo(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
