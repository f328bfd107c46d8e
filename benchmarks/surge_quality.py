"""How well surges are found, and how often somebody is paged for nothing, beside the rules that others publish.

What: (1) the score of the Numenta Anomaly Benchmark (NAB v1, standard and low-FP profile; 0 = nothing found, 100 = perfect) on labelled
series of brand mentions; (2) of simulated series: recall by size of surge, delay, and false pages a week; all of them as one workspace with
a budget of false pages; (3) the surges of a real stream of complaints to airlines. All with the one default setting, ours beside mean + k
standard deviations, a seasonal z-score, Holt-Winters, a rule like Twitter's ADVec, and a record rule.

Method: every rule sees the rows in order and only those before the present one. A rule pages when its score passes its threshold, and not
again within 24 hours. (1) needs a folder with the series and `windows.json`. (2) `--series` series of eight weeks with surges of 1.5 to 20
times, from 0.2 to 500 an hour, and as many without any; the first two weeks are not counted. A surge counts as found when a page falls
between its start and the hour after its end; one that never reaches the floor of 8 an hour in the mean is left out. For the simulated
hours every rule needs at least 8. A budget's threshold is calibrated on three weeks of the quiet series and counted on the other three,
and the other way round. (3) reads what `koe classify` wrote of the tweets, or the tweets and the sentiment that people gave them.

Correctness check: the scorer of (1) gives 100 to pages at the start of each window and 0 to none, and every page of a series that is cut
short is a page of the whole series.

    python -m benchmarks.surge_quality [--nab FOLDER] [--airlines CLASSIFIED.jsonl | --airlines STREAM.jsonl.gz --sentiment LABELS.jsonl.gz]
                                       [--series 300] [--seed 1] [--json]
"""

import argparse
import gzip
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import BASELINES, Floats
from benchmarks.simulated import HOUR, HOURS_A_WEEK, START, WEEKS, Simulated, simulate
from benchmarks.watching import Counts, Watched
from core.times import BUCKET, floor_to, parse_time
from insights.backtest import BacktestInput, backtest_rows, read_inputs
from insights.budget import calibrate, discoveries, sensitivity_of
from insights.replays import Replay, replay_all
from insights.seasons import Seasons
from insights.spikes import SpikeConfig, grouped, lull_of

OURS = "koe"
REST = timedelta(hours=24)
FLOOR = 8
FIRST_WEEKS = 2
BUDGETS = (1.0, 5.0, 20.0)
SIZES = ((1.5, 2.0), (2.0, 3.0), (3.0, 5.0), (5.0, 10.0), (10.0, 20.1))
FALSE_HIT = {"standard": 0.11, "low-FP": 0.22}
UNSCORED_SHARE, UNSCORED_MOST = 0.15, 750
Rows = tuple[list[datetime], Floats]
Rule = Callable[[Rows], list[int]]
Windows = Sequence[tuple[datetime, datetime]]


class Report(TypedDict, total=False):
    """What `--json` prints: figure by rule."""

    nab: dict[str, dict[str, float]]
    simulated: dict[str, dict[str, float]]
    budgets: dict[str, dict[str, float]]
    airlines: list[str]
    microseconds_a_row: float


def main() -> None:
    options = read_options()
    check_scorer()
    report: Report = {}
    if options.nab:
        report["nab"] = {name: nab(rule, options.nab) for name, rule in rules(five_minutes=True).items()}
    started = time.perf_counter()
    rng = np.random.default_rng(options.seed)
    with_surges = [simulate(rng, planting=True) for _ in range(options.series)]
    without = [simulate(rng, planting=False) for _ in range(options.series)]
    report["simulated"] = {name: simulated(rule, with_surges, without) for name, rule in rules(five_minutes=False).items()}
    report["budgets"] = {f"budget {budget:g} a week": budgeted(budget, with_surges, without) for budget in BUDGETS}
    report["microseconds_a_row"] = speed(without[0])
    if options.airlines:
        report["airlines"] = list(airlines(options.airlines, options.sentiment))
    print(json.dumps(report, indent=1) if options.json else "\n".join(table(report)))
    if not options.json:
        print(f"\n{time.perf_counter() - started:.0f} s for {2 * options.series} simulated series of eight weeks, all rules")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--nab", type=Path)
    parser.add_argument("--airlines", type=Path)
    parser.add_argument("--sentiment", type=Path)
    parser.add_argument("--series", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


# --- rules: rows -> the rows that page -------------------------------------------------------------------------------


def rules(*, five_minutes: bool) -> dict[str, Rule]:
    ours: dict[str, Rule] = {OURS: our_pages}
    per_day = 288 if five_minutes else 24
    floor = 0 if five_minutes else FLOOR
    return ours | {name: baseline_rule(name, per_day, floor) for name in BASELINES}


def our_pages(rows: Rows) -> list[int]:
    judged = backtest_rows(BacktestInput(moment, float(value)) for moment, value in zip(*rows, strict=True))
    return [number for number, row in enumerate(judged) if row.alert]


def baseline_rule(name: str, per_day: int, floor: int) -> Rule:
    scorer, threshold = BASELINES[name]

    def pages(rows: Rows) -> list[int]:
        moments, counts = rows
        scores = scorer(counts, per_day)
        paged: list[int] = []
        for number in np.flatnonzero((scores > threshold) & (counts >= floor)):
            if not paged or moments[number] - moments[paged[-1]] >= REST:
                paged.append(int(number))
        return paged

    return pages


# --- (1) labelled series ---------------------------------------------------------------------------------------------


def nab(rule: Rule, folder: Path) -> dict[str, float]:
    """Score of a rule over all series that `windows.json` names, with pages and windows found."""
    labels: Mapping[str, list[list[str]]] = json.loads((folder / "windows.json").read_text())
    raw = dict.fromkeys(FALSE_HIT, 0.0)
    windows = found = pages = 0
    for name, spans in labels.items():
        with (folder / name).open(encoding="utf-8") as lines:
            inputs = list(read_inputs(lines))
        rows = [one.timestamp for one in inputs], np.array([one.value for one in inputs])
        paged = rule(rows)
        labelled = [(parse_time(start), parse_time(end)) for start, end in spans]
        for profile, false_hit in FALSE_HIT.items():
            score, hits = nab_score(rows[0], paged, labelled, false_hit)
            raw[profile] += score
        windows, found, pages = windows + len(spans), found + hits, pages + len(paged)
    return {profile: 100 * (raw[profile] + windows) / (2 * windows) for profile in FALSE_HIT} | {
        "windows": windows,
        "found": found,
        "pages": pages,
    }


def nab_score(moments: Sequence[datetime], paged: Sequence[int], windows: Windows, false_hit: float) -> tuple[float, int]:
    """Raw score of one series, and how many windows were found (Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection", 2015)."""
    rows = [[row for row, moment in enumerate(moments) if start <= moment <= end] for start, end in windows]
    spans = [(inside[0], inside[-1]) for inside in rows]
    found: dict[int, float] = {}
    false = 0.0
    for row in paged:
        if row < min(math.floor(UNSCORED_SHARE * len(moments)), UNSCORED_MOST):
            continue
        inside = [number for number, (first, last) in enumerate(spans) if first <= row <= last]
        if inside:
            first, last = spans[inside[0]]
            found.setdefault(inside[0], squashed(-(last - row + 1) / (last - first + 1)) / squashed(-1))
            continue
        before = [span for span in spans if span[1] < row]
        behind = (row - before[-1][1]) / max(before[-1][1] - before[-1][0], 1) if before else math.inf
        false += false_hit * (squashed(behind) if behind <= 3 else -1.0)
    return false + sum(found.values()) - (len(spans) - len(found)), len(found)


def squashed(place: float) -> float:
    """1 early in a window, 0 at its end, -1 far behind it."""
    return 2 / (1 + math.exp(5 * place)) - 1


def check_scorer() -> None:
    moments = [START + number * HOUR for number in range(1000)]
    windows = [(moments[500], moments[600]), (moments[800], moments[900])]
    assert nab_score(moments, [500, 800], windows, 0.11) == (2.0, 2)
    assert nab_score(moments, [], windows, 0.11) == (-2.0, 0)
    assert nab_score(moments, [300], windows, 0.11) == (-2.11, 0)


# --- (2) simulated series --------------------------------------------------------------------------------------------


@dataclass
class Tally:
    seen: Counter[int]
    found: Counter[int]
    delays: list[int]
    false: int = 0
    weeks: float = 0.0


def simulated(rule: Rule, with_surges: Sequence[Simulated], without: Sequence[Simulated]) -> dict[str, float]:
    tally = Tally(Counter(), Counter(), [])
    for one in with_surges:
        count_found(tally, one, rule(rows_of(one)))
    for one in without:
        tally.false += sum(page >= FIRST_WEEKS * HOURS_A_WEEK for page in rule(rows_of(one)))
        tally.weeks += len(one.counts) / HOURS_A_WEEK - FIRST_WEEKS
    return figures(tally)


def figures(tally: Tally) -> dict[str, float]:
    recall = {f"recall {low:g}-{high:.0f}x": tally.found[n] / max(tally.seen[n], 1) for n, (low, high) in enumerate(SIZES)}
    return {"false pages a week": tally.false / tally.weeks, **recall, "delay in hours": sum(tally.delays) / max(len(tally.delays), 1)}


def budgeted(budget: float, with_surges: Sequence[Simulated], without: Sequence[Simulated]) -> dict[str, float]:
    """All series are one workspace. Its threshold is calibrated on one half of the quiet weeks and counted on the other, both ways."""
    quiet, loud = replayed(without), replayed(with_surges)
    tally = Tally(Counter(), Counter(), [])
    p_values = []
    for past, (first, last) in zip(HALVES, reversed(HALVES), strict=True):
        known = between(quiet, *past)
        threshold = calibrate(budget, len(without), known.weeks, known.peaks)
        p_values.append(threshold.sensitivity)
        paging = quiet.paging(threshold.sensitivity)
        tally.false += sum(first <= row < last for lane in range(len(without)) for row in rested(paging[:, lane]))
        tally.weeks += (last - first) / HOURS_A_WEEK
        for lane, one in enumerate(with_surges):
            count_found(tally, one, rested(loud.looked.surging[:, lane] & (loud.looked.p_value[:, lane] < threshold.sensitivity)))
    return figures(tally) | {"p-value": math.prod(p_values) ** (1 / len(p_values))}


HALVES = ((FIRST_WEEKS * HOURS_A_WEEK, 5 * HOURS_A_WEEK), (5 * HOURS_A_WEEK, WEEKS * HOURS_A_WEEK))
KEPT = ("p_value", "surging", "elevated")


def between(replay: Replay, first: int, last: int) -> Replay:
    """The same replay, as if nothing had been judged outside of these rows."""
    return replace(replay, looked=replay.looked._replace(**{name: getattr(replay.looked, name)[:last] for name in KEPT}), since=first)


def replayed(series: Sequence[Simulated]) -> Replay:
    counts = np.stack([one.counts for one in series], axis=1)
    unknown = np.full(len(series), np.inf)
    return replay_all(
        START, HOUR, counts, SpikeConfig(), seasons=Seasons("UTC", "DE"), first_seen=unknown, since=FIRST_WEEKS * HOURS_A_WEEK
    )


def rested(paging: NDArray[np.bool_]) -> list[int]:
    paged: list[int] = []
    for row in np.flatnonzero(paging):
        if not paged or row - paged[-1] >= REST // HOUR:
            paged.append(int(row))
    return paged


def rows_of(one: Simulated) -> Rows:
    return [START + number * HOUR for number in range(len(one.counts))], one.counts


def count_found(tally: Tally, one: Simulated, paged: Sequence[int]) -> None:
    for surge in one.planted:
        if surge.most < FLOOR:
            continue
        size = next(number for number, (low, high) in enumerate(SIZES) if low <= surge.size < high)
        tally.seen[size] += 1
        hits = [page - surge.start for page in paged if surge.start <= page <= surge.end]
        if hits:
            tally.found[size] += 1
            tally.delays.append(hits[0])


def speed(one: Simulated) -> float:
    """Microseconds of processor time for one row of one series; a cut series must page as the whole one does."""
    rows = rows_of(one)
    started = time.process_time()
    whole = our_pages(rows)
    elapsed = time.process_time() - started
    assert our_pages((rows[0][:900], rows[1][:900])) == [page for page in whole if page < 900]
    return 1e6 * elapsed / len(one.counts)


# --- (3) a real stream -----------------------------------------------------------------------------------------------


def airlines(stream: Path, labels: Path | None) -> Iterator[str]:
    """The surges of negative tweets of each airline, all of them one workspace with a budget of one page a week: replayed, and live."""
    sentiment = {} if labels is None else {row["text"]: row["sentiment"] for row in lines_of(labels)}
    buckets: dict[str, Counter[datetime]] = {}
    for row in {row["external_id"]: row for row in lines_of(stream)}.values():
        counts = buckets.setdefault(row["attributes"]["airline"], Counter())
        said = row["annotation"]["sentiment"]["label"] if labels is None else sentiment.get(row["text"], "negative")
        counts[floor_to(parse_time(row["created_at"]), BUCKET)] += said == "negative"
    first = floor_to(min(min(counts) for counts in buckets.values()), HOUR)
    last = floor_to(max(max(counts) for counts in buckets.values()), HOUR) + HOUR
    names = sorted(buckets)
    moments = [first + number * BUCKET for number in range((last - first) // BUCKET)]
    counted = np.array([[float(buckets[name][moment]) for name in names] for moment in moments])
    began = np.array([min(buckets[name]).timestamp() for name in names])
    watched = Watched(counted, first, HOUR, seasons=Seasons("America/New_York"), began=began)
    yield from replayed_airlines(watched, counted, names, began)
    yield from live_airlines(watched, names)


def replayed_airlines(watched: Watched, counted: Counts, names: Sequence[str], began: Floats) -> Iterator[str]:
    """Noticed at the end of the hour that pages."""
    hours = counted.reshape(-1, HOUR // BUCKET, len(names)).sum(axis=1)
    replay = replay_all(watched.start, HOUR, hours, SpikeConfig(), seasons=Seasons("America/New_York"), first_seen=began)
    for lane, surge in replay.surges(sensitivity_of(1.0, len(names))):
        peak = surge.peak
        start, noticed, ended = (f"{moment:%d %b %H:%M}" for moment in (surge.started_at, surge.findings[0].until, surge.ended_at))
        seen = f"{peak.observed} in {peak.windows} h against {peak.expected:.0f}, p = {peak.p_value:.1g}"
        yield f"replayed, {names[lane]}: from {start}, noticed {noticed}, until {ended}; {seen}"


def live_airlines(watched: Watched, names: Sequence[str]) -> Iterator[str]:
    """Noticed within five minutes, as the watching worker looks."""
    looks = list(watched.live(watched.start))
    p_values = np.array([np.where(one.surging, one.p_value, 1.0) for _, one in looks])
    paging = discoveries(p_values, sensitivity_of(1.0, len(names)), len(names)) & (p_values < 1)
    elevated = np.array([one.elevated for _, one in looks])
    for lane, name in enumerate(names):
        events = np.flatnonzero(paging[:, lane] | elevated[:, lane])
        for group in grouped(events.tolist(), paging[events, lane].tolist(), lull_of(BUCKET)):
            moment, seen = looks[group[0]]
            counts = f"{seen.observed[lane]:.0f} in {seen.windows[lane]:.0f} h against {seen.expected[lane]:.0f}"
            yield f"live, {name}: noticed {moment:%d %b %H:%M}; {counts}, p = {seen.p_value[lane]:.1g}"


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


# --- what is printed -------------------------------------------------------------------------------------------------


def table(report: Report) -> Iterator[str]:
    tables = (
        ("labelled series (NAB)", report.get("nab")),
        ("simulated series", report["simulated"]),
        ("one workspace of all", report["budgets"]),
    )
    for title, lines in tables:
        if not lines:
            continue
        columns = list(next(iter(lines.values())))
        yield f"\n{title:<24}" + "".join(f"{column:>20}" for column in columns)
        for name, values in lines.items():
            yield f"{name:<24}" + "".join(f"{values[column]:>20.3g}" for column in columns)
    yield f"\nours takes {report['microseconds_a_row']:.0f} microseconds a row"
    yield from report.get("airlines", [])


if __name__ == "__main__":
    main()
