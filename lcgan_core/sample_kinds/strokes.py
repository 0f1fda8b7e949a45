"""Strokes: drawings as sequences of pen movements."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from html import escape
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

from ..errors import SampleError
from .base import FileKind, as_numpy, key_of

SHOWN = 96
"""Pixels of the longer side on a page. Arbitrary."""
POINTS = 200
"""Number of points on each drawing that closeness compares. Arbitrary; their spacing is much shorter than a stroke."""
REACH = 0.2
"""Distance at which points no longer match, as a share of the diagonal of the area that both drawings cover. Arbitrary."""


class Strokes(FileKind[Any]):
    """Drawings in the stroke-3 format of Sketch-RNN (Ha & Eck 2017, arXiv 1704.03477).

    A sample is an array, a tensor or a list ``[movements, 3]``: dx and dy from the previous point (y points down), and 1 if the
    pen is lifted after this point. The pen is up before the first movement and after the last. Files are read as float32
    arrays.
    """

    name: ClassVar[str] = "strokes"
    suffixes: ClassVar[tuple[str, ...]] = (".svg", ".json")

    @staticmethod
    def array(sample: Any) -> Any:
        """The movements as a float32 array ``[movements, 3]``, pen 0 or 1; raises ``SampleError`` for anything else."""
        import numpy as np

        try:
            found = as_numpy(sample).astype(np.float32).reshape(len(sample), 3) + 0.0  # a copy, without -0
        except (TypeError, ValueError) as error:
            raise SampleError(
                f"{type(sample).__name__} is not a drawing: {error}. A drawing has three numbers per movement: dx, dy, pen up."
            ) from error
        if not np.isfinite(found).all():
            raise SampleError("The drawing has a movement that is not finite. Give finite numbers.")
        found[:, 2] = found[:, 2] > 0.5
        found[-1:, 2] = 1
        return found

    def key(self, sample: Any) -> str:
        moves = self.array(sample)
        return key_of(moves.shape, moves.tobytes())

    def line(self, sample: Any) -> str:
        moves = self.array(sample)
        return f"drawing {self.key(sample)[:8]}, strokes {int(moves[:, 2].sum())}, points {len(moves)}"

    def html(self, sample: Any) -> str:
        """An inline SVG."""
        return self.svg(sample, SHOWN)

    def svg(self, sample: Any, longer_side: int | None = None) -> str:
        """The drawing as SVG, in the units of its movements, or scaled so that the longer side has that many pixels.

        Lines are as thick as suits the longer side or, for a row of drawings, one of them: strokes are short beside the row.
        """
        moves = self.array(sample)
        points = moves[:, :2].cumsum(0)
        low, high = (points.min(0), points.max(0)) if len(points) else (moves.sum(0)[:2], moves.sum(0)[:2])
        extent = float(max(*(high - low), 1e-6))
        margin = 0.05 * extent
        x, y, width, height = (float(value) for value in (*(low - margin), *(high - low + 2 * margin)))
        zoom = longer_side / max(width, height) if longer_side else 1.0
        pen = min(extent, max(2 * _longest(moves) or extent, extent / 10)) / 50
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{x:g} {y:g} {width:g} {height:g}" '
            f'width="{zoom * width:g}" height="{zoom * height:g}" role="img" aria-label="{escape(self.line(sample))}">'
            f'<path d="{_path(moves)}" fill="none" stroke="currentColor" stroke-width="{pen:g}" '
            'stroke-linecap="round" stroke-linejoin="round"/></svg>'
        )

    def read(self, path: Path) -> Any:
        content = path.read_text(encoding="utf-8")
        return self.array(json.loads(content) if path.suffix.lower() == ".json" else list(_movements(content)))

    def write(self, sample: Any, path: Path) -> None:
        path.write_text(self.svg(sample) + "\n", encoding="utf-8")

    def strip(self, samples: Sequence[Any]) -> Any:
        """A drawing of all, each centred in a column; columns are as wide as the widest, and a little more."""
        import numpy as np

        drawings = [self.array(sample) for sample in samples]
        points = [moves[:, :2].cumsum(0) for moves in drawings]
        column = 1.2 * max(float(np.ptp(each[:, 0])) if len(each) else 0.0 for each in points)
        placed = [
            each - (each.min(0) + each.max(0)) / 2 + [number * column, 0] if len(each) else each
            for number, each in enumerate(points)
        ]
        moves = np.diff(np.concatenate([np.zeros((1, 2)), *placed]), axis=0)
        return self.array(np.column_stack([moves, np.concatenate([moves[:, 2] for moves in drawings])]))

    def closeness(self, before: Sequence[Any], after: Sequence[Any]) -> list[float]:
        """How much of the ink coincides (``overlap``)."""
        return [overlap(self.array(first), self.array(second)) for first, second in zip(before, after, strict=True)]


def overlap(first: Any, second: Any) -> float:
    """1 minus the mean distance from a point to the nearest point of the other drawing, in units of ``REACH``, capped at 1.

    This is the chamfer distance of Barrow et al. 1977, averaged over both directions and bounded.
    """
    import numpy as np

    a, b = _ink(first), _ink(second)
    if not (len(a) and len(b)):
        return float(len(a) == len(b))
    both = np.concatenate([a, b])
    reach = REACH * float(np.linalg.norm(both.max(0) - both.min(0))) or 1.0  # two equal dots cover nothing
    apart = (np.linalg.norm(a[:, None] - b[None], axis=2) / reach).clip(max=1)
    return 1 - float(apart.min(0).mean() + apart.min(1).mean()) / 2


def _ink(moves: Any) -> Any:
    """``POINTS`` points ``[points, 2]``, equally spaced along the lines; for a drawing that has only dots, the dots."""
    import numpy as np

    points = moves[:, :2].astype(np.float64).cumsum(0)
    drawn = np.append(1.0, moves[:-1, 2])[: len(moves)] == 0  # a line leads to this point
    lengths = np.linalg.norm(moves[:, :2], axis=1) * drawn
    if not lengths.sum():
        return points
    along = lengths.cumsum()
    where = (np.arange(POINTS) + 0.5) / POINTS * along[-1]
    to = np.searchsorted(along, where)
    share = (along[to] - where) / lengths[to]
    return points[to] - share[:, None] * moves[to, :2]


def _longest(moves: Any) -> float:
    """The longer side of the stroke that reaches farthest."""
    import numpy as np

    strokes = np.split(moves[:, :2].cumsum(0), np.flatnonzero(moves[:, 2]) + 1)
    return max((float(np.ptp(stroke, axis=0).max()) for stroke in strokes if len(stroke)), default=0.0)


def _path(moves: Any) -> str:
    """SVG path data of relative movements, which ``_movements`` reads back exactly; a single point is closed to show a dot."""
    import numpy as np

    parts, up = [], True
    for dx, dy, lifted in moves:
        end = "z" if up and lifted else ""
        x, y = (np.format_float_positional(value, trim="-") for value in (dx, dy))
        parts.append(f"{'m' if up else 'l'}{x},{y}{end}")
        up = bool(lifted)
    return "".join(parts)


TOKEN = re.compile(r"[MLHVZCSQTA]|[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE)
"""A command or a number in SVG path data."""


UNREAD = ("line", "polygon", "rect", "circle", "ellipse", "use")
"""Elements of an SVG file that draw lines too, but are not read."""


def _movements(svg: str) -> Iterator[tuple[float, float, bool]]:
    """dx, dy and pen up for the straight lines of an SVG file. Raises ``SampleError`` if it has curves or shapes, or no
    lines."""
    elements = list(ElementTree.fromstring(svg).iter())
    if any("transform" in element.attrib for element in elements):
        raise SampleError("The SVG has a transform, which is not supported. Save it without transforms.")
    names = [element.tag.rpartition("}")[2] for element in elements]
    if unread := next((name for name in names if name in UNREAD), None):
        raise SampleError(
            f"The SVG has a <{unread}>, which is not supported. Convert it to a path in the program that drew it."
        )
    drawn = [element for element, name in zip(elements, names, strict=True) if name in ("path", "polyline")]
    if not drawn:
        raise SampleError("The SVG has no path and no polyline. Give a drawing with lines.")
    x = y = Fraction()
    for element in drawn:
        data = element.get("d") or f"M {element.get('points', '')}"
        for line in _lines(data):
            for number, (to_x, to_y) in enumerate(line, start=1):
                yield float(to_x - x), float(to_y - y), number == len(line)
                x, y = to_x, to_y


def _lines(data: str) -> list[list[tuple[Fraction, Fraction]]]:
    """The points of each line in SVG path data, as fractions: differences then equal the relative commands exactly."""
    lines: list[list[tuple[Fraction, Fraction]]] = []
    command, x, y = "", Fraction(), Fraction()
    tokens = iter(TOKEN.findall(data))
    for token in tokens:
        if token.isalpha():
            command = token
            if command not in "MmLlHhVvZz":
                raise SampleError(f"The SVG has a curve ({command}). Only straight lines are supported.")
            if command in "Mm":
                lines.append([])
            elif command in "Zz" and len(lines[-1]) > 1:  # a single point is closed only to show as a dot
                lines[-1].append(lines[-1][0])
                x, y = lines[-1][0]
            continue
        from_x, from_y = (x, y) if command.islower() else (Fraction(), Fraction())
        if command in "Vv":
            y = from_y + Fraction(token)
        else:
            x = from_x + Fraction(token)
            if command not in "Hh":
                y = from_y + Fraction(next(tokens, "no number"))
        lines[-1].append((x, y))
    return lines
