"""The words for people: two plain sentences on a surge, in English or Japanese; from numbers and names, never a customer's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

from insights.message import Notice
from store.records import ChannelLanguage, Measure, Scope, Severity, TopicShare

NOUNS: Mapping[ChannelLanguage, Mapping[Measure, str]] = {
    "en": {
        "negative": "negative feedback",
        "complaint": "complaints",
        "volume": "feedback",
        "share": "negative feedback",
        "silence": "feedback",
    },
    "ja": {"negative": "否定的な声", "complaint": "苦情", "volume": "声", "share": "否定的な声", "silence": "声"},
}  # fmt: skip
SEVERITIES: Mapping[ChannelLanguage, Mapping[Severity, str]] = {
    "en": {"low": "Low", "medium": "Medium", "high": "High", "critical": "Critical"},
    "ja": {"low": "低", "medium": "中", "high": "高", "critical": "重大"},
}
STATES: Mapping[ChannelLanguage, Mapping[str, str]] = {
    "en": {"alert.resolved": "Resolved", "alert.acknowledged": "Acknowledged", "channel.test": "Test"},
    "ja": {"alert.resolved": "解消", "alert.acknowledged": "対応中", "channel.test": "テスト"},
}
"""What a headline begins with where it is not the severity."""
LABELS: Mapping[ChannelLanguage, Mapping[str, str]] = {
    "en": {
        "severity": "Severity", "observed": "Observed", "expected": "Usual", "window": "Within", "since": "Since", "ended": "Ended",
        "rule": "Rule", "topics": "Topics", "quotes": "What customers wrote", "acknowledge": "Look at it and acknowledge",
        "sent": "Sent by Koe",
    },
    "ja": {
        "severity": "重大度", "observed": "件数", "expected": "通常", "window": "集計期間", "since": "開始", "ended": "終了",
        "rule": "ルール", "topics": "話題", "quotes": "お客様の声", "acknowledge": "内容を確認して対応を始める",
        "sent": "Koeからの通知",
    },
}  # fmt: skip
TEST_TEXT: Mapping[ChannelLanguage, tuple[str, str]] = {
    "en": ("Alerts of Koe will come here", "This is a test that somebody asked for. Nothing is wrong, and there is nothing to do."),
    "ja": ("Koeのアラートはここに届きます", "これは動作確認のために送られたテストです。異常はなく、対応は必要ありません。"),
}
LANGUAGES: Mapping[str, tuple[str, str]] = {
    "ar": ("Arabic", "アラビア語"), "de": ("German", "ドイツ語"), "en": ("English", "英語"), "es": ("Spanish", "スペイン語"),
    "fr": ("French", "フランス語"), "hi": ("Hindi", "ヒンディー語"), "id": ("Indonesian", "インドネシア語"),
    "it": ("Italian", "イタリア語"),
    "ja": ("Japanese", "日本語"), "ko": ("Korean", "韓国語"), "nl": ("Dutch", "オランダ語"), "pl": ("Polish", "ポーランド語"),
    "pt": ("Portuguese", "ポルトガル語"), "ru": ("Russian", "ロシア語"), "th": ("Thai", "タイ語"), "tr": ("Turkish", "トルコ語"),
    "uk": ("Ukrainian", "ウクライナ語"), "vi": ("Vietnamese", "ベトナム語"), "zh": ("Chinese", "中国語"),
}  # fmt: skip
"""Languages by their names in English and Japanese; another one is shown as its code."""
MOST_TOPICS = 3
LONGEST_NAME = 60


class Figures(Protocol):
    """What the sentences are made of: the numbers of an alert, or of a finding that becomes one."""

    @property
    def measure(self) -> Measure: ...
    @property
    def scope(self) -> Scope: ...
    @property
    def window(self) -> timedelta: ...
    @property
    def observed(self) -> int: ...
    @property
    def expected(self) -> float: ...
    @property
    def interval(self) -> tuple[float, float]: ...
    @property
    def total(self) -> float | None: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def topics(self) -> Sequence[TopicShare]: ...


@dataclass(frozen=True, slots=True)
class Style:
    """How a reader wants it. `names`: id -> name to show, for brands and topics, in the reader's language."""

    language: ChannelLanguage = "en"
    zone: tzinfo = UTC
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wording:
    """What it is about, the same for all changes of an alert; one line; two sentences; and the figures as pairs of label and value."""

    subject: str
    headline: str
    sentences: str
    facts: tuple[tuple[str, str], ...]


def word(notice: Notice, style: Style) -> Wording:
    """What a channel is told, in its language and time zone."""
    if notice.alert is None:
        headline, sentences = TEST_TEXT[style.language]
        line = _headline(STATES[style.language]["channel.test"], headline, style)
        return Wording(line, line, sentences, ())
    alert = notice.alert
    mark = STATES[style.language].get(notice.event, SEVERITIES[style.language][alert.severity])
    sentences = past_sentences(alert, alert.ended_at, style) if notice.event == "alert.resolved" else present_sentences(alert, style)
    facts = {
        "severity": SEVERITIES[style.language][alert.severity],
        "observed": f"{alert.observed:,}",
        "expected": f"{rounded(alert.expected)} ({alert.interval[0]:,.0f}–{alert.interval[1]:,.0f})",
        "window": duration(alert.window, style.language),
        "since": moment(alert.started_at, style),
        "ended": "" if alert.ended_at is None else moment(alert.ended_at, style),
        "topics": _list([_share(share, style) for share in _main(alert.topics)], style.language),
        "rule": plain(alert.rule_name),
    }
    labels, what = LABELS[style.language], _what(alert, style)
    return Wording(
        subject=f"{what}の急増" if style.language == "ja" else f"Surge of {what}",
        headline=_headline(mark, _short(alert, style), style),
        sentences=sentences,
        facts=tuple((labels[name], value) for name, value in facts.items() if value),
    )


def present_sentences(alert: Figures, style: Style) -> str:
    """How many against how many, in how long, since when; then the main topics."""
    expected, what, within = rounded(alert.expected), _what(alert, style), duration(alert.window, style.language)
    since = moment(alert.started_at, style)
    if style.language == "ja":
        return f"{what}が{within}で{alert.observed:,}件（通常は約{expected}件）、{since}から続いています。{_topics_ja(alert, style)}"
    were = "was" if expected == "1" else "were"
    return f"{alert.observed:,} {what} in {within} where about {expected} {were} expected, since {since}. {_topics_en(alert, style)}"


def past_sentences(alert: Figures, ended_at: datetime | None, style: Style) -> str:
    """From when to when; then how bad it was at its worst."""
    expected, what, within = rounded(alert.expected), _what(alert, style), duration(alert.window, style.language)
    since, until = moment(alert.started_at, style), "" if ended_at is None else moment(ended_at, style)
    topics = _list([_share(share, style) for share in _main(alert.topics)], style.language)
    if style.language == "ja":
        about = f"、主な話題は{topics}でした" if topics else "でした"
        return (
            f"{what}の急増は収まりました（{since}〜{until}）。最も多いときで{within}に{alert.observed:,}件、通常は約{expected}件{about}。"
        )
    about = f", mostly about {topics}" if topics else ""
    ended = f" ended at {until}" if until else " is over"
    worst = f"{alert.observed:,} in {within} where about {expected} {'was' if expected == '1' else 'were'} expected"
    return f"The surge of {what} that began at {since}{ended}. At its worst there were {worst}{about}."


def _headline(mark: str, text: str, style: Style) -> str:
    return f"【{mark}】{text}" if style.language == "ja" else f"{mark}: {text}"


def _short(alert: Figures, style: Style) -> str:
    what, expected = _what(alert, style), rounded(alert.expected)
    if style.language == "ja":
        return f"{what} {alert.observed:,}件（通常は約{expected}件）"
    return f"{alert.observed:,} {what}, usually about {expected}"


def _topics_en(alert: Figures, style: Style) -> str:
    topics = _main(alert.topics)
    if not topics:
        low, high = alert.interval
        return f"No topic stands out; on an ordinary day it is {low:,.0f} to {high:,.0f}."
    return f"Mostly about {_list([_share(share, style) for share in topics], 'en')}."


def _topics_ja(alert: Figures, style: Style) -> str:
    topics = _main(alert.topics)
    if not topics:
        low, high = alert.interval
        return f"目立つ話題はなく、通常の範囲は{low:,.0f}〜{high:,.0f}件です。"
    return f"主な話題は{_list([_share(share, style) for share in topics], 'ja')}です。"


def _main(topics: Sequence[TopicShare]) -> list[TopicShare]:
    return [share for share in topics[:MOST_TOPICS] if share.count > 0]


def _share(share: TopicShare, style: Style) -> str:
    name = plain(style.names.get(share.topic, share.topic))
    return f"{name}（{share.count:,}件）" if style.language == "ja" else f"{name} ({share.count:,})"


def _list(parts: Sequence[str], language: ChannelLanguage) -> str:
    if language == "ja" or len(parts) < 2:
        return "、".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _what(alert: Figures, style: Style) -> str:
    """The measure and its scope: "complaints on Delta about Delivery", 「Deltaの配送に関する苦情」."""
    noun, scope, japanese = NOUNS[style.language][alert.measure], alert.scope, style.language == "ja"
    if alert.total is not None:
        noun += f"（全{alert.total:,.0f}件中）" if japanese else f" of {alert.total:,.0f}"
    parts = [
        (scope.brand, " on {}", "{}の"),
        (scope.topic, " about {}", "{}に関する"),
        (scope.source, " from {}", "{}からの"),
    ]
    named = [(plain(style.names.get(value, value)), en, ja) for value, en, ja in parts if value is not None]
    if scope.language is not None:
        named.append((_language(scope.language, style), " in {}", "{}の"))
    named.extend((f"{plain(name)} {plain(value)}", " with {}", "{}の") for name, value in sorted(scope.attributes.items()))
    if japanese:
        return "".join(ja.format(value) for value, _, ja in reversed(named)) + noun
    return noun + "".join(en.format(value) for value, en, _ in named)


def _language(code: str, style: Style) -> str:
    names = LANGUAGES.get(code)
    return plain(code) if names is None else names[1 if style.language == "ja" else 0]


def plain(name: str) -> str:
    """A configured name on one line, cut where it is very long."""
    words = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return words if len(words) <= LONGEST_NAME else words[: LONGEST_NAME - 1] + "…"


def rounded(count: float) -> str:
    """An expected number as people say it: `5`, `3.5`, `1,234`."""
    return f"{count:,.0f}" if count >= 9.5 else f"{count:.1f}".removesuffix(".0")


def moment(time: datetime, style: Style) -> str:
    """`2026-03-01 20:40 JST`, 「2026年3月1日 20:40 JST」."""
    local = time.astimezone(style.zone)
    name = local.tzname() or "UTC"
    zone = f"UTC{name}" if name[0] in "+-" else name
    day = f"{local.year}年{local.month}月{local.day}日" if style.language == "ja" else f"{local:%Y-%m-%d}"
    return f"{day} {local:%H:%M} {zone}"


def duration(width: timedelta, language: ChannelLanguage) -> str:
    """`one hour`, `90 minutes`, 「1時間」."""
    minutes = round(width.total_seconds() / 60)
    days, hours = divmod(minutes, 1440), divmod(minutes, 60)
    if language == "ja":
        return f"{days[0]}日間" if not days[1] and days[0] > 1 else f"{hours[0]}時間" if not hours[1] else f"{minutes}分間"
    if not days[1]:
        return "24 hours" if days[0] == 1 else f"{days[0]} days"
    if not hours[1]:
        return "one hour" if hours[0] == 1 else f"{hours[0]} hours"
    return f"{minutes} minutes"
