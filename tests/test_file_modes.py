"""Files have the modes that the user's umask gives, whoever writes them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from lcgan_core import Text
from lcgan_core.constraints.score_cache import SCORES, cached_scores
from lcgan_core.plugins.scaffold import write_plugin
from lcgan_core.support.files import write_json, write_lines, write_tensors


@pytest.fixture(params=[0o022, 0o002, 0o077, 0o027], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_every_writer_leaves_what_the_umask_leaves(tmp_path: Path, umask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new" / "folder"
    write_json(folder / "result.json", {})
    write_lines(folder / "samples.jsonl", [{}])
    write_tensors(folder / "actor.safetensors", {"weight": torch.zeros(2)}, {})
    Text().save(["good"], folder / "samples")
    monkeypatch.setenv("LCGAN_CACHE", str(folder))
    cached_scores("constraint", ["text"], lambda texts: [0.5])
    write_plugin("shouting", folder)
    found = {path.name: mode(path) for path in folder.rglob("*") if path.is_file()}
    assert {"result.json", "samples.jsonl", "actor.safetensors", SCORES, "pyproject.toml"} < found.keys()
    assert set(found.values()) == {oct(0o666 & ~umask)}
    assert mode(folder) == oct(0o777 & ~umask)


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o664])
@pytest.mark.parametrize(
    "write", [lambda path: write_json(path, {}), lambda path: write_tensors(path, {"weight": torch.zeros(2)}, {})]
)
def test_a_file_that_is_written_again_keeps_its_mode(tmp_path: Path, write: Callable[[Path], None], kept: int) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(kept)
    write(path)
    assert path.stat().st_size
    assert mode(path) == oct(kept)
