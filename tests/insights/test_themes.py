"""Themes: sizes and changes that add up, and quotes that stand for the whole."""

from itertools import count

from insights.themes import Quote, ThemeCounts, build_themes, choose_quotes
from store.records import Counts, Sentiment

_numbers = count(1)
DISTINCT = (
    "The parcel never arrived and nobody answered my calls.",
    "Two weeks of waiting for a simple box of tea, absurd.",
    "Courier left it in the rain again, everything was soaked.",
    "Tracking has shown the same depot for nine days.",
    "They delivered somebody else's order to my house.",
    "Shipping costs doubled and it still came late.",
)


def a_quote(text: str, sentiment: Sentiment = "negative", *, language: str = "en", confidence: float = 0.9) -> Quote:
    return Quote(str(next(_numbers)), text, language, sentiment, confidence)


def a_theme(
    topic: str = "delivery", now: Counts | None = None, before: Counts | None = None, quotes: tuple[Quote, ...] = ()
) -> ThemeCounts:
    here = now or Counts(count=10, effective=9, negative=8, neutral=1, positive=1)
    return ThemeCounts(topic, topic.title(), topic, here, before or Counts(), {"ja": 3, "en": 7}, quotes)


def test_counts_and_shares_add_up() -> None:
    (theme,) = build_themes([a_theme()])
    assert (theme.count, theme.effective, theme.negative_share) == (10, 9, 0.8)
    assert sum(theme.sentiment.values()) == theme.count
    assert list(theme.languages.items()) == [("en", 7), ("ja", 3)]


def test_change_is_relative_to_the_period_before() -> None:
    (theme,) = build_themes([a_theme(before=Counts(count=4, negative=1, neutral=3))])
    assert (theme.change.count, theme.change.negative_share) == (1.5, 0.55)


def test_without_a_period_before_there_is_no_change_to_speak_of() -> None:
    (theme,) = build_themes([a_theme()])
    assert (theme.change.count, theme.change.negative_share) == (None, None)


def test_the_largest_comes_first_and_the_empty_not_at_all() -> None:
    themes = build_themes([a_theme("price", Counts(count=2)), a_theme("delivery", Counts(count=5)), a_theme("food", Counts())])
    assert [theme.id for theme in themes] == ["delivery", "price"]


def test_quotes_follow_the_moods_of_the_theme() -> None:
    candidates = [a_quote(text) for text in DISTINCT] + [a_quote("Quick, friendly and right on time, thank you.", "positive")]
    chosen = choose_quotes(candidates, Counts(count=10, negative=8, positive=2), most=5)
    assert [quote.sentiment for quote in chosen].count("negative") == 4
    assert [quote.sentiment for quote in chosen].count("positive") == 1


def test_one_voice_is_quoted_once_even_when_it_was_reposted() -> None:
    candidates = [a_quote(DISTINCT[0]), a_quote(DISTINCT[0] + "!!"), a_quote(DISTINCT[0].upper())]
    assert len(choose_quotes(candidates, Counts(count=3, negative=3))) == 1


def test_quotes_come_in_several_languages() -> None:
    candidates = [a_quote(text) for text in DISTINCT] + [a_quote("配送が二週間も遅れていて連絡もありません。", language="ja")]
    assert {quote.language for quote in choose_quotes(candidates, Counts(count=7, negative=7), most=3)} == {"en", "ja"}


def test_quotes_that_can_be_read_are_preferred() -> None:
    candidates = [a_quote("bad", confidence=0.99), a_quote("long " * 200, confidence=0.99), a_quote(DISTINCT[0], confidence=0.5)]
    assert choose_quotes(candidates, Counts(count=3, negative=3), most=1)[0].text == DISTINCT[0]
