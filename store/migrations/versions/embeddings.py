"""An annotation has an embedding, kept apart from the rest of it."""

import sqlalchemy as sa
from alembic import op

from store.dialect import RowId, Words

revision = "embeddings"
down_revision = "budgets_of_rules"


def upgrade() -> None:
    op.create_table(
        "embeddings",
        sa.Column("feedback_id", RowId, autoincrement=False, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("space", Words(), nullable=False),
        sa.Column("direction", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["feedback_id"], ["annotations.feedback_id"], name="fk_embeddings_feedback_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_embeddings_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_embeddings"),
    )
    op.create_index("ix_embeddings_workspace_id", "embeddings", ["workspace_id"])


def downgrade() -> None:
    op.drop_table("embeddings")
