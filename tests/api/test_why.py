"""GET /v1/alerts/{id}/why: what it answers is enough to compute the p-value again."""

import math
from typing import Any

import pytest
from scipy import stats

from store.alerts import list_alerts
from store.database import Database
from store.records import AlertQuery, Workspace
from tests.api.client import Client
from tests.api.test_alerts import surge as an_alert_without_arithmetic
from tests.builders import NOW
from tests.workers.test_detect import five_ordinary_days, settle, surge
from tests.workers.test_watching import HOUR, a_rule
from workers import detect


def explained(api: Client, database: Database, workspace: Workspace, measure: str) -> dict[str, Any]:
    a_rule(database, workspace, measure=measure)
    five_ordinary_days(database, workspace)
    surge(database, workspace, 60)
    settle(database)
    detect.run(database, now=NOW, topic_names={})
    answer = api.get("/v1/alerts/1/why")
    assert answer.status_code == 200, answer.text
    why: dict[str, Any] = answer.json()
    return why


def computed(why: dict[str, Any]) -> float:
    """The p-value by the recipe of docs/api.md."""
    observed, expected, spread = why["observed"]["raw"], why["expected"]["count"], why["expected"]["spread"]
    if why["test"] == "beta-binomial":
        total, size = why["observed"]["total"], 1 / spread - 1
        share = expected / total
        # Not 1 - cdf, as scipy's sf of it is: of that nothing is left in the twelfth decimal.
        tail = stats.betabinom.pmf(range(observed, round(total) + 1), round(total), share * size, (1 - share) * size).sum()
    else:
        tail = stats.nbinom.sf(observed - 1, 1 / spread, 1 / (1 + spread * expected))
    assert tail == pytest.approx(why["tail"], rel=1e-6)
    surprise = math.log10(why["window"]["hours"] / why["window"]["spans"]) - math.log10(tail)
    strays = why["strays"]
    if surprise > 2:
        surprise = min(surprise, (surprise - 2) / (math.log(10) * strays["excess"]) - math.log10(strays["rate"]))
    return float(min(1.0, why["window"]["looks"] * 10**-surprise))


@pytest.mark.parametrize("measure", ["negative", "volume", "complaint", "share"])
def test_the_p_value_can_be_computed_from_the_answer(api: Client, database: Database, workspace: Workspace, measure: str) -> None:
    why = explained(api, database, workspace, measure)
    assert math.log10(computed(why)) == pytest.approx(math.log10(why["p_value"]), abs=1e-6)
    assert why["p_value"] < why["threshold"]["sensitivity"]
    assert api.get("/v1/alerts/1").json()["p_value"] == pytest.approx(why["p_value"])


def test_says_what_explains_the_excess_and_which_texts_to_read(api: Client, database: Database, workspace: Workspace) -> None:
    why = explained(api, database, workspace, "negative")
    assert (why["observed"]["raw"], why["observed"]["effective"]) == (60, 60)
    delivery = next(part for part in why["contributions"] if part["value"] == "delivery")
    assert delivery["observed"] == 60
    assert delivery["explains"] > 0.9
    first = api.get(f"/v1/feedback/{why['texts']['first'][0]}").json()
    assert "late" in first["text"]
    assert why["baseline"]["windows"] > 600


def test_tells_of_similar_alerts_and_how_they_ended(api: Client, database: Database, workspace: Workspace) -> None:
    explained(api, database, workspace, "negative")
    api.post("/v1/alerts/1/resolve")
    later = NOW + 6 * HOUR
    surge(database, workspace, 60, now=later)
    settle(database, now=later)
    detect.run(database, now=later, topic_names={})
    with database.read() as connection:
        newest = list_alerts(connection, workspace.id, AlertQuery(), limit=1, cursor=None).rows[0]
    (similar,) = api.get(f"/v1/alerts/{newest.id}/why").json()["similar"]
    assert (similar["id"], similar["ended_by"], similar["reason"]) == ("1", "key 1", "resolved by hand")


def test_an_alert_of_an_older_version_has_no_arithmetic(api: Client, database: Database, workspace: Workspace) -> None:
    an_alert_without_arithmetic(database, workspace.id)
    why = api.get("/v1/alerts/1/why").json()
    assert (why["alert"], why["test"], why["p_value"], why["similar"]) == ("1", None, None, [])
    assert api.get("/v1/alerts/2/why").status_code == 404
