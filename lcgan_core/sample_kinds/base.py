"""What every kind of sample can do; nothing else in core knows what a sample is made of."""

from __future__ import annotations

import hashlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from ..errors import SampleError

SampleT = TypeVar("SampleT")


class SampleKind(ABC, Generic[SampleT]):
    """A kind of sample. It has no state but its options: a latent model names its kind by ``sample_kind = Images()``."""

    name: ClassVar[str]
    """What constraints call it in ``judges``, and ``lcgan try`` in ``--kind``."""
    in_files: ClassVar[bool] = False
    """Whether each sample is kept in a file of its own. The others are typed, and written into tables as they are."""

    @abstractmethod
    def key(self, sample: SampleT) -> str:
        """Identifies the content: equal samples have the same key, in any process. Raises ``SampleError`` for a sample of
        another kind."""

    @abstractmethod
    def line(self, sample: SampleT) -> str:
        """What a terminal shows: one line."""

    def html(self, sample: SampleT) -> str:
        """What a page shows: safe HTML without scripts that needs no other file."""
        return escape(self.line(sample))

    def html_change(self, before: SampleT, after: SampleT) -> str:
        """The HTML of ``after``, where a kind can with marks on what differs from ``before``."""
        return self.html(after)

    @abstractmethod
    def parse(self, given: str, folder: Path = Path()) -> SampleT:
        """The sample that a person typed, or whose file they named, relative to ``folder``; raises ``SampleError``."""

    @abstractmethod
    def keep(self, sample: SampleT, folder: Path, within: str = "samples") -> str:
        """Text from which ``parse(text, folder)`` gets the sample again, for a row of a table that lies in ``folder``. What is
        kept in files is written to the folder ``within`` it."""

    @abstractmethod
    def load(self, path: Path, column: str = "text") -> list[SampleT]:
        """The samples of a file or folder, in order; ``column`` is that of typed samples in a table.

        Raises ``SampleError`` or ``CorpusError`` where there are none or they cannot be read.
        """

    @abstractmethod
    def save(self, samples: Sequence[SampleT], folder: Path) -> list[Path]:
        """Writes the samples into ``folder`` in the usual format, for ``load`` to read again; returns the files."""

    def closeness(self, before: Sequence[SampleT], after: Sequence[SampleT]) -> list[float]:
        """How much of each sample is still in the one after it, in [0, 1]; 1 for the same, and nothing between by default."""
        return [float(self.key(first) == self.key(second)) for first, second in zip(before, after, strict=True)]

    @property
    def column(self) -> str:
        """The column of a table that holds ``keep``'s text."""
        return "file" if self.in_files else "text"

    def distinct(self, samples: Sequence[SampleT]) -> list[SampleT]:
        """The samples without repetitions, in order of their first occurrence."""
        found: dict[str, SampleT] = {}
        for sample in samples:
            found.setdefault(self.key(sample), sample)
        return list(found.values())

    def unique(self, samples: Sequence[SampleT]) -> float:
        """The share of different samples."""
        return len(set(map(self.key, samples))) / len(samples)


class FileKind(SampleKind[SampleT]):
    """A kind whose samples are kept in a file each; a subclass tells how to read and write one."""

    in_files: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]]
    """Ends of the names of files that ``read`` takes; ``write`` writes the first."""

    @abstractmethod
    def read(self, path: Path) -> SampleT:
        """The sample in an existing file; may raise any ``Exception`` where it is none."""

    @abstractmethod
    def write(self, sample: SampleT, path: Path) -> None:
        """Writes the sample, such that what ``read`` gets has the same key."""

    def parse(self, given: str, folder: Path = Path()) -> SampleT:
        path = folder / Path(given.strip()).expanduser()
        if not path.is_file():
            raise SampleError(f"No file {path}. A sample of the kind {self.name} is given as a file: {self._endings}.")
        if path.suffix.lower() not in self.suffixes:
            raise SampleError(f"{path}: a file of the kind {self.name} ends in {self._endings}.")
        try:
            return self.read(path)
        except SampleError:
            raise
        except Exception as error:  # readers raise whatever damaged bytes lead them to
            raise SampleError(f"{path} cannot be read as {self.name}: {error}. Give another file.") from error

    def keep(self, sample: SampleT, folder: Path, within: str = "samples") -> str:
        """The path, from ``folder``, of a file that is called by the sample's key; it is written unless it is there."""
        path = folder / within / f"{self.key(sample)}{self.suffixes[0]}"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.write(sample, path)
        return f"{within}/{path.name}"

    def load(self, path: Path, column: str = "text") -> list[SampleT]:
        """The sample of a file, or those of all files of the kind in a folder, by name."""
        if not path.is_dir():
            return [self.parse(str(path))]
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in self.suffixes)
        if not files:
            raise SampleError(f"{path} holds no file that ends in {self._endings}.")
        return [self.parse(str(file)) for file in files]

    def save(self, samples: Sequence[SampleT], folder: Path) -> list[Path]:
        """Writes 0001, 0002 and so on."""
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{number:04}{self.suffixes[0]}" for number in range(1, len(samples) + 1)]
        for sample, file in zip(samples, files, strict=True):
            self.write(sample, file)
        return files

    @property
    def _endings(self) -> str:
        return ", ".join(self.suffixes)


def key_of(shape: Sequence[int], content: bytes) -> str:
    """A key of an array: 32 hex digits."""
    return hashlib.sha256(f"{tuple(shape)} ".encode() + content).hexdigest()[:32]


def is_tensor(sample: Any) -> bool:
    """Whether it is a tensor of torch, which need not be imported for that."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(sample, torch.Tensor)


def as_numpy(sample: Any) -> Any:
    """A NumPy array of a tensor on any device, and of whatever else NumPy takes."""
    import numpy as np

    if is_tensor(sample):
        sample = sample.detach().cpu()
        sample = sample.float() if sample.is_floating_point() else sample  # NumPy has no bfloat16
    return np.asarray(sample)
