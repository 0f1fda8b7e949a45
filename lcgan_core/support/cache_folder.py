"""Where lcgan keeps what it can work out again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$LCGAN_CACHE``, or the user's cache folder for lcgan; it need not exist yet."""
    given = os.environ.get("LCGAN_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lcgan"
