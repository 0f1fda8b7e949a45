"""``report.html`` of a run: one file that shows the constraints and the results to someone who did not run it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...support.svg import svg
from ...support.wording import beside, memory_line, names_in, number, with_direction
from ..config import RunConfig
from ..result import Result

PAGE = "report.html"
CARD = "README.md"
TEMPLATES = Path(__file__).parent
PAIRS = 25
"""Number of sample pairs in a report. Arbitrary."""
POINTS = 600
MOST_BARS = 512
"""Maximum dimension of z for which each dimension has its own bar; more bars would be as thin as a pixel."""


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
    }
    for name, template in ((PAGE, "report.html.jinja"), (CARD, "card.md.jinja")):
        write_text(folder / name, environment.get_template(template).render(content))


def _wishes(config: RunConfig) -> list[str]:
    told = []
    for wish in config.constraints:
        options = ", ".join(f"{name} = {value}" for name, value in wish.options.items())
        alias = f"{wish.alias}: " if wish.alias else ""
        weight = "" if wish.weight == 1 else f", weight {wish.weight:g}"
        told.append(f"{alias}{wish.constraint}{f' ({options})' if options else ''}{weight}")
    return told


def _curves(metrics: Sequence[dict[str, Any]]) -> str:
    def plot(figure: Any) -> None:
        rounds = [row["round"] + 1 for row in metrics]
        panels = figure.subplots(1, 3)
        for panel, names, title in (
            (panels[0], ("satisfied", "unique"), "the actor's samples, by round"),
            (panels[1], ("label_loss", "realism_loss", "actor_loss"), "losses"),
            (panels[2], ("drift", "gate"), "drift (1 is real), mean gate"),
        ):
            for name in names:
                panel.plot(rounds, [row.get(name, float("nan")) for row in metrics], "o-", label=name.replace("_", " "))
            panel.set_title(title, fontsize=10)
            panel.legend(fontsize=8)
            panel.set_xticks(rounds)
        panels[0].set_ylim(0, 1.05)

    return svg(plot, (10, 2.8))


def _map(latents: Latents) -> str:
    centre = latents.real.mean(0)
    _, _, axes = torch.pca_lowrank(latents.real - centre, q=min(2, latents.real.shape[1]), niter=4)
    axes = torch.nn.functional.pad(axes, (0, 2 - axes.shape[1]))

    def plot(figure: Any) -> None:
        panel = figure.subplots()
        for z, label, colour in ((latents.real, "q(z)", "0.7"), (latents.prior, "prior", "C0"), (latents.moved, "actor", "C1")):
            flat = (z[:POINTS] - centre) @ axes
            panel.scatter(flat[:, 0], flat[:, 1], 5, c=colour, label=label, alpha=0.6, linewidths=0)
        panel.legend(fontsize=8)
        panel.set_title("first two principal axes of q(z)", fontsize=10)

    return svg(plot, (4.5, 3.6))


def _gates(gate: Tensor) -> str:
    def plot(figure: Any) -> None:
        panel = figure.subplots()
        if len(gate) <= MOST_BARS:
            panel.bar(range(len(gate)), gate.tolist())
            panel.set_ylim(0, 1)
            panel.set_xlabel("dimension of z", fontsize=9)
        else:
            panel.hist(gate.tolist(), bins=50, range=(0, 1))
            panel.set_xlabel("mean gate", fontsize=9)
            panel.set_ylabel("dimensions of z", fontsize=9)
        panel.set_title("how open the actor's gate is", fontsize=10)

    return svg(plot, (5.5, 3.6))
