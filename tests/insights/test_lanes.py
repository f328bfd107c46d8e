"""Many series side by side are judged as each of them alone."""

from datetime import timedelta

import numpy as np
import pytest

from insights.lanes import Arrays
from insights.seasons import Seasons
from insights.spikes import Detector, SpikeConfig
from tests.insights.series import HOUR, START

SERIES, WINDOWS = 12, 24 * 9


def counts(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """From rare to busy, some of which begin late, each with a surge."""
    rng = np.random.default_rng(seed)
    levels = np.exp(rng.uniform(-2, 6, SERIES))
    drawn = rng.poisson(levels * rng.gamma(4, 1 / 4, (WINDOWS, SERIES))).astype(float)
    drawn[200:204] *= 5
    drawn[: 24 * 3, ::4] = 0
    return np.asarray(drawn)


@pytest.mark.parametrize("direction", ["rise", "fall"])
def test_says_of_each_of_many_what_it_says_of_one(direction: str) -> None:
    config = SpikeConfig(direction="fall" if direction == "fall" else "rise", minimum_history=timedelta(days=2))
    seasons, drawn = Seasons("Asia/Tokyo", "JP"), counts(1)
    together = Detector(HOUR, config, seasons=seasons, lanes=Arrays(SERIES))
    alone = [Detector(HOUR, config, seasons=seasons) for _ in range(SERIES)]
    for number, row in enumerate(drawn):
        start = START + number * HOUR
        looked = together.look(start, row)
        for lane, detector in enumerate(alone):
            finding = detector.judge(start, row[lane])
            assert not finding.ready or finding.p_value == pytest.approx(looked.p_value[lane], rel=1e-6)
            assert (finding.surging, finding.elevated, finding.ready) == (
                looked.surging[lane],
                looked.elevated[lane],
                looked.ready[lane],
            )
            detector.learn(start, row[lane])
        together.learn(start, row)
