"""How fast the hot paths are, compared with this machine's matrix multiplication in the same run.

    python benchmarks/speed.py

Each share is the number of multiplications that the method needs, divided by the number that the machine could do in the same
time. The machine's rate is measured on square float32 products, the best case of any kernel. Decoding multiplies thin matrices;
texts are decoded in bfloat16 where the processor has it, which may be faster than float32.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from lcgan_core.engine.aggregate_posterior import AggregatePosterior
from lcgan_core.engine.gan import State, train_round
from lcgan_core.engine.labelling import Pool
from lcgan_core.engine.networks import Actor, Critic, GanConfig, Networks
from lcgan_core.errors import ModelError
from lcgan_core.latent_model import LatentModel, Posterior
from lcgan_core.plugins.discovery import load_latent_model

SECONDS = 3.0
MODELS = ("text-vae:reviews", "image-vae:mnist", "sketch-rnn:kanji")


def per_call(call: Callable[[], object]) -> float:
    """Median seconds per call, over calls that take ``SECONDS`` in total, after a warm-up."""
    call()
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < 3:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2]


def product_rate(rows: int, inner: int, columns: int) -> float:
    """Multiply-adds per second of a float32 product ``[rows, inner] @ [inner, columns]``."""
    left, right = torch.randn(rows, inner), torch.randn(columns, inner)
    return rows * inner * columns / per_call(lambda: torch.nn.functional.linear(left, right))


def main() -> None:
    torch.set_flush_denormal(True)
    machine = product_rate(1024, 1024, 1024)
    print(f"machine: {2 * machine / 1e9:.0f} GFLOP/s in 1024 x 1024 float32 products, {torch.get_num_threads()} threads")
    for name in MODELS:
        try:
            benchmark_decode(load_latent_model(name), machine)
        except ModelError as error:  # its plugin is not installed
            print(f"{name}: {error}")
    benchmark_sentiment(machine)
    benchmark_training(machine)
    benchmark_listing()


def benchmark_decode(model: LatentModel[Any], machine: float, n: int = 2048) -> None:
    """Counts what torch really multiplies, attention and convolutions included."""
    z = AggregatePosterior.of(model).draw(n, torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as counted:
        model.decode(z)
    needed = counted.get_total_flops() / 2  # a multiply-add counts as two
    seconds = per_call(lambda: model.decode(z))
    print(
        f"decode, {model.name}: {n / seconds:.0f} samples/s, {needed / n / 1e6:.1f} million multiply-adds each, "
        f"{needed / seconds / machine:.0%} of the machine's rate"
    )
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        model.decode(z)
    for event in sorted(profile.key_averages(), key=lambda event: -event.self_cpu_time_total)[:4]:
        print(f"    {event.self_cpu_time_total / 1e6:7.3f} s  {event.key} x {event.count}")


def benchmark_sentiment(machine: float, n: int = 2048) -> None:
    """Labels by the sentiment plugin, if it is installed."""
    try:
        from lcgan_sentiment_plugin import Sentiment
    except ImportError:
        print("sentiment: not installed")
        return
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    constraint = Sentiment()
    folder, model = constraint.classifier.model, load_latent_model("text-vae:reviews")
    texts = model.decode(AggregatePosterior.of(model).draw(n, torch.Generator().manual_seed(0)))
    tokens = sum(map(len, AutoTokenizer.from_pretrained(folder, trust_remote_code=False)(texts)["input_ids"]))
    layers = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=False).base_model.encoder
    needed = tokens * sum(parameter.numel() for parameter in layers.parameters() if parameter.dim() == 2)
    seconds = per_call(lambda: constraint(texts))
    print(f"sentiment: {n / seconds:.0f} texts/s, {needed / seconds / machine:.0%} of the machine's rate")


def benchmark_training(machine: float, dim: int = 64) -> None:
    config = GanConfig(iterations=10)
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(5000, dim, generator=generator)
    q = AggregatePosterior(Posterior(z, torch.full_like(z, 0.3)))
    critics = [Critic(dim, config) for _ in range(3)]
    networks = Networks(Actor(dim, config), {"right": critics[0]}, critics[1], critics[2], config)
    state = State(networks, {"right": Pool(z, (z[:, 0] > 0).float())})
    seconds = per_call(lambda: train_round(state, q, {"right": 1.0}, config, generator, lambda what, share: None))
    critic = sum(parameter.numel() for parameter in Critic(dim, config).parameters())
    actor = sum(parameter.numel() for parameter in Actor(dim, config).parameters())
    n, m = config.batch_size, config.critic_batches
    penalties = -(-m // config.penalty_interval)
    # In passes over a network (forward 1, backward 2; the penalty is a forward, a backward to z, and backward through both):
    # the attribute critic takes 3; the realism critic 6 on real and fake, and 6 per penalty; the actor 1 for its fakes.
    # An actor batch takes 3 for the actor, and 2 for each of the two critics: forward, and backward to z.
    needed = n * (m * (3 * critic + 6 * critic + 0.9 * actor) + penalties * 6 * critic)
    needed += n * config.actor_batches * (3 * actor + 2 * 2 * critic)
    print(
        f"training: {1000 * seconds / config.iterations:.1f} ms per iteration ({m} critic batches and {config.actor_batches} "
        f"actor batch of {n}), {needed * config.iterations / seconds / machine:.0%} of the machine's rate"
    )


PLUGIN = """
from lcgan_core import Constraint, hookimpl

class Loud(Constraint):
    \"\"\"Texts with an exclamation mark.\"\"\"
    name = "{name}"
    def __call__(self, texts):
        return ["!" in text for text in texts]

@hookimpl
def register_constraints(register):
    register(Loud)
"""
BROKEN = ("import no_such_module", "1 / 0", "loud = True")


def benchmark_listing(repeats: int = 15) -> None:
    """``lcgan plugins`` against ``lcgan --help``, in turns, with ten additional plugins, three of them broken."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        for number in range(10):
            name = f"listed{number}"
            source = BROKEN[number] if number < len(BROKEN) else PLUGIN.format(name=name)
            Path(folder, f"{name}.py").write_text(source, encoding="utf-8")
            info = Path(folder, f"{name}-1.0.dist-info")
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
            (info / "entry_points.txt").write_text(f"[lcgan]\n{name} = {name}\n", encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": folder, "LCGAN_CACHE": cache}

        def seconds(*arguments: str) -> float:
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "lcgan_core", *arguments], env=environment, check=True, stdout=subprocess.DEVNULL
            )
            return time.perf_counter() - started

        first = seconds("plugins")
        pairs = [(seconds("--help"), seconds("plugins")) for _ in range(repeats)]
        ratio = sorted(listing / plain for plain, listing in pairs)[repeats // 2]
        plain = sorted(plain for plain, _ in pairs)[repeats // 2]
        print(f"listing: {ratio:.1f} times as long as --help ({1000 * plain:.0f} ms); the first: {first / plain:.0f}")


if __name__ == "__main__":
    main()
