from __future__ import annotations

import pytest

from lcgan_core import Share, Trust


@pytest.mark.parametrize(
    ("held", "n", "interval"),
    [(0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (50, 100, (0.4038, 0.5962)), (970, 1000, (0.9575, 0.9789))],
)
def test_a_share_has_the_interval_of_wilson(held: int, n: int, interval: tuple[float, float]) -> None:
    share = Share.of(held, n)
    assert share.value == held / n
    assert share.interval == pytest.approx(interval, abs=5e-4)


def test_figures_are_read_back_and_shown() -> None:
    trust = Trust(labels=70, accuracy=Share.of(50, 100))
    assert Trust.model_validate_json(trust.model_dump_json()) == trust
    assert str(trust.accuracy) == "50.0% (40.4% – 59.6%)"
