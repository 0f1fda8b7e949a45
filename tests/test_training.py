"""How a text VAE is trained: the encoder alone first, where it was killed, in parts, and over processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import sentences
from torch import Tensor, nn
from transformers import TrainingArguments

from lcgan_core.models.text_vae.batches import Rows, vae_batch
from lcgan_core.models.text_vae.latent_model import TextVaeModel
from lcgan_core.models.text_vae.modeling import TextVae, TextVaeOutput
from lcgan_core.models.text_vae.pretraining import pretrain as pretraining
from lcgan_core.models.text_vae.pretraining import training
from lcgan_core.models.text_vae.pretraining.recipe import PretrainConfig
from lcgan_core.models.text_vae.pretraining.start import Start, start
from lcgan_core.models.text_vae.pretraining.training import VaeTrainer, WriterTrainer, adapted, fit
from lcgan_core.support import trainer
from lcgan_core.support.trainer import last_whole_checkpoint


def test_the_encoder_learns_to_read_before_a_whole_language_model_learns(causal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(causal.parent)
    Path("corpus.txt").write_text("\n".join(sentences()[:200]), encoding="utf-8")
    states: list[dict[str, Tensor]] = []
    fits: list[dict[str, Any]] = []
    rates: dict[str, float] = {}
    kl_weights: dict[bool, list[float]] = {False: [], True: []}
    forward = TextVae.forward

    def forward_noting(vae: TextVae, *args: Any, kl_weight: float, decodes: bool = True, **options: Any) -> TextVaeOutput:
        kl_weights[decodes].append(kl_weight)
        return forward(vae, *args, kl_weight=kl_weight, decodes=decodes, **options)

    def fit_noting(vae: TextVae, *args: Any, **options: Any) -> None:
        states.append({name: value.clone() for name, value in vae.state_dict().items()})
        fits.append({"rows": len(args[0]), **options})
        fit(vae, *args, **options)

    def noting_rates(create_optimizer: Callable[..., torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
        def create(trainer: VaeTrainer, *args: Any, **options: Any) -> torch.optim.Optimizer:
            optimizer = create_optimizer(trainer, *args, **options)
            names = {parameter: name for name, parameter in trainer.model.named_parameters()}
            rates.update({names[each]: group["lr"] for group in optimizer.param_groups for each in group["params"]})
            return optimizer

        return create

    for trainer_class in (VaeTrainer, WriterTrainer):
        monkeypatch.setattr(trainer_class, "create_optimizer", noting_rates(trainer_class.create_optimizer))
    monkeypatch.setattr(TextVae, "forward", forward_noting)
    monkeypatch.setattr(pretraining, "fit", fit_noting)
    monkeypatch.setattr(pretraining, "READINGS", 2)
    monkeypatch.setattr(pretraining, "WRITERS_TEXTS_SEEN", 285)
    monkeypatch.setattr(pretraining, "WRITERS_LATENTS_KEPT", 120)
    recipe = {"decoder": str(causal), "encoder_layers": 1, "latent_size": 8, "learning_rate": 1e-3}
    pretraining.pretrain(PretrainConfig(corpus=Path("corpus.txt"), **recipe), Path("model"))
    before, trained = states
    between = {name.replace("decoder.model.", "decoder.").replace(".base_layer", ""): value for name, value in trained.items()}
    changed = {name for name, value in before.items() if not torch.equal(value.to(between[name].dtype), between[name])}
    assert {"to_posterior.weight", "to_bag.weight", "encoder.layers.0.mlp.up_proj.weight"} <= changed
    assert not [name for name in changed if name.startswith(("decoder.", "to_prefix", "no_z"))]
    assert not between["to_input.weight"].any(), "nothing disturbs what it reads of a text so far"
    assert torch.equal(between["to_output.weight"], between["to_bag.weight"]), "z speaks for the words that it tells"
    assert rates.keys() == {name for name in trained if ".base_layer." not in name}, "what it knows in its matrices stays"
    for name, rate in rates.items():
        slow = name.startswith(("decoder.", "encoder.", "to_posterior.")) and ".lora_" not in name
        assert rate == pytest.approx(2e-4 if slow else 1e-3), name
    assert [stage["rows"] for stage in fits] == [570, 285], "of 190 texts, half are seen twice"
    assert kl_weights[False][0] == 0, "z is used first"
    assert kl_weights[False] == sorted(kl_weights[False]), "and narrowed after"
    assert {*kl_weights[True]} == {kl_weights[False][-1]} == {0.15}, "as the decoder finds it"
    made = TextVaeModel(Path("model"))
    assert len(made.real_posteriors().mean) == 120, "reading for a whole language model takes long"
    vae = made.vae
    assert vae.state_dict().keys() == before.keys(), "its adapters are part of its matrices"

    rates.clear()
    part = PretrainConfig(corpus=Path("corpus.txt"), kl_weight=0, decoder_layers=2, epochs=1, **recipe)
    pretraining.pretrain(part, Path("part"))
    assert len(fits) == 3, "the decoder has to learn again, and the encoder learns with it"
    assert fits[2]["kl_weight"] == 0
    assert {*rates.values()} == {1e-3}
    assert len(TextVaeModel(Path("part")).real_posteriors().mean) == 190


@pytest.mark.parametrize("stage", ["encoder", "VAE"])
def test_its_training_goes_on_where_it_was_killed(causal: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    monkeypatch.chdir(causal.parent)
    Path("corpus.txt").write_text("\n".join(sentences()[:200]), encoding="utf-8")
    monkeypatch.setattr(trainer, "TrainingArguments", lambda **given: TrainingArguments(**{**given, "save_steps": 2}))
    monkeypatch.setattr(pretraining, "READINGS", 1)
    recipe = {"decoder": str(causal), "encoder_layers": 1, "latent_size": 8, "epochs": 2}
    config = PretrainConfig(corpus=Path("corpus.txt"), **recipe)
    seen: dict[str, list[float]] = {}

    def die(what: str, share: float) -> None:
        seen.setdefault(what, []).append(share)
        if what == stage and share > 0.7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretraining.pretrain(config, Path("model"), on_progress=die)
    assert last_whole_checkpoint(Path("model") / pretraining.CHECKPOINTS / stage.lower())
    seen.clear()
    pretraining.pretrain(config, Path("model"), resume=True, on_progress=lambda what, at: seen.setdefault(what, []).append(at))
    assert seen[stage][0] > 0.4, "what is learned is not learned again"
    assert ("encoder" in seen) == (stage == "encoder")
    assert seen["VAE"][-1] == 1
    assert TextVaeModel(Path("model")).decode(torch.zeros(1, 8))


def train_for_an_epoch(started: Start, texts: int, folder: Path, trainer_class: type[VaeTrainer], **options: Any) -> None:
    fit(
        started.vae.train(),
        Rows(started.tokenizer, sentences()[:texts], epochs=1),
        vae_batch,
        folder,
        batch_size=20,
        seed=0,
        on_progress=lambda share: None,
        trainer_class=trainer_class,
        kl_weight=0.1,
        **options,
    )


def test_a_batch_in_parts_is_the_same_batch(causal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = start(PretrainConfig(corpus=Path("any"), decoder=str(causal), dropout=0), sentences()[:20])
    vae = started.vae
    vae.decoder = adapted(vae.decoder)
    learns = [value for value in vae.parameters() if value.requires_grad]
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)  # what is drawn for a latent depends on the parts
    monkeypatch.setattr(training, "WITHOUT_Z", 0.0)
    steps: list[tuple[Tensor, list[Tensor]]] = []

    class NotingTrainer(WriterTrainer):
        def training_step(self, *args: Any, **options: Any) -> Tensor:
            loss = super().training_step(*args, **options)
            steps.append((loss, [value.grad.clone() for value in learns if value.grad is not None]))
            return loss

    for at_once in (10_000, 50):
        monkeypatch.setattr(training, "TOKENS_AT_ONCE", at_once)
        for value in learns:
            value.requires_grad_()
        weights = {"bag_weight": 0.1, "length_weight": 1.0, "meaning_weight": 0.5}
        train_for_an_epoch(
            started, 20, tmp_path / str(at_once), NotingTrainer, learning_rate=1e-9, deletion_noise=0, weights=weights
        )
    (whole, gradients), (in_parts, summed) = steps
    assert whole == pytest.approx(float(in_parts), rel=1e-3)
    for one, other in zip(gradients, summed, strict=True):
        assert (one - other).norm() <= 0.02 * one.norm() + 1e-6


class Spread(nn.Module):
    """A model as torch spreads it over the GPUs of a process: it has nothing of its own but the call, and a loss for each."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.module = model

    def forward(self, kl_weight: float, without_z: float, bag_weight: float, **batch: Tensor) -> TextVaeOutput:
        options = {"kl_weight": kl_weight, "without_z": without_z, "bag_weight": bag_weight}
        parts = zip(*(value.chunk(2) for value in batch.values()), strict=True)
        outputs = [self.module(**dict(zip(batch, part, strict=True)), **options) for part in parts]
        return TextVaeOutput(**{name: torch.stack([output[name] for output in outputs]) for name in outputs[0]})


def test_a_vae_learns_from_a_batch_with_a_loss_for_each_gpu_and_logs_their_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "TrainingArguments", lambda **given: TrainingArguments(**{**given, "logging_steps": 1}))
    started = start(PretrainConfig(corpus=Path("any"), decoder="chance", width=32, vocab_size=300), sentences()[:40])
    before = started.vae.to_bag.weight.clone()
    logged: list[dict[str, float]] = []

    class SpreadTrainer(VaeTrainer):
        def compute_loss(self, model: Any, *args: Any, **options: Any) -> Any:
            return super().compute_loss(Spread(model), *args, **options).mean()  # as Trainer does

        def log(self, logs: dict[str, float], *args: Any, **options: Any) -> None:
            super().log(logs, *args, **options)
            logged.append(logs)

    weights = {"bag_weight": 0.1}
    train_for_an_epoch(started, 40, tmp_path, SpreadTrainer, learning_rate=1e-3, deletion_noise=0.1, weights=weights)
    assert (started.vae.to_bag.weight - before).abs().max() > 1e-4, "more than weight decay"
    first = logged[0]
    without_kl = first["reconstruction"] + 0.1 * first["bag"]
    assert without_kl == pytest.approx(first["loss"], rel=1e-3), "the KL term weighs nothing yet"
