from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from conftest import Lcgan

from lcgan_core import ConstraintError, ModelError, PluginError
from lcgan_core.constraints.rules import Length
from lcgan_core.plugins.discovery import (
    constraint_class,
    constraint_classes,
    forget_plugins,
    latent_model_classes,
    load_latent_model,
    make_constraint,
    plugins,
)
from lcgan_core.plugins.listing import kept_rows

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
    assert make_constraint("loud-plugin:loud", {}) == make_constraint("loud", {})
    install("other-plugin", LOUD.replace('"!"', '"?"'))
    assert {"loud-plugin:loud", "other-plugin:loud"} <= set(constraint_classes())
    assert make_constraint("loud-plugin:loud", {})(["!", "?"]) == [True, False]
    assert make_constraint("other-plugin:loud", {})(["!", "?"]) == [False, True]
    with pytest.raises(ConstraintError, match=r"Several plugins provide.*'loud'.*loud-plugin:loud or other-plugin:loud"):
        make_constraint("loud", {})


def test_no_plugin_takes_a_name_of_core_away(install: Callable[..., None]) -> None:
    install("rude-plugin", LOUD.replace('"loud"', '"length"'))
    assert constraint_class("length") is Length
    assert make_constraint("rude-plugin:length", {})(["a!"]) == [True]


def test_two_entry_points_of_one_distribution(install: Callable[..., None], tmp_path: Path) -> None:
    install("loud-plugin", LOUD)
    site = tmp_path / "site-packages"
    (site / "quiet_module.py").write_text(LOUD.replace('"loud"', '"quiet"'), encoding="utf-8")
    with (site / "loud_plugin-1.0.dist-info" / "entry_points.txt").open("a", encoding="utf-8") as file:
        file.write("quiet = quiet_module\n")
    forget_plugins()
    assert {"loud", "quiet"} <= set(constraint_classes())


BROKEN = {
    "import no_such_module": "ModuleNotFoundError: No module named 'no_such_module'",
    "1 / 0": "ZeroDivisionError",
    "import sys; sys.exit(3)": "SystemExit: 3",
    "loud = True": "implements none of lcgan's hooks",
    "from lcgan_core import hookimpl\n@hookimpl\ndef register_constrains(register): pass": "register_constrains",
    "from lcgan_core import hookimpl\n@hookimpl\ndef register_constraints(registry): pass": "registry",
    "from lcgan_core import hookimpl\n@hookimpl\ndef register_constraints(register): register(3)": "registers 3, which",
    LOUD + "    register(Loud)": "register_constraints registers 'loud' twice",
}


@pytest.mark.parametrize(("source", "reason"), BROKEN.items())
def test_a_broken_plugin_is_reported_and_takes_nothing_down(install: Callable[..., None], source: str, reason: str) -> None:
    install("broken-plugin", source)
    install("good-plugin", LOUD.replace('"loud"', '"good"'))
    assert {"good", "length"} <= set(constraint_classes())
    (broken,) = (plugin for plugin in plugins() if plugin.distribution == "broken-plugin")
    assert broken.status == "broken"
    assert reason in str(broken.problem)
    with pytest.raises(ConstraintError, match="broken-plugin is broken"):
        constraint_class("something")
    with pytest.raises(ConstraintError, match="the plugin broken-plugin is broken"):
        constraint_class("broken-plugin:loud")


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        ("lcgan-core>=0.1", True),
        ("lcgan_core>=99", False),
        ("lcgan-core>=99; extra == 'later'", True),
        ("lcgan-corella>=99", True),
    ],
)
def test_a_plugin_that_needs_a_newer_core_says_so(install: Callable[..., None], requirement: str, fits: bool) -> None:
    install("new-plugin", LOUD, f"Requires-Dist: {requirement}\n")
    (plugin,) = (plugin for plugin in plugins() if plugin.distribution == "new-plugin")
    assert plugin.status == ("ok" if fits else "broken")
    if not fits:
        assert f"needs lcgan-core>=99, this is {version('lcgan-core')}" in str(plugin.problem)


@pytest.mark.parametrize(
    ("setting", "loaded"),
    [
        ("none", set()),
        ("", set()),
        ("a-plugin", {"a-plugin"}),
        ("a-plugin, b-plugin", {"a-plugin", "b-plugin"}),
        ("-a-plugin", {"b-plugin", "c-plugin"}),
    ],
)
def test_plugins_are_switched_by_an_environment_variable(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch, setting: str, loaded: set[str]
) -> None:
    for letter in "abc":
        install(f"{letter}-plugin", LOUD.replace('"loud"', f'"{letter}"'))
    monkeypatch.setenv("LCGAN_PLUGINS", setting)
    ours = [plugin for plugin in plugins() if plugin.distribution in {"a-plugin", "b-plugin", "c-plugin"}]
    assert {plugin.distribution for plugin in ours if plugin.status == "ok"} == loaded
    assert {plugin.distribution for plugin in ours if plugin.status == "off"} == {"a-plugin", "b-plugin", "c-plugin"} - loaded
    if "a-plugin" not in loaded:
        with pytest.raises(ConstraintError, match="Switched off by LCGAN_PLUGINS: a-plugin"):
            constraint_class("a")


def test_a_switch_for_a_plugin_that_is_not_there(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    install("loud-plugin", LOUD)
    monkeypatch.setenv("LCGAN_PLUGINS", "-laud-plugin")
    with pytest.raises(PluginError, match=r"names laud-plugin, but no such plugin is installed. There are: .*loud-plugin"):
        plugins()


def rows_of(listing: str) -> dict[str, dict[str, Any]]:
    return {row["distribution"]: row for row in json.loads(listing)}


def test_the_listing_tells_what_there_is_and_what_is_wrong(install: Callable[..., None], run_lcgan: Lcgan) -> None:
    install("loud-plugin", LOUD)
    for number, source in enumerate(BROKEN):
        install(f"broken{number}-plugin", source)
    rows = rows_of(run_lcgan("plugins", "--json").stdout)
    assert rows["loud-plugin"]["constraints"] == ["loud"]
    assert rows["loud-plugin"]["version"] == "1.0"
    assert {"length", "keyword"} <= set(rows["lcgan-core"]["constraints"])
    assert rows["lcgan-core"]["latent_models"]
    for number, reason in enumerate(BROKEN.values()):
        assert reason in rows[f"broken{number}-plugin"]["reason"]
    lines = run_lcgan("plugins").stdout.splitlines()
    assert any(line.split() == ["loud-plugin", "1.0", "ok", "loud"] for line in lines)
    assert any(line.startswith("broken1-plugin") and "ZeroDivisionError" in line for line in lines)
    assert "broken1_plugin.py" in run_lcgan("plugins", "-v").stdout


def test_a_kept_listing_is_given_again_until_something_changes(
    install: Callable[..., None], run_lcgan: Lcgan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("loud-plugin", LOUD)
    assert rows_of(run_lcgan("plugins", "--json").stdout)["loud-plugin"]["status"] == "ok"
    assert kept_rows() is not None
    (tmp_path / "site-packages" / "loud_plugin.py").write_text("1 / 0", encoding="utf-8")
    assert kept_rows() is None
    monkeypatch.delitem(sys.modules, "loud_plugin")
    forget_plugins()
    assert rows_of(run_lcgan("plugins", "--json").stdout)["loud-plugin"]["status"] == "broken"
    assert kept_rows() is None, "what mends a broken plugin may lie anywhere"
    (tmp_path / "site-packages" / "loud_plugin.py").write_text(LOUD, encoding="utf-8")
    forget_plugins()
    assert rows_of(run_lcgan("plugins", "--json").stdout)["loud-plugin"]["status"] == "ok"
    monkeypatch.setenv("LCGAN_PLUGINS", "none")
    assert kept_rows() is None
    monkeypatch.delenv("LCGAN_PLUGINS")
    assert kept_rows() is not None
    install("other-plugin", LOUD)
    assert kept_rows() is None


def test_the_second_listing_loads_nothing_slow(install: Callable[..., None], run_lcgan: Lcgan, tmp_path: Path) -> None:
    install("loud-plugin", LOUD)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site-packages")}
    command = [sys.executable, "-X", "importtime", "-m", "lcgan_core", "plugins", "--json"]
    first, second = (subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(2))
    assert first.stdout == second.stdout
    assert rows_of(second.stdout)["loud-plugin"]["constraints"] == ["loud"]
    assert "pydantic" in first.stderr
    assert not [line for line in second.stderr.splitlines() if re.search(r"pydantic|pluggy|click|rich|torch|loud", line)]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lenght", {}, "No constraint 'lenght' .did you mean 'length'.*There are: .*keyword, .*length"),
        ("zzz", {}, "No constraint 'zzz'. There are: .*keyword, .*length"),
        (
            "length",
            {"max_word": 3},
            "length.max_word: no such option; length has min_words, .*did you mean 'max_words'",
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


@pytest.mark.parametrize("entry", ["", "loud plugin!", ":", "1/0", "loud_plugin:", "-"])
def test_a_malformed_entry_point_breaks_its_own_plugin_alone(
    install: Callable[..., None], run_lcgan: Lcgan, tmp_path: Path, entry: str
) -> None:
    install("loud-plugin", LOUD)
    install("odd-plugin", LOUD)
    points = tmp_path / "site-packages" / "odd_plugin-1.0.dist-info" / "entry_points.txt"
    points.write_text(f"[lcgan]\nodd = {entry}\n", encoding="utf-8")
    forget_plugins()
    ran = run_lcgan("plugins", "--json")
    assert ran.exit_code == 0, ran.output
    assert rows_of(ran.stdout)["loud-plugin"]["status"] == "ok"
    assert rows_of(ran.stdout)["odd-plugin"]["status"] == "broken"


@pytest.mark.parametrize("entry", ["odd_plugin:Loud", "builtins:dict", "pathlib:Path"])
def test_an_entry_point_to_a_class_says_what_to_name(install: Callable[..., None], tmp_path: Path, entry: str) -> None:
    install("odd-plugin", LOUD)
    points = tmp_path / "site-packages" / "odd_plugin-1.0.dist-info" / "entry_points.txt"
    points.write_text(f"[lcgan]\nodd = {entry}\n", encoding="utf-8")
    forget_plugins()
    (odd,) = [plugin for plugin in plugins() if plugin.distribution == "odd-plugin"]
    assert odd.problem is not None
    assert f"{entry!r} names a class. Name the module" in odd.problem


@pytest.mark.parametrize("damage", ["1 / 0", "def (", "import no_such_library", "raise SystemExit(0)"])
def test_a_plugin_whose_helper_breaks_is_no_longer_listed_as_ok(
    install: Callable[..., None], run_lcgan: Lcgan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    helper = tmp_path / "site-packages" / "loud_helper.py"
    helper.write_text("MARK = 1", encoding="utf-8")
    install("loud-plugin", "from loud_helper import MARK\n" + LOUD)
    assert rows_of(run_lcgan("plugins", "--json").stdout)["loud-plugin"]["status"] == "ok"
    helper.write_text(damage, encoding="utf-8")
    for module in ("loud_helper", "loud_plugin"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    forget_plugins()
    for _ in range(2):
        assert rows_of(run_lcgan("plugins", "--json").stdout)["loud-plugin"]["status"] == "broken"
