"""Memory that nothing needs any more, and that the process still holds."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def give_back_memory() -> None:
    """Gives freed memory back to the system.

    glibc keeps most of it: after a training that starts from a language model of 135 million parameters, 1.2 of 2.1 GB. Other
    C libraries have no such call.
    """
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
