"""The contracts for constraints and latent models, as tests for their authors to subclass:

from lcgan_core.testing import ConstraintContract, LatentModelContract
from my_module import Digits, Shouting

class TestShouting(ConstraintContract):
    constraint = Shouting
    satisfied = ["HEY YOU", "STOP"]
    violated = ["hey you", "Stop"]

class TestDigits(LatentModelContract):
    model = Digits
    source = "path/to/weights"
"""

from .constraint_contract import ConstraintContract
from .model_contract import LatentModelContract
from .shared import ODD_TEXTS

__all__ = ["ODD_TEXTS", "ConstraintContract", "LatentModelContract"]
