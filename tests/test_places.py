"""Places and machines as they are: a full disk, no home, no terminal, few letters. Always one clear line, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from errno import EDQUOT, EIO, ENOSPC, ENOTTY, ENXIO, EROFS
from pathlib import Path
from typing import Any

import click
import pytest
from conftest import Lcgan
from test_run_folder import CONFIG

from lcgan_core.constraints.score_cache import cached_scores
from lcgan_core.plugins.listing import found_rows, kept_rows
from lcgan_core.support import files
from lcgan_core.support.cache_folder import cache_folder


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Lets the system refuse the last step of writing any file whose name has a part."""
    replace = os.replace

    def fail(part: str, code: int) -> None:
        def refused(source: Any, target: Any) -> None:
            if part in str(target):
                raise OSError(code, os.strerror(code))
            replace(source, target)

        monkeypatch.setattr(os, "replace", refused)

    return fail


@pytest.mark.usefixtures("linear_plugin")
@pytest.mark.parametrize(
    ("part", "code", "goes_on"),
    [
        ("config.json", ENOSPC, False),
        ("environment.json", EROFS, True),
        ("checkpoint", ENOSPC, True),
        ("critics/realism", EDQUOT, True),
        ("report.html", EIO, True),
        ("result.json", ENOSPC, True),
    ],
)
def test_a_run_whose_disk_refuses_says_what_is_left(
    run_lcgan: Lcgan, failing: Callable[[str, int], None], part: str, code: int, goes_on: bool
) -> None:
    Path("config.json").write_text(CONFIG.model_dump_json(), encoding="utf-8")
    failing(f"out/{part}", code)
    ran = run_lcgan("run", "--config", "config.json", "--out", "out")
    assert ran.exit_code == 1
    assert ran.stdout == ""
    assert ran.stderr.splitlines()[-1].startswith(f"Error: out/{part}")
    assert os.strerror(code) in ran.stderr
    assert ("Resume with: lcgan run --resume out" in ran.stderr) == goes_on
    assert not list(Path().rglob(f"*{files.UNFINISHED}"))
    assert Path("out").exists() == goes_on
    assert not Path("out/result.json").exists()


@pytest.mark.usefixtures("linear_plugin")
def test_what_a_full_disk_stopped_goes_on_later(run_lcgan: Lcgan, failing: Callable[[str, int], None]) -> None:
    Path("config.json").write_text(CONFIG.model_dump_json(), encoding="utf-8")
    whole = run_lcgan("run", "--config", "config.json", "--out", "whole")
    assert whole.exit_code == 0, whole.output
    for number, part in enumerate(("checkpoint", "critics/realism", "manifest")):
        failing(f"cut{number}/{part}", ENOSPC)
        assert run_lcgan("run", "--config", "config.json", "--out", f"cut{number}").exit_code == 1
        failing("nothing", ENOSPC)
        assert run_lcgan("run", "--resume", f"cut{number}").exit_code == 0
        assert Path(f"cut{number}/samples.jsonl").read_bytes() == Path("whole/samples.jsonl").read_bytes()


@pytest.mark.parametrize("code", [ENOSPC, EROFS, EIO])
def test_an_error_of_a_file_names_the_file_that_was_to_be_written(
    tmp_path: Path, failing: Callable[[str, int], None], code: int
) -> None:
    failing("samples", code)
    for write in (
        lambda: files.write_lines(tmp_path / "new" / "samples.jsonl", [{"a": 1}]),
        lambda: files.write_json(tmp_path / "samples.json", 1),
        lambda: files.write_tensors(tmp_path / "samples.safetensors", {}, {}),
    ):
        with pytest.raises(OSError, match="samples") as told:
            write()
        assert told.value.errno == code
        assert Path(told.value.filename).name.startswith("samples")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_a_home_nothing_is_cached_and_all_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    for name in ("LCGAN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FileNotFoundError, match="set LCGAN_CACHE"):
        cache_folder()
    assert kept_rows() is None
    assert found_rows()[0]["distribution"] == "lcgan-core"
    assert cached_scores("fingerprint", ["a", "b"], lambda samples: [0.5] * len(samples)) == [0.5, 0.5]


@pytest.mark.usefixtures("linear_plugin")
@pytest.mark.parametrize("code", [ENXIO, EIO, ENOTTY])
def test_labelling_without_a_terminal(run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def no_terminal() -> str:
        raise OSError(code, os.strerror(code), "/dev/tty")

    monkeypatch.setattr(click, "getchar", no_terminal)
    ran = run_lcgan("label", "mine.csv", "--model", "linear:2")
    assert ran.exit_code == 1
    assert "lcgan label needs a terminal, and there is none" in ran.stderr
    assert "mine.csv has 0 labels" in ran.stderr
    assert not Path("mine.csv").exists()


TRY = ("try", "keyword", "é → soup", "--set", "keyword.words=soup")


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, b"soup"),
        ({"PYTHONIOENCODING": "cp1252"}, b"\xe9 \\u2192 soup"),
        ({"PYTHONIOENCODING": "koi8-r"}, b"\\xe9 \\u2192 soup"),
    ],
    ids=["C", "cp1252", "koi8-r"],
)
def test_a_terminal_that_knows_few_letters(environment: dict[str, str], line: bytes) -> None:
    ran = subprocess.run([sys.executable, "-m", "lcgan_core", *TRY], env=os.environ | environment, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    assert line in ran.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_output_that_nobody_takes() -> None:
    command = [sys.executable, "-m", "lcgan_core", *TRY]
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE)
    assert ran.returncode == 1
    assert ran.stderr == b"Error: No space left on device.\n"
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert ran.returncode == 1
    assert ran.stderr == b""
