"""Alerts can be snoozed, and each of their transitions says what it was and in whose name."""

import sqlalchemy as sa
from alembic import op

from store.dialect import UtcTime, Words

revision = "alert_life"
down_revision = "models_of_a_workspace"


def upgrade() -> None:
    op.add_column("alerts", sa.Column("snoozed_until", UtcTime()))
    op.add_column("alert_transitions", sa.Column("event", Words(), nullable=False, server_default="opened"))
    op.add_column("alert_transitions", sa.Column("by", Words()))
    op.execute("UPDATE alert_transitions SET event = to_state WHERE from_state IS NOT NULL")
    op.drop_index("ix_alert_transitions_workspace_id", "alert_transitions")
    op.create_index("ix_alert_transitions_workspace_id_id", "alert_transitions", ["workspace_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_alert_transitions_workspace_id_id", "alert_transitions")
    op.create_index("ix_alert_transitions_workspace_id", "alert_transitions", ["workspace_id"])
    op.drop_column("alert_transitions", "by")
    op.drop_column("alert_transitions", "event")
    op.drop_column("alerts", "snoozed_until")
