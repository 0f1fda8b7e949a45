"""Options that users set, and how strictly they are read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Options(BaseModel):
    """Frozen options by name; unknown ones are an error, and true and false are no numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """pydantic would take true for 1."""
        if isinstance(value, bool) and info.field_name:
            annotation = cls.model_fields[info.field_name].annotation
            kinds = {annotation, *get_args(annotation)}
            if kinds & {int, float} and bool not in kinds:
                raise ValueError("it is a number, not true or false")
        return value


def no_such_option(kind: type[BaseModel], place: tuple[int | str, ...], name: str = "") -> str:
    """What to say of an option that ``kind`` does not take: ``place`` is where pydantic found it, ``name`` what ``kind`` is
    called."""
    *outer, option = place
    owner = ".".join(map(str, [name, *outer] if name else outer))
    known = list(_options_at(kind, outer))
    listed = ", ".join(known) or "no options"
    return f"no such option; {f'{owner} has' if owner else 'there are'} {listed}{nearest(str(option), known)}"


def _options_at(kind: type[BaseModel], outer: Iterable[int | str]) -> Iterable[str]:
    """The names of the options at a place that leads through models, and through lists and dictionaries of them."""
    for part in outer:
        if part in kind.model_fields:
            kind = _model_in(kind.model_fields[str(part)].annotation) or kind
    return kind.model_fields


def _model_in(annotation: Any) -> Any:
    if hasattr(annotation, "model_fields"):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that ``name`` is most like, as a question in brackets; empty if there is none like it."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
