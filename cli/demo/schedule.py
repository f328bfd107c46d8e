"""Who wrote which demonstration text when: a pure function of the day, so that every start adds only what is missing."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from typing import Literal

from store.records import Author, Kind, NewFeedback, Rating, Scores

Mood = Literal["positive", "neutral", "negative", "surge"]
DAYS = 21
SURGE_LASTS = timedelta(minutes=45)
PER_DAY: Mapping[Mood, int] = {"positive": 46, "neutral": 22, "negative": 27, "surge": 3}
"""An ordinary day: people write when they are pleased or angry, and a few parcels are always late."""
WEEKEND_SHARE = 0.75
"""Fewer people write on Saturdays and Sundays."""
SOURCES: Mapping[Kind, str] = {"review": "reviews", "survey": "survey", "social": "social", "support": "helpdesk"}
TIERS = ("new", "regular", "plus")


@dataclass(frozen=True, slots=True)
class Template:
    """One text as we wrote it, with places for {city} and {order}."""

    text: str
    language: str
    mood: Mood
    kind: Kind
    shop: str


@dataclass(frozen=True, slots=True)
class Market:
    """Where people who write a language live: hours ahead of UTC, towns as the language writes them, and their handles."""

    country: str
    hours_ahead: int
    cities: tuple[str, ...]
    handles: tuple[str, ...]


MARKETS: Mapping[str, Market] = {
    "ar": Market("SA", 3, ("الرياض", "جدة", "الدمام", "المدينة"), ("noura", "fahad", "salma", "yousef", "huda")),
    "de": Market("DE", 1, ("Leipzig", "Hannover", "Bremen", "Augsburg", "Kassel"), ("jonas", "mareike", "lukas", "svenja", "torben")),
    "en": Market("GB", 0, ("Leeds", "Bristol", "Glasgow", "Cardiff", "Norwich"), ("oliver", "freya", "callum", "aisha", "meg")),
    "es": Market("ES", 1, ("Valencia", "Sevilla", "Bilbao", "Zaragoza", "Málaga"), ("lucia", "alvaro", "carmen", "iker", "paula")),
    "fr": Market("FR", 1, ("Lyon", "Nantes", "Lille", "Rennes", "Dijon"), ("camille", "hugo", "ines", "bastien", "lea")),
    "it": Market("IT", 1, ("Torino", "Bologna", "Verona", "Bari"), ("giulia", "marco", "chiara", "dario")),
    "ja": Market("JP", 9, ("札幌", "仙台", "名古屋", "福岡", "金沢", "広島"), ("haruto", "yui", "sakura", "kenta", "mio")),
    "ko": Market("KR", 9, ("부산", "대구", "대전", "광주"), ("minjun", "seoyeon", "jiho", "haeun")),
    "nl": Market("NL", 1, ("Utrecht", "Groningen", "Breda", "Zwolle"), ("daan", "sanne", "bram", "fleur")),
    "pt": Market("BR", -3, ("Curitiba", "Recife", "Fortaleza", "Campinas"), ("joao", "beatriz", "rafael", "larissa")),
    "tr": Market("TR", 3, ("İzmir", "Bursa", "Antalya", "Konya"), ("elif", "emre", "zeynep", "mert")),
    "zh": Market("CN", 8, ("杭州", "成都", "武汉", "西安", "青岛"), ("xiaoyu", "lin", "meimei", "haoran")),
}
HOURLY = (1, 1, 1, 1, 1, 2, 4, 7, 9, 9, 9, 10, 12, 11, 9, 9, 9, 10, 12, 14, 15, 13, 9, 4)
"""How much people write in each hour of their own day."""


def load_templates() -> tuple[Template, ...]:
    """Every text in cli/demo/*.jsonl, one file per language, in a fixed order."""
    paths = sorted((path for path in files("cli.demo").iterdir() if path.name.endswith(".jsonl")), key=lambda path: path.name)
    return tuple(
        _template(line, language=path.name.removesuffix(".jsonl")) for path in paths for line in path.read_text("utf-8").splitlines()
    )


def _template(line: str, *, language: str) -> Template:
    fields: dict[str, str] = json.loads(line)
    kinds: Mapping[str, Kind] = {kind: kind for kind in SOURCES}
    moods: Mapping[str, Mood] = {mood: mood for mood in PER_DAY}
    return Template(fields["text"], language, moods[fields["mood"]], kinds[fields["kind"]], fields.get("shop", "Kumo"))


def history(templates: Sequence[Template], now: datetime, *, days: int = DAYS) -> Iterator[NewFeedback]:
    """Ordinary days up to `now`, oldest first."""
    today = now.astimezone(UTC).date()
    for back in range(days, -1, -1):
        yield from (row for row in ordinary_day(today - timedelta(days=back), templates) if row.created_at <= now)


def ordinary_day(day: date, templates: Sequence[Template]) -> list[NewFeedback]:
    """The feedback of one UTC day, always the same for the same day.

    Each mood goes round its own deck, so that no text comes again within a day and none counts as a repost.
    """
    rng = random.Random(f"koe-demo {day.isoformat()}")
    drawn = [template for mood, count in PER_DAY.items() for template in _drawn(templates, mood, count, day)]
    kept = [template for template in drawn if day.weekday() < 5 or rng.random() < WEEKEND_SHARE]
    rows = [
        _written(template, _moment(day, template, rng), rng, external_id=f"demo-{day:%Y%m%d}-{number:03}")
        for number, template in enumerate(kept)
    ]
    return sorted(rows, key=lambda row: row.created_at)


def surge(templates: Sequence[Template], now: datetime) -> list[NewFeedback]:
    """Complaints about deliveries, every one that we wrote, more and more of them over the minutes before `now`."""
    rng = random.Random(f"koe-demo surge {now.isoformat()}")
    chosen = [template for template in templates if template.mood == "surge"]
    rng.shuffle(chosen)
    rows = [
        _written(template, now - SURGE_LASTS * (rng.random() ** 1.5), rng, external_id=f"surge-{now:%Y%m%d%H%M%S}-{number:03}")
        for number, template in enumerate(chosen)
    ]
    return sorted(rows, key=lambda row: row.created_at)


def _drawn(templates: Sequence[Template], mood: Mood, count: int, day: date) -> list[Template]:
    deck = [template for template in templates if template.mood == mood]
    random.Random(f"koe-demo deck {mood}").shuffle(deck)
    first = day.toordinal() * count
    return [deck[(first + step) % len(deck)] for step in range(count)]


def _moment(day: date, template: Template, rng: random.Random) -> datetime:
    ahead = MARKETS[template.language].hours_ahead
    hour = rng.choices(range(24), [HOURLY[(utc + ahead) % 24] for utc in range(24)])[0]
    return datetime.combine(day, time(hour, tzinfo=UTC)) + timedelta(seconds=rng.randrange(3600))


def _written(template: Template, created_at: datetime, rng: random.Random, *, external_id: str) -> NewFeedback:
    market = MARKETS[template.language]
    handle = f"{rng.choice(market.handles)}{rng.randrange(10, 9999)}"
    text = template.text.replace("{city}", rng.choice(market.cities)).replace("{order}", f"KM-{rng.randrange(10_000, 99_999)}")
    return NewFeedback(
        text=text,
        created_at=created_at.replace(microsecond=0),
        source=SOURCES[template.kind],
        external_id=external_id,
        author=Author(id=handle, name=handle, followers=rng.randrange(5, 4000) if template.kind == "social" else None),
        language=template.language,
        country=market.country,
        kind=template.kind,
        rating=Rating(_stars(template.mood, rng), 5) if template.kind == "review" else None,
        scores=Scores(nps=_recommendation(template.mood, rng)) if template.kind == "survey" else None,
        attributes={"shop": template.shop, "tier": rng.choices(TIERS, (3, 5, 2))[0]},
    )


def _stars(mood: Mood, rng: random.Random) -> float:
    return float({"positive": rng.choice((4, 5, 5)), "neutral": 3, "negative": rng.choice((1, 2, 2)), "surge": 1}[mood])


def _recommendation(mood: Mood, rng: random.Random) -> float:
    return float(
        {"positive": rng.choice((9, 10)), "neutral": rng.choice((7, 8)), "negative": rng.randrange(7), "surge": rng.randrange(3)}[mood]
    )
