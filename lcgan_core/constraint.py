"""What a constraint is, and the one place where constraints are evaluated."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from .errors import ConstraintError
from .figures import Trust

if TYPE_CHECKING:
    from .latent_model import LatentModel

SATISFIED = 0.5
"""Minimum value at which a sample satisfies a constraint."""


class Constraint(BaseModel):
    """A condition on decoded samples. Subclasses set ``name``, declare options as fields, and define ``__call__``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: ClassVar[str]
    """The name that ``--constraint`` takes."""
    judges: ClassVar[frozenset[str] | None] = None
    """Names of the kinds of sample that it can judge, such as ``frozenset({"text"})``; None means any kind."""
    expensive: ClassVar[bool] = False
    """Whether scores are worth caching on disk."""

    def __call__(self, samples: Sequence[Any]) -> Sequence[float]:
        """One value in [0, 1] for each sample, in order: 1.0 is satisfied, 0.0 is not. A sample's value must not depend on the
        other samples in the batch."""
        raise NotImplementedError

    def bind(self, model: LatentModel[Any]) -> Constraint:
        """The constraint for samples of ``model``. Model-independent constraints return ``self``."""
        return self

    def trust(self) -> Trust | None:
        """How far to trust the values of a learned constraint; None for a rule."""
        return None

    @property
    def fingerprint(self) -> str:
        """Identifies what this constraint means, options included: 16 hex digits."""
        meaning = f"{type(self).__module__}.{type(self).__qualname__} {self.model_dump_json()}"
        return hashlib.sha256(meaning.encode()).hexdigest()[:16]


def bound(constraint: Constraint, model: LatentModel[Any]) -> Constraint:
    """The constraint bound to ``model``; raises ``ConstraintError`` if it cannot judge the model's kind of sample."""
    made = model.sample_kind.name
    if constraint.judges is not None and made not in constraint.judges:
        raise ConstraintError(
            f"{constraint.name} judges {' and '.join(sorted(constraint.judges))}; the model {model.name} makes {made}. "
            "Choose another constraint, or another --model."
        )
    return constraint.bind(model)


def evaluate(constraint: Constraint, samples: Sequence[Any]) -> list[float]:
    """The constraint's values for ``samples``.

    Raises ``ConstraintError`` if the constraint fails, returns the wrong number of values, or returns a value that is not a
    finite number in [0, 1]. A sample that cannot be scored never counts as unsatisfied.
    """
    if not samples:
        return []
    label = f"Constraint {constraint.name!r}"
    try:
        values = list(constraint(samples))
    except ConstraintError:  # already says what to do
        raise
    except Exception as error:
        raise ConstraintError(
            f"{label} failed on a batch of {len(samples)} samples, the first of them {_shown(samples[0])}: "
            f"{type(error).__name__}: {error}. Mend the constraint; no sample was scored as unsatisfied."
        ) from error
    if len(values) != len(samples):
        raise ConstraintError(
            f"{label} returned {len(values)} values for {len(samples)} samples, the first of them {_shown(samples[0])}. "
            "Return exactly one value for each sample, in their order."
        )
    checked = []
    for sample, value in zip(samples, values, strict=True):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not 0.0 <= number <= 1.0:
            raise ConstraintError(
                f"{label} returned {value!r} for {_shown(sample)}. Values are finite numbers in [0, 1]; 1 means satisfied."
            )
        checked.append(number)
    return checked


def _shown(sample: Any) -> str:
    text = repr(sample)
    return text if len(text) <= 80 else text[:77] + "..."
