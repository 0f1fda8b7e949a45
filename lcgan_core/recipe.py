"""How a kind of latent model is trained from data: what ``lcgan pretrain`` runs."""

from __future__ import annotations

import json
import os
import re
import shlex
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import ValidationError

from .errors import ModelError
from .figures import Record
from .options import Options
from .sample_kinds.data_sets import DATA_SET

RECIPE = "pretrain.json"
"""The file of a model folder that holds its kind and its recipe."""

DEFAULT_KIND = "text-vae"


class Measured(Record):
    """What must be known of a new model before it is constrained. The fields of a subclass are what ``--json`` prints."""

    @abstractmethod
    def summary(self) -> str:
        """One line for the terminal."""

    def table(self) -> list[Sequence[str]]:
        """Rows of text for the terminal, the header first; none by default."""
        return []

    def remarks(self) -> list[str]:
        """Lines that follow the table; none by default."""
        return []


class Recipe(Options):
    """How to train a kind of latent model. Subclasses set ``name`` and ``first_wish``, and define ``pretrain`` and, as fields,
    their options."""

    name: ClassVar[str]
    """The KIND in ``lcgan pretrain --kind KIND``: the name of the latent model that is trained."""

    first_wish: ClassVar[str]
    """A constraint that any such model can be asked for, in the line that says what to do next."""

    sources: ClassVar[Mapping[str, Collection[str]]] = {}
    """Those options that name a model, a folder or a name on the hub, each with the names that never mean a folder."""

    corpus: Path
    """Data to train on."""
    valid: Path | None = None
    """Held-out data to measure on; by default a part of the corpus is held out."""
    column: str
    """The column of a table that holds the samples."""

    @abstractmethod
    def pretrain(self, out: Path, *, resume: bool, on_progress: Callable[[str, float], None]) -> Measured:
        """Trains a model into the folder ``out``, from which the latent model of this kind can be loaded.

        With ``resume`` it goes on from what an interrupted call left in ``out``. Otherwise ``out`` must be empty or missing.
        ``on_progress`` gets the name of a stage and the share of it that is done. Raises ``CorpusError`` or ``SampleError`` if
        the data cannot be read or is too little, and ``ModelError`` if ``out`` holds another model.
        """

    def save(self, folder: Path) -> None:
        """Writes the recipe into a model folder, for ``recipe_in``: there, paths are relative to that folder."""
        folder.mkdir(parents=True, exist_ok=True)
        kept = self._moved(Path(), folder).model_dump(mode="json")
        content = json.dumps({"kind": self.name, **kept}, indent=2, ensure_ascii=False)
        unfinished = folder / f".{RECIPE}"
        unfinished.write_text(content + "\n", encoding="utf-8")
        unfinished.replace(folder / RECIPE)  # at once, or a killed process would leave half of it

    def _moved(self, before: Path, now: Path) -> Self:
        """The same recipe where relative paths are no longer seen from the folder ``before`` but from ``now``."""
        found: dict[str, Any] = {}
        for name, value in self:
            if isinstance(value, Path):
                found[name] = Path(_moved(str(value), before, now))
            elif name in self.sources and value and value not in self.sources[name] and (before / value).exists():
                found[name] = _moved(value, before, now)
        return self.model_copy(update=found)

    def command(self, out: str) -> str:
        """The ``lcgan pretrain`` line that follows this recipe."""
        apart = {"corpus", "valid", "column"}
        changed = self.model_dump(mode="json", exclude_defaults=True, exclude=apart)
        parts = ["lcgan pretrain", shlex.quote(str(self.corpus)), f"--out {out}"]
        parts += [f"--kind {self.name}"] if self.name != DEFAULT_KIND else []
        parts += [f"--valid {shlex.quote(str(self.valid))}"] if self.valid else []
        parts += [f"--column {shlex.quote(self.column)}"] if self.column != type(self).model_fields["column"].default else []
        parts += [f"--set {shlex.quote(f'{name}={value}')}" for name, value in changed.items()]
        return " ".join(parts)

    def card_section(self) -> str:
        """What a model card says of how the model was made: the line to repeat it, and all settings."""
        settings = self.model_dump(mode="json", exclude={"about"})
        rows = "\n".join(f"| {name} | {'not set' if value is None else value} |" for name, value in settings.items())
        return f"## Recipe\n\n```console\n{self.command('OUT')}\n```\n\n| part | value |\n|---|---|\n{rows}\n"


def _moved(source: str, before: Path, now: Path) -> str:
    """A path, or a data set in a folder, seen from the folder ``now``. Absolute paths and data sets of the hub stay."""
    data_set = re.fullmatch(f"({DATA_SET})([^:#]*)(.*)", source)
    mark, path, rest = data_set.groups() if data_set else ("", source, "")
    if os.path.isabs(path) or (data_set and not (before / path).is_dir()):
        return source
    return f"{mark}{os.path.relpath(before / path, now)}{rest}"


def recipe_in(folder: Path, kinds: Mapping[str, type[Recipe]]) -> Recipe:
    """The recipe that a model folder was begun with, its paths relative to the working directory.

    Raises ``ModelError`` if there is none to go on with.
    """
    file = folder / RECIPE
    if not file.is_file():
        raise ModelError(f"Nothing to resume in {folder}: it has no {RECIPE}. Start with lcgan pretrain CORPUS --out {folder}.")
    try:
        options = json.loads(file.read_text(encoding="utf-8"))
        kind = options.pop("kind", DEFAULT_KIND)
        if kind not in kinds:
            raise ModelError(f"{file} is of the kind {kind!r}, which is not installed. There are: {', '.join(sorted(kinds))}.")
        return kinds[kind].model_validate(options)._moved(folder, Path())
    except (OSError, ValueError, AttributeError, RecursionError, ValidationError) as error:
        raise ModelError(f"{file} is not a recipe: {error}. Start again with lcgan pretrain.") from error
