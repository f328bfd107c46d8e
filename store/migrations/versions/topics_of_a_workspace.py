"""A workspace has topics of its own, and hides built-in ones."""

import sqlalchemy as sa
from alembic import op

from store.dialect import Json, RowId, UtcTime, Words

revision = "topics_of_a_workspace"
down_revision = "embeddings"


def upgrade() -> None:
    op.create_table(
        "topics",
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("topic", Words(), nullable=False),
        sa.Column("parent", Words(), nullable=True),
        sa.Column("name", Json(), nullable=False),
        sa.Column("description", Json(), nullable=False),
        sa.Column("examples", Json(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_topics_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("workspace_id", "topic", name="pk_topics"),
    )
    op.create_table(
        "taxonomies",
        sa.Column("workspace_id", RowId, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hidden", Json(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_taxonomies_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_taxonomies"),
    )


def downgrade() -> None:
    op.drop_table("taxonomies")
    op.drop_table("topics")
