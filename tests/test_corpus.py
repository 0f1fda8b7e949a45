"""A corpus is the file that its path names, whatever the characters in it."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from lcgan_core import CorpusError
from lcgan_core.sample_kinds.corpus import load_corpus


@pytest.mark.parametrize(
    "name",
    ["all?.txt", "**.csv", "{a,b}.jsonl", "a::b::c.txt.gz", "[!x].txt", "zip::c.csv", "hf:c.txt", "#1.jsonl"],
)
def test_no_character_in_a_name_is_a_pattern(tmp_path: Path, name: str) -> None:
    for near in ("all1", "a", "b", "ab", "c", "y"):  # what a pattern would match
        for suffix in (".txt", ".csv", ".jsonl"):
            (tmp_path / f"{near}{suffix}").write_text('{"text": "private"}\n' if suffix == ".jsonl" else "text\nprivate\n")
    text = json.dumps({"text": "mine"}) + "\n" if ".jsonl" in name else "text\nmine\n" if ".csv" in name else "mine\n"
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    assert load_corpus(tmp_path / name) == ["mine"]


@pytest.mark.parametrize("folder", ["data[1]", "a*", "x::y"])
def test_nor_in_the_name_of_a_folder(tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (folder, "data1", "ab"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "c.txt").write_text(f"{place}\n")
    monkeypatch.chdir(tmp_path)
    assert load_corpus(Path(folder, "c.txt")) == [folder]


def test_a_pattern_names_no_file(tmp_path: Path) -> None:
    (tmp_path / "r1.txt").write_text("good\n")
    for pattern in ("r*.txt", "r?.txt", "r[0-9].txt"):
        with pytest.raises(CorpusError, match="No corpus at"):
            load_corpus(tmp_path / pattern)


def test_a_file_is_read_anew_and_no_copy_of_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caches = tmp_path / "caches"
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", caches)
    monkeypatch.setattr("tempfile.tempdir", str(caches))
    caches.mkdir()
    for text in ("one", "two"):
        (tmp_path / "c.txt").write_text(text)
        assert load_corpus(tmp_path / "c.txt") == [text]
    assert not list(caches.iterdir())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"text": "x"}\n{"text": {"de": "y"}}\n', r"row 2: 'text' is dict {'de': 'y'}, not a text"),
        ("b.jsonl", '{"text": ["x", "y"]}\n', r"row 1: 'text' is list \['x', 'y'\], not a text"),
        ("c.json", '[{"text": "x"}, {"text": [{"a": 1}]}]', r"row 2: 'text' is list"),
        ("d.jsonl", '{"text": true}\n', "row 1: 'text' is bool True, not a text"),
        ("e.jsonl", '{"text": 1.50}\n', "row 1: 'text' is float 1.5, not a text"),
        ("f.jsonl", '{"text": "2024-01-01"}\n{"text": "2024-12-31"}\n', "row 1: 'text' is datetime"),
    ],
)
def test_a_cell_that_is_no_text_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        load_corpus(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le with its mark"])
def test_a_byte_order_mark_is_no_part_of_the_first_text(tmp_path: Path, encoding: str) -> None:
    texts = ["äh one", "two \u2028 of\x0ctwo", "three"]
    for suffix, content in (
        (".txt", "\n".join(texts)),
        (".csv", "\n".join(["text", *texts])),
        (".tsv", "\r\n".join(["text", *texts])),
    ):
        data = content.encode(encoding) if " " not in encoding else b"\xff\xfe" + content.encode("utf-16-le")
        (tmp_path / f"mine{suffix}").write_bytes(data)
        (tmp_path / f"mine{suffix}.gz").write_bytes(gzip.compress(data))
        for ending in ("", ".gz"):
            assert load_corpus(tmp_path / f"mine{suffix}{ending}") == ["äh one", "two of two", "three"]


@pytest.mark.parametrize("content", [b"PK\x03\x04{{{", b"\x1f\x8bnot gzip", b"\x28\xb5\x2f\xfdxx", b"BZh9", b"\xfd7zXZ\x00"])
@pytest.mark.parametrize("name", ["c.csv", "c.jsonl", "c.parquet", "c.tsv"])
def test_files_that_are_something_else(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=re.escape(str(tmp_path / name))):
        load_corpus(tmp_path / name)
