"""Samples and figures as tables: CSV, JSON lines, Parquet, and data frames of pandas."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
from conftest import QUICKEST, Lcgan

from lcgan_core import RunConfig, RunError, Wish, load_run, run
from lcgan_core.runs.result import read_result
from lcgan_core.support.table_file import as_csv, write_table


@pytest.fixture
def points(linear_plugin: None, run_lcgan: Lcgan) -> Path:
    """A finished run whose samples are typed."""
    wishes = (Wish(constraint="half-space"), Wish(constraint="half-space", alias="far", options={"bound": 3}))
    run(RunConfig(model="linear:4", constraints=wishes, samples=50, gan=QUICKEST), Path("points"))
    return Path("points")


@pytest.fixture
def pictures(install: Callable[..., None], run_lcgan: Lcgan) -> Path:
    """A finished run whose samples are files."""
    install("toy-plugin", "from toy_models import *\n")
    run(RunConfig(model="arrays:1", constraints=(Wish(constraint="lighter"),), samples=50, gan=QUICKEST), Path("pictures"))
    return Path("pictures")


def test_csv_on_standard_output_has_the_samples_of_json(points: Path, run_lcgan: Lcgan) -> None:
    samples = json.loads(run_lcgan("sample", points, "-n", "3", "--json").stdout)["samples"]
    rows = list(csv.DictReader(io.StringIO(run_lcgan("sample", points, "-n", "3", "--csv").stdout)))
    assert rows == [{"text": sample} for sample in samples]
    assert "Give one of --csv and --json" in run_lcgan("sample", points, "--csv", "--json").stderr


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("drawn.csv", pandas.read_csv),
        ("drawn.jsonl", lambda file: pandas.read_json(file, lines=True)),
        ("new/drawn.PARQUET", pandas.read_parquet),
    ],
)
def test_a_table_holds_the_samples(points: Path, run_lcgan: Lcgan, name: str, read: Callable[[str], pandas.DataFrame]) -> None:
    printed = run_lcgan("sample", points, "-n", "3", "--out", name).stdout.splitlines()
    table = read(name)
    assert list(table.columns) == ["text"]
    assert list(table["text"]) == printed
    assert len(printed) == 3
    assert sorted(path.name for path in Path(name).parent.iterdir() if path.suffix) == [Path(name).name]
    again = run_lcgan("sample", points, "--out", name)
    assert again.exit_code == 2
    assert f"--out {name} already exists. Give another file." in again.stderr
    refused = run_lcgan("sample", points, "--out", "samples.txt")
    assert refused.exit_code == 2
    assert "would be a folder" in refused.stderr
    assert not Path("samples.txt").exists()
    assert "is the name of a table" in run_lcgan("edit", points, "0,0,0,0", "--out", "edits.csv").stderr


def test_samples_that_are_files_stand_beside_their_table(pictures: Path, run_lcgan: Lcgan) -> None:
    drawn = run_lcgan("sample", pictures, "-n", "3", "--out", "tables/drawn.csv", "--csv")
    table = pandas.read_csv("tables/drawn.csv")
    assert list(table["file"]) == ["drawn/0001.png", "drawn/0002.png", "drawn/0003.png"]
    kind = load_run(pictures).model.sample_kind
    assert [kind.key(kind.parse(file, Path("tables"))) for file in table["file"]] == [
        kind.key(sample) for sample in load_run(pictures).sample(3)
    ]
    assert drawn.stdout.splitlines() == ["file", *(f"tables/{file}" for file in table["file"])]
    Path("tables/drawn.csv").unlink()
    assert "--out tables/drawn already exists" in run_lcgan("sample", pictures, "--out", "tables/drawn.csv").stderr
    assert "--csv needs --out here" in run_lcgan("sample", pictures, "--csv").stderr


def test_csv_quotes_what_would_end_a_cell(tmp_path: Path) -> None:
    rows = [{"text": 'a "quoted", comma\nand a line', "value": 0.5}]
    assert list(csv.reader(io.StringIO(as_csv(rows)))) == [["text", "value"], ['a "quoted", comma\nand a line', "0.5"]]
    write_table(tmp_path / "t.parquet", rows)
    assert pandas.read_parquet(tmp_path / "t.parquet").to_dict("records") == rows


def test_parquet_and_data_frames_say_which_extra_they_need(
    points: Path, run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    ran = run_lcgan("sample", points, "--out", "drawn.parquet")
    assert ran.stderr == "Error: Writing Parquet needs pyarrow: pip install 'lcgan-core[tables]'.\n"
    assert not Path("drawn.parquet").exists()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(RunError, match=r"^A data frame needs pandas: pip install 'lcgan-core\[tables\]'\.$"):
        read_result(points).to_pandas()


def test_a_run_is_a_data_frame_of_its_samples_and_its_result_one_of_its_figures(points: Path) -> None:
    finished = load_run(points)
    samples = finished.to_pandas()
    columns = ["before", "after", "half-space_before", "half-space_after", "far_before", "far_after"]
    assert list(samples.columns) == columns
    assert len(samples) == 50
    first = [float(point.split(",")[0]) > 3 for point in samples["after"]]
    assert list(samples["far_after"] == 1) == first

    result = finished.result
    assert result
    figures = result.to_pandas().set_index(["figure", "samples"])
    assert figures.loc[("far", "actor"), "value"] == result.constraints["far"].actor.value
    assert figures.loc[("all of them", "prior"), "low"] == result.all.prior.interval[0]
    assert set(figures.index.get_level_values("figure")) == {"half-space", "far", "all of them"}


def test_figures_of_quality_and_memory_are_rows_too(points: Path) -> None:
    content = read_result(points).model_dump()
    content["quality"] = {"naturalness": {"greater_is_better": True, "prior": 0.5, "actor": 0.75}}
    content["memory"] = {"actor": {"remembered": {"share": 0.1, "expected": None}}}
    figures = type(read_result(points)).model_validate(content).to_pandas().set_index(["figure", "samples"])["value"]
    assert figures["naturalness", "actor"] == 0.75
    assert figures["remembered", "actor"] == 0.1
    assert figures.isna()["naturalness", "reference"]


def test_samples_that_were_edited_since_are_not_read(points: Path) -> None:
    (points / "samples.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match=r"samples\.jsonl is not as lcgan run wrote it"):
        load_run(points).to_pandas()
