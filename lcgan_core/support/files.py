"""Writes files whole or not at all, and reads them back with clear errors: JSON, JSON lines, safetensors."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RunError

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path to write to. It replaces ``path`` only when writing is complete, so a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    with whole(path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    with whole(path) as unfinished:
        unfinished.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read_json(path: Path) -> Any:
    """The content of a JSON file in a run folder; raises ``RunError`` if the file is missing or truncated."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}. Is {path.parent} a run folder?") from error
    except ValueError as error:
        raise RunError(f"{path} is truncated or was edited: {error}. Run again with lcgan run.") from error


def read_lines(path: Path, most: int) -> list[dict[str, Any]]:
    """At most ``most`` rows from the start of a file by ``write_lines``; raises ``RunError`` if it is missing or truncated."""
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[:most]]
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or truncated: {error}. Run again with lcgan run.") from error


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Writes a safetensors file whose metadata are JSON values."""
    from safetensors.torch import save_file

    written: dict[str, Tensor] = {}
    storages: set[int] = set()
    for name, tensor in tensors.items():
        mine = tensor.detach().cpu().contiguous()
        if mine.untyped_storage().data_ptr() in storages:  # safetensors rejects two views of one storage
            mine = mine.clone()
        storages.add(mine.untyped_storage().data_ptr())
        written[name] = mine
    with whole(path) as unfinished:
        save_file(written, unfinished, metadata={name: json.dumps(value) for name, value in metadata.items()})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and metadata in a file by ``write_tensors``; raises ``RunError`` if it is missing or anything else."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise RunError(f"{path} is missing: the run folder is incomplete. Run again with lcgan run.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path} is truncated or not a weights file: {error}. Run again with lcgan run.") from error
