"""The contract that every latent model must fulfil."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import ModelError
from ..figures import Beside
from ..latent_model import LatentModel, Posterior
from ..sample_kinds import SampleKind, Text
from .shared import ODD_TEXTS, assert_import_is_light, assert_name_is_usable

if TYPE_CHECKING:
    from torch import Tensor

LATENTS = 12
"""Number of latents that most tests decode. Arbitrary: few enough for a slow decoder."""
FAR = 10.0
"""A model must decode latents up to this many standard deviations of the prior from its mean; no actor goes as far."""
NUDGE = 0.3
"""How much the other weights differ, in standard deviations of each tensor. Arbitrary."""


class LatentModelContract:
    """Tests that every latent model must pass. A subclass without ``model`` is not run; it is only a base for others."""

    __test__ = False

    model: ClassVar[type[LatentModel[Any]]]
    """The class to test."""
    source: ClassVar[str] = ""
    """The SOURCE in ``--model NAME:SOURCE``, which ``load`` gets."""
    other_source: ClassVar[str | None] = None
    """A source with other weights. Optional if ``source`` is a folder or file of safetensors: the test then changes a copy of
    it."""
    samples: ClassVar[Sequence[Any]] = ()
    """Samples for the encoder, in addition to those that the model decodes."""
    odd_samples: ClassVar[Sequence[Any]] = ()
    """Samples that users may give and that the encoder must accept; for a text model, odd texts by default."""
    alike: ClassVar[float] = 0.99
    """Minimum closeness at which samples of the same latent count as the same, if computed in floating point."""
    tolerance: ClassVar[float] = 1e-3
    """Maximum difference between batches in a posterior, for the same reason."""

    def __init_subclass__(cls) -> None:
        cls.__test__ = hasattr(cls, "model")

    def make_source(self, folder: Path) -> str:
        """``source``; a subclass may instead write a source into the empty ``folder`` and return that."""
        return self.source

    def test_has_a_name_and_a_docstring(self) -> None:
        assert_name_is_usable(self.model, "--model")
        assert (self.model.__doc__ or "").strip(), f"{self._class} has no docstring. Say what it makes and from what."

    def test_loads_what_is_there_and_nothing_else(self) -> None:
        assert isinstance(self._loaded, self.model), (
            f"{self._class}.load returns {self._loaded!r:.80}. Return an instance of the class."
        )
        missing = "there/is/no/such/source"
        try:
            self.model.load(missing)
        except ModelError:
            return
        except Exception as error:
            raise AssertionError(
                f"{self._class}.load({missing!r}) raises {type(error).__name__}: {error}. "
                "Raise a lcgan_core.ModelError that says what was looked for and what to do."
            ) from error
        raise AssertionError(f"{self._class}.load takes {missing!r}, so a mistyped --model would go unnoticed.")

    def test_says_what_it_is(self) -> None:
        model = self._loaded
        assert isinstance(model.latent_dim, int), f"{self._class}.latent_dim is {model.latent_dim!r}, not an int."
        assert model.latent_dim > 0, f"{self._class}.latent_dim is {model.latent_dim}, not above 0."
        assert isinstance(model.fingerprint, str), f"{self._class}.fingerprint is {model.fingerprint!r}, not a string."
        assert model.fingerprint, f"{self._class}.fingerprint is empty. Compute it from the weights."
        assert isinstance(model.sample_kind, SampleKind), (
            f"{self._class}.sample_kind is {model.sample_kind!r}. Set it to an instance: sample_kind = Images()"
        )

    def test_every_latent_has_a_sample_of_the_kind(self) -> None:
        import torch

        for what, z in (
            ("of the prior", self._z),
            ("of zeros", 0 * self._z),
            (f"{FAR:g} standard deviations off", FAR * self._z.sign()),
            ("of no row", self._z[:0]),
            ("that is a view", torch.stack([self._z, self._z], 2)[:, :, 0]),
        ):
            try:
                samples = self._loaded.decode(z)
            except Exception as error:
                raise AssertionError(f"{self._class} fails on z {what}: {type(error).__name__}: {error}") from error
            assert isinstance(samples, list), f"{self._class}.decode returns {type(samples).__name__} for z {what}, not a list."
            assert len(samples) == len(z), (
                f"{self._class}.decode returns {len(samples)} samples for {len(z)} rows of z {what}. Return one for each."
            )
            for sample in samples:
                try:
                    self._kind.key(sample)
                    self._kind.line(sample)
                except Exception as error:
                    raise AssertionError(
                        f"{self._class}.decode returns {sample!r:.80}, which is not of the kind {self._kind.name}: {error}"
                    ) from error

    def test_a_sample_depends_on_its_latent_alone(self) -> None:
        import torch

        model, z = self._loaded, self._z
        together = model.decode(z)
        otherwise = {
            "alone": [model.decode(row[None])[0] for row in z],
            "in a batch in reverse": model.decode(z.flip(0))[::-1],
            "when decoded again": model.decode(z),
        }
        with torch.random.fork_rng():
            torch.manual_seed(12345)
            otherwise["with other random numbers"] = model.decode(z)
        for how, samples in otherwise.items():
            self._assert_alike(
                together,
                samples,
                f"another sample {how}. Let it depend on the latent alone: no state, no randomness, no other rows",
            )

    def test_a_draw_has_the_chance_of_its_latent(self) -> None:
        import torch

        model, z = self._loaded, self._z
        if model.draws:
            drawn = model.draw(z, 1.0)
            with torch.random.fork_rng():
                torch.manual_seed(12345)
                again = model.draw(z.flip(0), 1.0)[::-1]
            self._assert_alike(drawn, again, "a draw by other chance. Take the random numbers of each row from chance_of(row)")

    def test_latents_make_a_difference(self) -> None:
        assert self._kind.unique(self._decoded) > 1 / LATENTS, (
            f"{self._class} decodes {LATENTS} latents to one sample, {self._kind.line(self._decoded[0])!r:.80}. Use z."
        )

    def test_naturalness_is_a_share_for_each_sample(self) -> None:
        naturalness = self._loaded.naturalness(self._decoded)
        if naturalness is not None:
            assert naturalness.shape == (LATENTS,), f"Naturalness has the shape {tuple(naturalness.shape)}, not [n]."
            assert bool(((naturalness >= 0) & (naturalness <= 1)).all()), "Naturalness is not in [0, 1]."
            turned = self._loaded.naturalness(self._decoded[::-1])
            assert turned is not None, "Naturalness is None for the same samples in another order."
            assert bool(((turned.flip(0) - naturalness).abs() < 1e-3).all()), "Naturalness of a sample depends on the others."

    def test_drawing_near_without_pull_is_decoding(self) -> None:
        import torch

        near = self._loaded.decode_near(self._z, self._decoded[::-1], torch.zeros(LATENTS))
        self._assert_alike(self._decoded, near, "another sample in decode_near with a pull of 0. Return what decode does")

    def test_posteriors_are_of_the_samples_in_their_order(self) -> None:
        if not self._loaded.encodes:
            return
        import torch

        samples = self._given
        together = self._encoded(samples)
        otherwise = {
            "alone": Posterior(*(torch.cat(parts) for parts in zip(*(self._encoded([one]) for one in samples), strict=True))),
            "in a batch in reverse": Posterior(*(part.flip(0) for part in self._encoded(samples[::-1]))),
            "when encoded again": self._encoded(samples),
        }
        for how, found in otherwise.items():
            off = torch.maximum(*((one - other).abs().amax(1) for one, other in zip(together, found, strict=True)))
            worst = int(off.argmax())
            assert float(off[worst]) <= self.tolerance, (
                f"{self._class} encodes {self._kind.line(samples[worst])!r:.80} to another posterior {how}; it differs by "
                f"{float(off[worst]):.2g}. Return posteriors in order, each of its own sample: no state, no randomness."
            )
        assert self._encoded([]).mean.shape[0] == 0

    def test_features_are_finite_numbers_of_each_sample(self) -> None:
        if not self._loaded.encodes and type(self._loaded).features is LatentModel.features:
            return
        features = self._loaded.features(self._given)
        assert features.ndim == 2, f"{self._class}.features has {features.ndim} dimensions, not 2."
        assert len(features) == len(self._given), (
            f"{self._class}.features has {len(features)} rows for {len(self._given)} samples."
        )
        assert bool(features.isfinite().all()), f"{self._class}.features are not all finite."

    def test_real_posteriors_are_posteriors(self) -> None:
        real = self._loaded.real_posteriors()
        if real is None:
            return
        self._assert_posterior(real, "real_posteriors()", len(real.mean))
        assert len(real.mean) > 1, f"{self._class}.real_posteriors() has {len(real.mean)} rows. Return thousands, or None."

    def test_figures_are_finite_numbers_by_name(self) -> None:
        for method in ("quality", "diversity"):
            for name, value in getattr(self._loaded, method)(self._decoded).items():
                assert isinstance(name, str), f"{self._class}.{method} names a figure {name!r}, not by a string."
                assert math.isfinite(float(value)), f"{self._class}.{method} has {name} = {value}, which is not finite."
        wrong = {name: good for name, good in self.model.greater_is_better.items() if not isinstance(good, bool)}
        assert not wrong, f"{self._class}.greater_is_better has {wrong}. Say True or False of a figure, or leave it out."

    def test_memory_is_shares_by_name(self) -> None:
        for name, told in self._loaded.memory(self._decoded).items():
            assert isinstance(told, Beside), f"{self._class}.memory has {name} = {told!r}. Return a lcgan_core.Beside."

    def test_mixtures_are_samples_for_each_pair(self) -> None:
        mixed = self._loaded.mixtures(self._decoded[:-1], self._decoded[1:])
        assert len(mixed) == LATENTS - 1, f"{self._class}.mixtures has {len(mixed)} lists for {LATENTS - 1} pairs."
        for sample in (one for some in mixed for one in some):
            self._kind.key(sample)

    def test_surprisal_is_of_each_change(self) -> None:
        before, after = self._decoded[:-1], self._decoded[1:]
        added = self._loaded.added_surprisal(before, after)
        if added is None:
            return
        assert added.shape == (LATENTS - 1,), f"Added surprisal has the shape {tuple(added.shape)}, not [n]."
        assert bool((added >= 0).all()), f"{self._class}.added_surprisal is below 0."
        turned = self._loaded.added_surprisal(before[::-1], after[::-1])
        assert turned is not None, "Added surprisal is None for the same changes in another order."
        assert bool(((turned.flip(0) - added).abs() < 0.1).all()), "The added surprisal of a change depends on the others."
        of_none = self._loaded.added_surprisal(before, before)
        assert of_none is not None, "Added surprisal is None where nothing changes."
        assert not of_none.any(), f"{self._class}.added_surprisal is above 0 where nothing changes."

    def test_nothing_is_there_to_be_trained(self) -> None:
        model = self._loaded
        found = {"naturalness": model.naturalness(self._decoded)}
        if model.encodes:
            found["encode"] = model.encode(self._given).mean
        if real := model.real_posteriors():
            found["real_posteriors"] = real.mean
        for method, tensor in found.items():
            assert tensor is None or not tensor.requires_grad, (
                f"{self._class}.{method} returns tensors with a gradient, which costs memory. The model is frozen: "
                "call requires_grad_(False) on what you load, or compute under torch.no_grad()."
            )

    def test_networks_of_its_own_fit_its_latents(self) -> None:
        import torch

        model, z = self._loaded, self._z
        for method, outputs in (("actor_net", 2 * model.latent_dim), ("critic_net", 1)):
            net = getattr(model, method)(8, 2)
            if net is None:
                continue
            found, shape = net(z), (LATENTS, outputs)
            assert found.shape == shape, f"{self._class}.{method} gives {tuple(found.shape)} for {tuple(z.shape)}, not {shape}."
            assert found.requires_grad, f"{self._class}.{method} has no weights that can be trained."
            alone = torch.cat([net(row[None]) for row in z])
            assert torch.allclose(found, alone, atol=self.tolerance), (
                f"{self._class}.{method} gives something else for a row alone. Treat rows apart: no batch normalisation."
            )

    def test_the_same_files_are_the_same_model(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            again = {"loaded again": self._source}
            if (path := Path(self._source)).exists():
                again["copied to another place"] = str(_copied(path, Path(folder)))
            for how, source in again.items():
                model = self.model.load(source)
                assert model.fingerprint == self._loaded.fingerprint, (
                    f"{self._class} {how} has another fingerprint, so no actor could be used again. "
                    "Compute it from the content of the files that decide what is decoded, nothing else."
                )
                self._assert_alike(
                    self._decoded, model.decode(self._z), f"another sample {how}. Read everything from the files"
                )

    def test_fingerprint_follows_the_weights(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            other = self.other_source
            if other is None:
                path = Path(self._source)
                changed = _copied(path, Path(folder)) if path.exists() else None
                assert changed, f"{type(self).__name__}.source is no path. Say in other_source where other weights are."
                assert _nudge(changed), (
                    f"{self._source} holds no safetensors. Say in {type(self).__name__}.other_source where other weights are."
                )
                self.take_for_whole(changed)
                other = str(changed)
            assert self.model.load(other).fingerprint != self._loaded.fingerprint, (
                f"{self._class} with other weights has the same fingerprint, so an actor of one would be taken for one of the "
                "other. Compute it from the weights."
            )

    def test_import_is_light(self) -> None:
        """Tests the package, which has the hooks; a module in it that only a hook imports may import torch."""
        package = self.model.__module__.partition(".")[0]
        assert_import_is_light(package, "the model")

    def take_for_whole(self, changed: Path) -> None:
        """Called with a copy of ``source`` that got other weights, for models that refuse what was edited."""

    @property
    def _class(self) -> str:
        return self.model.__qualname__

    @property
    def _source(self) -> str:
        return _loaded(type(self)).source

    @property
    def _loaded(self) -> LatentModel[Any]:
        return _loaded(type(self)).model

    @property
    def _kind(self) -> SampleKind[Any]:
        return self._loaded.sample_kind

    @property
    def _z(self) -> Tensor:
        return _loaded(type(self)).z

    @property
    def _decoded(self) -> list[Any]:
        return [*_loaded(type(self)).decoded]

    @property
    def _given(self) -> list[Any]:
        odd = self.odd_samples or (ODD_TEXTS if isinstance(self._kind, Text) else ())
        return [*self._decoded, *self.samples, *odd]

    def _encoded(self, samples: list[Any]) -> Posterior:
        found = self._loaded.encode(samples)
        self._assert_posterior(found, "encode()", len(samples))
        return found

    def _assert_posterior(self, found: Posterior, where: str, n: int) -> None:
        import torch

        shape = (n, self._loaded.latent_dim)
        for name, part in (("mean", found.mean), ("std", found.std)):
            assert part.shape == shape, f"{self._class}.{where} has a {name} of shape {tuple(part.shape)}, not {shape}."
            assert part.dtype == torch.float32, f"{self._class}.{where} has a {name} of {part.dtype}, not float32."
            assert bool(part.isfinite().all()), f"{self._class}.{where} has a {name} that is not finite."
        assert bool((found.std > 0).all()), f"{self._class}.{where} has a std that is not above 0. It is σ: not σ², not log σ."

    def _assert_alike(self, before: list[Any], after: list[Any], said: str) -> None:
        kind = self._kind
        for first, second, closeness in zip(before, after, kind.closeness(before, after), strict=True):
            assert closeness >= self.alike or kind.key(first) == kind.key(second), (
                f"{self._class} decodes a latent to {kind.line(first)!r:.60}, then to {kind.line(second)!r:.60}: {said}."
            )


@dataclass
class _Loaded:
    source: str
    model: LatentModel[Any]
    folder: Any
    """The temporary folder of ``source``, which exists as long as this object does."""

    @property
    def z(self) -> Tensor:
        import torch

        return torch.randn(LATENTS, self.model.latent_dim, generator=torch.Generator().manual_seed(0))

    @cached_property
    def decoded(self) -> list[Any]:
        """What most tests look at; decoding may take seconds too."""
        return self.model.decode(self.z)


_LOADED: dict[type[LatentModelContract], _Loaded] = {}
"""The model of each contract, loaded only once because loading may take seconds."""


def _loaded(contract: type[LatentModelContract]) -> _Loaded:
    if contract not in _LOADED:
        folder = tempfile.TemporaryDirectory(prefix="lcgan-contract-")
        source = contract().make_source(Path(folder.name))
        _LOADED[contract] = _Loaded(source, contract.model.load(source), folder)
    return _LOADED[contract]


def _copied(path: Path, folder: Path) -> Path:
    copy = folder / path.name
    if path.is_dir():
        shutil.copytree(path, copy)
    else:
        shutil.copy(path, copy)
    return copy


def _nudge(path: Path) -> bool:
    """Changes the weights in a safetensors file, or in all of those in a folder; False if there are none."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    files = [path] if path.suffix == ".safetensors" else sorted(path.rglob("*.safetensors"))
    for file in files:
        with safe_open(file, framework="pt") as content:
            metadata = content.metadata()
            tensors = {name: content.get_tensor(name).clone() for name in content.keys()}  # noqa: SIM118 - no mapping
        for tensor in tensors.values():
            if tensor.is_floating_point():
                tensor += NUDGE * (tensor.float().std(correction=0).to(tensor.dtype) + torch.finfo(tensor.dtype).eps)
        save_file(tensors, file, metadata=metadata)
    return bool(files)
