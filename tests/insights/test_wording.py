"""The words of an alert, in English and Japanese, with the reader's numbers and times; the figures are those of the alert."""

from dataclasses import replace
from datetime import UTC, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from insights.message import Notice, ToldAlert, message, read_message
from insights.phrases import GROUPS, LABELS, MANY, NOUNS, PHRASES, SEVERITIES
from insights.wording import Style, duration, word
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

SHARE = replace(
    SURGE, measure="share", scope=Scope(brand="7"), observed=41, expected=14.4, interval=(8.0, 22.0), topics=(TopicShare("delivery", 30),),
    total=120,
)  # fmt: skip
SILENCE = replace(
    SURGE, measure="silence", scope=Scope(source="App Store"), window=timedelta(hours=6), observed=0, expected=40.0, interval=(31.0, 52.0),
)  # fmt: skip

REFUNDS = replace(SURGE, id="8", severity="medium", scope=Scope(brand="7", topic="refund"), observed=40, expected=5.0, topics=())
DELIVERY = replace(SURGE, id="9", severity="critical", scope=Scope(brand="7", topic="delivery"), topics=())
GROUP = Notice("alert.extended", REFUNDS, (REFUNDS, DELIVERY))


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
    assert word(Notice("alert.opened", plain), ENGLISH).sentences.endswith("No topic stands out; it is usually between 40 and 90.")
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


def test_a_share_says_how_many_of_how_many_and_what_is_usual() -> None:
    told = word(Notice("alert.opened", SHARE), ENGLISH)
    assert told.headline == "High: 41 of 120 texts on Delta (34 %) negative, usually 12 %"
    assert told.sentences == (
        "41 of 120 texts on Delta (34 %) were negative in one hour, usually 12 %, since 2026-03-01 12:40 CET. Mostly about Delivery (30)."
    )
    assert (dict(told.facts)["Observed"], dict(told.facts)["Usual"]) == ("41 of 120 (34 %)", "12 % (6.7 %–18 %)")
    over = replace(SHARE, ended_at=NOW + timedelta(hours=2), topics=())
    assert word(Notice("alert.resolved", over), ENGLISH).sentences == (
        "The rising share of negative feedback on Delta that began at 2026-03-01 12:40 CET ended at 2026-03-01 15:00 CET."
        " At its worst 41 of 120 (34 %) were negative in one hour, usually 12 %."
    )


def test_a_share_says_the_same_in_japanese() -> None:
    told = word(Notice("alert.opened", SHARE), JAPANESE)
    assert told.headline == "【高】Deltaの声 120件のうち41件（34%）が否定的（通常は12%）"
    assert told.sentences == (
        "Deltaの声は1時間で120件のうち41件（34%）が否定的で（通常は12%）、2026年3月1日 20:40 JSTから続いています。"
        "主な話題は配送（30件）です。"
    )
    assert dict(told.facts)["件数"] == "120件のうち41件（34%）"
    over = word(Notice("alert.resolved", replace(SHARE, ended_at=NOW + timedelta(hours=2), topics=())), JAPANESE)
    assert over.sentences.endswith("最も高いときで1時間に120件のうち41件（34%）、通常は12%でした。")


def test_a_share_without_a_topic_that_stands_out_tells_the_usual_range_in_percent() -> None:
    plain = Notice("alert.opened", replace(SHARE, topics=()))
    assert word(plain, ENGLISH).sentences.endswith("No topic stands out; it is usually between 6.7 % and 18 %.")
    assert word(plain, JAPANESE).sentences.endswith("目立つ話題はなく、通常の範囲は6.7%〜18%です。")


@pytest.mark.parametrize(("observed", "few"), [(0, "no texts"), (3, "only 3 texts")])
def test_a_source_that_is_silent_is_no_surge(observed: int, few: str) -> None:
    told = word(Notice("alert.opened", replace(SILENCE, observed=observed)), ENGLISH)
    assert (told.subject, told.headline) == ("Too few texts from App Store", f"High: {few} from App Store, usually about 40")
    assert told.sentences == (
        f"{few.capitalize()} from App Store in 6 hours where about 40 were expected, since 2026-03-01 12:40 CET."
        " It is usually between 31 and 52."
    )


def test_a_source_that_speaks_again_was_silent() -> None:
    over = Notice("alert.resolved", replace(SILENCE, ended_at=NOW))
    assert word(over, ENGLISH).sentences == (
        "The lack of texts from App Store that began at 2026-03-01 12:40 CET ended at 2026-03-01 13:00 CET."
        " At its lowest there were 0 in 6 hours where about 40 were expected."
    )
    assert word(over, JAPANESE).sentences == (
        "App Storeからの声は通常に戻りました（2026年3月1日 20:40 JST〜2026年3月1日 21:00 JST）。"
        "最も少ないときで6時間に0件、通常は約40件でした。"
    )
    assert word(Notice("alert.opened", SILENCE), JAPANESE).headline == "【高】App Storeからの声 0件のみ（通常は約40件）"


def test_several_alerts_say_how_many_what_they_share_and_the_worst_first() -> None:
    told = word(GROUP, ENGLISH)
    assert told.headline == "Critical: 2 surges of complaints on Delta, the worst: 1,480 complaints about Delivery, usually about 64"
    assert told.sentences == (
        "2 surges of complaints on Delta go on, the first since 2026-03-01 12:40 CET. The worst:"
        " 1,480 complaints about Delivery in one hour where about 64 were expected, since 2026-03-01 12:40 CET."
    )
    assert told.lines == (
        "Critical: 1,480 complaints about Delivery, usually about 64",
        "Medium: 40 complaints about Refunds, usually about 5",
    )
    assert (dict(told.facts)["Alerts"], dict(told.facts)["Severity"], dict(told.facts)["Rule"]) == ("2", "Critical", "Negative")
    assert told.subject == word(Notice("alert.opened", REFUNDS), ENGLISH).subject


def test_several_alerts_say_the_same_in_japanese() -> None:
    told = word(GROUP, JAPANESE)
    assert told.headline == "【重大】Deltaの苦情の急増2件、最も深刻なもの：配送に関する苦情 1,480件（通常は約64件）"
    assert told.sentences == (
        "Deltaの苦情の急増2件が続いています（最初は2026年3月1日 20:40 JSTから）。最も深刻なもの："
        "配送に関する苦情が1時間で1,480件（通常は約64件）、2026年3月1日 20:40 JSTから続いています。"
    )
    assert told.lines == ("【重大】配送に関する苦情 1,480件（通常は約64件）", "【中】返金に関する苦情 40件（通常は約5件）")


def test_alerts_that_share_nothing_are_just_several() -> None:
    quiet = replace(SILENCE, id="8", severity="low")
    told = word(Notice("alert.opened", SURGE, (SURGE, quiet)), ENGLISH)
    assert told.headline == "High: 2 alerts, the worst: 1,480 complaints on Delta in German, usually about 64"
    assert told.lines[1] == "Low: no texts from App Store, usually about 40"
    assert word(Notice("alert.opened", SURGE, (SURGE, quiet)), JAPANESE).headline.startswith("【高】アラート2件、")


def test_of_many_the_worst_are_listed_and_the_rest_counted() -> None:
    many = tuple(replace(REFUNDS, id=str(number), observed=number) for number in range(10, 18))
    lines = word(Notice("alert.extended", REFUNDS, many), ENGLISH).lines
    assert (len(lines), lines[0], lines[5]) == (6, "Medium: 17 complaints, usually about 5", "and 3 more")
    assert word(Notice("alert.extended", REFUNDS, many), JAPANESE).lines[5] == "ほか3件"


def test_those_of_a_group_that_ended_are_counted_and_not_listed() -> None:
    over = replace(SURGE, id="10", state="resolved", ended_at=NOW)
    told = word(Notice("alert.extended", over, (over, REFUNDS, DELIVERY)), ENGLISH)
    assert told.sentences.startswith(
        "2 surges of complaints on Delta go on, the first since 2026-03-01 12:40 CET, and 1 more ended. The worst: "
    )
    assert len(told.lines) == 2
    left = word(Notice("alert.extended", over, (over, REFUNDS)), ENGLISH)
    assert left.headline == "Medium: 40 complaints on Delta about Refunds, usually about 5"


def test_the_end_of_a_group_says_from_when_to_when() -> None:
    over = tuple(replace(one, state="resolved", ended_at=NOW + timedelta(hours=2)) for one in (REFUNDS, DELIVERY))
    told = word(Notice("alert.resolved", over[0], over), ENGLISH)
    assert told.headline.startswith("Resolved: 2 surges of complaints on Delta, the worst: 1,480")
    assert told.sentences == (
        "2 surges of complaints on Delta are over: the first began at 2026-03-01 12:40 CET, the last ended at 2026-03-01 15:00 CET."
        " The worst: 1,480 complaints about Delivery, usually about 64."
    )
    assert word(Notice("alert.resolved", over[0], over), JAPANESE).sentences == (
        "Deltaの苦情の急増2件はすべて収まりました（2026年3月1日 20:40 JST〜2026年3月1日 23:00 JST）。"
        "最も深刻だったもの：配送に関する苦情 1,480件（通常は約64件）。"
    )


def test_what_was_never_expected_is_told_as_such() -> None:
    new = replace(SURGE, measure="volume", scope=Scope(source="web"), observed=20, expected=1e-6, interval=(0.0, 0.0), topics=())
    told = word(Notice("alert.opened", new), ENGLISH)
    assert (told.subject, told.headline) == ("Surge of feedback from web", "High: 20 texts from web, usually almost none")
    assert "20 texts from web in one hour where almost none were expected" in told.sentences
    assert word(Notice("alert.opened", new), JAPANESE).headline == "【高】webからの声 20件（通常はほぼ0件）"


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
    assert MANY[language].keys() == {*get_args(Measure), None}
    assert GROUPS.keys() == PHRASES.keys()
    assert PHRASES[language].keys() == PHRASES["en"].keys()


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
    grouped = read_message(message(ALERT, "alert.extended", group=[ALERT, replace(ALERT, id="8", total=120)]))
    assert [(one.id, one.total) for one in grouped.group] == [("7", None), ("8", 120)]
    assert read_message('{"event": "channel.test", "channel": "1"}') == Notice("channel.test", None)


def test_a_changed_source_says_how_much_of_it_is_otherwise() -> None:
    changed = replace(
        SILENCE, measure="shape", window=timedelta(hours=4), observed=54, expected=0.6, interval=(0.0, 3.0), total=60, topics=()
    )  # fmt: skip
    told = word(Notice("alert.opened", changed), ENGLISH)
    assert told.subject == "Changed texts from App Store"
    assert told.headline == "High: 54 of 60 texts from App Store (90 %) unlike the usual ones"
    assert told.sentences == (
        "54 of 60 texts from App Store (90 %) in 4 hours are unlike the usual ones, since 2026-03-01 12:40 CET."
        " It is usually between 0 % and 5 %."
    )
    assert word(Notice("alert.opened", changed), JAPANESE).headline == "【高】App Storeからの声 60件のうち54件（90%）がいつもと違う内容"
