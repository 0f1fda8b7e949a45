"""Imports of lcgan_core point one way: each room uses those before it, never one after it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import lcgan_core

CORE = Path(lcgan_core.__file__).parent
CONTRACTS = [
    "constraint",
    "errors",
    "figures",
    "hookspecs",
    "latent_model",
    "options",
    "recipe",
    "sample_kinds",
    "sources",
    "testing",
    "visible",
]
ROOMS = ["support", "constraints", "engine", "models", "plugins", "runs", "tools", "cli"]
"""From the lowest to the highest, above the contracts."""
ENTRIES = ("__init__.py", "__main__.py")
"""What hands out names of every room, at their first use."""
FILES = sorted(path for path in CORE.rglob("*.py") if path.relative_to(CORE).as_posix() not in ENTRIES)


def height(parts: list[str]) -> int:
    """How high in the house a module below ``lcgan_core`` is; 0 is a contract."""
    return 0 if parts[0] in CONTRACTS else 1 + ROOMS.index(parts[0])


def imported(file: Path) -> Iterator[list[str]]:
    """The modules below ``lcgan_core`` that ``file`` imports anywhere, for types alone too, as their parts."""
    package = ["lcgan_core", *file.relative_to(CORE).parent.parts]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = package[: len(package) + 1 - node.level] if node.level else []
            origin = origin + (node.module.split(".") if node.module else [])
            names = [[*origin, alias.name] for alias in node.names]
        else:
            continue
        yield from (parts[1:] for parts in names if parts[0] == "lcgan_core")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(CORE).as_posix())
def test_no_import_runs_upward(file: Path) -> None:
    mine = height([*file.relative_to(CORE).with_suffix("").parts])
    above = [".".join(parts) for parts in imported(file) if height(parts) > mine]
    assert not above, f"{file.relative_to(CORE)} imports {', '.join(above)} from above. From low to high: {' '.join(ROOMS)}."


def test_every_room_is_there() -> None:
    folders = {path.name for path in CORE.iterdir() if (path / "__init__.py").is_file()}
    assert folders == {*ROOMS, "sample_kinds", "testing"}
    assert {path.stem for path in CORE.glob("*.py")} - {"__init__", "__main__"} == {*CONTRACTS} - folders
