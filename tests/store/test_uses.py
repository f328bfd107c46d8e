"""What somebody counts on is not deleted, on both databases: the refusal names who would page nobody any more."""

from datetime import date, time, timedelta

import pytest

from core.errors import Conflict, NotFound
from store.database import Database
from store.on_call import add_override, save_quiet_hours, save_schedule
from store.policies import save_policy
from store.records import PolicyStep, QuietHours, Schedule, Scope, Workspace
from store.rules import create_rule
from store.secrets import Vault
from store.uses import check_channel_unused, check_schedule_unused
from store.workspaces import create_workspace
from tests.builders import NOW, a_webhook

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
