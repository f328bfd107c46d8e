"""A human's word against an annotation is kept."""

import sqlalchemy as sa
from alembic import op

from store.dialect import Json, RowId, UtcTime, Words

revision = "corrections"
down_revision = "alert_life"


def upgrade() -> None:
    op.create_table(
        "corrections",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("feedback_id", RowId, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", Words(), nullable=False),
        sa.Column("labels", Json(), nullable=False),
        sa.Column("before", Json(), nullable=False),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"], name="fk_corrections_feedback_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_corrections_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_corrections_workspace_id_id", "corrections", ["workspace_id", "id"])
    op.create_index("ix_corrections_feedback_id", "corrections", ["feedback_id"])


def downgrade() -> None:
    op.drop_table("corrections")
