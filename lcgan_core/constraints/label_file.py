"""Label files as people have them: finds encoding, delimiter and columns; adds and removes rows without touching others."""

from __future__ import annotations

import codecs
import csv
import io
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import ConstraintError

SAMPLES = ("text", "file")
VALUES = ("value", "label")
"""Names of the columns, in any case; ``value`` is lcgan's own, and ``label`` is in the CSV exports of annotation tools."""
BOOKKEEPING = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"}
"""What Label Studio's CSV and JSON-MIN put beside the sample and the answers."""
DELIMITERS = (",", ";", "\t")
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
WORDS = {"yes": 1.0, "true": 1.0, "positive": 1.0, "no": 0.0, "false": 0.0, "negative": 0.0}


class Row(NamedTuple):
    """One labelled sample."""

    given: str
    """The text, or the path of a file, as it stands in the label file."""
    value: str
    where: str
    """The place of the row in the label file, such as ``line 2``; the header is line 1."""


class LabelFile(NamedTuple):
    """The content of a label file, and the format in which another row is to be written."""

    rows: list[Row]
    header: list[str]
    """Names of the columns; ``text`` and ``value`` if the file is new."""
    column: str | None
    """The column of the samples: ``text`` or ``file``; None if the file is new."""
    encoding: str
    delimiter: str
    newline: str
    last: int
    """Where the last row begins, in bytes."""
    end: int
    """Where the last row ends, in bytes. Half a row, left by a full disk or a crash, may follow."""
    ended: bool
    """Whether the last row has a line end."""
    damaged: int | None
    """Line of the half row that follows, if there is one."""


def read_label_file(path: Path, encoding: str | None = None) -> LabelFile:
    """The content of a label file; without rows if ``path`` does not exist or is empty.

    The encoding is UTF-8, or UTF-16 or UTF-32 with a byte order mark; any other has to be given. Half a row at the end is left
    out.

    Raises ``ConstraintError`` if it is no label file: what was found, and on which line.
    """
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}. Give a CSV file") from error
    text, cut, mark, found = decoded(path, data, encoding)
    if not text.strip():
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        return LabelFile([], [], None, found, delimiter, "\r\n", len(mark), len(mark), True, None)
    start = text.find("\n") + 1 if re.match("sep=.\r?\n", text, re.IGNORECASE) else 0  # Excel's own first line
    header, sample, value, delimiter = _header(path, text, start)
    rows: list[Row] = []
    last = end = 0
    damaged = None
    for number, (begin, ends, line, cells) in enumerate(_records(path, text, start, delimiter)):
        if number and cells != []:  # neither the header nor a blank line
            closed = ends < len(text) or (text.endswith(("\n", "\r")) and not cut)
            half = cells is None or len(cells) < len(header) or not cells[value].strip("\0 ")
            alone = not re.search("[\r\n]", text[begin:ends].rstrip("\r\n"))
            if (cells is None and alone) or (not closed and (half or cut)):
                damaged = line
                break
            rows.append(_row(path, line, cells, header, sample, value, delimiter))
            last = begin
        end = ends
    column, newline = header[sample].lower(), "\r\n" if "\r\n" in text else "\n"
    last, size = (len(mark) + len(text[:place].encode(found)) for place in (last, end))
    return LabelFile(rows, header, column, found, delimiter, newline, last, size, text[:end].endswith(("\n", "\r")), damaged)


def append_row(path: Path, column: str, given: str, value: float, encoding: str | None = None) -> None:
    """Adds a row in the format of the file, on the disk when this returns; begins the file if there is none.

    Cells of other columns stay empty; half a row at the end is replaced. If the row cannot be written whole, none of it stays,
    and ``OSError`` is raised. Raises ``ConstraintError`` if this is no label file, or its encoding lacks a character.
    """
    path = path.resolve()  # a link stays one, even to a file that is not there yet
    found = read_label_file(path, encoding)
    if found.column not in (None, column):
        raise _wrong(path, f"has its samples in the column {found.column!r}, not in {column!r}. Give another file")
    row = io.StringIO(newline="")
    writer = csv.writer(row, delimiter=found.delimiter, lineterminator=found.newline)
    header = found.header or [column, "value"]
    if not found.header:
        writer.writerow(header)
    elif not found.ended:
        row.write(found.newline)
    sample, label = _places(header)
    content = {sample: given, label: f"{value:g}"}
    writer.writerow([content.get(place, "") for place in range(len(header))])
    try:
        new = row.getvalue().encode(found.encoding)
    except UnicodeEncodeError as error:
        lacks = error.object[error.start : error.end]
        raise _wrong(path, f"is in {found.encoding}, which has no {lacks!a}. Save the file as UTF-8") from error
    existed = path.exists()
    try:
        with path.open("r+b" if existed else "xb", buffering=0) as file:
            try:
                file.truncate(found.end)
                file.seek(found.end)
                while new:
                    new = new[file.write(new) :]
                os.fsync(file.fileno())
            except BaseException:  # of a signal too
                file.truncate(found.end)
                raise
    except OSError as error:
        if not existed and path.is_file():
            path.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def remove_last_row(path: Path, found: LabelFile) -> None:
    """Removes the last row of the file that ``found`` was read from; every byte before it stays as it is."""
    os.truncate(path, found.last)


def value_of(given: str) -> float | None:
    """The value that a cell stands for, in [0, 1]: a number, with a decimal point or comma, or one of ``WORDS``; else None."""
    given = given.strip().lower()
    if given in WORDS:
        return WORDS[given]
    try:
        value = float(given.replace(",", "."))
    except ValueError:
        value = math.nan
    return value if 0 <= value <= 1 else None


def _header(path: Path, text: str, start: int) -> tuple[list[str], int, int, str]:
    """The names in the first line, the places of sample and value among them, and the delimiter with which they are found."""
    first = io.StringIO(text[start:], newline="").readline().rstrip("\r\n")
    for delimiter in DELIMITERS:
        header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
        sample, value = _places(header)
        if sample is not None and value is not None:
            return header, sample, value, delimiter
    raise _wrong(
        path,
        "is not a label file: it needs a first line 'text,value' and rows below it; for images and other samples that are "
        f"files, 'file,value'. Its first line is {first[:80]!r}",
    )


def _row(path: Path, line: int, cells: list[str] | None, header: list[str], sample: int, value: int, delimiter: str) -> Row:
    if cells is None:
        raise _wrong(path, f"line {line}: a quotation mark is opened and never closed. Close it")
    if len(cells) != len(header):
        raise _wrong(
            path,
            f"line {line} has {len(cells)} cells, and the first line has {len(header)}. "
            f"A text with {delimiter!r} in it must stand in quotation marks",
        )
    return Row(cells[sample], cells[value].strip(), f"line {line}")


def decoded(path: Path, data: bytes, given: str | None) -> tuple[str, bool, bytes, str]:
    """The text; whether it ends in half a character, in whose place is U+FFFD; the byte order mark; and the encoding.

    The encoding is what the mark says, else ``given``, else UTF-8. Raises ``ConstraintError`` if it is another.
    """
    mark, encoding = next(((mark, name) for mark, name in BOMS if data.startswith(mark)), (b"", given or "utf-8"))
    try:
        if data and codecs.lookup(encoding).name == "utf-8-sig":  # its encoder would add the mark that the file lacks
            encoding = "utf-8"
        decoder = codecs.getincrementaldecoder(encoding)()
        text = decoder.decode(data[len(mark) :])
    except LookupError as error:
        raise _wrong(path, f"cannot be read: no encoding {encoding!r}. Give one that Python knows, such as cp1252") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _wrong(
            path,
            f"line {line} is not {encoding}: byte 0x{error.object[error.start]:02x}. Save the file as UTF-8, or say what it "
            "is, such as cp1252 or latin-1: labels.encoding for a run, --encoding for lcgan label",
        ) from error
    except UnicodeError as error:  # without the mark, utf-16 and utf-32 do not say which byte is first
        raise _wrong(
            path,
            f"cannot be read as {encoding}: {error}. Save the file as UTF-8, or say which byte is first, such as utf-16-le: "
            "labels.encoding for a run, --encoding for lcgan label",
        ) from error
    if "\0" in text.rstrip("\0"):  # of UTF-16 without a mark; some file systems leave them at the end after a power cut
        raise _wrong(path, f"line {text[: text.index(chr(0))].count(chr(10)) + 1} has a NUL. Save the file as UTF-8")
    cut = bool(decoder.getstate()[0])
    return text + "\ufffd" * cut, cut, mark, encoding


def _records(path: Path, text: str, start: int, delimiter: str) -> Iterator[tuple[int, int, int, list[str] | None]]:
    """Begin, end, line and cells of each record from ``start``; None in place of cells if a quotation mark stays open."""
    begin = place = start
    line = before = text[:start].count("\n")

    def lines() -> Iterator[str]:
        nonlocal place, line
        for content in io.StringIO(text[start:], newline=""):
            place += len(content)
            line += 1
            yield content

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    while begin < len(text):
        try:
            cells: list[str] | None = next(reader, [])
        except csv.Error as error:
            if "unexpected end of data" not in str(error):
                raise _wrong(path, f"line {line}: {error}. Texts with quotation marks in them: double each mark") from error
            cells = None
        yield begin, place, before + 1, cells
        begin, before = place, line


def _places(header: list[str]) -> tuple[int | None, int | None]:
    """The columns of sample and value."""
    sample, value = _place(header, SAMPLES), _place(header, VALUES)
    if value is None and "annotation_id" in header:  # of Label Studio, which names the column after the question
        answers = [place for place, name in enumerate(header) if name not in BOOKKEEPING and place != sample]
        value = answers[0] if len(answers) == 1 else None
    return sample, value


def _place(header: list[str], names: tuple[str, ...]) -> int | None:
    """The column with the first of ``names`` that there is, in any case."""
    lower = [name.lower() for name in header]
    return next((lower.index(name) for name in names if name in lower), None)


def _wrong(path: Path, what: str) -> ConstraintError:
    return ConstraintError(f"{path} {what}.")
