"""Matchers, silences, inhibitions and the keys of groups, on the labels of an alert."""

from datetime import timedelta
from typing import Literal

from insights.matching import group_key, inhibited_by, labels_of, matches, silenced_by
from store.records import Alert, AlertState, Inhibition, Matcher, Policy, Scope, Severity, Silence
from tests.builders import NOW


def an_alert(
    number: int = 1, *, scope: Scope | None = None, severity: Severity = "high", state: AlertState = "open", rule: str = "1"
) -> Alert:
    return Alert(
        id=str(number), workspace_id="1", rule_id=rule, rule_name="Surge", state=state, severity=severity, started_at=NOW, last_seen_at=NOW,
        ended_at=None, measure="negative", scope=scope or Scope(), window_minutes=60, observed=40, expected=4.0, interval=(1.0, 9.0),
        p_value=1e-9, top_topics=(), summary="Far more than usual.",
    )  # fmt: skip


def a_matcher(name: str, *values: str, op: Literal["=", "!="] = "=") -> Matcher:
    return Matcher(name, op, values)


def test_an_alert_is_matched_by_what_its_scope_fixes_and_its_severity() -> None:
    labels = labels_of(an_alert(scope=Scope(topic="delivery", attributes={"plan": "pro"})))
    assert (labels["topic"], labels["brand"], labels["attributes.plan"], labels["severity"]) == ("delivery", "", "pro", "high")
    assert matches([a_matcher("topic", "refund", "delivery"), a_matcher("severity", "low", op="!=")], labels)
    assert not matches([a_matcher("topic", "delivery"), a_matcher("severity", "high", op="!=")], labels)
    assert matches([a_matcher("brand", "")], labels)
    assert not matches([a_matcher("brand", "1")], labels)
    assert matches([a_matcher("attributes.tier", "gold", op="!=")], labels)
    assert matches([], labels)


def test_of_silences_that_lie_over_an_alert_the_longest_counts() -> None:
    def silence(number: int, topic: str) -> Silence:
        return Silence(str(number), "1", (a_matcher("topic", topic),), NOW, NOW + timedelta(hours=number), "Mai", "known", NOW)

    silences = [silence(1, "delivery"), silence(2, "delivery"), silence(3, "refund")]
    found = silenced_by(an_alert(scope=Scope(topic="delivery")), silences)
    assert found is not None
    assert found.id == "2"
    assert silenced_by(an_alert(), silences) is None


def test_an_alert_is_redundant_beside_another_that_agrees_with_it() -> None:
    rule = Inhibition("1", "1", "x", (a_matcher("severity", "critical"),), (a_matcher("severity", "low", "high"),), ("brand",), NOW)
    target = an_alert(1, scope=Scope(brand="7", topic="delivery"))
    assert inhibited_by(target, [target, an_alert(2, scope=Scope(brand="7"), severity="critical")], [rule]) is not None
    assert inhibited_by(target, [an_alert(2, scope=Scope(brand="8"), severity="critical")], [rule]) is None
    assert inhibited_by(target, [an_alert(2, scope=Scope(brand="7"), severity="critical", state="resolved")], [rule]) is None


def test_what_matches_both_sides_inhibits_nobody_of_its_kind() -> None:
    rule = Inhibition("1", "1", "x", (a_matcher("topic", "delivery"),), (a_matcher("severity", "high"),), (), NOW)
    both = [an_alert(number, scope=Scope(topic="delivery")) for number in (1, 2)]
    assert [inhibited_by(one, both, [rule]) for one in both] == [None, None]


def test_alerts_of_a_group_share_a_policy_and_its_labels() -> None:
    policy = Policy("5", "1", "p", 1, (), (), None, ("brand",), 30, 5, NOW)
    one, two, three = an_alert(1, scope=Scope(brand="7")), an_alert(2, scope=Scope(brand="7", topic="x")), an_alert(3)
    assert group_key(one, policy) == group_key(two, policy) != group_key(three, policy)
    assert group_key(one, None) != group_key(two, None)
