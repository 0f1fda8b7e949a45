"""Without an extra, whatever needs it says so in one line with the command that installs it; the rest needs none of them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModelForCausalLM

from lcgan_core.errors import RunError, SampleError
from lcgan_core.sample_kinds.images import Images
from lcgan_core.support.pretrained import load_pretrained

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BLOCKED = ("datasets", "accelerate", "sklearn", "torchdiffeq", "gradio", "PIL", "pandas", "pyarrow", "tensorboard")

WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({BLOCKED!r}))  # to import one is an ImportError
from lcgan_core.__main__ import main
main()
"""


def lcgan(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pretrain", "c.txt", "--out", "m"), "lcgan pretrain needs datasets: pip install 'lcgan-core[pretrain]'."),
        (("label", "l.csv", "--from", "c.txt"), "Reading a file of texts needs datasets: pip install 'lcgan-core[pretrain]'."),
        (("check",), "lcgan check needs sklearn: pip install 'lcgan-core[bench]'."),
        (("bench", "."), "lcgan bench needs sklearn: pip install 'lcgan-core[bench]'."),
        (
            ("run", "-c", "length", "--tracker", "tensorboard"),
            "Tracking with tensorboard needs accelerate: pip install 'lcgan-core[track]'.",
        ),
        (("sample", ".", "--out", "t.parquet"), "Writing Parquet needs pyarrow: pip install 'lcgan-core[tables]'."),
        (("studio", "l.csv"), "lcgan studio needs gradio: pip install 'lcgan-core[studio]'."),
    ],
)
def test_a_missing_extra_is_one_line_with_the_command(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "c.txt").write_text("good food .\n", encoding="utf-8")
    ran = lcgan(tmp_path, *arguments)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == f"Error: {message}"
    assert ran.stdout == ""


def test_images_without_pillow_are_one_line_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    for asked in (lambda: Images().read(tmp_path / "a.png"), lambda: Images().html(np.zeros((2, 2), np.uint8))):
        with pytest.raises(SampleError, match=r"^Images need PIL: pip install 'lcgan-core\[images\]'\.$"):
            asked()


QUICK = [
    part
    for setting in ("rounds=1", "iterations=5", "pretraining_batches=5", "posterior_labels=500", "start_labels=100")
    for part in ("--set", f"gan.{setting}")
]


def test_the_first_command_needs_no_extra(tmp_path: Path) -> None:
    loose = ("--set", "gan.actor_labels=100", "--set", "gan.max_drift=1000", "--set", "gan.min_unique=0")
    ran = lcgan(tmp_path, "run", "--constraint", "length", "--samples", "50", *QUICK, *loose)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "runs" / "length" / "result.json").is_file()


def test_every_extra_that_a_message_names_is_one_of_the_project() -> None:
    extras = PROJECT["optional-dependencies"]
    assert {"pretrain", "bench", "studio", "images", "tables", "track", "docs", "test"} <= set(extras)
    core = " ".join(PROJECT["dependencies"])
    optional = {"datasets", "accelerate", "scikit-learn", "torchdiffeq", "gradio", "pillow", "pandas", "pyarrow", "tensorboard"}
    assert not {name for name in optional if name in core}


def test_a_gguf_file_without_its_reader_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(RunError, match=r"^A \.gguf file needs gguf: pip install 'lcgan-core\[pretrain\]'\.$"):
        load_pretrained(AutoModelForCausalLM, "causal language model", "model.gguf", "cpu")
