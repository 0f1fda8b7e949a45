"""The lines of an SVG file. Nothing in it is run, and nothing that it refers to is fetched."""

from __future__ import annotations

import math
import re
from xml.parsers import expat

from lcgan_core import SampleError

from .svg_paths import Line, Point, path_lines

Matrix = tuple[float, float, float, float, float, float]
"""a, b, c, d, e, f as in SVG: x' = ax + cy + e, y' = bx + dy + f."""
PLAIN: Matrix = (1, 0, 0, 1, 0, 0)

REFUSED = ("script", "foreignObject", "image", "use", "style")
"""Elements that run something, refer to something, or decide what is seen in a way that is not understood here."""
UNSEEN = ("defs", "symbol", "clipPath", "mask", "marker", "pattern", "text", "title", "desc", "metadata")
"""Elements whose content is no line of the drawing."""
LINES = ("path", "line", "polyline", "polygon", "rect", "circle", "ellipse")
INHERITED = ("stroke", "fill", "display")
NUMBERS = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE)
TRANSFORM = re.compile(r"(\w+)\s*\(([^)]*)\)")


def svg_lines(content: bytes) -> list[Line]:
    """What the elements of an SVG file draw, in order; raises ``SampleError``."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.EntityDeclHandler = reader.refuse_entities
    parser.ProcessingInstructionHandler = reader.refuse_instructions
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise SampleError(f"It is not XML: {error}. Give another SVG.") from error
    if not reader.lines:
        raise SampleError("It has no lines: no path, polyline, or other shape that is drawn. Give another SVG.")
    return reader.lines


class _Reader:
    """Gathers lines while the elements come."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.open: list[tuple[Matrix, dict[str, str], bool]] = [(PLAIN, {}, True)]
        """Of each open element: where it is, how it looks, and whether it is seen."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if len(self.open) == 1 and name != "svg":
            raise SampleError(f"It is <{name}>, not <svg>. Give another SVG.")
        if name in REFUSED:
            raise SampleError(f"It has <{name}>, which is never followed. Remove that, or give another SVG.")
        for key, value in attributes.items():
            if key.lower().startswith("on"):
                raise SampleError(f"It has a script ({key}), which is never run. Remove that, or give another SVG.")
            if key.rpartition(":")[2] == "href" and not value.startswith("#"):
                raise SampleError(f"It refers to {value[:60]!r}, which is never fetched. Remove that, or give another SVG.")
        outer, looks, seen = self.open[-1]
        given = dict(part.partition(":")[::2] for part in attributes.get("style", "").split(";"))
        given = {key.strip(): value.strip() for key, value in (attributes | given).items()}
        looks = looks | {key: given[key] for key in INHERITED if key in given}
        seen = seen and name not in UNSEEN and looks.get("display") != "none"
        place = _after(outer, _transform(attributes.get("transform", "")))
        self.open.append((place, looks, seen))
        if seen and name in LINES and not (looks.get("stroke", "none") == "none" == looks.get("fill")):
            a, b, c, d, e, f = place
            for line in _shape(name, attributes):
                self.lines.append([Point(a * p.real + c * p.imag + e, b * p.real + d * p.imag + f) for p in line])

    def end(self, tag: str) -> None:
        self.open.pop()

    def refuse_entities(self, name: str, *_: object) -> None:
        raise SampleError(f"It defines an entity ({name}), which is never followed. Remove that, or give another SVG.")

    def refuse_instructions(self, target: str, data: str) -> None:
        raise SampleError(f"It has an instruction ({target}), which is never followed. Remove that, or give another SVG.")


def _shape(name: str, attributes: dict[str, str]) -> list[Line]:
    if name == "path":
        return path_lines(attributes.get("d", ""))
    if name in ("polyline", "polygon"):
        numbers = [float(number) for number in NUMBERS.findall(attributes.get("points", ""))]
        points = [Point(x, y) for x, y in zip(numbers[0::2], numbers[1::2], strict=False)]
        return [points + points[:1] * (name == "polygon")] if points else []

    def length(key: str) -> float:
        found = NUMBERS.match(attributes.get(key, "0").strip())
        return float(found[0]) if found else 0.0

    if name == "line":
        return [[Point(length("x1"), length("y1")), Point(length("x2"), length("y2"))]]
    if name == "rect":
        x, y, width, height = (length(key) for key in ("x", "y", "width", "height"))
        return path_lines(f"M{x} {y}h{width}v{height}h{-width}z")
    rx, ry = (length("r"),) * 2 if name == "circle" else (length("rx"), length("ry"))
    x, y = length("cx"), length("cy")
    return path_lines(f"M{x + rx} {y}A{rx} {ry} 0 1 1 {x - rx} {y}A{rx} {ry} 0 1 1 {x + rx} {y}")


def _after(outer: Matrix, inner: Matrix) -> Matrix:
    """First ``inner``, then ``outer``."""
    a, b, c, d, e, f = outer
    g, h, i, j, k, m = inner
    return a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j, a * k + c * m + e, b * k + d * m + f


def _transform(given: str) -> Matrix:
    """The matrix of a ``transform`` attribute; raises ``SampleError``."""
    place = PLAIN
    for name, inside in TRANSFORM.findall(given):
        numbers = [float(number) for number in NUMBERS.findall(inside)]
        place = _after(place, _step(name, numbers))
    return place


def _step(name: str, numbers: list[float]) -> Matrix:
    match name, numbers:
        case "matrix", [a, b, c, d, e, f]:
            return a, b, c, d, e, f
        case "translate", [x, *rest]:
            return 1, 0, 0, 1, x, rest[0] if rest else 0
        case "scale", [x, *rest]:
            return x, 0, 0, rest[0] if rest else x, 0, 0
        case "rotate", [angle, *rest]:
            cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            x, y = rest if len(rest) == 2 else (0.0, 0.0)
            return _after(_after((1, 0, 0, 1, x, y), (cos, sin, -sin, cos, 0, 0)), (1, 0, 0, 1, -x, -y))
        case "skewX", [angle]:
            return 1, 0, math.tan(math.radians(angle)), 1, 0, 0
        case "skewY", [angle]:
            return 1, math.tan(math.radians(angle)), 0, 1, 0, 0
    raise SampleError(f"It has the transform {name}({', '.join(map(str, numbers))}), which SVG does not know.")
