"""The words for people: two plain sentences on a surge, in English or Japanese; from numbers and names, never a customer's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

from insights.message import Notice, ToldAlert
from insights.phrases import (
    ABOUT,
    COUNTED,
    GROUPS,
    HEADLINES,
    LABELS,
    LANGUAGES,
    MANY,
    NOUNS,
    PHRASES,
    SCOPE,
    SEVERITIES,
    STATES,
    TEST_TEXT,
    TEXTS,
    Kind,
)
from store.records import ChannelLanguage, Measure, Scope, TopicShare

MOST_TOPICS = 3
MOST_LINES = 5
PARTS = ("brand", "topic", "source", "language")
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
    """What it is about, the same for all changes of an alert; one line; two sentences; and the figures as pairs of label and value.

    `lines`: of several alerts each in one line, the worst first, and how many more there are.
    """

    subject: str
    headline: str
    sentences: str
    facts: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()


def word(notice: Notice, style: Style) -> Wording:
    """What a channel is told, in its language and time zone."""
    if notice.alert is None:
        headline, sentences = TEST_TEXT[style.language]
        line = _headline(STATES[style.language]["channel.test"], headline, style)
        return Wording(line, line, sentences)
    told = notice.spoken_of
    said = _word_one(told[0], notice.event, style) if len(told) == 1 else _word_many(told, notice, style)
    return replace(said, subject=PHRASES[style.language][_kind(notice.alert)].subject.format(**_parts(notice.alert, style)))


def _word_one(alert: ToldAlert, event: str, style: Style) -> Wording:
    parts = _parts(alert, style)
    facts = {
        "severity": SEVERITIES[style.language][alert.severity],
        "observed": parts["figure"],
        "expected": parts["range"],
        "window": parts["within"],
        "since": parts["since"],
        "ended": "" if alert.ended_at is None else moment(alert.ended_at, style),
        "topics": parts["topics"],
        "rule": plain(alert.rule_name),
    }
    sentences = past_sentences(alert, alert.ended_at, style) if event == "alert.resolved" else present_sentences(alert, style)
    return Wording("", _headline(_mark(alert, event, style), short(alert, style), style), sentences, _labelled(facts, style))


def _word_many(told: Sequence[ToldAlert], notice: Notice, style: Style) -> Wording:
    """`told`: the worst first. What all of them share is said once."""
    language, worst, group = style.language, told[0], GROUPS[style.language]
    shared = shared_scope([one.scope for one in told])
    measures, rules = {one.measure for one in told}, {one.rule_name for one in told}
    rest = [replace(one, scope=without(one.scope, shared)) for one in told]
    ends, over = [one.ended_at for one in told if one.ended_at is not None], sum(one.state == "resolved" for one in notice.group)
    parts = {
        "many": _scoped(MANY[language][worst.measure if len(measures) == 1 else None].format(count=len(told)), shared, style),
        "worst": short(rest[0], style),
        "sentence": _first_sentence(rest[0], style),
        "since": moment(min(one.started_at for one in told), style),
        "until": moment(max(ends), style) if ends else "",
        "over": str(over),
    }
    facts = {
        "severity": SEVERITIES[language][worst.severity],
        "alerts": str(len(told)),
        "since": parts["since"],
        "ended": parts["until"] if notice.event == "alert.resolved" else "",
        "rule": plain(worst.rule_name) if len(rules) == 1 else "",
    }
    present = group.partly if over else group.present
    lines = [_headline(SEVERITIES[language][one.severity], short(one, style), style) for one in rest[:MOST_LINES]]
    if len(rest) > MOST_LINES:
        lines.append(group.more.format(count=len(rest) - MOST_LINES))
    return Wording(
        subject="",
        headline=_headline(_mark(worst, notice.event, style), group.short.format(**parts), style),
        sentences=(group.past if notice.event == "alert.resolved" else present).format(**parts),
        facts=_labelled(facts, style),
        lines=tuple(lines),
    )


def shared_scope(scopes: Sequence[Scope]) -> Scope:
    """What all of them say."""
    first = scopes[0]
    same = {
        name: value for name in PARTS if (value := getattr(first, name)) is not None and all(getattr(one, name) == value for one in scopes)
    }
    attributes = {name: value for name, value in first.attributes.items() if all(one.attributes.get(name) == value for one in scopes)}
    return Scope(**same, attributes=attributes)


def without(scope: Scope, said: Scope) -> Scope:
    """What a scope says beyond another."""
    own = {name: getattr(scope, name) for name in PARTS if getattr(said, name) is None}
    return Scope(**own, attributes={name: value for name, value in scope.attributes.items() if name not in said.attributes})


def short(alert: Figures, style: Style) -> str:
    """How many against how many, on one line."""
    return PHRASES[style.language][_kind(alert)].short.format(**_parts(alert, style))


def present_sentences(alert: Figures, style: Style) -> str:
    """How many against how many, in how long, since when; then the main topics."""
    parts, first = _parts(alert, style), _first_sentence(alert, style)
    second = (ABOUT[style.language][0] if parts["topics"] else PHRASES[style.language][_kind(alert)].ordinary).format(**parts)
    return f"{first[:1].upper()}{first[1:]}{'' if style.language == 'ja' else ' '}{second}"


def past_sentences(alert: Figures, ended_at: datetime | None, style: Style) -> str:
    """From when to when; then how bad it was at its worst."""
    parts = _parts(alert, style)
    until = "" if ended_at is None else moment(ended_at, style)
    ended = f" ended at {until}" if until else " is over"
    about = ABOUT[style.language][1 if parts["topics"] else 2].format(**parts)
    return PHRASES[style.language][_kind(alert)].past.format(**parts, until=until, ended=ended, about=about)


def _kind(alert: Figures) -> Kind:
    if alert.measure == "silence":
        return "silence"
    if not alert.total:
        return "count"
    return "shape" if alert.measure == "shape" else "share" if alert.measure == "share" else "count"


def _parts(alert: Figures, style: Style) -> dict[str, str]:
    """What the templates of `insights.phrases` are filled with, and the figures of an alert in short."""
    language, kind, (low, high), total = style.language, _kind(alert), alert.interval, alert.total or 1
    observed, expected, noun = f"{alert.observed:,}", rounded(alert.expected), NOUNS[language][alert.measure]
    parts = {
        "what": _scoped(noun, alert.scope, style),
        "counted": _scoped(COUNTED.get(alert.measure, noun) if language == "en" else noun, alert.scope, style),
        "texts": _scoped(TEXTS[language], alert.scope, style),
        "observed": observed,
        "few": f"only {observed}" if alert.observed else "no",
        "around": around(expected, language),
        "were": "was" if expected == "1" else "were",
        "low": f"{low:,.0f}",
        "high": f"{high:,.0f}",
        "within": duration(alert.window, language),
        "since": moment(alert.started_at, style),
        "topics": "" if kind == "silence" else _list([_topic(share, style) for share in _main(alert.topics)], language),
        "figure": observed,
        "range": f"{expected} ({low:,.0f}–{high:,.0f})",
    }
    if kind not in {"share", "shape"}:
        return parts
    share, usual, low_share, high_share = (percent(count / total, language) for count in (alert.observed, alert.expected, low, high))
    parts |= {"total": f"{total:,.0f}", "share": share, "usual": usual, "low": low_share, "high": high_share}
    figure = "{observed} of {total} ({share})" if language == "en" else "{total}件のうち{observed}件（{share}）"
    return parts | {"figure": figure.format(**parts), "range": f"{usual} ({low_share}–{high_share})"}


def _first_sentence(alert: Figures, style: Style) -> str:
    return PHRASES[style.language][_kind(alert)].present.format(**_parts(alert, style))


def _mark(alert: ToldAlert, event: str, style: Style) -> str:
    return STATES[style.language].get(event, SEVERITIES[style.language][alert.severity])


def _labelled(facts: Mapping[str, str], style: Style) -> tuple[tuple[str, str], ...]:
    return tuple((LABELS[style.language][name], value) for name, value in facts.items() if value)


def _headline(mark: str, text: str, style: Style) -> str:
    return HEADLINES[style.language].format(mark=mark, text=text)


def _main(topics: Sequence[TopicShare]) -> list[TopicShare]:
    return [share for share in topics[:MOST_TOPICS] if share.count > 0]


def _topic(share: TopicShare, style: Style) -> str:
    name = plain(style.names.get(share.topic, share.topic))
    return f"{name}（{share.count:,}件）" if style.language == "ja" else f"{name} ({share.count:,})"


def _list(parts: Sequence[str], language: ChannelLanguage) -> str:
    if language == "ja" or len(parts) < 2:
        return "、".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _scoped(noun: str, scope: Scope, style: Style) -> str:
    """A noun in its scope: "complaints on Delta about Delivery", 「Deltaの配送に関する苦情」."""
    named = [(part, style.names.get(value, value)) for part in PARTS[:3] if (value := getattr(scope, part)) is not None]
    if scope.language is not None:
        named.append(("language", LANGUAGES.get(scope.language, {}).get(style.language, scope.language)))
    named.extend(("attribute", f"{plain(name)} {plain(value)}") for name, value in sorted(scope.attributes.items()))
    said = [SCOPE[style.language][part].format(name if part == "attribute" else plain(name)) for part, name in named]
    return "".join([*reversed(said), noun]) if style.language == "ja" else "".join([noun, *said])


def plain(text: str, longest: int = LONGEST_NAME) -> str:
    """A text on one line, cut where it is very long."""
    return shortened(" ".join("".join(c if c.isprintable() else " " for c in text).split()), longest)


def shortened(text: str, longest: int) -> str:
    """A text of at most so many characters, the last of them an ellipsis where something is cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def rounded(count: float) -> str:
    """An expected number as people say it: `5`, `3.5`, `1,234`."""
    return f"{count:,.0f}" if count >= 9.5 else f"{count:.1f}".removesuffix(".0")


def around(expected: str, language: ChannelLanguage) -> str:
    """An expected number in a sentence: "about 64", "almost none"."""
    if expected == "0":
        return "ほぼ0件" if language == "ja" else "almost none"
    return f"約{expected}件" if language == "ja" else f"about {expected}"


def percent(share: float, language: ChannelLanguage) -> str:
    """A share as people say it: `34 %`, `0.4 %`, 「34%」."""
    return f"{rounded(100 * share)}%" if language == "ja" else f"{rounded(100 * share)} %"


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
