"""``classifier``: the verdict of any transformers model for sequence classification."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from .constraint import Constraint
from .errors import ConstraintError, ModelError

if TYPE_CHECKING:
    from torch import Tensor

MEANINGFUL = (".safetensors", ".bin", ".json", ".txt", ".model", ".jinja")
"""Ends of the files of a model folder that its verdicts depend on: weights, configuration, tokenizer."""
UNLIMITED = 10**6
"""A tokenizer whose longest text is beyond this was saved without knowing the model's limit."""


class Classifier(Constraint):
    """Texts to which a transformers classifier gives a label; the value is its probability."""

    name = "classifier"
    expensive = True

    model: str = Field(min_length=1)
    """A folder with a saved model of transformers, or a name on the Hugging Face hub."""
    label: str
    """The label to have, as the model calls it, in any case."""
    device: str = "auto"
    """Where to compute, as torch calls it; auto is cuda where there is one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """What to compute in; auto is float32 on a CPU, elsewhere what the weights were saved in."""
    tokens_per_batch: int = Field(4096, ge=1)
    """Most tokens of a batch, padding included; a longer text is a batch of its own."""

    def __call__(self, samples: Sequence[str]) -> list[float]:
        """The probabilities of the label, in order; a text longer than the model takes is cut.

        Raises ``ConstraintError`` where the model is not there, is no trained classifier, or has no such label.
        """
        try:
            model, tokenizer = _load(self.model, self.device, self.dtype)
        except ModelError as error:
            raise self._misconfigured(error) from error
        column = self._column(model.config.id2label)
        if not samples:
            return []
        logits = _logits(model, tokenizer, list(samples), self.tokens_per_batch)
        independent = logits.shape[1] == 1 or model.config.problem_type == "multi_label_classification"
        probabilities: list[float] = (logits.sigmoid() if independent else logits.softmax(1))[:, column].tolist()
        return probabilities

    @property
    def fingerprint(self) -> str:
        """Follows the weights; not where they lie, the device, or the size of batches."""
        try:
            identity = _identity(self.model)
        except ModelError as error:
            raise self._misconfigured(error) from error
        options = self.model_dump_json(exclude={"model", "device", "tokens_per_batch"})
        meaning = f"{type(self).__module__}.{type(self).__qualname__} {options} {identity}"
        return hashlib.sha256(meaning.encode()).hexdigest()[:16]

    def _column(self, names: dict[int, str]) -> int:
        columns = {name.casefold(): column for column, name in names.items()} | {name: column for column, name in names.items()}
        for label in (self.label, self.label.casefold()):
            if label in columns:
                return columns[label]
        raise ConstraintError(
            f"{self.name}: {self.model} has no label {self.label!r}; its labels are {', '.join(names.values())}. "
            "Ask for one of these by --constraint classifier, or choose another model."
        )

    def _misconfigured(self, error: ModelError) -> ConstraintError:
        return ConstraintError(f"{self.name}: {error} --set {self.name}.model=FOLDER")


def _logits(model: Any, tokenizer: Any, texts: list[str], tokens_per_batch: int) -> Tensor:
    """``[texts, labels]`` in float32 on the CPU, in the order of the texts; texts of like length share a batch."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    limit = tokenizer.model_max_length
    if limit > UNLIMITED:
        limit = getattr(model.config, "max_position_embeddings", 514) - 2  # RoBERTa keeps two positions to itself
    rows = [ids or [tokenizer.pad_token_id] for ids in tokenizer(texts, truncation=True, max_length=limit)["input_ids"]]
    logits = torch.empty(len(rows), model.config.num_labels)
    with torch.inference_mode():
        for batch in _batches([len(row) for row in rows], tokens_per_batch):
            ids = [torch.tensor(rows[i]) for i in batch]
            padded = pad_sequence(ids, True, tokenizer.pad_token_id, tokenizer.padding_side)
            mask = pad_sequence([torch.ones_like(row) for row in ids], True, 0, tokenizer.padding_side)
            found = model(input_ids=padded.to(model.device), attention_mask=mask.to(model.device)).logits
            logits[batch] = found.float().cpu()
    return logits


def _batches(lengths: list[int], tokens_per_batch: int) -> Iterator[list[int]]:
    """Indices, the longest first, so many at a time that padding to the longest keeps within the tokens."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    while order:
        size = max(1, tokens_per_batch // lengths[order[0]])
        yield order[:size]
        order = order[size:]


@cache
def _load(source: str, device: str, dtype: str) -> tuple[Any, Any]:
    """The frozen classifier and its tokenizer, once a process; raises ``ModelError`` with what to do before ``--set``."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from .text_vae.loading import quiet

    place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    precision = "float32" if dtype == "auto" and place == "cpu" else dtype
    classifiers = AutoModelForSequenceClassification
    with quiet():
        _check_it_is_there(source)
        try:
            tokenizer = AutoTokenizer.from_pretrained(source)
            model, report = classifiers.from_pretrained(source, dtype=precision, output_loading_info=True)
        except Exception as error:  # of any kind: many libraries read these files
            raise ModelError(f"{source} is no classifier: {_first_line(error)} Repair it, or choose another:") from error
    if report["missing_keys"]:
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(f"{source} is no trained classifier, its weights lack {missing}. Choose one fine-tuned to classify:")
    if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):  # what transformers makes of no files at all
        raise ModelError(f"{source} has no tokenizer. Save it there (tokenizer.save_pretrained), or choose another model:")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    return model.to(place).requires_grad_(False).eval(), tokenizer


def _check_it_is_there(source: str) -> None:
    from huggingface_hub import constants
    from transformers import AutoConfig

    try:
        AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        if Path(source).is_dir():
            raise ModelError(f"{source} holds no model of transformers: {_first_line(error)} Choose another:") from error
        if source.startswith((".", "/", "~")) or source.count("/") > 1:
            raise ModelError(f"there is no folder {source}. Choose another:") from error
        offline = "HF_HUB_OFFLINE is set: unset it. Or, " if constants.HF_HUB_OFFLINE else "Connect. Or, "
        raise ModelError(
            f"{source} is no folder here, and it did not come from the hub: {_first_line(error)} {offline}"
            f"where there is a network: hf download {source} --local-dir FOLDER, and then"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _identity(source: str) -> str:
    """What tells the model from any other: hashes of its files, or the commit on the hub."""
    folder = Path(source)
    if not folder.is_dir():
        from huggingface_hub import hf_hub_download

        _check_it_is_there(source)
        return Path(hf_hub_download(source, "config.json")).parent.name
    files = sorted(file for file in folder.iterdir() if file.suffix in MEANINGFUL)
    hashes = [_hash(file, file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    return " ".join(f"{file.name} {digest}" for file, digest in zip(files, hashes, strict=True))


@cache
def _hash(file: Path, modified: int, size: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
