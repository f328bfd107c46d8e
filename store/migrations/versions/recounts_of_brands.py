"""A brand keeps which recount its query asked for last, and when; everything is matched with brands anew."""

import sqlalchemy as sa
from alembic import op

from store.dialect import RowId, UtcTime

revision = "recounts_of_brands"
down_revision = "counted_dimensions"


def upgrade() -> None:
    """What a query finds has changed (words in Latin letters inside Japanese, Chinese, Korean and Thai text), so what is stored is counted
    again, and rules wait for it as after a new query. What was received until now was there before."""
    op.add_column("brands", sa.Column("last_touch", RowId))
    op.add_column("brands", sa.Column("changed_at", UtcTime()))
    brands = sa.table("brands", sa.column("workspace_id", RowId), sa.column("last_touch", RowId), sa.column("changed_at", UtcTime()))
    feedback = sa.table(
        "feedback", sa.column("workspace_id", RowId), sa.column("bucket", UtcTime()), sa.column("received_at", UtcTime())
    )  # fmt: skip
    touched = sa.table("touched_buckets", sa.column("id", RowId), sa.column("workspace_id", RowId), sa.column("bucket", UtcTime()))
    connection = op.get_bind()
    for workspace in connection.scalars(sa.select(brands.c.workspace_id).distinct()).all():
        mine = feedback.c.workspace_id == workspace
        every = sa.select(feedback.c.workspace_id, feedback.c.bucket).where(mine).distinct()
        connection.execute(sa.insert(touched).from_select(["workspace_id", "bucket"], every))
        values = {
            "last_touch": connection.scalar(sa.select(sa.func.max(touched.c.id)).where(touched.c.workspace_id == workspace)),
            "changed_at": connection.scalar(sa.select(sa.func.max(feedback.c.received_at, type_=UtcTime())).where(mine)),
        }
        connection.execute(sa.update(brands).where(brands.c.workspace_id == workspace).values(values))


def downgrade() -> None:
    op.drop_column("brands", "changed_at")
    op.drop_column("brands", "last_touch")
