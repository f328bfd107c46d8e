"""What is normal for one series of counts: a level that adapts, a season by hour of the day, and by weekday once there are three weeks.

Streaming: one `learn` per window, constant memory. Surges are winsorised: a window teaches at most what a large but ordinary one would, so
that one bad day does not become the new normal, while a change that stays does so within days.
"""

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
LEAST = 1e-6


class Baseline:
    """Learns windows in order; `expect` tells the mean of the next.

    Level: counts over seasonal exposure, both forgotten exponentially (gamma-Poisson: West and Harrison, "Bayesian Forecasting and Dynamic
    Models", 1997, ch. 14). Season: counts over what the level alone expects, shrunk by a gamma prior to the neighbouring hours; the more
    the series is over-dispersed, the more. Windows narrower than an hour are interpolated between the middles of hours.
    """

    __slots__ = (
        "_hour_expected",
        "_hour_seen",
        "_hours",
        "_keep_hour",
        "_keep_level",
        "_keep_weekday",
        "_level_exposure",
        "_level_seen",
        "_per_hour",
        "_weekday_expected",
        "_weekday_from",
        "_weekday_seen",
        "_weekdays",
        "_width",
        "learned",
        "level",
    )

    def __init__(self, width: float) -> None:
        """`width`: seconds of one window."""
        per_day = DAY_SECONDS / width
        self._width = width
        self._per_hour = max(1.0, HOUR_SECONDS / width)
        self._keep_level = 0.5 ** (1 / (LEVEL_HALF_LIFE_DAYS * per_day))
        self._keep_hour = 0.5 ** (1 / (HOUR_HALF_LIFE_DAYS * self._per_hour))
        self._keep_weekday = 0.5 ** (7 / (WEEKDAY_HALF_LIFE_DAYS * per_day))
        self._weekday_from = WEEKDAY_FROM_DAYS * per_day
        self._level_seen = self._level_exposure = 0.0
        self._hours, self._hour_seen, self._hour_expected = [1.0] * 24, [0.0] * 24, [0.0] * 24
        self._weekdays, self._weekday_seen, self._weekday_expected = [1.0] * 7, [0.0] * 7, [0.0] * 7
        self.learned = 0
        self.level = 0.0

    def expect(self, start: float, spread: float) -> tuple[float, float, float]:
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

    def learn(self, start: float, count: float, mean: float, deviation: float, spread: float) -> None:
        """Take in the window from `start`. `mean` and `spread` as of `expect`; `deviation`: standard deviation that was expected of it."""
        weekday, first, second, share = self._places(start)
        level = self.level if self.learned else count
        # On the first day nothing is known of the season: a morning after a silent night is no surge.
        taught = min(count, mean + CAP * deviation) if self.learned * self._width >= DAY_SECONDS else count
        by_hour = self._hours[first] + share * (self._hours[second] - self._hours[first])
        self._level_seen = self._level_seen * self._keep_level + taught
        self._level_exposure = self._level_exposure * self._keep_level + by_hour * self._weekdays[weekday]
        prior = HOUR_SHAPE * (1 + spread * level * self._per_hour)
        self._learn_hour(first, 1 - share, taught, level * self._weekdays[weekday], prior)
        if share > 0:
            self._learn_hour(second, share, taught, level * self._weekdays[weekday], prior)
        self._weekday_seen[weekday] = self._weekday_seen[weekday] * self._keep_weekday + taught
        self._weekday_expected[weekday] = self._weekday_expected[weekday] * self._keep_weekday + level * by_hour
        self.learned += 1
        if self.learned > self._weekday_from:
            self._weekdays[weekday] = (self._weekday_seen[weekday] + WEEKDAY_SHAPE) / (self._weekday_expected[weekday] + WEEKDAY_SHAPE)
        self.level = self._level_seen / self._level_exposure

    def _places(self, start: float) -> tuple[int, int, int, float]:
        """Weekday, the hours between whose middles the window lies, and how far it lies towards the second."""
        day, second = divmod(start, DAY_SECONDS)
        weekday = int(day + 3) % 7  # 1 January 1970 was a Thursday
        if self._width >= HOUR_SECONDS:
            hour = int((second + self._width / 2) / HOUR_SECONDS) % 24 if self._width < DAY_SECONDS else 0
            return weekday, hour, hour, 0.0
        place = (second + self._width / 2) / HOUR_SECONDS - 0.5
        hour = int(place // 1)
        return weekday, hour % 24, (hour + 1) % 24, place - hour

    def _learn_hour(self, hour: int, share: float, taught: float, expected: float, prior: float) -> None:
        keep = self._keep_hour if share == 1 else self._keep_hour**share
        seen = self._hour_seen[hour] = self._hour_seen[hour] * keep + share * taught
        due = self._hour_expected[hour] = self._hour_expected[hour] * keep + share * expected
        around = 1 + NEIGHBOURS * (0.5 * (self._hours[hour - 1] + self._hours[(hour + 1) % 24]) - 1)
        self._hours[hour] = (seen + prior * around) / (due + prior)
