"""Annotations of older models are replaced in the background."""

import sqlalchemy as sa
from alembic import op

from store.dialect import RowId, UtcTime, Words

revision = "reannotations"
down_revision = "channel_kinds"


def upgrade() -> None:
    op.create_index("ix_annotations_workspace_id_model_taxonomy", "annotations", ["workspace_id", "model", "taxonomy"])
    op.drop_index("ix_annotations_workspace_id", "annotations")
    op.create_table(
        "reannotations",
        sa.Column("workspace_id", RowId, autoincrement=False, nullable=False),
        sa.Column("state", Words(), nullable=False),
        sa.Column("model", Words()),
        sa.Column("taxonomy", Words()),
        sa.Column("since", UtcTime()),
        sa.Column("asked_at", UtcTime(), nullable=False),
        sa.Column("begun_at", UtcTime()),
        sa.Column("below_at", UtcTime()),
        sa.Column("below_id", RowId),
        sa.Column("outdated", sa.Integer(), nullable=False),
        sa.Column("outdated_at", UtcTime(), nullable=False),
        sa.Column("last_touch", RowId),
        sa.Column("finished_at", UtcTime()),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_reannotations_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_reannotations"),
    )
    op.create_table(
        "outdated",
        sa.Column("feedback_id", RowId, autoincrement=False, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("claims", sa.SmallInteger(), nullable=False),
        sa.Column("claimed_until", UtcTime()),
        sa.Column("error", Words()),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"], name="fk_outdated_feedback_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_outdated_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_outdated"),
    )
    op.create_index("ix_outdated_workspace_id", "outdated", ["workspace_id"])


def downgrade() -> None:
    op.drop_table("outdated")
    op.drop_table("reannotations")
    op.create_index("ix_annotations_workspace_id", "annotations", ["workspace_id"])
    op.drop_index("ix_annotations_workspace_id_model_taxonomy", "annotations")
