"""The hashes of all files of a folder, in one of them: what was damaged or edited since is told before it is used."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from pathlib import Path

from ..errors import LcganError
from .files import UNFINISHED, write_json

MANIFEST = "manifest.json"


def write_manifest(folder: Path, coming: Mapping[str, bytes] | None = None, leave_out: Collection[str] = ()) -> None:
    """Writes the SHA-256 of every file below ``folder``, by its path from there.

    ``coming`` holds the content of files that are to be written after it, ``leave_out`` names those that are to go.
    """
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    hashes = {name: _hash_of(path) for name, path in files.items() if name not in leave_out and UNFINISHED not in name}
    hashes |= {name: hashlib.sha256(content).hexdigest() for name, content in (coming or {}).items()}
    hashes.pop(MANIFEST, None)
    write_json(folder / MANIFEST, dict(sorted(hashes.items())))


def check_files(folder: Path, names: Sequence[str], error: type[LcganError], writer: str, advice: str) -> None:
    """Raises ``error`` if one of the files below ``folder`` is not as the manifest says.

    A name may be a pattern for any number of them (``critics/*``); any other must be there. The message says that ``writer``
    wrote the file otherwise, and ends with ``advice``.
    """
    place = folder / MANIFEST
    try:
        hashes = json.loads(place.read_text(encoding="utf-8"))
        if not isinstance(hashes, dict):
            raise ValueError("it has no names of files")
    except OSError as problem:
        raise error(f"{place}, which tells whether files are whole, cannot be read: {problem.strerror}. {advice}") from problem
    except (ValueError, RecursionError) as problem:
        raise error(f"{place} is damaged or was edited: {problem}. {advice}") from problem
    found = (fnmatch.filter(hashes, pattern) or ([] if "*" in pattern else [pattern]) for pattern in names)
    for name in dict.fromkeys(chain.from_iterable(found)):
        try:
            actual = _hash_of(folder / name)
        except (OSError, ValueError) as problem:
            reason = problem.strerror if isinstance(problem, OSError) else problem
            raise error(f"{folder / name} is missing or cannot be read: {reason}. {advice}") from problem
        if actual != hashes.get(name):
            raise error(f"{folder / name} is not as {writer} wrote it: it is damaged or was edited. {advice}")


def _hash_of(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
