"""``ConstraintContract``: a sound constraint passes all of it, and each way of being broken fails the test that names it."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ConfigDict, Field, PrivateAttr

from lcgan_core import Constraint, ConstraintError
from lcgan_core.constraints.rules import Keyword, Length
from lcgan_core.testing import ConstraintContract


class TestLength(ConstraintContract):
    constraint = Length
    options: ClassVar = {"max_words": 3}
    satisfied = ("good", "very good food")
    violated = ("the food was good", "")


class TestKeyword(ConstraintContract):
    constraint = Keyword
    options: ClassVar = {"words": "friendly"}
    satisfied = ("Friendly staff",)
    violated = ("unfriendly staff",)


class FirstAbove(Constraint):
    """Points whose first coordinate is above a bound."""

    name = "first-above"
    bound: float = 0.0
    """Lowest first coordinate that satisfies."""

    def __call__(self, samples: Sequence[Sequence[float]]) -> list[float]:
        return [float(sample[0] > self.bound) for sample in samples]


class TestSamplesNeedNotBeTexts(ConstraintContract):
    constraint = FirstAbove
    satisfied = ([1.0, 0.0],)
    violated = ((-1.0, 0.0),)
    odd_samples = ([0.0, float("nan")],)


class TestWithoutConstraintIsOnlyABase(ConstraintContract):
    satisfied = ("!",)


class Sound(Constraint):
    """Texts with an exclamation mark."""

    name = "sound"
    marks: int = 1
    """How many of them."""

    def __call__(self, samples: Sequence[str]) -> Sequence[Any]:
        return [float(text.count("!") >= self.marks) for text in samples]


class Nameless(Sound):
    """."""

    name = None  # type: ignore[assignment]


class Spaced(Sound):
    """."""

    name = "my wish"


class Silent(Sound):
    name = "silent"


class Unexplained(Sound):
    """."""

    more: int = 1


class Reversed(Sound):
    """."""

    def __call__(self, samples: Sequence[str]) -> Sequence[Any]:
        return [1 - value for value in super().__call__(samples)]


class TooMany(Sound):
    """."""

    def __call__(self, samples: Sequence[str]) -> Sequence[Any]:
        return [*super().__call__(samples), 1.0] if samples else []


class Infinite(Sound):
    """."""

    def __call__(self, samples: Sequence[str]) -> Sequence[Any]:
        return [float("inf") if not text.isascii() else 1.0 for text in samples]


class FailsOnEmptyTexts(Sound):
    """."""

    def __call__(self, samples: Sequence[str]) -> Sequence[Any]:
        return [float(text[0] == "!") for text in samples]


class FailsWithoutSamples(Sound):
    """."""

    def __call__(self, samples: Sequence[str]) -> Sequence[Any]:
        return [sum(map(len, samples)) / (len(samples) * 1e9)] * len(samples)


class OneForNothing(Sound):
    """."""

    def __call__(self, samples: Sequence[str]) -> Sequence[Any]:
        return super().__call__(samples) or [0.0]


class RelativeToBatch(Sound):
    """."""

    def __call__(self, samples: Sequence[str]) -> Sequence[Any]:
        longest = max((len(text) for text in samples), default=0)
        return [float(bool(longest) and len(text) == longest) for text in samples]


class ByPosition(Sound):
    """."""

    def __call__(self, samples: Sequence[str]) -> Sequence[Any]:
        return [1 / (1 + place) for place, _ in enumerate(samples)]


class ByChance(Sound):
    """."""

    def __call__(self, samples: Sequence[str]) -> Sequence[Any]:
        return [random.random() for _ in samples]


class TakesAnything(Sound):
    """."""

    model_config = ConfigDict(extra="allow")


class Changeable(Sound):
    """."""

    model_config = ConfigDict(frozen=False)


class Hashless(Sound):
    """."""

    words: list[str] = Field(default_factory=list)
    """Some words."""


class KeepsSomething(Sound):
    """."""

    _kept: object = PrivateAttr(default_factory=object)


class Numbered(Sound):
    """."""

    _number: int = PrivateAttr(default_factory=count().__next__)

    @property
    def fingerprint(self) -> str:
        return str(self._number)


class OneFingerprint(Sound):
    """."""

    @property
    def fingerprint(self) -> str:
        return "0123456789abcdef"


class KeepsAFunction(Sound):
    """."""

    _count: Any = PrivateAttr(default_factory=lambda: lambda text: text.count("!"))


class ForgetsItsOptions(Sound):
    """."""

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state | {"__dict__": {"marks": 2}})


class OtherWhenPickled(Sound):
    """."""

    _pickled: bool = PrivateAttr(False)

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state | {"__pydantic_private__": {"_pickled": True}})

    @property
    def fingerprint(self) -> str:
        return f"{super().fingerprint} {self._pickled}"


def contract_of(kind: type[Constraint], options: dict[str, Any] | None = None) -> ConstraintContract:
    class Contract(ConstraintContract):
        constraint = kind
        satisfied = ("hey!",)
        violated = ("hey", "Hey there.")

    Contract.options = options or {}
    return Contract()


CHECKS = [name for name in vars(ConstraintContract) if name.startswith("test_")]


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_constraint_passes(check: str) -> None:
    getattr(contract_of(Sound), check)()


@pytest.mark.parametrize(
    ("kind", "check", "message"),
    [
        (Nameless, "has_a_name_and_a_docstring", "Nameless has no name. Give it one"),
        (Spaced, "has_a_name_and_a_docstring", "has the name 'my wish', which .* Leave out spaces"),
        (Silent, "has_a_name_and_a_docstring", "Silent has no docstring.*say what satisfies it"),
        (Unexplained, "every_option_is_documented", "without a description: more. Write"),
        (Reversed, "examples_have_the_values_they_should", "0 for 'hey!', which should satisfy; 1 for 'hey', which should vio"),
        (TooMany, "every_sample_gets_one_value", "returned 2 values for 1 samples"),
        (Infinite, "every_sample_gets_one_value", "returned inf for '👍"),
        (FailsOnEmptyTexts, "every_sample_gets_one_value", "failed .* first of them '': IndexError"),
        (FailsWithoutSamples, "no_samples_get_no_values", "fails on an empty list: ZeroDivisionError"),
        (OneForNothing, "no_samples_get_no_values", r"returns \[0.0\] for no samples at all"),
        (RelativeToBatch, "values_depend_on_the_sample_alone", "returns 0.0 for 'hey!' in a batch, but 1.0 alone"),
        (ByPosition, "values_depend_on_the_sample_alone", "Values may depend on nothing but the sample"),
        (ByChance, "values_depend_on_the_sample_alone", "no state, no randomness, no other samples"),
        (TakesAnything, "unknown_options_are_refused", "mistyped --set would go unnoticed"),
        (Changeable, "is_frozen_and_equal_by_options", "can be changed after it was made"),
        (Hashless, "is_frozen_and_equal_by_options", "Declare options as tuples, not lists"),
        (KeepsSomething, "is_frozen_and_equal_by_options", "are not equal. Keep nothing in it but its options"),
        (Numbered, "fingerprint_follows_the_options", "same options have different fingerprints"),
        (OneFingerprint, "fingerprint_follows_the_options", "with another marks has the same fingerprint"),
        (KeepsAFunction, "survives_pickling", "cannot be sent to another process"),
        (ForgetsItsOptions, "survives_pickling", "another value for 'hey!' after pickling"),
        (OtherWhenPickled, "survives_pickling", "another fingerprint after pickling"),
    ],
)
def test_what_is_broken_is_told(kind: type[Constraint], check: str, message: str) -> None:
    with pytest.raises((AssertionError, ConstraintError), match=message):
        getattr(contract_of(kind), f"test_{check}")()


def test_options_of_the_examples_must_be_taken() -> None:
    with pytest.raises(AssertionError, match=r"Sound refuses .*options, which are {'marks': 'many'}: (.|\n)*valid integer"):
        contract_of(Sound, {"marks": "many"}).test_every_sample_gets_one_value()


@pytest.mark.parametrize("kind", ["satisfied", "violated"])
@pytest.mark.parametrize("samples", [(), "hey!"])
def test_examples_of_both_kinds_must_be_given(kind: str, samples: Any) -> None:
    contract = contract_of(Sound)
    setattr(type(contract), kind, samples)
    with pytest.raises(AssertionError, match=rf"Contract.{kind} is {re.escape(repr(samples))}. Make it a tuple"):
        contract.test_examples_have_the_values_they_should()


def test_values_may_differ_by_the_tolerance_alone() -> None:
    class Wavering(Sound):
        def __call__(self, samples: Sequence[str]) -> Sequence[Any]:
            return [0.5 + 1e-3 * (len(samples) == 1) for _ in samples]

    contract = contract_of(Wavering)
    with pytest.raises(AssertionError, match=r"returns 0.5 .* but 0.501 alone"):
        contract.test_values_depend_on_the_sample_alone()
    type(contract).tolerance = 1e-2
    contract.test_values_depend_on_the_sample_alone()


def test_an_option_without_meaning_may_stay_out_of_the_fingerprint() -> None:
    contract = contract_of(OneFingerprint)
    type(contract).meaningless_options = ["marks"]
    contract.test_fingerprint_follows_the_options()


@pytest.mark.parametrize(
    ("first_line", "message"),
    [("import torch", "imports torch, and so would every"), ("import no_such_module", "No module named 'no_such_module'")],
)
def test_a_module_that_is_slow_or_broken_in_a_fresh_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_line: str, message: str
) -> None:
    (tmp_path / "slow_plugin.py").write_text(first_line, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    slow = type("Slow", (Sound,), {"__module__": "slow_plugin"})
    with pytest.raises(AssertionError, match=message):
        contract_of(slow).test_import_is_light()


def test_pytest_collects_subclasses_with_a_constraint_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "test_author.py").write_text(
        "from lcgan_core.constraints.rules import Length\n"
        "from lcgan_core.testing import ConstraintContract\n"
        "class TestBase(ConstraintContract):\n    satisfied = ['a']\n"
        "class TestShort(TestBase):\n    constraint = Length\n    violated = ['a b c d e f g h']\n",
        encoding="utf-8",
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--collect-only", "--rootdir", tmp_path, "-p", "no:cacheprovider", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    collected = [line.rpartition("::")[2] for line in ran.stdout.splitlines() if "::" in line]
    assert collected == CHECKS
    assert ran.stdout.count("::TestShort::") == len(CHECKS)


def test_the_contract_needs_neither_torch_nor_pytest() -> None:
    check = "import lcgan_core.testing, sys; assert not {'torch', 'pytest'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
