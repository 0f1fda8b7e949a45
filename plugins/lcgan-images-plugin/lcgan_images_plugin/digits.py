"""The classifier of handwritten digits that ships, and the constraint ``digit``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from lcgan_core import Constraint, Images

if TYPE_CHECKING:
    from torch import Tensor

    from .networks import DigitClassifier

SHIPPED = Path(__file__).parent / "digits"
"""The classifier; its README.md describes its origin and accuracy."""
SIDE = 28
BATCH = 1000


@cache
def digit_classifier() -> DigitClassifier:
    """The frozen classifier, loaded once per process."""
    from .networks import load_classifier

    return load_classifier(SHIPPED)


def digit_features(pictures: Iterable[Any]) -> tuple[Tensor, Tensor]:
    """What the classifier sees in each picture before it decides, ``[n, features]``, and the logits of the ten digits
    ``[n, 10]``. Pictures of another size are scaled and cropped, coloured ones made grey."""
    import torch

    from .reading import fitted
    from .training import as_input

    classifier = digit_classifier()
    plain = [torch.from_numpy(fitted(Images.array(picture), (SIDE, SIDE), "L").copy()) for picture in pictures]
    with torch.no_grad():
        parts = [classifier(as_input(torch.stack(plain[at : at + BATCH]))) for at in range(0, len(plain), BATCH)]
    return torch.cat([part.features for part in parts]), torch.cat([part.logits for part in parts])


def _from_commas(digits: object) -> object:
    if isinstance(digits, int):
        return (digits,)
    return tuple(digit.strip() for digit in digits.split(",")) if isinstance(digits, str) else digits


def _are_digits(digits: tuple[int, ...]) -> tuple[int, ...]:
    if not digits or not all(0 <= digit <= 9 for digit in digits):
        raise ValueError("give digits from 0 to 9, with commas between")
    return tuple(sorted(set(digits)))


Digits = Annotated[tuple[int, ...], BeforeValidator(_from_commas), AfterValidator(_are_digits)]
"""One or more digits; a number, or text with commas between, counts too."""


class Digit(Constraint):
    """Pictures of a handwritten digit, light on dark as in MNIST, as judged by a small network that ships with the plugin."""

    name = "digit"
    judges = frozenset({"images"})

    digits: Digits
    """The digit you want, or several of them, any of which will do; the value is their probability."""

    def __call__(self, samples: Sequence[Any]) -> list[float]:
        if not samples:
            return []
        _, logits = digit_features(samples)
        probabilities: list[float] = logits.softmax(1)[:, list(self.digits)].sum(1).clamp(0, 1).tolist()
        return probabilities
