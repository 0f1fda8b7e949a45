"""Exports of annotation tools, read as label files: the same labels, whatever tool they were made with."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from lcgan_core import ConstraintError
from lcgan_core.constraints.annotations import read_export
from lcgan_core.constraints.from_labels import Labels
from lcgan_core.constraints.label_file import append_row, read_label_file, value_of
from lcgan_core.sample_kinds import Text
from lcgan_core.tools.questions import read_answers

TEXTS = [(f"the {word} was [good]; or not", number % 2) for number, word in enumerate("abcdefghijklmnopqrstuvwxyz")]
NAMES = ("Negative", "Positive")


def studio(text: str, *choices: str, **annotation: Any) -> dict[str, Any]:
    """A task of Label Studio; each choice is another person's."""
    results = [
        [
            {"type": "choices", "from_name": "mood", "to_name": "shown", "value": {"choices": [choice]}},
            {"type": "textarea", "from_name": "why", "to_name": "shown", "value": {"text": ["because"]}},
        ]
        for choice in choices
    ]
    answers = [{"id": 7, "was_cancelled": False, "result": result, **annotation} for result in results]
    return {"id": 3, "data": {"review": text, "stars": 4}, "annotations": answers, "predictions": [], "project": 1}


def argilla(text: str, *labels: str, status: str | None = None) -> dict[str, Any]:
    answers = [{"value": label, "user_id": "u", **({"status": status} if status else {})} for label in labels]
    suggestion = {"mood": {"value": "Positive", "score": 0.5, "agent": None}}
    return {"id": "1", "fields": {"text": text}, "metadata": {}, "suggestions": suggestion, "responses": {"mood": answers}}


def feedback(text: str, *labels: str, status: str = "submitted") -> dict[str, Any]:
    responses = [{"user_id": "u", "values": {"mood": {"value": label}}, "status": status} for label in labels]
    return {"fields": {"text": text}, "responses": responses, "suggestions": []}


def flattened(text: str, *labels: str, status: str = "submitted") -> dict[str, Any]:
    states = {"mood.responses.users": ["u"] * len(labels), "mood.responses.status": [status] * len(labels)}
    return {"id": "1", "status": "completed", "text": text, "mood.responses": list(labels), **states}


def doccano(text: str, *labels: str) -> dict[str, Any]:
    return {"id": 5, "text": text, "label": list(labels), "Comments": []}


TOOLS = {
    "Label Studio.json": studio,
    "Argilla.json": argilla,
    "Argilla, feedback.jsonl": feedback,
    "Argilla, flattened.JSONL": flattened,
    "Argilla 1.json": lambda text, *labels: {"text": text, "annotation": labels[0] if labels else None, "status": "Validated"},
    "doccano.jsonl": doccano,
    "doccano, older.jsonl": lambda text, *labels: {"text": text, "annotations": [{"label": label} for label in labels]},
    "doccano, data.ndjson": lambda text, *labels: {"data": text, "label": list(labels)},
    "JSON-MIN.json": lambda text, *labels: {
        "text": text,
        "mood": labels[0] if labels else "",
        "annotation_id": 1,
        "lead_time": 2.5,
        "id": 9,
    },
    "by hand.jsonl": lambda text, *labels: {"Text": text, "Value": NAMES.index(labels[0]) if labels else None},
}


def written(file: Path, records: list[dict[str, Any]]) -> Path:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    file.write_text(json.dumps(records, indent=1) if file.suffix == ".json" else lines, encoding="utf-8")
    return file


@pytest.mark.parametrize("tool", TOOLS)
def test_labels_are_the_same_from_every_tool(tmp_path: Path, tool: str, caplog: pytest.LogCaptureFixture) -> None:
    plain = tmp_path / "plain.csv"
    for text, value in TEXTS:
        append_row(plain, "text", text, value)
    record = TOOLS[tool]
    file = written(tmp_path / tool, [record("not labelled"), *(record(text, NAMES[value]) for text, value in TEXTS)])
    with caplog.at_level(logging.WARNING):
        found = Labels(file=file)
        assert found.rows == Labels(file=plain).rows
    assert found.column == "text"
    assert found.fingerprint == Labels(file=plain).fingerprint
    assert "records without a label are left out: 1." in caplog.text
    unwanted = Labels(file=file, target="0" if tool.startswith("by hand") else "Negative")
    assert unwanted.rows == [(text, 1 - value) for text, value in TEXTS]


def test_marks_and_line_ends_of_other_systems(tmp_path: Path) -> None:
    records = [json.dumps(doccano(f"ä{text}", NAMES[value]), ensure_ascii=False) for text, value in TEXTS]
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        for content in ("\r\n".join(records), f"[{', '.join(records)}]\r\n"):
            (tmp_path / "mine.json").write_bytes(content.encode(encoding))
            found = read_export(tmp_path / "mine.json", encoding if encoding == "cp1252" else None)
            assert [(row.given, value_of(row.value)) for row in found.rows] == [(f"ä{text}", value) for text, value in TEXTS]


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("skipped.json", studio("b", "Positive", was_cancelled=True)),
        ("drafts.json", argilla("b", "Positive", status="draft")),
        ("discarded.json", feedback("b", "Positive", status="discarded")),
        ("flattened.json", flattened("b", "Positive", status="draft")),
        ("one.json", {"text": "b", "annotation": "Positive", "status": "Discarded"}),
    ],
)
def test_what_nobody_submitted_is_no_label(tmp_path: Path, name: str, record: dict[str, Any]) -> None:
    kept = studio("a", "Negative")
    found = read_export(written(tmp_path / name, [record, kept]))
    assert [row.given for row in found.rows] == ["a"]
    assert found.unlabelled == 1


def test_each_person_s_answer_is_a_row(tmp_path: Path) -> None:
    for number, record in enumerate((studio, argilla, feedback, flattened)):
        records = [record("a", "Negative", "Positive"), record("b", "Positive")]
        found = read_export(written(tmp_path / f"{number}.json", records))
        assert [(row.given, row.value, row.where) for row in found.rows] == [
            ("a", "Negative", "record 1"),
            ("a", "Positive", "record 1"),
            ("b", "Positive", "record 2"),
        ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a", "label": 1}\n{"text": "b", "label": \n', r"line 2 is not JSON"),
        ('[{"text": "a", "label": 1}, {"text":', "mine.json is not JSON"),
        ('{"text": "a", "label": 1}\n\n7\n', "line 3: 7 is no JSON object"),
        ('{"text": "a", "label": ["x", "y"]}\n', r'line 1: \["x", "y"\] is not one label. Export answers of a single choice'),
        ('{"text": "a", "label": [[0, 1, "LOC"]]}\n', "is not one label"),
        ('{"text": {"a": 1}, "label": 1}\n', r"""'text' is {"a": 1}, not a text"""),
        ('{"one": "a", "two": "b", "label": 1}\n', "which of one, two, label is the sample"),
        ('{"text": "a"}\n{"text": "b"}\n', "no labels in its 2 records"),
        ("", "no labels in its 0 records"),
        (json.dumps({"data": {"text": "a"}, "annotations": [{"result": 5}]}), "not how Label Studio, Argilla or doccano"),
        (json.dumps({"fields": {"text": "a"}, "responses": {"p": [{"value": 1}], "q": [{"value": 1}]}}), "it answers p, q."),
        ('{"text": "a", "label": 1}\n{"file": "a.png", "label": 1}\n', "in files in others"),
        ('{"text": "a", "label": ' + "[" * 20_000 + "]" * 20_000 + "}", "nested more than"),
    ],
)
def test_an_error_says_what_was_found_and_where(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "mine.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConstraintError, match=message):
        read_export(tmp_path / "mine.json")
    with pytest.raises(ConstraintError, match=r"labels\.file: .*mine\.json"):
        _ = Labels(file=tmp_path / "mine.json").rows


def test_a_value_that_is_none_is_told_by_its_place(tmp_path: Path) -> None:
    for value, where in (("maybe", "record 2"), (7, "record 2"), (-0.5, "record 2")):
        file = written(tmp_path / "mine.json", [{"text": "a", "value": 1}, {"text": "b", "value": value}])
        with pytest.raises(ConstraintError, match=rf"mine\.json {where}: '{value}' is no number in \[0, 1\]"):
            _ = Labels(file=file).rows


def test_the_question_named_label_is_chosen_from_several(tmp_path: Path) -> None:
    record = argilla("a", "Positive")
    record["responses"] |= {"label": [{"value": "no", "user_id": "u"}]}
    assert [row.value for row in read_export(written(tmp_path / "mine.json", [record])).rows] == ["no"]


def test_the_csv_of_label_studio_names_its_column_after_the_question(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "annotation_id,annotator,created_at,id,lead_time,mood,text,updated_at\n1,1,x,1,2.5,Positive,a,y\n", encoding="utf-8"
    )
    append_row(file, "text", "b", 0.0)
    assert [(row.given, value_of(row.value)) for row in read_label_file(file).rows] == [("a", 1), ("b", 0)]
    two = tmp_path / "two.csv"
    two.write_text("annotation_id,mood,other,text\n1,Positive,no,a\n", encoding="utf-8")
    with pytest.raises(ConstraintError, match="Its first line is 'annotation_id,mood,other,text'"):
        read_label_file(two)


def test_nobody_labels_into_an_export(tmp_path: Path) -> None:
    for name in ("mine.json", "mine.JSONL", "mine.ndjson"):
        with pytest.raises(ConstraintError, match="Label into a CSV file"):
            read_answers(tmp_path / name, Text())
