"""The configuration of a run, and reading it from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from ..engine.networks import RESERVED, GanConfig
from ..errors import RunError
from ..options import Options, no_such_option
from ..support.files import read_json_text, require_shallow
from .folder import slug

ConfigT = TypeVar("ConfigT", bound=BaseModel)

MOST_BYTES = 150
"""Of a constraint's name, which becomes a part of file names; file systems take 255 for all of it."""

REPORTED = 10
"""Wrong fields that an error names. Arbitrary: a screen holds them."""

MOST_SEED = 2**32 - 1
"""Maximum seed: what every library takes."""


class Wish(Options):
    """One constraint, with its options, its weight, and its name in this run."""

    constraint: str = Field(pattern=r"^[^\x00]+$")
    """An installed constraint, or ``file.py:function``."""
    options: dict[str, Any] = Field({}, max_length=100)
    """The constraint's own options."""
    weight: float = Field(1.0, gt=0, allow_inf_nan=False)
    """Weight in the actor's loss."""
    alias: str | None = Field(None, pattern=r"^\w[\w-]*$")
    """Another name for the constraint in this run. It allows the same constraint twice, with different options."""

    @property
    def name(self) -> str:
        return self.alias or self.short

    @property
    def short(self) -> str:
        """The constraint, without the folder of a file."""
        return Path(self.constraint).name if ".py:" in self.constraint else self.constraint

    def __str__(self) -> str:
        """The wish in words, with its options and its weight."""
        options = ", ".join(f"{name} = {value}" for name, value in self.options.items())
        alias = f"{self.alias}: " if self.alias else ""
        weight = "" if self.weight == 1 else f", weight {self.weight:g}"
        return f"{alias}{self.short}{f' ({options})' if options else ''}{weight}"


class RunConfig(Options):
    """Everything that determines the result of a run."""

    model: str = Field("reviews", pattern=r"^[^\x00]+$")
    """The latent model: one that ships with lcgan, a folder from ``lcgan pretrain``, ``hub:USER/NAME``, or ``KIND:SOURCE`` for
    a plugin's kind."""
    constraints: tuple[Wish, ...] = Field(min_length=1, max_length=64)
    """The constraints that every sample should satisfy, all at once."""
    seed: int = Field(0, ge=0, le=MOST_SEED)
    """The same seed gives the same result."""
    samples: int = Field(1000, ge=10, le=1_000_000)
    """Number of samples of each kind in the evaluation."""
    critics: tuple[Path, ...] = Field((), max_length=64)
    """Finished runs on the same model. Critics that they have for constraints of this run are reused, with their labels."""
    gan: GanConfig = GanConfig()
    """Settings of the training."""

    @model_validator(mode="after")
    def _each_once(self) -> RunConfig:
        names = [slug(wish.name) for wish in self.constraints]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the constraint {twice[0]!r} is given twice; give one of them an alias: ALIAS={twice[0]}")
        for name in names:
            if len(name.encode()) > MOST_BYTES:
                raise ValueError(f"the name {name[:40]!r}... is too long for a file; give the constraint a short alias")
        for taken in RESERVED:
            if taken in names:
                raise ValueError(f"{taken!r} is the name of a network of every run; give the constraint an alias")
        return self

    def suited(self, settings: Mapping[str, Any]) -> RunConfig:
        """The same with the model's ``settings`` of ``gan`` that nobody has set. Raises ``RunError`` if there are no such."""
        own = self.gan.model_dump(include=self.gan.model_fields_set)
        return self.model_copy(update={"gan": validated(GanConfig, {**settings, **own}, f"The settings of {self.model}")})


def load_config(path: Path) -> RunConfig:
    """The RunConfig in a JSON or TOML file; raises a ``RunError`` that names every invalid field."""
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix == ".toml" else read_json_text(text)
        require_shallow(content)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}. Give a run folder, or a file of settings.") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} cannot be read: {error}. Repair it, or give another file.") from error
    return validated(RunConfig, content, str(path))


def validated(kind: type[ConfigT], content: Any, where: str) -> ConfigT:
    """``content`` as a configuration of this ``kind``; raises a ``RunError`` that names the invalid fields in one line."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_problem(kind, problem) for problem in error.errors()[:REPORTED])
        more = f"; and {error.error_count() - REPORTED} more" if error.error_count() > REPORTED else ""
        raise RunError(f"{where}: {problems}{more}.") from error


def _problem(kind: type[BaseModel], found: ErrorDetails) -> str:
    what = no_such_option(kind, found["loc"]) if found["type"] == "extra_forbidden" else found["msg"]
    return f"{'.'.join(map(str, found['loc'])) or 'all of it'}: {what.removeprefix('Value error, ')}"


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """What differs between two configurations as JSON has them, one field each: ``seed was 1, is 2``."""
    if isinstance(before, dict) and isinstance(now, dict):
        parts = [(f"{where}.{name}" if where else name, before.get(name), now.get(name)) for name in {**before, **now}]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        parts = [(f"{where}.{place}", *pair) for place, pair in enumerate(zip(before, now, strict=True))]
    else:
        return [] if before == now else [f"{where or 'all of it'} was {before!r}, is {now!r}"]
    return [line for name, old, new in parts for line in differences(old, new, name)]
