"""The contract that every constraint must fulfil."""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import ValidationError

from ..constraint import SATISFIED, Constraint, evaluate
from .shared import ODD_TEXTS, assert_import_is_light, assert_name_is_usable


class ConstraintContract:
    """Tests that every constraint must pass. A subclass without ``constraint`` is not run; it is only a base for others."""

    __test__ = False

    constraint: ClassVar[type[Constraint]]
    """The class to test."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Options to construct it with."""
    satisfied: ClassVar[Sequence[Any]] = ()
    """Samples with a value of at least 0.5, under these options; at least one."""
    violated: ClassVar[Sequence[Any]] = ()
    """Samples with a value below 0.5; at least one."""
    odd_samples: ClassVar[Sequence[Any] | None] = None
    """Samples that may have any value in [0, 1]. Odd texts by default, if the constraint judges text."""
    tolerance: ClassVar[float] = 1e-4
    """Maximum difference between batches in the value of a sample, for values computed in floating point."""
    meaningless_options: ClassVar[Sequence[str]] = ()
    """Options that the fingerprint leaves out, because no value depends on them."""

    def __init_subclass__(cls) -> None:
        cls.__test__ = hasattr(cls, "constraint")

    def test_has_a_name_and_a_docstring(self) -> None:
        assert_name_is_usable(self.constraint, "--constraint and --set")
        assert (self.constraint.__doc__ or "").strip(), (
            f"{self._class} has no docstring. `lcgan constraints` shows its first line: say what satisfies it."
        )

    def test_every_option_is_documented(self) -> None:
        bare = [name for name, info in self.constraint.model_fields.items() if not (info.description or "").strip()]
        assert not bare, (
            f"Options of {self._class} without a description: {', '.join(bare)}. "
            'Write a """docstring""" below each field; `lcgan constraints NAME` shows it.'
        )

    def test_examples_have_the_values_they_should(self) -> None:
        for kind, samples in (("satisfied", self.satisfied), ("violated", self.violated)):
            given = bool(samples) and not isinstance(samples, str)
            assert given, f"{type(self).__name__}.{kind} is {samples!r}. Make it a tuple or list of at least one sample."
        constraint = self._made()
        wrong = [
            f"{value:.3g} for {sample!r:.80}, which should {'satisfy' if holds else 'violate'}"
            for holds, samples in ((True, self.satisfied), (False, self.violated))
            for sample, value in zip(samples, evaluate(constraint, samples), strict=True)
            if math.isnan(value) or (value >= SATISFIED) != holds
        ]
        assert not wrong, (
            f"{self._class} returns {'; '.join(wrong)}. From {SATISFIED} on a sample satisfies. "
            "Correct the constraint, or the examples."
        )

    def test_every_sample_gets_one_value(self) -> None:
        constraint = self._made()
        for sample in self._samples:
            evaluate(constraint, [sample])
        evaluate(constraint, self._samples)

    def test_no_samples_get_no_values(self) -> None:
        try:
            values = list(self._made()([]))
        except Exception as error:
            raise AssertionError(
                f"{self._class} fails on an empty list: {type(error).__name__}: {error}. Return an empty list."
            ) from error
        assert values == [], f"{self._class} returns {values} for no samples at all. Return an empty list."

    def test_values_depend_on_the_sample_alone(self) -> None:
        constraint, samples = self._made(), self._samples
        together = evaluate(constraint, samples)
        otherwise = {
            "alone": [evaluate(constraint, [sample])[0] for sample in samples],
            "in a batch in reverse": evaluate(constraint, samples[::-1])[::-1],
            "when asked again": evaluate(constraint, samples),
        }
        for how, values in otherwise.items():
            for sample, first, second in zip(samples, together, values, strict=True):
                assert self._same(first, second), (
                    f"{self._class} returns {first} for {sample!r:.80} in a batch, but {second} {how}. Values may depend on "
                    "nothing but the sample and the options: no state, no randomness, no other samples."
                )

    def test_unknown_options_are_refused(self) -> None:
        try:
            self.constraint(**{**self.options, "no_such_option": 1})
        except ValidationError:
            return
        raise AssertionError(
            f"{self._class} takes an option that it does not have, so a mistyped --set would go unnoticed. "
            "Leave extra='forbid' in model_config as it is."
        )

    def test_is_frozen_and_equal_by_options(self) -> None:
        first, second = self._made(), self._made()
        assert self.constraint.model_config.get("frozen"), (
            f"{self._class} can be changed after it was made. Leave frozen=True in model_config as it is."
        )
        assert first == second, (
            f"Two of {self._class} with the same options are not equal. Keep nothing in it but its options; "
            "what takes long to load belongs in a function with functools.cache."
        )
        try:
            hash(first)
        except TypeError as error:
            raise AssertionError(
                f"{self._class} has no hash: {error}. Declare options as tuples, not lists or dicts."
            ) from error

    def test_fingerprint_follows_the_options(self) -> None:
        constraint = self._made()
        assert constraint.fingerprint == self._made().fingerprint, (
            f"Two of {self._class} with the same options have different fingerprints, so no critic could be used again. "
            "Compute the fingerprint from the options and from files that the values depend on, nothing else."
        )
        for option in set(self.constraint.model_fields) - set(self.meaningless_options):
            assert _fingerprint_with(constraint, option, "another value") != constraint.fingerprint, (
                f"{self._class} with another {option} has the same fingerprint, so the critic of one would be taken for the "
                f"other's. Let the fingerprint depend on it; or, if no value does, add it to {type(self).__name__}."
                "meaningless_options."
            )

    def test_survives_pickling(self) -> None:
        constraint = self._made()
        values = evaluate(constraint, self._samples)
        try:
            again = pickle.loads(pickle.dumps(constraint))
        except Exception as error:
            raise AssertionError(
                f"{self._class} cannot be sent to another process: {type(error).__name__}: {error}. Define it at the top level "
                "of its module and keep in it nothing but options."
            ) from error
        far = [
            sample
            for sample, before, after in zip(self._samples, values, evaluate(again, self._samples), strict=True)
            if not self._same(before, after)
        ]
        assert not far, (
            f"{self._class} returns another value for {far[0]!r:.80} after pickling. "
            "Keep in it nothing but options, which pickling keeps."
        )
        assert again.fingerprint == constraint.fingerprint, (
            f"{self._class} has another fingerprint after pickling. Compute the fingerprint from the options."
        )

    def test_import_is_light(self) -> None:
        assert_import_is_light(self.constraint.__module__, "the constraint")

    def _same(self, first: float, second: float) -> bool:
        """Whether two values are alike; NaN stands for a sample that the constraint cannot judge."""
        return math.isclose(first, second, rel_tol=0, abs_tol=self.tolerance) or (math.isnan(first) and math.isnan(second))

    @property
    def _class(self) -> str:
        return self.constraint.__qualname__

    @property
    def _samples(self) -> list[Any]:
        judges_text = self.constraint.judges is None or "text" in self.constraint.judges
        odd = (ODD_TEXTS if judges_text else ()) if self.odd_samples is None else self.odd_samples
        return [*self.satisfied, *self.violated, *odd]

    def _made(self) -> Constraint:
        try:
            return self.constraint(**self.options)
        except ValidationError as error:
            raise AssertionError(
                f"{self._class} refuses {type(self).__name__}.options, which are {dict(self.options)}: {error}\n"
                "Give options that it takes."
            ) from error


def _fingerprint_with(constraint: Constraint, option: str, value: object) -> str | None:
    """The fingerprint with ``option`` set to a value that may be invalid; None if that fails, which shows that it was read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return constraint.model_copy(update={option: value}).fingerprint
    except Exception:
        return None
