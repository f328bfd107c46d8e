"""What was counted by attributes that a workspace no longer groups by is not kept."""

import sqlalchemy as sa
from alembic import op

from store.dialect import Json, RowId, Words
from store.dimensions import facet_names

revision = "counted_dimensions"
down_revision = "reannotations"


def upgrade() -> None:
    workspaces = sa.table("workspaces", sa.column("id", RowId), sa.column("dimensions", Json()))
    rollups = sa.table("rollups", sa.column("workspace_id", RowId), sa.column("dims", Words()))
    connection = op.get_bind()
    for workspace, dimensions in connection.execute(sa.select(workspaces.c.id, workspaces.c.dimensions)).all():
        others = rollups.c.dims.not_in(facet_names(dimensions))
        connection.execute(sa.delete(rollups).where(rollups.c.workspace_id == workspace, others))


def downgrade() -> None:
    """They can be counted again from the rows."""
