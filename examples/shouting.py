from collections.abc import Callable, Sequence

from pydantic import Field

from lcgan_core import Constraint, hookimpl


class Shouting(Constraint):
    """Texts in capitals."""

    name = "shouting"
    judges = frozenset({"text"})
    share: float = Field(0.8, ge=0, le=1)
    """Minimum share of letters in capitals."""

    def __call__(self, samples: Sequence[str]) -> list[float]:
        return [float(sum(map(str.isupper, text)) >= self.share * max(1, sum(map(str.isalpha, text)))) for text in samples]


@hookimpl
def register_constraints(register: Callable[[type[Constraint]], None]) -> None:
    register(Shouting)
