"""A latent model whose right answers are known in closed form, a tiny real text VAE, and plugins on the fly."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import portalocker
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # but for processes of tests that have a hub of their own
if "PYTEST_XDIST_WORKER" in os.environ:  # one thread for each of the processes that share the processor
    os.environ["OMP_NUM_THREADS"] = "1"

import torch
from click.testing import CliRunner, Result
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from tokenizers import normalizers
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

import lcgan_core.runs.pipeline
from lcgan_core import Constraint, LatentModel, Posterior, SampleError, SampleKind, hookimpl
from lcgan_core.cli import lcgan
from lcgan_core.engine.networks import GanConfig
from lcgan_core.models.text_vae.pretraining.tokenizer import train_tokenizer
from lcgan_core.plugins.discovery import forget_plugins

SLOW = (
    "test_readme",
    "test_wheels",
    "test_pretrain",
    "test_start",
    "test_training",
    "test_text_vae",
    "test_studio",
    "test_benchmarks",
    "test_reviews",
)
"""Files that take minutes. They start first, so that no process is left with one of them when all others are done;
``pytest -m 'not slow'`` leaves them out."""


MARKED = {"browser": "browser", "wheels": "wheel"}
"""The markers of tests that use these fixtures."""

BROWSER_NEEDED = "LCGAN_BROWSER_TESTS"
"""Set by CI: a missing browser is then an error."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: SLOW.index(item.path.stem) if item.path.stem in SLOW else len(SLOW))
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker("slow")
        for fixture in MARKED.keys() & set(item.fixturenames if isinstance(item, pytest.Function) else ()):
            item.add_marker(MARKED[fixture])


class Killed(BaseException):
    """Stands for the power going off."""


@contextmanager
def killed_after_a_round() -> Iterator[None]:
    """Ends the run within as soon as its first checkpoint is written."""
    save = lcgan_core.runs.pipeline.save_checkpoint

    def save_and_die(*arguments: Any) -> None:
        save(*arguments)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lcgan_core.runs.pipeline, "save_checkpoint", save_and_die)
        with pytest.raises(Killed):
            yield


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keeps the tests out of the user's own cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LCGAN_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Chromium without a window, which reaches nothing but this machine."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        reason = "needs Debian's packages chromium and chromium-driver"
        pytest.fail(reason) if os.environ.get(BROWSER_NEEDED) else pytest.skip(reason)
    options = ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--no-proxy-server",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--window-size=1200,1000",
        f"--user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driven = Chrome(options, ChromeService(driver))
    try:
        yield driven
    finally:
        driven.quit()


class Points(SampleKind[tuple[float, ...]]):
    """A kind that a plugin brings: tuples of numbers, typed with commas between."""

    name: ClassVar[str] = "points"

    def key(self, sample: tuple[float, ...]) -> str:
        return ",".join(map(repr, sample))

    def line(self, sample: tuple[float, ...]) -> str:
        return self.key(sample)

    def parse(self, given: str, folder: Path = Path()) -> tuple[float, ...]:
        try:
            return tuple(map(float, given.split(",")))
        except ValueError as error:
            raise SampleError(f"Not numbers: {given[:80]!r}") from error

    def keep(self, sample: tuple[float, ...], folder: Path, within: str = "samples") -> str:
        return self.key(sample)

    def load(self, path: Path, column: str = "text") -> list[tuple[float, ...]]:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SampleError(f"{path} cannot be read: {error}") from error
        if not lines:
            raise SampleError(f"{path} contains no points.")
        return [self.parse(line) for line in lines]

    def save(self, samples: Sequence[tuple[float, ...]], folder: Path) -> list[Path]:
        raise NotImplementedError


class LinearModel(LatentModel[tuple[float, ...]]):
    """decode(z) = 2 z, real data N(0, 0.9² I) with posteriors of std 0.4: images of nothing, and no text."""

    name: ClassVar[str] = "linear"
    sample_kind = Points()

    def __init__(self, dim: int) -> None:
        self.latent_dim = dim
        self.fingerprint = f"linear-{dim}"
        generator = torch.Generator().manual_seed(0)
        self._posteriors = Posterior(0.9 * torch.randn(3000, dim, generator=generator), torch.full((3000, dim), 0.4))

    @classmethod
    def load(cls, source: str) -> Self:
        return cls(int(source))

    def encode(self, samples: Sequence[tuple[float, ...]]) -> Posterior:
        mean = torch.tensor(samples) / 2
        return Posterior(mean, torch.full_like(mean, 0.4))

    def decode(self, z: Tensor) -> list[tuple[float, ...]]:
        return [tuple(row) for row in (2 * z).tolist()]

    def real_posteriors(self) -> Posterior:
        return self._posteriors


class LinearGenerator(LatentModel[tuple[float, ...]]):
    """The same decoder without an encoder, and without real data: what a GAN has."""

    name: ClassVar[str] = "linear-generator"
    sample_kind = Points()

    def __init__(self, dim: int) -> None:
        self.latent_dim = dim
        self.fingerprint = f"linear-generator-{dim}"

    @classmethod
    def load(cls, source: str) -> Self:
        return cls(int(source))

    def decode(self, z: Tensor) -> list[tuple[float, ...]]:
        return [tuple(row) for row in (2 * z).tolist()]


class HalfSpace(Constraint):
    """The first coordinate of the sample is above a bound."""

    name = "half-space"
    bound: float = 2.0
    """Lowest first coordinate that satisfies."""

    def __call__(self, samples: Sequence[tuple[float, ...]]) -> list[bool]:
        return [sample[0] > self.bound for sample in samples]


@hookimpl
def register_constraints(register: Callable[[type[Constraint]], None]) -> None:
    register(HalfSpace)


@hookimpl
def register_latent_models(register: Callable[[type[LatentModel[Any]]], None]) -> None:
    register(LinearModel)
    register(LinearGenerator)


@hookimpl
def register_sample_kinds(register: Callable[[type[SampleKind[Any]]], None]) -> None:
    register(Points)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes a distribution with one lcgan entry point discoverable, as pip would."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install_plugin(name: str, source: str, metadata: str = "") -> None:
        module = name.replace("-", "_")
        sys.modules.pop(module, None)
        if source:
            (site / f"{module}.py").write_text(source, encoding="utf-8")
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[lcgan]\n{name} = {module}\n", encoding="utf-8")
        forget_plugins()

    yield install_plugin
    forget_plugins()


@pytest.fixture
def linear_plugin(install: Callable[..., None]) -> None:
    """``--model linear:DIM`` or ``linear-generator:DIM`` and ``--constraint half-space``, through the hooks that any plugin
    uses."""
    install("linear-plugin", f"from {__name__} import register_constraints, register_latent_models, register_sample_kinds\n")


Lcgan = Callable[..., Result]


@pytest.fixture
def run_lcgan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lcgan:
    """The command line in an empty folder."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def call(*arguments: str | Path) -> Result:
        return CliRunner().invoke(lcgan, [str(argument) for argument in arguments], prog_name="lcgan")

    return call


@pytest.fixture(scope="session")
def known_texts() -> dict[tuple[str, bytes], str]:
    """The texts of latents that ``each_latent_decoded_once`` has seen, by the model's fingerprint."""
    return {}


@pytest.fixture
def each_latent_decoded_once(known_texts: dict[tuple[str, bytes], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests with many runs of one text VAE: with one seed all label the same latents first, and decoding takes longest."""
    from lcgan_core.models.text_vae.latent_model import TextVaeModel  # heavy

    decode = TextVaeModel.decode

    def decode_new(self: TextVaeModel, z: Tensor, batch_size: int = 512) -> list[str]:
        keys = [(self.fingerprint, row.numpy().tobytes()) for row in z.detach().cpu()]
        new = [i for i, key in enumerate(keys) if key not in known_texts]
        known_texts.update(zip([keys[i] for i in new], decode(self, z[new], batch_size), strict=True))
        return [known_texts[key] for key in keys]

    monkeypatch.setattr(TextVaeModel, "decode", decode_new)


NOUNS = ("food", "waiter", "soup", "place", "bread", "room")
ADJECTIVES = ("good", "cold", "nice", "bad", "great", "slow", "fresh")


def sentences() -> list[str]:
    """A little language: 1,764 different sentences of 4 to 8 words, in a fixed order that mixes lengths."""
    short = [f"the {n} was {a} ." for n in NOUNS for a in ADJECTIVES]
    long = [f"the {n} was {a} and the {m} was {b} ." for n in NOUNS for m in NOUNS for a in ADJECTIVES for b in ADJECTIVES]
    return [text for pair in zip(long[:: len(long) // len(short)], short, strict=False) for text in pair] + long[::5]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder made by ``lcgan pretrain``, once for all processes that run the tests. Tests leave it as it is."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "tiny"
    with portalocker.Lock(f"{folder}.lock", timeout=600):
        if not folder.exists():
            folder.mkdir()
            (folder / "corpus.txt").write_text("\n".join(sentences()), encoding="utf-8")
            made = ["pretrain", str(folder / "corpus.txt"), "--out", str(folder / "model"), *TINY_RECIPE]
            result = CliRunner().invoke(lcgan, made, catch_exceptions=False)
            assert result.exit_code == 0, result.output
    return folder / "model"


@pytest.fixture
def causal(tmp_path: Path) -> Path:
    """A folder that anyone may have saved: a causal language model and its tokenizer, of byte-level BPE."""
    tokenizer = train_tokenizer([*sentences(), "of 17 reviews some were written in haste"], vocab_size=420, max_tokens=64)
    tokenizer.backend_tokenizer.normalizer = normalizers.NFC()  # as others have it: no space goes before a text
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path / "causal")
    tokenizer.save_pretrained(tmp_path / "causal")
    return tmp_path / "causal"


TINY_RECIPE = [
    argument
    for setting in (
        "decoder=chance",
        "vocab_size=340",
        "max_tokens=20",
        "width=32",
        "decoder_layers=2",
        "encoder_layers=1",
        "latent_size=8",
        "epochs=60",
        "dropout=0",
        "batch_size=32",
        "learning_rate=0.003",
        "kl_weight=0.02",
        "deletion_noise=0.05",
        "latents=400",
    )
    for argument in ("--set", setting)
]

QUICK_GAN = [
    argument
    for setting in (
        "width=32",
        "rounds=2",
        "iterations=60",
        "actor_averaging=0.8",
        "distance_weight=0.003",
        "keep_weight=0.03",
        "critic_batches=5",
        "pretraining_batches=100",
        "posterior_labels=600",
        "start_labels=200",
        "actor_labels=200",
        "sought_examples=50",
        "max_posterior_labels=1200",
    )
    for argument in ("--set", f"gan.{setting}")
]

FEWER_LABELS = {
    "rounds": 4,
    "pretraining_batches": 500,
    "posterior_labels": 3000,
    "max_posterior_labels": 3000,
    "start_labels": 3000,
    "actor_labels": 1000,
}
"""Options of ``gan`` with a quarter of the labels and half the rounds: enough for a common wish of the shipped model."""

QUICKEST = GanConfig(
    width=8,
    rounds=1,
    iterations=2,
    pretraining_batches=2,
    critic_batches=2,
    posterior_labels=600,
    max_posterior_labels=600,
    max_drift=100,
    min_unique=0,
)
"""A run that learns nothing, for what comes with a run."""

LINEAR_GAN = GanConfig(
    width=64,
    rounds=3,
    iterations=40,
    pretraining_batches=500,
    critic_batches=10,
    actor_averaging=0.8,
    realism_weight=1.0,
    distance_weight=0.003,
    keep_weight=0.03,
    posterior_labels=2500,
    start_labels=500,
    actor_labels=400,
)
