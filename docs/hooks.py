"""Pages of the reference that come from the code: the commands from click, the configuration from its pydantic models."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel

from lcgan_core.cli import lcgan
from lcgan_core.cli.tables import field_rows
from lcgan_core.plugins.builtin import register_constraints


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages; mkdocs calls this."""
    for name, lines in (("commands", commands()), ("configuration", configuration())):
        files.append(File.generated(config, f"reference/{name}.md", content="\n".join(lines)))
    return files


def on_page_content(html: str, **_: object) -> str:
    """Keeps the name of an option on one line, which browsers break after its hyphens; mkdocs calls this."""
    return re.sub(
        r"<code>[^<]*</code>", lambda code: re.sub(r"--?[a-z][\w-]*", r'<span class="option">\g<0></span>', code[0]), html
    )


def commands() -> Iterator[str]:
    yield "# Commands\n"
    yield "What `lcgan COMMAND --help` prints, for every command. Results go to standard output, everything else to standard"
    yield "error. Exit status 0 means success, 1 an error with one line that says what to do, 2 a wrong command line.\n"
    yield from command(lcgan, "lcgan")
    for name in sorted(lcgan.commands):
        yield from command(lcgan.commands[name], f"lcgan {name}")


def command(found: click.Command, name: str) -> Iterator[str]:
    context = click.Context(found, info_name=name)
    yield f"\n## {name}\n"
    yield f"```text\n{' '.join([name, *found.collect_usage_pieces(context)])}\n```\n"
    text = inspect.cleandoc(found.help or "")
    examples = re.search(r"\x08\n(.*)", text, re.DOTALL)  # what click must not wrap
    yield text.partition("\x08")[0] + (f"\n```text\n{examples[1]}\n```\n" if examples else "\n")
    records = [record for option in found.get_params(context) if (record := option.get_help_record(context))]
    yield "| option | meaning |\n|---|---|"
    for flags, meaning in records:
        yield f"| `{flags}` | {cell(meaning)} |".replace("`|", "`\\|")


def configuration() -> Iterator[str]:
    from lcgan_core.engine.networks import GanConfig
    from lcgan_core.models.text_vae.pretraining.recipe import PretrainConfig
    from lcgan_core.runs.config import RunConfig, Wish

    yield "# Configuration\n"
    yield "Every option, from the models that check it. A value that does not fit is an error before anything is trained."
    pages: tuple[tuple[str, str, type[BaseModel]], ...] = (
        ("A run", "The fields of `config.json`, or of a TOML file like it, for `lcgan run --config`.", RunConfig),
        ("A wish", "Each entry of `constraints` in a run.", Wish),
        ("The training of a run", "Set with `--set gan.OPTION=VALUE`.", GanConfig),
        ("The recipe of a text VAE", "Set with `lcgan pretrain --set OPTION=VALUE`.", PretrainConfig),
    )
    for heading, before, kind in pages:
        yield f"\n## {heading}\n\n{before}\n"
        yield from fields(kind)
    yield "\n## Constraints of the core\n\nSet with `--set NAME.OPTION=VALUE`."
    found: list[type[BaseModel]] = []
    register_constraints(found.append)
    for kind in found:
        yield f"\n### `{getattr(kind, 'name', kind.__name__)}`\n\n{cell((kind.__doc__ or '').partition('>>>')[0])}\n"
        yield from fields(kind)


def fields(kind: type[BaseModel]) -> Iterator[str]:
    yield "| option | default | meaning |\n|---|---|---|"
    for row in field_rows(kind):
        default = row["default"]
        if "=" in default:  # a configuration in a configuration
            default = "see below"
        elif default != "needed":
            default = f"`{default or repr('')}`"
        type_of_value = re.sub(r"\b[a-z_.]+\.(?=[A-Z])", "", row["type"])  # without modules
        yield f"| `{row['option']}` | {cell(default)} | {cell(row['meaning'])} ({cell(type_of_value)}) |"


def cell(text: str) -> str:
    """Text for a cell of a table: one line, with Markdown's code marks, and nothing that ends the cell or starts HTML."""
    one_line = " ".join(text.split()).replace("``", "`")
    return one_line.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
