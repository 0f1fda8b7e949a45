"""Folders on the Hugging Face hub: fetched by name into its cache, and published.

huggingface_hub reads HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import LcganError, RunError

HUB = "hub:"
"""What a name on the hub begins with: ``hub:USER/NAME``, or ``hub:USER/NAME@REVISION``."""

LOG_IN = "Log in with hf auth login, or set HF_TOKEN"


def is_on_hub(source: str | Path) -> bool:
    return str(source).startswith(HUB)


def fetched(source: str | Path, error: type[LcganError]) -> Path:
    """The folder ``source``; if that is a name on the hub, the folder in the cache that it was downloaded to.

    Raises ``error`` if it is not on the hub, or cannot be downloaded and is not in the cache.
    """
    if not is_on_hub(source):
        return Path(source)
    name, _, revision = str(source).removeprefix(HUB).partition("@")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision or None))
    except Exception as problem:  # of HTTP, of the disk, or of the name
        raise error(f"{source} cannot be fetched: {_reason(problem, name, revision)}") from problem


def _reason(problem: Exception, name: str, revision: str) -> str:
    from huggingface_hub import constants, errors

    if isinstance(problem, errors.HFValidationError):
        return f"{name!r} is not the name of a repository. Write hub:USER/NAME or hub:USER/NAME@REVISION."
    if isinstance(problem, errors.GatedRepoError):
        return f"access to it must be granted. Ask for it on {constants.ENDPOINT}/{name}. {LOG_IN}, and try again."
    if isinstance(problem, errors.RepositoryNotFoundError):
        return f"{constants.ENDPOINT} has no such repository, or it is private. Check the name. {LOG_IN} if it is private."
    if isinstance(problem, errors.RevisionNotFoundError):
        return f"it has no revision {revision!r}. Give a branch, a tag or a commit, or leave out @{revision}."
    if isinstance(problem, errors.LocalEntryNotFoundError):
        if constants.HF_HUB_OFFLINE:
            return "it is not in the cache, and HF_HUB_OFFLINE is set. Unset it."
        return f"it is not in the cache, and {constants.ENDPOINT} could not be reached. Connect to the network, and try again."
    return f"{str(problem).partition(chr(10))[0]} Try again, or download it with hf download {name} --local-dir FOLDER."


def publish(folder: Path, files: Mapping[str, bytes | Path], name: str, private: bool) -> str:
    """Makes the repository ``name`` if there is none, and uploads the ``files``, by their path there; returns its address.

    Raises ``RunError`` if the hub refuses or cannot be reached. ``folder`` is where they are from, for the message.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi()
    added = [CommitOperationAdd(path, content) for path, content in files.items()]
    try:
        api.create_repo(name, private=private, exist_ok=True)
        api.create_commit(name, added, commit_message="Upload by lcgan push")
    except Exception as problem:  # of HTTP, of the disk, or of the name
        raise RunError(f"{folder} cannot be pushed to {name}: {_refusal(problem, name)}") from problem
    return f"{api.endpoint}/{name}"


def _refusal(problem: Exception, name: str) -> str:
    from huggingface_hub import constants, errors

    status = problem.response.status_code if isinstance(problem, errors.HfHubHTTPError) else None
    if isinstance(problem, errors.HFValidationError):
        return f"{name!r} is not the name of a repository. Write USER/NAME."
    if isinstance(problem, errors.LocalTokenNotFoundError) or status == 401:
        return f"{constants.ENDPOINT} does not know who you are. {LOG_IN}."
    if status == 403:
        return "your token may not write there. Give another USER, or a token that may write."
    if isinstance(problem, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set. Unset it."
    if status is None:
        return f"{constants.ENDPOINT} could not be reached: {str(problem).partition(chr(10))[0]} Try again."
    return f"{str(problem).partition(chr(10))[0]} Try again."
