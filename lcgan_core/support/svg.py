"""Plots as SVG text, identical on every run."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def svg(plot: Callable[[Figure], None], size: tuple[float, float]) -> str:
    """The ``<svg>`` element of a figure of ``size`` inches that ``plot`` draws on, for a file or for part of a page."""
    import matplotlib
    from matplotlib.figure import Figure  # unlike pyplot, it keeps no state and needs no display

    figure, text = Figure(figsize=size, layout="constrained"), io.StringIO()
    # names of runs and figures are no formulas, whatever dollar signs they have
    with matplotlib.rc_context({"svg.hashsalt": "lcgan", "svg.fonttype": "none", "text.parse_math": False}):
        plot(figure)
        figure.savefig(text, format="svg", metadata={"Date": None})
    _, tag, rest = text.getvalue().partition("<svg")
    return tag + rest
