"""Writes files whole or not at all, and reads them back with clear errors: JSON, JSON lines, safetensors."""

from __future__ import annotations

import errno
import hashlib
import json
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RunError

if TYPE_CHECKING:
    from torch import Tensor


METADATA = "lcgan"
"""The one entry of a safetensors file's metadata, with the hash of all the rest; safetensors writes several in any order."""
UNFINISHED = ".lcgan-unfinished"
"""Suffix of a file that is being written; ``remove_unfinished`` removes those that a killed process left."""

DEEPEST = 50
"""How often JSON values may be nested. Arbitrary: what lcgan itself writes has fewer than ten levels."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path to write to. It replaces ``path`` only when writing is complete, so a reader never sees half a file.

    The file keeps its mode if it was there before; a new one gets what the umask leaves, as if ``open`` had made it.
    """
    unfinished: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}{UNFINISHED}")
        new.touch(exist_ok=False)
        unfinished = new
        mode = stat.S_IMODE((path if path.is_file() else new).stat().st_mode)
        yield unfinished
        unfinished.chmod(mode)  # safetensors makes the file again, readable by its owner alone
        unfinished.replace(path)
    except OSError as error:  # a full disk names no file, and the unfinished one means nothing to anybody
        if error.errno is None:  # of a library, in its own words
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        if unfinished:
            unfinished.unlink(missing_ok=True)


def remove_unfinished(folder: Path, name: str = "*") -> None:
    """Removes what a killed process left of files in ``folder`` and one level below; the folder must be this process's."""
    for pattern in (f".{name}{UNFINISHED}", f"*/.{name}{UNFINISHED}"):
        for left in folder.glob(pattern):
            left.unlink(missing_ok=True)


def json_bytes(content: Any) -> bytes:
    """What ``write_json`` writes."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def write_json(path: Path, content: Any) -> None:
    with whole(path) as unfinished:
        unfinished.write_bytes(json_bytes(content))


def write_text(path: Path, text: str) -> None:
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_json_text(text: str | bytes) -> Any:
    """The value in JSON text; raises ``ValueError`` if it is none, or if values are nested more than ``DEEPEST`` times."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"it has values nested more than {DEEPEST} times") from error
    require_shallow(found)
    return found


def require_shallow(content: Any) -> None:
    """Raises ``ValueError`` if lists and objects are nested more than ``DEEPEST`` times: what walks them would overflow."""
    level = [content]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for value in level
            if isinstance(value, (dict, list))
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise ValueError(f"it has values nested more than {DEEPEST} times")


def read_json(path: Path) -> Any:
    """The content of a JSON file in a run folder; raises ``RunError`` if the file is missing or truncated."""
    try:
        return read_json_text(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}. Is {path.parent} a run folder?") from error
    except ValueError as error:
        raise RunError(f"{path} is truncated or was edited: {error}. Run again with lcgan run.") from error


def read_lines(path: Path, most: int | None = None) -> list[dict[str, Any]]:
    """At most ``most`` rows from the start of a file by ``write_lines``, by default all.

    Raises ``RunError`` if it is missing or truncated.
    """
    try:
        with path.open(encoding="utf-8") as lines:  # str.splitlines would end them at characters that JSON leaves as they are
            return [read_json_text(line) for line in islice(lines, most)]
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or truncated: {error}. Run again with lcgan run.") from error


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, which is read again only if its size or time of modification is another."""
    found = path.stat()
    return _digest(path, found.st_mtime_ns, found.st_size)


@cache
def _digest(path: Path, modified: int, size: int) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Writes a safetensors file whose metadata are JSON values."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    written: dict[str, Tensor] = {}
    storages: set[int] = set()
    for name, tensor in tensors.items():
        mine = tensor.detach().cpu().contiguous()
        if mine.untyped_storage().data_ptr() in storages:  # safetensors rejects two views of one storage
            mine = mine.clone()
        storages.add(mine.untyped_storage().data_ptr())
        written[name] = mine
    known = json.dumps({"sha256": _checksum(written, metadata), "about": metadata}, sort_keys=True)
    with whole(path) as unfinished:
        try:
            save_file(written, unfinished, metadata={METADATA: known})
        except SafetensorError as error:  # also of a full disk
            raise OSError(errno.EIO, str(error)) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and metadata in a file by ``write_tensors``; raises ``RunError`` if it is missing or anything else."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise RunError(f"{path} is missing: the run folder is incomplete. Run again with lcgan run.")
    try:
        with safe_open(path, framework="pt") as file:
            known = json.loads((file.metadata() or {})[METADATA])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        about: dict[str, Any] = known["about"]
        if known["sha256"] != _checksum(tensors, about):
            raise ValueError("its content does not fit its checksum")
        return tensors, about
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is truncated, damaged or not a weights file: {error}. Run again with lcgan run.") from error


def _checksum(tensors: dict[str, Tensor], about: dict[str, Any]) -> str:
    from torch import uint8

    found = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        found.update(tensor.flatten().view(uint8).numpy().tobytes())
    return found.hexdigest()
