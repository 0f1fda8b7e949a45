"""Exports of annotation tools as rows of labels: JSON and JSON lines of Label Studio, Argilla and doccano."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConstraintError
from ..support.files import read_json_text
from .label_file import BOOKKEEPING, SAMPLES, VALUES, Row, decoded

SUFFIXES = (".json", ".jsonl", ".ndjson")
ANSWERS = ("choices", "rating", "number")
"""Types of answer in Label Studio that may be a label. Others, such as comments, are passed over."""


class Export(NamedTuple):
    """The labels in an export."""

    column: str
    """``text`` or ``file``."""
    rows: list[Row]
    """One for each answer: a sample that two people labelled has two."""
    unlabelled: int
    """Number of records without an answer: not labelled yet, skipped or discarded."""


class Record(NamedTuple):
    """What every tool's record comes down to."""

    data: dict[str, Any]
    """The parts of the sample, by name."""
    questions: dict[str, list[Any]]
    """The answers to each question, one for each person."""


def read_export(path: Path, encoding: str | None = None) -> Export:
    """The labels in a file of JSON: a list of records, or one record on each line.

    Known are the exports of Label Studio (JSON and JSON-MIN), of Argilla and of doccano, and records like
    ``{"text": "...", "value": 1}``. Raises ``ConstraintError`` if it is something else: what was found, and where.
    """
    try:
        text = decoded(path, path.read_bytes(), encoding)[0]
    except OSError as error:
        raise ConstraintError(f"{path} cannot be read: {error.strerror}. Give another file.") from error
    columns: set[str] = set()
    rows: list[Row] = []
    records = unlabelled = 0
    for where, content in _records(path, text):
        records += 1
        try:
            data, questions = _understood(content)
            column, given = _sample(data)
            values = [_label(answer) for answer in _one_question(questions) if answer not in (None, [], "")]
        except ValueError as error:
            raise ConstraintError(f"{path} {where}: {error}.") from error
        columns.add(column)
        unlabelled += not values
        rows += [Row(given, value, where) for value in values]
    if not rows:
        raise ConstraintError(f"{path} has no labels in its {records} records. Label samples, then export them again.")
    if len(columns) > 1:
        raise ConstraintError(f"{path} has its samples as text in some records and in files in others. Give two files.")
    return Export(columns.pop(), rows, unlabelled)


def _records(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each record, and where it is: its number in a list, or its line."""
    parts: Iterable[tuple[int, Any]]
    if text.lstrip().startswith("["):
        where, parts = "record", enumerate(_json(path, "", text), start=1)
    else:
        lines = enumerate(text.split("\n"), start=1)
        where, parts = "line", ((number, _json(path, f" line {number}", line)) for number, line in lines if line.strip())
    for number, content in parts:
        if not isinstance(content, dict):
            raise ConstraintError(f"{path} {where} {number}: {json.dumps(content)[:80]} is no JSON object. Export it again.")
        yield f"{where} {number}", content


def _json(path: Path, where: str, text: str) -> Any:
    try:
        return read_json_text(text)
    except ValueError as error:
        raise ConstraintError(f"{path}{where} is not JSON: {error}. Export it again.") from error


def _understood(content: dict[str, Any]) -> Record:
    """The record, whichever tool it is from; raises ``ValueError`` if parts of it have another form than that tool writes."""
    try:
        if isinstance(content.get("data"), dict):
            return _label_studio(content)
        if isinstance(content.get("fields"), dict):
            return _argilla(content)
        if "annotation" in content:
            return _argilla_1(content)
        if answered := [name for name in content if name.endswith(".responses")]:
            return _argilla_flat(content, answered)
        return _flat(content)
    except (AttributeError, TypeError, KeyError) as error:
        raise ValueError("this is not how Label Studio, Argilla or doccano export a record. Export as JSON or JSONL") from error


def _label_studio(content: dict[str, Any]) -> Record:
    questions: dict[str, list[Any]] = {}
    for annotation in content.get("annotations") or content.get("completions") or []:
        if not annotation.get("was_cancelled"):
            for answer in annotation["result"]:
                if answer["type"] in ANSWERS:
                    questions.setdefault(answer["from_name"], []).append(answer["value"][answer["type"]])
    return Record(content["data"], questions)


def _argilla(content: dict[str, Any]) -> Record:
    """Argilla 2, and the feedback records of Argilla 1, whose responses are a list of what each person answered."""
    questions: dict[str, list[Any]] = {}
    responses = content.get("responses") or {}
    if isinstance(responses, dict):
        answers = [(name, one, one) for name, given in responses.items() for one in given]
    else:
        answers = [(name, one, person) for person in responses for name, one in (person["values"] or {}).items()]
    for name, answer, person in answers:
        if person.get("status") in (None, "submitted"):
            questions.setdefault(name, []).append(answer["value"])
    return Record(content["fields"], questions)


def _argilla_1(content: dict[str, Any]) -> Record:
    """The text classification records of Argilla 1."""
    answer = None if content.get("status") == "Discarded" else content["annotation"]
    return Record(content.get("inputs") or {"text": content["text"]}, {"annotation": [answer]})


def _argilla_flat(content: dict[str, Any], answered: list[str]) -> Record:
    """Argilla 2, flattened: as a table has it."""
    questions = {}
    for name in answered:
        answers = content[name] or []
        states = content.get(f"{name}.status") or ["submitted"] * len(answers)
        questions[name.removesuffix(".responses")] = [
            answer for answer, state in zip(answers, states, strict=True) if state == "submitted"
        ]
    return Record({name: value for name, value in content.items() if "." not in name}, questions)


def _flat(content: dict[str, Any]) -> Record:
    """doccano, JSON-MIN of Label Studio, and records that people write themselves."""
    names = {name.lower(): name for name in content}
    if "annotations" in names:  # doccano before version 1
        return Record(content, {"label": [answer["label"] for answer in content[names["annotations"]]]})
    questions = [names[name] for name in VALUES if name in names]
    if "annotation_id" in names:
        questions = [name for name in content if name.lower() not in BOOKKEEPING | {*SAMPLES, "data"}]
    return Record(content, {name: [content[name]] for name in questions})


def _sample(data: dict[str, Any]) -> tuple[str, str]:
    """The column of the sample, and the sample."""
    names = {name.lower(): name for name in data}
    texts = [name for name, value in data.items() if isinstance(value, str)]
    known = [names[name] for name in (*SAMPLES, "data") if name in names]
    chosen = known[0] if known else texts[0] if len(texts) == 1 else None
    if chosen is None:
        raise ValueError(f"which of {', '.join(data) or 'nothing'} is the sample? Name it 'text', or 'file' if it is a file")
    if not isinstance(data[chosen], str):
        raise ValueError(f"{chosen!r} is {json.dumps(data[chosen])[:80]}, not a text")
    return ("file" if chosen.lower() == "file" else "text"), data[chosen]


def _one_question(questions: dict[str, list[Any]]) -> list[Any]:
    """The answers to the only question, or to the one that is named as a label; empty if nobody answered."""
    named = [name for name in questions if name.lower() in VALUES]
    chosen = named if len(named) == 1 else list(questions)
    if len(chosen) > 1:
        raise ValueError(f"it answers {', '.join(chosen)}. Export one question, or name the one to learn 'label'")
    return questions[chosen[0]] if chosen else []


def _label(answer: Any) -> str:
    """An answer as a cell of a CSV file has it; raises ``ValueError`` if it is not one label."""
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, str):
        return answer.strip()
    if isinstance(answer, (bool, int, float)):
        return json.dumps(answer)
    raise ValueError(f"{json.dumps(answer)[:80]} is not one label. Export answers of a single choice")
