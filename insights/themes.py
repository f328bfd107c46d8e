"""Themes: groups of feedback with a label, their size, mood and change, and the words of customers that stand for them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from insights.keyphrases import keyphrases
from store.records import SENTIMENTS, Counts, Sentiment

MOST_QUOTES = 5
READABLE = (25, 280)
"""Code points: shorter quotes say too little, longer ones are not read."""
ALIKE = 0.6
"""Share of common letter triples (Jaccard) from which two quotes are the same voice."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What one customer said about a theme; `confidence` (0 to 1) is the model's in saying that it does."""

    feedback_id: str
    text: str
    language: str
    sentiment: Sentiment
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class ThemeCounts:
    """What is known of a theme in a period and in the equally long one before. `candidates`: quotes to choose from, newest first."""

    id: str
    label: str
    topic: str
    now: Counts
    before: Counts
    languages: Mapping[str, int] = field(default_factory=dict)
    candidates: Sequence[Quote] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """Against the period before. count: relative, 0.5 = half as much again; negative_share: difference of shares. None: nothing before."""

    count: float | None
    negative_share: float | None


@dataclass(frozen=True, slots=True)
class Theme:
    """`sentiment` counts feedback by what it says of this very theme; `languages` counts it by language, most first."""

    id: str
    label: str
    topic: str
    count: int
    effective: int
    sentiment: Mapping[Sentiment, int]
    negative_share: float
    change: Change
    languages: Mapping[str, int]
    keyphrases: tuple[str, ...]
    quotes: tuple[Quote, ...]


def build_themes(counted: Sequence[ThemeCounts]) -> list[Theme]:
    """The themes that occur in the period, the largest first. Keyphrases set each apart from the candidates of all others."""
    words = {one.id: [quote.text for quote in one.candidates] for one in counted}
    return [
        build_theme(one, background=[text for other, texts in words.items() if other != one.id for text in texts])
        for one in sorted(counted, key=lambda one: (-one.now.count, one.id))
        if one.now.count > 0
    ]


def build_theme(counted: ThemeCounts, *, background: Sequence[str]) -> Theme:
    """One theme; `background` are texts of other themes."""
    now, before = counted.now, counted.before
    return Theme(
        id=counted.id,
        label=counted.label,
        topic=counted.topic,
        count=now.count,
        effective=now.effective,
        sentiment={"negative": now.negative, "neutral": now.neutral, "positive": now.positive},
        negative_share=_share(now),
        change=Change(
            count=round(now.count / before.count - 1, 4) if before.count else None,
            negative_share=round(_share(now) - _share(before), 4) if before.count and now.count else None,
        ),
        languages=dict(sorted(counted.languages.items(), key=lambda item: (-item[1], item[0]))),
        keyphrases=tuple(keyphrases([quote.text for quote in counted.candidates], background)),
        quotes=tuple(choose_quotes(counted.candidates, now)),
    )


def choose_quotes(candidates: Iterable[Quote], counts: Counts, most: int = MOST_QUOTES) -> list[Quote]:
    """Quotes that stand for the whole: in the proportion of its moods, in several languages, readable, and no voice twice."""
    ranked = sorted(candidates, key=lambda quote: (not _is_readable(quote), -quote.confidence))
    chosen: list[Quote] = []
    for sentiment in _moods(counts, most):
        spoken = Counter(quote.language for quote in chosen)
        free = [quote for quote in ranked if quote.sentiment == sentiment and not any(_alike(quote, other) for other in chosen)]
        if free:
            chosen.append(min(free, key=lambda quote: (not _is_readable(quote), spoken[quote.language])))
    return chosen


def _moods(counts: Counts, most: int) -> list[Sentiment]:
    """Which moods the quotes have, most frequent first: one after another to the mood that is least represented (D'Hondt)."""
    size: dict[Sentiment, int] = {"negative": counts.negative, "neutral": counts.neutral, "positive": counts.positive}
    given = dict.fromkeys(SENTIMENTS, 0)
    moods: list[Sentiment] = []
    for _ in range(most):
        following = max(SENTIMENTS, key=lambda sentiment: size[sentiment] / (given[sentiment] + 1))
        given[following] += 1
        moods.append(following)
    return moods


def _share(counts: Counts) -> float:
    return round(counts.negative / counts.count, 4) if counts.count else 0.0


def _is_readable(quote: Quote) -> bool:
    # Chinese and Japanese say in one letter what takes others two or three.
    width = len(quote.text) * (2 if quote.language in {"ja", "zh"} else 1)
    return READABLE[0] <= width <= READABLE[1]


def _alike(one: Quote, other: Quote) -> bool:
    if one.feedback_id == other.feedback_id:
        return True
    ours, theirs = _triples(one.text), _triples(other.text)
    return len(ours & theirs) >= ALIKE * len(ours | theirs)


def _triples(text: str) -> set[str]:
    letters = "".join(letter for letter in text[: READABLE[1]].casefold() if letter.isalpha())
    return {letters[start : start + 3] for start in range(max(1, len(letters) - 2))}
