"""Plots: each value is where its axis says, whatever the values are."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from lcgan_core.support.plot import Marks, Plot, side_by_side

NAN = math.nan


def places(svg: str, radius: str = "2.5") -> list[tuple[float, float]]:
    """Of the points, in pixels."""
    return [(float(x), float(y)) for x, y in re.findall(rf'<circle cx="([\d.]+)" cy="([\d.]+)" r="{radius}"', svg)]


def texts(svg: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", svg)


def test_points_are_where_their_axes_say() -> None:
    line = Marks("line", [1, 2, 3], [0.0, 0.5, 1.0], "satisfied")
    svg = Plot([line], "title", "round", "share", y_range=(0, 1), size=(360, 280)).svg()
    (x1, y1), (x2, y2), (x3, y3) = places(svg)
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.02)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.02)
    assert (y1, y3) == (280 - 38, 42), "the ends of the axis"
    assert {"title", "round", "share", "satisfied", "0", "0.2", "1", "3"} <= set(texts(svg))


def test_a_logarithmic_axis_has_equal_steps_for_equal_ratios() -> None:
    x = [x for x, _ in places(Plot([Marks("line", [8, 32, 128], [1, 2, 3])], x_ticks=[8, 32, 128], log_x=True).svg())]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.02)


def test_a_value_that_is_missing_is_a_gap() -> None:
    svg = Plot([Marks("line", [1, 2, 3, 4, 5], [1, 2, NAN, 4, 5])]).svg()
    assert len(places(svg)) == 4
    (path,) = re.findall(r'd="([^"]*)" fill="none"', svg)
    assert (path.count("M"), path.count("L")) == (2, 2)


def test_bars_begin_at_zero_and_stay_inside() -> None:
    svg = Plot([Marks("bars", [0, 1], [0.5, 1.0])], y_range=(0, 1), size=(360, 280)).svg()
    bars = [tuple(map(float, bar)) for bar in re.findall(r"M([\d.]+) ([\d.]+)V([\d.]+)h([\d.]+)", svg)]
    assert [bottom - top for _, bottom, top, _ in bars] == pytest.approx([100, 200], abs=0.02)
    assert bars[0][0] >= 48
    assert bars[-1][0] + bars[-1][3] <= 360 - 12


def test_a_label_stays_inside_on_both_sides() -> None:
    svg = Plot([Marks("points", [1, 9], [1, 1], labels=["left", "right"])]).svg()
    assert re.findall(r'text-anchor="(\w+)">(left|right)<', svg) == [("start", "left"), ("end", "right")]


@pytest.mark.parametrize("y", [[], [NAN], [0.0], [3.0, 3.0], [-2.0, -1.0], [1e-9, 2e-9], [1e12, 3e12], [0.0, 1e-3]])
def test_any_values_make_a_picture(y: list[float]) -> None:
    x = list(range(len(y)))
    plots = [Plot([Marks(kind, x, y, name="n")]) for kind in ("line", "points")]
    for plot in plots:
        for element in ElementTree.fromstring(plot.svg()).iter():
            assert "nan" not in str(element.attrib)
        assert len({text for text in texts(plot.svg()) if re.fullmatch(r"[-+.e\d]+", text)}) >= 2
    assert side_by_side(plots).count("<svg") == 3


def test_the_same_values_make_the_same_text() -> None:
    marks = [Marks("band", [1, 2], [2, 3], low=[0, 1]), Marks("points", [1, 2], [1, 2], radii=[3, 9])]
    assert Plot(marks).svg() == Plot(marks).svg()
    assert [len(places(Plot(marks).svg(), radius)) for radius in "39"] == [1, 1]
