"""``report.html`` of a run: one file that shows the constraints and the results to someone who did not run it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...support.plot import COLOURS, GREY, Marks, Plot
from ...support.wording import beside, memory_line, names_in, not_judged, number, versions_line, with_direction
from ..config import RunConfig
from ..result import Result

PAGE = "report.html"
CARD = "README.md"
TEMPLATES = Path(__file__).parent
PAIRS = 25
"""Number of sample pairs in a report. Arbitrary."""
POINTS = 600
"""Number of latents of each kind on the map. Arbitrary."""
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
    pairs: Sequence[tuple[str, str]],
    latents: Latents,
) -> None:
    """Writes ``report.html`` and the model card into the run folder. ``pairs``: samples before and after the actor, as HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from ...support.files import write_text

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    content = {
        "config": config,
        "result": result,
        "wishes": _wishes(config),
        "number": number,
        "with_direction": with_direction,
        "pairs": pairs,
        "curves": _curves(metrics),
        "map": _map(latents),
        "gates": _gates(latents.gate),
        "rounds": len(metrics),
        "beside": beside,
        "memory_line": memory_line,
        "names_in": names_in,
        "not_judged": not_judged,
        "versions_line": versions_line,
    }
    for name, template in ((PAGE, "report.html.jinja"), (CARD, "card.md.jinja")):
        write_text(folder / name, environment.get_template(template).render(content))


def _wishes(config: RunConfig) -> list[str]:
    told = []
    for wish in config.constraints:
        options = ", ".join(f"{name} = {value}" for name, value in wish.options.items())
        alias = f"{wish.alias}: " if wish.alias else ""
        weight = "" if wish.weight == 1 else f", weight {wish.weight:g}"
        told.append(f"{alias}{wish.short}{f' ({options})' if options else ''}{weight}")
    return told


def _curves(metrics: Sequence[dict[str, Any]]) -> list[str]:
    rounds = [row["round"] + 1 for row in metrics]

    def plot(title: str, *names: str, y_range: tuple[float, float] | None = None) -> str:
        lines = [Marks("line", rounds, [row.get(name, math.nan) for row in metrics], name.replace("_", " ")) for name in names]
        ticks = rounds[:: 1 + len(rounds) // 10]
        return Plot(lines, title, "round", x_ticks=ticks, y_range=y_range).svg()

    return [
        plot("the actor's samples", "satisfied", "unique", y_range=(0, 1.05)),
        plot("losses", "label_loss", "realism_loss", "actor_loss"),
        plot("drift (1 is real), mean gate", "drift", "gate"),
    ]


def _map(latents: Latents) -> str:
    centre = latents.real.mean(0)
    _, _, axes = torch.pca_lowrank(latents.real - centre, q=min(2, latents.real.shape[1]), niter=4)
    axes = torch.nn.functional.pad(axes, (0, 2 - axes.shape[1]))

    def points(z: Tensor, name: str, colour: str) -> Marks:
        x, y = ((z[:POINTS] - centre) @ axes).T.tolist()
        return Marks("points", x, y, name, radii=[1.8] * len(x), colour=colour)

    clouds = [
        points(z, name, colour)
        for z, name, colour in (
            (latents.real, "q(z)", GREY),
            (latents.prior, "prior", COLOURS[0]),
            (latents.moved, "actor", COLOURS[1]),
        )
    ]
    return Plot(clouds, "first two principal axes of q(z)", size=(420, 360)).svg()


def _gates(gate: Tensor) -> str:
    title = "how open the actor's gate is"
    if len(gate) <= MOST_BARS:
        bars = Marks("bars", range(len(gate)), gate.tolist())
        return Plot([bars], title, "dimension of z", y_range=(0, 1), size=(420, 360)).svg()
    counts = torch.histc(gate.float(), BINS, 0, 1).tolist()
    middles = [(i + 0.5) / BINS for i in range(BINS)]
    return Plot([Marks("bars", middles, counts)], title, "mean gate", "dimensions of z", size=(420, 360)).svg()
