"""A folder belongs to one process while it is written, and nothing half made is left of one that died."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Lcgan

from lcgan_core import RunError
from lcgan_core.support.claim import claimed, next_claimed
from lcgan_core.support.files import whole, write_json

HOLD = """
import sys, time
from pathlib import Path
from lcgan_core.support.claim import claimed, next_claimed
with (claimed(Path(sys.argv[1])) if sys.argv[2] == "this" else next_claimed(Path(sys.argv[1]), "run")) as folder:
    (folder / "mine").write_text("made")
    print(folder, flush=True)
    time.sleep(60)
"""


@contextmanager
def another_process(folder: Path, which: str = "this") -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A process that holds the folder, or the next one in it."""
    command = [sys.executable, "-c", HOLD, folder, which]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield Path(process.stdout.readline().strip()), process
        finally:
            process.kill()


def test_a_folder_is_held_by_one_process_until_it_ends_however_it_ends(tmp_path: Path) -> None:
    with another_process(tmp_path / "out") as (_, process):
        with pytest.raises(RunError, match="Another process is writing into"), claimed(tmp_path / "out"):
            pass
        process.kill()
        process.wait()
        with claimed(tmp_path / "out") as folder:
            assert (folder / "mine").read_text() == "made"


def test_a_folder_is_held_through_a_link_and_another_way_to_write_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    with another_process(tmp_path / "out"):
        for name in ("link", "out/../out", "./out"):
            with pytest.raises(RunError, match="Another process"), claimed(Path(name)):
                pass


def test_the_next_folder_is_new_for_each_process(tmp_path: Path) -> None:
    with another_process(tmp_path / "runs", "next") as (first, _), another_process(tmp_path / "runs", "next") as (second, _):
        with next_claimed(tmp_path / "runs", "run") as third:
            (third / "mine").touch()
        assert [first.name, second.name, third.name] == ["run", "run-2", "run-3"]


def test_another_thread_waits_and_this_one_may_claim_again(tmp_path: Path) -> None:
    refused: list[Exception] = []

    def intrude() -> None:
        try:
            with claimed(tmp_path / "out"):
                pass
        except RunError as error:
            refused.append(error)

    with claimed(tmp_path / "out") as folder, claimed(folder):
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()
    assert len(refused) == 1
    intrude()
    assert len(refused) == 1


def test_nothing_is_left_of_a_folder_that_stayed_empty(tmp_path: Path) -> None:
    with claimed(tmp_path / "a" / "b" / "c"):
        assert (tmp_path / "a/b/c").is_dir()
    assert not (tmp_path / "a").exists()
    with pytest.raises(ZeroDivisionError), next_claimed(tmp_path / "runs", "run"):
        raise ZeroDivisionError
    assert not (tmp_path / "runs").exists()
    (tmp_path / "mine").mkdir()
    with claimed(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").is_dir(), "it was there before"


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "critics").mkdir()
    for path in (tmp_path / "config.json", tmp_path / "critics" / "short.safetensors", tmp_path / f"{'long' * 60}.json"):
        context = whole(path)
        unfinished = context.__enter__()
        unfinished.write_text("hal")
        assert unfinished.exists()
        del context
    write_json(tmp_path / "kept.json", 1)
    left = set(tmp_path.rglob("*unfinished"))
    with claimed(tmp_path):
        assert not any(path.exists() for path in left)
        assert (tmp_path / "kept.json").exists()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("file", "exists already and is no folder"),
        ("file/below", "Not a directory"),
        ("n" * 300, "File name too long"),
        ("sealed/out", "cannot be written"),
    ],
)
def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "file").touch()
    if place.startswith("sealed"):
        place = "/proc/out"  # nobody makes folders there
    for claim in (claimed(tmp_path / place), next_claimed((tmp_path / place).parent / "file", "x")):
        with pytest.raises(RunError, match=f"{message}|Not a directory"), claim:
            pass


@pytest.mark.usefixtures("linear_plugin")
@pytest.mark.parametrize(
    "command",
    [
        ("run", "-c", "half-space", "--model", "linear:4", "--out", "held"),
        ("run", "--resume", "held"),
        ("sample", "nowhere", "--out", "held"),
        ("edit", "nowhere", "1,2", "--out", "held"),
        ("interpolate", "nowhere", "1", "2", "--out", "held"),
        ("bench", "nowhere", "--out", "held"),
        ("curve", "labels.csv", "--judge", "half-space", "--out", "held"),
        ("pretrain", "corpus.txt", "--out", "held"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_every_command_that_writes_a_folder_claims_it(run_lcgan: Lcgan, command: tuple[str, ...]) -> None:
    Path("labels.csv").write_text("text,value\n", encoding="utf-8")
    Path("corpus.txt").write_text("a b c\n" * 100, encoding="utf-8")
    with another_process(Path("held")):
        before = sorted(path.name for path in Path("held").iterdir())
        ran = run_lcgan(*command)
        assert ran.exit_code == 1
        assert "Another process is writing into held" in ran.stderr
        assert sorted(path.name for path in Path("held").iterdir()) == before
