"""``classifier``: the probability that a transformers sequence classifier gives to a label; and its base for other samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ..constraint import Constraint, shown
from ..errors import ConstraintError, ModelError
from ..support.files import digest_of

if TYPE_CHECKING:
    from torch import Tensor

MEANINGFUL = (".safetensors", ".bin", ".json", ".txt", ".model", ".jinja")
"""Suffixes of the files that determine a model's predictions: weights, configuration, tokenizer."""
OVERSHOOT = 0.25
"""How far the output of a regression head may lie outside [0, 1] to be rounded to its nearer end. Arbitrary."""
UNLIMITED = 10**6
"""A tokenizer whose maximum length exceeds this was saved without the model's limit."""


class PretrainedClassifier(Constraint):
    """Samples to which a transformers classifier gives a label; the value is its probability, or the output of a regression. A
    subclass says how the classifier reads its samples."""

    expensive = True
    incidental: ClassVar[frozenset[str]] = frozenset({"model", "device"})
    """Options that the fingerprint leaves out; what is at ``model`` is in it."""

    model: str = Field(min_length=1)
    """A folder with a saved transformers model, or a name on the Hugging Face hub."""
    label: str
    """The wanted label, as the model calls it; case is ignored."""
    device: str = "auto"
    """Where to compute, as torch calls it; auto uses a GPU if there is one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format to compute in; auto is float32 on a CPU, elsewhere the format of the saved weights."""

    @staticmethod
    def loaded(source: str, place: str, dtype: str) -> tuple[Any, Any]:
        """The frozen classifier at ``source`` on the device ``place``, and its tokenizer or whatever else prepares its input.

        Raises ``ModelError`` with a message that ends where the caller appends an option.
        """
        raise NotImplementedError

    def logits(self, model: Any, reader: Any, samples: list[Any]) -> Tensor:
        """``[samples, labels]`` in float32 on the CPU, in the order of the samples."""
        raise NotImplementedError

    def has_content(self, sample: Any) -> bool:
        """Whether there is anything to classify; a sample without content has no label, and its value is 0."""
        return True

    def __call__(self, samples: Sequence[Any]) -> list[float]:
        """The probability of the label for each sample, in order; 0 for a sample without content.

        Raises ``ConstraintError`` if the model is missing, is not a trained classifier, or has no such label, or if the device
        does not exist.
        """
        from ..support.device import usable_device

        try:
            place = usable_device(self.device)
        except ModelError as error:
            raise ConstraintError(
                f"{self.name}.device: {error} Choose another, or auto for what there is: --set {self.name}.device=auto"
            ) from error
        try:
            model, reader = self.loaded(self.model, place, self.dtype)
        except ModelError as error:
            raise self._misconfigured(error) from error
        column = self._column(model.config.id2label)
        if not samples:
            return []
        logits = self.logits(model, reader, list(samples))
        kind = model.config.problem_type
        if kind == "regression":
            values = self._scores(logits[:, column].tolist(), samples)
        else:
            independent = logits.shape[1] == 1 or kind == "multi_label_classification"
            values = (logits.sigmoid() if independent else logits.softmax(1))[:, column].tolist()
        return [value if self.has_content(sample) else 0.0 for value, sample in zip(values, samples, strict=True)]

    def _scores(self, outputs: Sequence[float], samples: Sequence[Any]) -> list[float]:
        """What a regression head predicts: values in [0, 1], if it was trained on such."""
        for output, sample in zip(outputs, samples, strict=True):
            if self.has_content(sample) and not -OVERSHOOT <= output <= 1 + OVERSHOOT:
                raise ConstraintError(
                    f"{self.name}: {self.model} predicts numbers (problem_type: regression), {output:.3g} for {shown(sample)}. "
                    "Values are in [0, 1]: map its numbers to them in a function of your own, --constraint ./FILE.py:FUNCTION"
                )
        return [min(max(output, 0.0), 1.0) for output in outputs]

    @property
    def fingerprint(self) -> str:
        """Depends on the weights; not on their location, the device, or the size of batches."""
        try:
            identity = _identity(self.model)
        except ModelError as error:
            raise self._misconfigured(error) from error
        options = self.model_dump_json(exclude=set(self.incidental))
        return self.fingerprint_of(options, identity)

    def _column(self, names: dict[int, str]) -> int:
        columns = {name.casefold(): column for column, name in names.items()} | {name: column for column, name in names.items()}
        for label in (self.label, self.label.casefold()):
            if label in columns:
                return columns[label]
        raise ConstraintError(
            f"{self.name}: {self.model} has no label {self.label!r}; its labels are {', '.join(names.values())}. "
            "Ask for one of these, or choose another model."
        )

    def _misconfigured(self, error: ModelError) -> ConstraintError:
        return ConstraintError(f"{self.name}: {error} --set {self.name}.model=FOLDER")


class Classifier(PretrainedClassifier):
    """Texts to which a transformers classifier gives a label; the value is its probability, or the output of a regression."""

    name = "classifier"
    judges = frozenset({"text"})
    incidental = PretrainedClassifier.incidental | {"tokens_per_batch"}

    tokens_per_batch: int = Field(4096, ge=1)
    """Maximum number of tokens in a batch, padding included; a longer text gets its own batch."""

    @staticmethod
    def loaded(source: str, place: str, dtype: str) -> tuple[Any, Any]:
        return _load(source, place, dtype)

    def has_content(self, sample: str) -> bool:
        return bool(sample.strip())

    def logits(self, model: Any, reader: Any, samples: list[str]) -> Tensor:
        """Texts longer than the model allows are truncated."""
        return _logits(model, reader, samples, self.tokens_per_batch)


def _logits(model: Any, tokenizer: Any, texts: list[str], tokens_per_batch: int) -> Tensor:
    """``[texts, labels]`` in float32 on the CPU, in the order of the texts; texts of similar length share a batch."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    limit = tokenizer.model_max_length
    if limit > UNLIMITED:
        limit = getattr(model.config, "max_position_embeddings", 514) - 2  # RoBERTa keeps two positions to itself
    found = tokenizer(texts, truncation=True, max_length=limit, split_special_tokens=True)  # what a text spells is text
    rows = [ids or [tokenizer.pad_token_id] for ids in found["input_ids"]]
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
    """Batches of indices, longest text first; each batch, padded to its longest text, stays within the limit."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    while order:
        size = max(1, tokens_per_batch // lengths[order[0]])
        yield order[:size]
        order = order[size:]


@cache
def _load(source: str, place: str, dtype: str) -> tuple[Any, Any]:
    """The frozen classifier and its tokenizer, loaded once per process; a ``ModelError`` ends where ``--set`` follows."""
    from transformers import AutoModelForSequenceClassification

    from ..support.pretrained import load_pretrained

    model, tokenizer = load_pretrained(AutoModelForSequenceClassification, "classifier", source, place, dtype)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def _identity(source: str) -> str:
    """What identifies the model: hashes of its files, or its commit on the hub."""
    folder = Path(source)
    if not folder.is_dir():
        return _commit(source)
    files = sorted(file for file in folder.iterdir() if file.suffix in MEANINGFUL)
    return " ".join(f"{file.name} {digest_of(file)}" for file in files)


@cache
def _commit(source: str) -> str:
    """The commit of a model on the hub, looked up once per process: the model is loaded once too."""
    from huggingface_hub import hf_hub_download

    from ..support.pretrained import check_it_is_there

    check_it_is_there(source)
    return Path(hf_hub_download(source, "config.json")).parent.name
