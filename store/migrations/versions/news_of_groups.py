"""A group of alerts keeps when its last news was told, apart from steps and repeats."""

import sqlalchemy as sa
from alembic import op

from store.dialect import UtcTime

revision = "news_of_groups"
down_revision = "recounts_of_brands"


def upgrade() -> None:
    op.add_column("alert_groups", sa.Column("news_at", UtcTime()))
    op.execute("UPDATE alert_groups SET news_at = told_at")


def downgrade() -> None:
    op.drop_column("alert_groups", "news_at")
