"""What is normal for a series of counts: a level that adapts, a season by hour of the day, and by weekday once there are three weeks.

Streaming: one `learn` per window, constant memory. Surges are winsorised: a window teaches at most what a large but ordinary one would, so
that one bad day does not become the new normal, while a change that stays does so within days. A holiday is a Sunday until it has a past.
"""

from insights.lanes import FLOATS, Lane, Lanes
from insights.seasons import HOLIDAY, Seasons

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
LEVEL_HALF_LIFE_DAYS = 3.0
HOUR_HALF_LIFE_DAYS = 10.0
WEEKDAY_HALF_LIFE_DAYS = 40.0
WEEKDAY_FROM_DAYS = 21
HOUR_SHAPE = 8.0
"""Neighbouring hours of a day differ by about a third (relative variance 1/8): so an hour is believed before its own counts say more."""
WEEKDAY_SHAPE = 20.0
NEIGHBOURS = 0.9
"""An hour without counts is taken for its neighbours' mean, drawn a tenth of the way to no season at all."""
CAP = 4.0
"""Standard deviations beyond which a window teaches nothing more."""
SUNDAY = 6
LEAST = 1e-6


class Baseline:
    """Learns windows in order; `expect` tells the mean of the next.

    Level: counts over seasonal exposure, both forgotten exponentially (gamma-Poisson: West and Harrison, "Bayesian Forecasting and Dynamic
    Models", 1997, ch. 14). Season: counts over what the level alone expects, shrunk by a gamma prior to the neighbouring hours; the more
    the series is over-dispersed, the more. A window between the middles of two hours is taken for a mixture of them, and of wider windows
    a day has as many parts as windows.
    """

    __slots__ = (
        "_hour_expected",
        "_hour_seen",
        "_hours",
        "_keep_hour",
        "_keep_level",
        "_keep_weekday",
        "_lanes",
        "_level_exposure",
        "_level_seen",
        "_part",
        "_parts",
        "_per_hour",
        "_weekday_expected",
        "_weekday_from",
        "_weekday_seen",
        "_weekdays",
        "_width",
        "learned",
        "level",
        "seasons",
    )

    def __init__(self, width: float, seasons: Seasons, lanes: Lanes = FLOATS) -> None:
        """`width`: seconds of one window."""
        per_day = DAY_SECONDS / width
        self._width = width
        self.seasons = seasons
        self._lanes = lanes
        self._per_hour = max(1.0, HOUR_SECONDS / width)
        self._parts = max(1, int(DAY_SECONDS / max(HOUR_SECONDS, width)))
        self._part = DAY_SECONDS / self._parts
        self._keep_level = 0.5 ** (1 / (LEVEL_HALF_LIFE_DAYS * per_day))
        self._keep_hour = 0.5 ** (1 / (HOUR_HALF_LIFE_DAYS * self._per_hour))
        self._keep_weekday = 0.5 ** (7 / (WEEKDAY_HALF_LIFE_DAYS * per_day))
        self._weekday_from = WEEKDAY_FROM_DAYS * per_day
        zero, one = lanes.filled(0.0), lanes.filled(1.0)
        self._level_seen = self._level_exposure = zero
        self._hours, self._hour_seen, self._hour_expected = [one] * self._parts, [zero] * self._parts, [zero] * self._parts
        self._weekdays, self._weekday_seen, self._weekday_expected = [one] * 8, [zero] * 8, [zero] * 8
        self.learned: Lane = zero
        self.level: Lane = zero

    def expect(self, start: float, spread: Lane) -> tuple[Lane, Lane, Lane]:
        """(mean, of_season, of_level) of the window from `start` (seconds since 1970).

        The last two are the relative variances of the mean: how little is known of this hour, and of the level. `spread`: relative variance
        beyond Poisson of an hour's count.
        """
        weekday, first, second, share = self._places(start)
        hours, expected = self._hours, self._hour_expected
        season = hours[first] + share * (hours[second] - hours[first])
        known = expected[first] + share * (expected[second] - expected[first])
        mean = self.level * season * self._weekdays[weekday] + LEAST
        noise = 1 + spread * self.level * self._per_hour
        return mean, 1 / (HOUR_SHAPE + known / noise), 1 / (1 + self._level_seen)

    def season(self, start: float) -> tuple[Lane, Lane]:
        """What the hour of the day and the day of the week make of the level, as factors."""
        weekday, first, second, share = self._places(start)
        return self._hours[first] + share * (self._hours[second] - self._hours[first]), self._weekdays[weekday]

    def learn(self, start: float, count: Lane, mean: Lane, deviation: Lane, spread: Lane) -> None:
        """Take in the window from `start`. `mean` and `spread` as of `expect`; `deviation`: standard deviation that was expected of it."""
        where = self._lanes.where
        weekday, first, second, share = self._places(start)
        level = where(self.learned > 0, self.level, count)
        # On the first day nothing is known of the season: a morning after a silent night is no surge.
        taught = where(self.learned * self._width >= DAY_SECONDS, self._lanes.least(count, mean + CAP * deviation), count)
        by_hour = self._hours[first] + share * (self._hours[second] - self._hours[first])
        self._level_seen = self._level_seen * self._keep_level + taught
        self._level_exposure = self._level_exposure * self._keep_level + by_hour * self._weekdays[weekday]
        prior = HOUR_SHAPE * (1 + spread * level * self._per_hour)
        self._learn_hour(first, 1 - share, taught, level * self._weekdays[weekday], prior)
        if share > 0:
            self._learn_hour(second, share, taught, level * self._weekdays[weekday], prior)
        self.learned = self.learned + 1
        self._learn_weekday(weekday, taught, level * by_hour)
        self.level = self._level_seen / self._level_exposure

    def _places(self, start: float) -> tuple[int, int, int, float]:
        """Weekday, the hours (or wider parts of the day) between whose middles that of the window lies, and how far towards the second."""
        weekday, second = self.seasons.place(start + self._width / 2)
        if self._parts == 1:
            return weekday, 0, 0, 0.0
        place = second / self._part - 0.5
        part = int(place // 1)
        return weekday, part % self._parts, (part + 1) % self._parts, place - part

    def _learn_hour(self, hour: int, share: float, taught: Lane, expected: Lane, prior: Lane) -> None:
        keep = self._keep_hour if share == 1 else self._keep_hour**share
        seen = self._hour_seen[hour] = self._hour_seen[hour] * keep + share * taught
        due = self._hour_expected[hour] = self._hour_expected[hour] * keep + share * expected
        around = 1 + NEIGHBOURS * (0.5 * (self._hours[hour - 1] + self._hours[(hour + 1) % self._parts]) - 1)
        self._hours[hour] = (seen + prior * around) / (due + prior)

    def _learn_weekday(self, weekday: int, taught: Lane, expected: Lane) -> None:
        seen = self._weekday_seen[weekday] = self._weekday_seen[weekday] * self._keep_weekday + taught
        due = self._weekday_expected[weekday] = self._weekday_expected[weekday] * self._keep_weekday + expected
        usual = self._weekdays[SUNDAY] if weekday == HOLIDAY else 1.0
        known = (seen + WEEKDAY_SHAPE * usual) / (due + WEEKDAY_SHAPE)
        self._weekdays[weekday] = self._lanes.where(self.learned > self._weekday_from, known, 1.0)
        if weekday == SUNDAY:
            seen, due = self._weekday_seen[HOLIDAY], self._weekday_expected[HOLIDAY]
            self._weekdays[HOLIDAY] = (seen + WEEKDAY_SHAPE * self._weekdays[SUNDAY]) / (due + WEEKDAY_SHAPE)
