"""The score card and the leave-one-domain-out table, over rows written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.training.data import STRONG, Example, Mark
from tests import needs

TOPIC = 0


@pytest.fixture(autouse=True)
def with_training_libraries() -> None:
    needs.torch()


def an_example(source: str = "umsab", language: str = "en", sentiment: int | None = 0, **labels: Any) -> Example:
    known = {"complaint": None, "presence": {}, "topic_sentiment": {}} | labels
    return Example("fine", language, source, "dev", sentiment, binary=False, packable=False, **known)


def judged(examples: list[Example], *, right: bool = True) -> Any:
    from models.training.development import Judgements

    told = np.array([(example.sentiment or 0) if right else (example.sentiment or 0) - 1 for example in examples])
    return Judgements(
        examples,
        {
            "sentiment": np.eye(3, dtype=np.float32)[told],
            "complaint": np.ones((len(examples), 1), np.float32),
            "presence": np.ones((len(examples), 20), np.float32),
            "topic_sentiment": np.zeros((len(examples), 60), np.float32),
        },
    )


def lines_of(rows: Any) -> dict[str, Any]:
    from models.training.scorecard import language_lines
    from tests.nlp.fakes import fake_bundle

    return {line.language: line for line in language_lines(rows, fake_bundle(), {})}


def test_a_language_is_scored_on_rows_written_in_it() -> None:
    rows = judged([an_example("umsab", "de", number % 3) for number in range(120)] + [an_example("m_absa", "de") for _ in range(50)])
    line = lines_of(rows)["de"]
    assert (line.rows, line.doubt) == (120, "")
    assert line.cells[0].startswith("100.0 [100-100] (120)")


def test_a_language_with_translated_rows_alone_is_marked() -> None:
    line = lines_of(judged([an_example("m_absa", "hr", number % 3) for number in range(150)]))["hr"]
    assert line.doubt == "only translated rows"


def test_few_rows_and_low_scores_are_not_vouched_for() -> None:
    found = lines_of(judged([an_example("umsab", "hi", number % 3) for number in range(12)], right=False))
    assert found["hi"].doubt == "fewer than 100 rows, under 60"


def test_a_complaint_and_a_topic_count_where_annotators_judged_them() -> None:
    rows = judged([an_example(complaint=Mark(1, STRONG), presence={TOPIC: Mark(1, STRONG)}), an_example(complaint=Mark(0, 0.3))])
    assert lines_of(rows)["en"].cells[1:4] == ("100.0 (1)", "-", "100.0 (1)")


def test_a_row_belongs_to_the_domain_of_its_set_or_part() -> None:
    from models.training.leave_one_out import domain_of

    assert domain_of({"source": "m_absa", "variant": "hotel"}) == domain_of({"source": "absita_it"}) == "hotels"
    assert domain_of({"source": "umsab", "variant": "hotel"}) == ""


def test_every_part_of_a_domain_has_topics_of_ours() -> None:
    from models.training.data import mapping_of
    from models.training.leave_one_out import DOMAINS

    parts = [tuple([*part.split("/"), None][:2]) for parts in DOMAINS.values() for part in parts]
    assert all(mapping_of(str(source), variant) is not None for source, variant in parts)


def test_what_only_one_domain_can_teach_is_missed_when_it_is_left_out() -> None:
    """Two domains say a topic alike; a third says it in words of its own."""
    from models.training.leave_one_out import DomainRows, leave_one_out

    def rows_of(domain: str, says_it: int, count: int) -> DomainRows:
        random = np.random.default_rng(len(domain))
        present = random.random(count) < 0.5
        vectors = random.normal(scale=0.1, size=(count, 64)).astype(np.float32)
        vectors[present, says_it] += 1
        return DomainRows(domain, [an_example(presence={TOPIC: Mark(int(flag), STRONG)}) for flag in present], vectors)

    spoken = (("hotels", 0), ("phones", 0), ("cars", 9))
    train, dev = ([rows_of(domain, says_it, count) for domain, says_it in spoken] for count in (3000, 200))
    found = {one.domain: one for one in leave_one_out(train, dev)}
    assert min(one.seen for one in found.values()) > 0.85
    assert min(found["hotels"].unseen, found["phones"].unseen) > 0.85
    assert found["cars"].unseen < 0.8


def test_thresholds_stay_where_an_unseen_domain_can_reach_them() -> None:
    from models.training.calibrate import LEAST_THRESHOLD, MOST_THRESHOLD, best_thresholds

    present = np.array([[True, True], [True, True], [False, False], [False, False]])
    probabilities = np.array([[0.95, 0.06], [0.9, 0.05], [0.8, 0.01], [0.8, 0.01]], np.float32)  # the best would be 0.9 and 0.05
    found = best_thresholds(probabilities, present, np.ones((4, 2), np.float32))
    assert all(LEAST_THRESHOLD <= threshold <= MOST_THRESHOLD for threshold in found)
