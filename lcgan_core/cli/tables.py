"""Results and listings as tables for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..constraint import Constraint
from ..support.wording import beside, learned_from, names_in, not_judged, number, versions_line, with_direction
from ..visible import visible
from .common import results

if TYPE_CHECKING:  # listings need no torch
    from ..figures import Beside
    from ..recipe import Measured
    from ..runs.result import Result
    from ..tools.bench import Bench
    from ..tools.check import Check

WIDTH_WITHOUT_TERMINAL = 110
"""Characters in a line of a table. Arbitrary."""


class PlainConsole(Console):
    """Shows every text as it is, cells of tables too: samples and names may look like markup or contain control characters."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)


def console() -> Console:
    plain: dict[str, Any] = {"file": results(), "highlight": False, "markup": False, "emoji": False}
    found = PlainConsole(**plain)
    return found if found.is_terminal else PlainConsole(**plain, width=WIDTH_WITHOUT_TERMINAL)


def print_result(result: Result, pairs: list[dict[str, Any]]) -> None:
    """Satisfaction, quality, cost and a few pairs of a finished run."""
    out = console()
    table = Table(title=f"satisfied, with 95 % intervals  (seed {result.seed})", title_justify="left")
    for column in ("constraint", "prior samples", "posterior samples", "actor's samples"):
        table.add_column(column, justify="left" if column == "constraint" else "right")
    for name, row in result.rows.items():
        table.add_row(name, str(row.prior), str(row.posterior), str(row.actor))
    out.print(table)
    for name, row in result.constraints.items():
        if row.trust:
            out.print(learned_from(name, row.trust))
        if row.unjudged:
            out.print(not_judged(name, row.unjudged, result.unjudged.get(name, 0)))

    for name, versions in result.versions.items():
        out.print(versions_line(name, versions))

    if result.quality:
        table = Table(title=f"quality of {result.compared} samples of each kind", title_justify="left")
        for column in ("", "prior", "posterior", "reference", "actor", "actor / reference"):
            table.add_column(column, justify="right" if column else "left")
        for name, told in result.quality.items():
            ratio = f"{told.actor / told.reference:.2f}" if told.actor is not None and told.reference else ""
            values = map(number, (told.prior, told.posterior, told.reference, told.actor))
            table.add_row(with_direction(name, told.greater_is_better), *values, ratio)
        out.print(table)
        out.print("reference: samples of the actor's start that already satisfy the same constraints")
    elif not result.compared:
        out.print("No sample that the actor starts from satisfied all constraints, so there is no reference for its quality.")
    if result.memory:
        out.print(memory_table("remembered, of all samples of each kind", result.memory))
    seconds = result.seconds
    out.print(
        f"duplicates {1 - result.unique:.1%}   drift {result.drift:.2f} (1 is real)   labels {result.labels:,}   "
        f"seconds: label {seconds.label:.0f}, train {seconds.train:.0f}, evaluate {seconds.evaluate:.0f}, "
        f"total {seconds.total:.0f}"
    )
    if result.stopped:
        out.print(f"Stopped early: {result.stopped}; the best actor, of round {result.best_round + 1}, was kept.")

    table = Table(title="the same latents, decoded before and after the actor", title_justify="left")
    table.add_column("decode(z)")
    table.add_column("decode(z')")
    for pair in pairs:
        table.add_row(pair["before"], pair["after"])
    out.print(table)
    out.print(f"{result.run}   more samples: lcgan sample {result.run} -n 20")


def memory_table(title: str, sets: dict[str, dict[str, Beside]]) -> Table:
    """How much of each set of samples is remembered, next to what to expect of real samples."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    names = names_in(sets)
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for kind, memory in sets.items():
        table.add_row(kind, *(beside(memory[name]) if name in memory else "" for name in names))
    return table


def print_bench(found: Bench) -> None:
    """For each run, a table of its samples, and a table of their latents and of the cost per satisfying sample."""
    from ..tools.bench import by_run

    out = console()
    for run, rows in by_run(found.rows).items():
        figures = dict.fromkeys(name for row in rows for name in row.quality)  # each model has its own
        judged = ("satisfied (95 %)", *(f"{judge} (95 %)" for judge in rows[0].judged))
        samples, latents = Table(title=run, title_justify="left"), Table()
        for table, columns in (
            (samples, (*judged, *figures, "unique")),
            (latents, ("latent AUC", "Fréchet", "ms to draw", "ms in total", "decodes")),
        ):
            table.add_column("sampler")
            for column in columns:
                table.add_column(column, justify="right")
        for row in rows:
            samples.add_row(
                row.sampler,
                *map(str, (row.satisfied, *row.judged.values())),
                *(number(row.quality.get(name)) for name in figures),
                f"{row.unique:.1%}",
            )
            cost = row.per_satisfying
            latents.add_row(
                row.sampler,
                f"{row.two_sample_auc:.2f}",
                f"{row.frechet:.2f}",
                f"{1000 * cost.draw_seconds:.3g}",
                f"{1000 * cost.seconds:.3g}",
                f"{cost.decodes:.3g}",
            )
        out.print(samples)
        if any(row.memory for row in rows):
            out.print(memory_table("", {row.sampler: row.memory for row in rows}))
        out.print(latents)
        if better := rows[0].greater_is_better:
            out.print("better: " + ", ".join(f"{name} {'higher' if more else 'lower'}" for name, more in better.items()))
        for judge, trust in rows[0].trust.items():
            out.print(learned_from(judge, trust))
    for missing in found.unmeasured:
        out.print(f"{missing.run}: {missing.sampler} was not measured. {missing.reason}")


def print_check(model: str, found: Check) -> None:
    """Whether a model can be constrained."""
    from ..tools.check import verdict

    out = console()
    told = [f"{found.latent_dim} dimensions"]
    if found.kl is not None:
        told = [f"{found.active_units} of {found.latent_dim} units active, KL {found.kl:.1f} nats"]
    if found.reconstruction is not None:
        told.append(f"reconstructions keep {found.reconstruction:.1%}")
    out.print(f"{model}: {', '.join(told)}")
    table = Table("", "reconstruction", "posterior", "prior", "repaired")
    for name, row in {**found.quality, "distinct samples": found.unique}.items():
        values = (row.reconstruction, row.posterior, row.prior, row.repaired)
        table.add_row(with_direction(name, row.greater_is_better), *map(number, values))
    prior, repaired = found.prior, found.repaired
    table.add_row("AUC against q(z)", "", "", number(prior.two_sample_auc), number(repaired.two_sample_auc))
    table.add_row("Fréchet distance to q(z)", "", "", number(prior.frechet), number(repaired.frechet))
    out.print(table)
    if found.memory:
        out.print(memory_table("", found.memory))
    out.print("repaired: prior noise, moved by an actor that was trained on the critics of realism and naturalness only")
    for sentence in verdict(found):
        out.print(sentence)


def print_constraints(kinds: dict[str, type[Constraint]]) -> None:
    """Every constraint with its first line of documentation."""
    table = Table("constraint", "satisfied by", "options")
    for name, kind in sorted(kinds.items()):
        table.add_row(name, first_line(kind), ", ".join(kind.model_fields))
    console().print(table)


def first_line(kind: type[Any]) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def print_constraint(name: str, kind: type[Constraint]) -> None:
    """One constraint with all its options."""
    console().print(f"{name}: {first_line(kind)}")
    print_fields(kind)


def print_fields(kind: type[BaseModel]) -> None:
    """The fields of a configuration, with type, default and meaning."""
    table = Table("option", "type", "default", "meaning")
    for row in field_rows(kind):
        table.add_row(row["option"], row["type"], row["default"], row["meaning"].replace("``", ""))
    console().print(table)


def field_rows(kind: type[BaseModel]) -> list[dict[str, str]]:
    """The fields of a configuration: option, type, default ("needed" if there is none, "not set" if it is None) and meaning."""
    properties = kind.model_json_schema()["properties"] if kind.model_fields else {}
    rows = []
    for name, info in kind.model_fields.items():
        schema = properties[name]
        bounds = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
        limited = schema | {key: value for choice in schema.get("anyOf", ()) for key, value in choice.items()}
        limits = [f"{sign} {limited[key]}" for key, sign in bounds.items() if key in limited]
        kind_of_value = info.annotation
        shown = kind_of_value.__name__ if isinstance(kind_of_value, type) else str(kind_of_value)
        rows.append(
            {
                "option": name,
                "type": " ".join([re.sub(r"typing\.|pathlib\.| \| None", "", shown), *limits]),
                "default": "needed" if info.is_required() else "not set" if info.default is None else str(info.default),
                "meaning": " ".join((info.description or "").split()),
            }
        )
    return rows


def print_measured(model: str, measured: Measured, wish: str) -> None:
    """What lcgan pretrain measured of ``model``, the value of ``--model``, and how to ask it for a first ``wish``."""
    out = console()
    out.print(f"{model}: {measured.summary()}")
    if rows := measured.table():
        table = Table(*rows[0])
        for row in rows[1:]:
            table.add_row(*row)
        out.print(table)
    for remark in measured.remarks():
        out.print(remark)
    out.print(f"next: lcgan run --model {model} --constraint {wish}")
