"""The command line. Heavy modules are imported by the commands that need them."""

from . import comparing, drawing, labelling, models, plugging, running
from .common import lcgan

__all__ = ["comparing", "drawing", "labelling", "lcgan", "models", "plugging", "running"]
