"""A source that changes shape: what is displaced pages, what comes beside the usual does not."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import numpy as np
import pytest

from insights.seasons import Seasons
from insights.shape import ShapeDetector, replay_shapes
from insights.spikes import SpikeConfig, Surge
from store.records import Shape
from tests.insights.series import HOUR, START, days, noisy

CONFIG = SpikeConfig(sensitivity=1e-4)
LANGUAGES = {"en": 0.8, "de": 0.15, "fr": 0.05}
LENGTHS = {"16": 0.2, "32": 0.3, "64": 0.3, "128": 0.2}
Made = Callable[[int, np.random.Generator], Shape]


def drawn(rng: np.random.Generator, rows: int, mix: Mapping[str, float]) -> dict[str, int]:
    counts = rng.multinomial(rows, list(mix.values()))
    return {value: int(count) for value, count in zip(mix, counts, strict=True) if count}


def ordinary(
    rows: int, rng: np.random.Generator, *, languages: Mapping[str, float] = LANGUAGES, lengths: Mapping[str, float] = LENGTHS,
    repeats: float = 0.05,
) -> Shape:  # fmt: skip
    return Shape(rows, int(rng.binomial(rows, repeats)), drawn(rng, rows, languages), drawn(rng, rows, lengths))


def found(windows: Mapping[int, Shape], hours: int) -> list[Surge]:
    replay = replay_shapes(START, hours, [windows], CONFIG, Seasons())
    return [surge for _, surge in replay.surges(CONFIG.sensitivity)]


def after(change: Made, *, hours: int = 24, level: float = 40, past: int = 8, seed: int = 1, back: int = 0) -> list[Surge]:
    """Eight ordinary days, then some hours that are otherwise, then some that are ordinary again."""
    rng = np.random.default_rng(seed)
    counts = noisy(days(past + (hours + back) // 24 + 1, level), seed=seed)[: past * 24 + hours + back]
    changed = range(past * 24, past * 24 + hours)
    windows = {place: (change if place in changed else ordinary)(count, rng) for place, count in enumerate(counts) if count}
    return found(windows, len(counts))


@pytest.mark.parametrize(
    "change",
    [
        lambda rows, rng: ordinary(rows, rng, languages={"und": 1.0}),
        lambda rows, rng: ordinary(rows, rng, lengths={"16": 0.2, "32": 0.8}),
        lambda rows, rng: Shape(rows, max(0, rows - 1), {"en": rows}, {"16": rows}),
        lambda rows, rng: ordinary(2 * rows, rng, repeats=0.52),
    ],
    ids=["texts without letters", "texts that are cut off", "a login page", "every row twice"],
)
def test_a_source_that_breaks_is_found_within_hours_and_once(change: Made) -> None:
    (surge,) = after(change, hours=48, back=24)
    broke = START + timedelta(days=8)
    assert broke < surge.findings[0].until <= broke + 11 * HOUR
    assert broke + 46 * HOUR <= surge.ended_at <= broke + 58 * HOUR


@pytest.mark.parametrize("level", [3, 40, 400])
def test_ordinary_weeks_are_no_change_at_any_level(level: float) -> None:
    assert after(ordinary, hours=24 * 14, level=level) == []


def test_a_slow_source_is_found_by_its_day() -> None:
    (surge,) = after(lambda rows, rng: ordinary(rows, rng, languages={"und": 1.0}), hours=48, level=4)
    assert surge.findings[0].until <= START + timedelta(days=9)


def test_a_surge_in_another_language_is_no_change_of_shape() -> None:
    """What is usual still comes, so nothing broke."""

    def surging(rows: int, rng: np.random.Generator) -> Shape:
        usual, more = ordinary(rows, rng), 6 * rows
        languages = {**usual.languages, "ja": more}
        lengths = {**usual.lengths, "8": usual.lengths.get("8", 0) + more}
        return Shape(rows + more, usual.repeats, languages, lengths)

    assert after(surging) == []


def test_a_complaint_that_is_passed_on_by_many_is_no_change_of_shape() -> None:
    assert after(lambda rows, rng: ordinary(6 * rows, rng, repeats=0.6)) == []


def test_a_change_that_stays_is_the_usual_after_three_days_and_pages_no_more() -> None:
    (surge,) = after(lambda rows, rng: ordinary(rows, rng, languages={"es": 0.9, "pt": 0.1}), hours=24 * 6)
    assert timedelta(days=2.9) < surge.ended_at - surge.started_at < timedelta(days=4)


def test_a_source_that_was_just_connected_is_not_judged() -> None:
    assert after(lambda rows, rng: ordinary(rows, rng, languages={"und": 1.0}), past=2) == []


def test_says_what_changed_and_what_was_usual() -> None:
    rng, detector = np.random.default_rng(3), ShapeDetector(CONFIG, Seasons())
    for number in range(24 * 7):
        detector.learn(START + number * HOUR, ordinary(50, rng))
    broken = [(START + timedelta(days=7, hours=hour), Shape(50, 2, {"und": 50}, drawn(rng, 50, LENGTHS))) for hour in range(3)]
    change = detector.look(broken, START + timedelta(days=7, hours=3))
    assert (change.face.name, change.parts[0].value, change.parts[0].observed, change.parts[0].usual) == ("language", "und", 150, 0.0)
    assert (change.parts[1].value, change.parts[1].observed) == ("en", 0)
    assert 105 < change.parts[1].usual < 135
    assert change.began_at == START + timedelta(days=7)
    assert (change.finding.surging, change.finding.observed > 120, change.finding.total) == (True, True, 150)


def test_the_past_is_all_it_looks_at() -> None:
    rng = np.random.default_rng(5)
    windows = {place: ordinary(40, rng) for place in range(24 * 8)}
    short = replay_shapes(START, 24 * 7, [windows], CONFIG, Seasons())
    longer = replay_shapes(START, 24 * 8, [windows], CONFIG, Seasons())
    assert np.array_equal(short.looked.expected, longer.looked.expected[: 24 * 7])
