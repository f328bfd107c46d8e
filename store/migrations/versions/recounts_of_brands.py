"""A brand keeps which recount its query asked for last."""

import sqlalchemy as sa
from alembic import op

from store.dialect import RowId

revision = "recounts_of_brands"
down_revision = "counted_dimensions"


def upgrade() -> None:
    op.add_column("brands", sa.Column("last_touch", RowId))


def downgrade() -> None:
    op.drop_column("brands", "last_touch")
