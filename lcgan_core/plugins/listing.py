"""``lcgan plugins``: what is installed, what it provides, and what is wrong with it.

Finding that out means importing every plugin, so the answer is cached and reused until a file that it depends on changes. For
the same reason, this module imports nothing slow: a second listing takes about as long as ``--help``.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..sources import files_of
from ..support.cache_folder import cache_folder

LISTING = "plugins.json"


def kept_rows() -> list[dict[str, Any]] | None:
    """The rows of the last ``found_rows``; None if anything has changed since."""
    try:
        kept = json.loads((cache_folder() / LISTING).read_text(encoding="utf-8"))
        return kept["rows"] if kept["stamp"] == json.dumps(_stamp()) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def found_rows() -> list[dict[str, Any]]:
    """One row for each plugin: distribution, version, module, status, reason, traceback, constraints, kinds of sample, and
    whether it has latent models (not which: those classes import torch). Loads all plugins."""
    from ..support.files import write_json
    from .discovery import plugins, registered

    rows = []
    for plugin in plugins():
        constraints, kinds = (list(registered(plugin, f"register_{what}")) for what in ("constraints", "sample_kinds"))
        hooks = plugin.manager.hook if plugin.manager else None
        rows.append(
            {
                "distribution": plugin.distribution,
                "version": plugin.version,
                "module": plugin.module,
                "status": plugin.status,
                "reason": plugin.problem,
                "trace": plugin.trace,
                "constraints": constraints,
                "sample_kinds": kinds,
                "latent_models": bool(hooks and hooks.register_latent_models.get_hookimpls()),
            }
        )
    if any(row["reason"] for row in rows):  # a plugin may be broken, and repaired, by any file: do not cache
        return rows
    with contextlib.suppress(OSError):  # without a writable home, listing is slower but not wrong
        write_json(cache_folder() / LISTING, {"stamp": json.dumps(_stamp()), "rows": rows})
    return rows


def as_text(rows: list[dict[str, Any]], as_json: bool, verbose: bool = False) -> str:
    """A line for each plugin; ``verbose`` adds the module, and the traceback of a broken plugin."""
    if as_json:
        return json.dumps(rows) + "\n"
    cells = [("plugin", "version", "status", "provides, or what is wrong")]
    for row in rows:
        kinds = [f"samples: {kind}" for kind in row["sample_kinds"]]
        brings = [*row["constraints"], *(["a latent model"] if row["latent_models"] else []), *kinds]
        cells.append((row["distribution"], row["version"], row["status"], row["reason"] or ", ".join(brings)))
    widths = [max(len(cell[column]) for cell in cells) for column in range(3)]
    lines = ["  ".join([*map(str.ljust, cell, widths), cell[3]]).rstrip() for cell in cells]
    if verbose:
        lines[1:] = [
            "\n".join([line, f"    module {row['module']}", *(f"    {traced}" for traced in row["trace"].splitlines())])
            for line, row in zip(lines[1:], rows, strict=True)
        ]
    return "\n".join(lines) + "\n"


def _stamp() -> list[Any]:
    """Everything that the listing depends on: the search path, the switch, and when each plugin's files were last changed."""
    paths = [(path, _changed(Path(path or "."))) for path in sys.path]
    modules = {"lcgan_core", *(_module_of(point.value).partition(".")[0] for point in entry_points(group="lcgan"))}
    return [sys.version, os.environ.get("LCGAN_PLUGINS"), paths, [(name, _files_of(name)) for name in sorted(modules)]]


def _module_of(value: str) -> str:
    """The module that an entry point names; ``EntryPoint.module`` fails if the entry is malformed."""
    return value.partition(":")[0].partition("[")[0].strip()


def _files_of(module: str) -> list[Any]:
    try:
        spec = find_spec(module)
    except Exception:  # a malformed name, or whatever an import hook raises
        return []
    if spec is None:
        return []
    folders = spec.submodule_search_locations
    if folders is None:
        used = files_of(Path(spec.origin)) if spec.origin and spec.origin.endswith(".py") else []
        return [spec.origin, *((str(file), _changed(file)) for file in used)]
    return sorted(
        (os.path.join(folder, file), _changed(Path(folder, file)))
        for top in folders
        for folder, _, files in os.walk(top)
        for file in files
        if file.endswith(".py")
    )


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
