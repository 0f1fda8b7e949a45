"""Publishing a finished run or a model folder on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelError
from ..recipe import DEFAULT_KIND, RECIPE
from ..support.files import read_json
from ..support.hub import HUB, publish
from ..support.manifest import MANIFEST, check_files
from .folder import RESULT, check_run_files
from .report import CARD
from .result import read_result

BESIDE = (MANIFEST, "measured.json")
"""What is written after the manifest, and belongs to a folder all the same."""


def save_to_hub(folder: Path, name: str, private: bool = False, license: str | None = None) -> str:
    """Uploads a finished run, or a model that ``lcgan pretrain`` wrote, to the repository ``name``: USER/NAME.

    Makes the repository if there is none. ``license`` goes into the model card: the hub's name for it, such as apache-2.0.
    Returns the address of the repository. ``load_run("hub:USER/NAME")`` and the model ``hub:USER/NAME`` read it back.

    Raises ``RunError`` or ``ModelError`` if the folder is unfinished or damaged, or if the hub refuses it.
    """
    if (folder / RESULT).is_file() or not (folder / RECIPE).is_file():
        read_result(folder)
        check_run_files(folder, "*")
        use = f"lcgan sample {HUB}{name} -n 20"
    else:
        advice = f"Finish it with lcgan pretrain --resume {folder}, or train it again."
        check_files(folder, ["*"], ModelError, "lcgan pretrain", advice)
        kind = read_json(folder / RECIPE).get("kind", DEFAULT_KIND)
        use = f"lcgan run --model {'' if kind == DEFAULT_KIND else f'{kind}:'}{HUB}{name} --constraint NAME"
    paths = [*read_json(folder / MANIFEST), *BESIDE]
    files: dict[str, bytes | Path] = {path: folder / path for path in paths if (folder / path).is_file()}
    return publish(folder, files | {CARD: _card(folder / CARD, use, license).encode()}, name, private)


def _card(file: Path, use: str, license: str | None) -> str:
    """The model card with the licence, and with the command that uses what was published."""
    from huggingface_hub import ModelCard

    card = ModelCard(file.read_text(encoding="utf-8") if file.is_file() else "", ignore_metadata_errors=True)
    if license:
        card.data["license"] = license
    if use not in card.text:
        card.text = f"{card.text.rstrip()}\n\n## Use it\n\n```console\n{use}\n```\n"
    return str(card)
