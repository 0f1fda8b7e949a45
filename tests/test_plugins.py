from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lcgan_core import ConstraintError, ModelError
from lcgan_core.builtin import Length
from lcgan_core.plugins import (
    constraint_class,
    constraint_classes,
    latent_model_classes,
    load_latent_model,
    make_constraint,
    plugins,
)

LOUD = '''
from lcgan_core import Constraint, hookimpl

class Loud(Constraint):
    """Texts with an exclamation mark."""
    name = "loud"
    def __call__(self, texts):
        return ["!" in text for text in texts]

@hookimpl
def register_constraints(register):
    register(Loud)
'''


def test_core_brings_its_own_through_the_hooks() -> None:
    assert constraint_class("length") is Length
    assert {"length", "keyword"} <= set(constraint_classes())
    assert "text-vae" in latent_model_classes()


def test_an_installed_plugin_is_found(install: Callable[..., None]) -> None:
    install("loud-plugin", LOUD)
    assert make_constraint("loud", {})(["a!", "b"]) == [True, False]


def test_two_plugins_of_one_name_are_told_apart(install: Callable[..., None]) -> None:
    install("loud-plugin", LOUD)
    install("other-plugin", LOUD.replace('"!"', '"?"'))
    names = [name for name in constraint_classes() if name.endswith("loud")]
    assert len(names) == 2
    assert "loud" in names
    second = next(name for name in names if ":" in name)
    assert make_constraint(second, {})(["!", "?"]) != make_constraint("loud", {})(["!", "?"])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError"),
        ("from lcgan_core import hookimpl\n@hookimpl\ndef register_constrains(register): pass", "register_constrains"),
        ("from lcgan_core import hookimpl\n@hookimpl\ndef register_constraints(registry): pass", "registry"),
        ("from lcgan_core import hookimpl\n@hookimpl\ndef register_constraints(register): register(3)", "AttributeError"),
    ],
)
def test_a_broken_plugin_is_reported_and_takes_nothing_down(install: Callable[..., None], source: str, reason: str) -> None:
    install("broken-plugin", source)
    install("loud-plugin", LOUD)
    assert {"loud", "length"} <= set(constraint_classes())
    assert reason in str(plugins().broken["broken-plugin"])
    with pytest.raises(ConstraintError, match="broken-plugin could not be loaded"):
        constraint_class("something")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lenght", {}, "No constraint 'lenght' .did you mean 'length'.*There are: keyword, length"),
        ("zzz", {}, "No constraint 'zzz'. There are: keyword, length"),
        (
            "length",
            {"max_word": 3},
            "length.max_word: no such option; length has min_words, max_words .did you mean 'max_words'",
        ),
        ("length", {"max_words": "few"}, "length.max_words: .*integer.*not 'few'"),
        (
            "length",
            {"max_words": 0, "min_words": -1},
            r"length.min_words: .*; length.max_words: .*See: lcgan constraints length",
        ),
        ("length", {"min_words": 8}, r"min_words \(8\) is larger than max_words \(6\)"),
        ("keyword", {}, "keyword.words: needs a value; give it with --set keyword.words=VALUE"),
        ("keyword", {"words": ""}, "a word is empty"),
        ("keyword", {"words": "a", "match": "some"}, "keyword.match: .*'any' or 'all'"),
    ],
)
def test_a_wrong_name_or_option_is_told_field_by_field(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        make_constraint(name, options)


def test_a_bare_function_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        'def shouty(texts):\n    """All capitals."""\n    return [text.isupper() for text in texts]\n', encoding="utf-8"
    )
    shouty = make_constraint(f"{file}:shouty", {})
    assert shouty(["HEY", "hey"]) == [True, False]
    assert type(shouty).__doc__ == "All capitals."
    before = shouty.fingerprint
    file.write_text(file.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert make_constraint(f"{file}:shouty", {}).fingerprint != before


@pytest.mark.parametrize(
    ("content", "function", "message"),
    [
        (None, "f", "No file .*mine.py"),
        ("def shouty(texts): pass", "shoutty", "No function in .*mine.py 'shoutty' .did you mean 'shouty'"),
        ("import no_such_module", "f", "mine.py cannot be imported: ModuleNotFoundError"),
        ("def f(:", "f", "mine.py cannot be imported: SyntaxError"),
    ],
)
def test_a_file_that_does_not_serve(tmp_path: Path, content: str | None, function: str, message: str) -> None:
    if content is not None:
        (tmp_path / "mine.py").write_text(content, encoding="utf-8")
    with pytest.raises(ConstraintError, match=message):
        constraint_class(f"{tmp_path / 'mine.py'}:{function}")


@pytest.mark.usefixtures("linear_plugin")
def test_a_latent_model_of_a_plugin_is_loaded_by_kind_and_source() -> None:
    assert load_latent_model("linear:5").latent_dim == 5


def test_an_unknown_kind_of_model() -> None:
    with pytest.raises(ModelError, match=r"No kind of latent model 'linaer'.*text-vae"):
        load_latent_model("linaer:5")
