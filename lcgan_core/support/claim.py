"""Who writes a folder: one process at a time, and it leaves neither an empty folder nor half a file."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from ..errors import RunError
from .files import remove_unfinished

try:
    import fcntl
except ImportError:  # a system that cannot lock folders
    fcntl = None  # type: ignore[assignment]

_this_thread = threading.local()
"""``folders``: those it holds."""


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """Holds ``folder`` for this thread, and makes it if need be; a thread may claim again what it holds.

    Removes the half-written files that a killed process left, and at the end the folder, if it was made and is still empty.
    The claim is a lock that the system takes back when the process ends, however it ends; where folders cannot be locked,
    there is none. Raises ``RunError`` if another thread or process holds the folder, or if it cannot be made.
    """
    if Path(os.path.abspath(folder)) in _held():
        yield folder
        return
    try:
        claim = contextlib.ExitStack()
        claim.enter_context(_claim(folder, new=False))
    except BlockingIOError as error:
        raise RunError(f"Another process is writing into {folder}. Wait until it has ended, or give another folder.") from error
    except FileExistsError as error:
        raise RunError(f"{folder} exists already and is no folder. Give another one.") from error
    with claim:
        yield folder


@contextlib.contextmanager
def next_claimed(parent: Path, name: str) -> Iterator[Path]:
    """Makes and holds ``parent/name``, or ``parent/name-2`` and so on: the first that does not exist."""
    with contextlib.ExitStack() as claim:
        for number in count(1):
            folder = parent / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError, BlockingIOError):
                claim.enter_context(_claim(folder, new=True))
                break
        yield folder


def _held() -> set[Path]:
    held: set[Path] = _this_thread.__dict__.setdefault("folders", set())
    return held


@contextlib.contextmanager
def _claim(folder: Path, new: bool) -> Iterator[None]:
    """Raises ``FileExistsError`` if the folder is to be ``new`` or is a file, ``BlockingIOError`` if another holds it."""
    place = Path(os.path.abspath(folder))
    missing = [parent for parent in (place, *place.parents) if not os.path.lexists(parent)]
    try:
        handle = _locked(place, new)
    except (FileExistsError, BlockingIOError):
        raise
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}. Give another folder.") from error
    try:
        _held().add(place)
        remove_unfinished(place)
        yield
    finally:
        _held().discard(place)
        with contextlib.suppress(OSError):  # not empty: what was made is of use
            for made in missing:
                made.rmdir()
        if handle is not None:
            os.close(handle)


def _locked(place: Path, new: bool) -> int | None:
    """A handle that holds the folder; None where folders cannot be locked."""
    while True:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place.parent)) from error
        place.mkdir(exist_ok=not new)
        if fcntl is None:
            return None
        handle = os.open(place, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if place.exists() and os.path.samestat(os.fstat(handle), place.stat()):
                return handle
        except BlockingIOError:
            os.close(handle)
            raise
        except OSError:  # some network file systems
            os.close(handle)
            return None
        os.close(handle)  # whoever held it has removed it meanwhile
