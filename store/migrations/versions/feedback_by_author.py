"""An index to what an author wrote before."""

import sqlalchemy as sa
from alembic import op

revision = "feedback_by_author"
down_revision = "0001"
NAME = "ix_feedback_author"


def upgrade() -> None:
    named = sa.text("author_id IS NOT NULL")
    columns = ["workspace_id", "author_id", "source", "id"]
    op.create_index(NAME, "feedback", columns, sqlite_where=named, postgresql_where=named)


def downgrade() -> None:
    op.drop_index(NAME, "feedback")
