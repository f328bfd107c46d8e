"""Rules with a budget of false pages, in the time zone of their customers, and alerts that keep their arithmetic."""

import sqlalchemy as sa
from alembic import op

from store.dialect import Json, UtcTime, Words

revision = "budgets_of_rules"
down_revision = "notifying"


def upgrade() -> None:
    op.add_column("workspaces", sa.Column("timezone", Words(), nullable=False, server_default="UTC"))
    op.add_column("workspaces", sa.Column("country", Words()))
    op.add_column("workspaces", sa.Column("budget", sa.Double(), nullable=False, server_default="1"))
    op.add_column("rules", sa.Column("options", Json(), nullable=False, server_default="{}"))
    op.add_column("rules", sa.Column("calibration", Json()))
    op.add_column("rules", sa.Column("looked_at", UtcTime()))
    op.add_column("alerts", sa.Column("why", Json(), nullable=False, server_default="{}"))


def downgrade() -> None:
    for table, column in (
        ("alerts", "why"),
        ("rules", "looked_at"),
        ("rules", "calibration"),
        ("rules", "options"),
        ("workspaces", "budget"),
        ("workspaces", "country"),
        ("workspaces", "timezone"),
    ):
        op.drop_column(table, column)
