from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from conftest import LinearModel

from lcgan_core import Constraint, ConstraintError, Images, Text
from lcgan_core.constraint import bound, evaluate
from lcgan_core.constraints.rules import Keyword, Length
from lcgan_core.engine.labelling import scores


class Fixed(Constraint):
    """Returns what it is told."""

    name = "fixed"
    returned: Any = None

    def __call__(self, samples: Any) -> Any:
        return self.returned(samples) if callable(self.returned) else self.returned


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([0.5], r"'fixed' returned 1 values for 2 samples"),
        ([0.5, math.nan], r"'fixed' returned nan for 'second'"),
        ([0.5, math.inf], r"'fixed' returned inf for 'second'"),
        ([-0.1, 1], r"'fixed' returned -0.1 for 'first'"),
        ([0, 1.01], r"'fixed' returned 1.01 for 'second'"),
        ([1, None], r"'fixed' returned None for 'second'"),
        ([1, "yes"], r"'fixed' returned 'yes' for 'second'"),
        (None, r"'fixed' failed on a batch of 2 samples, the first of them 'first': TypeError"),
        (lambda samples: 1 / 0, r"'fixed' failed .* ZeroDivisionError"),
    ],
)
def test_unusable_values_stop_with_the_constraint_and_the_sample(returned: Any, message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        evaluate(Fixed(returned=returned), ["first", "second"])


def test_a_sample_takes_one_line_of_a_message_however_large_it_is() -> None:
    import numpy as np

    with pytest.raises(ConstraintError, match=r"returned 2 for array\(\[\[.*\.\.\.\. Values are finite") as raised:
        evaluate(Fixed(returned=[2]), [np.zeros((28, 28))])
    assert "\n" not in str(raised.value)


def test_equal_samples_are_asked_about_once() -> None:
    import numpy as np

    asked: list[Any] = []

    def score(samples: list[Any]) -> list[float]:
        asked.extend(samples)
        return [len(sample) / 10 for sample in samples]

    assert scores(Fixed(returned=score), ["aa", "b", "aa"], Text()) == [0.2, 0.1, 0.2]
    assert asked == ["aa", "b"]
    light, dark = np.full((4, 4), 200, np.uint8), np.zeros((8, 8), np.uint8)
    assert scores(Fixed(returned=score), [light, dark, light.copy()], Images()) == [0.4, 0.8, 0.4]
    assert len(asked) == 4


class Pale(LinearModel):
    """A model of images, as far as a constraint asks."""

    name = "mnist"
    sample_kind = Images()  # type: ignore[assignment]


def test_a_constraint_is_bound_only_to_a_model_of_its_kind() -> None:
    with pytest.raises(ConstraintError, match="length judges text; the model mnist makes images"):
        bound(Length(), Pale(2))
    assert bound(Fixed(), Pale(2)) == Fixed(), "any kind, where a constraint says nothing"


def test_truth_values_and_tensors_are_values() -> None:
    import torch

    assert evaluate(Fixed(returned=[True, False]), ["a", "b"]) == [1.0, 0.0]
    assert evaluate(Fixed(returned=lambda samples: torch.tensor([0.25, 1.0])), ["a", "b"]) == [0.25, 1.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [("the food was good .", 5), ("", 0), ("Really?  Yes!", 2), ("well-made\tsoup", 2), ("😀 ok", 2)],
)
def test_length_counts_words_between_spaces(text: str, words: int) -> None:
    assert Length(min_words=words, max_words=max(1, words))([text]) == [1.0]
    assert Length(min_words=words + 1, max_words=words + 1)([text]) == [0.0]


def test_keyword_finds_whole_words_in_any_case() -> None:
    texts = ["Friendly staff", "an unfriendly place", "friendly, fast", "fast"]
    assert Keyword(words="friendly")(texts) == [1, 0, 1, 0]
    assert Keyword(words="friendly, fast", match="all")(texts) == [0, 0, 1, 0]
    assert Keyword(words=("friendly", "fast"))(texts) == [1, 0, 1, 1]


def test_fingerprints_follow_the_options() -> None:
    assert Length().fingerprint == Length(max_words=6).fingerprint
    assert Length().fingerprint != Length(max_words=7).fingerprint
    assert Length().fingerprint != Keyword(words="six").fingerprint


@pytest.mark.parametrize("change", [lambda c: setattr(c, "max_words", 3), lambda c: Length(no_such=1)])
def test_constraints_are_frozen_and_know_their_options(change: Callable[[Constraint], None]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        change(Length())


@pytest.mark.parametrize("change", ["clear", "pop", "sort", "reverse"])
def test_a_reward_may_change_the_list_that_it_gets(change: str) -> None:
    def judged(samples: list[Any]) -> list[float]:
        values = [float(len(sample) > 1) for sample in samples]
        getattr(samples, change)()
        return values

    mine = ["bb", "a", "cc"]
    assert evaluate(Fixed(returned=judged), mine) == [1, 0, 1]
    assert mine == ["bb", "a", "cc"]
    assert scores(Fixed(returned=judged), mine, Text()) == [1, 0, 1]


def test_a_reward_may_change_the_samples_themselves() -> None:
    import numpy as np

    def dimmed(samples: list[Any]) -> list[float]:
        for sample in samples:
            sample[:] = 0
        return [0.0 for _ in samples]

    mine = [np.full((2, 2), 9, np.uint8)]
    evaluate(Fixed(returned=dimmed), mine)
    assert mine[0].min() == 9


def returned_arrays() -> list[Any]:
    import numpy as np
    import torch

    return [
        np.array([[0.25], [1.0]]),
        torch.tensor([[0.25], [1.0]], requires_grad=True),
        [torch.tensor(0.25, requires_grad=True), torch.tensor([1.0], requires_grad=True)],
        [np.float32(0.25), np.array([[1.0]])],
        [[0.25], (1,)],
        (value for value in (0.25, True)),
        torch.tensor([0.25, 1.0], dtype=torch.bfloat16),
    ]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", range(7))
def test_odd_arrays_are_values(number: int) -> None:
    returned = returned_arrays()[number]
    assert evaluate(Fixed(returned=lambda samples: returned), ["a", "b"]) == [0.25, 1.0]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("numpy.zeros((2, 3))", r"an array of shape \(2, 3\), not \(2,\) or \(2, 1\)"),
        ("numpy.float64(1)", "one number for 2 samples"),
        ("torch.ones(())", "one number for 2 samples"),
        ("{'a': 1, 'b': 0}", "a dict, not a list"),
        ("{0, 1}", "a set, not a list"),
        ("'01'", "a str, not a list"),
        ("['0', '1']", "returned '0' for"),
        ("None", "returned None, not a list"),
    ],
)
def test_what_is_no_list_of_values_is_refused_by_name(made: str, message: str) -> None:
    import numpy
    import torch

    with pytest.raises(ConstraintError, match=message):
        evaluate(Fixed(returned=lambda samples: eval(made, {"numpy": numpy, "torch": torch})), ["a", "b"])
