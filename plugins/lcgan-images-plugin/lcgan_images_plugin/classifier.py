"""``image-classifier``: the probability that a transformers image classifier gives to a label."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lcgan_core import Images, PretrainedClassifier

if TYPE_CHECKING:
    from torch import Tensor

PICTURES_PER_BATCH = 64


class ImageClassifier(PretrainedClassifier):
    """Pictures to which a transformers classifier gives a label; the value is the label's probability."""

    name = "image-classifier"
    judges = frozenset({"images"})
    incidental = PretrainedClassifier.incidental | {"pictures_per_batch"}

    pictures_per_batch: int = Field(PICTURES_PER_BATCH, ge=1)
    """Maximum number of pictures in a batch."""

    @staticmethod
    def loaded(source: str, place: str, dtype: str) -> tuple[Any, Any]:
        return _load(source, place, dtype)

    def logits(self, model: Any, reader: Any, samples: list[Any]) -> Tensor:
        return _logits(model, reader, samples, self.pictures_per_batch)


def logits_of(source: str, samples: Sequence[Any]) -> Tensor:
    """``[n, labels]`` of the classifier at ``source``, on the CPU; raises ``ModelError`` if there is none."""
    from lcgan_core import ModelError

    try:
        model, processor = _load(source, "cpu", "auto")
    except ModelError as error:
        raise ModelError(f"classifier: {error} --set classifier=FOLDER") from error
    return _logits(model, processor, samples, PICTURES_PER_BATCH)


def _logits(model: Any, processor: Any, samples: Sequence[Any], pictures_per_batch: int) -> Tensor:
    import torch
    from PIL import Image

    parts = []
    with torch.inference_mode():
        for at in range(0, len(samples), pictures_per_batch):
            pictures = [
                Image.fromarray(Images.array(sample)).convert("RGB") for sample in samples[at : at + pictures_per_batch]
            ]
            pixels = processor(images=pictures, return_tensors="pt")["pixel_values"]
            parts.append(model(pixel_values=pixels.to(model.device, model.dtype)).logits.float().cpu())
    return torch.cat(parts)


@cache
def _load(source: str, place: str, dtype: str) -> tuple[Any, Any]:
    """The frozen classifier and its image processor, loaded once per process."""
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    from lcgan_core.support.pretrained import load_pretrained

    return load_pretrained(AutoModelForImageClassification, "image classifier", source, place, dtype, AutoImageProcessor)
