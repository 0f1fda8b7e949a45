"""Label files as people have them: read by column name, added to in their own format, and never lost."""

from __future__ import annotations

import codecs
import logging
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import sentences

from lcgan_core import ConstraintError
from lcgan_core.cli import lcgan
from lcgan_core.constraints.from_labels import Labels
from lcgan_core.constraints.label_file import append_row, read_label_file, remove_last_row, value_of
from lcgan_core.plugins.discovery import load_latent_model
from lcgan_core.tools.questions import QuestionSession, only_one

PLAIN = "text,value\na,1\nb,0\n"
FORMATS = {
    "other columns before and after": b"id,Text,who,VALUE,note\n1,a,me,1,\n2,b,you,0,x\n",
    "other order": b"value,text\n1,a\n0,b\n",
    "semicolons and Windows line ends": b"text;value\r\na;1\r\nb;0,0\r\n",
    "tabs": b"value\ttext\n1\ta\n0\tb\n",
    "no final line end": PLAIN[:-1].encode(),
    "mark of UTF-8": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-32": PLAIN.encode("utf-32"),
    "Excel's sep line": b"sep=;\r\nvalue;text\r\n1;a\r\n0;b\r\n",
    "old Mac line ends": b"text,value\ra,1\rb,0\r",
    "blank lines": b"text,value\n\na,1\n\nb,0\n\n",
    "quoted names, a label column of an annotation tool": b'"id","text","label"\n7,"a","positive"\n8,"b","NEGATIVE"\n',
    "words": b"text,value\na,Yes\nb,FALSE\n",
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_is_added_and_removed_in_the_format_that_is_there(tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(FORMATS[name])
    append_row(file, "text", 'she said "no; thanks",\tÅsa', 0.25)
    assert file.read_bytes().startswith(FORMATS[name])
    found = read_label_file(file)
    assert [(row.given, value_of(row.value)) for row in found.rows] == [
        ("a", 1),
        ("b", 0),
        ('she said "no; thanks",\tÅsa', 0.25),
    ]
    remove_last_row(file, found)
    assert file.read_bytes().rstrip(b"\r\n\0") == FORMATS[name].rstrip(b"\r\n\0")
    assert [row.given for row in read_label_file(file).rows] == ["a", "b"]


def test_other_encodings_are_asked_for_by_line_and_kept(tmp_path: Path) -> None:
    for encoding in ("cp1252", "latin-1", "cp1250"):
        file = tmp_path / f"{encoding}.csv"
        file.write_bytes("text,value\nplain,1\nähnlich,0\n".encode(encoding))
        with pytest.raises(ConstraintError, match=r"line 3 is not utf-8: byte 0xe4.*labels\.encoding.*--encoding"):
            read_label_file(file)
        append_row(file, "text", "Österreich", 1.0, encoding)
        assert file.read_bytes().decode(encoding).splitlines() == ["text,value", "plain,1", "ähnlich,0", "Österreich,1"]
        before = file.read_bytes()
        with pytest.raises(ConstraintError, match=f"is in {encoding}, which has no"):
            append_row(file, "text", "日本", 1.0, encoding)
        assert file.read_bytes() == before
    for encoding in ("utf-16", "utf-32"):
        file = tmp_path / f"{encoding}.csv"
        file.write_bytes(PLAIN.encode(f"{encoding}-le"))
        with pytest.raises(ConstraintError, match=f"cannot be read as {encoding}: .*BOM.*such as utf-16-le: .*--encoding"):
            append_row(file, "text", "c", 1.0, encoding)
        assert file.read_bytes() == PLAIN.encode(f"{encoding}-le")
        append_row(file, "text", "c", 1.0, f"{encoding}-le")
        assert file.read_bytes() == (PLAIN + "c,1\n").encode(f"{encoding}-le")
    with pytest.raises(ConstraintError, match="no encoding 'klingon'"):
        read_label_file(file, "klingon")
    (tmp_path / "unmarked.csv").write_bytes(PLAIN.encode("utf-16-le"))
    with pytest.raises(ConstraintError, match="line 1 has a NUL"):
        read_label_file(tmp_path / "unmarked.csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "UTF_8_SIG", "utf-16", "utf-32"])
def test_a_mark_is_written_at_the_start_of_a_new_file_alone(tmp_path: Path, encoding: str) -> None:
    new, unmarked = tmp_path / "new.csv", tmp_path / "unmarked.csv"
    for text in ("ä", "b", "c"):
        append_row(new, "text", text, 1.0, encoding)
    assert new.read_bytes() == "text,value\r\nä,1\r\nb,1\r\nc,1\r\n".encode(encoding)
    if codecs.lookup(encoding).name == "utf-8-sig":
        unmarked.write_bytes(PLAIN.encode())
        append_row(unmarked, "text", "c", 1.0, encoding)
        assert unmarked.read_bytes() == (PLAIN + "c,1\n").encode()
        remove_last_row(unmarked, read_label_file(unmarked, encoding))
        assert unmarked.read_bytes() == PLAIN.encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,value\na,1\nb, c,0\nd,1\n", r"line 3 has 3 cells, and the first line has 2.*','.*quotation marks"),
        ('text,value\n"two\nlines",1\nb\nd,1\n', "line 4 has 1 cells"),
        ('text,value\na,1\n"b,0\nd,1\ne,1\n', "line 3: a quotation mark is opened and never closed"),
        ('text,value\na,1\n"b"c,0\nd,1\n', "line 3: .*double each mark"),
        ("txt,value\na,1\n", "needs a first line 'text,value'.*Its first line is 'txt,value'"),
        ("a,1\nb,0\n", "Its first line is 'a,1'"),
    ],
)
def test_an_error_says_what_was_found_and_where(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(content, encoding="utf-8")
    for attempt in (lambda: read_label_file(file), lambda: append_row(file, "text", "new", 1.0)):
        with pytest.raises(ConstraintError, match=message):
            attempt()
    assert file.read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    "half",
    ["c", "c,", '"c, and', '"c""', '"c\n', "\0\0\0\0", "ü".encode()[:1], b"c,\xe6\x97"],
    ids=["text", "comma", "open", "mark", "line", "nul", "byte", "bytes"],
)
def test_half_a_row_at_the_end_costs_that_row_alone(tmp_path: Path, half: str | bytes) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(PLAIN.encode() + (half.encode() if isinstance(half, str) else half))
    found = read_label_file(file)
    assert found.damaged == 4
    assert [row.given for row in found.rows] == ["a", "b"]
    append_row(file, "text", "d", 1.0)
    assert file.read_text(encoding="utf-8") == PLAIN + "d,1\n"


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file grows beyond ``size`` bytes: as on a full disk, a write stops where it is."""
    handler, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("content", [PLAIN, PLAIN[:-1], "value;text\n1;a\n", PLAIN + "x" * 400 + ",1\n"])
@pytest.mark.parametrize("room", [0, 1, 9, 20])
def test_a_row_that_the_disk_does_not_hold_is_rolled_back(tmp_path: Path, content: str, room: int) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(content, encoding="utf-8")
    with disk_of(len(content) + room), pytest.raises(OSError, match=r"mine\.csv"):
        append_row(file, "text", "a text longer than what is left", 1.0)
    assert file.read_text(encoding="utf-8") == content
    new = tmp_path / "new.csv"
    with disk_of(room), pytest.raises(OSError, match=r"new\.csv"):
        append_row(new, "text", "a text longer than what is left", 1.0)
    assert not new.exists()


def test_link_mode_and_name_stay(tmp_path: Path) -> None:
    real, places = tmp_path / "data" / "real.CSV", [tmp_path / name for name in ("link.csv", "link2.csv", "hard.csv")]
    real.parent.mkdir()
    real.write_text(PLAIN, encoding="utf-8")
    real.chmod(0o600)
    places[0].symlink_to(real)
    places[1].symlink_to(places[0])
    places[2].hardlink_to(real)
    for place in places:
        append_row(place, "text", "c", 0.333333333)
        remove_last_row(place, read_label_file(place))
        append_row(place, "text", place.name, 1.0)
    assert real.read_text(encoding="utf-8") == PLAIN + "".join(f"{place.name},1\n" for place in places)
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert places[0].is_symlink()
    assert places[1].is_symlink()
    dangling = tmp_path / "later.csv"
    dangling.symlink_to(tmp_path / "data" / "later.csv")
    append_row(dangling, "text", "c", 1.0)
    assert dangling.is_symlink()
    assert len(read_label_file(tmp_path / "data" / "later.csv").rows) == 1


def test_the_lock_holds_through_links(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file = tmp_path / "there" / "mine.csv"
    file.write_text(PLAIN, encoding="utf-8")
    (tmp_path / "folder").symlink_to(tmp_path / "there")
    (tmp_path / "link.csv").symlink_to(file)
    (tmp_path / "again.csv").symlink_to(tmp_path / "link.csv")
    for other in (tmp_path / "link.csv", tmp_path / "folder" / "mine.csv", tmp_path / "again.csv"):
        with only_one(file), pytest.raises(ConstraintError, match="Another process is adding labels"), only_one(other):
            pass


def test_what_is_no_file_is_refused_and_nothing_left(tmp_path: Path) -> None:
    inside = tmp_path / "folder"
    inside.mkdir()
    (tmp_path / "link").symlink_to(inside)
    for place in (inside, tmp_path / "link", Path("/dev/null")):
        ran = CliRunner().invoke(lcgan, ["label", str(place)])
        assert ran.exit_code == 1
        assert "is a folder or a device" in ran.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "link"]


def test_a_session_keeps_what_others_wrote(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    content = "id;value;text;note\n1;0,123456789;old;keep me\n"
    file.write_text(content, encoding="utf-8")
    session = QuestionSession(file, load_latent_model(str(tiny_model)))
    assert session.answers == [("old", 0.123456789)]
    asked = session.question()
    session.answer(1.0)
    assert session.undo() == asked
    assert file.read_text(encoding="utf-8") == content
    session.answer(0.0)
    edited = file.read_text(encoding="utf-8") + "9;1;by hand;\n"
    file.write_text(edited, encoding="utf-8")
    with pytest.raises(ConstraintError, match="edited meanwhile"):
        session.undo()
    assert file.read_text(encoding="utf-8") == edited


def test_labels_are_learned_from_the_formats_alike(tmp_path: Path) -> None:
    rows = [(text, number % 2) for number, text in enumerate(dict.fromkeys(sentences()))][:40]
    plain = tmp_path / "plain.csv"
    plain.write_text("text,value\n" + "".join(f"{text},{value}\n" for text, value in rows), encoding="utf-8")
    others = {
        "words.CSV": ("label;who;TEXT\n" + "".join(f"{('no', 'Yes')[value]};x;{text}\n" for text, value in rows), "utf-16"),
        "tabs.tsv": ("text\tvalue\n" + "".join(f"{text}\t{('false', 'true')[value]}\n" for text, value in rows), "utf-8-sig"),
        "old.txt": ("value,text\n" + "".join(f"{value}.0,{text}\n" for text, value in rows), "cp1252"),
    }
    for name, (content, encoding) in others.items():
        file = tmp_path / name
        file.write_bytes(content.encode(encoding))
        found = Labels(file=file, encoding=encoding if encoding == "cp1252" else None)
        assert found.rows == Labels(file=plain).rows
        assert found.fingerprint == Labels(file=plain).fingerprint


@pytest.mark.parametrize("blank", ["", "   ", "\t", "\u00a0"])
def test_rows_without_a_text_are_left_out_and_told(tmp_path: Path, blank: str, caplog: pytest.LogCaptureFixture) -> None:
    rows = [(f"text {number}", number % 2) for number in range(20)]
    file = tmp_path / "mine.csv"
    for place, (text, value) in enumerate(rows):
        append_row(file, "text", text, value)
        if place in (3, 5):
            append_row(file, "text", blank, 1.0)
    with caplog.at_level(logging.WARNING):
        assert Labels(file=file).rows == rows
    assert "rows without a text are left out: line 6, line 9." in caplog.text
