"""The phrases that alerts are told in, in English and Japanese: tables of words, which `insights.wording` puts numbers and names into."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from store.records import ChannelLanguage, Measure, Severity

Kind = Literal["count", "share", "silence", "shape"]
"""What the numbers of an alert are: so many, so many of so many, too few, or so many of so many that are not what they were."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """Templates for one kind of alert. `present` is the first of two sentences, `ordinary` the second where no topic stands out.

    {what}: the measure in its scope, {counted}: after a number; {texts}: all that is said in that scope; {observed}, {total}: counts;
    {around}: what is expected, "about 64", "almost none"; {share}, {usual}: of shares, in percent; {few}: "only 3", "no"; {low}, {high}:
    the usual range; {within}: how long; {since}, {until}: from when to when; {ended}: how it ended; {about}: the main topics;
    {were}: "was" where one is expected.
    """

    subject: str
    short: str
    present: str
    ordinary: str
    past: str


PHRASES: Mapping[ChannelLanguage, Mapping[Kind, Phrases]] = {
    "en": {
        "count": Phrases(
            subject="Surge of {what}",
            short="{observed} {counted}, usually {around}",
            present="{observed} {counted} in {within} where {around} {were} expected, since {since}.",
            ordinary="No topic stands out; it is usually between {low} and {high}.",
            past="The surge of {what} that began at {since}{ended}."
            " At its worst there were {observed} in {within} where {around} {were} expected{about}.",
        ),
        "share": Phrases(
            subject="Rising share of {what}",
            short="{observed} of {total} {texts} ({share}) negative, usually {usual}",
            present="{observed} of {total} {texts} ({share}) were negative in {within}, usually {usual}, since {since}.",
            ordinary="No topic stands out; it is usually between {low} and {high}.",
            past="The rising share of {what} that began at {since}{ended}."
            " At its worst {observed} of {total} ({share}) were negative in {within}, usually {usual}{about}.",
        ),
        "silence": Phrases(
            subject="Too few {what}",
            short="{few} {what}, usually {around}",
            present="{few} {what} in {within} where {around} {were} expected, since {since}.",
            ordinary="It is usually between {low} and {high}.",
            past="The lack of {what} that began at {since}{ended}."
            " At its lowest there were {observed} in {within} where {around} {were} expected.",
        ),
        "shape": Phrases(
            subject="Changed {what}",
            short="{observed} of {total} {texts} ({share}) unlike the usual ones",
            present="{observed} of {total} {texts} ({share}) in {within} are unlike the usual ones, since {since}.",
            ordinary="It is usually between {low} and {high}.",
            past="The change of {what} that began at {since}{ended}."
            " At its worst {observed} of {total} ({share}) were unlike the usual ones in {within}.",
        ),
    },
    "ja": {
        "count": Phrases(
            subject="{what}の急増",
            short="{what} {observed}件（通常は{around}）",
            present="{what}が{within}で{observed}件（通常は{around}）、{since}から続いています。",
            ordinary="目立つ話題はなく、通常の範囲は{low}〜{high}件です。",
            past="{what}の急増は収まりました（{since}〜{until}）。最も多いときで{within}に{observed}件、通常は{around}{about}。",
        ),
        "share": Phrases(
            subject="{what}の割合の上昇",
            short="{texts} {total}件のうち{observed}件（{share}）が否定的（通常は{usual}）",
            present="{texts}は{within}で{total}件のうち{observed}件（{share}）が否定的で（通常は{usual}）、{since}から続いています。",
            ordinary="目立つ話題はなく、通常の範囲は{low}〜{high}です。",
            past="{what}の割合の上昇は収まりました（{since}〜{until}）。"
            "最も高いときで{within}に{total}件のうち{observed}件（{share}）、通常は{usual}{about}。",
        ),
        "silence": Phrases(
            subject="{what}の減少",
            short="{what} {observed}件のみ（通常は{around}）",
            present="{what}が{within}で{observed}件にとどまり（通常は{around}）、この状態が{since}から続いています。",
            ordinary="通常の範囲は{low}〜{high}件です。",
            past="{what}は通常に戻りました（{since}〜{until}）。最も少ないときで{within}に{observed}件、通常は{around}でした。",
        ),
        "shape": Phrases(
            subject="{what}の変化",
            short="{texts} {total}件のうち{observed}件（{share}）がいつもと違う内容",
            present="{texts}は{within}で{total}件のうち{observed}件（{share}）がいつもと異なり、この状態が{since}から続いています。",
            ordinary="通常の範囲は{low}〜{high}です。",
            past="{what}の変化は収まりました（{since}〜{until}）。"
            "最も多いときで{within}に{total}件のうち{observed}件（{share}）がいつもと異なりました。",
        ),
    },
}


@dataclass(frozen=True, slots=True)
class GroupPhrases:
    """Templates for several alerts in one message.

    {many}: how many and what they share; {worst}, {sentence}: the worst, in short and as a sentence; {since}: when the first began;
    {until}: when the last ended; {over}: how many of them are over; {count}: how many are not listed.
    """

    short: str
    present: str
    partly: str
    past: str
    more: str


GROUPS: Mapping[ChannelLanguage, GroupPhrases] = {
    "en": GroupPhrases(
        short="{many}, the worst: {worst}",
        present="{many} go on, the first since {since}. The worst: {sentence}",
        partly="{many} go on, the first since {since}, and {over} more ended. The worst: {sentence}",
        past="{many} are over: the first began at {since}, the last ended at {until}. The worst: {worst}.",
        more="and {count} more",
    ),
    "ja": GroupPhrases(
        short="{many}、最も深刻なもの：{worst}",
        present="{many}が続いています（最初は{since}から）。最も深刻なもの：{sentence}",
        partly="{many}が続いています（最初は{since}から、ほかに{over}件は収まりました）。最も深刻なもの：{sentence}",
        past="{many}はすべて収まりました（{since}〜{until}）。最も深刻だったもの：{worst}。",
        more="ほか{count}件",
    ),
}
MANY: Mapping[ChannelLanguage, Mapping[Measure | None, str]] = {
    "en": {
        "negative": "{count} surges of negative feedback",
        "complaint": "{count} surges of complaints",
        "volume": "{count} surges of feedback",
        "share": "{count} rising shares of negative feedback",
        "silence": "{count} silences",
        "shape": "{count} changed sources",
        None: "{count} alerts",
    },
    "ja": {
        "negative": "否定的な声の急増{count}件",
        "complaint": "苦情の急増{count}件",
        "volume": "声の急増{count}件",
        "share": "否定的な声の割合の上昇{count}件",
        "silence": "声の減少{count}件",
        "shape": "声の変化{count}件",
        None: "アラート{count}件",
    },
}
"""Several alerts by the measure that all of them have, or of several measures."""
ABOUT: Mapping[ChannelLanguage, tuple[str, str, str]] = {
    "en": ("Mostly about {topics}.", ", mostly about {topics}", ""),
    "ja": ("主な話題は{topics}です。", "、主な話題は{topics}でした", "でした"),
}
"""The main topics as a sentence; at the end of another; and that end without any."""
NOUNS: Mapping[ChannelLanguage, Mapping[Measure, str]] = {
    "en": {
        "negative": "negative feedback",
        "complaint": "complaints",
        "volume": "feedback",
        "share": "negative feedback",
        "silence": "texts",
        "shape": "texts",
    },
    "ja": {"negative": "否定的な声", "complaint": "苦情", "volume": "声", "share": "否定的な声", "silence": "声", "shape": "声"},
}  # fmt: skip
COUNTED: Mapping[Measure, str] = {"negative": "negative texts", "volume": "texts"}
"""English nouns after a number, where they are others."""
TEXTS: Mapping[ChannelLanguage, str] = {"en": "texts", "ja": "声"}
SCOPE: Mapping[ChannelLanguage, Mapping[str, str]] = {
    "en": {"brand": " on {}", "topic": " about {}", "source": " from {}", "language": " in {}", "attribute": " with {}"},
    "ja": {"brand": "{}の", "topic": "{}に関する", "source": "{}からの", "language": "{}の", "attribute": "{}の"},
}
"""Parts of a scope in the order in which they follow the noun in English; in Japanese the last comes first, and the noun last."""
SEVERITIES: Mapping[ChannelLanguage, Mapping[Severity, str]] = {
    "en": {"low": "Low", "medium": "Medium", "high": "High", "critical": "Critical"},
    "ja": {"low": "低", "medium": "中", "high": "高", "critical": "重大"},
}
STATES: Mapping[ChannelLanguage, Mapping[str, str]] = {
    "en": {"alert.resolved": "Resolved", "alert.acknowledged": "Acknowledged", "channel.test": "Test"},
    "ja": {"alert.resolved": "解消", "alert.acknowledged": "対応中", "channel.test": "テスト"},
}
"""What a headline begins with where it is not the severity."""
HEADLINES: Mapping[ChannelLanguage, str] = {"en": "{mark}: {text}", "ja": "【{mark}】{text}"}
LABELS: Mapping[ChannelLanguage, Mapping[str, str]] = {
    "en": {
        "severity": "Severity", "observed": "Observed", "expected": "Usual", "window": "Within", "since": "Since", "ended": "Ended",
        "alerts": "Alerts", "rule": "Rule", "topics": "Topics", "quotes": "What customers wrote",
        "acknowledge": "Look at it and acknowledge", "sent": "Sent by Koe",
    },
    "ja": {
        "severity": "重大度", "observed": "件数", "expected": "通常", "window": "集計期間", "since": "開始", "ended": "終了",
        "alerts": "アラート", "rule": "ルール", "topics": "話題", "quotes": "お客様の声", "acknowledge": "内容を確認して対応を始める",
        "sent": "Koeからの通知",
    },
}  # fmt: skip
TEST_TEXT: Mapping[ChannelLanguage, tuple[str, str]] = {
    "en": ("Alerts of Koe will come here", "This is a test that somebody asked for. Nothing is wrong, and there is nothing to do."),
    "ja": ("Koeのアラートはここに届きます", "これは動作確認のために送られたテストです。異常はなく、対応は必要ありません。"),
}
LANGUAGES: Mapping[str, Mapping[ChannelLanguage, str]] = {
    code: {"en": english, "ja": japanese}
    for code, english, japanese in (
        ("ar", "Arabic", "アラビア語"), ("de", "German", "ドイツ語"), ("en", "English", "英語"), ("es", "Spanish", "スペイン語"),
        ("fr", "French", "フランス語"), ("hi", "Hindi", "ヒンディー語"), ("id", "Indonesian", "インドネシア語"),
        ("it", "Italian", "イタリア語"), ("ja", "Japanese", "日本語"), ("ko", "Korean", "韓国語"), ("nl", "Dutch", "オランダ語"),
        ("pl", "Polish", "ポーランド語"), ("pt", "Portuguese", "ポルトガル語"), ("ru", "Russian", "ロシア語"), ("th", "Thai", "タイ語"),
        ("tr", "Turkish", "トルコ語"), ("uk", "Ukrainian", "ウクライナ語"), ("vi", "Vietnamese", "ベトナム語"),
        ("zh", "Chinese", "中国語"),
    )
}  # fmt: skip
"""Languages by their names; another one is shown as its code."""
