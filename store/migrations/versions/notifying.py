"""Who is told of alerts, and when: silences, inhibitions, escalation policies, schedules, quiet hours, and what channels know."""

import sqlalchemy as sa
from alembic import op

from store.dialect import Json, RowId, UtcTime, Words

revision = "notifying"
down_revision = "corrections"


TABLES = (
    "alert_group_channels",
    "alert_group_members",
    "alert_groups",
    "quiet_hours",
    "schedule_overrides",
    "schedules",
    "policies",
    "inhibitions",
    "silences",
)


def upgrade() -> None:
    op.create_table(
        "silences",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("matchers", Json(), nullable=False),
        sa.Column("starts_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=False),
        sa.Column("author", Words(), nullable=False),
        sa.Column("comment", Words(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_silences_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_silences"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_silences_workspace_id_ends_at", "silences", ["workspace_id", "ends_at"])
    op.create_table(
        "inhibitions",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("source", Json(), nullable=False),
        sa.Column("target", Json(), nullable=False),
        sa.Column("equal", Json(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_inhibitions_workspace_id", ondelete="CASCADE"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_inhibitions_workspace_id_name"),
        sa.PrimaryKeyConstraint("id", name="pk_inhibitions"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "policies",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("matchers", Json(), nullable=False),
        sa.Column("steps", Json(), nullable=False),
        sa.Column("repeat_minutes", sa.Integer(), nullable=True),
        sa.Column("group_by", Json(), nullable=True),
        sa.Column("group_wait_seconds", sa.Integer(), nullable=False),
        sa.Column("group_interval_minutes", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_policies_workspace_id", ondelete="CASCADE"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_policies_workspace_id_name"),
        sa.PrimaryKeyConstraint("id", name="pk_policies"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "schedules",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("time_zone", Words(), nullable=False),
        sa.Column("turn", Words(), nullable=False),
        sa.Column("handover", Words(), nullable=False),
        sa.Column("starts_on", Words(), nullable=False),
        sa.Column("rotation", Json(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_schedules_workspace_id", ondelete="CASCADE"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_schedules_workspace_id_name"),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "schedule_overrides",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("schedule_id", RowId, nullable=False),
        sa.Column("channel_id", RowId, nullable=False),
        sa.Column("starts_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_schedule_overrides_workspace_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name="fk_schedule_overrides_schedule_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name="fk_schedule_overrides_channel_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_schedule_overrides"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_schedule_overrides_schedule_id", "schedule_overrides", ["schedule_id"])
    op.create_index("ix_schedule_overrides_workspace_id", "schedule_overrides", ["workspace_id"])
    op.create_index("ix_schedule_overrides_channel_id", "schedule_overrides", ["channel_id"])
    op.create_table(
        "quiet_hours",
        sa.Column("channel_id", RowId, nullable=False, autoincrement=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("time_zone", Words(), nullable=False),
        sa.Column("windows", Json(), nullable=False),
        sa.Column("breaks_through", Words(), nullable=True),
        sa.Column("pass_to", Json(), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name="fk_quiet_hours_channel_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_quiet_hours_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("channel_id", name="pk_quiet_hours"),
    )
    op.create_index("ix_quiet_hours_workspace_id", "quiet_hours", ["workspace_id"])
    op.create_table(
        "alert_groups",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("policy_id", RowId, nullable=True),
        sa.Column("key", Words(), nullable=False),
        sa.Column("lead_id", RowId, nullable=False),
        sa.Column("event", Words(), nullable=False),
        sa.Column("opened_at", UtcTime(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("step_due_at", UtcTime(), nullable=True),
        sa.Column("told_at", UtcTime(), nullable=True),
        sa.Column("closed_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_alert_groups_workspace_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["lead_id"], ["alerts.id"], name="fk_alert_groups_lead_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_groups"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_alert_groups_open",
        "alert_groups",
        ["workspace_id", "key"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_alert_groups_workspace_id", "alert_groups", ["workspace_id"])
    op.create_index("ix_alert_groups_lead_id", "alert_groups", ["lead_id"])
    op.create_table(
        "alert_group_members",
        sa.Column("group_id", RowId, nullable=False, autoincrement=False),
        sa.Column("alert_id", RowId, nullable=False, autoincrement=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("told", RowId, nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["alert_groups.id"], name="fk_alert_group_members_group_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_alert_group_members_alert_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_alert_group_members_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "alert_id", name="pk_alert_group_members"),
    )
    op.create_index("ix_alert_group_members_alert_id", "alert_group_members", ["alert_id"])
    op.create_index("ix_alert_group_members_workspace_id", "alert_group_members", ["workspace_id"])
    op.create_table(
        "alert_group_channels",
        sa.Column("group_id", RowId, nullable=False, autoincrement=False),
        sa.Column("channel_id", RowId, nullable=False, autoincrement=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("heard_at", UtcTime(), nullable=True),
        sa.Column("waits_until", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["alert_groups.id"], name="fk_alert_group_channels_group_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name="fk_alert_group_channels_channel_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_alert_group_channels_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "channel_id", name="pk_alert_group_channels"),
    )
    op.create_index("ix_alert_group_channels_channel_id", "alert_group_channels", ["channel_id"])
    op.create_index("ix_alert_group_channels_workspace_id", "alert_group_channels", ["workspace_id"])
    _know_what_was_told()


def downgrade() -> None:
    for name in TABLES:
        op.drop_table(name)


def _know_what_was_told() -> None:
    """Alerts that are open now were told already, to the channels that have a delivery of them."""
    op.execute(
        "INSERT INTO alert_groups (workspace_id, key, lead_id, event, opened_at, step, told_at)"
        " SELECT workspace_id, 'alert ' || id, id, 'alert.opened', started_at, 0, last_seen_at FROM alerts WHERE state <> 'resolved'"
    )
    op.execute(
        "INSERT INTO alert_group_members (group_id, alert_id, workspace_id, told)"
        " SELECT g.id, g.lead_id, g.workspace_id, COALESCE((SELECT MAX(t.id) FROM alert_transitions t WHERE t.alert_id = g.lead_id), 0)"
        " FROM alert_groups g"
    )
    op.execute(
        "INSERT INTO alert_group_channels (group_id, channel_id, workspace_id, heard_at)"
        " SELECT g.id, d.channel_id, g.workspace_id, MIN(d.created_at) FROM alert_groups g JOIN deliveries d ON d.alert_id = g.lead_id"
        " GROUP BY g.id, d.channel_id, g.workspace_id"
    )
