"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from lcgan_core import figures
from lcgan_core.constraints import rules
from lcgan_core.sample_kinds import text


@pytest.mark.parametrize("module", [figures, rules, text], ids=lambda module: module.__name__)
def test_the_examples_of_a_module(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
