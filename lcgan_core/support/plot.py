"""Plots as SVG text: identical on every run, and light or dark like the page around them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from ..visible import visible

COLOURS = ("#3b86c6", "#e0701f", "#2a9d72", "#a35fb4")
"""Of the marks, in their order; each differs from white and from black by a contrast of at least 3."""
GREY = "#8c8c8c"
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 42, 38
"""Pixels around the axes, for the labels."""


@dataclass(frozen=True)
class Marks:
    """What one colour shows. Points that are not finite are left out; a line has a gap there."""

    kind: Literal["line", "points", "bars", "band"]
    x: Sequence[float]
    y: Sequence[float]
    name: str = ""
    """In the legend."""
    low: Sequence[float] = ()
    """The lower edge of a band."""
    radii: Sequence[float] = ()
    """Of points, in pixels; 2.5 by default."""
    labels: Sequence[str] = ()
    """Beside each point."""
    colour: str = ""


@dataclass(frozen=True)
class Plot:
    """One pair of axes."""

    marks: Sequence[Marks]
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    x_ticks: Sequence[float] = ()
    y_range: tuple[float, float] | None = None
    log_x: bool = False
    size: tuple[int, int] = (330, 260)
    """Width and height in pixels."""

    def svg(self) -> str:
        """The ``<svg>`` element, for a file or for part of a page."""
        style = "color-scheme: light dark; color: CanvasText"
        text = 'font-family="system-ui, sans-serif" font-size="11" fill="currentColor"'
        return _element(self.size, "".join(self._elements()), f'role="img" {text} style="{style}"')

    def _elements(self) -> Iterator[str]:
        width, height = self.size
        (least_x, most_x), (least_y, most_y) = self._x_range(), self.y_range or self._y_range()
        over = math.log10 if self.log_x else float

        def x_of(value: float) -> float:
            share = (over(value) - over(least_x)) / (over(most_x) - over(least_x))
            return round(LEFT + share * (width - LEFT - RIGHT), 2)

        def y_of(value: float) -> float:
            return round(height - BOTTOM - (value - least_y) / (most_y - least_y) * (height - TOP - BOTTOM), 2)

        for value in _ticks(least_y, most_y):
            yield f'<path d="M{LEFT} {y_of(value)}H{width - RIGHT}" stroke="{GREY}" stroke-opacity=".3"/>'
            yield _text(LEFT - 6, y_of(value) + 4, f"{value:g}", "end")
        yield f'<path d="M{LEFT} {height - BOTTOM}H{width - RIGHT}" stroke="{GREY}"/>'
        for value in self.x_ticks or _ticks(least_x, most_x):
            yield f'<path d="M{x_of(value)} {height - BOTTOM}v4" stroke="{GREY}"/>'
            yield _text(x_of(value), height - BOTTOM + 16, f"{value:g}", "middle")
        yield _text(LEFT, 13, self.title, "start", 'font-weight="600" font-size="12"')
        yield _text((LEFT + width - RIGHT) / 2, height - 6, self.x_label, "middle")
        middle = (TOP + height - BOTTOM) / 2
        yield _text(12, middle, self.y_label, "middle", f'transform="rotate(-90 12 {middle:g})"')
        beside = float(LEFT)
        for marks, colour in zip(self.marks, self._colours(), strict=True):
            if marks.name:
                yield f'<circle cx="{beside + 4:g}" cy="27" r="4" fill="{colour}"/>'
                yield _text(beside + 12, 31, marks.name, "start")
                beside += 26 + 6 * len(marks.name)
            at = [(x_of(x), y_of(y)) if _finite(x, y) else None for x, y in zip(marks.x, marks.y, strict=True)]
            if marks.kind == "bars":
                wide = 0.8 * (width - LEFT - RIGHT) / len(at)
                bars = "".join(f"M{round(x - wide / 2, 2)} {y_of(0)}V{y}h{wide:.2f}V{y_of(0)}z" for x, y in filter(None, at))
                yield f'<path d="{bars}" fill="{colour}"/>'
            elif marks.kind == "band":
                back = [(x_of(x), y_of(y)) for x, y in zip(marks.x, marks.low, strict=True)]
                yield f'<path d="{_path([*at, *reversed(back)])}z" fill="{colour}" fill-opacity=".2"/>'
            elif marks.kind == "line":
                yield f'<path d="{_path(at)}" fill="none" stroke="{colour}" stroke-width="2"/>'
            if marks.kind in ("line", "points"):
                yield from _circles(at, marks, colour, width / 2)

    def _colours(self) -> list[str]:
        return [marks.colour or COLOURS[i % len(COLOURS)] for i, marks in enumerate(self.marks)]

    def _x_range(self) -> tuple[float, float]:
        values = [x for marks in self.marks for x, y in zip(marks.x, marks.y, strict=True) if _finite(x, y)]
        if self.log_x:
            return min(values) / 1.2, max(values) * 1.2
        if any(marks.kind == "bars" for marks in self.marks):
            half = (max(values) - min(values)) / max(1, len(values) - 1) / 2 or 0.5
            return min(values) - half, max(values) + half
        return _padded(values)

    def _y_range(self) -> tuple[float, float]:
        bars = any(marks.kind == "bars" for marks in self.marks)
        values = [y for marks in self.marks for y in (*marks.y, *marks.low) if math.isfinite(y)]
        return (0, 1.05 * max(values, default=1) or 1) if bars else _padded(values)


def side_by_side(plots: Sequence[Plot]) -> str:
    """One SVG element for a file."""
    starts = [sum(plot.size[0] for plot in plots[:i]) for i in range(len(plots) + 1)]
    inside = "".join(plot.svg().replace("<svg ", f'<svg x="{x}" ', 1) for x, plot in zip(starts, plots, strict=False))
    return _element((starts[-1], max(plot.size[1] for plot in plots)), inside)


def _element(size: tuple[int, int], inside: str, more: str = "") -> str:
    width, height = size
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}{f" {more}" if more else ""}>{inside}</svg>'


def _finite(x: float, y: float) -> bool:
    return math.isfinite(x) and math.isfinite(y)


def _padded(values: Sequence[float]) -> tuple[float, float]:
    """The range of the values with a margin; 0 to 1 if there are none."""
    least, most = min(values, default=0.0), max(values, default=1.0)
    margin = 0.05 * (most - least) or 0.1 * abs(most) or 0.5
    return least - margin, most + margin


def _ticks(least: float, most: float) -> list[float]:
    """At most seven round numbers in the range."""
    step = 10 ** math.floor(math.log10((most - least) / 2))
    step *= next(factor for factor in (1, 2, 5, 10) if (most - least) / (step * factor) <= 6)
    return [round(i * step, 12) for i in range(math.ceil(least / step), math.floor(most / step) + 1)]


def _path(at: Sequence[tuple[float, float] | None]) -> str:
    starts = [i == 0 or at[i - 1] is None for i in range(len(at))]
    return "".join(f"{'M' if start else 'L'}{xy[0]} {xy[1]}" for xy, start in zip(at, starts, strict=True) if xy)


def _circles(at: Sequence[tuple[float, float] | None], marks: Marks, colour: str, middle: float) -> Iterator[str]:
    radii = marks.radii or [2.5] * len(at)
    labels = marks.labels or [""] * len(at)
    opacity = "" if marks.kind == "line" else ' fill-opacity=".6"'
    for xy, radius, label in zip(at, radii, labels, strict=True):
        if xy:
            yield f'<circle cx="{xy[0]}" cy="{xy[1]}" r="{radius:.3g}" fill="{colour}"{opacity}/>'
            away, anchor = (radius + 3, "start") if xy[0] < middle else (-radius - 3, "end")
            yield _text(xy[0] + away, xy[1] + 4, label, anchor)


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    told = escape(visible(text))
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{f" {more}" if more else ""}>{told}</text>' if text else ""
