"""A brand keeps which recount its query asked for last, and when."""

import sqlalchemy as sa
from alembic import op

from store.dialect import RowId, UtcTime

revision = "recounts_of_brands"
down_revision = "counted_dimensions"


def upgrade() -> None:
    op.add_column("brands", sa.Column("last_touch", RowId))
    op.add_column("brands", sa.Column("changed_at", UtcTime()))


def downgrade() -> None:
    op.drop_column("brands", "changed_at")
    op.drop_column("brands", "last_touch")
