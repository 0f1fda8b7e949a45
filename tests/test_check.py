from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
import torch
from conftest import Lcgan, LinearModel

from lcgan_core import Posterior
from lcgan_core.tools.check import Apart, Check, Decoded, check, verdict

SHIFTED = """
from conftest import LinearModel as Linear
from lcgan_core import Posterior, hookimpl

class Shifted(Linear):
    name = "shifted"

    def real_posteriors(self):
        mean, std = super().real_posteriors()
        return Posterior(mean + 1.5, std)

@hookimpl
def register_latent_models(register):
    register(Shifted)
"""


def test_realism_alone_repairs_a_prior_that_is_off(install: Callable[..., None], run_lcgan: Lcgan) -> None:
    install("shifted-plugin", SHIFTED)
    ran = run_lcgan("check", "shifted:4", "--json", "-n", "600")
    assert ran.exit_code == 0, ran.output
    figures = json.loads(ran.stdout)
    prior, repaired = figures["prior"], figures["repaired"]
    assert prior["two_sample_auc"] > 0.95
    assert prior["frechet"] > 8
    assert repaired["two_sample_auc"] < 0.7
    assert repaired["frechet"] < 1
    assert figures["active_units"] == 4
    assert figures["reconstruction"] > 0.9
    ran = run_lcgan("check", "shifted:4", "-n", "200")
    assert ran.exit_code == 0, (ran.output, ran.exception)
    shown = " ".join(ran.stdout.split())
    assert "4 of 4 units active" in shown
    assert "A classifier tells prior noise from real latents with AUC" in shown


class Collapsed(LinearModel):
    """A decoder that listens to one dimension and an encoder that tells one."""

    def real_posteriors(self) -> Posterior:
        mean, std = super().real_posteriors()
        return Posterior(mean * torch.tensor([1.0, 0, 0, 0]), torch.where(torch.tensor([True, False, False, False]), std, 1.0))

    def decode(self, z: torch.Tensor) -> list[tuple[float, ...]]:
        return [(float(row[0] > 0), 0.0, 0.0, 0.0) for row in z]


def test_a_collapsed_model_is_told() -> None:
    with pytest.raises(Exception, match="distinct"):
        check(Collapsed(4), n=100)
    same = Apart(two_sample_auc=0.5, frechet=0.0)
    found = Check(
        active_units=1,
        latent_dim=4,
        kl=1.0,
        reconstruction=0.2,
        prior=same,
        repaired=same,
        quality={},
        memory={},
        unique=Decoded(),
    )
    first, second, _ = verdict(found)
    assert "Only 1 of 4 latent dimensions" in first
    assert "Reconstructions keep only 20%" in second


def test_the_divergence_from_the_prior_and_the_active_units_of_posteriors() -> None:
    posterior = Posterior(torch.tensor([[1.0, 0.05], [-1.0, -0.05]]), torch.tensor([[1.0, 0.5], [1.0, 0.5]]))
    narrow = 0.5 * (0.05**2 + 0.5**2 - 1 - 2 * math.log(0.5))
    assert posterior.kl == pytest.approx(0.5 + narrow)
    assert posterior.active_units == 1
