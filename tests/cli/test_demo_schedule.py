"""The demonstration is plausible: many languages, ordinary days, no reposts, and a surge that begins now."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from cli.demo.schedule import history, load_templates, surge
from store.fingerprint import fingerprint
from store.records import NewFeedback

NOW = datetime(2026, 3, 11, 15, 20, tzinfo=UTC)
TEMPLATES = load_templates()


def rows() -> list[NewFeedback]:
    return list(history(TEMPLATES, NOW))


def test_there_are_three_hundred_texts_and_forty_complaints_about_deliveries() -> None:
    moods = Counter(template.mood for template in TEMPLATES)
    assert moods.total() - moods["surge"] >= 300
    assert moods["surge"] >= 40
    assert len({template.text for template in TEMPLATES}) == len(TEMPLATES)


def test_eight_languages_and_more_take_part_in_both() -> None:
    wanted = {"ja", "en", "de", "es", "ar", "zh", "fr", "pt"}
    assert wanted <= {row.language for row in rows()}
    assert wanted <= {row.language for row in surge(TEMPLATES, NOW)}


def test_three_weeks_end_now() -> None:
    times = [row.created_at for row in rows()]
    assert max(times) <= NOW
    assert timedelta(days=21) <= NOW - min(times) <= timedelta(days=22)
    assert 1500 <= len(times) <= 2500


def test_the_same_days_are_the_same_whenever_they_are_asked_for() -> None:
    later = {row.external_id: row for row in history(TEMPLATES, NOW + timedelta(days=2))}
    shared = [row for row in rows() if row.external_id in later]
    assert len(shared) > 1500
    assert all(later[row.external_id or ""] == row for row in shared)


def test_external_ids_are_unique() -> None:
    ids = [row.external_id for row in (*rows(), *surge(TEMPLATES, NOW))]
    assert len(set(ids)) == len(ids)


def test_nothing_ordinary_counts_as_a_repost() -> None:
    last: dict[int, datetime] = {}
    for row in rows():
        mark = fingerprint(row.text)
        assert mark is None or row.created_at - last.get(mark, datetime.min.replace(tzinfo=UTC)) > timedelta(hours=24), row.text
        if mark is not None:
            last[mark] = row.created_at


def test_the_surge_fills_the_last_hour_alone() -> None:
    times = [row.created_at for row in surge(TEMPLATES, NOW)]
    assert NOW - timedelta(hours=1) < min(times) <= max(times) <= NOW
    assert len(times) >= 40


def test_no_place_in_a_text_stays_unfilled() -> None:
    assert [row.text for row in (*rows(), *surge(TEMPLATES, NOW)) if "{" in row.text] == []
