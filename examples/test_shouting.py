from shouting import Shouting

from lcgan_core.testing import ConstraintContract


class TestShouting(ConstraintContract):
    constraint = Shouting
    satisfied = ("HEY YOU", "WHAT A PLACE!")
    violated = ("hey you", "What a place!")
