"""What somebody counts on is not deleted, on both databases: the refusal names who would page nobody any more."""

from collections.abc import Mapping
from datetime import date, time, timedelta

import pytest
from sqlalchemy import Connection

from core.errors import Conflict, NotFound
from store.brands import create_brand
from store.database import Database
from store.on_call import add_override, save_quiet_hours, save_schedule
from store.policies import save_policy
from store.records import PolicyStep, QuietHours, Rule, RuleOptions, Schedule, Scope, Workspace
from store.rules import create_rule
from store.secrets import Vault
from store.uses import check_brand_unused, check_channel_unused, check_dimensions_unused, check_schedule_unused
from store.workspaces import create_workspace, set_dimensions
from tests.builders import NOW, a_webhook

ANY = Scope()
NOTHING: Mapping[str, tuple[str, ...]] = {}
VAULT = Vault("a secret that is long enough")


@pytest.fixture
def channels(database: Database, workspace: Workspace) -> list[str]:
    """Mai, Ken and Ann."""
    with database.write() as connection:
        return [a_webhook(connection, workspace.id, name=name, vault=VAULT).id for name in ("Mai", "Ken", "Ann")]


@pytest.fixture
def schedule(database: Database, workspace: Workspace, channels: list[str]) -> Schedule:
    """Ken is on call, and Ann for an hour."""
    with database.write() as connection:
        made = save_schedule(
            connection, workspace.id, None, name="Tokyo", time_zone="Asia/Tokyo", turn="daily", handover=time(9),
            starts_on=date(2026, 3, 1), rotation=(channels[1],), now=NOW,
        )  # fmt: skip
        add_override(connection, workspace.id, made.id, channel=channels[2], starts_at=NOW, ends_at=NOW + timedelta(hours=1))
    return made


def test_a_rule_that_tells_a_channel_is_named(database: Database, workspace: Workspace, channels: list[str]) -> None:
    with database.write() as connection:
        for number in range(7):
            create_rule(
                connection, workspace.id, name=f"rule {number}", measure="negative", scope=Scope(), split_by=(), window_minutes=60,
                sensitivity=1e-4, least=8, channels=(channels[0],), enabled=False, now=NOW,
            )  # fmt: skip
        with pytest.raises(Conflict, match=r"'Mai' is used by rule 'rule 0', .* rule 'rule 4' and 2 more: take it out there first"):
            check_channel_unused(connection, workspace.id, channels[0], NOW)
        check_channel_unused(connection, workspace.id, channels[1], NOW)


def a_rule(
    connection: Connection,
    workspace: Workspace,
    name: str,
    scope: Scope = ANY,
    *,
    split_by: tuple[str, ...] = (),
    only: Mapping[str, tuple[str, ...]] = NOTHING,
    enabled: bool = True,
) -> Rule:
    return create_rule(
        connection, workspace.id, name=name, measure="negative", scope=scope, split_by=split_by, window_minutes=60, sensitivity=1e-4,
        least=8, channels=(), enabled=enabled, now=NOW, options=RuleOptions(only=only),
    )  # fmt: skip


def test_a_brand_that_an_enabled_rule_watches_is_kept(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        ours, theirs, free = (
            create_brand(connection, workspace.id, name=name, query=name, now=NOW).id for name in ("ours", "theirs", "free")
        )
        a_rule(connection, workspace, "us", Scope(brand=ours))
        a_rule(connection, workspace, "them", split_by=("brand",), only={"brand": (theirs,)})
        a_rule(connection, workspace, "all", split_by=("brand",))
        a_rule(connection, workspace, "off", Scope(brand=free), enabled=False)
        with pytest.raises(Conflict, match=r"brand 'ours' is used by rule 'us': take it out there first, or switch the rule off"):
            check_brand_unused(connection, workspace.id, ours)
        with pytest.raises(Conflict, match=r"brand 'theirs' is used by rule 'them':"):
            check_brand_unused(connection, workspace.id, theirs)
        check_brand_unused(connection, workspace.id, free)


def test_a_dimension_that_an_enabled_rule_watches_is_kept(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        set_dimensions(connection, workspace.id, ["plan", "tier", "shop"], NOW)
        a_rule(connection, workspace, "pro", Scope(attributes={"plan": "pro"}))
        a_rule(connection, workspace, "tiers", split_by=("attributes.tier",))
        a_rule(connection, workspace, "off", split_by=("attributes.shop",), enabled=False)
        a_rule(connection, workspace, "long gone", split_by=("attributes.gone",))
        check_dimensions_unused(connection, workspace.id, ["tier", "plan"])
        with pytest.raises(Conflict, match=r"dimension 'plan' is used by rule 'pro':"):
            check_dimensions_unused(connection, workspace.id, ["tier", "shop"])
        with pytest.raises(Conflict, match=r"dimension 'tier' is used by rule 'tiers':"):
            check_dimensions_unused(connection, workspace.id, ["plan"])


def test_who_is_on_call_stays_until_the_turn_is_over(
    database: Database, workspace: Workspace, channels: list[str], schedule: Schedule
) -> None:
    with database.read() as connection:
        with pytest.raises(Conflict, match="'Ken' is used by schedule 'Tokyo'"):
            check_channel_unused(connection, workspace.id, channels[1], NOW)
        with pytest.raises(Conflict, match="'Ann' is used by an override of schedule 'Tokyo'"):
            check_channel_unused(connection, workspace.id, channels[2], NOW)
        check_channel_unused(connection, workspace.id, channels[2], NOW + timedelta(hours=1))


def test_steps_and_quiet_hours_count_too(database: Database, workspace: Workspace, channels: list[str], schedule: Schedule) -> None:
    with database.write() as connection:
        save_policy(
            connection, workspace.id, None, name="All", position=1, matchers=(), repeat_minutes=None, group_by=None, group_wait_seconds=30,
            group_interval_minutes=5, steps=(PolicyStep(0, (channels[0],), (schedule.id,)),), now=NOW,
        )  # fmt: skip
        save_quiet_hours(connection, workspace.id, QuietHours(channels[1], "UTC", (), None, (channels[0],)))
        with pytest.raises(Conflict, match="'Mai' is used by policy 'All', the quiet hours of channel 'Ken'"):
            check_channel_unused(connection, workspace.id, channels[0], NOW)
        with pytest.raises(Conflict, match="schedule 'Tokyo' is used by policy 'All'"):
            check_schedule_unused(connection, workspace.id, schedule.id)


def test_nobody_learns_of_what_is_not_theirs(database: Database, workspace: Workspace, channels: list[str], schedule: Schedule) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        with pytest.raises(NotFound):
            check_channel_unused(connection, other.id, channels[0], NOW)
        with pytest.raises(NotFound):
            check_schedule_unused(connection, other.id, schedule.id)
