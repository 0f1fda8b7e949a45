"""What a constraint is, and the one place where constraints are asked for values."""

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
"""The value from which on a sample counts as satisfying."""


class Constraint(BaseModel):
    """A wish about decoded samples. Subclasses set ``name``, declare their options as fields, and define ``__call__``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: ClassVar[str]
    """What ``--constraint`` calls it."""
    judges: ClassVar[frozenset[str] | None] = None
    """Names of the kinds of sample that it can judge, such as ``frozenset({"text"})``; None where it can judge any."""
    expensive: ClassVar[bool] = False
    """Whether scores are worth caching on disk."""

    def __call__(self, samples: Sequence[Any]) -> Sequence[float]:
        """One value in [0, 1] for each sample, in order: 1.0 is satisfied, 0.0 is not. No order or batch size may matter."""
        raise NotImplementedError

    def bind(self, model: LatentModel[Any]) -> Constraint:
        """The constraint as it judges samples of ``model``. Most need nothing of the model and are that already."""
        return self

    def trust(self) -> Trust | None:
        """How far to trust the values of a constraint that was learned; None for a rule."""
        return None

    @property
    def fingerprint(self) -> str:
        """Identifies the meaning of this constraint, its options included: 16 hex digits."""
        meaning = f"{type(self).__module__}.{type(self).__qualname__} {self.model_dump_json()}"
        return hashlib.sha256(meaning.encode()).hexdigest()[:16]


def bound(constraint: Constraint, model: LatentModel[Any]) -> Constraint:
    """The constraint as it judges samples of ``model``; raises ``ConstraintError`` where it cannot judge their kind."""
    made = model.sample_kind.name
    if constraint.judges is not None and made not in constraint.judges:
        raise ConstraintError(
            f"{constraint.name} judges {' and '.join(sorted(constraint.judges))}; the model {model.name} makes {made}. "
            "Choose another constraint, or another --model."
        )
    return constraint.bind(model)


def evaluate(constraint: Constraint, samples: Sequence[Any]) -> list[float]:
    """The constraint's values of ``samples``.

    Raises ``ConstraintError`` where the constraint fails, returns another number of values than it got samples, or returns
    a value that is not a finite number in [0, 1]: a wish that cannot be measured is never counted as unsatisfied.
    """
    if not samples:
        return []
    label = f"Constraint {constraint.name!r}"
    try:
        values = list(constraint(samples))
    except ConstraintError:  # says already what to do
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
