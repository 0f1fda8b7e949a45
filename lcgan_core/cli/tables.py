"""Results and listings as tables for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from ..constraint import Constraint
from ..latent_model import Beside
from ..support.wording import beside, learned_from, memory_line, share

WIDTH_WITHOUT_TERMINAL = 110


def console() -> Console:
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)


def print_result(result: dict[str, Any], pairs: list[dict[str, Any]]) -> None:
    """Satisfaction, quality, cost and a few pairs of a finished run."""
    out = console()
    table = Table(title=f"satisfied, with 95 % intervals  (seed {result['seed']})", title_justify="left")
    for column in ("constraint", "prior samples", "posterior samples", "actor's samples"):
        table.add_column(column, justify="left" if column == "constraint" else "right")
    rows = dict(result["constraints"])
    if len(rows) > 1:
        rows["all of them"] = result["all"]
    for name, row in rows.items():
        table.add_row(
            name,
            share(row["prior"], row["prior_interval"]),
            share(row["posterior"], row["posterior_interval"]),
            share(row["actor"], row["interval"]),
        )
    out.print(table)
    for name, row in result["constraints"].items():
        if "trust" in row:
            out.print(learned_from(name, row["trust"]))

    if result["compared"]:
        sets = ("prior", "posterior", "reference", "actor")
        table = Table(title=f"quality of {result['compared']} samples of each kind", title_justify="left")
        for column in ("", *sets, "actor / reference"):
            table.add_column(column, justify="right" if column else "left")
        for figure, label in (
            ("fluency", "perplexity (less is better)"),
            ("distinct_2", "distinct-2 (more is better)"),
        ):
            if figure in result:
                row = result[figure]
                table.add_row(label, *(f"{row[name]:.3g}" for name in sets), f"{row['actor'] / row['reference']:.2f}")
        out.print(table)
        out.print("reference: samples of what the actor starts from that satisfy the same constraints")
    else:
        out.print("Nothing that the actor starts from satisfied all constraints: there is no reference for its quality.")
    if result["memory"]:
        out.print(memory_table("remembered, of all samples of each kind", result["memory"]))
    seconds = result["seconds"]
    out.print(
        f"duplicates {1 - result['unique']:.1%}   drift {result['drift']:.2f} (1 is real)   labels {result['labels']:,}   "
        f"seconds: label {seconds['label']:.0f}, train {seconds['train']:.0f}, evaluate {seconds['evaluate']:.0f}, "
        f"total {seconds['total']:.0f}"
    )
    if result["stopped"]:
        out.print(f"Stopped early: {result['stopped']}; the best actor, of round {result['best_round'] + 1}, was kept.")

    table = Table(title="the same latents, decoded before and after the actor", title_justify="left")
    table.add_column("decode(z)")
    table.add_column("decode(z')")
    for pair in pairs:
        table.add_row(pair["before"], pair["after"])
    out.print(table)
    out.print(f"{result['run']}   more samples: lcgan sample {result['run']} -n 20")


def memory_table(title: str, sets: dict[str, dict[str, Beside]]) -> Table:
    """How much of each set of samples is remembered, beside what to expect of real ones."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for figure in next(iter(sets.values())):
        table.add_column(figure.replace("_", " "), justify="right")
    for name, memory in sets.items():
        table.add_row(name, *map(beside, memory.values()))
    return table


BENCH_COLUMNS = (
    ("fluency", "perplexity", ".1f"),
    ("distinct_2", "distinct-2", ".3f"),
    ("self_bleu", "self-BLEU", ".1f"),
    ("unique", "unique", ".1%"),
)


def print_bench(rows: list[dict[str, Any]]) -> None:
    """For each run a table of its samples, and one of their latents and of the cost of each that satisfies."""
    out = console()
    shown = [column for column in BENCH_COLUMNS if column[0] in rows[0]]
    told = ("satisfied (95 %)", *(f"{judge} (95 %)" for judge in rows[0]["judged"]), *(label for _, label, _ in shown))
    for run in dict.fromkeys(row["run"] for row in rows):
        samples, latents = Table(title=run, title_justify="left"), Table()
        for table, columns in ((samples, told), (latents, ("latent AUC", "Fréchet", "ms to draw", "ms in all", "decodes"))):
            table.add_column("sampler")
            for column in columns:
                table.add_column(column, justify="right")
        for row in (row for row in rows if row["run"] == run):
            cost, shares = row["per_satisfying"], [(judge["share"], judge["interval"]) for judge in row["judged"].values()]
            samples.add_row(
                row["sampler"],
                *(share(*found) for found in [(row["satisfied"], row["interval"]), *shares]),
                *("" if row[figure] is None else format(row[figure], how) for figure, _, how in shown),
            )
            latents.add_row(
                row["sampler"],
                f"{row['two_sample_auc']:.2f}",
                f"{row['frechet']:.2f}",
                f"{1000 * cost['draw_seconds']:.3g}",
                f"{1000 * cost['seconds']:.3g}",
                f"{cost['decodes']:.3g}",
            )
        out.print(samples)
        if any(row["memory"] for row in rows if row["run"] == run):
            out.print(memory_table("", {row["sampler"]: row["memory"] for row in rows if row["run"] == run}))
        out.print(latents)
        for judge, trust in row["trust"].items():
            out.print(learned_from(judge, trust))


def print_check(model: str, figures: dict[str, Any]) -> None:
    """Whether a model can be constrained."""
    from ..tools.check import verdict

    out = console()
    told = [f"{figures['latent_dim']} dimensions"]
    if figures["kl"] is not None:
        told = [f"{figures['active_units']} of {figures['latent_dim']} units active, KL {figures['kl']:.1f} nats"]
    if figures["reconstruction"] is not None:
        told.append(f"reconstructions keep {figures['reconstruction']:.1%}")
    out.print(f"{model}: {', '.join(told)}")
    kinds = list(figures["quality"])
    table = Table("", *kinds)
    for figure in figures["quality"]["prior"]:
        table.add_row(figure, *(f"{figures['quality'][kind][figure]:.3g}" for kind in kinds))
    table.add_row("unique", *(f"{figures['unique'][kind]:.1%}" for kind in kinds))
    for figure, label in (("two_sample_auc", "AUC beside q(z)"), ("frechet", "Fréchet distance to q(z)")):
        latents = figures["latents"]
        table.add_row(label, *(f"{latents[kind][figure]:.3g}" if kind in latents else "" for kind in kinds))
    out.print(table)
    if figures["memory"]:
        out.print(memory_table("", figures["memory"]))
    out.print("repaired: prior noise, moved by an actor that no constraint trained, only the critics of realism and confidence")
    for sentence in verdict(figures):
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
        table.add_row(row["option"], row["type"], row["default"], row["meaning"])
    console().print(table)


def field_rows(kind: type[BaseModel]) -> list[dict[str, str]]:
    """The fields of a configuration: option, type, default ("needed" where there is none) and meaning."""
    properties = kind.model_json_schema()["properties"] if kind.model_fields else {}
    rows = []
    for name, info in kind.model_fields.items():
        schema = properties[name]
        bounds = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
        limits = [f"{sign} {schema[key]}" for key, sign in bounds.items() if key in schema]
        kind_of_value = info.annotation
        shown = kind_of_value.__name__ if isinstance(kind_of_value, type) else str(kind_of_value).replace("typing.", "")
        rows.append(
            {
                "option": name,
                "type": " ".join([shown, *limits]),
                "default": "needed" if info.is_required() else str(info.default),
                "meaning": info.description or "",
            }
        )
    return rows


def print_measured(folder: Path, measured: dict[str, Any]) -> None:
    """What lcgan pretrain measured."""
    out = console()
    out.print(
        f"{folder}: reconstruction BLEU {measured['bleu']:.1f} (by the encoder alone {measured['encoder_bleu']:.1f}), "
        f"{measured['exact']:.1%} exact; KL {measured['kl']:.1f} nats; "
        f"{measured['active_units']} of {measured['latent_dim']} units active ({measured['texts']} held-out texts)"
    )
    table = Table("texts", "perplexity", "relative to real", "distinct-2")
    for name, value in measured["perplexity"].items():
        relative, distinct = measured["relative_perplexity"][name], measured["distinct_2"][name]
        table.add_row(name, f"{value:.1f}", f"{relative:.2f}", f"{distinct:.3f}")
    out.print(table)
    out.print(f"samples of the prior: {memory_line(measured['memory']['prior'])}")
    out.print(f"next: lcgan run --model {folder} --constraint length")
