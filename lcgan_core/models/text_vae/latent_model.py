"""The text VAE as a latent model: a model folder, loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ...errors import ModelError
from ...figures import Beside
from ...latent_model import LatentModel, Posterior, chance_of
from ...support.files import read_json_text
from ...support.manifest import check_files
from .batches import IGNORED, pad
from .diversity import distinct, self_bleu
from .known_words import WORDS, KnownWords
from .memory import MEMORY, TextMemory
from .mixing import mixed_texts
from .modeling import TextVae, TextVaeConfig
from .naturalness import added_surprisal, log_likelihoods
from .quantized import load_quantized

EMBEDDED = Path(__file__).parent.parent
"""Model folders that ship with lcgan, each reached by its bare name."""

WEIGHTS = "model.safetensors"
LATENTS = "latents.safetensors"
READ_AT_ONCE = ("config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json", WORDS, LATENTS)
"""The files that a model needs to decode and to encode; the others are read where they are asked for."""

REFINING_STEPS = 3
"""Adam steps from the encoder's mean towards the text. Of the shipped model's held-out texts, three take BLEU from 22 to 34."""
REFINING_RATE = 0.1
REFINED_AT_ONCE = 256
"""Texts in a batch whose means are refined, times the layers of the decoder. 64 of 31 tokens through 4 layers take 1.5 GB where
there are 24,000 tokens to choose from, and less time than 256, which take 3.8."""
REFINING_EPS = 0.01
"""Slopes below this hardly move z, so that what rounding leaves of none does not."""


def folder_of(source: str) -> Path:
    """The folder of the model that ships under this name, or else the folder that is named."""
    return EMBEDDED / source if (EMBEDDED / source / "config.json").is_file() else Path(source)


def is_text_vae(folder: Path) -> bool:
    """Whether the folder says that it holds one."""
    try:
        config = read_json_text((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("model_type") == TextVaeConfig.model_type


def load_vae(folder: Path) -> tuple[TextVae, PreTrainedTokenizerFast]:
    """The frozen VAE in ``folder`` and its tokenizer; raises whatever the readers of these formats raise."""
    config = TextVaeConfig.from_pretrained(folder, local_files_only=True)
    vae = load_quantized(lambda: TextVae(config), folder / WEIGHTS)
    vae.requires_grad_(False).train(False)
    return vae, PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)


def encode_texts(
    vae: TextVae,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    batch_size: int = 64,
    refining_steps: int = REFINING_STEPS,
) -> Posterior:
    """q(z|x) of each text, in the order given: the encoder's, its means refined (Kim et al. 2018, arXiv 1802.02550)."""
    ids = tokenizer(list(texts), truncation=True)["input_ids"] if texts else []
    mean = torch.empty(len(ids), vae.config.latent_size, device=vae.device)
    std = torch.empty_like(mean)
    by_length = torch.tensor([len(row) for row in ids], dtype=torch.long).argsort(stable=True)
    for places in by_length.split(batch_size) if ids else ():  # texts of like length together: little padding
        rows = [torch.tensor(ids[place]) for place in places.tolist()]
        with torch.no_grad():
            lengths = torch.tensor([len(row) for row in rows])
            encoded, log_std = vae.encode(pad(rows, vae.config.pad_token_id).to(vae.device), lengths)
        mean[places], std[places] = refined(vae, encoded, pad(rows, IGNORED).to(vae.device), refining_steps), log_std.exp()
    return Posterior(mean, std)


def knows_capitals(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether the texts that the tokenizer was made of had capital letters: if not, only its single bytes have."""
    return any(len(token) > 1 and any("A" <= letter <= "Z" for letter in token) for token in tokenizer.get_vocab())


def refined(vae: TextVae, mean: Tensor, labels: Tensor, steps: int) -> Tensor:
    """Steps of Adam from ``mean`` ``[n, latent_size]`` up the likelihood of ``labels``, ``REFINING_RATE`` or less each."""
    at_once = max(1, REFINED_AT_ONCE // vae.decoder.config.num_hidden_layers)
    found = []
    with torch.inference_mode(False), torch.enable_grad():
        for part, its_labels in zip(mean.split(at_once), labels.split(at_once), strict=True):
            z = part.clone().requires_grad_()
            adam = torch.optim.Adam([z], REFINING_RATE, eps=REFINING_EPS)
            for _ in range(steps):
                (z.grad,) = torch.autograd.grad(vae.reconstruction_loss(z, its_labels), z)
                adam.step()
            found.append(z.detach())
    return torch.cat(found)


class TextVaeModel(LatentModel[str]):
    """A folder that ``lcgan pretrain`` wrote: VAE, tokenizer, latents of real texts, and words and memory of
    training texts."""

    name: ClassVar[str] = "text-vae"
    greater_is_better: ClassVar[Mapping[str, bool]] = {
        "naturalness": True,
        "distinct-2": True,
        "distinct-1": True,
        "self-BLEU": False,
    }
    keep: ClassVar[float] = 0.5

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._check(*READ_AT_ONCE)
        try:
            self.vae, self.tokenizer = load_vae(folder)
            self.words = KnownWords.load(folder / WORDS)
            latents = load_file(folder / LATENTS)
            self._real_posteriors = Posterior(latents["mean"].float(), latents["std"].float())
            self._log_likelihoods_of_real = latents["log_likelihoods"].float()
        except Exception as error:  # the readers of these formats raise whatever damaged bytes lead them to
            raise self._damaged(error) from error
        self.latent_dim = self.vae.config.latent_size
        decoded_by = (folder / name for name in (WEIGHTS, "tokenizer.json", WORDS))
        self.fingerprint = hashlib.sha256(b"".join(file.read_bytes() for file in decoded_by)).hexdigest()[:16]

    def _damaged(self, error: Exception) -> ModelError:
        return ModelError(
            f"The model folder {self.folder} is incomplete or damaged: {type(error).__name__}: {error}. "
            "Train it again with lcgan pretrain, or give another --model."
        )

    def _check(self, *names: str) -> None:
        advice = f"Finish it with lcgan pretrain --resume {self.folder}, train it again, or give another --model."
        check_files(self.folder, names, ModelError, "lcgan pretrain", advice)

    def move_to(self, device: str) -> None:
        self.device = device
        self.words = self.words.to(torch.device(device))
        self.vae.to(torch.device(device))  # type: ignore[arg-type]  # transformers' stubs know no devices

    @classmethod
    def load(cls, source: str) -> Self:
        folder = folder_of(source)
        if not (folder / "config.json").is_file():
            embedded = ", ".join(sorted(path.parent.name for path in EMBEDDED.glob("*/config.json")))
            raise ModelError(
                f"No text VAE called {source!r}: it is neither one that ships with lcgan ({embedded}) nor a folder with a "
                "config.json. Train one with lcgan pretrain CORPUS --out DIR."
            )
        return cls(folder)

    def encode(self, samples: Sequence[str]) -> Posterior:
        """q(z|x) of each text, in the order given; a text is cut after ``max_tokens`` tokens."""
        return encode_texts(self.vae, self.tokenizer, samples)

    def misread(self, samples: Sequence[str]) -> dict[str, int]:
        """Texts that are cut, and texts with capital letters where training saw none: each is a byte without a meaning."""
        rows = self.tokenizer(list(samples), verbose=False)["input_ids"] if samples else []
        most = self.tokenizer.model_max_length
        cut = sum(len(row) > most for row in rows)
        found = {f"longer than {most - 1} tokens, which is all that the model reads: the rest is cut off": cut}
        if not knows_capitals(self.tokenizer):
            capitals = sum(any(map(str.isupper, text)) for text in samples)
            found["capital letters, which the model never saw in training: write small ones"] = capitals
        return {what: count for what, count in found.items() if count}

    def features(self, samples: Sequence[str]) -> Tensor:
        """What the encoder alone tells of the texts' meaning, where it was told meanings (``meaning_model`` in its recipe)."""
        mean = encode_texts(self.vae, self.tokenizer, samples, refining_steps=0).mean
        return self.vae.to_meaning(mean) if self.vae.to_meaning else mean

    def decode(self, z: Tensor, batch_size: int = 512) -> list[str]:
        """The most likely text of each z, token by token."""
        ids = [row for part in z.split(batch_size) if len(part) for row in self.vae.generate_tokens(part, words=self.words)]
        return self.tokenizer.batch_decode(ids, skip_special_tokens=True) if ids else []

    def draw(self, z: Tensor, temperature: float, batch_size: int = 512) -> list[str]:
        """Token by token a draw from p(x|z), its logits divided by the temperature."""
        if not (temperature and len(z)):
            return self.decode(z)
        chance = torch.stack([torch.rand(self.vae.config.max_tokens, generator=chance_of(row)) for row in z]).to(z.device)
        ids: list[list[int]] = []
        for part, numbers in zip(z.split(batch_size), chance.split(batch_size), strict=True):
            ids += self.vae.generate_tokens(part, temperature=temperature, chance=numbers, words=self.words)
        texts: list[str] = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return texts

    def decode_near(self, z: Tensor, samples: Sequence[str], pull: Tensor, batch_size: int = 512) -> list[str]:
        """Token by token the most likely text of each z, where ``pull`` is added to the logits of the tokens of the sample."""
        if not len(z):
            return []
        start = [self.vae.config.bos_token_id]
        near = pad([torch.tensor(start + row) for row in self.tokenizer(list(samples), truncation=True)["input_ids"]], -1)
        ids: list[list[int]] = []
        for part in torch.arange(len(z)).split(batch_size):
            ids += self.vae.generate_tokens(z[part], near[part].to(z.device), pull[part], words=self.words)
        texts: list[str] = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return texts

    def mixtures(self, before: Sequence[str], after: Sequence[str]) -> list[list[str]]:
        """Texts with some of the changed passages."""
        return [mixed_texts(first, second) for first, second in zip(before, after, strict=True)]

    def naturalness(self, samples: Sequence[str]) -> Tensor:
        """The share of held-out texts that are no likelier, to the decoder as a language model, than the sample."""
        found, real = log_likelihoods(self.vae, self.tokenizer, samples), self._log_likelihoods_of_real
        return torch.searchsorted(real, found, right=True) / len(real)

    def added_surprisal(self, before: Sequence[str], after: Sequence[str]) -> Tensor:
        """The nats that each change adds to the decoder as a language model: new tokens, and kept ones in a new place."""
        return added_surprisal(self.vae, self.tokenizer, before, after)

    def real_posteriors(self) -> Posterior:
        return self._real_posteriors

    def quality(self, samples: Sequence[str]) -> dict[str, float]:
        """The mean naturalness, and the share of distinct pairs of words."""
        return {"naturalness": float(self.naturalness(samples).mean()), "distinct-2": distinct(samples, 2)}

    def diversity(self, samples: Sequence[str]) -> dict[str, float]:
        """The share of distinct words, and self-BLEU in percent."""
        return {"distinct-1": distinct(samples, 1), "self-BLEU": self_bleu(samples)}

    @cached_property
    def text_memory(self) -> TextMemory | None:
        """The training texts' hashes; None in a folder that was given away without them."""
        if not (self.folder / MEMORY).is_file():
            return None
        self._check(MEMORY)
        try:
            return TextMemory.load(self.folder / MEMORY)
        except Exception as error:
            raise self._damaged(error) from error

    def memory(self, samples: Sequence[str]) -> dict[str, Beside]:
        """``remembered``, ``within_one_word`` and ``made_up_words``, as ``TextMemory.figures`` has them."""
        return self.text_memory.figures(samples) if self.text_memory else {}
