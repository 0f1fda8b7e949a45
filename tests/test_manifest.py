"""Every file of a folder is known by its hash: of what was damaged or edited, one line tells before it is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lcgan_core import ModelError
from lcgan_core.support.manifest import MANIFEST, check_files, write_manifest


def check(folder: Path, *names: str) -> None:
    check_files(folder, names, ModelError, "lcgan pretrain", "Train it again.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "critics").mkdir()
    for name in ("config.json", "latents.safetensors", "critics/model.safetensors", "critics/config.json"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    (tmp_path / "checkpoint").touch()
    write_manifest(tmp_path, {"measured.json": b"last"}, leave_out={"checkpoint"})
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "measured.json").write_bytes(b"last")
    return tmp_path


def test_a_whole_folder_passes_and_other_files_in_it_do_not_matter(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    check(folder, "*")
    check(folder, "config.json", "critics/*", "memory*")
    assert list(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))) == [
        "config.json",
        "critics/config.json",
        "critics/model.safetensors",
        "latents.safetensors",
        "measured.json",
    ]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes() + b"\n"),
        Path.unlink,
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["a bit", "cut", "empty", "longer", "gone", "a folder"],
)
@pytest.mark.parametrize("name", ["latents.safetensors", "critics/model.safetensors", "measured.json"])
def test_every_kind_of_damage_is_told_with_the_file(folder: Path, damage: Callable[[Path], object], name: str) -> None:
    damage(folder / name)
    with pytest.raises(ModelError) as told:
        check(folder, "*")
    assert str(folder / name) in str(told.value)
    assert "\n" not in str(told.value)
    assert str(told.value).endswith("Train it again.")
    check(folder, "config.json"), "the rest is still known to be whole"


@pytest.mark.parametrize(
    "content", ["", "[]", "{", "[" * 100_000, '"text"', "{}", '{"config.json": 3}', '{"config.json": "0"}']
)
def test_a_damaged_manifest_vouches_for_nothing(folder: Path, content: str) -> None:
    (folder / MANIFEST).write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"manifest\.json is damaged|config\.json is not as lcgan pretrain wrote it"):
        check(folder, "config.json")


def test_no_manifest_at_all(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        check(folder, "config.json")
