"""The command line. Heavy modules are imported by the commands that need them."""

from . import collect_labels, comparisons, finished_runs, models, plugins, publish, run
from .common import lcgan

__all__ = ["collect_labels", "comparisons", "finished_runs", "lcgan", "models", "plugins", "publish", "run"]
