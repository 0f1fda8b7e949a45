"""Rewards of a file or a module: what they may import, be and return."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Lcgan

from lcgan_core import ConstraintError
from lcgan_core.constraint import evaluate
from lcgan_core.plugins.discovery import make_constraint

MINE = '''
from __future__ import annotations
import functools, operator, pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from my_marks import MARK
from lcgan_core import Constraint

@dataclass
class Scorer:
    mark: str = MARK
    seen: list[str] = field(default_factory=list)
    def __call__(self, texts):
        return [self.mark in text for text in texts]
    def method(self, texts):
        return self(texts)
    @staticmethod
    def static(texts):
        return [MARK in text for text in texts]

def with_mark(mark, texts):
    return [mark in text for text in texts]

def one(text):
    return float(MARK in text)

def pooled(texts):
    with ProcessPoolExecutor(1) as pool:
        return list(pool.map(one, texts))

def pickled(texts):
    return pickle.loads(pickle.dumps(Scorer()))(texts)

def late(texts):
    from my_late import LATE
    return [LATE in text for text in texts]

def generated(texts):
    yield from (MARK in text for text in texts)

@functools.lru_cache
def cached(text):
    return MARK in text

@functools.wraps(pooled)
def wrapped(texts):
    return [cached(text) for text in texts]

scorer = Scorer()
partial = functools.partial(with_mark, "!")
anonymous = lambda texts: [MARK in text for text in texts]
each = functools.partial(map, one)
number = 3
async def waits(texts):
    return [1 for _ in texts]

class Marked(Constraint):
    """Texts with a mark."""
    name = "marked"
    mark: str = "!"
    def __call__(self, texts):
        return [self.mark in text for text in texts]

class Nameless(Constraint):
    def __call__(self, texts):
        return [1 for _ in texts]
'''
KINDS = [
    "scorer",
    "scorer.method",
    "Scorer.static",
    "partial",
    "anonymous",
    "each",
    "pooled",
    "pickled",
    "late",
    "generated",
    "wrapped",
    "Marked",
]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "rewards_of_mine.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "my_marks.py").write_text("MARK = '!'", encoding="utf-8")
    (tmp_path / "my_late.py").write_text("LATE = '!'", encoding="utf-8")
    return tmp_path / "rewards_of_mine.py"


@pytest.mark.parametrize("kind", KINDS)
def test_callables_of_many_kinds(mine: Path, kind: str) -> None:
    made = make_constraint(f"{mine}:{kind}", {})
    assert evaluate(made, ["a!", "b"]) == [1.0, 0.0]
    again = pickle.loads(pickle.dumps(made))
    assert evaluate(again, ["a!", "b"]) == [1.0, 0.0]
    assert again.fingerprint == made.fingerprint


def test_a_class_of_a_file_has_options(mine: Path) -> None:
    assert evaluate(make_constraint(f"{mine}:Marked", {"mark": "?"}), ["a!", "b?"]) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Scorer", "is a class. Make an object of it"),
        ("number", "is a int, which cannot be called"),
        ("waits", "is an async function"),
        ("scorrer", "did you mean 'scorer'"),
        ("scorer.nothing", "No function in"),
        ("Nameless", 'rewards_of_mine.py:Nameless has no name. Give the class one: name = "nameless"'),
    ],
)
def test_what_cannot_be_called_is_refused_by_name(mine: Path, name: str, message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        make_constraint(f"{mine}:{name}", {})


def test_an_edited_helper_is_loaded_again_and_changes_the_fingerprint(mine: Path) -> None:
    before = make_constraint(f"{mine}:anonymous", {})
    (mine.parent / "my_marks.py").write_text("MARK = 'what'", encoding="utf-8")
    after = make_constraint(f"{mine}:anonymous", {})
    assert evaluate(after, ["a!", "what"]) == [0.0, 1.0]
    assert evaluate(before, ["a!", "what"]) == [1.0, 0.0]
    assert before.fingerprint != after.fingerprint


def test_two_files_have_helpers_of_one_name(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "else.py"
    other.parent.mkdir()
    other.write_text(MINE, encoding="utf-8")
    (other.parent / "my_marks.py").write_text("MARK = '?'", encoding="utf-8")
    first, second = (make_constraint(f"{file}:anonymous", {}) for file in (mine, other))
    assert evaluate(first, ["!", "?"]) == [1.0, 0.0]
    assert evaluate(second, ["!", "?"]) == [0.0, 1.0]


@pytest.mark.parametrize("name", ["random", "json", "dataclasses"])
def test_a_file_may_be_called_like_a_module_of_python(tmp_path: Path, name: str) -> None:
    standard = sys.modules.get(name)
    (tmp_path / f"{name}.py").write_text("def f(texts):\n    return [1 for _ in texts]\n", encoding="utf-8")
    assert evaluate(make_constraint(f"{tmp_path / name}.py:f", {}), ["a"]) == [1.0]
    assert sys.modules.get(name) is standard


@pytest.mark.parametrize("name", ["shop.rewards:loud", "shop:soft", "operator:truth"])
def test_a_function_of_a_module(tmp_path: Path, name: str) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("def soft(texts): return [0 for _ in texts]", encoding="utf-8")
    (tmp_path / "shop" / "rewards.py").write_text("def loud(texts): return ['!' in text for text in texts]", encoding="utf-8")
    command = [sys.executable, "-c", "from lcgan_core.__main__ import main; main()", "try", name, "a!", "b"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    expected = {"loud": "1.000  a!\n0.000  b\n", "soft": "0.000  a!\n0.000  b\n", "truth": ""}[name.partition(":")[2]]
    assert ran.stdout == expected, ran.stderr
    assert "Traceback" not in ran.stderr


def test_home_is_expanded(mine: Path, run_lcgan: Lcgan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(mine.parent))
    assert run_lcgan("try", f"~/{mine.name}:anonymous", "a!").stdout == "1.000  a!\n"
