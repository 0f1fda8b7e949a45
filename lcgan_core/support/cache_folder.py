"""The folder for files that lcgan can compute again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$LCGAN_CACHE`` if set, otherwise lcgan's folder in the user's cache; it may not exist yet."""
    given = os.environ.get("LCGAN_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lcgan"
