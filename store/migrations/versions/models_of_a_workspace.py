"""A workspace may add to the shared model: which model annotates since when is noted for each, and its own heads are kept."""

import sqlalchemy as sa
from alembic import op

from store.dialect import RowId, UtcTime, Words

revision = "models_of_a_workspace"
down_revision = "emotion"

WORKSPACES = sa.table("workspaces", sa.column("id", RowId))
CHANGES = sa.table(
    "model_changes",
    sa.column("workspace_id", RowId),
    sa.column("model", Words()),
    sa.column("taxonomy", Words()),
    sa.column("since", UtcTime()),
)
NOTED = (CHANGES.c.model, CHANGES.c.taxonomy, CHANGES.c.since)


def upgrade() -> None:
    connection = op.get_bind()
    noted = connection.execute(sa.select(*NOTED).order_by(sa.column("id"))).all()
    workspaces = connection.scalars(sa.select(WORKSPACES.c.id).order_by(WORKSPACES.c.id)).all()
    # Made anew: SQLite adds no column that refers to another table and cannot be null.
    op.drop_table("model_changes")
    op.create_table(
        "model_changes",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("model", Words(), nullable=False),
        sa.Column("taxonomy", Words(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_model_changes_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_model_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_model_changes_workspace_id_id", "model_changes", ["workspace_id", "id"])
    of_each = [{"workspace_id": one, **row._mapping} for one in workspaces for row in noted]
    if of_each:
        connection.execute(sa.insert(CHANGES), of_each)
    op.create_table(
        "adaptations",
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("weights", Words(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("digest", Words(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("undone_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_adaptations_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("workspace_id", "number", name="pk_adaptations"),
    )


def downgrade() -> None:
    connection = op.get_bind()
    # Of all workspaces, in order of time: what any of them cannot compare is then compared by none.
    noted = connection.execute(sa.select(*NOTED).order_by(CHANGES.c.since, sa.column("id"))).all()
    op.drop_table("adaptations")
    op.drop_table("model_changes")
    op.create_table(
        "model_changes",
        sa.Column("id", RowId, nullable=False),
        sa.Column("model", Words(), nullable=False),
        sa.Column("taxonomy", Words(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model_changes"),
        sqlite_autoincrement=True,
    )
    if noted:
        connection.execute(sa.insert(CHANGES), [dict(row._mapping) for row in noted])
