"""The words of an alert, in English and Japanese, with the reader's numbers and times; the figures are those of the alert."""

from dataclasses import replace
from datetime import UTC, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from insights.message import Notice, ToldAlert, message, read_message
from insights.wording import LABELS, NOUNS, SEVERITIES, Style, duration, word
from store.records import ChannelLanguage, Measure, Scope, Severity, TopicShare
from tests.builders import NOW
from tests.insights.test_message import ALERT

ENGLISH = Style("en", ZoneInfo("Europe/Berlin"), {"7": "Delta", "delivery": "Delivery", "refund": "Refunds"})
JAPANESE = Style("ja", ZoneInfo("Asia/Tokyo"), {"7": "Delta", "delivery": "配送", "refund": "返金"})
SURGE = ToldAlert(
    id="7", rule_name="Negative", severity="high", started_at=NOW - timedelta(minutes=20), last_seen_at=NOW, ended_at=None,
    measure="complaint", scope=Scope(brand="7", language="de"), window=timedelta(hours=1), observed=1480, expected=63.9,
    interval=(40.0, 90.0), p_value=1e-12, topics=(TopicShare("delivery", 900), TopicShare("refund", 31)),
)  # fmt: skip


def test_english_says_what_how_much_since_when_and_about_what() -> None:
    told = word(Notice("alert.opened", SURGE), ENGLISH)
    assert told.headline == "High: 1,480 complaints on Delta in German, usually about 64"
    assert told.sentences == (
        "1,480 complaints on Delta in German in one hour where about 64 were expected, since 2026-03-01 12:40 CET."
        " Mostly about Delivery (900) and Refunds (31)."
    )


def test_japanese_says_the_same() -> None:
    told = word(Notice("alert.opened", SURGE), JAPANESE)
    assert told.headline == "【高】ドイツ語のDeltaの苦情 1,480件（通常は約64件）"
    assert told.sentences == (
        "ドイツ語のDeltaの苦情が1時間で1,480件（通常は約64件）、2026年3月1日 20:40 JSTから続いています。"
        "主な話題は配送（900件）、返金（31件）です。"
    )


def test_without_a_topic_that_stands_out_the_usual_range_is_told() -> None:
    plain = replace(SURGE, topics=())
    assert word(Notice("alert.opened", plain), ENGLISH).sentences.endswith("No topic stands out; on an ordinary day it is 40 to 90.")
    assert word(Notice("alert.opened", plain), JAPANESE).sentences.endswith("目立つ話題はなく、通常の範囲は40〜90件です。")


def test_an_end_tells_from_when_to_when_and_how_bad_it_was() -> None:
    over = Notice("alert.resolved", replace(SURGE, ended_at=NOW + timedelta(hours=2)))
    assert word(over, ENGLISH).headline.startswith("Resolved: ")
    assert word(over, ENGLISH).sentences == (
        "The surge of complaints on Delta in German that began at 2026-03-01 12:40 CET ended at 2026-03-01 15:00 CET."
        " At its worst there were 1,480 in one hour where about 64 were expected, mostly about Delivery (900) and Refunds (31)."
    )
    assert word(over, JAPANESE).headline.startswith("【解消】")
    assert "急増は収まりました（2026年3月1日 20:40 JST〜2026年3月1日 23:00 JST）" in word(over, JAPANESE).sentences


def test_all_changes_of_an_alert_have_one_subject() -> None:
    events = ("alert.opened", "alert.acknowledged", "alert.resolved")
    assert {word(Notice(event, SURGE), ENGLISH).subject for event in events} == {"Surge of complaints on Delta in German"}


def test_a_test_says_that_nothing_is_wrong() -> None:
    assert word(Notice("channel.test", None), ENGLISH).headline == "Test: Alerts of Koe will come here"
    assert word(Notice("channel.test", None), JAPANESE).headline == "【テスト】Koeのアラートはここに届きます"


def test_facts_are_the_figures_of_the_alert() -> None:
    facts = dict(word(Notice("alert.opened", SURGE), ENGLISH).facts)
    assert (facts["Observed"], facts["Usual"], facts["Within"], facts["Since"]) == (
        "1,480",
        "64 (40–90)",
        "one hour",
        "2026-03-01 12:40 CET",
    )
    assert "Ended" not in facts


def test_a_name_that_holds_lines_and_is_endless_stays_a_name() -> None:
    wild = word(Notice("alert.opened", SURGE), replace(ENGLISH, names={"7": "A\r\nBcc: b\x00" + "x" * 500}))
    assert "\n" not in wild.headline
    assert len(wild.headline) < 160


@pytest.mark.parametrize("language", get_args(ChannelLanguage))
def test_every_word_is_there_in_every_language(language: ChannelLanguage) -> None:
    assert NOUNS[language].keys() == set(get_args(Measure))
    assert SEVERITIES[language].keys() == set(get_args(Severity))
    assert LABELS[language].keys() == LABELS["en"].keys()


@pytest.mark.parametrize(
    ("minutes", "english", "japanese"),
    [
        (5, "5 minutes", "5分間"),
        (60, "one hour", "1時間"),
        (90, "90 minutes", "90分間"),
        (1440, "24 hours", "24時間"),
        (2880, "2 days", "2日間"),
    ],
)
def test_durations_read_well(minutes: int, english: str, japanese: str) -> None:
    width = timedelta(minutes=minutes)
    assert (duration(width, "en"), duration(width, "ja")) == (english, japanese)


def test_a_zone_without_a_name_is_shown_by_its_distance() -> None:
    assert "16:40 UTC+05" in word(Notice("alert.opened", SURGE), replace(ENGLISH, zone=ZoneInfo("Asia/Tashkent"))).sentences


def test_a_message_is_read_back_as_it_was_written() -> None:
    told = read_message(message(ALERT, "alert.opened"))
    assert told.event == "alert.opened"
    assert told.alert is not None
    assert (told.alert.observed, told.alert.interval, told.alert.scope) == (ALERT.observed, ALERT.interval, ALERT.scope)
    assert told.alert.started_at == ALERT.started_at.astimezone(UTC)
    assert read_message('{"event": "channel.test", "channel": "1"}') == Notice("channel.test", None)
