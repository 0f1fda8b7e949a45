"""What every kind of sample can do. Nothing else in core knows what a sample is made of."""

from __future__ import annotations

import hashlib
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from ..errors import SampleError

SampleT = TypeVar("SampleT")


class SampleKind(ABC, Generic[SampleT]):
    """A kind of sample. Its options are its only state. A latent model names its kind: ``sample_kind = Images()``."""

    name: ClassVar[str]
    """Its name in a constraint's ``judges`` and in ``lcgan try --kind``."""
    in_files: ClassVar[bool] = False
    """Whether each sample has its own file. Other samples are typed, and written into tables directly."""

    @abstractmethod
    def key(self, sample: SampleT) -> str:
        """Identifies the content: equal samples have the same key, in every process. Raises ``SampleError`` for a sample of
        another kind."""

    @abstractmethod
    def line(self, sample: SampleT) -> str:
        """One line that shows the sample in a terminal."""

    def html(self, sample: SampleT) -> str:
        """HTML that shows the sample on a page: escaped, without scripts, and self-contained."""
        return escape(self.line(sample))

    def html_change(self, before: SampleT, after: SampleT) -> str:
        """The HTML of ``after``; a kind may mark what differs from ``before``."""
        return self.html(after)

    @abstractmethod
    def parse(self, given: str, folder: Path = Path()) -> SampleT:
        """The sample that a person typed, or the one in the file they named, relative to ``folder``; raises ``SampleError``."""

    @abstractmethod
    def keep(self, sample: SampleT, folder: Path, within: str = "samples") -> str:
        """Text from which ``parse(text, folder)`` recovers the sample, for a row of a table in ``folder``. A kind whose samples
        are files writes the file to ``folder/within``."""

    @abstractmethod
    def load(self, path: Path, column: str = "text") -> list[SampleT]:
        """The samples in a file or folder, in order; ``column`` is the column of typed samples in a table.

        Raises ``SampleError`` or ``CorpusError`` if there are none, or they cannot be read.
        """

    @abstractmethod
    def save(self, samples: Sequence[SampleT], folder: Path) -> list[Path]:
        """Writes the samples into ``folder`` in a common format that ``load`` can read; returns the files."""

    def closeness(self, before: Sequence[SampleT], after: Sequence[SampleT]) -> list[float]:
        """How much of each sample in ``before`` is left in its counterpart in ``after``, in [0, 1].

        By default, 1 if the two are the same, else 0.
        """
        return [float(self.key(first) == self.key(second)) for first, second in zip(before, after, strict=True)]

    def alike(self, sample: SampleT) -> str:
        """A key that is the same for samples that a person would call equal; by default, for equal samples."""
        return self.key(sample)

    @property
    def column(self) -> str:
        """The table column that holds the result of ``keep``."""
        return "file" if self.in_files else "text"

    def distinct(self, samples: Sequence[SampleT]) -> list[SampleT]:
        """The samples without duplicates, in order of first occurrence."""
        found: dict[str, SampleT] = {}
        for sample in samples:
            found.setdefault(self.key(sample), sample)
        return list(found.values())

    def unique(self, samples: Sequence[SampleT]) -> float:
        """The share of distinct samples."""
        return len(set(map(self.key, samples))) / len(samples)


class FileKind(SampleKind[SampleT]):
    """A kind whose samples are files; a subclass defines how to read and write one."""

    in_files: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]]
    """Suffixes of the files that ``read`` accepts; ``write`` uses the first."""

    @abstractmethod
    def read(self, path: Path) -> SampleT:
        """The sample in an existing file; may raise any ``Exception`` if the file does not hold one."""

    @abstractmethod
    def write(self, sample: SampleT, path: Path) -> None:
        """Writes the sample; what ``read`` gets back must have the same key."""

    def strip(self, samples: Sequence[SampleT]) -> SampleT:
        """One sample that shows all of them in a row, from left to right. Raises ``SampleError`` if the kind has no such."""
        raise SampleError(f"Samples of the kind {self.name} cannot be shown in a row.")

    def parse(self, given: str, folder: Path = Path()) -> SampleT:
        path = folder / Path(given.strip()).expanduser()
        if not path.is_file():
            raise SampleError(f"No file {path}. A sample of the kind {self.name} must be a file: {self._endings}.")
        if path.suffix.lower() not in self.suffixes:
            raise SampleError(f"{path}: a file of the kind {self.name} must end in {self._endings}.")
        try:
            return self.read(path)
        except SampleError:
            raise
        except Exception as error:  # readers raise many types of error on damaged bytes
            raise SampleError(f"{path} cannot be read as {self.name}: {error}. Give another file.") from error

    def keep(self, sample: SampleT, folder: Path, within: str = "samples") -> str:
        """The path, relative to ``folder``, of a file named by the sample's key; writes it if it does not exist."""
        path = folder / within / f"{self.key(sample)}{self.suffixes[0]}"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")  # writers choose the format by the suffix
            self.write(sample, unfinished)
            unfinished.replace(path)
        return f"{within}/{path.name}"

    def load(self, path: Path, column: str = "text") -> list[SampleT]:
        """The sample in a file, or the samples of all matching files in a folder but hidden ones, sorted by name."""
        if not path.is_dir():
            return [self.parse(str(path))]
        shown = (file for file in path.iterdir() if not file.name.startswith("."))  # half a file of a killed process is not
        files = sorted(file for file in shown if file.suffix.lower() in self.suffixes)
        if not files:
            raise SampleError(f"{path} contains no file that ends in {self._endings}.")
        return [self.parse(str(file)) for file in files]

    def save(self, samples: Sequence[SampleT], folder: Path) -> list[Path]:
        """Writes the files 0001, 0002 and so on."""
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
    """Whether it is a torch tensor; does not import torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(sample, torch.Tensor)


def as_numpy(sample: Any) -> Any:
    """A NumPy array of a tensor on any device, or of anything else that NumPy accepts."""
    import numpy as np

    if is_tensor(sample):
        sample = sample.detach().cpu()
        sample = sample.float() if sample.is_floating_point() else sample  # NumPy has no bfloat16
    return np.asarray(sample)
