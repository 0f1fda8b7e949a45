"""Constraints and the plugins that provide them: constraints, plugins, try, new-plugin."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

from .common import AS_JSON, echo, input_lines, lcgan, read_options


@lcgan.command()
@click.argument("name", required=False)
@AS_JSON
def constraints(name: str | None, as_json: bool) -> None:
    """List the installed constraints, or the options of one."""
    from ..plugins.discovery import constraint_class, constraint_classes
    from .tables import field_rows, print_constraint, print_constraints

    if name is None:
        kinds = constraint_classes()
        if as_json:
            echo(json.dumps({name: field_rows(kind) for name, kind in kinds.items()}))
        else:
            print_constraints(kinds)
        return
    kind = constraint_class(name)
    if as_json:
        echo(json.dumps({"name": name, "doc": kind.__doc__, "options": field_rows(kind)}))
    else:
        print_constraint(name, kind)


@lcgan.command()
@click.option("--verbose", "-v", is_flag=True, help="Also show modules, and tracebacks of broken plugins.")
@AS_JSON
def plugins(verbose: bool, as_json: bool) -> None:
    """List the installed plugins, what they provide, and what is wrong with them.

    LCGAN_PLUGINS=none switches all of them off. Names separated by commas load only those plugins; names preceded by a minus
    load all other plugins.
    """
    from ..plugins.listing import as_text, found_rows, kept_rows

    rows = kept_rows()
    echo(as_text(found_rows() if rows is None else rows, as_json, verbose), nl=False)


@lcgan.command("try")
@click.argument("name")
@click.argument("given", metavar="[SAMPLE]...", nargs=-1)
@click.option("--set", "settings", multiple=True, metavar="[NAME.]OPTION=VALUE", help="An option of the constraint.")
@click.option("--kind", "kind_name", metavar="KIND", help="Kind of the samples, if the constraint judges more than one kind.")
@AS_JSON
def try_constraint(name: str, given: tuple[str, ...], settings: tuple[str, ...], kind_name: str | None, as_json: bool) -> None:
    """Score samples by a constraint, without a model.

    SAMPLEs are texts, or file names if the constraint judges images or other files. Without any, the lines of stdin are
    scored. NAME is an installed constraint, or ./file.py:function. A sample that it cannot judge gets a question mark.
    """
    from ..constraint import evaluate
    from ..plugins.discovery import constraint_class, make_constraint, sample_kind

    options: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise click.UsageError(f"--set {setting}: expected OPTION=VALUE. See: lcgan constraints {name}")
        options[key.removeprefix(f"{name}.")] = value
    constraint = make_constraint(name, read_options(constraint_class(name), options))
    judged = constraint.judges or {"text" if kind_name is None else kind_name}
    if kind_name is not None and kind_name not in judged:
        raise click.UsageError(f"--kind {kind_name}: {name} judges {' and '.join(sorted(judged))}.")
    kind = sample_kind(min(judged) if kind_name is None else kind_name)
    lines = list(given) or list(input_lines())
    if not lines:
        raise click.UsageError("No samples. Give them as arguments, or on stdin, one per line.")
    values = evaluate(constraint, [kind.parse(line) for line in lines])
    pairs = zip(values, lines, strict=True)
    scores = [{"value": None if math.isnan(value) else value, kind.column: line} for value, line in pairs]
    if as_json:
        echo(json.dumps({"constraint": name, "scores": scores}))
    else:
        told = ("?    " if math.isnan(value) else f"{value:.3f}" for value in values)
        echo("\n".join(f"{value}  {' '.join(line.splitlines())}" for value, line in zip(told, lines, strict=True)))


@lcgan.command("new-plugin")
@click.argument("name")
@click.option("--model", "is_model", is_flag=True, help="Write a latent model, not a constraint.")
@click.option(
    "--out",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder in which to create lcgan-NAME-plugin.",
)
def new_plugin(name: str, is_model: bool, out: Path) -> None:
    """Write a plugin to start from.

    The plugin is a complete distribution with a constraint NAME, or a latent model, that works and has tests. Change it into
    your own.
    """
    from shlex import quote

    from ..plugins.scaffold import short_name, write_plugin

    name = short_name(name, "model" if is_model else "constraint")
    folder = write_plugin(name, out, "model" if is_model else "constraint")
    install, test = f"pip install -e {quote(f'{folder}[test]')}", f"pytest {quote(str(folder))}"
    if is_model:
        module = f"lcgan_{name.replace('-', '_')}_plugin"
        run = f"lcgan run --model {name}:weights.safetensors --constraint keyword --set keyword.words=soup"
        commands = [install, f"python -m {module}.train weights.safetensors", test, run]
    else:
        tried = f'lcgan try {name} "the soup was hot" "i liked the soup"'
        commands = [install, tried, test, f"lcgan run --constraint {name}"]
    echo("\n".join([f"{folder} holds a working plugin; make it your own. Next:\n", *commands]))
