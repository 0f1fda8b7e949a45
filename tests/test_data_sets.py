"""Corpora that ``datasets`` loads by their names: here, folders of this machine."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest
from conftest import Lcgan

from lcgan_core import CorpusError
from lcgan_core.sample_kinds.corpus import load_corpus

NAMES = """---
configs:
- config_name: short
  default: true
  data_files: [{split: train, path: train.csv}, {split: test, path: test.csv}]
- config_name: long
  data_files: [{split: train, path: long.csv}]
---
"""


@pytest.fixture
def mine(run_lcgan: Lcgan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = Path("mine")
    folder.mkdir()
    (folder / "README.md").write_text(NAMES, encoding="utf-8")
    for name in ("train", "test", "long"):
        (folder / f"{name}.csv").write_text(f"text,stars\nthe {name} one,5\nanother  one,4\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("source", "first"),
    [
        ("datasets:./mine", "the train one"),
        ("datasets:mine", "the train one"),
        ("datasets:./mine#test", "the test one"),
        ("datasets:./mine:long", "the long one"),
        ("datasets:./mine:short#test[:50%]", "the test one"),
    ],
)
def test_a_name_has_a_configuration_and_a_split(mine: Path, source: str, first: str) -> None:
    assert load_corpus(Path(source)) == [first, "another one"][: 1 if "%" in source else 2]


@pytest.mark.parametrize(
    ("source", "column", "message"),
    [
        ("datasets:me/none", "text", r"^datasets:me/none cannot be loaded: .* Write datasets:NAME, datasets:NAME:CONFIG or"),
        ("datasets:./mine#dev", "text", r"^datasets:\./mine#dev cannot be loaded: .*dev"),
        ("datasets:./mine:tall", "text", r"^datasets:\./mine:tall cannot be loaded: .*tall"),
        ("datasets:./mine", "body", r"has no column 'body'; it has text, stars\. Choose with --column\.$"),
        ("datasets:./mine", "stars", r"row 1: 'stars' is int 5, not a text"),
        ("datasets:", "text", r"^datasets: cannot be loaded"),
    ],
)
def test_what_is_not_there_is_one_line(mine: Path, source: str, column: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as raised:
        load_corpus(Path(source), column)
    assert "\n" not in str(raised.value)


def test_pretrain_takes_the_name_of_a_corpus(mine: Path, run_lcgan: Lcgan) -> None:
    ran = run_lcgan("pretrain", "datasets:./mine", "--valid", "datasets:./mine#test", "--out", "model")
    assert "datasets:mine has 2 texts" in ran.stderr.replace("./", ""), "which are too few"
