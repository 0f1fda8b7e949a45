"""The fingerprint follows what a constraint does, and an error points to the user's own line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Lcgan

from lcgan_core import Constraint, ConstraintError, Text
from lcgan_core.constraint import evaluate
from lcgan_core.engine.labelling import scores
from lcgan_core.plugins.discovery import forget_plugins, make_constraint
from lcgan_core.sources import code_in, code_of, told

PLUGIN = '''
from pathlib import Path
from lcgan_core import Constraint, hookimpl
from marks_helper import MARK

class Marks(Constraint):
    """Texts with the mark."""
    name = "marks"
    expensive = True
    def __call__(self, texts):
        known = Path(__file__).with_name("marks.txt").read_text()
        return [MARK in text or known in text for text in texts]

@hookimpl
def register_constraints(register):
    register(Marks)
'''


@pytest.fixture
def marks(install: Callable[..., None], tmp_path: Path) -> Callable[[], Constraint]:
    """The constraint of a plugin with a helper module and a data file, loaded anew as by another process."""
    site = tmp_path / "site-packages"
    (site / "marks_helper.py").write_text("MARK = '!'", encoding="utf-8")
    (site / "marks.txt").write_text("?", encoding="utf-8")
    install("marks-plugin", PLUGIN)

    def made() -> Constraint:
        for module in ("marks_plugin", "marks_helper"):
            sys.modules.pop(module, None)
        importlib.invalidate_caches()
        forget_plugins()
        return make_constraint("marks", {})

    return made


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("marks_plugin.py", "MARK in text", "MARK not in text"),
        ("marks_helper.py", "!", "%"),
        ("marks.txt", "?", "nothing like it"),
        ("marks_plugin-1.0.dist-info/METADATA", "Version: 1.0", "Version: 1.1"),
    ],
)
def test_the_fingerprint_follows_source_helpers_data_and_version(
    marks: Callable[[], Constraint], tmp_path: Path, file: str, before: str, after: str
) -> None:
    first = marks()
    assert first.fingerprint == marks().fingerprint
    path = tmp_path / "site-packages" / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    assert marks().fingerprint != first.fingerprint
    assert first.fingerprint == first.model_copy().fingerprint, "what was loaded is what runs"


def test_where_an_editable_plugin_lies_does_not_matter_but_its_weights_do(
    marks: Callable[[], Constraint], tmp_path: Path
) -> None:
    site = tmp_path / "site-packages"
    weights = site / "marks_data" / "weights.pth"
    weights.parent.mkdir()
    weights.write_text("some", encoding="utf-8")
    record = "_editable_marks.pth,,\nmarks_plugin.py,,\nmarks_data/weights.pth,,\n"
    (site / "marks_plugin-1.0.dist-info" / "RECORD").write_text(record, encoding="utf-8")
    (site / "_editable_marks.pth").write_text("one/place", encoding="utf-8")
    first = marks().fingerprint
    (site / "_editable_marks.pth").write_text("another/place", encoding="utf-8")
    assert marks().fingerprint == first
    weights.write_text("others", encoding="utf-8")
    assert marks().fingerprint != first


def test_cached_scores_of_edited_code_are_not_given_again(marks: Callable[[], Constraint], tmp_path: Path) -> None:
    assert scores(marks(), ["a!", "b"], Text()) == [1.0, 0.0]
    (tmp_path / "site-packages" / "marks_helper.py").write_text("MARK = 'b' + ''", encoding="utf-8")
    assert scores(marks(), ["a!", "b"], Text()) == [0.0, 1.0]


class Own(Constraint):
    """Says itself what it means."""

    name = "own"

    @property
    def fingerprint(self) -> str:
        return "mine"


def test_a_constraint_may_say_itself_what_it_means() -> None:
    assert Own().fingerprint == "mine"
    assert Own().fingerprint_of("a") != Own().fingerprint_of("b")


def test_a_class_without_a_file_is_known_by_its_instructions() -> None:
    def typed(body: str) -> type:
        names: dict[str, type] = {}
        exec(f"class Typed:\n    __module__ = 'typed'\n    def __call__(self, texts): return {body}", names)
        return names["Typed"]

    assert code_of(typed("[0 for _ in texts]")) == code_of(typed("[0 for _ in texts]"))
    assert code_of(typed("[0 for _ in texts]")) != code_of(typed("[1 for _ in texts]"))


def test_a_file_is_known_with_what_it_uses(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import inner\nopen('data/words.txt')\nfrom pack.deep import x\n", encoding="utf-8")
    for file in ("inner.py", "innermost.py", "pack/__init__.py", "pack/deep.py", "data/words.txt", "other.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("import innermost" if file == "inner.py" else "x = 1", encoding="utf-8")
    known = code_in(tmp_path / "mine.py")
    (tmp_path / "other.py").write_text("y = 1", encoding="utf-8")
    assert code_in(tmp_path / "mine.py") == known, "what it does not use"
    for file in ("innermost.py", "pack/deep.py", "data/words.txt"):
        (tmp_path / file).write_text(f"z = {file!r}", encoding="utf-8")
        assert code_in(tmp_path / "mine.py") != known
        known = code_in(tmp_path / "mine.py")


FAILING = """
import json
def inner(text):
    return json.loads(text)

def outer(texts):
    return [inner(text) for text in texts]

def directly(texts):
    raise ValueError("no")

def leaves(texts):
    raise SystemExit(0)
"""


@pytest.mark.parametrize(("function", "line"), [("outer", 4), ("directly", 10), ("leaves", 13)])
def test_an_error_points_to_the_users_own_line(tmp_path: Path, function: str, line: int) -> None:
    (tmp_path / "mine.py").write_text(FAILING, encoding="utf-8")
    with pytest.raises(ConstraintError, match=rf"failed at .*mine\.py line {line} on a batch"):
        evaluate(make_constraint(f"{tmp_path / 'mine.py'}:{function}", {}), ["text"])


def test_debug_shows_the_traceback(run_lcgan: Lcgan) -> None:
    Path("mine.py").write_text(FAILING, encoding="utf-8")
    for arguments in (("try", "./mine.py:outer", "a"), ("try", "./mine.py:leaves", "a"), ("constraints", "no-such")):
        ran = run_lcgan(*arguments)
        assert (ran.exit_code, "Traceback" in ran.stderr) == (1, False)
        for debugged in ((*arguments, "--debug"), ("--debug", *arguments)):
            ran = run_lcgan(*debugged)
            assert (ran.exit_code, "Traceback" in ran.stderr) == (1, True)


@pytest.mark.parametrize(
    ("source", "edited"),
    [
        ("from .other import T", "pk/other.py"),
        ("from . import other", "pk/other.py"),
        ("from .deep.inner import T", "pk/deep/inner.py"),
        ("from pk.other import T", "pk/other.py"),
        ("import pk.deep.inner", "pk/deep/inner.py"),
        ("from pk import deep", "pk/deep/__init__.py"),
        ("from plain.module import T", "plain/module.py"),
        ("T = 1", "pk/__init__.py"),
    ],
)
def test_a_module_is_known_with_what_it_uses_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, edited: str
) -> None:
    for name in ("pk/__init__.py", "pk/other.py", "pk/deep/__init__.py", "pk/deep/inner.py", "plain/module.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("T = 1\n", encoding="utf-8")
    (tmp_path / "pk" / "mine.py").write_text(f"{source}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = code_in(tmp_path / "pk" / "mine.py")
    (tmp_path / "elsewhere.py").touch()
    assert code_in(tmp_path / "pk" / "mine.py") == before
    (tmp_path / edited).write_text("T = 25\n", encoding="utf-8")
    assert code_in(tmp_path / "pk" / "mine.py") != before


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("nothing to say")


@pytest.mark.parametrize(
    ("error", "text"),
    [(Mute(), "Mute"), (KeyError("a"), "KeyError: 'a'"), (SystemExit(2), "SystemExit: 2"), (OSError(), "OSError: ")],
)
def test_an_error_is_told_even_if_it_cannot_say_what_it_is(error: BaseException, text: str) -> None:
    assert told(error) == text
