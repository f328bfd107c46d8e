"""What an adaptation was worth when it was made is kept with it."""

import sqlalchemy as sa
from alembic import op

from store.dialect import Json

revision = "adaptation_reports"
down_revision = "topics_of_a_workspace"


def upgrade() -> None:
    op.add_column("adaptations", sa.Column("reports", Json(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("adaptations", "reports")
