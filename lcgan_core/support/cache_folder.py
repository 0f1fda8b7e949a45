"""The folder for files that lcgan can compute again."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def cache_folder() -> Path:
    """``$LCGAN_CACHE`` if set, otherwise lcgan's folder in the user's cache; it may not exist yet.

    Raises ``FileNotFoundError`` if the user has no home; whoever keeps something there goes on without.
    """
    given = os.environ.get("LCGAN_CACHE")
    if given:
        return Path(given)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lcgan"
    except RuntimeError as error:
        raise FileNotFoundError(errno.ENOENT, "there is no home folder; set LCGAN_CACHE to a folder for the cache") from error
