"""Drawings that are read from any SVG, curves too; core's own kind reads only straight lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lcgan_core import SampleError, Strokes


class Drawings(Strokes):
    """Core's strokes, whose files may have curves, shapes and transforms."""

    def read(self, path: Path) -> Any:
        """Movements in the units of the file, as float32 ``[movements, 3]``."""
        if path.suffix.lower() != ".svg":
            return super().read(path)
        import numpy as np

        from .svg import svg_lines

        try:
            lines = svg_lines(path.read_bytes())
            points = np.array([(point.real, point.imag) for line in lines for point in line])
            lifted = np.zeros(len(points))
            lifted[np.cumsum([len(line) for line in lines]) - 1] = 1
            return self.array(np.column_stack([np.diff(points, axis=0, prepend=0.0), lifted]))
        except SampleError as error:
            raise SampleError(f"{path}: {error}") from error
