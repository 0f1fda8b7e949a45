"""A contact sheet of a Sketch-RNN as one SVG file: real drawings, their reconstructions, and noise at three temperatures.

``python -m lcgan_strokes_plugin.contact_sheet held-out --out sheet.svg``
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from lcgan_core import LcganError, Strokes

from .latent_model import SketchRnnModel
from .reading import read_drawings

CELL = 96
"""Pixels of a side of a drawing. Arbitrary."""
GAP = 4
"""Pixels around a drawing at least."""
LABEL = 22
"""Pixels above each group of rows."""
TEMPERATURES = (0.0, 0.2, 0.6)


def contact_sheet(groups: Sequence[tuple[str, Sequence[Sequence[Any]]]]) -> str:
    """An SVG file of rows of drawings, in groups that have a title each."""
    kind, parts, top = Strokes(), [], 0
    columns = max(len(row) for _, rows in groups for row in rows)
    for title, rows in groups:
        parts.append(f'<text x="{GAP}" y="{top + LABEL - 6}" font-family="sans-serif" font-size="14">{title}</text>')
        top += LABEL
        for row in rows:
            for column, drawing in enumerate(row):
                x, y = _indent(drawing)
                place = f'<g transform="translate({column * CELL + GAP + x:g} {top + GAP + y:g})">'
                parts.append(f"{place}{kind.svg(drawing, CELL - 2 * GAP)}</g>")
            top += CELL
    width = columns * CELL
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" viewBox="0 0 {width} {top}" color="black">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"])


def _indent(drawing: Any) -> tuple[float, float]:
    """Pixels that move a drawing to the middle of its cell."""
    points = Strokes.array(drawing)[:, :2].cumsum(0)
    extent = points.max(0) - points.min(0) if len(points) else np.zeros(2)
    x, y = (CELL - 2 * GAP) / 2 * (1 - (extent + 1e-6) / (extent.max() + 1e-6))
    return float(x), float(y)


@click.command()
@click.argument("held_out", type=click.Path(path_type=Path))
@click.option("--model", default="kanji", show_default=True, help="A model that ships, or a folder.")
@click.option("--out", default="sheet.svg", show_default=True, type=click.Path(path_type=Path))
@click.option("--column", default="train", show_default=True, help="Array of an .npz file.")
@click.option("--seed", default=0, show_default=True)
def main(held_out: Path, model: str, out: Path, column: str, seed: int) -> None:
    """Draw drawings of HELD_OUT, their reconstructions, and noise."""
    try:
        sheet = _sheet(SketchRnnModel.load(model), held_out, column, seed)
    except LcganError as error:
        raise click.ClickException(str(error)) from error
    out.write_text(sheet, encoding="utf-8")
    click.echo(f"wrote {out}")


def _sheet(loaded: SketchRnnModel, held_out: Path, column: str, seed: int) -> str:
    config, generator = loaded.network.config, torch.Generator().manual_seed(seed)
    found = read_drawings(held_out, column, config.tolerance, config.max_movements).drawings
    real = [found[row] for row in torch.randperm(len(found), generator=generator)[:24].tolist()]
    rebuilt = loaded.decode(loaded.encode(real).mean)
    z = torch.randn(24, loaded.latent_dim, generator=generator)
    groups = [("held-out drawings, and below each its reconstruction", _rows(real, rebuilt))]
    for temperature in TEMPERATURES:
        drawn = loaded.draw(z, temperature)
        groups.append((f"noise, temperature {temperature:g}", [drawn[:12], drawn[12:]]))
    return contact_sheet(groups)


def _rows(real: Sequence[Any], rebuilt: Sequence[Any]) -> list[Sequence[Any]]:
    return [real[:12], rebuilt[:12], real[12:], rebuilt[12:]]


if __name__ == "__main__":
    main()
