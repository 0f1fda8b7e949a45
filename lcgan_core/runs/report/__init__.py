"""``report.html`` of a run: one file that shows the constraints and the results to someone who did not run it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...support.card import card_head
from ...support.hub import HUB
from ...support.plot import COLOURS, GREY, Marks, Plot
from ...support.wording import beside, memory_line, names_in, not_judged, number, versions_line, with_direction
from ..config import RunConfig
from ..result import Result
from .rows import Row

PAGE = "report.html"
CARD = "README.md"
TEMPLATES = Path(__file__).parent
POINTS = 300
"""Number of latents of each kind on the map. Arbitrary: more would hide each other."""
MAP = (500, 420)
"""Pixels of the map and of the gates."""
MOST_BARS = 512
"""Maximum dimension of z for which each dimension has its own bar; more bars would be as thin as a pixel."""
BINS = 50
"""Of the bars that count dimensions instead. Arbitrary."""


class Latents(NamedTuple):
    """Data for the pictures: draws from q(z), noise, the noise moved by the actor, and how open each gate is on average."""

    real: Tensor
    prior: Tensor
    moved: Tensor
    gate: Tensor


def write_report(
    folder: Path,
    config: RunConfig,
    result: Result,
    metrics: Sequence[dict[str, Any]],
    rows: Sequence[Row],
    samples: Sequence[dict[str, Any]],
    latents: Latents,
) -> None:
    """Writes ``report.html`` and the model card into the run folder.

    ``rows`` are the samples to show; ``samples`` are the same as the run keeps them, for those who download the page's data.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from ...support.files import write_text

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    content = {
        "config": config,
        "result": result,
        "head": _head(config, result),
        "wishes": [str(wish) for wish in config.constraints],
        "number": number,
        "with_direction": with_direction,
        "rows": rows,
        "curves": _curves(metrics, result.best_round),
        "map": _map(latents),
        "gates": _gates(latents.gate),
        "rounds": len(metrics),
        "everything": _everything(config, result, metrics, samples[: len(rows)]),
        "beside": beside,
        "memory_line": memory_line,
        "names_in": names_in,
        "not_judged": not_judged,
        "versions_line": versions_line,
    }
    for name, template in ((PAGE, "report.html.jinja"), (CARD, "card.md.jinja")):
        write_text(folder / name, environment.get_template(template).render(content))


def _everything(
    config: RunConfig, result: Result, metrics: Sequence[dict[str, Any]], samples: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The page's data as browsers read JSON, which knows neither NaN nor infinity."""
    found = {"config": config.model_dump(mode="json"), "result": result.model_dump(mode="json")}
    told = json.dumps(found | {"rounds": list(metrics), "samples": list(samples)})
    everything: dict[str, Any] = json.loads(told, parse_constant=lambda name: None)
    return everything


def _head(config: RunConfig, result: Result) -> str:
    """What the hub reads of the card: the shares of the actor's samples that satisfy, and the model's figures of them."""
    figures = {f"satisfied: {name}": row.actor.value for name, row in result.rows.items()}
    figures |= {name: row.actor for name, row in result.quality.items() if row.actor is not None}
    _, on_hub, base = config.model.rpartition(HUB)
    name = " and ".join(wish.name for wish in config.constraints)
    return card_head(name, ["actor"], f"samples of {config.model}", figures, base.partition("@")[0] if on_hub else "")


class Curve(NamedTuple):
    """A plot over the rounds of the training, and what to look for in it."""

    svg: str
    told: str


def _curves(metrics: Sequence[dict[str, Any]], best: int) -> list[Curve]:
    rounds = [row["round"] + 1 for row in metrics]
    ticks = rounds[:: 1 + len(rounds) // 10]

    def values(name: str) -> list[float]:
        return [row.get(name, math.nan) for row in metrics]

    def plot(title: str, *names: str, kept: str = "", y_range: tuple[float, float] | None = None) -> str:
        marks = [Marks("line", rounds, values(name), name.replace("_", " ")) for name in names]
        if kept:
            marks.append(Marks("points", [best + 1], [values(kept)[best]], "round kept", radii=[6], colour=COLOURS[3]))
        return Plot(marks, title, "round", x_ticks=ticks, y_range=y_range).svg()

    return [
        Curve(
            plot("Samples of the actor", "satisfied", "unique", kept="satisfied", y_range=(0, 1.05)),
            "The shares that satisfy, and that are no duplicate. Both should be high at the end. A share of unique samples "
            "that falls means that the actor repeats itself.",
        ),
        Curve(
            plot("Losses", "label_loss", "realism_loss", "actor_loss"),
            "What the critics and the actor minimise. The label loss should fall. The other two pull against each other: "
            "it is enough that neither runs away.",
        ),
        Curve(
            plot("Distance from real samples", "drift", "gate"),
            "Drift is how far the actor's latents lie from real ones: 1 is real, above 3 counts as diverged. The gate is how "
            "much of a latent the actor replaces, from 0 to 1.",
        ),
    ]


def _map(latents: Latents) -> str:
    centre = latents.real.mean(0)
    _, _, axes = torch.pca_lowrank(latents.real - centre, q=min(2, latents.real.shape[1]), niter=4)
    axes = torch.nn.functional.pad(axes, (0, 2 - axes.shape[1]))

    def points(z: Tensor, name: str, colour: str) -> Marks:
        x, y = ((z[:POINTS] - centre) @ axes).T.tolist()
        return Marks("points", x, y, name, radii=[2.2] * len(x), colour=colour)

    clouds = [
        points(z, name, colour)
        for z, name, colour in (
            (latents.real, "real", GREY),
            (latents.prior, "noise", COLOURS[0]),
            (latents.moved, "actor", COLOURS[1]),
        )
    ]
    return Plot(clouds, "Latents", "first principal axis of real latents", "second", size=MAP).svg()


def _gates(gate: Tensor) -> str:
    title = "How open the actor's gate is"
    if len(gate) <= MOST_BARS:
        bars = Marks("bars", range(len(gate)), gate.tolist())
        return Plot([bars], title, "dimension of z", y_range=(0, 1), size=MAP).svg()
    counts = torch.histc(gate.float(), BINS, 0, 1).tolist()
    middles = [(i + 0.5) / BINS for i in range(BINS)]
    return Plot([Marks("bars", middles, counts)], title, "mean gate", "dimensions of z", size=MAP).svg()
