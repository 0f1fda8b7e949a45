"""The data of an SVG path as lines: curves and arcs are flattened."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from lcgan_core import SampleError

Point = complex
"""x + iy, which makes curves short to write."""
Line = list[Point]

CURVE_POINTS = 24
"""Points on a Bézier curve. Arbitrary: what is superfluous is simplified away later."""
ARC_STEP = math.pi / 24
"""Angle between points on an arc. Arbitrary, for the same reason."""
OPERANDS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
FLAG = re.compile(r"[\s,]*([01])")
NUMBER = re.compile(r"[\s,]*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)", re.IGNORECASE)


def path_lines(data: str) -> list[Line]:
    """The lines of SVG path data (SVG 1.1, section 8.3); raises ``SampleError`` where it is not that."""
    lines: list[Line] = []
    here = start = Point()
    control: Point | None = None
    before = ""
    for command, numbers in _commands(data):
        kind, relative = command.upper(), command.islower()
        if not lines and kind != "M":
            raise SampleError(f"The path data {data[:30]!r} does not begin with M. Give another SVG.")
        origin = here if relative else Point()
        if kind == "Z":
            if len(lines[-1]) > 1:
                lines[-1].append(start)
            here, before = start, "Z"
            continue
        if before == "Z" and kind != "M":
            lines.append([start])
        if kind in "HV":
            value = numbers[0]
            end = Point(value + origin.real, here.imag) if kind == "H" else Point(here.real, value + origin.imag)
        else:
            end = Point(*numbers[-2:]) + origin
        pairs = [Point(*pair) + origin for pair in zip(numbers[0::2], numbers[1::2], strict=False)]
        if kind == "M":
            start = end
            lines.append([end])
        elif kind in "CS":
            first = pairs[0] if kind == "C" else _mirrored(control, here, before in ("C", "S"))
            control = pairs[-2]
            lines[-1] += _bezier(here, first, control, end)
        elif kind in "QT":
            control = pairs[0] if kind == "Q" else _mirrored(control, here, before in ("Q", "T"))
            lines[-1] += _bezier(here, here + 2 / 3 * (control - here), end + 2 / 3 * (control - end), end)
        elif kind == "A":
            lines[-1] += _arc(here, end, *numbers[:5])
        else:
            lines[-1].append(end)
        here, before = end, kind
    return lines


def _commands(data: str) -> Iterator[tuple[str, list[float]]]:
    """Each command with its numbers; one that is left out is repeated, after M as L."""
    at, command = 0, ""
    while at < len(data):
        if data[at].isspace() or data[at] == ",":
            at += 1
            continue
        if data[at].upper() in OPERANDS:
            command = data[at]
            at += 1
        elif not command or command in "Zz":
            raise SampleError(f"The path data {data[:30]!r} has {data[at]!r} where a command belongs. Give another SVG.")
        numbers: list[float] = []
        while len(numbers) < OPERANDS[command.upper()]:
            flag = command in "Aa" and len(numbers) in (3, 4)  # flags need nothing between them
            found = (FLAG if flag else NUMBER).match(data, at)
            if not found:
                raise SampleError(f"The path data {data[:30]!r} lacks a number at position {at}. Give another SVG.")
            numbers.append(float(found[1]))
            at = found.end()
        yield command, numbers
        command = {"M": "L", "m": "l"}.get(command, command)


def _mirrored(control: Point | None, here: Point, smooth: bool) -> Point:
    """The first control point of a curve that continues another one smoothly."""
    return 2 * here - control if smooth and control is not None else here


def _bezier(a: Point, b: Point, c: Point, d: Point) -> Line:
    """Points on a cubic Bézier curve after its start."""
    shares = [number / CURVE_POINTS for number in range(1, CURVE_POINTS)]
    curve = [(1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d for t in shares]
    return [*curve, d]


def _arc(start: Point, end: Point, rx: float, ry: float, rotation: float, large: float, sweep: float) -> Line:
    """Points on an elliptical arc after its start (SVG 1.1, appendix F.6.5)."""
    rx, ry = abs(rx), abs(ry)
    if start == end or not (rx and ry):
        return [end]
    turn = complex(math.cos(math.radians(rotation)), math.sin(math.radians(rotation)))
    half = (start - end) / 2 / turn
    x, y = half.real / rx, half.imag / ry
    far = x * x + y * y
    zoom = max(1.0, math.sqrt(far))  # an ellipse that is too small to reach both ends grows
    rx, ry = rx * zoom, ry * zoom
    x, y = x / zoom, y / zoom
    off = math.sqrt(max(0.0, 1 / min(far, 1.0) - 1)) * (-1 if bool(large) == bool(sweep) else 1)
    centre = Point(off * y, -off * x)  # of the unit circle that the ellipse becomes
    first, last = Point(x, y) - centre, Point(-x, -y) - centre
    angle = math.atan2((last / first).imag, (last / first).real)
    if sweep and angle < 0:
        angle += 2 * math.pi
    elif not sweep and angle > 0:
        angle -= 2 * math.pi
    steps = max(1, math.ceil(abs(angle) / ARC_STEP))
    middle = (start + end) / 2
    points = []
    for number in range(1, steps):
        around = centre + first * complex(math.cos(angle * number / steps), math.sin(angle * number / steps))
        points.append(Point(around.real * rx, around.imag * ry) * turn + middle)
    return [*points, end]
