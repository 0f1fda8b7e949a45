"""``run(..., progress=True)`` shows a bar for each stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import QUICKEST, Lcgan, killed_after_a_round

from lcgan_core import RunConfig, Wish, run
from lcgan_core.runs.pipeline import resume
from lcgan_core.support.progress_bar import progress_bars

CONFIG = RunConfig(
    model="linear:4",
    constraints=(Wish(constraint="half-space"),),
    samples=50,
    gan=QUICKEST.model_copy(update={"rounds": 2}),
)


def test_a_bar_for_each_stage_ends_full(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as on_progress:
        for what, share in (("labels", 0.0), ("labels", 0.5), ("actor", 0.9), ("labels", 0.1)):
            on_progress(what, share)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.replace("\n", "\r").split("\r")
    for stage in ("labels", "actor"):
        assert any(line.startswith(f"{stage}:   0%") for line in lines)
        assert any(line.startswith(f"{stage}: 100%") for line in lines)


def test_a_bar_of_what_failed_does_not_end_full(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(on_progress: Callable[[str, float], None]) -> None:
        on_progress("labels", 0.5)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), progress_bars() as on_progress:
        broken(on_progress)
    assert "100%" not in capsys.readouterr().err


def test_run_and_resume_show_them_if_asked(linear_plugin: None, run_lcgan: Lcgan, capsys: pytest.CaptureFixture[str]) -> None:
    run(CONFIG, Path("quiet"))
    assert capsys.readouterr() == ("", "")
    with killed_after_a_round():
        run(CONFIG, Path("run"), progress=True)
    assert "model:" in capsys.readouterr().err
    resume(Path("run"), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "evaluation: 100%" in err
