"""``LatentModelContract``: sound models pass all of it, and each way of being broken fails the test that names it."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import lcgan_core.models
from lcgan_core import LatentModel, ModelError, Posterior
from lcgan_core.models.text_vae.latent_model import TextVaeModel
from lcgan_core.support.manifest import write_manifest
from lcgan_core.testing import LatentModelContract
from lcgan_core.testing.shared import assert_import_is_light

WORDS = ("soup", "room", "place", "waiter", "bread", "table")


class Sound(LatentModel[str]):
    """Sums of what the dimensions of z weigh, as a word."""

    name: ClassVar[str] = "sound"
    latent_dim = 4

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights
        self.fingerprint = repr(weights.tolist())

    @classmethod
    def load(cls, source: str) -> Self:
        if not source.isdigit():
            raise ModelError(f"{source!r} is no number. Give a seed.")
        return cls(torch.randn(4, len(WORDS), generator=torch.Generator().manual_seed(int(source))))

    def decode(self, z: Tensor) -> list[str]:
        return [WORDS[i] for i in (z @ self.weights).argmax(1).tolist()]

    def encode(self, samples: Sequence[str]) -> Posterior:
        mean = torch.tensor([[float(len(sample)), sample.count("o"), 0, 1] for sample in samples]).reshape(len(samples), 4)
        return Posterior(mean, torch.ones_like(mean))

    def real_posteriors(self) -> Posterior:
        return self.encode(WORDS)


class WithoutEncoder(Sound):
    """The same, as a GAN has it."""

    encode = LatentModel.encode

    def real_posteriors(self) -> None:
        return None


class FromFile(Sound):
    """The same from a file."""

    @classmethod
    def load(cls, source: str) -> Self:
        if not Path(source).is_file():
            raise ModelError(f"No file {source}.")
        return cls(load_file(source)["weights"])


class TestTheTextVae(LatentModelContract):
    model = TextVaeModel
    source = str(Path(lcgan_core.models.__file__).parent / "reviews")

    def take_for_whole(self, changed: Path) -> None:
        write_manifest(changed)


class HereTorchIsThere(LatentModelContract):
    def test_import_is_light(self) -> None:
        pass


class TestWithoutEncoder(HereTorchIsThere):
    model = WithoutEncoder
    source = "1"
    other_source = "2"


class TestFromFile(HereTorchIsThere):
    model = FromFile

    def make_source(self, folder: Path) -> str:
        save_file({"weights": Sound.load("1").weights}, folder / "mine.safetensors")
        return str(folder / "mine.safetensors")


class TestWithoutModelIsOnlyABase(LatentModelContract):
    source = "1"


class Nameless(Sound):
    """."""

    name = None  # type: ignore[assignment]


class Silent(Sound):
    name = "silent"


class TakesAnySource(Sound):
    """."""

    @classmethod
    def load(cls, source: str) -> Self:
        return super().load("1")


class FailsOnAnySource(Sound):
    """."""

    @classmethod
    def load(cls, source: str) -> Self:
        return super().load(str(int(source)))


class OfNoDimension(Sound):
    """."""

    latent_dim = 4.0  # type: ignore[assignment]


class OneTooFew(Sound):
    """."""

    def decode(self, z: Tensor) -> list[str]:
        return super().decode(z[1:])


class FailsOnNothing(Sound):
    """."""

    def decode(self, z: Tensor) -> list[str]:
        assert z.abs().max() < 5
        return super().decode(z)


class OfAnotherKind(Sound):
    """."""

    def decode(self, z: Tensor) -> list[Any]:
        return z.tolist()


class ByChance(Sound):
    """."""

    def decode(self, z: Tensor) -> list[str]:
        return [random.choice(WORDS) for _ in z]


class ByPosition(Sound):
    """."""

    def decode(self, z: Tensor) -> list[str]:
        return [WORDS[i % 2] for i in range(len(z))]


class ByTheGlobalSeed(Sound):
    """."""

    def decode(self, z: Tensor) -> list[str]:
        return [f"{word} {torch.initial_seed()}" for word in super().decode(z)]


class DrawsByChance(Sound):
    """."""

    def draw(self, z: Tensor, temperature: float) -> list[str]:
        return ByChance.decode(self, z)  # type: ignore[arg-type]


class LeavesZAlone(Sound):
    """."""

    def decode(self, z: Tensor) -> list[str]:
        return ["soup"] * len(z)


class TooNatural(Sound):
    """."""

    def naturalness(self, samples: Sequence[str]) -> Tensor:
        return torch.full((len(samples),), 1.5)


class Sorts(Sound):
    """."""

    def encode(self, samples: Sequence[str]) -> Posterior:
        return super().encode(sorted(samples))


class FailsOnOddTexts(Sound):
    """."""

    def encode(self, samples: Sequence[str]) -> Posterior:
        assert all(sample.strip() for sample in samples), "an empty text"
        return super().encode(samples)


class OfLogStd(Sound):
    """."""

    def encode(self, samples: Sequence[str]) -> Posterior:
        return Posterior(super().encode(samples).mean, torch.full((len(samples), 4), -1.0))


class InDouble(Sound):
    """."""

    def encode(self, samples: Sequence[str]) -> Posterior:
        return Posterior(*(part.double() for part in super().encode(samples)))


class MisshapenFeatures(Sound):
    """."""

    def features(self, samples: Sequence[str]) -> Tensor:
        return torch.zeros(len(samples))


class OneRealSample(Sound):
    """."""

    def real_posteriors(self) -> Posterior:
        return self.encode(["soup"])


class Narrow(Sound):
    """."""

    def actor_net(self, width: int, depth: int) -> nn.Module:
        return nn.Linear(4, 4)


class Normalised(Sound):
    """."""

    def critic_net(self, width: int, depth: int) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 1), nn.Softmax(0))


class NotANumber(Sound):
    """."""

    def quality(self, samples: Sequence[str]) -> dict[str, float]:
        return {"fid": float("nan")}


class InWords(Sound):
    """."""

    greater_is_better: ClassVar[dict[str, Any]] = {"fid": "no"}


class Trainable(Sound):
    """."""

    def encode(self, samples: Sequence[str]) -> Posterior:
        mean, std = super().encode(samples)
        return Posterior(mean.requires_grad_(), std)


class Numbered(Sound):
    """."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__(weights)
        self.fingerprint = str(id(self))


class OneFingerprint(Sound):
    """."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__(weights)
        self.fingerprint = "sound"


def contract_of(kind: type[LatentModel[Any]], **options: Any) -> LatentModelContract:
    return type("Contract", (LatentModelContract,), {"model": kind, "source": "1", "other_source": "2", **options})()


CHECKS = [name for name in vars(LatentModelContract) if name.startswith("test_")]


@pytest.mark.parametrize("check", [check for check in CHECKS if check != "test_import_is_light"])  # this module needs torch
def test_a_sound_model_passes(check: str) -> None:
    getattr(contract_of(Sound), check)()


@pytest.mark.parametrize(
    ("kind", "check", "message"),
    [
        (Nameless, "has_a_name_and_a_docstring", "Nameless has no name. Give it one"),
        (Silent, "has_a_name_and_a_docstring", "Silent has no docstring"),
        (TakesAnySource, "loads_what_is_there_and_nothing_else", "so a mistyped --model would go unnoticed"),
        (FailsOnAnySource, "loads_what_is_there_and_nothing_else", "raises ValueError: .* Raise a lcgan_core.ModelError"),
        (OfNoDimension, "says_what_it_is", "latent_dim is 4.0, not an int"),
        (OneTooFew, "every_latent_has_a_sample_of_the_kind", "returns 11 samples for 12 rows of z of the prior"),
        (FailsOnNothing, "every_latent_has_a_sample_of_the_kind", "fails on z 10 standard deviations off: AssertionError"),
        (OfAnotherKind, "every_latent_has_a_sample_of_the_kind", "which is not of the kind text"),
        (ByChance, "a_sample_depends_on_its_latent_alone", "another sample .* no state, no randomness, no other row"),
        (ByPosition, "a_sample_depends_on_its_latent_alone", "then to 'soup': another sample alone"),
        (ByTheGlobalSeed, "a_sample_depends_on_its_latent_alone", "another sample with other random numbers"),
        (DrawsByChance, "a_draw_has_the_chance_of_its_latent", "a draw by other chance. Take the random numbers of each row"),
        (LeavesZAlone, "latents_make_a_difference", "decodes 12 latents to one sample, 'soup'. Use z"),
        (TooNatural, "naturalness_is_a_share_for_each_sample", "not in .0, 1."),
        (Sorts, "posteriors_are_of_the_samples_in_their_order", "another posterior alone; it differs by"),
        (FailsOnOddTexts, "posteriors_are_of_the_samples_in_their_order", "an empty text"),
        (OfLogStd, "posteriors_are_of_the_samples_in_their_order", "a std that is not above 0. It is σ: not σ², not log σ"),
        (InDouble, "posteriors_are_of_the_samples_in_their_order", "a mean of torch.float64, not float32"),
        (MisshapenFeatures, "features_are_finite_numbers_of_each_sample", "has 1 dimensions, not 2"),
        (OneRealSample, "real_posteriors_are_posteriors", "has 1 rows. Return thousands, or None"),
        (Narrow, "networks_of_its_own_fit_its_latents", r"actor_net gives \(12, 4\) for \(12, 4\), not \(12, 8\)"),
        (Normalised, "networks_of_its_own_fit_its_latents", "critic_net gives something else for a row alone"),
        (NotANumber, "figures_are_finite_numbers_by_name", "quality has fid = nan"),
        (InWords, "figures_are_finite_numbers_by_name", "has {'fid': 'no'}. Say True or False"),
        (Trainable, "nothing_is_there_to_be_trained", "encode returns tensors with a gradient"),
        (Numbered, "the_same_files_are_the_same_model", "loaded again has another fingerprint"),
        (OneFingerprint, "fingerprint_follows_the_weights", "with other weights has the same fingerprint"),
        (Sound, "import_is_light", "Importing test_model_contract imports torch"),
    ],
)
def test_what_is_broken_is_told(kind: type[LatentModel[Any]], check: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        getattr(contract_of(kind), f"test_{check}")()


def test_what_most_tests_look_at_is_decoded_once() -> None:
    calls: list[int] = []

    class Counting(Sound):
        def decode(self, z: Tensor) -> list[str]:
            calls.append(len(z))
            return super().decode(z)

    contract = contract_of(Counting)
    contract.test_latents_make_a_difference()
    contract.test_posteriors_are_of_the_samples_in_their_order()
    contract.test_figures_are_finite_numbers_by_name()
    assert calls == [12]


def test_a_module_of_several_contracts_is_imported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run, calls = subprocess.run, []
    monkeypatch.setattr(subprocess, "run", lambda *given, **options: calls.append(given) or run(*given, **options))
    for what in ("the model", "the constraint"):
        assert_import_is_light("colorsys", what)
    assert len(calls) == 1


def test_other_weights_must_be_found_somewhere(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"source is no path\. Say in other_source"):
        contract_of(Sound, other_source=None).test_fingerprint_follows_the_weights()
    (tmp_path / "7").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        with pytest.raises(AssertionError, match=r"7 holds no safetensors\. Say in Contract\.other_source"):
            contract_of(Sound, source="7", other_source=None).test_fingerprint_follows_the_weights()


def test_a_fingerprint_of_a_file_that_forgets_its_content_is_told(tmp_path: Path) -> None:
    save_file({"weights": torch.ones(4, 6)}, tmp_path / "mine.safetensors")

    class Forgetful(FromFile):
        """."""

        def __init__(self, weights: Tensor) -> None:
            super().__init__(weights)
            self.fingerprint = "mine"

    contract = contract_of(Forgetful, source=str(tmp_path / "mine.safetensors"), other_source=None)
    with pytest.raises(AssertionError, match="with other weights has the same fingerprint"):
        contract.test_fingerprint_follows_the_weights()
