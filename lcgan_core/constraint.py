"""What a constraint is, and the one place where constraints are evaluated."""

from __future__ import annotations

import copy
import hashlib
import inspect
import math
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import ConstraintError
from .figures import Trust
from .options import Options
from .sources import code_of, place_of, told

if TYPE_CHECKING:
    from .latent_model import LatentModel

SATISFIED = 0.5
"""Minimum value at which a sample satisfies a constraint."""


class Constraint(Options):
    """A condition on decoded samples. Subclasses set ``name``, declare options as fields, and define ``__call__``."""

    name: ClassVar[str]
    """The name that ``--constraint`` takes."""
    judges: ClassVar[frozenset[str] | None] = None
    """Names of the kinds of sample that it can judge, such as ``frozenset({"text"})``; None means any kind."""
    expensive: ClassVar[bool] = False
    """Whether scores are worth caching on disk."""
    may_abstain: ClassVar[bool] = False
    """Whether it may return None for a sample that it cannot judge. Such samples are left out of the labels and of every share
    that is measured, and are counted."""
    may_grow: ClassVar[bool] = False
    """Whether its data may grow after a run and still mean the same wish, as labels do. The run then asks it as it is now."""

    def __call__(self, samples: Sequence[Any]) -> Sequence[float | None]:
        """One value in [0, 1] for each sample, in order: 1.0 is satisfied, 0.0 is not. A sample's value must not depend on the
        other samples in the batch. None is for a sample that cannot be judged, if the class says ``may_abstain = True``."""
        raise NotImplementedError

    def bind(self, model: LatentModel[Any]) -> Constraint:
        """The constraint for samples of ``model``. Model-independent constraints return ``self``."""
        return self

    def trust(self) -> Trust | None:
        """How far to trust the values of a learned constraint; None for a rule."""
        return None

    @property
    def fingerprint(self) -> str:
        """Identifies what this constraint means: 16 hex digits. Critics and cached scores are reused where it is the same.

        It follows the options and the code: the source and data files of the class's module or package, and the version of its
        distribution. Override it where values depend on anything else, or on less: ``return self.fingerprint_of(...)``.
        """
        return self.fingerprint_of(f"{type(self).__module__}.{type(self).__qualname__}", self.model_dump_json())

    def fingerprint_of(self, *meaning: str) -> str:
        """The fingerprint of this class's code together with ``meaning``, such as its options and the hash of a file."""
        return hashlib.sha256("\0".join([code_of(type(self)), *meaning]).encode()).hexdigest()[:16]


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
    """The constraint's values for ``samples``; NaN for a sample that it cannot judge, if it ``may_abstain``.

    Raises ``ConstraintError`` if the constraint fails, returns the wrong number of values, or returns a value that is not a
    finite number in [0, 1]. A sample that cannot be scored never counts as unsatisfied.
    """
    if not samples:
        return []
    label = f"Constraint {constraint.name!r}"
    try:
        values = _listed(constraint(_own(samples)), len(samples))
    except (ConstraintError, KeyboardInterrupt):  # these already say what to do
        raise
    except BaseException as error:  # SystemExit too: sys.exit() in a constraint must not end the run as if it had succeeded
        raise ConstraintError(
            f"{label} failed{place_of(error)} on a batch of {len(samples)} samples, the first of them {shown(samples[0])}: "
            f"{told(error)}. Fix the constraint; no sample was scored as unsatisfied."
        ) from error
    if len(values) != len(samples):
        raise ConstraintError(
            f"{label} returned {len(values)} values for {len(samples)} samples, the first of them {shown(samples[0])}. "
            "Return exactly one value for each sample, in their order."
        )
    return [
        math.nan if value is None and constraint.may_abstain else _checked(label, sample, value)
        for sample, value in zip(samples, values, strict=True)
    ]


def _own(samples: Sequence[Any]) -> list[Any]:
    """A copy that a constraint may change; the samples themselves are copied where they can be."""
    try:
        return copy.deepcopy(list(samples))
    except Exception:  # a kind of sample that cannot be copied
        return list(samples)


def _listed(values: Any, count: int) -> list[Any]:
    """What a constraint returned, as a list; raises ``TypeError`` if it cannot be one value for each sample, in order."""
    if values is None or isinstance(values, (str, bytes, Mapping, Set)) or inspect.isawaitable(values):
        raise TypeError(f"it returned {'None' if values is None else f'a {type(values).__name__}'}, not a list of values")
    shape = getattr(values, "shape", None)  # NumPy, torch and others alike, without importing them
    if isinstance(shape, tuple):
        if not shape:
            raise TypeError(f"it returned one number for {count} samples, not a list of values")
        if any(size != 1 for size in shape[1:]):
            raise TypeError(f"it returned an array of shape {tuple(shape)}, not ({count},) or ({count}, 1)")
    return [_bare(value) for value in values]


def _bare(value: Any) -> Any:
    """A value as plain Python has it: arrays and lists of one number become that number, tensors lose their gradient."""
    detach = getattr(value, "detach", None)
    to_python = getattr(detach() if callable(detach) else value, "tolist", None)
    value = to_python() if callable(to_python) else value
    while isinstance(value, (list, tuple)) and len(value) == 1:
        value = _bare(value[0])
    return value


def _checked(label: str, sample: Any, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, (str, bytes)) else float(value)
    except Exception:  # whatever a foreign type raises
        number = math.nan
    if value is None:
        raise ConstraintError(
            f"{label} returned None for {shown(sample)}, and does not say that it may. If it cannot judge every sample, "
            "declare that, so that such samples are left out: may_abstain = True in a class, or -> list[float | None] of a "
            "function."
        )
    if not 0.0 <= number <= 1.0:
        raise ConstraintError(
            f"{label} returned {value!r} for {shown(sample)}. Values are finite numbers in [0, 1]; 1 means satisfied."
        )
    return number


def shown(sample: Any) -> str:
    """The sample in an error message: on one line, and not at length."""
    text = repr(sample).replace("\n", "")
    return text if len(text) <= 80 else text[:77] + "..."
